--- Which algorithm has the highest win rate at equal divergence from the start?
--
-- Every loss of align.loss, on its own source and, where it has an offline form, on fixed data, with its
-- default options: on a task, and in a world whose answers and optimum are known, where data covers a share
-- of the answers. Each side is a loss and a way; the order is by the win rate at one KL.
--
--   perilune scripts/experiments/algorithms.lua [--losses dpo,ipo,grpo] [--task stories --data FILE]
local perilune = require "perilune"
local align = perilune.align
local experiment, settings = align.experiment, require "perilune.align.experiment.settings"
local of_world = require "perilune.align.experiment.world"

local o = experiment.parse(arg, "algorithms.lua: all losses at equal KL, on a task and in a world", {
  { "losses", "all", "losses of align.loss, separated by commas, or all", smoke = "dpo,bo2,grpo,gkd" },
  { "lr", "5e-4", "learning rates in the task, separated by commas; a side pools all" },
  { "steps", 200, "optimiser steps of each run", least = 1, smoke = 6 },
  { "checkpoints", "10,20,40,60,90,120,160,240,360", "steps to measure", counts = true, smoke = "3,6" },
  { "prompts", 128, "training prompts of win rate and KL", least = 1, smoke = 16 },
  { "outer_seeds", 1, "repetitions of the task's pipeline", least = 1 },
  { "world_lr", "0.02", "learning rates in the world" },
  { "world_seeds", 3, "repetitions of the world", least = 1, smoke = 1 },
  { "instruments", "none", "what runs measure besides win rate and KL",
    choices = { "none", "default", "all" }, smoke = "default" },
  { "support", 0.5, "share of the world's answers that data covers", above = 0, most = 1 },
  { "out", "out/algorithms", "folder of the reports", folder = true, smoke = "out/algorithms_smoke" },
}, { "loss", "beta" })

local function names_of(text)
  if text == "all" then return align.loss.names() end
  local names = {}
  for name in text:gmatch "[^,]+" do names[#names + 1] = settings.loss(name).name end
  return names
end

--- A variant for each loss and way, with the loss's default options.
local function variants_of(names)
  local list = {}
  for _, name in ipairs(names) do
    local setting = settings.list({ loss = name, lr = "1", beta = "" })[1]
    local function loss() return setting.loss end
    list[#list + 1] = {
      label = name .. ", online", loss = loss, source = function(stage, run) return stage:online(run) end,
    }
    if setting.offline == setting.loss then
      list[#list + 1] = {
        label = name .. ", offline", loss = loss, source = function(stage, run) return stage:offline(run) end,
      }
    end
  end
  return list
end

local function rates(name, text)
  local list = {}
  for i, lr in ipairs(settings.numbers(name, text)) do list[i] = { lr = lr, name = ("lr %g"):format(lr) } end
  return list
end

local variants = variants_of(names_of(o.losses))

--- The options of one part: its own folder, rates and repetitions.
local function part(folder, seeds)
  local own = {}
  for name, value in pairs(o) do own[name] = value end
  own.out, own.outer_seeds = o.out .. "/" .. folder, seeds
  return own
end

--- A row a loss: its figures online and offline at the KL of the order, and the peaks.
local function markdown(ranked)
  local by_label, lines = {}, {
    ("| loss | online at %g nats | offline | online, peak | offline, peak |"):format(ranked.kl or 0),
    "|---|---:|---:|---:|---:|",
  }
  for _, row in ipairs(ranked.rows) do by_label[row.label] = row end
  local function figures(label)
    local row = by_label[label]
    if not row then return "", "" end
    return row.key and ("%.3f"):format(row.key) or "-", ("%.3f"):format(row.peak.mean)
  end
  for _, row in ipairs(ranked.rows) do
    local name = row.label:match "^(.*), online$"
    if name then
      local at, peak = figures(row.label)
      local offline_at, offline_peak = figures(name .. ", offline")
      lines[#lines + 1] = ("| `%s` | %s | %s | %s | %s |"):format(name, at, offline_at, peak, offline_peak)
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

local function run(folder, title, seeds, lrs, stage)
  local given = part(folder, seeds)
  local made = experiment.compare {
    title = title, options = given, variants = variants, settings = lrs, stage = stage,
  }
  if not made.ranking then return end
  perilune.system.write_file(given.out .. "/table.md", markdown(made.ranking))
  align.evaluate.ranking.figure(made.ranking, title):save(given.out .. "/ranking.svg")
end

local function strings(_, outer)
  local world = perilune.worlds.strings {
    prompts = 4, alphabet = 3, length = 4, seed = outer, support = o.support, support_seed = outer,
  }
  return of_world.stage(world, { batch = o.batch, seed = outer })
end

run("world", "all losses in a world of strings", o.world_seeds, rates("world_lr", o.world_lr), strings)
run("task", "all losses on " .. o.task, o.outer_seeds, rates("lr", o.lr))
