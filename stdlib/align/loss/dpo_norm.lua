--- Direct preference optimisation on means over tokens: DPO with `norm = "mean"`.
--
--   L = -log sigmoid(beta (c / |y_w| - r / |y_l|)),   c, r = log pi - log pi_ref of y_w and of y_l
--
-- The margin is in nats a token, so beta is larger than for sums: Tulu 3 takes 5.
--
--   > local pair = { chosen = T{-2}, rejected = T{-3}, ref_chosen = T{-4}, ref_rejected = T{-3},
--   >>   chosen_lengths = T{2}, rejected_lengths = T{1} }
--   > print(dpo_norm { beta = 1 }(pair))
--   [0.3133]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"
local dpo = require "perilune.align.loss.dpo"

return loss.define {
  name = "dpo_norm",
  paper = "Lambert et al. 2024, arXiv:2411.15124 (Tulu 3), eq. 6",
  trl = "sigmoid_norm, with beta 0.1 unless given",
  options = {
    dpo.spec,
    { "norm", "mean", "mean of a response's token log-probabilities, or their sum",
      choices = { "sum", "mean" } },
    { "beta", 5.0, "strength of the regularisation", above = 0 },
  },
  loss = dpo.definition.loss,
}
