--- A training step in a fixed number of shards, divided among the processes of a job.
--
--   mpirun -n 4 perilune script.lua          -- script.lua: align.train { ..., shards = 16 }
--
-- The number of shards is part of the experiment, the number of processes is not: responses are drawn, judged
-- and differentiated shard by shard, and gradients are added in one fixed tree, so parameters and figures
-- have the same bits for any number of processes and threads. Every process runs the whole script.
local mpi = require "perilune.mpi"
local options = require "perilune.options"
local packed = require "perilune.align.runs.packed"
local plain = require "perilune.plain"
local stats = require "perilune.align.evaluate.stats"
local tensor = require "perilune.tensor"

local shards = {}

--- The option of everything that trains in shards.
shards.options = options.spec("align.shards", {
  { "shards", 0, "parts of a step, which the processes of a job divide; the result does not depend on their "
    .. "number. 0: no parts", least = 0, most = 4096 },
})

-- The shards of the training that is running; 0 outside one, and where its step has none.
local current = 0
local leave = setmetatable({}, { __close = function() current = 0 end })

--- Returns f(...), within which responses are drawn and judged in `count` shards.
function shards.within(count, f, ...)
  current = count
  local guard <close> = leave  -- luacheck: ignore 211
  return f(...)
end

--- The numbers of the units of shard `k` when `total` units make `count` shards: the first and the last.
-- Sizes differ by at most one.
--
--   > local shards = require "perilune.align.shards"
--   > print(shards.range(7, 3, 2))
--   3	4
function shards.range(total, count, k) return total * (k - 1) // count + 1, total * k // count end

--- The same as a list of the numbers.
--
--   > table.concat(shards.places(7, 3, 2), " ")
--   3 4
function shards.places(total, count, k)
  local places, first, last = {}, shards.range(total, count, k)
  for i = first, last do places[#places + 1] = i end
  return places
end

--- The units 1 to #sizes in `count` shards of nearly equal size, as lists of numbers in rising order. Units
-- are dealt from the largest to the smallest, in rounds of one for each shard, in which the smallest shard
-- comes first: each has as many units as the others or one less.
--
--   > local shards = require "perilune.align.shards"
--   > local parts = shards.balanced({ 9, 1, 7, 2 }, 2)
--   > print(table.concat(parts[1], " "), table.concat(parts[2], " "))
--   1 2	3 4
function shards.balanced(sizes, count)
  local units, parts, totals = {}, {}, {}
  for i = 1, #sizes do units[i] = i end
  for k = 1, count do parts[k], totals[k] = {}, 0 end
  table.sort(units, function(a, b) return sizes[a] > sizes[b] or sizes[a] == sizes[b] and a < b end)
  for start = 0, #units - 1, count do
    local turns = {}
    for k = 1, count do turns[k] = k end
    table.sort(turns, function(a, b) return totals[a] < totals[b] or totals[a] == totals[b] and a < b end)
    for i, k in ipairs(turns) do
      local unit = units[start + i]
      parts[k][#parts[k] + 1] = unit
      totals[k] = totals[k] + (unit and sizes[unit] or 0)
    end
  end
  for _, part in ipairs(parts) do table.sort(part) end
  return parts
end

--- The first and the last of `count` shards of this process.
local function own(count)
  local size = mpi.size()
  if size > count then
    error(("%d processes have no work with %d shards: give at least as many shards"):format(size, count), 0)
  end
  return shards.range(count, size, mpi.rank() + 1)
end

--- The lists of plain data of all processes one after another.
function shards.lists(own_list)
  if mpi.size() == 1 then return own_list end
  local joined = {}
  for _, text in ipairs(mpi.all_gather(plain.encode(own_list, "the data of a shard"))) do
    local part = plain.decode(text)
    table.move(part, 1, #part, #joined + 1, joined)
  end
  return joined
end

--- The plain data of every shard, in their order; `make(shard)` gives those of a shard of this process.
local function gathered(count, make)
  local all, first, last = {}, own(count)
  for k = first, last do all[#all + 1] = make(k) end
  return shards.lists(all)
end

--- The gradients of a step: `compute(shard)` runs backward and returns the loss of a shard and its figures
-- (stats.sums, or nil). Gives the loss and the figures of all shards; the parameters have their gradient.
function shards.gradients(optimizer, count, compute)
  local sum = mpi.shard_sum(optimizer, count)
  local parts = gathered(count, function(k)
    optimizer:zero_grad()
    local loss, figures = compute(k)
    sum:add(k)
    return { loss = loss, figures = figures and { sums = figures.sums, counts = figures.counts,
      names = figures.names } }
  end)
  sum:finish()
  local total, all = 0.0, stats.sums()
  for _, part in ipairs(parts) do
    total = total + part.loss
    if part.figures then all:merge(part.figures) end
  end
  return total, all
end

--- Rows of responses to each prompt. `draw(prompts, first)` draws those of some prompts, of which the first
-- has the number `first`; it is called once outside a training in shards. With `is_free`, where the responses
-- to a prompt do not depend on the other prompts, a process draws those of all its shards at once.
function shards.rows(prompts, draw, is_free)
  local count, is_alone = current, mpi.size() == 1
  if count == 0 or is_free and is_alone then return draw(prompts, 1) end
  local first, last = own(count)
  local parts = {}
  local function add(from, to)
    if from <= to then parts[#parts + 1] = draw(table.move(prompts, from, to, 1, {}), from) end
  end
  if is_free then
    local from = shards.range(#prompts, count, first)
    local _, to = shards.range(#prompts, count, last)
    add(from, to)
  else
    for k = first, last do add(shards.range(#prompts, count, k)) end
  end
  local rows = #parts > 1 and parts[1]:concat(table.unpack(parts, 2)) or parts[1]
  if is_alone then return rows end
  return packed.rows_of_tensors(mpi.all_gather(rows and packed.tensors_of_rows(rows) or {}))
end

--- Divides Rows among the processes by their tokens: for each process the places of its rows and what
-- `compute(rows)` gave for them, tensors by name.
local function divided(rows, compute)
  local places, of_process = shards.balanced(shards.sizes(rows), mpi.size()), {}
  local own_places = places[mpi.rank() + 1]
  local all = mpi.all_gather(#own_places > 0 and compute(rows:select(own_places)) or {})
  for p, columns in ipairs(all) do of_process[p] = { places = places[p], columns = columns } end
  return of_process
end

--- Token columns of Rows by name: `compute(rows)` gives those of some rows, which depend on no other row. It
-- is called for all rows outside a training in shards, else for a part of about equal tokens on each process.
function shards.tokens(rows, compute)
  if current == 0 or mpi.size() == 1 then return compute(rows) end
  local pieces, found = {}, {}
  for _, part in ipairs(divided(rows, compute)) do
    local some = rows:select(part.places)
    for name, values in pairs(part.columns) do
      pieces[name] = pieces[name] or {}
      for i, piece in ipairs(some:split(values)) do pieces[name][part.places[i]] = piece end
    end
  end
  for name, list in pairs(pieces) do found[name] = tensor.cat(list, 1) end
  return found
end

--- Columns of Rows by name, one number a row: `compute` is as for shards.tokens.
function shards.numbers(rows, compute)
  if current == 0 or mpi.size() == 1 then return compute(rows) end
  local count, order, pieces, found = 0, {}, {}, {}
  for _, part in ipairs(divided(rows, compute)) do
    for name, values in pairs(part.columns) do
      pieces[name] = pieces[name] or {}
      table.insert(pieces[name], values)
    end
    for _, row in ipairs(part.places) do count, order[row] = count + 1, count + 1 end
  end
  for name, list in pairs(pieces) do
    found[name] = tensor.cat(list, 1):index_select(1, tensor(order, "i64"))
  end
  return found
end

--- log pi(y|x) of each row, [n], without gradient.
function shards.logps(policy, rows)
  return shards.numbers(rows, function(some)
    return { logps = tensor.no_grad(function() return (policy:logps(some)) end) }
  end).logps
end

--- The tokens of each row, of prompt and response: what it costs to read it.
function shards.sizes(rows) return (rows:prompt_lengths() + rows:lengths()):totable() end

-- Whether a list is being made: a judge made of others asks them within it, about the rows of its shard.
local is_listing = false
local listed = setmetatable({}, { __close = function() is_listing = false end })

--- A list of one value a row. `ask(places)` gives those of the rows at `places`, or with nil those of all
-- rows; it is called once outside a training in shards, and within another `ask`.
function shards.list(total, ask)
  if current == 0 or is_listing or mpi.size() == 1 then return ask(nil) end
  is_listing = true
  local guard <close> = listed  -- luacheck: ignore 211
  local places = shards.places(total, mpi.size(), mpi.rank() + 1)
  return shards.lists(#places > 0 and ask(places) or {})
end

return options.strict("align.shards", shards)
