--- Best-of-n distillation: fine-tuning on the best of n responses that the reference writes to each prompt.
--
--   L = -log pi(y),   y = argmax of the reward over n responses of the reference
--
-- The optimum is the best-of-n distribution, at most log n - (n - 1)/n nats from the reference. The loss is
-- the negative log-likelihood of a response, which fits that distribution; its mean over tokens,
-- `expert_iteration`, does not. The bound is that of Beirami et al. 2024, arXiv:2401.01879.
--
--   > local b = require "perilune.align.batch".plain { lengths = { 1, 3 }, logps = T{-1, -2, -3, -2} }
--   > print(best_of_n {}(b))
--   [1, 7]
--   [Tensor f32 2]
local loss = require "perilune.align.loss"

return loss.define {
  name = "best_of_n",
  paper = "Gui et al. 2024, arXiv:2406.00832",
  trl = "",
  per = "row",
  source = { name = "best_of", responses = 4, writer = "reference" },
  reads = { "logps" },
  loss = function(batch) return -batch:sums "logps" end,
}
