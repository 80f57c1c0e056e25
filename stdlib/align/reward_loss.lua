--- The loss of a Bradley-Terry reward model, of rewards.
--
--   L = -log sigmoid(r_w - r_l - m) + center_rewards_coefficient (r_w + r_l)^2
--
--   > print(reward_loss.of(T{0, 2}, T{0, 1}, T{0, 1}, {}))
--   [0.6931, 0.6931]
--   [Tensor f32 2]
local options = require "perilune.options"

local reward_loss = {}

reward_loss.options = options.spec("judge.reward_loss", {
  { "center_rewards_coefficient", 0.0, "weight of (r_w + r_l)^2, which keeps rewards around 0", least = 0 },
})

--- One loss a pair: rewards of the chosen and of the rejected responses [n], margins [n] or nil, options.
function reward_loss.of(chosen, rejected, margin, o)
  local difference = chosen - rejected
  if margin then difference = difference - margin end
  local losses, coefficient = -difference:log_sigmoid(), o.center_rewards_coefficient or 0
  if coefficient == 0 then return losses end
  return losses + coefficient * (chosen + rejected):square()
end

return options.strict("align.reward_loss", reward_loss)
