--- The batches of invariances_test.lua: 8 pairs, or 8 groups of 2 or 3 responses, with all that losses read.
local toy = require "toy"
local tensor = require "perilune.tensor"
local batches = require "perilune.align.batch"
local loss = require "perilune.align.loss"

local fixture = {}

local models = { policy = toy.model(5), reference = toy.model(6) }

--- Rows of a group: 2, and 3 where the third is the policy's own response.
local sizes = { groups = 2, best_of = 2, hybrid = 3 }

local function size_of(bound) return bound.per ~= "pair" and sizes[bound.source.name] or nil end

--- The rows of a batch and what is known of them: pairs, or groups of `size`.
local function plain_batch(size)
  local count = 8 * (size or 2)
  local given = { prompts = {}, responses = {}, writer = {}, reward = {}, prob_desirable = {},
    reference_rewards = {}, pairs = not size }
  local group, role, roles = {}, {}, { "chosen", "rejected", "own" }
  for row = 1, count do
    local unit = size and (row - 1) // size + 1 or (row - 1) % 8 + 1
    local place = size and (row - 1) % size + 1 or (row - 1) // 8 + 1
    local response = {}
    for i = 1, 1 + (3 * row + 2 * place) % 5 do response[i] = 2 + (5 * row + 3 * i) % 9 end
    given.prompts[row], given.responses[row] = toy.prompts[unit], response
    group[row], role[row] = unit, roles[place]
    given.writer[row] = (unit + place) % 2 == 0 and "policy" or "reference"
    given.reward[row] = (7 * row % 11) / 4 - 1
    given.prob_desirable[row] = 0.3 + 0.03 * row
    given.reference_rewards[row] = { given.reward[row] + 0.5, 0.25 * unit }
  end
  if size then given.group, given.role = group, role end
  return batches.new(given)
end

local function noise(like, seed, scale)
  return tensor.randn(like:size(), { seed = seed, dtype = like:dtype() }) * scale
end

--- The rows in which the places of units are those of `order`, and chosen and rejected are swapped.
local function places_of(batch, how)
  local places, units, n = {}, batch:units(), batch:has_pairs() and #batch
  for i = 1, #units do
    local unit = units[how.order and how.order[i] or i]
    if n then
      places[i], places[n + i] = unit[how.swap and 2 or 1], unit[how.swap and 1 or 2]
    else
      table.move(unit, 1, #unit, #places + 1, places)
    end
  end
  return places
end

--- Outputs of a model for the rows of a batch, in the dtype.
local function outputs(model, batch, dtype)
  local names = { "logps", "entropy", "log_collision", "logits", "hidden", "prompt_logps" }
  local found = tensor.no_grad(model.outputs, model, batch.rows, names)
  for name, value in pairs(found) do found[name] = value:detach():to(dtype) end
  return found
end

--- One number more at the first token of the rows for which `by(row)` is not 0.
local function add_first(batch, column, by)
  local numbers, at = column:totable(), 1
  for row, length in ipairs(batch.lengths:totable()) do
    numbers[at] = numbers[at] + by(row)
    at = at + math.tointeger(length)
  end
  return tensor(numbers, column:dtype())
end

--- What the columns of the policy and of the reference are under `how`.
local function columns_of(batch, how)
  local dtype = how.dtype or "f64"
  local own, ref = outputs(models.policy, batch, dtype), outputs(models.reference, batch, dtype)
  own.logps = own.logps - noise(own.logps, 1, 0.5):abs()
  ref.logps = ref.logps - noise(ref.logps, 2, 0.5):abs()
  local old = own.logps + noise(own.logps, 3, 0.15)
  if how.same then
    ref, old, own.log_collision = own, own.logps, own.logps
  elseif how.shift then
    local half = #batch
    local function by(row) return row <= half and -1.75 or 2.5 end
    own.logps, ref.logps = add_first(batch, own.logps, by), add_first(batch, ref.logps, by)
  elseif how.huge then
    local last = how.huge.row == "first" and 1 or batch.lengths:numel()
    local function changed(logps)
      return add_first(batch, logps, function(row) return row == last and -1e4 or 0 end)
    end
    if how.huge.column == "logps" then own.logps = changed(own.logps) end
    if how.huge.column == "ref_logps" then ref.logps = changed(ref.logps) end
    if how.huge.column == "old_logps" then old = changed(old) end
  end
  return own, ref, old
end

--- A prepared batch for a loss: `view`, `leaves` (what the loss reads of the policy, with gradient) and
-- `parameters`. `how` may have order, swap, same, shift, huge and dtype.
function fixture.setup(bound, how)
  how = how or {}
  local batch = plain_batch(size_of(bound))
  local own, ref, old = columns_of(batch, how)
  local leaves = {}
  for _, name in ipairs(bound.reads) do
    if own[name] then
      leaves[name] = own[name]:detach():clone():requires_grad_(true)
      own[name] = leaves[name]
    end
  end
  local prompts = own.prompt_logps
  own.prompt_logps, ref.prompt_logps = nil, nil
  for name, column in pairs(own) do batch:set_tokens(name, column) end
  for name, column in pairs(ref) do batch:set_tokens("ref_" .. name, column) end
  batch:set_tokens("old_logps", old)
  local places = places_of(batch, how)
  local view = batch:at_rows(places, batch:has_pairs() and #batch or nil)
  local setup = { view = view, leaves = leaves, prompts = prompts, places = places }
  setup.parameters = bound:new_parameters(models.policy)
  for name, parameter in pairs(setup.parameters) do
    parameter = parameter:detach():to(old:dtype())
    setup.parameters[name] = (parameter + noise(parameter, 4, 0.1)):requires_grad_(true)
  end
  bound:prepare(view, {
    policy = models.policy, reference = how.same and models.policy or models.reference,
    parameters = setup.parameters, state = bound:new_state(),
  })
  return setup
end

--- The prompts of the toy task have two tokens: one log-probability a row.
local function set_prompts(setup, view, places)
  local rows = {}
  for i, place in ipairs(places) do rows[i] = setup.places[place] end
  view.token_columns.prompt_logps = setup.prompts:index_select(1, tensor(rows, "i64"))
end

--- The mean loss of the whole batch; `changed` are columns of the policy in place of the leaves.
function fixture.value(bound, setup, changed)
  local view, all = setup.view:view(), {}
  for i = 1, #setup.places do all[i] = i end
  local prompts = setup.prompts
  for name, column in pairs(changed or {}) do
    if name == "prompt_logps" then setup.prompts = column else view:set_tokens(name, column) end
  end
  set_prompts(setup, view, all)
  setup.prompts = prompts
  return (bound(view, setup.parameters)):mean()
end

--- The part of some units of the loss of the whole batch, as the trainer computes it.
function fixture.piece(bound, setup, units)
  local piece, places = setup.view:select(units), {}
  rawset(piece, "part", setup.view)
  for _, unit in ipairs(units) do
    for _, row in ipairs(setup.view:units()[unit]) do places[#places + 1] = row end
  end
  set_prompts(setup, piece, places)
  local value = bound(piece, setup.parameters)
  local count = value:numel() == 1 and bound:count(piece) or 1
  return value:sum() * (count / bound:count(setup.view))
end

--- What the loss compares of each pair: log-ratios, or without a reference log-probabilities; two lists.
-- `norm` is that of losses without an option of this name.
function fixture.sides(bound, setup, norm)
  local view = setup.view
  norm = bound.options.norm or norm
  if table.concat(bound.reads, " "):find "ref_logps" then
    local c, r = loss.log_ratios(view, bound.options)
    return c:detach():totable(), r:detach():totable()
  end
  local function side(which) return loss.normed(view, view[which], which, norm):detach():totable() end
  return side "chosen", side "rejected"
end

return fixture
