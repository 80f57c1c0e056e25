--- Supervised fine-tuning on the chosen response of each pair, a mean over tokens.
--
--   L = -sum log pi(y_w) / sum |y_w|,   sums over all pairs of the optimiser step
--
-- A pair's loss is its share of that: -log pi(y_w) over the mean length, so that the mean over the pairs is L
-- for any number of pieces of a step. `bo2` is the same as a sum over tokens, `nll` takes all rows.
--
--   > print(sft {} { chosen = T{-3, -1}, chosen_lengths = T{3, 1} })
--   [1.5, 0.5]
--   [Tensor f32 2]
local loss = require "perilune.align.loss"

return loss.define {
  name = "sft",
  paper = "Ouyang et al. 2022, arXiv:2203.02155, sec. 3.5",
  trl = "sft of DPO, a token mean over a micro-batch, so that it depends on the split there",
  reads = { "logps" },
  norm = false,
  loss = function(pair)
    return loss.over_tokens(-pair.chosen, pair, "chosen_lengths")
  end,
}
