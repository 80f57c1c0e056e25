--- Self-play preference optimisation with hard labels: a target for the log-ratio of each response.
--
--   L = (c - 1 / (2 beta))^2 + (r + 1 / (2 beta))^2
--
-- c and r are log pi - log pi_ref of y_w and of y_l; beta is 1/eta of the paper. The paper's denominator is
-- the policy of the previous iteration: a reference that is synced (`sync_ref_model` of align.train).
--
--   > local same = { chosen = T{-1}, rejected = T{-1}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(sppo { beta = 0.5 }(same))
--   [2]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"

return loss.define {
  name = "sppo",
  paper = "Wu et al. 2024, arXiv:2405.00675, eq. 4.7",
  trl = "sppo_hard, with the fixed reference in place of the previous iterate",
  options = { loss.shared.plain },
  loss = function(pair, o)
    local c, r = loss.log_ratios(pair, o)
    return (c - 0.5 / o.beta):square() + (r + 0.5 / o.beta):square()
  end,
}
