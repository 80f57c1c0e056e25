--- One row of a sweep in this process: its run is opened, made, and ended with a status.
local plain = require "perilune.plain"
local run = require "perilune.run"
local system = require "perilune.system"

local row = {}

--- Exit codes. `again` is EX_TEMPFAIL of sysexits.h: saved or made elsewhere, run me again.
row.codes = { done = 0, failed = 1, again = 75, interrupted = 130 }

local function say(plan, one, message, ...)
  io.stderr:write(("%s, run %s: %s\n"):format(plan:describe(one), one.id, message:format(...)))
end

--- The run of a row, whose only writer this process is; nil where another process has it.
local function claimed(plan, one)
  local about = plan:about(one)
  if about and about.status == "running" then return nil end
  local o = { name = one.id, folder = plan.folder, config = one.config, resume = about and "must" or "never" }
  local ok, job = pcall(run.open, o)
  if not ok then
    about = plan:about(one)
    if about and about.status == "running" then return nil end
    error(job, 0)
  end
  if job.id ~= one.id then  -- another process was faster
    job.writer:close()
    run.remove(job.id, plan.folder)
    return nil
  end
  job.held = true
  return job
end

--- Whether an earlier process has recorded figures without a checkpoint: they are made again.
local function forget_unsaved(job)
  if job.writer.attempt > 1 and not job.writer:newest_checkpoint() then job.writer:cut(0) end
end

local function record(job, figures)
  if figures == nil then return end
  if type(figures) ~= "table" then
    error(("sweep: each returns nothing or a table of figures, got %s"):format(type(figures)), 0)
  end
  for name, value in pairs(figures) do
    local kind = type(value)
    if type(name) == "string" and (kind == "number" or kind == "string" or kind == "boolean") then
      job:set(name, value)
    end
  end
end

--- How `f` ended: a status and a message.
local function status_of(job, ok, problem)
  if ok then
    local status = job.status == "running" and "finished" or job.status
    return status, job.message
  end
  if system.is_interrupt(problem) then return "interrupted", problem.message end
  return "failed", tostring(problem)
end

--- Makes the run of a row by `f(job)`, whose only writer this process is then; returns its status and a
-- message, the status nil where another process makes it, and the error itself. Errors: the run cannot be
-- opened.
function row.attempt(plan, one, f)
  local job, raised = claimed(plan, one), nil
  if not job then return nil end
  system.on_stop "raise"
  local ok, problem = xpcall(function()
    forget_unsaved(job)
    f(job)
  end, function(problem)
    raised = problem
    if type(problem) ~= "string" then return problem end
    return debug.traceback(problem, 2)
  end)
  local status, message = status_of(job, ok, problem)
  job.status, job.message = status, message
  job:close()
  return status, message, raised
end

local function code_of(status)
  if status == "finished" then return row.codes.done end
  if status == "failed" then return row.codes.failed end
  return system.stop_signal() == "USR2" and row.codes.again or row.codes.interrupted
end

--- Makes a row by `f(config, job)`; gives the exit code. A row that is done is not made again.
function row.make(plan, one, f)
  local about = plan:about(one)
  if about and about.status == "finished" then
    say(plan, one, "is done")
    return row.codes.done
  end
  local opened, status, message = pcall(row.attempt, plan, one, function(job)
    record(job, f(plain.decode(plain.encode(one.config)), job))
  end)
  if not opened and system.is_interrupt(status) then
    return row.codes.interrupted
  elseif not opened then
    say(plan, one, "failed: %s", tostring(status))
    return row.codes.failed
  elseif not status then
    say(plan, one, "is being made by another process")
    return row.codes.again
  end
  if status ~= "finished" then say(plan, one, "%s: %s", status, message or "") end
  return code_of(status)
end

--- Makes rows one after the other: one that fails does not stop the others, a signal does. The code says the
-- worst: failed, then again.
function row.make_all(plan, tasks, f)
  local worst = row.codes.done
  for _, task in ipairs(tasks) do
    local code = row.make(plan, plan.rows[task], f)
    if system.stop_signal() or code == row.codes.interrupted then return code end
    if code == row.codes.failed or worst == row.codes.done then worst = code end
  end
  return worst
end

return row
