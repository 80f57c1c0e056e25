--- What a stage trains besides its start and its policies: judges, and starts of another size.
local attempt = require "perilune.attempt"
local errors = require "perilune.errors"
local judges = require "perilune.align.judge"
local learned = require "perilune.align.learned"
local models = require "perilune.models"
local sft = require "perilune.align.sft"

local trained = {}

--- The trainer of each kind of proxy.
trained.kinds = { preference = "preference_model", reward = "reward_model", gold = "gold" }

--- Whether a proxy is the path of a reward model.
function trained.is_path(proxy) return proxy:find("/", 1, true) ~= nil end

--- The option `run` of a training of the stage.
function trained.recorded(self, name, steps)
  local o = self.options
  return o.record and o.record(("%s of outer seed %d"):format(name, o.seed), steps)
end

--- A judge trained on pairs from the start's weights, with the task's settings.
function trained.judge(self, kind, label, data, held_out, seed, init)
  local task, o = self.task, self.options
  local given = {
    init = init or self.start, data = data, validation = held_out, labels = task.labels,
    eos = task.tokenizer.eos, label = label, seed = seed,
  }
  for name, value in pairs(task.preference.options) do given[name] = value end
  if o.judge_steps > 0 then given.steps = o.judge_steps end
  given.run = trained.recorded(self, label, given.steps or 800)
  return judges[trained.kinds[kind]](given)
end

--- The reward model of the option `proxy` that is a path, for a task of `wanted` tokens. Errors: the path has
-- no model, or one without a score head or of fewer tokens.
--
--   > local models, path = require "perilune.models", os.tmpname()
--   > local model = models.transformer { vocab = 5, dim = 4, layers = 1, heads = 1, max_length = 8 }
--   > model:score_head():save(path)
--   > trained.reward_model(path, 5):config().head
--   score
--   > model:save(path)
--   > select(2, pcall(trained.reward_model, path, 5)):sub(8 + #path)
--    has no score head; expected the path of a reward model
--   > os.remove(path)
--   true
function trained.reward_model(path, wanted, precision)
  local ok, model = attempt.call(models.load, path, { precision = precision })
  if not ok then error("proxy: " .. errors.message(model), 0) end
  if not learned.has_score_head(model) then
    error(("proxy: %s has no score head; expected the path of a reward model"):format(path), 0)
  end
  local own = model:config().vocab
  if own < wanted then
    error(("proxy: %s reads %d tokens, the task has %d: it needs the task's tokenizer"):format(
      path, own, wanted), 0)
  end
  return model
end

--- The judge of a reward model that reads the ids of the task.
function trained.from_path(self, path)
  return judges.from_model {
    model = trained.reward_model(path, self.start:config().vocab, self.options.precision),
    eos = self.task.tokenizer.eos,
  }
end

--- The kind of the learned judges: the task's, or a reward model where losses read scores.
function trained.kind(self) return self.options.scores and "reward" or self.task.preference.kind end

--- A model of other fields, fine-tuned as the start is. A task with a pretrained model has no other: nil.
function trained.other_start(self, label, model)
  local o = self.options
  if self.task.pretrained then return nil end
  local steps = o.start_steps > 0 and o.start_steps or nil
  return (sft(self.task, {
    model = model, seed = o.seed - 1, steps = steps, cache = not steps,
    run = trained.recorded(self, label, steps or 800), precision = o.precision,
  }))
end

return trained
