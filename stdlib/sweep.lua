--- Many runs: a row for each setting of a grid and each seed, made by processes here or by jobs of a cluster.
--
--   -- sweeps/gap.lua
--   local s = sweep { name = "gap", seeds = 5, cores = 2, hours = 2,
--     grid = { side = { "online", "offline" }, beta = { 0.1, 0.5, 1 } } }
--   local runs = s:each(function(c, run)
--     draw.seed = c.seed            -- the seed belongs to the source
--     align.train { ..., source = sources[c.side](draw), loss = align.loss.ipo { beta = c.beta }, run = run }
--   end)
--   print(runs:table { rows = "side", cols = "beta", value = "win", by = "seed" })
--
-- `perilune sweeps/gap.lua` makes what is missing and nothing else: rows that are done are skipped, rows that
-- were lost go on from their last checkpoint, rows that another process makes are left alone. Killed at any
-- point, the same call goes on.
--
--   perilune sweeps/gap.lua --jobs 8            processes here
--   perilune sweeps/gap.lua --on list           the command lines, for GNU parallel or any queue
--   perilune sweeps/gap.lua --on slurm          an array of jobs; --jobs 8 limits it
--   perilune sweeps/gap.lua --task 17           one row in this process
--
-- A process ends with 0 if its row is done, 75 if it is saved and is to be run again (SIGUSR2, or another
-- process makes it), 130 if it was interrupted, and otherwise if it failed. A row is known by the hash of the
-- script, its arguments, the setting and the seed: a changed script is a new sweep, unless `--same` is given.
-- The hash is of the file itself, not of what it requires.
local options = require "perilune.options"
local run = require "perilune.run"
local command = require "perilune.sweep.command"
local plans = require "perilune.sweep.plan"
local pool = require "perilune.sweep.pool"
local rows = require "perilune.sweep.row"
local system = require "perilune.system"

local Sweep = { __name = "Sweep" }
Sweep.__index = Sweep

local spec = options.spec("sweep", {
  { "name", options.required "string", "its runs are NAME-HASH, with the setting sweep = NAME" },
  { "grid", {}, "a list of values by name, all of which are combined; or a list of settings" },
  { "seeds", options.optional "integer|table", "number of seeds, or a list of them; one unless given" },
  { "cores", 1, "threads of a row", least = 1, most = 256 },
  { "hours", options.optional("number", 0), "time of a row, for the limit on Slurm and the rows in a task" },
  { "folder", options.optional "string", "the folder of runs; $PERILUNE_RUNS or \"runs\" unless given" },
  { "options", options.optional "table",
    "of cli.parse, where the script has options of its own and includes sweep.options" },
  { "slurm", {}, "more of sbatch, a list such as { \"--partition=long\" }" },
  { "quiet", false, "no progress bar" },
})

--- A sweep of this script. Errors: an option is wrong; the program was started without a script; two rows
-- have the same setting.
local function new(given)
  local o = spec:fill(given, 2)
  if not (arg and arg[0] and arg[0]:match "%.lua$") then
    error("sweep: rows are command lines of a script; start this one as perilune FILE.lua", 3)
  end
  local typed = command.read(o.options ~= nil)
  for _, name in ipairs { "on", "jobs", "task", "chunk", "same", "arguments" } do o[name] = typed[name] end
  o.folder, o.seeds = o.folder or run.folder(), o.seeds or 1
  return setmetatable({ options = o, plan = plans.new(o) }, Sweep)
end

--- The rows: a list of { task, id, config, status }; the status is nil for a row that has no run.
function Sweep:rows()
  local states, list = self.plan:states(), {}
  for i, row in ipairs(self.plan.rows) do
    list[i] = { task = row.task, id = row.id, config = row.config, status = states[row.id] }
  end
  return list
end

--- The runs that there are of the sweep, a `run.list`.
function Sweep:runs()
  return run.runs { folder = self.options.folder, sweep = self.plan.name, script = self.plan.key }
end

--- Rows to a task: what was asked for, or enough for a minute.
local function chunk_of(o)
  if o.chunk > 0 then return o.chunk end
  return o.hours and o.hours > 0 and math.max(1, math.ceil(1 / 60 / o.hours)) or 1
end

--- The rows as texts "17,18", of as many rows as a task has.
local function grouped(o, list)
  local tasks, size = {}, chunk_of(o)
  for first = 1, #list, size do
    local numbers = {}
    for i = first, math.min(first + size - 1, #list) do numbers[#numbers + 1] = list[i].task end
    tasks[#tasks + 1] = table.concat(numbers, ",")
  end
  return tasks, size
end

local function print_list(plan, o)
  for _, task in ipairs((grouped(o, plan:missing()))) do
    print(command.line(command.words(o, task)))
  end
  return 0
end

local function submit(plan, o)
  local missing = plan:missing()
  local ids, waiting = require "perilune.sweep.slurm".submit(plan, o, missing, function(list)
    return grouped(o, list)
  end)
  print(("%s: %d of %d rows are missing; %d are queued already; submitted: %s"):format(plan.name, #missing,
    #plan.rows, waiting, #ids > 0 and table.concat(ids, ", ") or "none"))
  return 0
end

--- The process of a row: a command line, whose output goes into a file.
local function start(plan, o, row)
  local words = command.words(o, tostring(row.task))
  local log = ("%s/%s.log"):format(plan.path, row.id)
  local into <const> = 'log=$1; shift; exec "$@" >>"$log" 2>&1 </dev/null'
  table.move({ "/bin/sh", "-c", into, "sh", log }, 1, 5, 1, table.move(words, 1, #words, 6, words))
  return system.fork(function() system.exec(words) end)
end

--- Makes the missing rows in processes of this machine; see `sweep.pool`.
local function make_here(plan, o)
  system.make_folder(plan.path)
  local cores, states, known = math.max(1, system.threads() // o.cores), plan:states(), {}
  for _, row in ipairs(plan.rows) do known[row] = states[row.id] end
  return pool.run {
    rows = plan.rows, known = known, jobs = o.jobs > 0 and o.jobs or cores, label = plan.name,
    quiet = o.quiet,
    start = function(row) return start(plan, o, row) end,
    status = function(row)
      local about = plan:about(row)
      return about and about.status
    end,
    failure = function(row, code)
      if code == rows.codes.done then return nil end
      if code == rows.codes.again then return pool.again end
      local about = plan:about(row)
      local is_said = about and about.status == "failed" and about.error
      return (is_said or ("its process ended with status %d"):format(code)):match "^[^\n]*"
    end,
  }
end

--- Ends the process where not every row is done.
local function check(plan, done, problems, elsewhere)
  if done == #plan.rows then return end
  local lines = { ("%s: %d of %d rows are done"):format(plan.name, done, #plan.rows) }
  for _, problem in ipairs(problems) do
    lines[#lines + 1] = ("  %s: %s\n    %s/%s.log"):format(
      plan:describe(problem.row), problem.message, plan.path, problem.row.id)
  end
  if #elsewhere > 0 then lines[#lines + 1] = ("  %d are made by other processes"):format(#elsewhere) end
  io.stderr:write(table.concat(lines, "\n"), "\n")
  os.exit(#problems > 0 and rows.codes.failed or rows.codes.again, true)
end

--- Makes every row that is missing by `f(config, job)`, each in a process of its own, and returns the runs, a
-- `run.list`.
--
-- `config` has the setting and the seed. `job` is the open run of the row: `align.train { run = job }` and
-- `for step in job:with { state = ... }:steps(n) do` save it and go on where it was. A table that `f` returns
-- is recorded as figures of the whole run.
--
-- A row that fails does not stop the others; the process then ends with 1 after them and names it. With
-- --task the row is made in this process, which ends after it; with --on list and --on slurm the process ends
-- at once.
function Sweep:each(f)
  if type(f) ~= "function" then error("sweep:each: expected a function, got " .. options.show(f), 2) end
  local o, plan = self.options, self.plan
  if o.task ~= "" then
    os.exit(rows.make_all(plan, command.tasks(o.task, #plan.rows), f), true)
  end
  plan:write()
  if o.on == "list" then
    os.exit(print_list(plan, o), true)
  elseif o.on == "slurm" then
    os.exit(submit(plan, o), true)
  end
  check(plan, make_here(plan, o))
  return self:runs()
end

function Sweep:__tostring()
  return ("[Sweep %s: %d rows]"):format(self.plan.name, #self.plan.rows)
end

return setmetatable({ options = command.options }, { __call = function(_, given) return new(given) end })
