--- The parts of PPO: rewards of tokens, generalised advantages, clipped losses of policy and value.
local options = require "perilune.options"
local advantage = require "perilune.align.advantage"
local divergence = require "perilune.align.divergence"
local pair_losses = require "perilune.align.loss_pair"

local ppo = {}

--- Options of PPO, under TRL's names.
ppo.options = options.spec("align.ppo", {
  { "kl_coef", 0.05, "weight of the KL from the reference in the reward; 0 reads no reference", least = 0 },
  { "kl_estimator", "k1", "estimate of the KL at a token, d = log pi_ref - log pi_old: -d, or e^d - d - 1",
    choices = { "k1", "k3" } },
  { "gamma", 1.0, "discount of a later reward", least = 0, most = 1 },
  { "lam", 0.95, "decay of the advantages: 0 trusts the values alone, 1 the rewards", least = 0, most = 1 },
  { "cliprange", 0.2, "how far the ratio may leave 1", above = 0 },
  { "cliprange_value", 0.2, "how far a value may leave the value before the update", above = 0 },
  { "value", "head", "value of a token: linear in its hidden state, or 0, for a policy without these",
    choices = { "head", "none" } },
  { "vf_coef", 0.1, "weight of the value loss", least = 0 },
  { "whiten_rewards", false, "give the rewards of all tokens variance 1" },
})

--- The list of the numbers of each row, of a token column.
function ppo.rows(batch, column)
  local all, rows, at = column:totable(), {}, 0
  for row, length in ipairs(batch.lengths:totable()) do
    length = math.tointeger(length)
    rows[row] = table.move(all, at + 1, at + length, 1, {})
    at = at + length
  end
  return rows
end

--- The penalty of the KL at each token, as a tensor.
function ppo.penalty(old, ref, o)
  local d = ref - old
  return -o.kl_coef * (o.kl_estimator == "k1" and -d or divergence.k3(d))
end

--- The rewards of the tokens of each row: the penalties, and at the last token also the row's reward.
function ppo.rewards(batch, o)
  local old = batch.old_logps
  local rows = ppo.rows(batch, o.kl_coef > 0 and ppo.penalty(old, batch.ref_logps, o) or old * 0)
  for row, reward in ipairs(advantage.rewards(batch, o.reward_weights)) do
    local own = rows[row]
    if #own > 0 then own[#own] = own[#own] + reward end
  end
  return rows
end

--- Rewards with variance 1 over all of them and their mean kept.
local function whitened(rows)
  local all, at = {}, 0
  for _, own in ipairs(rows) do table.move(own, 1, #own, #all + 1, all) end
  all = advantage.whitened(all, true)
  local result = {}
  for row, own in ipairs(rows) do
    result[row] = table.move(all, at + 1, at + #own, 1, {})
    at = at + #own
  end
  return result
end

--- Advantages and returns of all tokens, each a list, and the advantages as lists a row, from rewards and
-- values: lists of numbers a row.
function ppo.advantages(rewards, values, o)
  if o.whiten_rewards then rewards = whitened(rewards) end
  local all, all_returns, by_row = {}, {}, {}
  for row, own in ipairs(rewards) do
    local found, returns = advantage.generalised(own, values[row], o.gamma, o.lam)
    table.move(found, 1, #found, #all + 1, all)
    table.move(returns, 1, #returns, #all_returns + 1, all_returns)
    by_row[row] = found
  end
  return all, all_returns, by_row
end

--- -min(rho A, clip(rho) A) at each token, and where the clip is what counts.
function ppo.policy_loss(logps, old, a, o)
  local ratio = pair_losses.exp(logps - old)
  local free, bounded = -(ratio * a), -(ratio:clamp(1 - o.cliprange, 1 + o.cliprange) * a)
  return free:maximum(bounded), bounded:detach():gt(free:detach()):to "f32"
end

--- Half the larger squared error of a value and of the value clipped around the old one.
function ppo.value_loss(values, old, returns, o)
  local clipped = values:maximum(old - o.cliprange_value):minimum(old + o.cliprange_value)
  return (values - returns):square():maximum((clipped - returns):square()) * 0.5
end

return ppo
