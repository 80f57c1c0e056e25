--- The gradient of a step by its parts: norms with respect to the policy's weights, before the update.
--
--   gradients/chosen, gradients/rejected    through the chosen (rejected) responses alone; their sum is the
--                                           gradient of the step
--   gradients/opposition                    cosine of the two: -1 where they cancel
--   gradients/raised, gradients/lowered     of a batch without pairs: through the rows whose log-probability
--                                           the loss raises (lowers)
--   gradients/kl                            what the gradient has from the reference: less the gradient of
--                                           the same loss where the reference is the policy itself
--   gradients/preference                    the latter
--
-- For IPO, whose loss is (D - 1/(2 beta))^2 of the margin D of log-ratios, the KL part is the gradient of
-- D^2, in expectation over pairs of own responses that of 4 KL(pi || pi_ref): Calandriello et al. 2024,
-- arXiv:2403.08635.
local tensor = require "perilune.tensor"
local instruments = require "perilune.align.instruments"
local losses = require "perilune.align.loss"
local probe = require "perilune.align.probe"

--- Which rows of a piece are in the first part: the chosen ones, or those that the loss raises. nil where the
-- loss does not say.
local function first_part(context)
  local run = context.run
  if context.batch:has_pairs() then return function(_, row, count) return row * 2 <= count end end
  local leaves, found = probe.leaves(run.policy)
  probe.gradient(run, context.view, context.update, context.where, { policy = leaves })
  local slopes = found()
  return slopes and function(piece, row) return slopes[piece][row] < 0 end
end

--- The outputs of the policy that the loss reads of the reference, as columns of a view.
local function as_reference(context)
  local view, names = context.view:view(), {}
  for _, name in ipairs(context.loss.reads) do
    local output = name:match "^ref_(.*)"
    if output and losses.outputs[output] then names[#names + 1] = output end
  end
  if #names == 0 then return nil end
  local outputs = tensor.no_grad(context.policy.outputs, context.policy, view.rows, names)
  for name, value in pairs(outputs) do
    if view["ref_" .. name] then view:set_tokens("ref_" .. name, value) end
  end
  return view
end

return instruments.define {
  name = "gradients",
  gradient = function(context, _, m)
    local run, policy = context.run, context.policy
    local function gradient(view, other)
      return probe.gradient(run, view, context.update, context.where, other)
    end
    local is_first, whole = first_part(context), nil
    if is_first then
      local first = gradient(context.view, { policy = probe.partly(policy, is_first) })
      local second = gradient(context.view, { policy = probe.partly(policy, function(...)
        return not is_first(...)
      end) })
      local paired = context.batch:has_pairs()
      m:add(paired and "gradients/chosen" or "gradients/raised", probe.norm(first), 1)
      m:add(paired and "gradients/rejected" or "gradients/lowered", probe.norm(second), 1)
      local cosine = probe.cosine(first, second)
      if cosine then m:add("gradients/opposition", cosine, 1) end
      whole = probe.sum(first, second, 1)
    end
    local view = context.reference and as_reference(context)
    if not view then return end
    local preference = gradient(view, { reference = policy })
    whole = whole or gradient(context.view)
    m:add("gradients/kl", probe.norm(probe.sum(whole, preference, -1)), 1)
    m:add("gradients/preference", probe.norm(preference), 1)
  end,
}
