--- TRL's BCOTrainer, until 1.10.
local loss = require "perilune.align.loss"
local pack = require "golden.pack"

return function(case)
  local i, o = case.inputs, case.inputs.options
  local batch, leaves = pack.batch(case, {
    label = i.label, prob_desirable = i.prob_desirable and pack.f64(i.prob_desirable),
  })
  -- TRL counts from 1e-24.
  local state = { mean = i.running.mean, count = i.running.count < 1e-12 and 0 or i.running.count }
  local bound = loss.bco {
    beta = o.beta, match_underlying_distribution = o.match_underlying_distribution,
    min_density_ratio = o.min_density_ratio, max_density_ratio = o.max_density_ratio,
  }
  local value = pack.step(bound, batch, { state = state })
  return {
    loss = value, inputs = leaves, metrics = { delta = state.mean },
    outputs = { running_mean = state.mean, running_count = state.count },
  }
end
