--- Exploratory preference optimisation: DPO or IPO, and a bonus for leaving what the reference writes.
--
--   L = L_pair(rho) + alpha log pi(y'),   L_pair = -log s(beta rho) or (rho - 1 / (2 beta))^2
--
-- The pair is a response of the policy and one of the reference, y'. rho is the difference of log-ratios,
-- chosen less rejected.
--
--   > local b = require "perilune.align.batch".plain { pairs = true, lengths = { 1, 1 }, logps = T{-1, -2},
--   >>   ref_logps = T{-1, -2}, writer = { "policy", "reference" } }
--   > print((xpo { loss_type = "ipo", beta = 1, alpha = 0.5 }(b)))
--   [-0.75]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"
local of_writer = require "perilune.align.of_writer"

return loss.define {
  name = "xpo",
  paper = "Xie et al. 2024, arXiv:2405.21046, alg. 1",
  trl = "XPOTrainer (until 1.10); a tie there is won by the policy, here by a coin",
  source = { name = "online", second = "reference" },
  offline = "dpo",
  reads = { "logps", "ref_logps", "writer" },
  options = {
    { "beta", 0.1, "strength of the regularisation", above = 0 },
    { "loss_type", "sigmoid", "loss of the pair: that of DPO, or of IPO", choices = { "sigmoid", "ipo" } },
    { "alpha", 1e-5, "weight of the bonus" },
  },
  loss = function(pair, o)
    local rho, bonus = loss.margin(pair, o.norm), of_writer(pair, "reference", pair:sums "logps")
    local value = o.loss_type == "ipo" and (rho - 1 / (2 * o.beta)):square() or -(o.beta * rho):log_sigmoid()
    return value + o.alpha * bonus, { ["loss/xpo"] = bonus * o.alpha }
  end,
}
