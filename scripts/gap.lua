--- Does online preference optimisation beat offline at equal divergence from the start?
--
-- The first figure of Tang et al. 2024 (arXiv:2405.08448): one SFT policy, a golden judge, a proxy preference model
-- trained on golden labels; then the same loss with the same settings from the same start, online on fresh samples
-- labelled by the proxy, and offline on the golden pairs. Every point is a checkpoint: its win rate against a golden
-- policy (online against the golden judge), judged by gold, and its exact KL from the start.
--
--   perilune scripts/gap.lua                                   the embedded task, 3 seeds
--   perilune scripts/gap.lua --task stories --data FILE    stories260K.bin, with tok512.bin beside it
--   perilune scripts/gap.lua --task harmless --data FILE       human preferences, JSON lines
local perilune = require "perilune"
local align, tasks, cli = perilune.align, perilune.tasks, perilune.cli
local parallel, system = perilune.parallel, perilune.system
local source, judge, evaluate, frontier = align.pairs, align.judge, align.evaluate, align.frontier

local o = cli.parse(arg, {
  { "task", "sentiment", "sentiment, stories or harmless" },
  { "data", "", "the file of the task, for stories and harmless" },
  { "loss", "ipo", "ipo, dpo, slic or bo2" },
  { "beta", 0.1, "strength of the regularisation" },
  { "lr", 3e-4, "learning rate of the policies" },
  { "steps", 240, "gradient steps of each run" },
  { "batch", 32, "pairs a step" },
  { "seeds", 3, "runs of each side" },
  { "pairs", 8192, "golden pairs" },
  { "prompts", 512, "prompts of the win rate" },
  { "kl-prompts", 256, "prompts of the KL" },
  { "proxy", "", "who labels online answers: preference or reward (a model) or gold itself; the task's choice unless given" },
  { "judge-steps", 0, "steps of each preference or reward model, at most; 0 for the task's choice" },
  { "points", 8, "checkpoints of each run" },
  { "jobs", 0, "runs side by side; 0 for one a core" },
  { "out", "out/gap", "folder of the report" },
  { "smoke", false, "a tiny run that only shows that everything works" },
}, "gap.lua: win rate against KL, online and offline")

if o.smoke then
  o.steps, o.seeds, o.pairs, o.prompts, o["kl-prompts"], o["judge-steps"], o.points = 6, 2, 96, 32, 32, 10, 2
  o.batch = 8
end

local started = system.clock()
local function note(text, ...) io.stderr:write(("%6.1f s  "):format(system.clock() - started), text:format(...), "\n") end

-- The stage: a task, the start, the golden judge, golden pairs and the proxy trained on them.
local task = tasks.open(o.task, { path = o.data ~= "" and o.data or nil })
local sft = align.sft(task, o.smoke and { steps = 20, cache = false } or {})
local stop = task.stop
local sampling = { max_new_tokens = task.max_response, stop = stop }

local function with(more)
  local all = {}
  for name, value in pairs(sampling) do all[name] = value end
  for name, value in pairs(more) do all[name] = value end
  return all
end

local kinds = { preference = "preference_model", reward = "reward_model", gold = "gold" }

--- A judge trained on pairs from the start's weights, with the task's settings.
local function learnt(kind, label, data, held_out, seed)
  local settings = { init = sft, data = data, validation = held_out, labels = task.labels, eos = task.tokenizer.eos, label = label, seed = seed }
  for name, value in pairs(task.judge_options) do settings[name] = value end
  if o["judge-steps"] > 0 then settings.steps = o["judge-steps"] end
  return judge[kinds[kind]](settings)
end

local gold, golden_pairs, held_out
local function most(split, wanted) return task.counts and math.min(wanted, task.counts[split].prompts) or wanted end
local train_prompts = task:prompts("train", most("train", math.max(o.pairs, o.batch)))
if task.gold_pairs then
  -- The paper's own path: a golden model of the human labels relabels the same pairs.
  local human = task:pairs("train", math.min(o.pairs, task.counts.train.pairs))
  gold = learnt(task.judge_kind, "golden " .. task.judge_kind .. " model", human, task:pairs("validation", math.min(256, task.counts.validation.pairs)), 1)
  golden_pairs = source.relabel(human, gold)
  held_out = source.relabel(task:pairs("validation", math.min(256, task.counts.validation.pairs)), gold)
else
  gold = judge.gold(task)
  golden_pairs = source.sample(sft, with { judge = gold, prompts = train_prompts, count = o.pairs, label = "golden pairs" })
  held_out = source.sample(sft, with {
    judge = gold, prompts = task:prompts("validation", 256), count = o.smoke and 32 or 256, seed = 1, label = "held-out pairs",
  })
end
local proxy_kind = o.proxy ~= "" and o.proxy or task.judge_kind
if not kinds[proxy_kind] then error(("unknown proxy '%s': it takes preference, reward or gold"):format(o.proxy), 0) end
local proxy = proxy_kind == "gold" and gold or learnt(proxy_kind, "proxy " .. proxy_kind .. " model", golden_pairs, held_out, 2)
local proxy_accuracy = judge.accuracy(proxy, held_out)
note("the proxy agrees with gold on %.1f %% of %d held-out pairs", 100 * proxy_accuracy.mean, proxy_accuracy.count)

-- The runs: the golden policy, and online and offline for every seed. They differ in `pairs` only.
local test_prompts = task:prompts("test", most("test", o.prompts))
local kl_prompts = task:prompts("train", most("train", o["kl-prompts"]))
local make_loss = align.loss[o.loss] or error(("unknown loss '%s': it takes ipo, dpo, slic or bo2"):format(o.loss), 0)
local loss = make_loss(o.loss == "bo2" and {} or { beta = o.beta })

local function point(policy, step)
  local kl = evaluate.kl(policy, sft, with { prompts = kl_prompts, seed = 11 })
  return {
    step = step, kl = kl.mean, kl_se = kl.se, entropy = kl.entropy.mean,
    responses = evaluate.responses(policy, with { prompts = test_prompts, seed = 12 }),
  }
end

local function pairs_of(run)
  if run.side == "offline" then return source.offline(golden_pairs, { batch = o.batch, seed = run.seed }) end
  return source.online(with { judge = run.side == "golden" and gold or proxy, prompts = train_prompts, batch = o.batch, seed = run.seed })
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
      return point(policy, step)
    end,
  }
  return { points = trained.points, log = trained.log, reference = trained.reference_hash, start = trained.policy_hash_at_start }
end, { jobs = o.jobs, label = ("%d runs"):format(#runs) })

-- The measure: every checkpoint against the golden policy's last answers, judged by gold.
local against = results[1].points[#results[1].points].responses
local start = point(sft, 0)
local function measured(points)
  local run = {}
  for i, p in ipairs(points) do
    local compared = evaluate.compare(gold, test_prompts, p.responses, against)
    run[i] = { step = p.step, kl = p.kl, kl_se = p.kl_se, win = compared.mean, se = compared.se, wins = compared.wins, entropy = p.entropy }
  end
  return run
end

local by_side = { online = {}, offline = {} }
for i, run in ipairs(runs) do
  assert(results[i].reference == results[i].start, "the policy must start as the reference, bit for bit")
  if by_side[run.side] then
    local points = results[i].points
    table.insert(points, 1, start)
    table.insert(by_side[run.side], { measured(points) })
  end
end
note("all runs measured")

local settings = { sft = sft:hash(), ["proxy accuracy"] = ("%.3f"):format(proxy_accuracy.mean), minutes = ("%.1f"):format((system.clock() - started) / 60) }
for name, value in pairs(o) do settings["--" .. name] = value end
local golden = measured(results[1].points)
local notes = {
  ("The proxy (%s) agrees with the golden judge on %.1f %% of %d held-out pairs of the start."):format(proxy_kind, 100 * proxy_accuracy.mean, proxy_accuracy.count),
  ("The golden policy went to a KL of %.2f nats."):format(golden[#golden].kl),
}
if gold.validation_accuracy then
  notes[#notes + 1] = ("The golden judge agrees with the human labels on %.1f %% of %d validation pairs."):format(
    100 * gold.validation_accuracy, #held_out)
end
align.report {
  title = ("%s on %s: online against offline"):format(o.loss:upper(), task.name), out = o.out, settings = settings,
  sides = { { label = "online", by_seed = by_side.online }, { label = "offline", by_seed = by_side.offline } },
  notes = notes,
}
