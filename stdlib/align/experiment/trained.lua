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

--- The reward model of the option `proxy` that is a path, for a task. Errors: the path has no model, or one
-- without a score head, of fewer tokens, or of shorter texts.
--
--   > local models, path = require "perilune.models", os.tmpname()
--   > local task = { name = "mine", tokenizer = { vocab_size = 5 }, max_prompt = 3, max_response = 4 }
--   > local model = models.transformer { vocab = 5, dim = 4, layers = 1, heads = 1, max_length = 8 }
--   > model:score_head():save(path)
--   > trained.reward_model(path, task):config().head
--   score
--   > task.max_response = 5
--   > select(2, pcall(trained.reward_model, path, task)):sub(8 + #path)
--    reads texts of 8 tokens, a prompt and a response of mine have up to 9
--   > model:save(path)
--   > select(2, pcall(trained.reward_model, path, task)):sub(8 + #path)
--    has no score head; expected the path of a reward model
--   > os.remove(path)
--   true
function trained.reward_model(path, task, precision)
  local ok, model = attempt.call(models.load, path, { precision = precision })
  if not ok then error("proxy: " .. errors.message(model), 0) end
  if not learned.has_score_head(model) then
    error(("proxy: %s has no score head; expected the path of a reward model"):format(path), 0)
  end
  local config, vocab_size = model:config(), task.tokenizer.vocab_size
  if config.vocab < vocab_size then
    error(("proxy: %s reads %d tokens, the task has %d: it needs the task's tokenizer"):format(
      path, config.vocab, vocab_size), 0)
  end
  local longest <const> = task.max_prompt + task.max_response + 1  -- an unfinished response is closed
  if config.max_length < longest then
    error(("proxy: %s reads texts of %d tokens, a prompt and a response of %s have up to %d"):format(
      path, config.max_length, task.name, longest), 0)
  end
  return model
end

--- The judge of the reward model of a stage's option `proxy` that is a path. Errors: as above.
--
--   > local stage = { task = require "perilune.tasks".open "sentiment", options = {} }
--   > trained.from_path(stage, "/no/model")
--   proxy: cannot open /no/model: No such file or directory
function trained.from_path(self, path)
  return judges.from_model {
    model = trained.reward_model(path, self.task, self.options.precision),
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
