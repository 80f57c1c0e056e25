--- TRL's TPOTrainer.
local loss = require "perilune.align.loss"
local pack = require "golden.pack"

return function(case)
  local batch, leaves = pack.pairs(case)
  local o, kind = case.inputs.options, case.inputs.options.loss_type
  if case.inputs.policy_gold then
    local lengths
    leaves.policy_gold, lengths = pack.rows(case.inputs.policy_gold, true)
    batch:set_tokens("gold_logps", leaves.policy_gold)
    batch:set_tokens("gold_lengths", pack.f64(lengths))
  end
  local has_smoothing = kind == "sigmoid" or kind == "tpo-l"
  local bound = loss.tpo {
    beta = o.beta, loss_type = kind, tpo_alpha = o.tpo_alpha, tpo_l_gamma = o.tpo_l_gamma,
    label_smoothing = has_smoothing and o.label_smoothing or nil,
    norm = (kind == "ipo" or kind == "tpo-l") and "mean" or "sum",
  }
  return { loss = pack.step(bound, batch), inputs = leaves }
end
