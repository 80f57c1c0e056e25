--- Nash mirror descent: a policy gradient against a mixture of the policy and the reference.
--
--   L = -(P - 1/2) log pi(y) + beta sg(log pi(y) - log pi_ref(y)) log pi(y)
--
-- y is the policy's response and y' the mixture's; P is 1 where y is preferred to y', 0 where it is not (or
-- a probability, where the column `label` has one). sg is no gradient. Its fixed point is the Nash
-- equilibrium of the regularised preference, which needs no reward.
--
--   > local b = require "perilune.align.batch".plain { pairs = true, lengths = { 1, 1 }, logps = T{-1, -2},
--   >>   ref_logps = T{-1, -2}, writer = { "policy", "mixture" } }
--   > print((nash_md {}(b)))
--   [0.5]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"
local of_writer = require "perilune.align.of_writer"

return loss.define {
  name = "nash_md", norm = false,
  paper = "Munos et al. 2023, arXiv:2312.00886, eq. 10",
  trl = "NashMDTrainer (until 1.10), which has the KL of single tokens (kl = \"token\") and P = s(R - R')",
  source = { name = "online", second = "mixture" },
  offline = "ipo",
  reads = { "logps", "ref_logps", "label", "writer" },
  options = {
    { "beta", 0.1, "strength of the regularisation", above = 0 },
    { "kl", "sequence", "log-ratio that weighs a token: that of the response, or its own alone, which leaves "
      .. "out the effect of a token on later ones",
      choices = { "sequence", "token" } },
  },
  loss = function(pair, o)
    local ratio, logps = (pair.logps - pair.ref_logps):detach(), pair:sums "logps"
    local kl = o.kl == "token" and pair:sums(ratio * pair.logps) or pair:sums(ratio) * logps
    local score = (pair.label - 0.5) * logps
    return of_writer(pair, "policy", o.beta * kl - score), {
      ["loss/kl"] = of_writer(pair, "policy", o.beta * kl),
      ["loss/score"] = of_writer(pair, "policy", -score),
    }
  end,
}
