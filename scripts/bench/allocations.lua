--- Counts what a step asks of the system's allocator: the difference of runs of n and of 2n steps.
--
-- peers/count_allocations.c counts in the same process, for us and for PyTorch. Our own counts are those of
-- the buffers that tensors took, and of those that the pool did not have.
local perilune = require "perilune"
local formats = perilune.formats
local folder = debug.getinfo(1, "S").source:match "^@(.*)/" or "."
local processes = dofile(folder .. "/processes.lua")
local quoted <const> = processes.quoted

local allocations = {}

--- The path of the counter as a library for LD_PRELOAD; nil without a C compiler.
function allocations.counter()
  local path = processes.output_of "pwd" .. "/" .. processes.logs .. "/count_allocations.so"
  local built = os.execute(
    ("cc -O2 -shared -fPIC -o %s %s/peers/count_allocations.c"):format(quoted(path), folder))
  return built and path or nil
end

--- The counts of the process with the most allocations: the file has those of every process that was started.
local function most_of(path)
  local file <close> = io.open(path)
  local most
  for text in file and file:lines() or function() end do
    local counts = text:sub(1, 1) == "{" and formats.json_decode(text)
    if counts and (not most or counts.small > most.small) then most = counts end
  end
  return most
end

--- The counts of one run; nil when it failed.
local function counted(library, command, steps)
  local path = processes.logs .. "/allocations.json"
  os.remove(path)
  local counting = ("env COUNT_ALLOCATIONS=%s LD_PRELOAD=%s %s --steps %d 2>%s/allocations.log"):format(
    quoted(path), quoted(library), command, steps, processes.logs)
  local said = processes.output_of(processes.bound(counting))
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
