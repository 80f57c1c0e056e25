--- The hinge loss of sequence likelihood calibration, on log-ratios.
--
--   L = max(0, 1 - beta rho),   rho = (log pi(y_w) - log pi(y_l)) - (log pi_ref(y_w) - log pi_ref(y_l))
--
-- The method of Zhao et al. 2023, arXiv:2305.10425, differs: it has no reference and adds a regulariser.
--
--   > local same = { chosen = T{-1}, rejected = T{-1}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(slic {}(same))
--   [1]
--   [Tensor f32 1]
--   > local apart = { chosen = T{-1}, rejected = T{-3}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(slic { beta = 1 }(apart))
--   [0]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"

return loss.define {
  name = "slic",
  paper = "Tang et al. 2024, arXiv:2402.05749, table 1",
  trl = "hinge",
  options = { loss.shared.all },
  loss = function(pair, o)
    return (1 - o.beta * loss.margin(pair, o)):relu()
  end,
}
