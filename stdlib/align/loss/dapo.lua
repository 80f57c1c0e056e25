--- Decoupled clip and dynamic sampling policy optimisation: GRPO as a mean over tokens, clipped higher above.
--
--   L = 1 / (tokens of the batch) sum_i sum_t -min(rho_t A_i, clip(rho_t, 1 - epsilon, 1 + epsilon_high) A_i)
--
-- The defaults are the paper's: epsilon 0.2, epsilon_high 0.28, no KL. Groups with equal rewards have
-- advantage 0; `filter.rewards_differ` of `sources.filter` leaves them out.
--
--   > local plain = require "perilune.align.batch".plain
--   > local b = plain { lengths = { 1, 3 }, group = { 1, 1 }, reward = T{1, 0}, logps = T{-1, -2, -1, -1},
--   >>   old_logps = T{-1, -2, -1, -1} }
--   > local l = dapo { scale_rewards = "none" }
--   > l:prepare(b)
--   > print(l(b):mean())
--   0.25
--   [Tensor f32 scalar]
local options = require "perilune.options"
local policy_gradient = require "perilune.align.policy_gradient"

return policy_gradient.define {
  name = "dapo",
  paper = "Yu et al. 2025, arXiv:2503.14476, eq. 8",
  trl = "GRPOTrainer, loss_type = \"dapo\", with epsilon_high = epsilon unless given",
  options = {
    { "epsilon_high", options.number(0.28, 0), "how far the ratio may rise above 1" },
  },
  term = policy_gradient.clipped,
  sum = policy_gradient.over_batch,
}
