--- The gradients of a step: what the loss reads is computed in one pass of each model, and nothing else.
local options = require "perilune.options"
local system = require "perilune.system"
local tensor = require "perilune.tensor"
local figures = require "perilune.align.train.figures"
local losses = require "perilune.align.loss"
local moves = require "perilune.align.train.reference"
local shards = require "perilune.align.shards"
local stats = require "perilune.align.evaluate.stats"

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

--- Adds the outputs of one pass to a batch; `gold_logps` are of a pass on the gold responses of its pairs.
local function attach(batch, model, names, prefix)
  local of_rows = {}
  for _, name in ipairs(names) do
    if name == "gold_logps" then
      batch:set_tokens(prefix .. name, model:outputs(batch:gold_rows(), { "logps" }).logps)
    else
      of_rows[#of_rows + 1] = name
    end
  end
  if #of_rows == 0 then return end
  for name, value in pairs(model:outputs(batch.rows, of_rows)) do batch:set_tokens(prefix .. name, value) end
end

local function all_storable(names)
  for _, name in ipairs(names) do
    if not storable[name] then return false end
  end
  return true
end

--- The reference's outputs for the rows of a batch, as far as the view lacks them. They are computed once for
-- every row of a data set, after each move of the reference anew.
local function attach_reference(run, batch, view, names)
  local missing = {}
  for _, name in ipairs(names) do
    if not view["ref_" .. name] then missing[#missing + 1] = name end
  end
  if #missing == 0 then return end
  local function compute(rows) return tensor.no_grad(run.reference.outputs, run.reference, rows, missing) end
  local function divided(rows) return shards.tokens(rows, compute) end
  local found = all_storable(missing) and batch:stored_tokens(moves.hash(run), missing, divided)
    or compute(batch.rows)
  for name, value in pairs(found) do view:set_tokens("ref_" .. name, value) end
end

local function check_columns(loss, batch, columns, where)
  for _, name in ipairs(columns) do
    if batch[name] == nil then
      error(("%s: loss '%s' reads '%s', which the batch does not have: it has %s"):format(
        where, loss.name, name, batch:column_names()), 0)
    end
  end
end

local function copied(values)
  local copy = {}
  for name, value in pairs(values) do copy[name] = value end
  return copy
end

--- A view of a batch with all that the loss computes or reads of the whole batch: the reference's columns,
-- and what the loss's `prepare` sets. Nothing of it is added to the batch itself, which may be recorded.
-- The second result is what the running statistics of the loss are then; the run's own are not changed, so
-- a batch that Ctrl-C leaves half prepared is prepared again.
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
  if #reference > 0 and all_storable(reference) then attach_reference(run, batch, view, reference) end
  local own, of_reference, needed = sorted(loss.prepare_reads)
  check_columns(loss, view, needed, where)
  tensor.no_grad(function()
    attach(view, run.policy, own, "")
    attach_reference(run, batch, view, of_reference)
  end)
  local states = {}
  for i, term in ipairs(loss:terms()) do
    states[i] = copied(run.states[i])
    term.loss:prepare(view, {
      policy = run.policy, reference = run.reference, parameters = run.parameters[i], state = states[i],
    })
  end
  for _, name in ipairs(own) do view:set_tokens(name, nil) end
  view:check_finite(where)
  local _, _, columns = sorted(loss.reads)
  check_columns(loss, view, columns, where)
  return view, states
end

--- Refuses a division of a batch into more parts than it has units.
local function check_parts(count, n, what, where)
  if count < n then error(("%s: %d units make no %d %s"):format(where, count, n, what), 0) end
end

--- The units of update `k` of a batch, in their order or, shuffled, in one of its own for each epoch.
local function mini_batch(run, view, k, where)
  local o, count = run.options, #view:units()
  check_parts(count, o.mini_batches, "mini-batches", where)
  local units = shards.places(count, o.mini_batches, (k - 1) % o.mini_batches + 1)
  if not o.shuffle_mini_batches then return units end
  local epoch = (run.current.step - 1) * o.epochs + (k - 1) // o.mini_batches
  local order = system.permutation(count, o.seed, "train/mini-batches", epoch)
  for i, place in ipairs(units) do units[i] = order[place] end
  return units
end

--- The units of a part in n pieces, as lists of numbers: shards of nearly as many tokens, or else ranges.
local function pieces_of(part, n, in_shards, where)
  local units, pieces = part:units(), {}
  check_parts(#units, n, in_shards and "shards" or "pieces", where)
  if in_shards then
    local tokens, sizes = shards.sizes(part.rows), {}
    for i, unit in ipairs(units) do
      sizes[i] = 0
      for _, row in ipairs(unit) do sizes[i] = sizes[i] + tokens[row] end
    end
    return shards.balanced(sizes, n)
  end
  for k = 1, n do pieces[k] = shards.places(#units, n, k) end
  return pieces
end

local function checked(term, value, piece)
  local count = term.loss:count(piece)
  local is_tensor = type(value) == "userdata" and (getmetatable(value) or {}).__name == "Tensor"
  if not is_tensor then
    local got = type(value) == "number" and "the number " .. options.number_text(value) or tostring(value)
    error(("the loss '%s' must give a tensor of %d losses, one a %s, got %s"):format(
      term.loss.name, count, term.loss.per, got), 0)
  elseif term.loss.definition.mean and value:numel() ~= 1 then
    error(("the loss '%s' must give the mean over its %ss, one number, got %d"):format(
      term.loss.name, term.loss.per, value:numel()), 0)
  elseif not term.loss.definition.mean and value:numel() ~= count then
    local hint = value:numel() == 1 and "; a sum of them and a mean look alike: leave out sum or mean" or ""
    error(("the loss '%s' must give %d losses, one a %s, got %d%s"):format(
      term.loss.name, count, term.loss.per, value:numel(), hint), 0)
  end
  return value
end

--- The losses of a piece times the weights of their units, where the batch has a column `weight`.
local function weighted(term, value, piece)
  local weight, count, per = piece.weight, term.loss:count(piece), term.loss.per
  if not weight then return value end
  if term.loss.definition.mean then
    error(("the batch has weights, and loss '%s' gives one mean, expected %d losses, one a %s"):format(
      term.loss.name, count, per), 0)
  end
  local least = weight:min():item()
  if not (least >= 0) then
    error(("the batch has a weight of %s, expected weights of at least 0"):format(
      options.number_text(least)), 0)
  end
  if per == "pair" then
    weight = weight:narrow(1, 1, count)
  elseif per == "token" then
    weight = piece:spread(weight)
  elseif per == "group" then
    local first = {}
    for i, unit in ipairs(piece:units()) do first[i] = unit[1] end
    weight = weight:index_select(1, tensor(first, "i64"))
  end
  return value * weight:to(value:dtype())
end

--- The loss of a piece of `part` as a scalar: the losses of its units over the number of units of the whole
-- part.
local function scalar(run, piece, part, seen)
  local terms, total, found = run.options.loss:terms(), nil, {}
  for i, term in ipairs(terms) do
    local value, own = term.loss(piece, run.parameters[i])
    value = weighted(term, checked(term, value, piece), piece)
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
  seen(piece, found)
  return total
end

--- Adds the gradients of piece `i` of `pieces` of a part, and returns its loss.
local function of_piece(run, part, pieces, i, seen)
  local own, reference = sorted(run.options.loss.reads)
  local piece = pieces and part:select(pieces[i]) or part
  if pieces then
    rawset(piece, "part", part)
    rawset(piece, "places_in_part", pieces[i])
  end
  if #reference > 0 and not all_storable(reference) then
    tensor.no_grad(attach, piece, run.reference, reference, "ref_")
  end
  attach(piece, run.policy, own, "")
  local loss = scalar(run, piece, part, seen)
  loss:backward()
  return loss:item()
end

--- Computes the gradients of update `k` on a prepared batch and returns its loss. Where the part is computed
-- in pieces, a piece has it as `part`, which is what `loss.step_mean` reads. `logged`, when given, receives
-- the figures of all pieces; `seen(piece)`, when given, is called for each piece of this process.
function gradient.of_part(run, view, k, where, logged, seen)
  local o = run.options
  local part = o.mini_batches == 1 and view:view() or view:select(mini_batch(run, view, k, where))
  local n = o.shards > 0 and o.shards or o.gradient_accumulation_steps
  local pieces = n > 1 and pieces_of(part, n, o.shards > 0, where) or nil
  local function add_to(sums)
    return function(piece, found)
      if sums then figures.add(sums, piece, found) end
      if seen then seen(piece) end
    end
  end
  if o.shards > 0 then
    local value, all = shards.gradients(run.optimizer, n, function(i)
      local sums = logged and stats.sums()
      return of_piece(run, part, pieces, i, add_to(sums)), sums
    end)
    if logged then logged:merge(all) end
    return value
  end
  local value = 0
  for i = 1, n do value = value + of_piece(run, part, pieces, i, add_to(logged)) end
  return value
end

return gradient
