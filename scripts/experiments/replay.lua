--- Is it the data an online run saw, or the order in which it saw them?
--
-- Tang et al. 2024 (arXiv:2405.08448), fig. 4, app. F and G. An online run is recorded token for token. The same loss is
-- then trained offline on the record: in order (which must give the online run's parameters bit for bit), and with
-- whole batches shuffled within windows of growing size, up to the whole stream: the same coverage, another order.
--
--   perilune scripts/experiments/replay.lua [--task sentiment] [--windows 1,4,50,all] [--steps 200] [--seeds 2]
local perilune = require "perilune"
local options = perilune.options
local align, tasks, cli = perilune.align, perilune.tasks, perilune.cli
local source, judge = align.pairs, align.judge

local o = cli.parse(arg, options.spec("replay", {
  { "task", "sentiment", "sentiment or stories" },
  { "data", "", "the file of the task, for stories" },
  { "beta", 0.1, "strength of the regularisation", above = 0 },
  { "lr", 3e-4, "learning rate", least = 0 },
  { "steps", 200, "gradient steps of each run", least = 1, smoke = 6 },
  { "batch", 32, "pairs a step", least = 1, smoke = 8 },
  { "windows", "1,4,50,all", "shuffle whole batches within windows of so many", counts = true, smoke = "1,all" },
  { "seeds", 2, "runs of each", least = 1, smoke = 1 },
  { "prompts", 256, "prompts of the win rate and of the KL", least = 1, smoke = 16 },
  { "points", 5, "checkpoints of each run", least = 1, smoke = 2 },
  { "jobs", 0, "seeds side by side; 0 for one a core", least = 0 },
  { "out", "out/replay", "folder of the report", folder = true },
}), "replay.lua: an online run's data in order and shuffled")

local task = tasks.open(o.task, { path = o.data ~= "" and o.data or nil })
local sft = align.sft(task, o.smoke and { steps = 20, cache = false } or {})
local gold = judge.gold(task)
local loss = align.loss.ipo { beta = o.beta }
local prompts = task:prompts("train", 2048)
local measure = align.measure { task = task, reference = sft, judge = gold, prompts = task:prompts("test", o.prompts) }

local windows = cli.counts("windows", o.windows)

local seeds = {}
for seed = 1, o.seeds do seeds[seed] = seed end

local results = perilune.parallel.map(seeds, function(seed, report)
  local done, all = 0, o.steps * (#windows + 1)
  local function train(pairs, record)
    return align.train {
      policy = sft:clone(), reference = sft, pairs = pairs, loss = loss, steps = o.steps, lr = o.lr, warmup = o.steps // 10,
      record = record, evaluate_every = math.max(o.steps // o.points, 1), log_every = o.steps,
      evaluate = function(policy, step)
        report((done + step) / all)
        return measure.point(policy, step)
      end,
    }
  end
  local online = train(source.online { task = task, judge = gold, prompts = prompts, batch = o.batch, seed = seed }, true)
  local runs = { { label = "online", points = online.points, baseline = measure:baseline(online.policy) } }
  for _, window in ipairs(windows) do
    done = done + o.steps
    local replayed = train(source.replay(online.stream, { window = window, seed = seed }))
    if window == 1 then
      assert(replayed.policy:hash() == online.policy:hash(), "replay in order must reproduce the online run bit for bit")
    end
    runs[#runs + 1] = { label = window == 1 and "in order" or ("shuffled within %s"):format(window), points = replayed.points }
  end
  return runs
end, { jobs = o.jobs, label = "replay" })

local sides = {}
for i = 1, #results[1] do
  local side = { label = results[1][i].label, by_seed = {} }
  for seed = 1, #results do
    side.by_seed[seed] = { measure:run(results[seed][i].points, results[seed][1].baseline) }
  end
  sides[i] = side
end

align.report {
  title = ("IPO on %s: an online run's data, in order and shuffled"):format(task.name), sides = sides, out = o.out,
  settings = cli.settings(o, { sft = sft:hash() }),
  notes = { "Win rates are against the last checkpoint of the online run, which trained against gold itself.",
    "The run on the record in order ended with the online run's parameters, bit for bit, in every seed." },
}
