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

--- The rows of a packed tensor, a tensor each, through which gradients flow.
function pack.parts(packed, lengths)
  local parts, first = {}, 1
  for row, length in ipairs(lengths) do
    parts[row] = packed:narrow(1, first, length)
    first = first + length
  end
  return parts
end

--- Pairs of two lists of packed rows by name, as a batch: row i of the first half is that of `order[i][1]`,
-- of the second half that of `order[i][2]`. `policy` and `ref` have the rows by name, `more` other columns;
-- the tensors of the policy by name are the second result.
function pack.drawn(policy, ref, order, more)
  local leaves, parts, logps, ref_rows, lengths, writer = {}, {}, {}, {}, {}, {}
  for name, rows in pairs(policy) do
    local packed, own = pack.rows(rows, true)
    leaves[name], parts[name] = packed, pack.parts(packed, own)
  end
  for row, names in ipairs(order) do
    for half, name in ipairs(names) do
      local place = (half - 1) * #order + row
      logps[place], ref_rows[place], writer[place] = parts[name][row], ref[name][row], name
      lengths[place] = #ref[name][row]
    end
  end
  local given = {
    pairs = true, lengths = lengths, logps = tensor.cat(logps, 1), ref_logps = (pack.rows(ref_rows)),
    writer = writer,
  }
  for name, column in pairs(more or {}) do given[name] = column end
  return batches.plain(given), leaves
end

--- The group of each of n rows: `size` rows one after another.
function pack.groups(n, size)
  local group = {}
  for row = 1, n do group[row] = (row - 1) // size + 1 end
  return group
end

--- The rewards of n rows as a tensor, and those of several functions as lists; NaN where one is missing.
function pack.rewards(given, n)
  local numbers, lists, most = {}, {}, 0
  for row = 1, n do
    numbers[row] = type(given[row]) == "number" and given[row] or 0 / 0
    for k in pairs(type(given[row]) == "table" and given[row] or {}) do most = math.max(most, k) end
  end
  for row = 1, n do
    lists[row] = {}
    for k = 1, most do lists[row][k] = (given[row] or {})[k] or 0 / 0 end
  end
  return pack.f64(numbers), most > 0 and lists or nil
end

--- Those of the options of a case that are named.
function pack.only(options, names)
  local some = {}
  for _, name in ipairs(names) do some[name] = options[name] end
  return some
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
