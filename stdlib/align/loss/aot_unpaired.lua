--- Alignment by optimal transport, unpaired: the log-ratios of chosen responses, sorted, above the others.
--
--   L_i = -(1 - e) log sigmoid(beta (u_i - v_i)) - e log sigmoid(-beta (u_i - v_i))
--
-- u are the sorted log-ratios log pi - log pi_ref of the chosen responses of the batch, v those of the
-- rejected ones, and e is label_smoothing. A batch of one pair is DPO. Sorting is over the whole batch: it
-- cannot be divided.
--
--   > local two = { chosen = T{-1, -2}, rejected = T{-2, -1},
--   >>   ref_chosen = T{-1, -1}, ref_rejected = T{-1, -1} }
--   > print(aot_unpaired { beta = 1 }(two))
--   [0.6931, 0.6931]
--   [Tensor f32 2]
local loss = require "perilune.align.loss"

return loss.define {
  name = "aot_unpaired",
  paper = "Melnyk et al. 2024, arXiv:2406.05882, sec. 3 (unpaired AOT)",
  trl = "aot_unpaired, named aot_pair before 0.29",
  splits = false,
  options = { loss.shared.beta, loss.shared.ld_alpha, loss.shared.label_smoothing },
  loss = function(pair, o)
    local c, r = loss.log_ratios(pair, o)
    return loss.shared.logistic(o.beta * ((c:sort(1)) - (r:sort(1))), o.label_smoothing)
  end,
}
