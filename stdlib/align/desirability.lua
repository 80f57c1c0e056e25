--- How probable it is that a response to a prompt was labelled desirable: what BCO weights losses by.
--
--   p(x) = sigmoid(w . f(x) + b),   w, b = argmin of 1/2 |w|^2 + C sum_i s_i log(1 + exp(-y_i (w . f_i + b)))
--
-- f is the mean of the model's last hidden states over the prompt, y is 1 or -1 by the label, and s gives
-- both classes the same weight in all. This is the classifier of BCO's underlying distribution matching
-- (Jung et al. 2024, arXiv:2404.04656, sec. 4.2) with the settings of TRL: scikit-learn's logistic
-- regression with balanced classes and C = 1.
--
--   local rows = align.desirability.of(sft, rows)     -- the same rows with prob_desirable
--   align.train { loss = align.loss.bco { match_underlying_distribution = true },
--     source = align.sources.unpaired(rows), ... }
--
-- `rows` are as of sources.unpaired. Errors: there are no rows of one of the classes; the model cannot read a
-- prompt.
local options = require "perilune.options"
local logistic = require "perilune.align.logistic"
local models = require "perilune.models"
local policies = require "perilune.align.policy"
local tensor = require "perilune.tensor"

local desirability = {}

--- The mean of the last hidden states over each prompt, [n, dim] in f64.
local function features(model, prompts)
  local first, rest, owners = {}, {}, {}
  for i, prompt in ipairs(prompts) do
    first[i], rest[i] = { prompt[1] }, table.move(prompt, 2, #prompt, 1, {})
    -- The state that predicts a token is that of the token before: the last token again reads its own.
    rest[i][#prompt] = prompt[#prompt]
    for _ = 1, #prompt do owners[#owners + 1] = i end
  end
  local hidden = tensor.no_grad(function()
    return model:outputs(models.rows(first, rest), { "hidden" }).hidden
  end):to "f64"
  local sums = tensor.zeros({ #prompts, hidden:size(2) }, "f64")
  local at, counts = tensor(owners, "i64"), {}
  for i, prompt in ipairs(prompts) do counts[i] = #prompt end
  return sums:index_add(1, at, hidden) / tensor(counts, "f64"):unsqueeze(2)
end

--- Logistic regression with an intercept and balanced classes: weights [dim], then the intercept, [dim + 1].
-- `x` is [n, dim] in f64, `labels` a list of booleans, `c` the inverse of the penalty.
--
--   > local x = T({ { 0 }, { 1 }, { 2 }, { 4 } }, "f64")
--   > print(desirability.logistic(x, { false, true, false, true }, 1))
--   [0.4963, -0.8549]
--   [Tensor f64 2]
function desirability.logistic(x, labels, c)
  local n, positive, sign, weight = #labels, 0, {}, {}
  for _, label in ipairs(labels) do positive = positive + (label and 1 or 0) end
  for i, label in ipairs(labels) do
    sign[i], weight[i] = label and 1 or -1, c * n / (2 * (label and positive or n - positive))
  end
  local function column(list) return tensor(list, "f64"):unsqueeze(2) end
  local all, dim = tensor.cat({ x, tensor.ones({ n, 1 }, "f64") }, 2), x:size(2)
  -- The intercept has no penalty.
  local penalised = tensor.cat({ tensor.ones({ dim, 1 }, "f64"), tensor.zeros({ 1, 1 }, "f64") }, 1)
  local zeros = tensor.zeros({ dim + 1, 1 }, "f64")
  return logistic(column(sign) * all, column(weight), penalised, zeros):squeeze(2)
end

--- The rows with `prob_desirable`, as new tables.
--
--   > desirability.of(require "perilune.align.policy".table { contexts = { { 0 } }, vocab = 2 },
--   >>   { { prompt = { 0 }, label = true } })
--   desirability.of: 1 of 1 rows are desirable, expected rows of both classes
function desirability.of(model, rows)
  policies.check(model, "desirability.of", 2)
  if type(rows) ~= "table" then
    error("desirability.of: expected a list of rows, got " .. options.show(rows), 2)
  end
  local prompts, labels, positive = {}, {}, 0
  for i, row in ipairs(rows) do
    if type(row) ~= "table" or type(row.prompt) ~= "table" or type(row.label) ~= "boolean" then
      error(("desirability.of: row %d must have a prompt and a label, true or false"):format(i), 2)
    end
    prompts[i], labels[i], positive = row.prompt, row.label, positive + (row.label and 1 or 0)
  end
  if positive == 0 or positive == #rows then
    error(("desirability.of: %d of %d rows are desirable, expected rows of both classes"):format(
      positive, #rows), 2)
  end
  local x = features(model, prompts)
  local w = desirability.logistic(x, labels, 1)
  local dim = x:size(2)
  local logits = x:matmul(w:narrow(1, 1, dim):unsqueeze(2)):squeeze(2) + w[dim + 1]
  local found = {}
  for i, p in ipairs(logits:sigmoid():totable()) do
    found[i] = { prob_desirable = p }
    for name, value in pairs(rows[i]) do
      if name ~= "prob_desirable" then found[i][name] = value end
    end
  end
  return found
end

return options.strict("align.desirability", desirability)
