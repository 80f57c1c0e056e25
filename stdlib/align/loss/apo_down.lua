--- Anchored preference optimisation, down: y_w loses against the reference, y_l loses more.
--
--   L = s(beta c) + 1 - s(beta (c - r)),   s the sigmoid
--
-- c and r are log pi - log pi_ref of y_w and of y_l. For a model better than the data.
--
--   > local same = { chosen = T{-1}, rejected = T{-1}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(apo_down {}(same))
--   [1]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"

return loss.define {
  name = "apo_down",
  paper = "D'Oosterlinck et al. 2024, arXiv:2408.06266, eq. 8, plus 1",
  trl = "apo_down",
  options = { loss.shared.plain },
  loss = function(pair, o)
    local c, r = loss.log_ratios(pair, o)
    return (o.beta * c):sigmoid() + 1 - (o.beta * (c - r)):sigmoid()
  end,
}
