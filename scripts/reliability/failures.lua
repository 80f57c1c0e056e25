--- R4: a run whose Nth file operation fails, for every N: full disk, broken disk, quota, short write, signal.
--
--     bin/perilune scripts/reliability/failures.lua --steps 3 --every 1 --jobs 2
--
-- The operations are those of the store (SQLite) and of the checkpoints, and with reads those of a run that
-- goes on. Once, and also for good: every operation after the Nth fails too. A failure is bad where
--
--   - the process dies, or fails without the system's reason in its message,
--   - a signal (EINTR) is not tried again,
--   - the next process, on a good disk, does not end as a run without failures, or begins with an older
--     checkpoint than was promised.
--
-- `first` and `last` are positions in the list of faults: several processes can share them.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local common = require "common"
local operations = require "operations"
local parallel = require "perilune.parallel"

local o = common.options { steps = 3, every = 1, jobs = 2, first = 1, last = 8 }

local faults <const> = {
  { "full, once", KIND = "full" }, { "full for good", KIND = "full", STAYS = 1 },
  { "broken, once", KIND = "broken" }, { "broken for good", KIND = "broken", STAYS = 1 },
  { "quota, once", KIND = "quota" }, { "short write, then full", KIND = "short" },
  { "signal", KIND = "signal" },
  { "broken reads, once", KIND = "broken", CLASS = "reads" },
}

local reasons <const> = {
  full = "No space left on device", short = "No space left on device", broken = "Input/output error",
  quota = "Disk quota exceeded",
}

--- What SQLite says of such errors; the fourth where it can make no journal, the last where it cannot read
-- the first page.
local of_sqlite <const> = {
  "run.sqlite: database or disk is full", "run.sqlite: disk I/O error",
  "run.sqlite: unable to open database file", "run.sqlite: attempt to write a readonly database",
  "run.sqlite cannot be read: SQLite says 'database disk image is malformed'",
}

local function says_why(kind, message)
  if message:find(reasons[kind], 1, true) then return true end
  for _, reason in ipairs(of_sqlite) do
    if message:find(reason, 1, true) then return true end
  end
  return false
end

--- A folder in which a fault of a class can happen: reads are those of a process that goes on with a run.
local function prepared(class)
  local folder = common.folder()
  if class == "reads" then common.run(common.job("own", folder, o.steps - 1, 1)) end
  return folder
end

--- The uncut run, and how many operations of each class it has.
local function uncut()
  local counts, expected = {}, nil
  for _, class in ipairs { "changes", "reads" } do
    local folder = prepared(class)
    local path = folder .. ".count"
    local status, out, err = common.run(
      common.job("own", folder, o.steps, 1, { COUNT = path, CLASS = class }))
    if status ~= 0 then error("the run without failures fails: " .. err, 0) end
    expected = expected or common.result("own", folder, out)
    counts[class] = tonumber(common.text(path))
    os.remove(path)
    common.remove(folder)
  end
  return expected, counts
end

local expected, counts = uncut()

--- What is wrong after a fault at an operation; nil if nothing is.
local function check(fault, at)
  local folder = prepared(fault.CLASS)
  local log, env = folder .. ".log", { AT = at, LOG = folder .. ".log" }
  for _, name in ipairs { "KIND", "STAYS", "CLASS" } do env[name] = fault[name] end
  local status, out, err = common.run(common.job("own", folder, o.steps, 1, env))
  local problem
  if fault.KIND == "signal" and (status ~= 0 or err ~= "") then
    problem = ("it is not tried again: status %d: %s"):format(status, err)
  elseif status ~= 0 and status ~= 1 then
    problem = ("status %d: %s"):format(status, err)
  elseif status == 1 and not says_why(fault.KIND, err) then
    problem = "no reason: " .. err
  elseif status == 0 and out:match "hash\t(%x+)" ~= expected.hash then
    problem = "another hash"
  else
    problem = common.goes_on("own", folder, o.steps, operations.promised(log), expected)
  end
  os.remove(log)
  common.remove(folder)
  return problem
end

--- With every change refused from the beginning, what is recorded is listed and read: the curve of a finished
-- run, the row and the dump of a lost one. Returns what is wrong.
local function unreadable()
  local folder = common.folder()
  common.run(common.job("own", folder, o.steps, 1))
  local fault = { KIND = "kill", AT = counts.changes * 4 // 5 }
  common.run(common.job("own", folder .. "/second", o.steps, 1, fault))
  os.execute(("cd '%s' && mv second/runs/own runs/cut && rm -rf runs/runs.sqlite*"):format(folder))
  local script = ([[
    local run = require "perilune.run"
    local list = run.runs { folder = "%s/runs" }
    print(#list, #list[1]:curve "loss", list:columns("status")[2].status, #list[2]:dump() > 0)
  ]]):format(folder)
  local status, out, err = common.run(common.with_faults(folder, { KIND = "full", AT = 1, STAYS = 1 })
    .. (" exec '%s' --threads=1 -e '%s'"):format(common.program, script))
  common.remove(folder)
  local wanted = ("2\t%d\tlost\ttrue\n"):format(o.steps)
  if status ~= 0 or out ~= wanted then return ("status %d: %s%s"):format(status, out, err) end
end

for i = o.first, o.last do
  local fault, points = faults[i], {}
  local count = counts[fault.CLASS or "changes"]
  for at = 1 + (i - 1) % o.every, count, o.every do points[#points + 1] = at end
  local problems = parallel.map(points, function(at) return check(fault, at) or "fine" end,
    { jobs = o.jobs, label = "failures, " .. fault[1] })
  local bad = 0
  for k, problem in ipairs(problems) do
    if problem ~= "fine" then
      bad = bad + 1
      io.stderr:write(("failures: %s at operation %d: %s\n"):format(fault[1], points[k], problem))
    end
  end
  common.row("R4", ("%s: bad of %d of %d operations"):format(fault[1], #points, count), bad, bad == 0)
end
if o.last == #faults then
  local problem = unreadable()
  if problem then io.stderr:write("failures: reading: ", problem, "\n") end
  local what = "full for good: runs that cannot be listed and read, of 2"
  common.row("R4", what, problem and 2 or 0, not problem)
end
common.exit()
