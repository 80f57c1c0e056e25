--- Group relative policy optimisation.
--
--   L_i = 1 / |y_i| sum_t -min(rho_t A_i, clip(rho_t, 1 - epsilon, 1 + epsilon_high) A_i) + beta KL_t
--   A_i = (R_i - mean of the group) / (deviation of the group + 1e-4),   rho_t = pi(y_t) / pi_old(y_t)
--
-- y_i is one of the responses to a prompt, R_i its reward. KL_t is the estimator k3, which TRL multiplies by
-- rho_t (`use_bias_correction_kl`). In the paper beta is 0.04 and epsilon_high is epsilon.
--
-- On policy rho is 1 and the loss is minus the mean advantage, 0; its gradient is not 0.
--
--   > local plain = require "perilune.align.batch".plain
--   > local b = plain { lengths = { 1, 1 }, group = { 1, 1 }, reward = T{1, 0}, logps = T{-1, -2},
--   >>   old_logps = T{-1, -2} }
--   > local l = grpo { scale_rewards = "none" }
--   > l:prepare(b)
--   > print((l(b)))
--   [-0.5, 0.5]
--   [Tensor f32 2]
local policy_gradient = require "perilune.align.policy_gradient"

return policy_gradient.define {
  name = "grpo",
  paper = "Shao et al. 2024, arXiv:2402.03300, eq. 3",
  trl = "GRPOTrainer, loss_type = \"grpo\"; TRL's default is dapo. Groups stay whole in a mini-batch here",
  term = policy_gradient.clipped,
  sum = policy_gradient.over_row,
}
