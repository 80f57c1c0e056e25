--- Anchored preference optimisation, zero: y_w gains, y_l loses, each against the reference.
--
--   L = 1 - s(beta c) + s(beta r),   s the sigmoid
--
-- c and r are log pi - log pi_ref of y_w and of y_l. For data better than the model.
--
--   > local same = { chosen = T{-1}, rejected = T{-1}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(apo_zero {}(same))
--   [1]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"

return loss.define {
  name = "apo_zero",
  paper = "D'Oosterlinck et al. 2024, arXiv:2408.06266, eq. 7, plus 1",
  trl = "apo_zero",
  options = { loss.shared.plain },
  loss = function(pair, o)
    local c, r = loss.log_ratios(pair, o)
    return 1 - (o.beta * c):sigmoid() + (o.beta * r):sigmoid()
  end,
}
