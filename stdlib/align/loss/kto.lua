--- Kahneman-Tversky optimisation: single responses with a label, no pairs.
--
--   L = desirable_weight (1 - sigmoid(beta (c - z)))       of a desirable response
--       undesirable_weight (1 - sigmoid(beta (z - c)))     of another
--   c = log pi(y|x) - log pi_ref(y|x),   z = max(0, mean of log pi(y'|x) - log pi_ref(y'|x)), no gradient
--
-- y' is the response of the row before, the last one's for the first row, so z estimates the KL from the
-- reference; it is of the whole batch, before its first update. A response is desirable where the column
-- `label` is 1; of a pair the chosen response is.
--
--   > local rows = require "perilune.align.batch".plain { lengths = { 1, 1 }, label = { 1, 0 },
--   >>   logps = T{-1, -1}, ref_logps = T{-1, -1}, z = { 0, 0 } }
--   > print((kto { desirable_weight = 2 }(rows)))
--   [1.0, 0.5]
--   [Tensor f32 2]
local loss = require "perilune.align.loss"
local models = require "perilune.models"
local tensor = require "perilune.tensor"
local unpaired = require "perilune.align.unpaired"

--- Each prompt with the response of the row before.
local function mismatched(rows)
  local responses = rows:responses()
  table.insert(responses, 1, table.remove(responses))
  return models.rows(rows:prompts(), responses)
end

return loss.define {
  name = "kto", per = "row",
  paper = "Ethayarajh et al. 2024, arXiv:2402.01306, eq. 7-8",
  trl = "KTOTrainer, which takes the rows in stored order: labels that come sorted give batches of one class",
  reads = { "logps", "ref_logps", "label", "z" },
  options = { unpaired.options, unpaired.weights },
  prepare = function(batch, o, given)
    if #batch.rows < 2 then error("loss.kto: z needs at least two rows in a batch, got one", 0) end
    local others = mismatched(batch.rows)
    local ratios = given.policy:logps(others) - given.reference:logps(others)
    if o.norm == "mean" then ratios = ratios / others:lengths():to(ratios:dtype()):clamp(1) end
    batch.z = tensor.full({ #batch.rows }, math.max(0, ratios:mean():item()), ratios:dtype())
  end,
  loss = function(batch, o)
    local ratios = unpaired.log_ratios(batch, o)
    local label = unpaired.labels(batch, ratios)
    local value = (2 * label - 1) * o.beta * (ratios - batch.z)
    return unpaired.weighted((-value):sigmoid(), label, o), { kl = batch.z }
  end,
}
