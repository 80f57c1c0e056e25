--- Discovered preference optimisation: a blend of the logistic and the exponential loss, by the margin.
--
--   L = (1 - m) (-log s(z)) + m e^-z,   m = s(z / tau),   z = beta rho,   s the sigmoid
--
-- rho is the difference of the log-ratios of y_w and y_l, tau is `discopop_tau`. m e^-z is computed as
-- e^(log s(z / tau) - z), which is finite for any z where tau is below 1.
--
--   > local same = { chosen = T{-1}, rejected = T{-1}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(discopop {}(same))
--   [0.8466]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"

return loss.define {
  name = "discopop",
  paper = "Lu et al. 2024, arXiv:2406.08414, eq. 5",
  trl = "discopop, where e^-z overflows for very negative z",
  options = { loss.shared.all, { "discopop_tau", 0.05, "temperature of the blend", above = 0 } },
  loss = function(pair, o)
    local z = o.beta * loss.margin(pair, o)
    local logistic = (-z / o.discopop_tau):sigmoid() * z:log_sigmoid()
    return loss.shared.exp((z / o.discopop_tau):log_sigmoid() - z) - logistic
  end,
}
