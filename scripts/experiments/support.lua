--- How much of the answers must data cover, and what does online training gain where it does not?
--
-- Worlds whose optimum is known: the distance from it is exact, a sum over all answers. Offline, pairs are of
-- the reference on a share of the answers to each prompt, the support; online, both answers are the policy's.
-- Both sides have equally many labels, drawn from p(y > y'), so that the optimum of DPO is the same,
-- pi_ref exp(r / beta). Song et al. 2024, arXiv:2406.01462, say what DPO needs to be covered; Tang et al.
-- 2024, arXiv:2405.08448, sec. 5.1, that coverage is not the whole of the gap. A table of logits leaves
-- answers without data where they are, a policy that is linear in features moves them (Xu et al. 2024,
-- arXiv:2404.10719, table 1).
--
--   perilune scripts/experiments/support.lua [--worlds tabular,linear,strings] [--loss dpo] [--seeds 5]
local perilune = require "perilune"
local cli, options, plot, worlds = perilune.cli, perilune.options, perilune.plot, perilune.worlds
local align, system = perilune.align, perilune.system
local record = require "perilune.align.experiment.record"
local key_of = require "perilune.align.experiment.results".key
local settings = require "perilune.align.experiment.settings"
local stats = require "perilune.align.evaluate.stats"

local o = cli.parse(arg, options.spec("support", {
  { "worlds", "tabular,linear", "worlds, separated by commas: tabular, linear, bandit, strings" },
  { "support", "0.25,0.5,0.75,1", "shares of the answers that offline data covers, separated by commas",
    smoke = "0.5,1" },
  { "loss", "dpo", "a loss on pairs; the distance is from the optimum of dpo whatever the loss",
    options_of = function(name) return settings.loss(name).spec end },
  { "beta", 0.5, "strength of the regularisation, of the loss and of the optimum", above = 0 },
  { "lr", 0.05, "learning rate of both sides, which falls to 0", above = 0 },
  { "steps", 400, "optimiser steps of each run", least = 2, smoke = 10 },
  { "batch", 32, "pairs of a step; offline data has steps x batch pairs, each seen once", least = 1 },
  { "seeds", 8, "worlds of each kind: rewards, reference, covered answers and labels", least = 1, smoke = 2 },
  { "jobs", 0, "runs at the same time; 0 for one a core", least = 0 },
  { "out", "out/support", "folder of the report", folder = true, smoke = "out/support_smoke" },
}), "support.lua: distance from the optimum against the support of offline data")

local known = { "bandit", "linear", "strings", "tabular" }
for name in o.worlds:gmatch "[^,]+" do
  if not (" " .. table.concat(known, " ") .. " "):find(" " .. name .. " ", 1, true) then
    cli.refuse("--worlds has no '%s'; %s", name, options.suggest(name, known))
  end
end

local started = system.clock()
local run_key = key_of("support", o)
local recorded = record.new(o.out .. "/runs", "support", run_key)
local supports = settings.numbers("support", o.support)

--- The source of a run: on a data set of the world, or of the policy's own answers.
local function source_of(world, side, seed)
  if side == "offline" then
    local pairs_drawn = world:pairs { count = o.steps * o.batch, seed = seed }
    return align.sources.offline(pairs_drawn, { batch = o.batch, seed = seed })
  end
  local prompts = {}
  for i = 1, o.batch do prompts[i] = world.prompts[(i - 1) % #world.prompts + 1] end
  return align.sources.online {
    task = world, judge = world:judge { labels = "drawn", seed = seed }, prompts = prompts, batch = o.batch,
    seed = seed,
  }
end

--- The loss with the options of the command line.
local function loss_of()
  return settings.list { loss = o.loss, lr = tostring(o.lr), beta = tostring(o.beta) }[1].loss
end

local function name_of(job)
  return ("%s, %s, support %g, seed %d"):format(job.world, job.side, job.support, job.seed)
end

--- Trains one run; gives its distances at the end, and the smallest distance of any step measured.
local function work(job, notify)
  local world = worlds[job.world] { seed = job.seed, support = job.support, support_seed = job.seed }
  local points = world:check({
    run = recorded(name_of(job), o.steps, job), loss = loss_of(),
    source = source_of(world, job.side, job.seed), steps = o.steps, lr = o.lr,
    decay = "linear", log_every = o.steps,
  }, { optimum = "reward", beta = o.beta, evaluate_every = math.max(1, o.steps // 20), quiet = true })
  local last, best = points[#points], math.huge
  for _, point in ipairs(points) do best = math.min(best, point.kl_to_optimum) end
  notify(1)
  last.best, last.start = best, points[1].kl_to_optimum
  return last
end

local jobs = {}
for name in o.worlds:gmatch "[^,]+" do
  for seed = 1, o.seeds do
    -- Online runs do not depend on the support of data.
    jobs[#jobs + 1] = { world = name, side = "online", support = 1, seed = seed }
    for _, support in ipairs(supports) do
      jobs[#jobs + 1] = { world = name, side = "offline", support = support, seed = seed }
    end
  end
end
local results = perilune.parallel.map(jobs, work, { jobs = o.jobs, label = "support" })

--- The mean and standard error of a figure over seeds.
local function summary(name, side, support, key)
  local values = {}
  for i, job in ipairs(jobs) do
    if job.world == name and job.side == side and job.support == support then
      values[#values + 1] = results[i][key]
    end
  end
  return stats.summary(values)
end

local function shown(s)
  return s.count > 1 and ("%.3f ± %.3f"):format(s.mean, s.se) or ("%.3f"):format(s.mean)
end

local page = perilune.report.new { title = "Support: what offline data must cover" }
page:text(("%s, beta %g, %d steps of %d pairs, %d seeds; means ± standard errors. "
  .. "The distance is KL(pi || pi*) in nats: the regret of the regularised reward, over beta."):format(
  o.loss, o.beta, o.steps, o.batch, o.seeds))
local names = {}
for i, job in ipairs(jobs) do names[i] = name_of(job) end
page:text(record.note(o.out .. "/runs", "support", run_key, names))
local columns = { "kl_to_optimum", "best", "win", "kl", "unseen" }
local header = {
  "side", "support", "distance at the end", "least distance", "win rate", "KL from the start", "unseen mass",
}

for name in o.worlds:gmatch "[^,]+" do
  local rows, lines = {}, { online = {}, offline = {} }
  for _, side in ipairs { "online", "offline" } do
    for i, support in ipairs(supports) do
      local at = side == "online" and 1 or support
      local s = summary(name, side, at, "kl_to_optimum")
      lines[side][i] = { s.mean, s.count > 1 and s.se or 0 }
      if side == "offline" or i == 1 then
        local row = { side, side == "online" and "-" or support }
        for _, key in ipairs(columns) do row[#row + 1] = shown(summary(name, side, at, key)) end
        rows[#rows + 1] = row
      end
    end
  end
  local figure = plot.figure {
    title = ("%s: distance from the optimum"):format(name), xlabel = "share of the answers that data covers",
    ylabel = "KL(pi || pi*), nats", note = ("start: %.2f"):format(summary(name, "online", 1, "start").mean),
  }
  for _, side in ipairs { "online", "offline" } do
    local y, err = {}, {}
    for i, pair in ipairs(lines[side]) do y[i], err[i] = pair[1], pair[2] end
    figure:errorbar { x = supports, y = y, yerr = err, label = side }
  end
  figure:save(("%s/support-%s.svg"):format(o.out, name))
  page:heading(name):figure(figure, "Mean and standard error over seeds; online runs use no data set.")
  page:table { header = header, rows = rows, caption = name }
  print(figure)
  -- The sign ± has two bytes.
  print(("%-8s %-8s %-19s %-15s %-15s %-18s %s"):format(table.unpack(header)))
  for _, row in ipairs(rows) do print(("%-8s %-8s %-20s %-16s %-16s %-19s %s"):format(table.unpack(row))) end
end
page:footer(("%.0f s"):format(system.clock() - started))
page:save(o.out .. "/report.html")
print(("%s/report.html, %.0f s"):format(o.out, system.clock() - started))
