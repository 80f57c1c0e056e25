--- Distillation by the reverse KL on the policy's own responses; the reference is the teacher.
--
--   L = 1/N sum_t KL(S_t, T_t) - A_t log pi(y_t)
--   A_t = sum over u > t of gamma^(u - t - 1) (log T(y_u) - log S(y_u))
--
-- The first part is the exact gradient through the choice of token t, over the whole vocabulary; the second
-- is the policy gradient through what follows, over the number of those tokens where `length_normalized`.
-- With gamma = 1 and without normalisation the sum over a response has the gradient of KL(S, T) of whole
-- responses. The paper's share of the teacher in the sampling and its loss on a corpus are left out.
--
--   > local plain = require "perilune.align.batch".plain
--   > local b = plain { lengths = { 2 }, logps = T{-1, -1}, ref_logps = T{-2, -3},
--   >>   logits = T{ { 0, 1 }, { 0, 1 } }, ref_logits = T{ { 0, 1 }, { 0, 1 } } }
--   > local l = minillm {}
--   > l:prepare(b)
--   > print((l(b)))
--   [-2, 0]
--   [Tensor f32 2]
local loss = require "perilune.align.loss"
local divergence = require "perilune.align.divergence"
local rows_of = require "perilune.align.ppo".rows
local tensor = require "perilune.tensor"

--- For each number of a list, the discounted sum of those after it, over their number if `normalises`.
local function later(numbers, gamma, normalises)
  local found, sum = {}, 0
  for i = #numbers, 1, -1 do
    found[i] = normalises and i < #numbers and sum / (#numbers - i) or sum
    sum = numbers[i] + gamma * sum
  end
  return found
end

return loss.define {
  name = "minillm",
  paper = "Gu et al. 2023, arXiv:2306.08543, eq. 3",
  trl = "MiniLLMTrainer, which adds log T - log S of the token itself (gamma = 0) and is not detached",
  per = "token",
  source = { name = "groups", responses = 1 },
  offline = "gkd",
  teacher = true,
  reads = { "logps", "logits", "ref_logits", "advantage" },
  options = {
    { "gamma", 1.0, "discount of later tokens", least = 0, most = 1 },
    { "length_normalized", true, "divide the sum over later tokens by their number" },
  },
  prepare_reads = { "logps", "ref_logps" },
  prepare = function(batch, o)
    local all = {}
    for _, own in ipairs(rows_of(batch, batch.ref_logps - batch.logps)) do
      local found = later(own, o.gamma, o.length_normalized)
      table.move(found, 1, #found, #all + 1, all)
    end
    batch:set_tokens("advantage", tensor(all, batch.logps:dtype()))
  end,
  loss = function(batch)
    local student, teacher = batch.logits:log_softmax(2), batch.ref_logits:log_softmax(2)
    local kl = divergence.kl(student, teacher)
    return kl - batch.advantage * batch.logps, { kl = kl }
  end,
}
