--- Best of two: supervised fine-tuning on the chosen response of each pair.
--
--   L = -log pi(y_w)
--
-- The paper prints "min"; the aim is to raise the likelihood of the chosen response. There is no reference,
-- no rejected response and no KL term. Offline, its optimum is the best-of-2 distribution 2 mu(y) p(y > mu),
-- at most log 2 - 1/2 = 0.193 nats from mu. `sft` is the same as a mean over tokens.
--
--   > print(bo2 {} { chosen = T{-3}, rejected = T{-1} })
--   [3]
--   [Tensor f32 1]
--   > print(bo2 { norm = "mean" } { chosen = T{-3}, rejected = T{-1}, chosen_lengths = T{2} })
--   [1.5]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"

return loss.define {
  name = "bo2",
  paper = "Tang et al. 2024, arXiv:2405.08448, eq. 3",
  trl = "none; its SFT takes the mean over the tokens of a batch, see sft",
  reads = { "logps" },
  loss = function(pair, o) return -loss.normed(pair, pair.chosen, "chosen", o.norm) end,
}
