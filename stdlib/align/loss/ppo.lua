--- Proximal policy optimisation, with a linear value head that is trained along.
--
--   L = 1/N sum_t -min(rho_t A_t, clip(rho_t, 1 - cliprange, 1 + cliprange) A_t)
--       + vf_coef 1/N sum_t 1/2 max((V_t - G_t)^2, (V_clip - G_t)^2),
--   V_clip = clip(V_t, V_old - cliprange_value, V_old + cliprange_value)
--
-- The reward of a token is -kl_coef times the estimate of log(pi_old / pi_ref) there; the last one also has
-- the reward of the response. A_t are generalised advantages, whitened over the batch, G_t = A_t + V_old
-- before they are whitened; V_t is the head on the hidden state that predicts token t. Rewards and
-- values of responses are as in Ouyang et al. 2022, arXiv:2203.02155. Batches of several updates: `epochs`
-- and `mini_batches` of align.train.
--
--   > local plain = require "perilune.align.batch".plain
--   > local b = plain { lengths = { 1, 1 }, reward = T{1, 0}, logps = T{-1, -2},
--   >>   old_logps = T{-1, -2}, ref_logps = T{-1, -2}, values = T{0, 0} }
--   > local l = ppo { vf_coef = 1 }
--   > l:prepare(b, {})
--   > print((l(b)):mean())
--   0.25
--   [Tensor f32 scalar]
local loss = require "perilune.align.loss"
local advantage = require "perilune.align.advantage"
local ppo = require "perilune.align.ppo"
local tensor = require "perilune.tensor"

--- The value at each token: 0, the column `values` of a batch without a model, or the head's.
local function values_of(batch, o, parameters)
  if o.value == "none" then return batch.old_logps * 0 end
  if batch.values then return batch.values end
  return (batch.hidden:matmul(parameters.weight) + parameters.bias):squeeze(2)
end

return loss.define {
  name = "ppo",
  paper = "Schulman et al. 2017, arXiv:1707.06347, eq. 7 and 9",
  trl = "PPOTrainer (until 1.10), which pays the score one slot after the last token of a response that is "
    .. "shorter than the batch, and has a value there",
  per = "token",
  source = { name = "groups", responses = 1 },
  options = { ppo.options, advantage.options:only { "reward_weights" } },
  reads = function(o)
    local reads = { "logps", "old_logps", "advantage", "returns", "old_values" }
    if o.value == "head" then reads[#reads + 1] = "hidden" end
    return reads
  end,
  parameters = function(o, policy)
    if o.value == "none" then return {} end
    return {
      weight = tensor.zeros({ policy:config().dim, 1 }, { requires_grad = true }),
      bias = tensor.zeros({ 1 }, { requires_grad = true }),
    }
  end,
  prepare_reads = function(o)
    local reads = { "reward", "old_logps" }
    if o.kl_coef > 0 then reads[#reads + 1] = "ref_logps" end
    if o.value == "head" then reads[#reads + 1] = "hidden" end
    return reads
  end,
  prepare = function(batch, o, models)
    local values = values_of(batch, o, models.parameters)
    local rewards = ppo.rewards(batch, o)
    local found, returns = ppo.advantages(rewards, ppo.rows(batch, values), o)
    local dtype = values:dtype()
    batch:set_tokens("advantage", tensor(advantage.whitened(found), dtype))
    batch:set_tokens("returns", tensor(returns, dtype))
    batch:set_tokens("old_values", values:detach())
  end,
  loss = function(batch, o, parameters)
    local policy, clipped = ppo.policy_loss(batch.logps, batch.old_logps, batch.advantage, o)
    if o.value == "none" then return policy, { clip_fraction = clipped } end
    local value = ppo.value_loss(values_of(batch, o, parameters), batch.old_values, batch.returns, o)
    return policy + o.vf_coef * value, { value_loss = value, clip_fraction = clipped }
  end,
}
