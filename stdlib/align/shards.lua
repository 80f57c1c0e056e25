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

--- The shards of this process.
local function own(count)
  local size = mpi.size()
  if size > count then
    error(("%d processes have no work with %d shards: give at least as many shards"):format(size, count), 0)
  end
  return shards.range(count, size, mpi.rank() + 1)
end

--- The plain data of every shard, in their order; `make(shard)` gives those of a shard of this process.
local function gathered(count, make)
  local all, first, last = {}, own(count)
  for k = first, last do all[#all + 1] = make(k) end
  if mpi.size() == 1 then return all end
  local joined = {}
  for _, text in ipairs(mpi.all_gather(plain.encode(all, "the data of a shard"))) do
    local part = plain.decode(text)
    table.move(part, 1, #part, #joined + 1, joined)
  end
  return joined
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
-- has the number `first`; it is called once outside a training in shards.
function shards.rows(prompts, draw)
  if current == 0 then return draw(prompts, 1) end
  local count, parts = current, {}
  local drawn = gathered(count, function(k)
    local first, last = shards.range(#prompts, count, k)
    if first > last then return {} end
    return packed.pack_rows(draw(table.move(prompts, first, last, 1, {}), first))
  end)
  for _, data in ipairs(drawn) do
    if data.prompts then parts[#parts + 1] = packed.unpack_rows(data) end
  end
  return #parts == 1 and parts[1] or parts[1]:concat(table.unpack(parts, 2))
end

-- Whether a list is being made: a judge made of others asks them within it, about the rows of its shard.
local is_listing = false
local listed = setmetatable({}, { __close = function() is_listing = false end })

--- A list of one value a row. `ask(places)` gives those of the rows at `places`, or with nil those of all
-- rows; it is called once outside a training in shards, and within another `ask`.
function shards.list(total, ask)
  if current == 0 or is_listing or mpi.size() == 1 then return ask(nil) end
  is_listing = true
  local guard <close> = listed  -- luacheck: ignore 211
  local count, all = current, {}
  local parts = gathered(count, function(k)
    local places = shards.places(total, count, k)
    return #places > 0 and ask(places) or {}
  end)
  for _, part in ipairs(parts) do table.move(part, 1, #part, #all + 1, all) end
  return all
end

return options.strict("align.shards", shards)
