--- Generalised knowledge distillation: a Jensen-Shannon divergence from the reference, which is the teacher.
--
--   L = 1/N sum_t beta KL(T, M) + (1 - beta) KL(S, M),   M = (1 - beta) S + beta T
--
-- S and T are the policy's and the teacher's probabilities of the next token, over all tokens of the
-- vocabulary; beta 0 is KL(T, S), 1 is KL(S, T). The responses are the policy's own ("on-policy") or those
-- of a data set. Both logits are divided by `temperature` first.
--
--   > local same = { logits = T{ { 0, 1 } }, ref_logits = T{ { 0, 1 } } }
--   > print(gkd { beta = 0 }(same))
--   [0]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"
local divergence = require "perilune.align.divergence"

return loss.define {
  name = "gkd",
  paper = "Agarwal et al. 2023, arXiv:2306.13649, sec. 2",
  trl = "GKDTrainer; its lmbda, the share of the policy's own responses, is a mixture of sources here",
  per = "token",
  source = { name = "groups", responses = 1 },
  teacher = true,
  reads = { "logits", "ref_logits" },
  options = {
    { "beta", 0.5, "0 for KL(teacher, policy), 1 for KL(policy, teacher), between them the mixture of both",
      least = 0, most = 1 },
    { "temperature", 1.0, "divisor of both logits", above = 0 },
  },
  loss = function(batch, o)
    local student = (batch.logits / o.temperature):log_softmax(2)
    local teacher = (batch.ref_logits / o.temperature):log_softmax(2)
    return divergence.jensen_shannon(student, teacher, o.beta)
  end,
}
