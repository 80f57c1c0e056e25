--- The stage of an experiment: all that its variants share, a function of one seed.
--
-- Tang et al. 2024, sec. 4: one start for both sides; a golden judge that labels the golden pairs and decides
-- every win rate; a proxy learnt from the golden pairs that labels online responses; one golden policy,
-- trained online against the golden judge with the task's own settings (`task.golden`), with which every
-- policy is compared.
local annotator = require "perilune.align.experiment.annotator"
local evaluate = require "perilune.align.evaluate"
local feeds = require "perilune.align.experiment.feeds"
local judges = require "perilune.align.judge"
local losses = require "perilune.align.loss"
local opened = require "perilune.align.experiment.opened"
local golden = require "perilune.align.experiment.golden"
local trained = require "perilune.align.experiment.trained"
local limits = require "perilune.options.limits"
local options = require "perilune.options"
local fit = require "perilune.align.fit"
local sft = require "perilune.align.sft"
local sources = require "perilune.align.sources"
local system = require "perilune.system"

local stage = {}

--- Options of a stage.
stage.options = options.spec("experiment.stage", {
  opened.options,
  options.native("models.transformer"):only { "precision" },
  { "batch", 32, "pairs or prompts of a step", least = 1, most = limits.rows, smoke = 8, pretrained = 8 },
  { "pairs", 8192, "golden pairs", least = 1, most = limits.rows, smoke = 96, pretrained = 256 },
  { "prompts", 256, "training prompts of win rate and KL",
    least = 2, most = limits.rows, smoke = 16, pretrained = 48 },
  { "gold", "task", "who decides: the task's own gold, or a model of twice the start's width that learns it, "
    .. "as the paper's golden preference model, or of its width where it is pretrained",
    choices = { "task", "model" } },
  { "proxy", "", "labels of online responses: preference or reward (a model), gold, or the path of a reward "
    .. "model, with a slash; default: the task's" },
  { "judge_steps", 0, "steps of each learned judge, at most; 0 for the task's",
    least = 0, most = limits.steps, smoke = 10 },
  { "start_steps", 0, "steps of supervised fine-tuning; 0 for the task's",
    least = 0, most = limits.steps, smoke = 20 },
  { "golden_steps", 0, "steps of the golden policy; 0 for the task's",
    least = 0, most = limits.steps, smoke = 6 },
  { "proxy_pairs", 0, "golden pairs that the proxy learns from; 0 for the task's, or all",
    least = 0, most = limits.rows },
  { "proxy_dim", 0, "width of a proxy of one layer that starts from nothing; 0 for the start's weights",
    least = 0, most = limits.width },
  annotator.options,
})

-- What the checks read of the options.
local read <const> = {
  "task", "data", "model", "lora_targets", "max_prompt", "max_response", "cost", "batch", "pairs",
  "label_temperature",
}

--- Refuses options that are no table or lack one of `names`.
local function check_there(o, names)
  local expected <const> = "expected all options, as experiment.parse gives them"
  if type(o) ~= "table" then
    error(("experiment.check: %s, not %s"):format(expected, options.show(o)), 0)
  end
  for _, name in ipairs(names) do
    if o[name] == nil then
      error(("experiment.check: option '%s' is missing; %s"):format(name, expected), 0)
    end
  end
end

--- Refuses an unknown proxy, one of a path without a reward model for the task, more pairs for the proxy than
-- there are golden ones, labels drawn by probabilities that the task's rule does not give, and what
-- `experiment.opened` refuses of the task.
--
--   > require "perilune.align.experiment.stage".check { proxy = "gould" }
--   proxy: there is no 'gould'; did you mean 'gold'?
--   > require "perilune.align.experiment.stage".check { proxy = "gold" }
--   experiment.check: option 'task' is missing; expected all options, as experiment.parse gives them
function stage.check(o)
  check_there(o, { "proxy" })
  if not trained.is_path(o.proxy) and o.proxy ~= "" and not trained.kinds[o.proxy] then
    error(("proxy: there is no '%s'; %s"):format(o.proxy, options.suggest(o.proxy, trained.kinds)), 0)
  end
  if trained.is_path(o.proxy) and not system.exists(o.proxy) then
    error(("proxy: there is no '%s'; expected the path of a reward model"):format(o.proxy), 0)
  end
  check_there(o, read)
  opened.check(o)
  if (o.proxy_pairs or 0) > (o.pairs or math.huge) then
    error(("proxy_pairs: %d are more than all %d golden pairs"):format(o.proxy_pairs, o.pairs), 0)
  end
  if trained.is_path(o.proxy) then
    trained.reward_model(o.proxy, opened.task(o), o.precision)
  end
  if o.label_temperature > 0 and o.gold == "task" then
    local task = opened.task(o)
    if task.gold_prefers then annotator.of(judges.gold(task), o, 0) end
  end
end

--- Sentences that hold for every experiment.
stage.notes = {
  "Win rate and KL are of the same responses to training prompts, as in the paper; new prompts are not "
    .. "measured.",
  "Offline runs see labels of the golden judge, online runs those of the proxy, as in the paper: a lead of "
    .. "online data is in spite of worse labels.",
  "Gradients are clipped to norm 1. Those of IPO have norms of 40 to 800 at beta 0.05 and above, so nearly "
    .. "every step is normalised and the learning rate alone sets its size.",
}

local Stage = {}
Stage.__index = Stage

--- The stage of filled options that `stage.check` has checked.
local function build(o)
  local seed = o.seed * 10000
  if o.scores and o.proxy == "preference" then
    error("proxy: a preference model gives no scores, and a loss reads them: reward or gold", 0)
  end
  local task = opened.task(o)
  local self = setmetatable({ options = o, task = task, notes = {} }, Stage)
  local steps = o.start_steps > 0 and o.start_steps or nil
  self.start = sft(task, {
    steps = steps, cache = not steps, seed = o.seed - 1, run = trained.recorded(self, "start", steps or 800),
    precision = o.precision,
  })
  local stopping
  self.golden_pairs, stopping, self.held_out = golden.pairs(self, seed)
  self.prompts = sources.prompts(self.golden_pairs)
  local faulty = annotator.of(self.gold, o, seed + 8)
  if faulty ~= self.gold then
    self.golden_pairs = sources.relabel(self.golden_pairs, faulty)
    stopping = sources.relabel(stopping, faulty)
    self.notes[#self.notes + 1] = ("labels have faults: %s."):format(faulty.name)
  end
  local kind = o.proxy ~= "" and o.proxy or trained.kind(self)
  local few = o.proxy_pairs > 0 and o.proxy_pairs or task.proxy_pairs or 0
  local function learned_proxy(label, init)
    return trained.judge(self, trained.is_path(kind) and trained.kind(self) or kind, label,
      annotator.first(self.golden_pairs, few), stopping, seed + 2, init)
  end
  self.proxy = kind == "gold" and faulty or trained.is_path(kind) and trained.from_path(self, kind)
    or learned_proxy("proxy " .. kind .. " model", annotator.small(self.start, o.proxy_dim, seed + 9))
  self.learned_proxy = kind ~= "gold" and learned_proxy or nil
  local agreement = judges.accuracy(self.proxy, self.held_out)
  self.notes[#self.notes + 1] = (
    "the proxy (%s) agrees with the golden judge on %.1f %% of %d test pairs of the start%s."):format(
    kind, 100 * agreement.mean, agreement.count, annotator.calibration(self.proxy, self.held_out))
  self.golden = golden.policy(self, seed)
  local count = task.counts and math.min(o.prompts, task.counts.train.prompts) or o.prompts
  self.test = task:prompts("train", count)
  self.baseline = evaluate.baseline(self.golden, { task = task, prompts = self.test, seed = o.seed })
  self.measure = evaluate.measure {
    task = task, reference = self.start, judge = self.gold, prompts = self.test, against = self.baseline,
    proxy = self.proxy, seed = o.seed,
  }
  local kl = evaluate.kl(self.golden, self.start, { task = task, prompts = self.test })
  self.notes[#self.notes + 1] = ("the golden policy is at a KL of %.2f nats (standard error %.2f)."):format(
    kl.mean, kl.se)
  return self
end

--- Makes the stage of one seed. It has `task`, `start`, `gold`, `golden_pairs`, `held_out` (golden pairs of
-- the test split), `proxy`, `prompts` (those of the golden pairs), `golden` (the golden policy), `test`
-- (training prompts of the measure), `baseline` (the golden policy's responses to them), `measure` (a
-- function for align.train's `evaluate`) and `notes`.
--
--   local stage = align.experiment.stage { task = "sentiment", pairs = 1024 }
--
-- `seed` (1) draws the start, the golden pairs, the proxy and the golden policy. Ctrl-C is raised: a stage is
-- whole or not there. Errors: an option is missing, unknown or out of range; the task's file cannot be read.
function stage.stage(given)
  local o = stage.spec:fill(given)
  stage.check(o)
  return fit.whole(build, o)
end

stage.spec = options.spec("experiment.stage", {
  stage.options,
  { "seed", 1, "seed of the whole stage", least = 1 },
  { "scores", false, "judges that give scores, for losses that read rewards" },
  { "task_options", options.optional "table", "options of the task itself by name, such as { most = 5 }" },
  { "made", options.optional "table", "a task that is made already, in place of `task`" },
  { "record", options.optional "function", "function(name, steps): the option `run` of a training" },
})

--- A stage of its fields, such as that of a world.
function stage.with(fields) return setmetatable(fields, Stage) end

--- The stage of repetition `outer` of a script's options, with judges that give scores where one of the
-- losses reads them; `record` as in experiment.stage.
function stage.of_options(o, outer, losses_of_runs, record)
  local given = { seed = outer, record = record, task_options = opened.of_task(o) }
  for _, loss in ipairs(losses_of_runs or {}) do
    given.scores = given.scores or feeds.needs_scores(loss)
  end
  for _, name in ipairs(stage.options:names()) do given[name] = o[name] end
  return stage.stage(given)
end

--- Fresh data of the policy for the loss of the run, labelled or scored by the proxy: a source, see
-- align.sources. `run` has `loss`, `batch` and `seed`; `more` overrides options of the source. Errors: those
-- of the source that the loss reads.
--
--   > local one = stage.with { task = { max_response = 1, stop = { 0, 1 } }, prompts = { { 0 } },
--   >>   proxy = function(_, a, b) return a[1] > b[1] end }
--   > local run = { loss = require "perilune.align.loss".ipo {}, batch = 1, seed = 1 }
--   > local start = require "perilune.align.policy".table { contexts = { { 0 } }, vocab = 2 }
--   > #one:online(run):batch(1, start, "start"), one:online(run, { lag = 4 }).options.lag
--   1	4
function Stage:online(run, more) return feeds.online(self, run, more) end

--- The golden pairs; for a loss on rewards, responses of the start that the golden judge scored: a source,
-- see align.sources. Errors: there are fewer pairs than `run.batch`.
--
--   > local pair = { prompt = { 0 }, chosen = { 1 }, rejected = { 2 } }
--   > local one = stage.with { golden_pairs = { pair, pair } }
--   > local source = one:offline { loss = require "perilune.align.loss".ipo {}, batch = 2, seed = 1 }
--   > source.kind, #source:batch(1)
--   offline	2
function Stage:offline(run) return feeds.offline(self, run) end

--- Draws what offline runs of a loss read and is not there yet: for a loss on rewards `groups`, for one on
-- triples `triples`, batches of the start's responses; for one on pairs nothing.
--
--   > local judges, losses = require "perilune.align.judge", require "perilune.align.loss"
--   > local one = stage.with { task = { max_response = 1, stop = { 0, 1 } }, prompts = { { 0 } },
--   >>   start = require "perilune.align.policy".table { contexts = { { 0 } }, vocab = 2 },
--   >>   gold = judges.from_score("id", function(_, response) return response[1] end),
--   >>   golden_pairs = { {}, {}, {}, {} }, options = { seed = 1 } }
--   > one:prepare(losses.ipo {})
--   > one.groups
--   nil
--   > one:prepare(losses.grpo {})
--   > #one.groups
--   4
function Stage:prepare(loss) feeds.prepare(self, loss) end

--- The reference of a run: the start, or the golden policy for a loss that learns from a teacher.
--
--   > local one = stage.with { start = "the start", golden = "the golden policy" }
--   > one:reference { teacher = true }, one:reference {}
--   the golden policy	the start
function Stage:reference(loss) return loss.teacher and self.golden or self.start end

--- Whether a data set has the columns that a loss reads.
local function has_columns(dataset, loss)
  for _, list in ipairs { loss.reads, loss.prepare_reads } do
    for _, name in ipairs(list) do
      if not losses.outputs[name:match "^ref_(.*)" or name] and dataset[name] == nil then return false end
    end
  end
  return true
end

--- What a run of a source measures: "none", "default" or "all" of `align.instruments`. Own responses are
-- ordered by gold. Gives the option `instruments` of align.train: false, or options by instrument.
--
--   > local one = stage.with { gold = "the golden judge", golden_pairs = "the golden pairs" }
--   > local of_run = one:instruments({}, {}, "default")
--   > of_run.classifier.judge, of_run.classifier.data, of_run.regret, one:instruments({}, {}, "none")
--   the golden judge	the golden pairs	nil	false
function Stage:instruments(run, source, which)
  if which == "none" then return false end
  local classifier = { judge = self.gold, data = not source.dataset and self.golden_pairs or nil }
  if which == "default" then return { classifier = classifier } end
  local other = source.dataset and self:online(run) or self:offline(run)
  if source.dataset then classifier.stream = other end
  local compares = not other.dataset or has_columns(other.dataset, run.loss)
  return {
    classifier = classifier, cosine = compares and { other = other } or nil,
    regret = { gold = self.gold, against = self.golden },
  }
end

-- Prompts of an estimate that places checkpoints: a sixth of a checkpoint's time at the default 256.
local probed <const> = 48

--- An estimate of KL(policy || start) in nats, of few prompts and always the same ones. Errors: those of
-- evaluate.kl.
--
--   > local policies, task = require "perilune.align.policy", { max_response = 1, stop = { 0, 1 } }
--   > local start = policies.table { contexts = { { 0 } }, vocab = 2 }
--   > local policy = policies.table { contexts = { { 0 } }, vocab = 2, logits = T{ { 0, math.log(3) } } }
--   > local one = stage.with { task = task, start = start, test = { { 0 } }, options = { seed = 1 } }
--   > one:kl(policy)  -- 1/4 log(1/2) + 3/4 log(3/2)
--   0.1308
function Stage:kl(policy)
  local prompts = table.move(self.test, 1, math.min(probed, #self.test), 1, {})
  local how = { task = self.task, prompts = prompts, seed = self.options.seed }
  return evaluate.kl(policy, self.start, how).mean
end

--- A proxy of the start's layers and this width: fine-tuned as the start is, then trained on the same pairs
-- as the stage's proxy. Errors: the stage has none that is learned, such as that of a world.
--
--   > require "perilune.align.experiment.stage".with({}):other_proxy(16)
--   experiment.stage: the labels are the golden judge's, there is no proxy to make anew
function Stage:other_proxy(width)
  if not self.learned_proxy then
    error("experiment.stage: the labels are the golden judge's, there is no proxy to make anew", 0)
  end
  local label = ("proxy of width %d"):format(width)
  local config = self.start:config()
  local start = trained.other_start(self, label .. ", start",
    { layers = config.layers, dim = width, heads = width % (2 * config.heads) == 0 and config.heads or 1,
      hidden = 8 * width // 3 })
  return self.learned_proxy(label, start)
end

--- The measure of another judge, against the start's own responses: a function(policy, step) as
-- evaluate.measure gives. Errors: those of evaluate.measure.
--
--   > local policies, tokenizer = require "perilune.align.policy", { decode = function() return "" end }
--   > local zero = policies.table { contexts = { { 0 } }, vocab = 2, logits = T{ { 99, 0 } } }
--   > local one = policies.table { contexts = { { 0 } }, vocab = 2, logits = T{ { 0, 99 } } }
--   > local task = { max_response = 1, stop = { 0, 1 }, tokenizer = tokenizer }
--   > local made = stage.with { task = task, start = zero, test = { { 0 } }, options = { seed = 1 } }
--   > local point = made:measure_by(function(_, a, b) return a[1] > b[1] end)(one, 7)
--   > point.step, point.win, point.kl
--   7	1.0	99.0
function Stage:measure_by(judge)
  local seed = self.options.seed
  local against = evaluate.baseline(self.start, { task = self.task, prompts = self.test, seed = seed })
  return evaluate.measure {
    task = self.task, reference = self.start, judge = judge, prompts = self.test, against = against,
    seed = seed,
  }
end

return stage
