--- PPO: one epoch, one mini-batch. TRL pays the score one slot after the last token of a row that is shorter
-- than the width, where there is a value too; there the parts of the loss are put together here.
local align = require("perilune").align
local advantage = require "perilune.align.advantage"
local ppo = require "perilune.align.ppo"
local pack = require "golden.pack"

local names = {
  "kl_coef", "kl_estimator", "gamma", "lam", "cliprange", "cliprange_value", "vf_coef", "whiten_rewards",
}

--- Numbers where a mask is 1, whitened, in rows.
local function masked_whiten(i)
  local numbers, rows, at = {}, {}, 0
  for row, mask in ipairs(i.mask) do
    for column, seen in ipairs(mask) do
      if seen == 1 then numbers[#numbers + 1] = i.x[row][column] end
    end
  end
  local whitened = advantage.whitened(numbers, not i.options.shift_mean)
  for row, mask in ipairs(i.mask) do
    rows[row] = {}
    for column, seen in ipairs(mask) do
      if seen == 1 then
        at = at + 1
        rows[row][column] = whitened[at]
      end
    end
  end
  return { outputs = { whitened = rows } }
end

local function scores_of(i)
  local scores, penalty = {}, i.options.missing_eos_penalty or 0
  for row, score in ipairs(i.scores) do scores[row] = score - (i.ends_with_eos[row] and 0 or penalty) end
  return scores
end

--- Where every row is as long as the width: the loss as the trainer calls it.
local function whole(i, o)
  local loss = align.loss.ppo(o)
  local logps, lengths = pack.rows(i.policy, true)
  local values = pack.rows(i.values_new, true)
  local batch = align.batch.plain {
    lengths = lengths, logps = logps, old_logps = (pack.rows(i.old)), ref_logps = (pack.rows(i.ref)),
    reward = pack.f64(scores_of(i)), values = (pack.rows(i.values)),
  }
  loss:prepare(batch, {})
  batch:set_tokens("values", values)
  return { loss = loss(batch):mean(), inputs = { policy = logps, values_new = values } }
end

--- Rewards of the slots of each row: penalties, and the score at the last one.
local function rewards_of(i, o)
  local rewards = {}
  for row, score in ipairs(scores_of(i)) do
    local own = ppo.penalty(pack.f64(i.old[row]), pack.f64(i.ref[row]), o):totable()
    for slot = #own + 1, #i.values[row] do own[slot] = 0 end
    own[#own] = own[#own] + score
    rewards[row] = own
  end
  return rewards
end

local function with_slots(i, o)
  local loss = align.loss.ppo(o)
  local _, returns, by_row = ppo.advantages(rewards_of(i, loss.options), i.values, loss.options)
  local tokens = {}
  for row, own in ipairs(by_row) do
    for at = 1, #i.policy[row] do tokens[#tokens + 1] = own[at] end
  end
  local logps, values = pack.rows(i.policy, true), pack.rows(i.values_new, true)
  local policy = ppo.policy_loss(logps, pack.rows(i.old), pack.f64(advantage.whitened(tokens)), loss.options)
  local value = ppo.value_loss(values, pack.rows(i.values), pack.f64(returns), loss.options)
  return {
    loss = policy:mean() + loss.options.vf_coef * value:mean(),
    inputs = { policy = logps, values_new = values },
    outputs = { policy_loss = policy:mean():item(), value_loss = value:mean():item() },
  }
end

return function(case)
  local i = case.inputs
  if i.x then return masked_whiten(i) end
  local o, is_whole = pack.only(i.options, names), true
  for row, values in ipairs(i.values) do is_whole = is_whole and #values == #i.policy[row] end
  return (is_whole and whole or with_slots)(i, o)
end
