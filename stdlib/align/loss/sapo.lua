--- Soft adaptive policy optimisation: a sigmoid of the ratio in place of the clip.
--
--   L_i = 1 / |y_i| sum_t -A_i 4 / tau s(tau (rho_t - 1)),   tau = tau_pos where A_i > 0, tau_neg elsewhere
--
-- On policy its gradient is that of GRPO; it falls off as the ratio leaves 1.
--
--   > local plain = require "perilune.align.batch".plain
--   > local b = plain { lengths = { 1, 1 }, group = { 1, 1 }, reward = T{1, 0}, logps = T{-1, -2},
--   >>   old_logps = T{-1, -2} }
--   > local l = sapo { scale_rewards = "none", sapo_temperature_neg = 1 }
--   > l:prepare(b)
--   > print((l(b)))
--   [-1, 1]
--   [Tensor f32 2]
local policy_gradient = require "perilune.align.policy_gradient"

return policy_gradient.define {
  name = "sapo",
  paper = "Gao et al. 2025, arXiv:2511.20347, eq. 5-6",
  trl = "GRPOTrainer, loss_type = \"sapo\"",
  options = {
    { "sapo_temperature_pos", 1.0, "steepness of the sigmoid for positive advantages", above = 0 },
    { "sapo_temperature_neg", 1.05, "the same for the others", above = 0 },
  },
  term = function(t, o)
    local positive = t.advantage:gt(0):to(t.ratio:dtype())
    local tau = positive * (o.sapo_temperature_pos - o.sapo_temperature_neg) + o.sapo_temperature_neg
    return -(t.advantage * 4 / tau * (tau * (t.ratio - 1)):sigmoid())
  end,
  sum = policy_gradient.over_row,
}
