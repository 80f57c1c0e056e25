--- R10: native functions called with random arguments, in processes of their own: none may die or hang.
--
--     bin/perilune scripts/reliability/boundary.lua --calls 100000
--     bin/perilune scripts/reliability/boundary.lua --calls 10000000 --jobs 2
--     bin/perilune scripts/reliability/boundary.lua --seed 17                a process that died, again
--
-- A process makes at most 100,000 calls of functions of every native module, of the methods of every class
-- and of Lua's own libraries but `debug`, in the sandbox: boundary_calls.lua says what is excepted. Prints
-- the seeds of processes that died or took more than their time, with the call.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local common = require "common"
local parallel = require "perilune.parallel"

local o = common.options { calls = 100000, seed = 1, seconds = 1200, jobs = 1, program = common.program }
local each <const> = math.min(o.calls, 100000)

--- Runs a process in a new folder; gives what it printed, its status and, if `trace` is its name, that file.
local function run(seed, trace)
  local folder = common.folder()
  local status, out, err = common.run(("cd '%s' && ASAN_OPTIONS=detect_leaks=0 '%s' --sandbox --root . "
    .. "--max-memory=1G --max-output=1G --max-time=%d '%s/scripts/reliability/boundary_calls.lua' %d %d %s "
    .. "</dev/null"):format(folder, o.program, o.seconds, common.root, seed, each, trace or ""))
  local last = trace and (common.text(folder .. "/" .. trace) or ""):match "[^\n]*"
  common.remove(folder)
  return out .. err, status, last
end

local function calls_of(seed)
  local text, status = run(seed)
  local made, known, kinds = text:match "calls (%d+) functions (%d+) errors %d+ outcomes (%d+)"
  if made and status == 0 then
    return { calls = tonumber(made), functions = tonumber(known), outcomes = tonumber(kinds) }
  end
  -- The same calls again, this time with a note of each before it is made.
  local again, status_again, call = run(seed, "trace")
  return { problem = ("seed %d: status %s; again: status %s at call %s\n%s"):format(
    seed, status, status_again, call or "?", again:sub(-600)) }
end

local seeds = {}
for seed = o.seed, o.seed + (o.calls + each - 1) // each - 1 do seeds[#seeds + 1] = seed end
local died, calls, functions, outcomes = 0, 0, 0, 0
for _, found in ipairs(parallel.map(seeds, calls_of, { jobs = o.jobs, label = "boundary" })) do
  if found.problem then
    died = died + 1
    io.stderr:write("boundary: ", found.problem, "\n")
  else
    calls, functions = calls + found.calls, found.functions
    outcomes = math.max(outcomes, found.outcomes)
  end
end
common.row("R10", ("died or hung of %d processes: %d calls of %d functions, at most %d outcomes in a process")
  :format(#seeds, calls, functions, outcomes), died, died == 0)
common.exit()
