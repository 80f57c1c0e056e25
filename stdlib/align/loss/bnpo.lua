--- GRPO as a mean over the tokens of the optimiser step.
--
--   L = 1 / (tokens of the step) sum_i sum_t -min(rho_t A_i, clip(rho_t) A_i)
--
-- A long response weighs more than a short one. With one optimiser step a batch it is `dapo` without its
-- upper clip. The name is TRL's; the normalisation of rewards by a beta distribution of Xiao et al. 2025,
-- arXiv:2506.02864, is not in it.
--
--   > local plain = require "perilune.align.batch".plain
--   > local b = plain { lengths = { 1, 3 }, group = { 1, 1 }, reward = T{1, 0}, logps = T{-1, -2, -1, -1},
--   >>   old_logps = T{-1, -2, -1, -1} }
--   > local l = bnpo { scale_rewards = "none" }
--   > l:prepare(b)
--   > print(l(b):mean())
--   0.25
--   [Tensor f32 scalar]
local policy_gradient = require "perilune.align.policy_gradient"

return policy_gradient.define {
  name = "bnpo",
  paper = "Shao et al. 2024, arXiv:2402.03300, eq. 3, as a mean over tokens",
  trl = "GRPOTrainer, loss_type = \"bnpo\", which divides by the tokens of each micro-batch: there the step "
    .. "depends on gradient accumulation",
  term = policy_gradient.clipped,
  sum = policy_gradient.over_step,
}
