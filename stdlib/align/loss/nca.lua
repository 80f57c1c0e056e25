--- Noise contrastive alignment on pairs: the likelihood of the chosen response is kept from falling.
--
--   L = -log s(beta c) - 1/2 log s(-beta c) - 1/2 log s(-beta r),   s the sigmoid
--
-- c and r are log pi - log pi_ref of y_w and of y_l.
--
--   > local same = { chosen = T{-1}, rejected = T{-1}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(nca {}(same))
--   [1.3863]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"

return loss.define {
  name = "nca",
  paper = "Chen et al. 2024, arXiv:2402.05369, sec. 4.1 (K = 2)",
  trl = "nca_pair",
  options = { loss.shared.plain },
  loss = function(pair, o)
    local c, r = loss.log_ratios(pair, o)
    c, r = o.beta * c, o.beta * r
    return -c:log_sigmoid() - 0.5 * (-c):log_sigmoid() - 0.5 * (-r):log_sigmoid()
  end,
}
