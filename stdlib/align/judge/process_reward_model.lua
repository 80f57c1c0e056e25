--- A process reward model: the probability that each step of a response is right, and a score from these.
--
--   loss = cross-entropy of two classes, right or wrong, after the separator of each step
--
-- It is the mean over steps. Lightman et al. 2023, arXiv:2305.20050, sec. 2. A response's score is the least
-- probability of its steps (Wang et al. 2023, arXiv:2312.08935), their product (Lightman et al., sec. 2.6),
-- their mean, or the last.
-- The two classes are the logits of two token ids, `labels`.
--
--   judge.process_reward_model {
--     init = sft, data = rows, validation = held_out, separator = { newline }, labels = { right, wrong },
--     eos = eos,
--   }
--
-- `data` has tables with `prompt`, `completions`, a list of steps, and `labels`, a boolean a step, as TRL's
-- stepwise data sets. A response is divided into its steps at the separator.
--
-- The judge has `steps(rows)`, a list of probabilities a row, `score(rows)`, `step_accuracy(data, { seen })`,
-- `model`, `trained_on`, `log` and `validation_accuracy` (of steps) and `status`. Errors: as
-- judge.preference_model; the separator is empty; a row lacks a part or has another number of labels than of
-- steps.
--
--   > local judges = require "perilune.align.judge"
--   > judges.process_reward_model {}
--   judge.process_reward_model: option 'init' is missing; expected a Model
local judges = require "perilune.align.judge"
local learned = require "perilune.align.learned"
local options = require "perilune.options"
local provenance = require "perilune.align.provenance"
local stats = require "perilune.align.evaluate.stats"
local steps = require "perilune.align.steps"
local tensor = require "perilune.tensor"

local spec = options.spec("judge.process_reward_model", {
  learned.options,
  { "data", options.required "table", "rows with steps to learn from" },
  { "validation", options.optional "table",
    "held-out rows: the judge is the state with the best accuracy on their steps, else the last" },
  { "separator", options.required "table", "token ids after each step" },
  { "aggregate", "min", "a response's score from the probabilities of its steps",
    choices = { "min", "product", "mean", "last" } },
  { "train_on_last_step_only", false, "losses of the last step of each response alone" },
})

local accuracy = options.spec("judge.step_accuracy", { provenance.options })

local aggregates = {
  min = function(values) return math.min(table.unpack(values)) end,
  product = function(values)
    local product = 1
    for _, p in ipairs(values) do product = product * p end
    return product
  end,
  mean = function(values)
    local sum = 0
    for _, p in ipairs(values) do sum = sum + p end
    return sum / #values
  end,
  last = function(values) return values[#values] end,
}

--- The logit of right less that of wrong after each step of a batch, [number of steps]; `is_read(k, count)`
-- says which steps are read.
local function step_logits(model, labels, batch, is_read)
  local places, start, lengths = {}, 0, batch.lengths:totable()
  for row, list in ipairs(batch.step_places) do
    for k, place in ipairs(list) do
      if is_read(k, #list) then places[#places + 1] = start + place end
    end
    start = start + math.tointeger(lengths[row])
  end
  local logits = model:outputs(batch.rows, { "logits" }).logits:index_select(1, tensor(places, "i64"))
  return logits:select(2, labels[1] + 1) - logits:select(2, labels[2] + 1)
end

local function every_step() return true end
local function last_step(k, count) return k == count end

--- 1 or -1 for each step that is read.
local function signs_of(batch, is_read)
  local signs = {}
  for _, labels in ipairs(batch.step_labels) do
    for k, label in ipairs(labels) do
      if is_read(k, #labels) then signs[#signs + 1] = label and 1 or -1 end
    end
  end
  return signs
end

return function(given)
  local name, where = "process reward model", "judge.process_reward_model"
  local o = spec:fill(given)
  if #o.separator == 0 then error(where .. ": the separator is empty", 2) end
  local function packed(dataset, place) return steps.of_dataset(dataset, o.separator, o.eos, place) end
  learned.checked(o, where, packed)
  local is_read = o.train_on_last_step_only and last_step or every_step
  local function as_judge(model)
    local made = judges.named { name = name }
    local function logits(batch)
      return tensor.no_grad(step_logits, model, o.labels, batch, every_step):totable()
    end
    function made.steps(_, rows)
      local list, responses = {}, rows:responses()
      for i, prompt in ipairs(rows:prompts()) do
        list[i] = { prompt = prompt, steps = steps.divided(responses[i], o.separator, o.eos) }
      end
      local found, at = {}, 0
      local values = logits(steps.batch(list, o.separator, o.eos))
      for i, one in ipairs(list) do
        found[i] = {}
        for k = 1, #one.steps do found[i][k] = 1 / (1 + math.exp(-values[at + k])) end
        at = at + #one.steps
      end
      return found
    end
    function made.score(self, rows)
      local scores = self:steps(rows)
      for i, values in ipairs(scores) do
        scores[i] = aggregates[o.aggregate](values)
        judges.check_score(name, scores[i], rows, i)
      end
      return scores
    end
    function made.prefer(self, first, second)
      return judges.by_scores(self:score(first), self:score(second))
    end
    function made.step_accuracy(self, dataset, settings)
      local seen = accuracy:fill(settings).seen
      local batch = dataset.segments and dataset or packed(dataset, where)
      batch = provenance.unseen(self, batch, seen, "judge.step_accuracy")
      local right, signs = logits(batch), signs_of(batch, every_step)
      for i, value in ipairs(right) do right[i] = value == 0 and 0.5 or value * signs[i] > 0 and 1 or 0 end
      return stats.summary(right)
    end
    return made
  end
  local function loss(model, batch)
    local signs = tensor(signs_of(batch, is_read))
    return -(step_logits(model, o.labels, batch, is_read) * signs):log_sigmoid()
  end
  return learned.train(o, name, loss, as_judge, function(made, batch) return made:step_accuracy(batch) end)
end
