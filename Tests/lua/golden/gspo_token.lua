--- GSPO-token: GRPO's forms with a ratio of the response and the gradient of the token; the KL is plain.
local grpo = require "golden.grpo"

return function(case)
  local form = case.inputs.options.loss_type
  return grpo(case, form == "grpo" and "gspo_token" or form, { use_bias_correction_kl = false })
end
