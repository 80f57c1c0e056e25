--- Counts what a step asks of the system's allocator in the steady state: two runs, of n steps and of 2n, differ by n.
--
-- The counts come from outside, from peers/count_allocations.c in the same process; beside them are our own counts of the
-- buffers that tensors took and of those that the pool did not have.
local perilune = require "perilune"
local formats = perilune.formats
local folder = arg[0]:match "^(.*)[/\\]" or "."
local turns = dofile(folder .. "/processes.lua")
local quoted <const> = turns.quoted

local allocations = {}

--- The counter as a library to be loaded first; nil where there is no C compiler.
function allocations.counter()
  local path = turns.output_of "pwd" .. "/" .. turns.logs .. "/count_allocations.so"
  local built = os.execute(("cc -O2 -shared -fPIC -o %s %s/peers/count_allocations.c"):format(quoted(path), folder))
  return built and path or nil
end

--- The counts of the process that asked most: others in the file were started on the way.
local function most_of(path)
  local file <close> = io.open(path)
  local most
  for text in file and file:lines() or function() end do
    local counts = text:sub(1, 1) == "{" and formats.json_decode(text)
    if counts and (not most or counts.small > most.small) then most = counts end
  end
  return most
end

--- Counts of one run, and what it printed last; nil when it failed.
local function counted(library, command, steps)
  local path = turns.logs .. "/allocations.json"
  os.remove(path)
  local said = turns.output_of(("COUNT_ALLOCATIONS=%s LD_PRELOAD=%s %s --steps %d 2>%s/allocations.log"):format(
    quoted(path), quoted(library), command, steps, turns.logs))
  local counts = most_of(path)
  local own = said:match "({[^\n]*})$"
  if counts and own then
    for name, value in pairs(formats.json_decode(own)) do counts[name] = value end
  end
  return counts
end

--- Counts and bytes a step; nil when a run failed.
function allocations.measure(library, command, steps)
  local first = counted(library, command, steps)
  local second = first and counted(library, command, 2 * steps)
  if not second then return nil end
  local a_step = {}
  for name, value in pairs(second) do a_step[name] = (value - (first[name] or 0)) / steps end
  return a_step
end

return allocations
