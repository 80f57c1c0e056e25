--- Anchored preference optimisation of single labelled responses: KTO with z = 0.
--
--   L = w (1 - sigmoid(beta c))  of a desirable response,   w sigmoid(beta c)  of another
--
-- c = log pi(y|x) - log pi_ref(y|x). A response is desirable where the column `label` is 1; of a pair the
-- chosen response is.
--
--   > local rows = require "perilune.align.batch".plain { lengths = { 1, 1 }, label = { 1, 0 },
--   >>   logps = T{-1, -1}, ref_logps = T{-1, -1} }
--   > print((apo_zero_unpaired {}(rows)))
--   [0.5, 0.5]
--   [Tensor f32 2]
local loss = require "perilune.align.loss"
local unpaired = require "perilune.align.unpaired"

return loss.define {
  name = "apo_zero_unpaired", per = "row",
  paper = "D'Oosterlinck et al. 2024, arXiv:2408.06266, eq. 7, for single responses",
  trl = "KTOTrainer's apo_zero_unpaired",
  reads = { "logps", "ref_logps", "label" },
  options = { unpaired.options, unpaired.weights },
  loss = function(batch, o)
    local ratios = unpaired.log_ratios(batch, o)
    local label = unpaired.labels(batch, ratios)
    return unpaired.weighted((-(2 * label - 1) * o.beta * ratios):sigmoid(), label, o)
  end,
}
