--- Judges: who says which of two answers is better.
--
-- A judge has `name` and `prefer(prompts, a, b)`, which gives for each prompt 1 when answer `a[i]` is preferred, 0 when
-- `b[i]` is and 0.5 for a tie. A plain function (prompt, a, b) does as well: see `from_function`.
--
--   gold(task)              the task's own exact rule
--   from_score(name, f)     the answer with the larger f(prompt, answer)
--   preference_model{...}   pairwise, as in Tang et al.: reads both answers, decides by both orders
--   reward_model{...}       Bradley-Terry: scores one answer at a time
local options = require "perilune.options"
local tensor = require "perilune.tensor"
local optim = require "perilune.optim"
local system = require "perilune.system"
local progress = require "perilune.progress"
local batches = require "perilune.align.batches"
local stats = require "perilune.align.evaluate.stats"

local judge = {}

--- A judge from a function of one prompt and two answers that gives 1, 0, 0.5, or true and false.
--
-- Errors, when it is asked: the function gives something else.
--
--   > judge.from_function("shorter", function(prompt, a, b) return #a < #b end):prefer({ { 1 } }, { { 2 } }, { { 2, 3 } })[1]
--   1
function judge.from_function(name, prefers)
  return {
    name = name,
    prefer = function(_, prompts, a, b)
      local preferred = {}
      for i = 1, #prompts do
        local answer = prefers(prompts[i], a[i], b[i])
        if type(answer) == "boolean" then answer = answer and 1 or 0 end
        if type(answer) ~= "number" or not (answer >= 0 and answer <= 1) then
          error(("judge %s: expected a number from 0 to 1 or a boolean, got %s"):format(name, tostring(answer)), 2)
        end
        preferred[i] = answer
      end
      return preferred
    end,
  }
end

--- A judge from a score of one answer: the larger wins, and equal ones tie, which a function of `>` would call a loss.
--
--   > judge.from_score("shorter", function(prompt, answer) return -#answer end):prefer({ { 1 } }, { { 2 } }, { { 3 } })[1]
--   0.5
function judge.from_score(name, score)
  return judge.from_function(name, function(prompt, a, b)
    local x, y = score(prompt, a), score(prompt, b)
    return x > y and 1 or x < y and 0 or 0.5
  end)
end

--- The judge itself, or a function made into one; anything else is refused.
--
--   > judge.as_judge(function() return 0.5 end).name
--   function
function judge.as_judge(given)
  if type(given) == "function" then return judge.from_function("function", given) end
  if type(given) == "table" and type(given.prefer) == "function" then return given end
  error("expected a judge (a table with prefer, or a function of prompt and two answers), got " .. type(given), 3)
end

--- What a judge says of two answers to each prompt, checked: a judge may be anybody's.
--
--   > local judge = require "perilune.align.judge"
--   > judge.ask({ name = "mine", prefer = function() return { 2 } end }, { { 1 } }, { { 2 } }, { { 3 } })
--   judge mine: answer 1 is 2, expected a number from 0 to 1
function judge.ask(given, prompts, a, b)
  local preferred = given:prefer(prompts, a, b)
  local name = tostring(given.name or "of no name")
  if type(preferred) ~= "table" or #preferred ~= #prompts then
    local got = type(preferred) == "table" and "a list of " .. #preferred or type(preferred)
    error(("judge %s: prefer must give a list of %d numbers, one a prompt, got %s"):format(name, #prompts, got), 0)
  end
  for i, p in ipairs(preferred) do
    if type(p) ~= "number" or not (p >= 0 and p <= 1) then
      error(("judge %s: answer %d is %s, expected a number from 0 to 1"):format(name, i, tostring(p)), 0)
    end
  end
  return preferred
end

--- The task's exact rule as a judge, which also has `task`. A task without one is refused: train a preference_model on
-- its gold pairs.
--
--   judge.gold(require("perilune.tasks").sentiment())
function judge.gold(task)
  if type(task) ~= "table" then error("judge.gold: expected a task, got " .. type(task), 2) end
  if not task.gold_prefers then
    error(("judge.gold: task '%s' has no exact rule; train a preference_model on task:gold_pairs(\"train\")"):format(task.name), 2)
  end
  local gold = judge.from_function("gold " .. task.name, function(prompt, a, b) return task:gold_prefers(prompt, a, b) end)
  gold.task = task
  return gold
end

local training = {
  init = options.required("userdata"),
  data = options.required("table"),
  validation = options.optional("table"),
  labels = options.required("table"),
  eos = options.integer(nil, 0),
  steps = options.integer(700, 1),
  batch = options.integer(64, 1),
  lr = options.number(6e-4, 0),
  warmup = options.integer(50, 0),
  max_grad_norm = options.number(1.0, 0),
  evaluate_every = options.integer(100, 1),
  patience = options.integer(5, 1),
  seed = options.integer(0),
  label = options.optional("string"),
  quiet = false,
}

local function append(sequence, tokens)
  for _, id in ipairs(tokens) do sequence[#sequence + 1] = id end
end

--- prompt <a> answer <eos> [<b> answer <eos>]: each answer is marked and closed, so that the model knows which one it
-- reads and where it ends.
local function sequence(prompt, o, ...)
  local joined = {}
  append(joined, prompt)
  for i, answer in ipairs { ... } do
    joined[#joined + 1] = o.labels[i]
    append(joined, answer)
    if joined[#joined] ~= o.eos then joined[#joined + 1] = o.eos end
  end
  return joined
end

--- The logit of the first label token less that of the second after each sequence, [n]: a text-to-text head.
local function label_logit(model, labels, sequences)
  local logits = model:last_logits(sequences)
  -- Label ids are values; a position along the vocabulary is one more.
  return logits:select(2, labels[1] + 1) - logits:select(2, labels[2] + 1)
end

--- 1, 0 or 0.5 by the sign of each difference. The same tokens are a tie: what a model says of a sequence is the same to
-- the last bit whatever else is in the batch.
local function decided(differences)
  local preferred = {}
  for i, d in ipairs(differences) do preferred[i] = d == 0 and 0.5 or d > 0 and 1 or 0 end
  return preferred
end

--- The options of a judge that is to be trained, checked further.
local function checked(o, where)
  if #o.data == 0 then error(where .. ": no pairs to learn from", 3) end
  if #o.labels ~= 2 then error(("%s: labels must be two label ids, got %d"):format(where, #o.labels), 3) end
  return o
end

--- Fits a model to `loss(model, batch, step)` on pairs and keeps the state of the best validation accuracy.
local function fit(o, name, loss, as_judge)
  local model = o.init:clone()
  local optimizer = optim.adamw(model, { lr = o.lr })
  local dealt = batches(o.data, math.min(o.batch, #o.data), o.seed, "judge/batches")
  local best, best_accuracy, since = model, nil, 0
  local bar = progress.start { label = o.label or name, total = o.steps, quiet = o.quiet }
  local log = {}
  for step = 1, o.steps do
    local batch = dealt(step)
    local value = loss(model, batch, step):mean()
    optimizer:zero_grad()
    value:backward()
    local norm, shown = optim.clip_grad_norm(model, o.max_grad_norm > 0 and o.max_grad_norm or nil), { loss = value:item() }
    if shown.loss ~= shown.loss or norm ~= norm or norm == math.huge then
      error(("%s: step %d: loss %s, gradient norm %s"):format(name, step, shown.loss, norm), 3)
    end
    optimizer:step { lr = optim.schedule { lr = o.lr, warmup = o.warmup, steps = o.steps }(step) }
    if o.validation and (step % o.evaluate_every == 0 or step == o.steps) then
      local accuracy = judge.accuracy(as_judge(model), o.validation).mean
      log[#log + 1] = { step = step, loss = shown.loss, validation_accuracy = accuracy }
      shown.accuracy = accuracy
      if not best_accuracy or accuracy > best_accuracy then
        best, best_accuracy, since = model:clone(), accuracy, 0
      else
        since = since + 1
        if since >= o.patience then break end
      end
    end
    bar:update(step, shown)
  end
  bar:finish()
  if not o.validation then best = model end
  local made = as_judge(best)
  made.model, made.log, made.validation_accuracy = best, log, best_accuracy
  return made
end

--- A pairwise preference model, from an SFT model: trained on each pair in a random order to say which answer is the
-- better, and asked in both orders.
--
--   r(x, y1, y2) = sigmoid(logit);  loss = -1/2 log r(x, y_w, y_l) - 1/2 log(1 - r(x, y_l, y_w))
--   prefer y1 iff r(x, y1, y2) > r(x, y2, y1)
--
-- Tang et al. 2024, arXiv:2405.08448, eq. 5 and sec. 4: deciding by both orders removes what is left of a bias for a
-- position, which online training would exploit.
--
--   judge.preference_model { init = sft, data = pairs, validation = held_out, labels = task.labels, eos = task.tokenizer.eos }
--
--   init                  needed: a Model to start from, such as the SFT model; it is copied
--   data                  needed: a list of pairs
--   validation = nil      held-out pairs: the state with the best accuracy on them is kept, else the last
--   labels                needed: two token ids, the marks of the first and of the second answer
--   eos                   needed: the id that closes an answer
--   steps = 700           optimiser steps at most
--   batch = 64            pairs of a step
--   lr = 6e-4             learning rate after warm-up
--   warmup = 50           steps of linear rise
--   max_grad_norm = 1.0   the gradient is scaled to at most this norm; 0 leaves it
--   evaluate_every = 100  steps between looks at the validation pairs
--   patience = 5          looks without a better accuracy before it ends
--   seed = 0              of batches and orders
--   label = nil           words of the progress bar
--   quiet = false         no progress bar
--
-- The judge also has `model`, `log` (a row a look) and `validation_accuracy`. Errors: a needed option is missing, one is
-- unknown or out of range; there are no pairs; labels are not two; a loss or gradient is not finite.
function judge.preference_model(given)
  local o = checked(options.fill(training, given or {}, "judge.preference_model"), "judge.preference_model")
  local function as_judge(model)
    return {
      name = "preference model",
      prefer = function(_, prompts, a, b)
        local forward, backward = {}, {}
        for i = 1, #prompts do
          forward[i] = sequence(prompts[i], o, a[i], b[i])
          backward[i] = sequence(prompts[i], o, b[i], a[i])
        end
        local difference = tensor.no_grad(function()
          return (label_logit(model, o.labels, forward) - label_logit(model, o.labels, backward)):totable()
        end)
        return decided(difference)
      end,
    }
  end
  local function loss(model, batch, step)
    local sequences, signs = {}, {}
    for i, pair in ipairs(batch) do
      local swapped = system.uniform(o.seed, "judge/order", step * o.batch + i) < 0.5
      local first, second = pair.chosen, pair.rejected
      if swapped then first, second = second, first end
      sequences[i] = sequence(pair.prompt, o, first, second)
      signs[i] = swapped and -1 or 1
    end
    return -(label_logit(model, o.labels, sequences) * tensor(signs)):log_sigmoid()
  end
  return fit(o, "preference model", loss, as_judge)
end

--- A Bradley-Terry reward model: one number an answer, and the larger wins.
--
--   loss = -log sigmoid(r(x, y_w) - r(x, y_l))
--
-- Christiano et al. 2017, arXiv:1706.03741, eq. 1; Ouyang et al. 2022, arXiv:2203.02155, eq. 1. The judge also has
-- `score(prompts, answers)`, a list of numbers.
--
--   judge.reward_model { init = sft, data = pairs, labels = task.labels, eos = task.tokenizer.eos }
--
--   init                  needed: a Model to start from, such as the SFT model; it is copied
--   data                  needed: a list of pairs
--   validation = nil      held-out pairs: the state with the best accuracy on them is kept, else the last
--   labels                needed: two token ids, the marks of the first and of the second answer
--   eos                   needed: the id that closes an answer
--   steps = 700           optimiser steps at most
--   batch = 64            pairs of a step
--   lr = 6e-4             learning rate after warm-up
--   warmup = 50           steps of linear rise
--   max_grad_norm = 1.0   the gradient is scaled to at most this norm; 0 leaves it
--   evaluate_every = 100  steps between looks at the validation pairs
--   patience = 5          looks without a better accuracy before it ends
--   seed = 0              of batches and orders
--   label = nil           words of the progress bar
--   quiet = false         no progress bar
--
-- The judge also has `model`, `log` (a row a look) and `validation_accuracy`. Errors: a needed option is missing, one is
-- unknown or out of range; there are no pairs; labels are not two; a loss or gradient is not finite.
function judge.reward_model(given)
  local o = checked(options.fill(training, given or {}, "judge.reward_model"), "judge.reward_model")
  local function rewards(model, prompts, answers)
    local sequences = {}
    for i = 1, #prompts do sequences[i] = sequence(prompts[i], o, answers[i]) end
    return label_logit(model, o.labels, sequences)
  end
  local function as_judge(model)
    return {
      name = "reward model",
      score = function(_, prompts, answers)
        return tensor.no_grad(function() return rewards(model, prompts, answers):totable() end)
      end,
      prefer = function(self, prompts, a, b)
        local difference, other = self:score(prompts, a), self:score(prompts, b)
        for i, score in ipairs(other) do difference[i] = difference[i] - score end
        return decided(difference)
      end,
    }
  end
  local function loss(model, batch)
    local prompts, chosen, rejected = {}, {}, {}
    for i, pair in ipairs(batch) do prompts[i], chosen[i], rejected[i] = pair.prompt, pair.chosen, pair.rejected end
    return -(rewards(model, prompts, chosen) - rewards(model, prompts, rejected)):log_sigmoid()
  end
  return fit(o, "reward model", loss, as_judge)
end

--- How often a judge agrees with the order of pairs: { mean, se, count }, se the binomial standard error. A tie counts 1/2.
--
--   > judge.accuracy(function(prompt, a, b) return #a < #b end, { { prompt = { 1 }, chosen = { 2 }, rejected = { 2, 3 } } }).mean
--   1.0
function judge.accuracy(given, dataset)
  given = judge.as_judge(given)
  local agreed = {}
  for start = 1, #dataset, 64 do
    local prompts, chosen, rejected = {}, {}, {}
    for i = start, math.min(start + 63, #dataset) do
      local pair = dataset[i]
      prompts[#prompts + 1], chosen[#chosen + 1], rejected[#rejected + 1] = pair.prompt, pair.chosen, pair.rejected
    end
    for _, preferred in ipairs(judge.ask(given, prompts, chosen, rejected)) do agreed[#agreed + 1] = preferred end
  end
  return stats.summary(agreed)
end

return require "perilune.options".strict("align.judge", judge)
