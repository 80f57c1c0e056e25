--- The reference of a run: fixed, moved towards the policy every n steps, or none.
--
--   pi_ref <- alpha pi + (1 - alpha) pi_ref     after every `ref_model_sync_steps` optimiser steps
--
-- Gorbatovski et al. 2024, arXiv:2404.09656 (TR-DPO): alpha = 1 copies the policy (the hard update), a small
-- alpha after every step is a moving average of it (the soft update). The weights are averaged, not the
-- probabilities.
local options = require "perilune.options"
local tensor = require "perilune.tensor"

local reference = {}

reference.options = options.spec("train.reference", {
  { "sync_ref_model", false, "the reference follows the policy; the run moves a copy of its own" },
  { "ref_model_sync_steps", 512, "optimiser steps between two moves of the reference", least = 1 },
  { "ref_model_mixup_alpha", 0.6, "weight of the policy in a move of the reference; 1 copies it",
    above = 0, most = 1 },
})

--- The reference that a run of filled options begins with.
function reference.of(o) return o.sync_ref_model and o.reference:clone() or o.reference end

--- The hash of the reference as it is.
function reference.hash(run)
  local moved = run.reference_hashes[#run.reference_hashes]
  return moved and moved.hash or run.reference_hash
end

--- How the weights of a model are kept where that is not f32: "bf16", or the types of a file. Nil for f32
-- and for policies of one's own.
function reference.dtype(model)
  local dtype = model and model.dtype and model:dtype()
  return dtype ~= "f32" and dtype or nil
end

--- The precision of a model's products where that is not f32; nil also of policies of one's own.
function reference.precision(model)
  local precision = type(model) == "userdata" and model:config().precision
  return precision ~= "f32" and precision or nil
end

--- The reference with products of the policy's precision, where both are Models: with others the log-ratio of
-- equal weights would not be 0. It shares the weights of `model`.
function reference.as_precise(model, policy)
  if type(model) ~= "userdata" or type(policy) ~= "userdata" then return model end
  return model:with_precision(policy:config().precision)
end

--- Whether the reference moves after a step.
function reference.is_moved(o, step) return o.sync_ref_model and step % o.ref_model_sync_steps == 0 end

--- Moves the reference of a run towards its policy, records its hash, and forgets what a list of pairs has
-- stored of it as it was, unless it was as the run began, when other runs may read it. Called again after
-- Ctrl-C, it does what is not done: the new weights are computed before the first is set.
function reference.move(run, step)
  local hashes, alpha, before = run.reference_hashes, run.options.ref_model_mixup_alpha, reference.hash(run)
  if hashes[#hashes] and hashes[#hashes].step == step then return end
  local targets, weights = run.policy:parameters(), run.reference:parameters()
  tensor.no_grad(function()
    if not run.move then
      local values = {}
      for i, old in ipairs(weights) do values[i] = old:lerp(targets[i], alpha) end
      run.move = values
    end
    for i, old in ipairs(weights) do old:copy_(run.move[i]) end
  end)
  hashes[#hashes + 1], run.move = { step = step, hash = run.reference:hash() }, nil
  local dataset = run.options.source.dataset
  if dataset and before ~= run.reference_hash then dataset:forget_tokens(before) end
end

return reference
