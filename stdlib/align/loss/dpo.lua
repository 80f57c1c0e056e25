--- Direct preference optimisation.
--
--   L = -log sigmoid(beta rho),   rho = (log pi(y_w) - log pi(y_l)) - (log pi_ref(y_w) - log pi_ref(y_l))
--
-- With `label_smoothing` e the label is assumed wrong with probability e (see `cdpo`): (1 - e) L(rho) +
-- e L(-rho).
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
  paper = "Rafailov et al. 2023, arXiv:2305.18290, eq. 7",
  trl = "sigmoid, which ignores label_smoothing since 0.29",
  options = {
    loss.shared.all, loss.shared.label_smoothing,
  },
  loss = function(pair, o)
    return loss.shared.logistic(o.beta * loss.margin(pair, o), o.label_smoothing)
  end,
}
