--- TRL's RewardTrainer.
local pack = require "golden.pack"
local reward_loss = require "perilune.align.reward_loss"

return function(case)
  local i = case.inputs
  local chosen, rejected = pack.f64(i.reward_chosen, true), pack.f64(i.reward_rejected, true)
  local coefficient = tonumber(i.options.center_rewards_coefficient)
  local losses = reward_loss.of(chosen, rejected, i.margin and pack.f64(i.margin),
    { center_rewards_coefficient = coefficient })
  return {
    loss = losses:mean(), inputs = { reward_chosen = chosen, reward_rejected = rejected },
    metrics = { margin = (chosen - rejected):mean() },
  }
end
