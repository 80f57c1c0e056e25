--- Does online preference optimisation beat offline at equal divergence from the start?
--
-- The first figure of Tang et al. 2024 (arXiv:2405.08448): one SFT policy, a golden judge, a proxy preference model
-- trained on golden labels; then the same loss with the same settings from the same start, online on fresh samples
-- labelled by the proxy, and offline on the golden pairs. Every point is a checkpoint: its win rate against a golden
-- policy (online against the golden judge), judged by gold, and its exact KL from the start.
--
--   perilune scripts/experiments/gap.lua                                   the embedded task, 3 seeds
--   perilune scripts/experiments/gap.lua --task stories --data FILE    stories260K.bin, with tok512.bin beside it
--   perilune scripts/experiments/gap.lua --task harmless --data FILE       human preferences, JSON lines
local perilune = require "perilune"
local options = perilune.options
local align, tasks, cli = perilune.align, perilune.tasks, perilune.cli
local parallel, system = perilune.parallel, perilune.system
local source, judge = align.pairs, align.judge

local o = cli.parse(arg, options.spec("gap", {
  { "task", "sentiment", "sentiment, stories or harmless" },
  { "data", "", "the file of the task, for stories and harmless" },
  { "loss", "ipo", "ipo, dpo, slic or bo2" },
  { "beta", 0.1, "strength of the regularisation", above = 0 },
  { "lr", 1e-3, "learning rate of the policies", least = 0 },
  { "steps", 240, "gradient steps of each run", least = 1, smoke = 6 },
  { "batch", 32, "pairs a step", least = 1, smoke = 8 },
  { "seeds", 3, "runs of each side", least = 1, smoke = 2 },
  { "pairs", 8192, "golden pairs", least = 1, smoke = 96 },
  { "prompts", 512, "prompts of the win rate", least = 1, smoke = 32 },
  { "kl_prompts", 256, "prompts of the KL", least = 1, smoke = 32 },
  { "proxy", "", "who labels online answers: preference or reward (a model) or gold itself; the task's choice unless given" },
  { "judge_steps", 0, "steps of each preference or reward model, at most; 0 for the task's choice", least = 0, smoke = 10 },
  { "points", 8, "checkpoints of each run", least = 1, smoke = 2 },
  { "jobs", 0, "runs side by side; 0 for one a core", least = 0 },
  { "out", "out/gap", "folder of the report", folder = true },
}), "gap.lua: win rate against KL, online and offline")

if o.batch > o.pairs then
  io.stderr:write(("--batch %d is more than all of --pairs %d\n"):format(o.batch, o.pairs))
  os.exit(1)
end

local started = system.clock()
local function note(text, ...) io.stderr:write(("%6.1f s  "):format(system.clock() - started), text:format(...), "\n") end

-- The stage: a task, the start, the golden judge, golden pairs and the proxy trained on them.
local task = tasks.open(o.task, { path = o.data ~= "" and o.data or nil })
local sft = align.sft(task, o.smoke and { steps = 20, cache = false } or {})

local kinds = { preference = "preference_model", reward = "reward_model", gold = "gold" }

--- A judge trained on pairs from the start's weights, with the task's settings.
local function learnt(kind, label, data, held_out, seed)
  local settings = { init = sft, data = data, validation = held_out, labels = task.labels, eos = task.tokenizer.eos, label = label, seed = seed }
  for name, value in pairs(task.judge_options) do settings[name] = value end
  if o.judge_steps > 0 then settings.steps = o.judge_steps end
  return judge[kinds[kind]](settings)
end

-- Pairs held out for two ends that must not share them: to stop the training of a judge, and to say how good it is.
local gold, golden_pairs, stopping, held_out
local function most(split, wanted) return task.counts and math.min(wanted, task.counts[split].prompts) or wanted end
if task.gold_pairs then
  -- The paper's own path: a golden model of the human labels relabels the same pairs.
  local function human(split, wanted) return task:pairs(split, math.min(wanted, task.counts[split].pairs)) end
  local train, validation, test = human("train", o.pairs), human("validation", 256), human("test", 256)
  gold = learnt(task.judge_kind, "golden " .. task.judge_kind .. " model", train, validation, 1)
  gold.human = judge.accuracy(gold, test)
  golden_pairs, stopping, held_out = source.relabel(train, gold), source.relabel(validation, gold), source.relabel(test, gold)
else
  gold = judge.gold(task)
  local function sampled(split, count, seed)
    return source.sample(sft, { task = task, judge = gold, prompts = task:prompts(split, count), count = count, seed = seed, label = split .. " pairs" })
  end
  local few = o.smoke and 32 or 256
  golden_pairs, stopping, held_out = sampled("train", o.pairs, 1000), sampled("validation", few, 1001), sampled("test", few, 1002)
end
local golden_prompts = source.prompts(golden_pairs)
local proxy_kind = o.proxy ~= "" and o.proxy or task.judge_kind
if not kinds[proxy_kind] then error(("unknown proxy '%s': it takes preference, reward or gold"):format(o.proxy), 0) end
local proxy = proxy_kind == "gold" and gold or learnt(proxy_kind, "proxy " .. proxy_kind .. " model", golden_pairs, stopping, 2)
local proxy_accuracy = judge.accuracy(proxy, held_out)
note("the proxy agrees with gold on %.1f %% of %d held-out pairs", 100 * proxy_accuracy.mean, proxy_accuracy.count)

-- The runs: the golden policy, and online and offline for every seed. They differ in `pairs` only.
local measure = align.measure {
  task = task, reference = sft, judge = gold, prompts = task:prompts("test", most("test", o.prompts)),
  kl_prompts = task:prompts("train", most("train", o.kl_prompts)),
}
local make_loss = align.loss[o.loss] or error(("unknown loss '%s': it takes ipo, dpo, slic or bo2"):format(o.loss), 0)
local loss = make_loss(o.loss == "bo2" and {} or { beta = o.beta })

local function pairs_of(run)
  if run.side == "offline" then return source.offline(golden_pairs, { batch = o.batch, seed = run.seed }) end
  return source.online {
    task = task, judge = run.side == "golden" and gold or proxy, prompts = golden_prompts, batch = o.batch, seed = run.seed,
  }
end

local runs = { { side = "golden", seed = 100 } }
for seed = 1, o.seeds do
  for _, side in ipairs { "online", "offline" } do runs[#runs + 1] = { side = side, seed = seed } end
end

local results = parallel.map(runs, function(run, report)
  local every = math.max(o.steps // o.points, 1)
  local trained = align.train {
    policy = sft:clone(), reference = sft, pairs = pairs_of(run), loss = loss, steps = o.steps, lr = o.lr,
    warmup = math.min(20, o.steps // 4), label = run.side, log_every = every, evaluate_every = every,
    evaluate = function(policy, step)
      report(step / o.steps)
      return measure.point(policy, step)
    end,
  }
  return {
    points = trained.points, log = trained.log, reference = trained.reference_hash, start = trained.policy_hash_at_start,
    baseline = run.side == "golden" and measure:baseline(trained.policy) or nil,
  }
end, { jobs = o.jobs, label = ("%d runs"):format(#runs) })

-- The measure: every checkpoint against answers of the golden policy's end, judged by gold.
local baseline = results[1].baseline
local by_side = { online = {}, offline = {} }
for i, run in ipairs(runs) do
  assert(results[i].reference == results[i].start, "the policy must start as the reference, bit for bit")
  if by_side[run.side] then
    table.insert(by_side[run.side], { measure:run(results[i].points, baseline) })
  end
end
note("all runs measured")

local settings = cli.settings(o, {
  sft = sft:hash(), ["proxy accuracy"] = ("%.3f"):format(proxy_accuracy.mean), minutes = ("%.1f"):format((system.clock() - started) / 60),
})
local golden = results[1].points
local notes = {
  ("The proxy (%s) agrees with the golden judge on %.1f %% of %d held-out pairs of the start."):format(proxy_kind, 100 * proxy_accuracy.mean, proxy_accuracy.count),
  ("The golden policy went to a KL of %.2f nats."):format(golden[#golden].kl),
}
if gold.human then
  notes[#notes + 1] = ("The golden judge agrees with the human labels on %.1f %% of %d pairs of the test split."):format(
    100 * gold.human.mean, gold.human.count)
end
align.report {
  title = ("%s on %s: online against offline"):format(o.loss:upper(), task.name), out = o.out, settings = settings,
  sides = { { label = "online", by_seed = by_side.online }, { label = "offline", by_seed = by_side.offline } },
  notes = notes,
}
