--- Length-unbiased sequence policy optimisation: the loss of a response is the sum over its tokens.
--
--   L_i = sum_t -min(rho A_i, clip(rho, 1 - epsilon, 1 + epsilon_high) A_i)
--   rho = (pi(y_i) / pi_old(y_i))^(1/|y_i|)
--
-- GSPO divides by the length and so prefers short good responses.
--
--   > local plain = require "perilune.align.batch".plain
--   > local b = plain { lengths = { 1, 2 }, group = { 1, 1 }, reward = T{1, 0}, logps = T{-1, -2, -1},
--   >>   old_logps = T{-1, -2, -1} }
--   > local l = luspo { scale_rewards = "none" }
--   > l:prepare(b)
--   > print((l(b)))
--   [-0.5, 1.0]
--   [Tensor f32 2]
local policy_gradient = require "perilune.align.policy_gradient"

return policy_gradient.define {
  name = "luspo",
  paper = "Liu et al. 2026, arXiv:2602.05261",
  trl = "GRPOTrainer, loss_type = \"luspo\"; importance_sampling_level is \"token\" there unless given",
  options = { policy_gradient.level "sequence" },
  term = policy_gradient.clipped,
  sum = policy_gradient.over_rows,
}
