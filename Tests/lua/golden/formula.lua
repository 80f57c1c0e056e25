--- The forms of the papers: ipo as Azar and as Tang write it, best of two, and the like.
local loss = require "perilune.align.loss"
local pack = require "golden.pack"

return function(case)
  local kind, o = case.name:match "formula/([^/]+)", case.inputs.options
  if kind == "kl_estimators" then
    -- k1 = x, k2 = x^2 / 2, k3 = e^-x - 1 + x, of log-ratios x.
    local x = pack.f64(case.inputs.log_ratio)
    return { outputs = { k1 = x, k2 = x:square() / 2, k3 = (-x):expm1() + x } }
  end
  local ours = {
    ipo_tang = function() return loss.ipo { beta = o.beta, scale = "tang" } end,
    ipo_sum = function() return loss.ipo { beta = o.beta } end,
    dpo_tang = function() return loss.gpo { beta = o.beta } end,
    slic = function() return loss.gpo { beta = o.beta, kind = "hinge" } end,
    bo2 = function() return loss.bo2 {} end,
    cdpo = function() return loss.cdpo { beta = o.beta, label_smoothing = o.label_smoothing } end,
  }
  if not ours[kind] then return nil, "no loss for " .. kind end
  local batch, leaves = pack.pairs(case)
  return { loss = pack.step(ours[kind](), batch), inputs = leaves }
end
