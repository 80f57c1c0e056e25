--- TRL's CPOTrainer, which also has SimPO and AlphaPO.
local loss = require "perilune.align.loss"
local pack = require "golden.pack"

return function(case)
  local batch, leaves = pack.pairs(case)
  local o = case.inputs.options
  local kind = o.loss_type
  local settings = { beta = o.beta, cpo_alpha = o.cpo_alpha }
  -- TRL's hinge and ipo ignore label smoothing.
  if kind ~= "hinge" and kind ~= "ipo" then settings.label_smoothing = o.label_smoothing end
  local name = kind
  if kind == "simpo" or kind == "alphapo" then
    if kind == "simpo" and (o.alpha or 0) ~= 0 then name = "alphapo" end
    if name == "alphapo" then settings.alpha = o.alpha end
    settings.simpo_gamma = o.simpo_gamma
  else
    name, settings.loss_type, settings.alpha = "cpo", kind, o.alpha
    settings.norm = kind == "ipo" and "mean" or "sum"
  end
  return { loss = pack.step(loss[name](settings), batch), inputs = leaves }
end
