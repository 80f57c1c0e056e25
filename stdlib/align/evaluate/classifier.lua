--- The policy read as a classifier of pairs: log-ratios and their agreement with the order of the pairs.
local batches = require "perilune.align.batch"
local drawing = require "perilune.align.evaluate.responses"
local options = require "perilune.options"
local policies = require "perilune.align.policy"
local tensor = require "perilune.tensor"
local stats = require "perilune.align.evaluate.stats"

local evaluate = {}

--- Log-ratios log pi(y|x) - log pi_ref(y|x) of the chosen and the rejected responses: two lists, one number a
-- pair.
local function both(policy, reference, dataset, where)
  policies.check(policy, where .. ": policy", 3)
  policies.check(reference, where .. ": reference", 3)
  local rows, ratios, chosen, rejected = batches.of_pairs(dataset, where).rows, {}, {}, {}
  for part in drawing.parts(rows, 128) do
    local ratio = tensor.no_grad(function() return policy:logps(part) - reference:logps(part) end)
    table.move(ratio:totable(), 1, #part, #ratios + 1, ratios)
  end
  local n = #rows // 2
  for i, x in ipairs(ratios) do
    if x ~= x then
      error(("%s: the log-ratio of pair %d, %s, is nan"):format(
        where, (i - 1) % n + 1, i <= n and "chosen" or "rejected"), 3)
    end
    if i <= n then chosen[i] = x else rejected[i - n] = x end
  end
  return chosen, rejected
end

--- Mean log-ratio of the chosen and of the rejected responses: { chosen = { mean, se, count }, rejected = ...
-- } (Tang et al. 2024, fig. 8, bottom, shows the chosen). Errors: one is no policy; there are no pairs; a
-- log-ratio is NaN.
--
--   evaluate.log_ratios(policy, sft, dataset).chosen.mean
function evaluate.log_ratios(policy, reference, dataset)
  local chosen, rejected = both(policy, reference, dataset, "evaluate.log_ratios")
  return {
    chosen = stats.summary(chosen, "evaluate.log_ratios"),
      rejected = stats.summary(rejected, "evaluate.log_ratios"),
  }
end

--- The share of pairs whose chosen response has the larger log-ratio; a tie counts 1/2, so the reference
-- itself has 1/2: { mean, se, count }. Tang et al. 2024, sec. 5.3. Errors: one is no policy; there are no
-- pairs; a log-ratio is NaN.
--
--   evaluate.accuracy(policy, sft, dataset).mean
--
--   > local evaluate = require "perilune.align.evaluate"
--   > evaluate.accuracy(nil, nil, {})
--   evaluate.accuracy: policy: expected a Model or a table with the methods of a policy; got nil
function evaluate.accuracy(policy, reference, dataset)
  local chosen, rejected = both(policy, reference, dataset, "evaluate.accuracy")
  local right = {}
  for i, c in ipairs(chosen) do right[i] = c > rejected[i] and 1 or c < rejected[i] and 0 or 0.5 end
  return stats.summary(right, "evaluate.accuracy")
end

return options.strict("align.evaluate.classifier", evaluate)
