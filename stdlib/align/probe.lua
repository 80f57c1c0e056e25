--- Gradients of the loss that are looked at and discarded: of some rows of a batch, of another reference.
local tensor = require "perilune.tensor"
local gradient = require "perilune.align.train.gradient"

local probe = {}

--- The gradient of an update of a prepared batch as a list of tensors, one a parameter of the policy, or
-- false. `other` replaces fields of the run: `policy`, a table with a method outputs(rows, names);
-- `reference`; `options`. The gradients of the run's parameters are zero after it.
function probe.gradient(run, view, update, where, other)
  run.optimizer:zero_grad()
  gradient.of_part(setmetatable(other or {}, { __index = run }), view, update, where)
  local found = {}
  for i, parameter in ipairs((run.policy:parameters())) do
    local grad = parameter:grad()
    found[i] = grad and grad:clone() or false
  end
  run.optimizer:zero_grad()
  return found
end

--- The inner product of two gradients.
function probe.dot(a, b)
  local sum = 0.0
  for i, x in ipairs(a) do
    if x and b[i] then sum = sum + (x * b[i]):sum():item() end
  end
  return sum
end

function probe.norm(a) return math.sqrt(probe.dot(a, a)) end

--- The cosine of two gradients; nil where one is zero.
function probe.cosine(a, b)
  local norms = probe.norm(a) * probe.norm(b)
  return norms > 0 and probe.dot(a, b) / norms or nil
end

--- a + scale * b.
function probe.sum(a, b, scale)
  local found = {}
  for i, x in ipairs(a) do
    local y = b[i] and b[i] * scale
    found[i] = x and y and x + y or x or y
  end
  return found
end

--- How many numbers of an output each row has.
local function lengths_of(rows, name)
  local lengths = name == "prompt_logps" and rows:prompt_lengths() - 1 or rows:lengths()
  local list = lengths:totable()
  for i, length in ipairs(list) do list[i] = math.tointeger(length) end
  return list
end

--- The numbers of each row: a list of views, false for a row that has none.
local function split(values, lengths)
  local parts, start = {}, 1
  for i, length in ipairs(lengths) do
    parts[i] = length > 0 and values:narrow(1, start, length)
    start = start + length
  end
  return parts
end

local function leaf_outputs(policy, rows, names)
  local outputs = tensor.no_grad(policy.outputs, policy, rows, names)
  for name, value in pairs(outputs) do outputs[name] = value:detach():requires_grad_(true) end
  return outputs
end

--- A policy whose outputs have a gradient only at the rows for which `is_live(piece, row, count)`; `piece`
-- counts the calls, which are one for each piece of a batch.
function probe.partly(policy, is_live)
  local piece = 0
  return { outputs = function(_, rows, names)
    piece = piece + 1
    local places, others, place_of = {}, {}, {}
    for i = 1, #rows do
      local list = is_live(piece, i, #rows) and places or others
      list[#list + 1] = i
      place_of[i] = { list, #list }
    end
    if #places == 0 then return leaf_outputs(policy, rows, names) end
    local live = policy:outputs(rows:select(places), names)
    local still = #others > 0 and tensor.no_grad(policy.outputs, policy, rows:select(others), names)
    local outputs = {}
    for _, name in ipairs(names) do
      local parts = {
        [places] = split(live[name], lengths_of(rows:select(places), name)),
        [others] = still and split(still[name], lengths_of(rows:select(others), name)),
      }
      local all, is_leaf = {}, true
      for i = 1, #rows do
        local list, place = table.unpack(place_of[i])
        local part = parts[list][place]
        if part then all[#all + 1] = part end
        if part and list == places then is_leaf = false end
      end
      local whole = #all > 0 and tensor.cat(all, 1) or live[name]
      -- Empty live rows have no gradient: a leaf takes it.
      outputs[name] = is_leaf and whole:detach():requires_grad_(true) or whole
    end
    return outputs
  end }
end

--- A policy whose outputs are leaves, and a function that gives, after the gradient was computed, the
-- gradient with respect to the log-probability of each row of each piece: lists of numbers; nil if they were
-- not read.
function probe.leaves(policy)
  local pieces = {}
  local leaf = { outputs = function(_, rows, names)
    local outputs = leaf_outputs(policy, rows, names)
    pieces[#pieces + 1] = { rows = rows, logps = outputs.logps }
    return outputs
  end }
  return leaf, function()
    local all = {}
    for i, piece in ipairs(pieces) do
      local grad = piece.logps and piece.logps:grad()
      if not grad then return nil end
      all[i] = piece.rows:sums(grad):totable()
    end
    return all
  end
end

return probe
