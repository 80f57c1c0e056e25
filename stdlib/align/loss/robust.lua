--- Robust DPO: unbiased under labels that are flipped with a known probability.
--
--   L = [-(1 - e) log sigmoid(beta rho) + e log sigmoid(-beta rho)] / (1 - 2 e),   e = label_smoothing
--
-- Its expectation over flipped labels is DPO's loss on true ones. It may be negative.
--
--   > local same = { chosen = T{-1}, rejected = T{-1}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(robust {}(same))
--   [0.6931]
--   [Tensor f32 1]
--   > local better = { chosen = T{-1}, rejected = T{-2}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(robust { beta = 1, label_smoothing = 0.25 }(better))
--   [-0.1867]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"

return loss.define {
  name = "robust",
  paper = "Chowdhury et al. 2024, arXiv:2403.00409, sec. 3.1 (rDPO)",
  trl = "robust, with label_smoothing 0 unless given",
  options = {
    loss.shared.all,
    { "label_smoothing", 0.1, "probability that a label is flipped", least = 0, below = 0.5 },
  },
  loss = function(pair, o)
    local z, e = o.beta * loss.margin(pair, o), o.label_smoothing
    return (e * (-z):log_sigmoid() - (1 - e) * z:log_sigmoid()) / (1 - 2 * e)
  end,
}
