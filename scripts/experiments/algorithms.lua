--- Which algorithm has the highest win rate at equal divergence from the start?
--
-- Every loss of align.loss, on its own source and, where it has an offline form, on fixed data, with its
-- default options: on a task, and in a world whose answers and optimum are known, where data covers a share
-- of the answers. Each side is a loss and a way; the order is by the win rate at one KL.
--
-- By default some 25 minutes on two cores: 200 steps of each side, one repetition of the task and three of
-- the world.
--
--   perilune scripts/experiments/algorithms.lua [--losses dpo,ipo,grpo] [--task stories --data FILE]
local perilune = require "perilune"
local limits = require "perilune.options.limits"
local separated = require "perilune.options.separated"
local align, cli = perilune.align, perilune.cli
local experiment, settings = align.experiment, require "perilune.align.experiment.settings"
local of_world = require "perilune.align.experiment.world"

local o = experiment.parse(arg, "algorithms.lua: all losses at equal KL, on a task and in a world", {
  { "losses", "all", "losses of align.loss, separated by commas, or all", smoke = "dpo,bo2,grpo,gkd" },
  { "lr", "2e-4", "learning rates in the task, separated by commas; a side pools all" },
  { "steps", 200, "optimiser steps of each run", least = 1, most = limits.steps, smoke = 6 },
  { "checkpoints", "10,20,40,60,90,120,160,240,360", "steps to measure", counts = true, smoke = "3,6" },
  { "prompts", 128, "training prompts of win rate and KL", least = 1, most = limits.rows, smoke = 16 },
  { "outer_seeds", 1, "repetitions of the task's pipeline", least = 1, most = limits.repetitions },
  { "world_lr", "0.03", "learning rates in the world" },
  { "world_seeds", 3, "repetitions of the world", least = 1, most = limits.repetitions, smoke = 1 },
  { "instruments", "none", "what runs measure besides win rate and KL",
    choices = { "none", "default", "all" }, smoke = "default" },
  { "support", 0.5, "share of the world's answers that data covers", above = 0, most = 1 },
  { "out", "out/algorithms", "folder of the reports", folder = true, smoke = "out/algorithms_smoke" },
}, { "loss", "beta" })

local function names_of(text)
  if text == "all" then return align.loss.names() end
  local names, seen = {}, {}
  for name in separated(text) do
    local own = settings.loss(name).name
    if seen[own] then error(("losses has %s twice: '%s'"):format(own, text), 0) end
    names[#names + 1], seen[own] = own, true
  end
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
  for i, lr in ipairs(settings.numbers(name, text)) do
    list[i] = { lr = lr, name = "lr " .. settings.text(lr) }
  end
  return list
end

local variants = variants_of(cli.checked(names_of, o.losses))
local world_rates = cli.checked(rates, "world_lr", o.world_lr)
local task_rates = cli.checked(rates, "lr", o.lr)

--- The options of one part: its own folder, rates and repetitions.
local function part(folder, seeds)
  local own = {}
  for name, value in pairs(o) do own[name] = value end
  own.out, own.outer_seeds = o.out .. "/" .. folder, seeds
  return own
end

--- The losses in the order of their rows: { name, online, offline }, rows of the ranking or nil.
local function by_loss(ranked)
  local list, of = {}, {}
  for _, row in ipairs(ranked.rows) do
    local name, way = row.label:match "^(.*), (%a+)$"
    if not of[name] then
      of[name] = { name = name }
      list[#list + 1] = of[name]
    end
    of[name][way] = row
  end
  return list
end

--- The interval of a row at the KL of the order; nil where it does not reach it.
local function at(ranked, row)
  for k, kl in ipairs(ranked.kls) do
    if row and kl == ranked.kl then return row.at[k] or nil end
  end
end

local ways <const> = { "online", "offline" }

--- A Markdown table with a row a loss: win rates at the KL of the order, and peaks.
local function markdown(ranked)
  local lines = {
    ("| loss | online, KL %g | offline, KL %g | online, peak | offline, peak |"):format(ranked.kl, ranked.kl),
    "|---|---:|---:|---:|---:|",
  }
  local function shown(interval)
    return interval and ("%.3f [%.3f, %.3f]"):format(interval.mean, interval.low, interval.high) or ""
  end
  for _, one in ipairs(by_loss(ranked)) do
    lines[#lines + 1] = ("| `%s` | %s | %s | %s | %s |"):format(one.name, shown(at(ranked, one.online)),
      shown(at(ranked, one.offline)), one.online and ("%.3f"):format(one.online.peak.mean) or "",
      one.offline and ("%.3f"):format(one.offline.peak.mean) or "")
  end
  return table.concat(lines, "\n") .. "\n"
end

--- Two bars a loss, online and offline, at the KL of the order.
local function figure(ranked, title, best)
  local list, labels = by_loss(ranked), {}
  for i, one in ipairs(list) do labels[i] = one.name end
  local fig = perilune.plot.figure {
    title = title, ylabel = ("win rate at KL %g"):format(ranked.kl), width = 300 + 24 * #list, height = 460,
    legend = "outside",
  }
  for _, way in ipairs(ways) do
    local values, errors = {}, { lower = {}, upper = {} }
    for i, one in ipairs(list) do
      local interval = at(ranked, one[way])
      values[i] = interval and interval.mean or 0 / 0
      errors.lower[i] = interval and interval.mean - interval.low or 0
      errors.upper[i] = interval and interval.high - interval.mean or 0
    end
    fig:bars { labels = labels, values = values, errors = errors, label = way }
  end
  if best then fig:hline { y = best, label = "best possible", style = "dashed" } end
  return fig
end

--- One part: its report, `table.md` and `ranking.svg`. `best(kl)` is the highest win rate that there is.
local function run(folder, title, seeds, lrs, stage, best)
  local given = part(folder, seeds)
  local made = experiment.compare {
    title = title, options = given, variants = variants, settings = lrs, stage = stage,
    tolerant = true,
  }
  local ranked = perilune.align.evaluate.ranking.of(made.sides)
  if not ranked.kl then return end
  local most = best and best(ranked.kl)
  local text = markdown(ranked)
  if most then text = ("%s\nThe best win rate at KL %g is %.3f.\n"):format(text, ranked.kl, most) end
  perilune.system.write_file(given.out .. "/table.md", text)
  figure(ranked, title, most):save(given.out .. "/ranking.svg")
end

local function strings(seed)
  return perilune.worlds.strings {
    prompts = 4, alphabet = 3, length = 4, seed = seed, support = o.support, support_seed = seed,
  }
end

--- The highest win rate against the reference at a KL, a mean over the repetitions.
local function best(kl)
  local sum = 0
  for seed = 1, o.world_seeds do
    sum = sum + (of_world.at(of_world.frontier(strings(seed)), kl) or 0 / 0)
  end
  return sum / o.world_seeds
end

local function world_stage(_, outer)
  return of_world.stage(strings(outer), { batch = o.batch, seed = outer })
end

run("world", "all losses in a world of strings", o.world_seeds, world_rates, world_stage, best)
run("task", "all losses on " .. o.task, o.outer_seeds, task_rates)
