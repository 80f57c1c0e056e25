--- Group sequence policy optimisation: one importance ratio a response.
--
--   L_i = -min(rho_i A_i, clip(rho_i, 1 - epsilon, 1 + epsilon_high) A_i)
--   rho_i = (pi(y_i) / pi_old(y_i))^(1/|y_i|)
--
-- The defaults of epsilon and epsilon_high are the paper's, sec. 5.1.
--
--   > local plain = require "perilune.align.batch".plain
--   > local b = plain { lengths = { 2, 1 }, group = { 1, 1 }, reward = T{1, 0}, logps = T{-1, -2, -1},
--   >>   old_logps = T{-1, -2, -1} }
--   > local l = gspo { scale_rewards = "none" }
--   > l:prepare(b)
--   > print((l(b)))
--   [-0.5, 0.5]
--   [Tensor f32 2]
local options = require "perilune.options"
local policy_gradient = require "perilune.align.policy_gradient"

return policy_gradient.define {
  name = "gspo",
  paper = "Zheng et al. 2025, arXiv:2507.18071, eq. 5 and 7",
  trl = "GRPOTrainer, loss_type = \"grpo\", importance_sampling_level = \"sequence\"",
  options = {
    policy_gradient.level "sequence",
    { "epsilon", 3e-4, "how far the ratio may fall below 1", least = 0 },
    { "epsilon_high", options.number(4e-4, 0), "how far it may rise above 1" },
  },
  term = policy_gradient.clipped,
  sum = policy_gradient.over_row,
}
