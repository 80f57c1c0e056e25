--- Efficient exact optimisation on pairs: the reverse KL from the policy's preference to a smoothed label.
--
--   L = q log(q / (1 - e)) + (1 - q) log((1 - q) / e),   q = sigmoid(beta rho),   e = label_smoothing
--
-- rho is the difference of the log-ratios of y_w and y_l. The loss is 0 where q is 1 - e.
--
--   > local same = { chosen = T{-1}, rejected = T{-1}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(exo { label_smoothing = 0.25 }(same))
--   [0.1438]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"

return loss.define {
  name = "exo",
  paper = "Ji et al. 2024, arXiv:2402.00856, eq. 16",
  trl = "exo_pair; label_smoothing 0 is refused there too, and releases before 0.29 took 0.001 in its place",
  options = {
    loss.shared.all,
    { "label_smoothing", 1e-3, "probability that a label is wrong", above = 0, below = 0.5 },
  },
  loss = function(pair, o)
    local z, e = o.beta * loss.margin(pair, o), o.label_smoothing
    return z:sigmoid() * (z:log_sigmoid() - math.log(1 - e))
      + (-z):sigmoid() * ((-z):log_sigmoid() - math.log(e))
  end,
}
