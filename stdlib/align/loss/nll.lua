--- Supervised fine-tuning on every row of a batch, a mean over tokens: what expert iteration minimises.
--
--   L = -sum log pi(y) / sum |y|,   sums over all rows of the optimiser step
--
-- A row's loss is its share of that, -log pi(y) over the mean length. A batch of pairs has the rejected
-- responses among its rows: there it is `sft`.
--
--   > print(nll {} { lengths = { 2, 1 }, logps = T{ -1, -2, -3 } })
--   [2, 2]
--   [Tensor f32 2]
local loss = require "perilune.align.loss"

return loss.define {
  name = "nll",
  per = "row",
  paper = "Anthony et al. 2017, arXiv:1705.08439 (expert iteration), sec. 3",
  trl = "nll of SFT",
  source = { name = "best_of", responses = 4 },
  reads = { "logps" },
  loss = function(batch)
    return loss.over_tokens(-batch:sums "logps", batch, "lengths")
  end,
}
