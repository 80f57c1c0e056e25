--- Dynamic fine-tuning on the chosen response: each token's loss times its probability, a mean over tokens.
--
--   L = -sum sg(pi(y_t)) log pi(y_t) / sum |y_w|,   sums over all tokens of the step's chosen responses
--
-- sg is no gradient. A token that the policy holds for impossible has no part in the step.
--
--   > print(dft {} { lengths = { 1, 1 }, pairs = true, logps = T{ -1, -9 } })
--   [0.3679]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"

return loss.define {
  name = "dft",
  paper = "Wu et al. 2025, arXiv:2508.05629",
  trl = "dft of SFT",
  reads = { "logps" },
  norm = false,
  loss = function(pair)
    local chosen = pair:halves(pair:sums(pair.logps * pair.logps:detach():exp()))
    return loss.over_tokens(-chosen, pair, "chosen_lengths")
  end,
}
