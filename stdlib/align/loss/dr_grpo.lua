--- GRPO done right: neither the length of a response nor the deviation of a group weighs it.
--
--   L_i = 1 / max_completion_length sum_t -min(rho_t A_i, clip(rho_t) A_i),   A_i = R_i - mean of the group
--
-- `max_completion_length` is a constant factor.
--
--   > local plain = require "perilune.align.batch".plain
--   > local b = plain { lengths = { 1, 1 }, group = { 1, 1 }, reward = T{1, 0}, logps = T{-1, -2},
--   >>   old_logps = T{-1, -2} }
--   > local l = dr_grpo { max_completion_length = 2 }
--   > l:prepare(b)
--   > print((l(b)))
--   [-0.25, 0.25]
--   [Tensor f32 2]
local advantage = require "perilune.align.advantage"
local policy_gradient = require "perilune.align.policy_gradient"

return policy_gradient.define {
  name = "dr_grpo",
  paper = "Liu et al. 2025, arXiv:2503.20783, sec. 3.2",
  trl = "GRPOTrainer, loss_type = \"dr_grpo\", with scale_rewards = \"group\" unless given",
  options = {
    advantage.scale "none",
    policy_gradient.limit,
  },
  term = policy_gradient.clipped,
  sum = policy_gradient.over_limit,
}
