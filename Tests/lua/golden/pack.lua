--- Inputs of golden cases as tensors and batches, for the adapters of this folder.
local tensor = require "perilune.tensor"
local batches = require "perilune.align.batch"
local figures = require "perilune.align.train.figures"

local pack = {}

function pack.f64(list, grad) return tensor(list, { dtype = "f64", requires_grad = grad or false }) end

--- Rows of numbers, one a token, as one packed tensor [N], and the lengths of the rows.
function pack.rows(rows, grad)
  local all, lengths = {}, {}
  for i, row in ipairs(rows) do
    table.move(row, 1, #row, #all + 1, all)
    lengths[i] = #row
  end
  return pack.f64(all, grad), lengths
end

--- The batch of rows of a case: token column `logps` of the leaf `policy`, `ref_logps` of `ref`, and what
-- `more` adds; second result: the leaves by name.
function pack.batch(case, more)
  local leaf, lengths = pack.rows(case.inputs.policy, true)
  local given = { lengths = lengths, logps = leaf }
  if case.inputs.ref then given.ref_logps = pack.rows(case.inputs.ref) end
  for name, value in pairs(more or {}) do given[name] = value end
  return batches.plain(given), { policy = leaf }
end

--- The batch of pairs of a case: of policy_chosen, policy_rejected, and of ref_... and
-- policy_log_sum_sq_probs_... where there are such; second result: the leaves by name.
function pack.pairs(case)
  local i, leaves, lengths = case.inputs, {}, {}
  local function both(prefix, grad)
    if not i[prefix .. "chosen"] then return nil end
    local parts = {}
    for k, side in ipairs { "chosen", "rejected" } do
      local own
      parts[k], own = pack.rows(i[prefix .. side], grad)
      if grad then
        leaves[prefix .. side] = parts[k]
        table.move(own, 1, #own, #lengths + 1, lengths)
      end
    end
    return tensor.cat(parts, 1)
  end
  local logps = both("policy_", true)
  return batches.plain {
    lengths = lengths, pairs = true, logps = logps, ref_logps = both "ref_",
    log_collision = both "policy_log_sum_sq_probs_",
  }, leaves
end

--- What the trainer does with one batch: `prepare` for each term, the losses, and their mean. `models` has
-- what `prepare` reads; a term has new running statistics unless `models.state` is given.
function pack.step(bound, batch, models)
  models = models or {}
  for _, term in ipairs(bound:terms()) do
    term.loss:prepare(batch, {
      policy = models.policy, reference = models.reference, parameters = models.parameters,
      state = models.state or term.loss:new_state(),
    })
  end
  return (bound(batch, models.parameters)):mean()
end

--- What the trainer logs of one batch, by name. `losses` are those of the batch.
function pack.figures(bound, batch, losses)
  local sums, counts, means = {}, {}, {}
  local m = {}
  function m:add(name, sum, count)
    sums[name], counts[name] = (sums[name] or 0) + sum, (counts[name] or 0) + count
  end
  function m:add_all(name, values) self:add(name, values:to("f64"):sum():item(), values:numel()) end
  figures.add(m, batch, { { term = bound:terms()[1], losses = losses } })
  for name, sum in pairs(sums) do means[name] = sum / counts[name] end
  return means
end

return pack
