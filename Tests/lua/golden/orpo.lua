--- TRL's ORPOTrainer.
local loss = require "perilune.align.loss"
local pack = require "golden.pack"
local tensor = require "perilune.tensor"

return function(case)
  local batch, leaves = pack.pairs(case)
  local prompts, counts = pack.rows(case.inputs.policy_prompt, true)
  leaves.policy_prompt = prompts
  -- The recorded log-probabilities begin with the second token of a prompt.
  for i = 1, #counts do counts[i] = counts[i] + 1 end
  local lengths = pack.f64(counts)
  batch:set_tokens("prompt_logps", tensor.cat({ prompts, prompts }, 1))
  batch.prompt_lengths = tensor.cat({ lengths, lengths }, 1)
  return { loss = pack.step(loss.orpo { beta = case.inputs.options.beta }, batch), inputs = leaves }
end
