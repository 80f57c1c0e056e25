--- TRL's DPOTrainer.
local loss = require "perilune.align.loss"
local pack = require "golden.pack"

--- Ours by TRL's `loss_type`. `sigmoid` of TRL ignores label smoothing.
local ours = {
  sigmoid = { "dpo" }, sigmoid_norm = { "dpo_norm" }, hinge = { "slic" }, ipo = { "ipo", norm = "mean" },
  exo_pair = { "exo", "label_smoothing" }, nca_pair = { "nca" }, robust = { "robust", "label_smoothing" },
  bco_pair = { "bco_pair", shift = "none" }, sppo_hard = { "sppo" }, aot = { "aot", "label_smoothing" },
  aot_unpaired = { "aot_unpaired", "label_smoothing" }, apo_zero = { "apo_zero" },
  apo_down = { "apo_down" }, discopop = { "discopop", "discopop_tau" }, sft = { "sft" },
}

local function bound(kind, o)
  local name = ours[kind][1]
  local settings = { norm = ours[kind].norm, shift = ours[kind].shift }
  for i = 2, #ours[kind] do settings[ours[kind][i]] = o[ours[kind][i]] end
  if name ~= "sft" then
    for _, option in ipairs {
      "beta", "f_divergence_type", "f_alpha_divergence_coef", "ld_alpha", "use_weighting" } do
      settings[option] = o[option]
    end
  end
  return loss[name](settings)
end

--- What TRL logs too. It differs in rewards/accuracies, where a tie counts 0, here 1/2; with ld_alpha, where
-- its figures are of the weighted sums; and with sft, which has a beta there.
local function metrics(case, whole, batch, value)
  local found, all = {}, pack.figures(whole, batch, value)
  if (case.inputs.options.ld_alpha or 1) < 1 or not whole:terms()[1].loss.options.beta then return nil end
  for name in pairs(case.metrics) do found[name] = all[name] end
  if all["rewards/margins"] == 0 then found["rewards/accuracies"] = nil end
  return found
end

return function(case)
  local batch, leaves = pack.pairs(case)
  local o = case.inputs.options
  local kinds = type(o.loss_type) == "table" and o.loss_type or { o.loss_type }
  local parts = { weights = o.loss_weights }
  for i, kind in ipairs(kinds) do
    if not ours[kind] then return nil, "no loss for " .. tostring(kind) end
    parts[i] = bound(kind, o)
  end
  local whole = #parts > 1 and loss.sum(parts) or parts[1]
  local value = pack.step(whole, batch)
  return { loss = value, inputs = leaves, metrics = metrics(case, whole, batch, value) }
end
