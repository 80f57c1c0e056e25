--- Fine-tuning on the best of n responses of the policy to each prompt, again and again.
--
--   L = -1/N sum_t log pi(y_t),   y = argmax of the reward over n responses of the policy
--
-- The loss is `nll`; that only the best responses are in the batch is the work of the source. Also called
-- rejection sampling fine-tuning and ReST. There is no reference and no KL; a round aims at most
-- log n - (n - 1)/n nats away. It goes back to Anthony et al. 2017, arXiv:1705.08439; RAFT is Dong et al.
-- 2023, arXiv:2304.06767.
--
--   > local b = require "perilune.align.batch".plain { lengths = { 1, 3 }, logps = T{-1, -2, -3, -2} }
--   > print(expert_iteration {}(b):mean())
--   2
--   [Tensor f32 scalar]
local loss = require "perilune.align.loss"

return loss.define {
  name = "expert_iteration",
  paper = "Gulcehre et al. 2023, arXiv:2308.08998",
  trl = "",
  per = "row",
  source = { name = "best_of", responses = 4 },
  reads = { "logps" },
  loss = loss.nll.definition.loss,
}
