--- Alignment by optimal transport, paired: the margins of the policy, sorted, above those of the reference.
--
--   L_i = -(1 - e) log sigmoid(beta (u_i - v_i)) - e log sigmoid(-beta (u_i - v_i))
--
-- u are the sorted log pi(y_w) - log pi(y_l) of the batch, v the sorted log pi_ref(y_w) - log pi_ref(y_l),
-- and e is label_smoothing. A batch of one pair is DPO. The whole batch is sorted: it cannot be divided.
--
--   > local two = { chosen = T{-1, -2}, rejected = T{-3, -1},
--   >>   ref_chosen = T{-2, 0}, ref_rejected = T{-1, -2} }
--   > print(aot { beta = 1 }(two))
--   [0.6931, 0.6931]
--   [Tensor f32 2]
local loss = require "perilune.align.loss"

return loss.define {
  name = "aot",
  paper = "Melnyk et al. 2024, arXiv:2406.05882, eq. 6",
  trl = "aot",
  splits = false,
  options = { loss.shared.beta, loss.shared.ld_alpha, loss.shared.label_smoothing },
  loss = function(pair, o)
    local function margins(of)
      local chosen, rejected = loss.sums(pair, o, of)
      return loss.normed(pair, chosen, "chosen", o.norm) - loss.normed(pair, rejected, "rejected", o.norm)
    end
    return loss.shared.logistic(o.beta * ((margins "":sort(1)) - (margins "ref_":sort(1))), o.label_smoothing)
  end,
}
