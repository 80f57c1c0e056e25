--- A sweep on Slurm: the rows that are missing as an array of jobs, or several where one would be too long.
--
-- A job runs the same command line as a process of this machine does. Two minutes before the end of its time
-- it gets SIGUSR2, saves and ends with 75; it is then queued again, at most 20 times.
local options = require "perilune.options"
local plain = require "perilune.plain"
local system = require "perilune.system"
local command = require "perilune.sweep.command"

local slurm = {}

--- Runs a command of Slurm; gives its output. Errors: it fails.
local function run(words)
  local pipe = assert(io.popen(command.line(words) .. " 2>&1"))
  local text = pipe:read "a"
  local ok, _, code = pipe:close()
  if not ok then
    error(("sweep: %s ended with status %d: %s"):format(words[1], code, (text:gsub("%s+$", ""))), 0)
  end
  return text
end

local function read_lines(path)
  local list = {}
  local file <close> = io.open(path, "r")
  for line in file and file:lines() or function() end do list[#list + 1] = line end
  return list
end

--- The tasks, each a text of row numbers "17,18", that jobs of earlier calls have in the queue.
local function queued(plan)
  local jobs, has = {}, {}
  for _, line in ipairs(read_lines(plan.path .. ".jobs")) do
    local job = plain.decode(line)
    jobs[#jobs + 1], jobs[job.id] = job.id, job
  end
  if #jobs == 0 then return has end
  local text = run { "squeue", "-h", "-r", "-o", "%F %K" }
  for id, index in text:gmatch "(%d+) (%d+)" do
    local tasks = jobs[id] and jobs[id].tasks[tonumber(index) + 1]
    for number in (tasks or ""):gmatch "%d+" do has[tonumber(number)] = true end
  end
  return has
end

--- The script of an array of jobs; each takes its line of the list of tasks.
local body <const> = [[
#!/bin/sh
%s
tasks=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" %s)
%s "$tasks" & p=$!
trap 'kill -USR2 $p' USR2
wait $p; r=$?
[ $r -gt 128 ] && { wait $p; r=$?; }
[ $r = 75 ] && [ ${SLURM_RESTART_COUNT:-0} -lt 20 ] &&
  scontrol requeue ${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
exit $r
]]

--- Hours as Slurm reads a limit, in whole minutes; one more for the signal, which may come a minute early.
local function limit_of(hours, rows) return tostring(math.ceil(hours * 60 * rows) + 3) end

--- What the lines #SBATCH ask for.
local function head_of(plan, o, count, rows)
  local lines = {
    "--job-name=" .. plan.name, ("--array=0-%d%s"):format(count - 1, o.jobs > 0 and "%" .. o.jobs or ""),
    "--ntasks=1", ("--cpus-per-task=%d"):format(o.cores), "--signal=B:USR2@120", "--requeue",
    "--open-mode=append", ("--output=%s/%%A_%%a.log"):format(plan.path),
  }
  if o.hours then lines[#lines + 1] = "--time=" .. limit_of(o.hours, rows) end
  table.move(o.slurm, 1, #o.slurm, #lines + 1, lines)
  for i, line in ipairs(lines) do lines[i] = "#SBATCH " .. line end
  return table.concat(lines, "\n")
end

--- The most jobs of an array here.
local function array_limit()
  local text = run { "scontrol", "show", "config" }
  return math.tointeger(tonumber(text:match "MaxArraySize%s*=%s*(%d+)")) or 1001
end

local function submit_part(plan, o, tasks, rows)
  local name = ("%s/%d"):format(plan.path, #read_lines(plan.path .. ".jobs") + 1)
  system.write_file(name .. ".tasks", table.concat(tasks, "\n") .. "\n")
  local words = command.words(o, "")
  words[#words] = nil
  system.write_file(name .. ".sh", body:format(
    head_of(plan, o, #tasks, rows), command.quoted(name .. ".tasks"), command.line(words)))
  local id = run({ "sbatch", "--parsable", name .. ".sh" }):match "^%s*(%d+)"
  local file <close> = assert(io.open(plan.path .. ".jobs", "a"))
  file:write(plain.encode { id = id, tasks = tasks }, "\n")
  return id
end

--- Submits the rows that are missing; `grouped` makes a list of rows a list of tasks, texts such as "17,18",
-- and says how many rows a task has. Gives the ids of the jobs, and how many rows are in the queue already.
function slurm.submit(plan, o, missing, grouped)
  local has, left, waiting = queued(plan), {}, 0
  for _, row in ipairs(missing) do
    if has[row.task] then waiting = waiting + 1 else left[#left + 1] = row end
  end
  local tasks, rows = grouped(left)
  local most, ids = array_limit(), {}
  system.make_folder(plan.path)
  for first = 1, #tasks, most do
    local part = table.move(tasks, first, math.min(first + most - 1, #tasks), 1, {})
    ids[#ids + 1] = submit_part(plan, o, part, rows)
  end
  return ids, waiting
end

return options.strict("sweep.slurm", slurm)
