--- XPO: the policy's sample is chosen where its score is at least that of the reference's.
local align = require("perilune").align
local pack = require "golden.pack"

return function(case)
  local i, o, order = case.inputs, case.inputs.options, {}
  for row = 1, #i.score_policy_sample do
    local wins = i.score_policy_sample[row] >= i.score_ref_sample[row]
    order[row] = wins and { "policy", "reference" } or { "reference", "policy" }
  end
  local pair, leaves = pack.drawn(
    { policy = i.policy_on_policy_sample, reference = i.policy_on_ref_sample },
    { policy = i.ref_on_policy_sample, reference = i.ref_on_ref_sample }, order)
  local value = align.loss.xpo { beta = o.beta, loss_type = o.loss_type, alpha = o.alpha }(pair)
  return {
    loss = value:mean(),
    inputs = { policy_on_policy_sample = leaves.policy, policy_on_ref_sample = leaves.reference },
  }
end
