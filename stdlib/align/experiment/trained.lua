--- What a stage trains besides its start and its policies: judges, and starts of another size.
local judges = require "perilune.align.judge"
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

--- The judge of a reward model that reads the ids of the task.
function trained.from_path(self, path)
  local model = models.load(path, { precision = self.options.precision })
  local made = judges.from_model { model = model, eos = self.task.tokenizer.eos }
  local own, wanted = made.model:config().vocab, self.start:config().vocab
  if own < wanted then
    error(("proxy: %s reads %d tokens, the task has %d: it needs the task's tokenizer"):format(
      path, own, wanted), 0)
  end
  return made
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
