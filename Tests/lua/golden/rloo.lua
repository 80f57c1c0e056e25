--- RLOO: `old` is also what the KL in the reward uses.
local align = require("perilune").align
local pack = require "golden.pack"

return function(case)
  local inputs = case.inputs
  local loss = align.loss.rloo(pack.only(inputs.options, {
    "beta", "epsilon", "epsilon_high", "normalize_advantages", "reward_clip_range",
    "reward_weights" }))
  local logps, lengths = pack.rows(inputs.policy, true)
  local reward, rewards = pack.rewards(inputs.rewards, #lengths)
  local batch = align.batch.plain {
    lengths = lengths, logps = logps, old_logps = inputs.old and pack.rows(inputs.old) or logps:detach(),
    ref_logps = inputs.ref and pack.rows(inputs.ref), reward = reward, rewards = rewards,
    group = pack.groups(#lengths, inputs.group_size),
  }
  loss:prepare(batch, {})
  return {
    loss = loss(batch):mean(), inputs = { policy = logps },
    outputs = { advantages = batch.advantage:totable() },
  }
end
