--- GSPO with an advantage for each token: the ratio is that of the response, the gradient that of the token.
--
--   L_i = 1 / |y_i| sum_t -min(rho_t A_i, clip(rho_t) A_i),   rho_t = sg(rho_i) pi(y_t) / sg(pi(y_t))
--
-- rho_i is GSPO's ratio and sg no gradient. With one advantage a response, value and gradient are those of
-- `gspo`.
--
--   > local plain = require "perilune.align.batch".plain
--   > local b = plain { lengths = { 2, 1 }, group = { 1, 1 }, reward = T{1, 0}, logps = T{-1, -2, -1},
--   >>   old_logps = T{-1, -2, -1} }
--   > local l = gspo_token { scale_rewards = "none" }
--   > l:prepare(b)
--   > print((l(b)))
--   [-0.5, 0.5]
--   [Tensor f32 2]
local options = require "perilune.options"
local policy_gradient = require "perilune.align.policy_gradient"

return policy_gradient.define {
  name = "gspo_token",
  paper = "Zheng et al. 2025, arXiv:2507.18071, eq. 13-14",
  trl = "GRPOTrainer of trl.experimental.gspo_token, importance_sampling_level = \"sequence_token\"",
  options = {
    policy_gradient.level "sequence_token",
    { "epsilon", 3e-4, "how far the ratio may fall below 1", least = 0 },
    { "epsilon_high", options.number(4e-4, 0), "how far it may rise above 1" },
    { "use_bias_correction_kl", false, "multiply the KL by the ratio" },
  },
  term = policy_gradient.clipped,
  sum = policy_gradient.over_row,
}
