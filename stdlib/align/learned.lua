--- What the learned judges share: options, reading labels from a model, and training with validation.
local options = require "perilune.options"
local optim = require "perilune.optim"
local fit = require "perilune.align.fit"
local batches = require "perilune.align.batch"
local dealt = require "perilune.align.batches"
local provenance = require "perilune.align.provenance"

local learned = {}

--- The options of a judge that is trained.
learned.options = options.spec("judge.training", {
  { "init", options.required "Model", "model to start from, such as the SFT model; it is copied" },
  { "data", options.required "table", "pairs to learn from" },
  { "validation", options.optional "table",
    "held-out pairs: the judge is the state with the best accuracy on them, else the last" },
  { "labels", options.required "table", "two token ids, the marks of the first and of the second response" },
  { "eos", options.integer(nil, 0), "id that closes a response" },
  optim.options,
  { "steps", 700, "optimiser steps at most", least = 1 },
  { "batch", 64, "pairs of a step", least = 1 },
  { "lr", 6e-4, "learning rate after the warm-up", least = 0 },
  { "warmup", 50, "steps of linear rise of the rate", least = 0 },
  { "evaluate_every", 100, "steps between evaluations on the validation pairs", least = 1 },
  { "patience", 5, "evaluations without a better accuracy before training ends", least = 1 },
  { "seed", 0, "seed of batches and orders" },
  { "label", "", "label of the progress bar" },
  { "quiet", false, "no progress bar" },
})

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
  if #o.labels ~= 2 then error(("%s: labels must be two label ids, got %d"):format(where, #o.labels), 3) end
  local vocab = o.init:config().vocab
  for name, id in pairs { ["labels[1]"] = o.labels[1], ["labels[2]"] = o.labels[2], eos = o.eos } do
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

--- 1, 0 or 0.5 by the sign of each difference. Equal responses tie: what a model gives a sequence has the
-- same bits whatever else is in the batch. A difference that is NaN is an error.
function learned.outcomes(name, differences)
  local outcomes = {}
  for i, d in ipairs(differences) do
    if d ~= d then
      error(("judge %s: the score of row %d is NaN: its weights are not finite"):format(name, i), 0)
    end
    outcomes[i] = d == 0 and 0.5 or d > 0 and 1 or 0
  end
  return outcomes
end

--- Trains a copy of `o.init` on `loss(model, batch, step)`, batches of the data, and returns the judge of the
-- state with the best validation accuracy, with `model`, `log` (a row an evaluation), `validation_accuracy`,
-- `status` and `trained_on`. `accuracy(judge, validation)`, the agreement on
-- pairs unless given, is a table with `mean`.
function learned.train(o, name, loss, as_judge, accuracy)
  local model = o.init:clone()
  local size = math.min(o.batch, #o.data)
  local numbers = dealt(#o.data, size, o.seed, "judge/batches")
  local best, best_accuracy, since, log = model, nil, 0, {}
  local accuracy_of = accuracy or require "perilune.align.judge".accuracy
  local loop = fit.new {
    optimizer = optim.from_options(model, o), options = o, steps = o.steps, quiet = o.quiet,
    label = o.label ~= "" and o.label or name,
    loss = function(step) return loss(model, o.data:select(numbers(step)), step):mean() end,
    after = function(step, row)
      local figures = { loss = row.loss }
      if o.validation and (step % o.evaluate_every == 0 or step == o.steps) then
        local found = accuracy_of(as_judge(model), o.validation).mean
        log[#log + 1] = { step = step, loss = row.loss, validation_accuracy = found }
        figures.accuracy = found
        if best_accuracy and found <= best_accuracy then
          since = since + 1
          return figures, since >= o.patience
        end
        best, best_accuracy, since = model:clone(), found, 0
      end
      return figures
    end,
  }
  local status, problem = loop:run()
  if status == "failed" then
    local text = type(problem) == "userdata" and problem.message or tostring(problem)
    error(("%s: %s"):format(name, text), 0)
  end
  if not best_accuracy then best = model end
  local made = as_judge(best)
  made.model, made.log, made.validation_accuracy, made.status = best, log, best_accuracy, status
  made.trained_on = o.data:has_pairs() and provenance.of(o.data) or provenance.of_rows(o.data)
  return made
end

return learned
