--- A*-PO: the advantage over the optimal value, which samples of the reference estimate, by regression.
--
--   L = (beta2 (log pi(y|x) - log pi_ref(y|x)) - (R(x, y) - V*(x)))^2
--   V*(x) = beta1 log mean over k of exp(R(x, y_k) / beta1),   y_k of the reference
--
-- The rewards of the y_k are the column `reference_rewards`, a list of numbers a row. One response of the
-- policy to a prompt is enough.
--
--   > local b = require "perilune.align.batch".plain { lengths = { 1 }, logps = T{-1}, ref_logps = T{-1},
--   >>   reward = { 1 }, reference_rewards = { { 0, 0 } } }
--   > local l = a2po {}
--   > l:prepare(b)
--   > print((l(b)))
--   [1]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"
local tensor = require "perilune.tensor"

--- beta log mean exp(r / beta) of a list of numbers.
local function soft_value(rewards, beta)
  local most, sum = math.max(table.unpack(rewards)), 0
  for _, r in ipairs(rewards) do sum = sum + math.exp((r - most) / beta) end
  return most + beta * math.log(sum / #rewards)
end

return loss.define {
  name = "a2po", per = "row",
  paper = "Brantley et al. 2025, arXiv:2505.20686, alg. 1",
  trl = "A2POTrainer, which also drops prompts whose reference rewards are all 0",
  source = { name = "groups", responses = 1, reference_responses = 8 },
  reads = { "logps", "ref_logps", "reward", "v_star" },
  options = {
    { "beta1", 0.5, "temperature of the optimal value", above = 0 },
    { "beta2", 1e-3, "strength of the regularisation", above = 0 },
  },
  prepare_reads = { "reward", "reference_rewards" },
  prepare = function(batch, o)
    local values = {}
    for i, rewards in ipairs(batch.reference_rewards) do
      if #rewards == 0 then error(("loss.a2po: row %d has no reference_rewards"):format(i), 0) end
      values[i] = soft_value(rewards, o.beta1)
    end
    batch.v_star = tensor(values, batch.reward:dtype())
  end,
  loss = function(batch, o)
    local implicit = o.beta2 * (batch:sums "logps" - batch:sums "ref_logps")
    local advantage = batch.reward - batch.v_star
    return (implicit - advantage):square(), { implicit_reward = implicit, advantage = advantage }
  end,
}
