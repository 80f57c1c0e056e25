--- Binary classifier optimisation: a classifier of single labelled responses, with a shift of the rewards.
--
--   L = -log sigmoid(r - delta)  of a desirable response,   -w log sigmoid(delta - r)  of another
--   r = beta (log pi(y|x) - log pi_ref(y|x)), delta = the mean r of all rows of the run so far
--
-- delta has no gradient and includes the batch at hand; the run keeps it. w is 1, or with
-- `match_underlying_distribution` p / (1 - p) cut to a range, p = the column `prob_desirable`: how probable a
-- prompt is among those of desirable responses (`align.desirability` fits a classifier).
--
--   > local rows = require "perilune.align.batch".plain { lengths = { 1, 1 }, label = { 1, 0 },
--   >>   logps = T{-1, -1}, ref_logps = T{-1, -1} }
--   > local l = bco {}
--   > l:prepare(rows, { state = l:new_state() })
--   > print((l(rows)))
--   [0.6931, 0.6931]
--   [Tensor f32 2]
local loss = require "perilune.align.loss"
local tensor = require "perilune.tensor"
local unpaired = require "perilune.align.unpaired"

return loss.define {
  name = "bco", per = "row",
  paper = "Jung et al. 2024, arXiv:2404.04656, sec. 4",
  trl = "BCOTrainer (until 1.10), whose delta changes between micro-batches",
  reads = function(o)
    local names = { "logps", "ref_logps", "label", "delta" }
    if o.match_underlying_distribution then names[#names + 1] = "prob_desirable" end
    return names
  end,
  options = {
    unpaired.options,
    { "match_underlying_distribution", false, "weights of undesirable responses by their prompts" },
    { "min_density_ratio", 0.5, "least weight", least = 0 },
    { "max_density_ratio", 10.0, "largest weight", least = 0 },
  },
  check = function(o)
    if o.min_density_ratio > o.max_density_ratio then
      error(("loss.bco: min_density_ratio %s is above max_density_ratio %s"):format(
        o.min_density_ratio, o.max_density_ratio), 3)
    end
  end,
  state = function() return { mean = 0.0, count = 0 } end,
  prepare_reads = { "logps", "ref_logps" },
  prepare = function(batch, o, given)
    local r, state = o.beta * unpaired.log_ratios(batch, o), given.state
    local n = r:numel()
    state.count = state.count + n
    state.mean = state.mean + (r:mean():item() - state.mean) * n / state.count
    batch.delta = tensor.full({ n }, state.mean, r:dtype())
  end,
  loss = function(batch, o)
    local r = o.beta * unpaired.log_ratios(batch, o)
    local label = unpaired.labels(batch, r)
    local losses = -((2 * label - 1) * (r - batch.delta)):log_sigmoid()
    if not o.match_underlying_distribution then return losses, { delta = batch.delta } end
    local p = batch.prob_desirable
    local ratio = (p / (1 - p + 1e-8)):clamp(o.min_density_ratio, o.max_density_ratio)
    return (label + (1 - label) * ratio) * losses, { delta = batch.delta }
  end,
}
