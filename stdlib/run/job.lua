--- A run that is being made: its loop, its records and its checkpoints.
--
--   > local run = require "perilune.run"
--   > local folder = os.tmpname() .. ".runs"
--   > local job = run.open { name = "gap", folder = folder, state = { counts = { 0 } } }
--   > job:with { checkpoint_every = 1 }
--   [RunJob gap: step 0, running]
--   > job:restore()
--   0
--   > job:log({ loss = 2 }, 1)
--   > job:event("note", "the first step")
--   > job:set("win", 0.7)
--   > job:file("report.txt", "all of it", "report")
--   > job:after(1, { loss = 1 }, true)
--   > job:checkpoint()
--   > job:finish("finished")
--   > job:close()
--   > local seen = run.read("gap", folder)
--   > #seen:events() > 0, #seen:files() > 0, #seen:history() > 0, seen:value("win")
--   true	true	true	0.7
local attempt = require "perilune.attempt"
local errors = require "perilune.errors"
local native = require "perilune.native.run"
local options = require "perilune.options"
local ranks = require "perilune.run.ranks"
local system = require "perilune.system"
local state = require "perilune.run.state"
local stop = require "perilune.run.stop"

local Job = { __name = "RunJob" }
Job.__index = Job

-- The jobs that this process has made, or had when it was forked.
local made = setmetatable({}, { __mode = "k" })

--- A job of a writer of the store. `o` is the filled options of run.open.
function Job.new(writer, o)
  local job = setmetatable({
    writer = writer, options = o, id = writer.id, folder = writer.folder, step = writer.step,
    status = "running",
  }, Job)
  made[job] = true
  return job
end

--- Whether a run, as `native.about` tells of it, is made by this process or by the one that forked it: by the
-- process of a job that is open here. To wait for such a run would have no end.
function Job.is_own(about)
  for job in pairs(made) do
    local ok, own = attempt.call(native.about, job.folder)
    local is_held = ok and not job.closed and own.attempt == job.writer.attempt
    if is_held and own.pid == about.pid and own.host == about.host then return true end
  end
  return false
end

local function warn(job, message) io.stderr:write(("run %s: %s\n"):format(job.id, message)) end

--- Says once that the store cannot be written; the rows wait for the disk.
local function say_problem(job)
  local problem = job.writer.problem
  if problem and job.said ~= problem then warn(job, problem .. "; the records wait for the disk") end
  job.said = problem
end

--- Goes back to the newest checkpoint that is whole: the state has its contents, and what was recorded after
-- it is removed. Returns its step, 0 where there is none. `job:steps` calls it.
function Job:restore()
  local found = ranks.shared(function()
    local name, step, damaged = self.writer:newest_checkpoint()
    for _, message in ipairs(damaged or {}) do
      warn(self, message)
      self.writer:note("damaged", message)
    end
    if self.writer.attempt > 1 then self.writer:cut(step or 0, self.options.keep) end
    return { name = name, step = step }
  end)
  if found.name then
    local folder = ("%s/checkpoints/%s"):format(self.folder, found.name)
    state.load(self.options.state, folder, "run " .. self.id)
  end
  self.step, self.saved_step = found.step or 0, found.step
  return self.step
end

--- Refuses what comes after the end, in every rank and before anything is written.
local function check_open(job, method)
  if job.closed then
    error(("job:%s: run '%s' has ended: nothing more is recorded"):format(method, job.id), 3)
  end
end

--- Records figures of a step, by default the current one: numbers, booleans, and tables of them. They are on
-- the disk within about a second, and no error is raised where they cannot be: `job.writer.problem` says why.
-- Errors: the run has ended.
--
--   job:log { loss = 0.7, win = { mean = 0.55, se = 0.01 } }
function Job:log(figures, step)
  if type(figures) ~= "table" then
    error("job:log: expected a table of figures, got " .. options.show(figures), 2)
  end
  check_open(self, "log")
  self.writer:log(step or self.step, figures)
  say_problem(self)
end

--- Records what happened at the current step: a kind of one word and a text. Errors: the run has ended.
function Job:event(kind, text)
  check_open(self, "event")
  self.writer:event(self.step, tostring(kind), tostring(text))
end

--- Records a figure of the whole run, such as the peak of its win rate: a number, a text or a boolean.
-- Errors: the run has ended.
function Job:set(name, value)
  check_open(self, "set")
  self.writer:set(name, value)
end

--- Writes a file into the run's folder, and records its size and SHA-256. Errors: the name has a folder in
-- it; the run has ended.
--
--   job:file("report.html", html, "report")
function Job:file(name, bytes, kind)
  local is_name = type(name) == "string" and name:match "^[%w_][%w_.%-]*$"
  if not is_name or name:match "^run%.sqlite" or name == "lock" or name == "checkpoints" then
    error(("job:file: expected the name of a file in the run's folder, got %s"):format(options.show(name)), 2)
  end
  check_open(self, "file")
  if not ranks.writes() then return end
  system.write_file(self.folder .. "/" .. name, bytes)
  self.writer:add_file(name, kind or "file", self.step)
end

local function save(job, path)
  state.save(job.options.state, path, "run " .. job.id)
  job.writer:finish_checkpoint(path, job.step, job.options.keep)
end

--- Saves the state as it is after the current step. The checkpoint is there whole or an error says why; also
-- where the store was removed, since what is recorded goes nowhere then, and where the run has ended.
function Job:checkpoint()
  check_open(self, "checkpoint")
  if ranks.writes() then
    if not system.exists(self.folder .. "/run.sqlite") then
      error(self.folder .. "/run.sqlite was removed while the run was made: its records are lost", 0)
    end
    local path = self.writer:begin_checkpoint(self.step)
    local ok, problem = pcall(save, self, path)
    if not ok then
      pcall(native.drop, path)
      error(problem, 0)
    end
  end
  self.saved_step = self.step
end

--- A checkpoint between others: a failure is a warning, since an older checkpoint is there.
local function try_checkpoint(job)
  local ok, problem = pcall(job.checkpoint, job)
  if ok then return end
  if system.is_interrupt(problem) then error(problem, 0) end
  warn(job, ("no checkpoint of step %d: %s"):format(job.step, errors.message(problem)))
end

--- Sets what checkpoints save, and how often: the options `state`, `checkpoint_every` and `keep` of run.open.
-- Returns the job. A sweep opens the run of a row before there is anything to save.
function Job:with(given)
  for name, value in pairs(given) do
    if name == "state" then state.check(value, "job:with") end
    self.options[name] = value
  end
  return self
end

--- Records how the run ended and closes it: "finished", "failed" or "interrupted". A run that is `held` is
-- closed by its holder.
function Job:finish(status, message)
  if self.status ~= "running" then return end
  self.status, self.message = status or "finished", message
  if not self.held then self:close() end
end

--- Closes a run that has ended. Where the disk refuses the record of its end, a message says so, and the run
-- will be found "lost". A run that is closed stays so.
function Job:close()
  if self.closed then return end
  self.closed = true
  local ok, problem = pcall(self.writer.finish, self.writer, self.status, self.message)
  if not ok then warn(self, errors.message(problem)) end
end

--- Goes on with a run that has ended in this process, from the state as it is. Nothing where it has not
-- ended.
function Job:reopen()
  if self.status == "running" then return end
  if self.closed and ranks.writes() then self.writer = native.open(self.folder) end
  self.status, self.message, self.closed = "running", nil, false
end

--- Ends a step of a loop that is not `job:steps`: records its figures and does what `job:end_step` does.
function Job:after(step, figures, is_last)
  self.step = step
  if figures then self:log(figures) end
  self:end_step(is_last and step or math.huge)
end

--- Ends a step: a checkpoint where one is due, or is asked for by Ctrl-C, SIGUSR2 or SIGTERM; after these the
-- run is "interrupted" and the error of Ctrl-C is raised. `count` is the last step of the loop.
function Job:end_step(count)
  local way = self.options.way or ("run.resume \"%s\""):format(self.id)
  local function asked() return self.step < count and stop.message(self.id, self.step, way) end
  local message = asked()
  if not message and self.step < count and self.step % self.options.checkpoint_every == 0 then
    try_checkpoint(self)
    message = asked()  -- a signal that came during the save
  end
  if (message or self.step >= count) and self.saved_step ~= self.step then self:checkpoint() end
  if message then
    self:finish("interrupted", message)
    system.interrupt(message)
  end
end

--- The steps that are left: from the one after the newest checkpoint to `count`.
--
-- The state is restored first. A checkpoint is saved every `checkpoint_every` steps and after the last, and
-- the run is then finished. After an error in the loop the run is "failed", after Ctrl-C "interrupted", and
-- the error goes on; after `break` it is "interrupted" unless it was finished before. At Ctrl-C, SIGUSR2 and
-- SIGTERM the step is completed and saved first, see `run.stop`; Ctrl-C again stops at once.
--
--   for step in job:steps(400) do
--     local loss = model:misfit(batch(step))
--     job:log { loss = loss:item() }
--   end
function Job:steps(count)
  if math.type(count) ~= "integer" or count < 0 then
    error("job:steps: expected a whole number of steps, got " .. options.show(count), 2)
  end
  if self.status ~= "running" then error(("job:steps: run '%s' is %s"):format(self.id, self.status), 2) end
  local first = self:restore()
  local guard = stop.waiting()
  local function next_step(_, last)
    if last > first then self:end_step(count) end
    if last >= count then
      self:finish()
      return nil
    end
    self.step = last + 1
    return self.step
  end
  local ending = setmetatable({}, { __close = function(_, problem)
    local waiting <close> = guard  -- luacheck: ignore 211
    if self.status ~= "running" then return end
    local is_interrupt = problem == nil or system.is_interrupt(problem)
    local message = problem ~= nil and errors.message(problem) or nil
    self:finish(is_interrupt and "interrupted" or "failed", message)
  end })
  return next_step, nil, first, ending
end

function Job:__tostring() return ("[RunJob %s: step %d, %s]"):format(self.id, self.step, self.status) end

return Job
