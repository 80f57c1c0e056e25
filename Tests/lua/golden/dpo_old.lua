--- TRL 0.28's DPOTrainer: label smoothing of `sigmoid`, `bco_pair` with its reward shift, the old alpha.
local loss = require "perilune.align.loss"
local pack = require "golden.pack"

return function(case)
  local batch, leaves = pack.pairs(case)
  local o, running, outputs = case.inputs.options, case.inputs.running, nil
  local value
  if o.loss_type == "sigmoid" then
    -- (1 - u^-a) / a is ours at 1 - a.
    local alpha = o.f_alpha_divergence_coef and 1 - o.f_alpha_divergence_coef
    value = pack.step(loss.dpo {
      beta = o.beta, label_smoothing = o.label_smoothing, f_divergence_type = o.f_divergence_type,
      f_alpha_divergence_coef = alpha,
    }, batch)
  elseif o.loss_type == "bco_pair" then
    local state = { mean = running.mean, count = running.count }
    value = pack.step(loss.bco_pair { beta = o.beta, shift = "running" }, batch, { state = state })
    outputs = { running_mean = state.mean, running_count = state.count }
  else
    return nil, "no loss for " .. tostring(o.loss_type)
  end
  return { loss = value, inputs = leaves, outputs = outputs }
end
