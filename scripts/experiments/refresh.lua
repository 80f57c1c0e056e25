--- How often must offline data be renewed to be as good as online data?
--
-- Tang et al. 2024 (arXiv:2405.08448) close with it: offline with a repeatedly updated stream is effectively online.
-- The policy that writes the answers is renewed every s steps: s = 1 is online, s = steps is offline on the start's
-- own answers. Lanchantin et al. 2025 (arXiv:2506.21495) did this with DPO.
--
--   perilune scripts/experiments/refresh.lua [--every 1,10,50,all] [--steps 200] [--seeds 2]
local perilune = require "perilune"
local options = perilune.options
local align, tasks, cli = perilune.align, perilune.tasks, perilune.cli
local source, judge = align.pairs, align.judge

local o = cli.parse(arg, options.spec("refresh", {
  { "task", "sentiment", "sentiment or stories" },
  { "data", "", "the file of the task, for stories" },
  { "loss", "ipo", "ipo, dpo, slic or bo2" },
  { "beta", 0.1, "strength of the regularisation", above = 0 },
  { "lr", 3e-4, "learning rate", least = 0 },
  { "steps", 200, "gradient steps of each run", least = 1, smoke = 6 },
  { "batch", 32, "pairs a step", least = 1, smoke = 8 },
  { "every", "1,10,50,all", "steps between renewals of the policy that writes", counts = true, smoke = "1,3,all" },
  { "seeds", 2, "runs of each", least = 1, smoke = 1 },
  { "prompts", 256, "prompts of the win rate and of the KL", least = 1, smoke = 16 },
  { "points", 5, "checkpoints of each run", least = 1, smoke = 2 },
  { "jobs", 0, "runs side by side; 0 for one a core", least = 0 },
  { "out", "out/refresh", "folder of the report", folder = true },
}), "refresh.lua: offline data renewed every s steps")

local task = tasks.open(o.task, { path = o.data ~= "" and o.data or nil })
local sft = align.sft(task, o.smoke and { steps = 20, cache = false } or {})
local gold = judge.gold(task)
local loss = align.loss[o.loss](o.loss == "bo2" and {} or { beta = o.beta })
local prompts = task:prompts("train", 2048)
local measure = align.measure { task = task, reference = sft, judge = gold, prompts = task:prompts("test", o.prompts) }

local runs = {}
for _, count in ipairs(cli.counts("every", o.every)) do
  local every = count == "all" and o.steps or count
  for seed = 1, o.seeds do runs[#runs + 1] = { every = every, seed = seed } end
end

local results = perilune.parallel.map(runs, function(run, report)
  local trained = align.train {
    policy = sft:clone(), reference = sft, loss = loss, steps = o.steps, lr = o.lr, warmup = o.steps // 10,
    pairs = source.refreshed { task = task, every = run.every, judge = gold, prompts = prompts, batch = o.batch, seed = run.seed },
    evaluate_every = math.max(o.steps // o.points, 1), log_every = o.steps,
    evaluate = function(policy, step)
      report(step / o.steps)
      return measure.point(policy, step)
    end,
  }
  return { points = trained.points, baseline = measure:baseline(trained.policy) }
end, { jobs = o.jobs, label = "refresh" })

-- The most online run of the first seed is what all are compared with.
local baseline = results[1].baseline
local sides, by_every = {}, {}
for i, run in ipairs(runs) do
  local side = by_every[run.every]
  if not side then
    side = { label = run.every == o.steps and "never renewed" or ("every %d"):format(run.every), by_seed = {} }
    by_every[run.every] = side
    sides[#sides + 1] = side
  end
  table.insert(side.by_seed, { measure:run(results[i].points, baseline) })
end

align.report {
  title = ("%s on %s: data renewed every s steps"):format(o.loss:upper(), task.name), sides = sides, out = o.out,
  settings = cli.settings(o, { sft = sft:hash() }),
  notes = { "Win rates are against the last checkpoint of the most often renewed run of the first seed." },
}
