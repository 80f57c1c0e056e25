--- The gradients of a step: what the loss reads is computed in one pass of each model, and nothing else.
local tensor = require "perilune.tensor"
local losses = require "perilune.align.loss"

local gradient = {}

--- What a pass gives that is one number a response token of each row, whatever the other rows: what can be
-- stored.
local storable = { logps = true, entropy = true, log_collision = true }

--- The names that a pass of the policy gives, those that a pass of the reference gives, and the columns.
local function sorted(names)
  local own, reference, columns = {}, {}, {}
  for _, name in ipairs(names) do
    local of_reference = name:match "^ref_(.*)"
    if losses.outputs[name] then
      own[#own + 1] = name
    elseif of_reference and losses.outputs[of_reference] then
      reference[#reference + 1] = of_reference
    else
      columns[#columns + 1] = name
    end
  end
  return own, reference, columns
end

--- Adds the outputs of one pass to a batch.
local function attach(batch, model, names, prefix)
  if #names == 0 then return end
  for name, value in pairs(model:outputs(batch.rows, names)) do batch:set_tokens(prefix .. name, value) end
end

local function all_storable(names)
  for _, name in ipairs(names) do
    if not storable[name] then return false end
  end
  return true
end

--- The reference's outputs for the rows of a batch, computed once for every row of a data set.
local function attach_stored(run, batch, view, names)
  local stored = batch:stored_tokens(run.reference_hash, names, function(rows)
    return tensor.no_grad(run.reference.outputs, run.reference, rows, names)
  end)
  for name, value in pairs(stored) do view:set_tokens("ref_" .. name, value) end
end

local function check_columns(loss, batch, columns, where)
  for _, name in ipairs(columns) do
    if batch[name] == nil then
      error(("%s: loss '%s' reads '%s', which the batch does not have: it has %s"):format(
        where, loss.name, name, batch:column_names()), 0)
    end
  end
end

--- A view of a batch with all that the loss computes or reads of the whole batch: the reference's columns,
-- and what the loss's `prepare` sets. Nothing of it is added to the batch itself, which may be recorded.
function gradient.prepared(run, batch, where)
  local loss, view = run.options.loss, batch:view()
  if not batch:has_pairs() then
    for _, term in ipairs(loss:terms()) do
      if term.loss.per == "pair" then
        error(("%s: loss '%s' reads pairs, and the batch has none"):format(where, term.loss.name), 0)
      end
    end
  end
  local _, reference = sorted(loss.reads)
  if #reference > 0 and all_storable(reference) then attach_stored(run, batch, view, reference) end
  local own, of_reference, needed = sorted(loss.prepare_reads)
  check_columns(loss, view, needed, where)
  tensor.no_grad(function()
    attach(view, run.policy, own, "")
    if #of_reference > 0 then attach_stored(run, batch, view, of_reference) end
  end)
  for i, term in ipairs(loss:terms()) do
    term.loss:prepare(view,
      { policy = run.policy, reference = run.reference, parameters = run.parameters[i] })
  end
  for _, name in ipairs(own) do view:set_tokens(name, nil) end
  local _, _, columns = sorted(loss.reads)
  check_columns(loss, view, columns, where)
  return view
end

--- Part k of n of a batch as n lists of units whose sizes differ by at most one.
local function divided(count, n, what, where)
  if count < n then error(("%s: %d units make no %d %s"):format(where, count, n, what), 0) end
  local parts, start = {}, 1
  for k = 1, n do
    local stop = count * k // n
    parts[k] = {}
    for i = start, stop do parts[k][#parts[k] + 1] = i end
    start = stop + 1
  end
  return parts
end

local function checked(term, value, piece)
  local count = term.loss:count(piece)
  local is_tensor = type(value) == "userdata" and (getmetatable(value) or {}).__name == "Tensor"
  if not is_tensor then
    local got = type(value) == "number" and "the number " .. value or tostring(value)
    error(("the loss '%s' must give a tensor of %d losses, one a %s, got %s"):format(
      term.loss.name, count, term.loss.per, got), 0)
  elseif value:numel() ~= count and value:numel() ~= 1 then
    error(("the loss '%s' must give %d losses, one a %s, got %d"):format(
      term.loss.name, count, term.loss.per, value:numel()), 0)
  end
  return value
end

--- The loss of a piece of `part` as a scalar: the losses of its units over the number of units of the whole
-- part.
local function scalar(run, piece, part, seen)
  local terms, total, found = run.options.loss:terms(), nil, {}
  for i, term in ipairs(terms) do
    local value, own = term.loss(piece, run.parameters[i])
    value = checked(term, value, piece)
    found[i] = { term = term, losses = value, own = own }
    local mean
    if piece == part then
      mean = value:mean()
    else
      local units = value:numel() == 1 and term.loss:count(piece) or 1
      mean = value:sum() * (units / term.loss:count(part))
    end
    if term.weight ~= 1 then mean = mean * term.weight end
    total = total and total + mean or mean
  end
  if seen then seen(piece, found) end
  return total
end

--- Adds the gradients of part `k` of a prepared batch and returns its loss. Where the part is computed in
-- pieces, a piece has it as `part`, which is what `loss.step_mean` reads. `seen(piece, found)`, when given,
-- is called for each piece, with a list of { term, losses, own } for the terms of the loss.
function gradient.of_part(run, view, k, where, seen)
  local o = run.options
  local own, reference = sorted(o.loss.reads)
  local part = o.mini_batches == 1 and view:view()
    or view:select(divided(#view:units(), o.mini_batches, "mini-batches", where)[k])
  local n, value = o.gradient_accumulation_steps, 0
  local pieces = n > 1 and divided(#part:units(), n, "pieces", where)
  for i = 1, n do
    local piece = pieces and part:select(pieces[i]) or part
    if pieces then rawset(piece, "part", part) end
    if #reference > 0 and not all_storable(reference) then
      tensor.no_grad(attach, piece, run.reference, reference, "ref_")
    end
    attach(piece, run.policy, own, "")
    local loss = scalar(run, piece, part, seen)
    loss:backward()
    value = value + loss:item()
  end
  return value
end

return gradient
