--- Calls native functions with random arguments, in processes of their own: none may die or hang.
--
--   bin/perilune scripts/reliability/boundary.lua                          100,000 calls, as scripts/check
-- runs it
--   bin/perilune scripts/reliability/boundary.lua --calls 5000000 --seed 51    half of 10^7, beside the other
--   bin/perilune scripts/reliability/boundary.lua --seed 17    one process that died, again
--
-- A process makes at most 100,000 calls of functions of every native module, of the methods of every class
-- and of Lua's own libraries but `debug`, in the sandbox: boundary_calls.lua says what is excepted. Prints
-- the seeds of processes that died or took more than their time, with the call; the last line is "N passed, N
-- failed", in processes.
local perilune = require "perilune"
local options, cli, system = perilune.options, perilune.cli, require "perilune.system"

local o = cli.parse(arg, options.spec("boundary", {
  { "calls", 100000, "calls in all", least = 1 },
  { "seed", 1, "seed of the first process; each has the next" },
  { "seconds", 1200, "time of a process", least = 1 },
}), "Random calls of native functions.")

local each <const> = math.min(o.calls, 100000)
local pwd <close> = assert(io.popen(("cd '%s' && pwd -P"):format(arg[0]:match "^(.*)/[^/]*$" or ".")))
local here = pwd:read "l"
local folder = os.tmpname()
os.remove(folder)

--- Runs a process in a new folder; gives what it printed, its status and, if `trace` is its name, that file.
local function run(seed, trace)
  system.make_folder(folder)
  local pipe = assert(io.popen(("cd '%s' && '%s' --sandbox --root . --max-memory=1G --max-output=1G "
    .. "--max-time=%d '%s/boundary_calls.lua' %d %d %s </dev/null 2>&1; echo status $?"):format(
    folder, system.program(), o.seconds, here, seed, each, trace or "")))
  local text = pipe:read "a"
  pipe:close()
  local file = trace and io.open(folder .. "/" .. trace)
  local last = file and file:read "l"
  if file then file:close() end
  os.execute(("rm -rf '%s'"):format(folder))
  return text, text:match "status (%d+)%s*$", last
end

local passed, failed, calls, functions, outcomes = 0, 0, 0, 0, 0
for seed = o.seed, o.seed + (o.calls + each - 1) // each - 1 do
  local text, status = run(seed)
  local made, known, kinds = text:match "calls (%d+) functions (%d+) errors %d+ outcomes (%d+)"
  if made and status == "0" then
    passed, calls, functions = passed + 1, calls + tonumber(made), tonumber(known)
    outcomes = math.max(outcomes, tonumber(kinds))
  else
    failed = failed + 1
    -- The same calls again, this time with a note of each before it is made.
    local again, status_again, call = run(seed, "trace")
    print(("seed %d: status %s; again: status %s at call %s\n%s"):format(
      seed, status, status_again, call or "?", again:sub(-600)))
  end
  io.stdout:flush()
end
print(("%d calls of %d functions, %d outcomes in a process"):format(calls, functions, outcomes))
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and 0 or 1, true)
