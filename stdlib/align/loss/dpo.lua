--- Direct preference optimisation.
--
--   L = -log sigmoid(beta rho),   rho = (log pi(y_w) - log pi(y_l)) - (log pi_ref(y_w) - log pi_ref(y_l))
--
-- Rafailov et al. 2023, arXiv:2305.18290, eq. 7. With `label_smoothing` e the label is assumed wrong with
-- probability e (conservative DPO): (1 - e) L(rho) + e L(-rho). TRL's `sigmoid` ignores label smoothing since
-- 0.29; this does not.
--
--   > local same = { chosen = T{-1}, rejected = T{-1}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(dpo {}(same))
--   [0.6931]
--   [Tensor f32 1]
--   > local better = { chosen = T{-1}, rejected = T{-2}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(dpo { beta = 1 }(better))
--   [0.3133]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"

return loss.define {
  name = "dpo",
  options = {
    { "beta", 0.1, "strength of the regularisation", above = 0 },
    { "label_smoothing", 0.0, "probability that a label is wrong", least = 0, below = 0.5 },
  },
  loss = function(pair, o)
    local z = o.beta * loss.margin(pair, o.norm)
    if o.label_smoothing == 0 then return -z:log_sigmoid() end
    return -(1 - o.label_smoothing) * z:log_sigmoid() - o.label_smoothing * (-z):log_sigmoid()
  end,
}
