--- R13: tasks whose allocations are refused, one after the other: a clean error, and the session goes on.
--
--     bin/perilune scripts/reliability/memory.lua --every 1 --jobs 2
--     bin/perilune scripts/reliability/memory.lua --tasks "offline training,json" --every 7
--
-- Each of memory_tasks.lua is run again and again, in a process of its own: its first allocation is refused,
-- then that `every` later, until it makes fewer. An allocation of Lua's heap or of a tensor is refused once,
-- and what comes after it is granted; or all are from there on. A case is bad where the task ends in an error
-- that does not speak of memory, in another result, or leaves an unfinished file; and where the same task,
-- with all the memory it wants, then fails or gives another result. So is a process that dies, or holds
-- more tensors or open files at the end than at its begin.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local common = require "common"
local parallel = require "perilune.parallel"

local o = common.options { every = 1, jobs = 2, tasks = "all", seconds = 3600, program = common.program }

local ways <const> = {
  { kind = "lua", count = 2, said = "Lua's heap, once" },
  { kind = "lua", count = 0, said = "Lua's heap, for good" },
  { kind = "tensors", count = 2, said = "tensors, once" },
  { kind = "tensors", count = 0, said = "tensors, for good" },
}

--- Runs the cases of a task, going on after one that ends its process.
local function sweep(name, way)
  local found, first = { name = name, cases = 0, bad = 0, said = {} }, 1
  local command = "ASAN_OPTIONS=detect_leaks=0 timeout %d '%s' --threads=1 --no-init "
    .. "'%s/scripts/reliability/memory_cases.lua' '%s' %s %d %d %d '%s'"
  local function note(at, what)
    found.bad = found.bad + 1
    found.said[#found.said + 1] = ("%s, %s, allocation %d: %s"):format(name, way.said, at, what)
  end
  repeat
    local folder = common.folder()
    local status, out, err = common.run(command:format(o.seconds, o.program, common.root, name, way.kind,
      way.count, first, o.every, folder))
    for at, what in out:gmatch "case (%d+): ([^\n]*)" do note(at, what) end
    local cases = out:match "refused (%d+) of"
    if not cases then
      local at = math.tointeger(tonumber(common.text(folder .. "/number") or first))
      note(at, ("status %d: %s"):format(status, err:sub(-1000)))
      cases, first = (at - first) // o.every + 1, at + o.every
      found.died = (found.died or 0) + 1
    else
      first = nil
    end
    found.cases = found.cases + cases
    common.remove(folder)
  until not first or found.died == 20
  return found
end

local names = {}
for _, name in ipairs(dofile(common.root .. "/scripts/reliability/memory_tasks.lua").names) do
  if common.chosen(o.tasks, name) then
    names[#names + 1] = name
  end
end

for _, way in ipairs(ways) do
  local cases, bad = 0, 0
  for _, found in ipairs(parallel.map(names, function(name) return sweep(name, way) end,
    { jobs = o.jobs, label = way.said })) do
    cases, bad = cases + found.cases, bad + found.bad
    for _, said in ipairs(found.said) do io.stderr:write(said, "\n") end
  end
  common.row("R13", ("%s: bad of %d refused allocations in %d tasks"):format(way.said, cases, #names), bad,
    bad == 0 and cases > 0)
end
common.exit()
