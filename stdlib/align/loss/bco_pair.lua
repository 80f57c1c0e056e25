--- Binary classifier optimisation on pairs: the reward of y_w is above a threshold, that of y_l below.
--
--   L = -log s(beta c - delta) - log s(-(beta r - delta)),   s the sigmoid
--
-- c and r are log pi - log pi_ref of y_w and of y_l. With `shift = "running"` delta is the mean of the
-- rewards beta c and beta r over the batches so far, the present one included, each batch one sample; it is a
-- statistic of the run, computed before the first update on a batch. With "none" it is 0.
--
--   > local same = { chosen = T{-1}, rejected = T{-1}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(bco_pair { shift = "none" }(same))
--   [1.3863]
--   [Tensor f32 1]
local tensor = require "perilune.tensor"
local loss = require "perilune.align.loss"

return loss.define {
  name = "bco_pair",
  paper = "Jung et al. 2024, arXiv:2404.04656, sec. 4",
  trl = "bco_pair; shift = \"running\" until 0.28, with the mean in float32, and \"none\" since 0.29",
  options = {
    loss.shared.plain,
    { "shift", "running", "threshold of the rewards: their running mean, or 0",
      choices = { "running", "none" } },
  },
  reads = function(o)
    return o.shift == "none" and { "logps", "ref_logps" } or { "logps", "ref_logps", "delta" }
  end,
  prepare_reads = function(o) return o.shift == "none" and {} or { "logps", "ref_logps" } end,
  state = function() return { mean = 0.0, count = 0 } end,
  prepare = function(batch, o, models)
    if o.shift == "none" then return end
    local c, r = loss.log_ratios(batch, o)
    local state, reward = models.state, o.beta * (c:mean():item() + r:mean():item()) / 2
    state.count = state.count + 1
    state.mean = state.mean + (reward - state.mean) / state.count
    batch.delta = tensor.full({ 2 * #batch }, state.mean, c:dtype())
  end,
  loss = function(pair, o)
    local c, r = loss.log_ratios(pair, o)
    c, r = o.beta * c, o.beta * r
    if o.shift == "none" then return -c:log_sigmoid() - (-r):log_sigmoid() end
    local delta = pair:halves(pair.delta)
    return -(c - delta):log_sigmoid() - (delta - r):log_sigmoid(), { delta = delta }
  end,
}
