--- What the learned judges share: options, reading labels from a model, and training with validation.
local errors = require "perilune.errors"
local options = require "perilune.options"
local optim = require "perilune.optim"
local fit = require "perilune.align.fit"
local batches = require "perilune.align.batch"
local dealt = require "perilune.align.batches"
local provenance = require "perilune.align.provenance"
local recorded = require "perilune.align.runs.recorded"
local models = require "perilune.models"
local plain = require "perilune.plain"
local system = require "perilune.system"
local tensor = require "perilune.tensor"

local learned = {}

--- The options of a judge that is trained.
learned.options = options.spec("judge.training", {
  { "init", options.required "Model", "model to start from, such as the SFT model; it is copied" },
  { "data", options.required "table", "pairs to learn from" },
  { "validation", options.optional "table",
    "held-out pairs: the judge is the state with the best accuracy on them, else the last" },
  { "labels", options.optional "table",
    "two token ids, the marks of the first and of the second response; a model with a score head has none" },
  { "eos", options.integer(nil, 0), "id that closes a response" },
  optim.options,
  { "steps", 700, "optimiser steps at most", least = 1 },
  { "batch", 64, "pairs of a step", least = 1 },
  { "lr", 6e-4, "learning rate after the warm-up", least = 0 },
  { "warmup", 50, "steps of linear rise of the rate", least = 0 },
  { "evaluate_every", 100, "steps between evaluations on the validation pairs", least = 1 },
  { "patience", 5, "evaluations without a better accuracy before training ends", least = 1 },
  { "seed", 0, "seed of batches and orders" },
  recorded.options,
  { "label", "", "label of the progress bar" },
  { "quiet", false, "no progress bar" },
})

--- Whether a model has a score head, which gives one number a sequence, and no head over the vocabulary.
function learned.has_score_head(model) return model:config().head == "score" end

--- Refuses labels that are not two token ids.
local function check_labels(o, where)
  if not o.labels then error(where .. ": option 'labels' is missing; expected a table", 4) end
  if #o.labels ~= 2 then error(("%s: labels must be two label ids, got %d"):format(where, #o.labels), 4) end
  if o.labels[1] == o.labels[2] then
    error(("%s: labels must be two different ids, got %s twice"):format(where, o.labels[1]), 4)
  end
end

--- Filled options with the data packed: by `pack(data, where)`, into pairs unless it is given.
function learned.checked(o, where, pack)
  local what = pack and "rows" or "pairs"
  pack = pack or batches.of_pairs
  if #o.data == 0 then error(("%s: no %s to learn from"):format(where, what), 3) end
  o.data = pack(o.data, where)
  if o.validation then
    if #o.validation == 0 then error(("%s: no validation %s"):format(where, what), 3) end
    o.validation = pack(o.validation, where .. ": validation")
  end
  local vocab, ids = o.init:config().vocab, { eos = o.eos }
  if not learned.has_score_head(o.init) then
    check_labels(o, where)
    ids["labels[1]"], ids["labels[2]"] = o.labels[1], o.labels[2]
  end
  for name, id in pairs(ids) do
    if math.type(id) ~= "integer" or id < 0 or id >= vocab then
      error(("%s: %s must be a token id of the model, 0..%d, not %s"):format(
        where, name, vocab - 1, options.show(id)), 3)
    end
  end
  return o
end

--- The logit of the first label less that of the second after each sequence of Rows, [n].
function learned.label_logit(model, labels, rows)
  local logits = model:last_logits(rows)
  -- Label ids count from 0, positions along the vocabulary from 1.
  return logits:select(2, labels[1] + 1) - logits:select(2, labels[2] + 1)
end

--- The same rows, each response closed by the id `eos` where it is not; as they are where that is nil.
--
--   > local rows = require "perilune.models".rows
--   > learned.closed(rows({ { 1 } }, { { 2 } }), 9):response(1)[2]
--   9
function learned.closed(rows, eos)
  if not eos then return rows end
  local responses = rows:responses()
  for _, response in ipairs(responses) do
    if response[#response] ~= eos then response[#response + 1] = eos end
  end
  return models.rows(rows:prompts(), responses)
end

--- 1, 0 or 0.5 by the sign of each difference. Equal responses tie: what a model gives a sequence has the
-- same bits whatever else is in the batch. A difference that is NaN is an error.
function learned.outcomes(name, differences)
  local outcomes = {}
  for i, d in ipairs(differences) do
    if d ~= d then
      error(("judge %s: the score of row %d is nan: its weights are not finite"):format(name, i), 0)
    end
    outcomes[i] = d == 0 and 0.5 or d > 0 and 1 or 0
  end
  return outcomes
end

--- A judge of a function from Rows to their rewards, a tensor [n].
--
--   > local tensor, models = require "perilune.tensor", require "perilune.models"
--   > local one = learned.of_rewards("one", function(rows) return tensor.ones { #rows } end)
--   > one:score(models.rows({ { 1 } }, { { 2 } }))[1]
--   1.0
function learned.of_rewards(name, rewards)
  local judges = require "perilune.align.judge"
  local made = judges.named { name = name }
  function made.score(_, rows)
    return tensor.no_grad(function() return rewards(rows):totable() end)
  end
  function made:prefer(first, second)
    local differences, other = self:score(first), self:score(second)
    for i, score in ipairs(other) do differences[i] = differences[i] - score end
    return learned.outcomes(name, differences)
  end
  function made:probability(first, second)
    return judges.by_differences(self:score(first), self:score(second))
  end
  return made
end

--- The best model so far as a part of a recorded run's state.
local Best = {}
Best.__index = Best

function Best:save_state(folder)
  if self.model then self.model:save(folder .. "/best.safetensors") end
end

function Best:load_state(folder)
  local path = folder .. "/best.safetensors"
  self.model = system.exists(path) and models.load(path) or nil
end

--- Where the training is recorded: its job, once `state` is what the newest checkpoint has.
local function job_of(o, name, state)
  local config = recorded.plain(o)
  config.kind, config.judge, config.init = "judge", name, o.init:hash()
  config.data = system.sha256(plain.encode { o.data.rows:prompts(), o.data.rows:responses() })
  return recorded.job(o.run, config, state)
end

--- Trains a copy of `o.init` on `loss(model, batch, step)`, batches of the data, and returns the judge of the
-- state with the best validation accuracy, with `model`, `log` (a row an evaluation), `validation_accuracy`,
-- `status` and `trained_on`. `accuracy(judge, validation)`, the agreement on
-- pairs unless given, is a table with `mean`.
function learned.train(o, name, loss, as_judge, accuracy)
  local model = o.init:clone()
  local size = math.min(o.batch, #o.data)
  local numbers = dealt(#o.data, size, o.seed, "judge/batches")
  local best, progress = setmetatable({}, Best), { since = 0, log = {} }
  local accuracy_of = accuracy or require "perilune.align.judge".accuracy
  local optimizer = optim.from_options(model, o)
  local job = o.run and job_of(o, name, {
    model = model, optimizer = optimizer, best = best, progress = progress,
  })
  local loop = fit.new {
    optimizer = optimizer, options = o, quiet = o.quiet,
    steps = progress.since < o.patience and o.steps or optimizer:steps(),
    label = o.label ~= "" and o.label or name, job = job or nil,
    loss = function(step) return loss(model, o.data:select(numbers(step)), step):mean() end,
    after = function(step, row)
      local figures = { loss = row.loss }
      if o.validation and (step % o.evaluate_every == 0 or step == o.steps) then
        local found = accuracy_of(as_judge(model), o.validation).mean
        table.insert(progress.log, { step = step, loss = row.loss, validation_accuracy = found })
        figures.accuracy = found
        if progress.best and found <= progress.best then
          progress.since = progress.since + 1
          return figures, progress.since >= o.patience
        end
        best.model, progress.best, progress.since = model:clone(), found, 0
      end
      return figures
    end,
  }
  local status, problem = loop:run()
  if status == "failed" then
    local text = ("%s: %s"):format(name, errors.message(problem))
    if errors.is_refusal(problem) then system.refused(text) end
    error(text, 0)
  end
  local kept = best.model or model
  local made = as_judge(kept)
  made.model, made.log, made.validation_accuracy, made.status = kept, progress.log, progress.best, status
  made.trained_on = o.data:has_pairs() and provenance.of(o.data) or provenance.of_rows(o.data)
  return made
end

return learned
