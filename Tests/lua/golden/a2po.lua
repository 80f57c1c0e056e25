--- TRL's A2POTrainer: its loss, and the optimal values of prompts.
local batches = require "perilune.align.batch"
local loss = require "perilune.align.loss"
local pack = require "golden.pack"

return function(case)
  local i, o = case.inputs, case.inputs.options
  local bound = loss.a2po { beta1 = o.beta1, beta2 = o.beta2 }
  if type(i.rewards[1]) == "table" then
    local lengths, zeros = {}, {}
    for row = 1, #i.rewards do lengths[row], zeros[row] = 1, 0 end
    local batch = batches.plain {
      lengths = lengths, reference_rewards = i.rewards, reward = pack.f64(zeros),
    }
    bound:prepare(batch)
    return { outputs = { v_star = batch.v_star } }
  end
  -- The value of a single sample is its reward.
  local single = {}
  for row, value in ipairs(i.v_star) do single[row] = { value } end
  local batch, leaves = pack.batch(case, { reward = pack.f64(i.rewards), reference_rewards = single })
  return { loss = pack.step(bound, batch), inputs = leaves }
end
