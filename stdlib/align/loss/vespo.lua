--- Variational sequence-level soft policy optimisation: a smooth weight of the ratio of whole responses.
--
--   L = 1 / (tokens of the batch) sum_i sum_t -sg(phi(w_i)) A_i log pi(y_t)
--   phi(w) = w^k e^(lambda (1 - w)),   w_i = pi(y_i) / pi_old(y_i)
--
-- k and lambda differ with the sign of the advantage; phi(1) is 1.
--
--   > local plain = require "perilune.align.batch".plain
--   > local b = plain { lengths = { 1, 1 }, group = { 1, 1 }, reward = T{1, 0}, logps = T{-1, -2},
--   >>   old_logps = T{-1, -2} }
--   > local l = vespo { scale_rewards = "none" }
--   > l:prepare(b)
--   > print((l(b)))
--   [0.5, -1.0]
--   [Tensor f32 2]
local policy_gradient = require "perilune.align.policy_gradient"

return policy_gradient.define {
  name = "vespo",
  paper = "Shen et al. 2026, arXiv:2602.10693, eq. 20",
  trl = "GRPOTrainer, loss_type = \"vespo\"",
  options = {
    { "vespo_k_pos", 2.0, "exponent of the ratio for advantages of at least 0", least = 0 },
    { "vespo_lambda_pos", 3.0, "rate of decay in the ratio for them", least = 0 },
    { "vespo_k_neg", 3.0, "exponent for negative advantages", least = 0 },
    { "vespo_lambda_neg", 2.0, "rate of decay for them", least = 0 },
  },
  term = function(t, o)
    local positive = t.advantage:ge(0):to(t.logps:dtype())
    local log_w = t.batch:spread(t.batch:sums(t.log_ratio:detach())):clamp(math.log(1e-8), 20)
    local k = positive * (o.vespo_k_pos - o.vespo_k_neg) + o.vespo_k_neg
    local lambda = positive * (o.vespo_lambda_pos - o.vespo_lambda_neg) + o.vespo_lambda_neg
    local phi = (lambda + k * log_w - lambda * log_w:exp()):exp()
    return -(phi * t.advantage * t.logps), { ["vespo/phi"] = phi }
  end,
  sum = policy_gradient.over_batch,
}
