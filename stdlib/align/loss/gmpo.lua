--- Geometric-mean policy optimisation: the ratio of a response is the geometric mean of its clipped ratios.
--
--   L_i = -A_i exp(1 / |y_i| sum_t c_t),   c_t = min(log rho_t, epsilon_high) where A_i > 0,
--                                          c_t = max(log rho_t, -epsilon) where A_i < 0
--
-- The clip is of log ratios; epsilon 0.4 is the paper's.
--
--   > local plain = require "perilune.align.batch".plain
--   > local b = plain { lengths = { 2, 1 }, group = { 1, 1 }, reward = T{1, 0}, logps = T{-1, -2, -1},
--   >>   old_logps = T{-1, -2, -1} }
--   > local l = gmpo { scale_rewards = "none" }
--   > l:prepare(b)
--   > print((l(b)))
--   [-0.5, 0.5]
--   [Tensor f32 2]
local loss = require "perilune.align.loss"
local policy_gradient = require "perilune.align.policy_gradient"

return policy_gradient.define {
  name = "gmpo",
  paper = "Zhao et al. 2025, arXiv:2507.20673, eq. 4",
  trl = "GMPOTrainer; it does not multiply the KL by the ratio",
  options = {
    { "epsilon", 0.4, "how far the log ratio may fall below 0", least = 0 },
    policy_gradient.clipping:only { "epsilon_high" },
    { "use_bias_correction_kl", false, "multiply the KL by the ratio" },
  },
  term = function(t, o)
    local sign = t.advantage:sign()
    local clipped = t.log_ratio:clamp(-o.epsilon, o.epsilon_high or o.epsilon)
    local one_sided = sign * (sign * t.log_ratio):minimum(sign * clipped)
    return -(t.advantage * t.batch:spread(loss.shared.exp(t.batch:means(one_sided))))
  end,
  sum = policy_gradient.over_row,
}
