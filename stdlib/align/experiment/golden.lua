--- What is golden of a stage: the judge, the pairs that it labels and the policy that is trained against it.
--
-- Tang et al. 2024, arXiv:2405.08448, sec. 4: a golden preference model labels the pairs, and the golden
-- policy, trained online against it with the task's own settings (`task.golden`), is what win rates are
-- against.
local judges = require "perilune.align.judge"
local trained = require "perilune.align.experiment.trained"
local losses = require "perilune.align.loss"
local sources = require "perilune.align.sources"
local train = require "perilune.align.train"

local golden = {}

--- The start as the golden model begins: of twice the width where a larger one is asked for, unless it is a
-- pretrained model, which has no other width.
local function golden_init(self)
  if self.options.gold ~= "model" then return nil end
  if self.task.pretrained then
    self.notes[#self.notes + 1] = "the golden model has the start's width: a pretrained model has no other."
  end
  local config = self.start:config()
  return trained.other_start(self, "wide start",
    { dim = 2 * config.dim, hidden = 2 * config.hidden, heads = config.heads })
end

--- A golden model of labels, and its labels of the same pairs.
local function golden_model(self, labels, data, validation, test, seed)
  local kind = trained.kind(self)
  local label = "golden " .. kind .. " model"
  self.gold = trained.judge(self, kind, label, data, validation, seed + 1, golden_init(self))
  local agreement = judges.accuracy(self.gold, test)
  self.notes[#self.notes + 1] = (
    "the golden judge agrees with the %s on %.1f %% of %d test pairs."):format(
    labels, 100 * agreement.mean, agreement.count)
  return sources.relabel(data, self.gold), sources.relabel(validation, self.gold),
    sources.relabel(test, self.gold)
end

--- Golden pairs of a task with human labels: a golden model of those labels relabels the same pairs.
local function relabelled(self, seed)
  local task, o = self.task, self.options
  local function human(split, wanted) return task:pairs(split, math.min(wanted, task.counts[split].pairs)) end
  local few = math.min(256, o.pairs)
  local data, validation, test = human("train", o.pairs), human("validation", few), human("test", few)
  return golden_model(self, "human labels", data, validation, test, seed)
end

--- Golden pairs of a task whose gold is a rule: two responses of the start to each prompt, ordered by it, or
-- by a golden model of it.
local function sampled(self, seed)
  local task, o = self.task, self.options
  self.gold = judges.gold(task)
  local function draw(split, count, number)
    return sources.sample(self.start, {
      task = task, judge = self.gold, prompts = task:prompts(split, count), count = count, seed = number,
      label = split .. " pairs",
    })
  end
  local few = math.min(256, o.pairs)
  local data, validation, test = draw("train", o.pairs, seed + 3), draw("validation", few, seed + 4),
    draw("test", few, seed + 5)
  if o.gold == "task" then return data, validation, test end
  return golden_model(self, "task's rule", data, validation, test, seed)
end

--- Golden pairs to learn from, to stop by and to test with, of a task with a rule or with human labels; the
-- stage has its `gold` from then on.
function golden.pairs(self, seed) return (self.task.gold_pairs and relabelled or sampled)(self, seed) end

--- The golden policy, from the task's settings alone.
function golden.policy(self, seed)
  local how, o = self.task.golden, self.options
  local steps = o.golden_steps > 0 and o.golden_steps or how.steps
  return train {
    run = trained.recorded(self, "golden policy", steps),
    policy = self.start:clone(), reference = self.start, loss = losses.ipo { beta = how.beta },
    steps = steps, lr = how.lr, warmup = math.min(20, steps // 4), log_every = steps, label = "golden policy",
    instruments = false,
    source = sources.online {
      task = self.task, judge = self.gold, prompts = self.prompts, seed = seed + 6,
      batch = math.min(how.batch or 32, #self.prompts),
    },
  }.policy
end

return golden
