--- AlphaPO: SimPO with another shape of the reward.
--
--   L = -log sigmoid(beta (r_w - r_l) - simpo_gamma)
--   r = (1 - p^-alpha) / alpha, p = exp(log pi(y) / |y|)
--
-- alpha 0 is SimPO. Above 0 improbable responses are pushed down harder, below 0 less. -alpha log p is cut at
-- 80.
--
--   > local pair = { chosen = T{-2}, rejected = T{-2}, chosen_lengths = T{2}, rejected_lengths = T{1} }
--   > print((alphapo { alpha = 1, beta = 1, simpo_gamma = 0 }(pair)))
--   [0.0093]
--   [Tensor f32 1]
--   > print((alphapo { alpha = 0, beta = 1, simpo_gamma = 1 }(pair)))
--   [0.6931]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"
local free = require "perilune.align.reference_free"

return loss.define {
  name = "alphapo", norm = false,
  paper = "Gupta et al. 2025, arXiv:2501.03884, sec. 3",
  trl = "CPOTrainer's alphapo, where alpha is 0 (SimPO) and beta 0.1 unless given",
  reads = { "logps" },
  options = {
    free.options:only { "simpo_gamma" }, loss.shared.label_smoothing,
    { "alpha", 0.25, "shape of the reward; 0 is SimPO" },
    { "beta", 2.0, "scale of the reward", above = 0 },
    { "cpo_alpha", 0.0, "weight of the chosen responses' negative log-likelihood", least = 0 },
  },
  loss = function(pair, o)
    local z = o.beta * free.margin(pair, o.alpha, "mean") - o.simpo_gamma
    return free.with_likelihood(loss.shared.logistic(z, o.label_smoothing), pair, o.cpo_alpha)
  end,
}
