--- The rows of a sweep in processes of this machine.
--
-- A process is a command line. It ends with this one, however that ends: its run is then lost, and the next
-- call goes on from its last checkpoint.
local options = require "perilune.options"
local progress = require "perilune.progress"
local system = require "perilune.system"
local command = require "perilune.sweep.command"
local codes = require "perilune.sweep.row".codes

local pool = {}

--- Times that a row is started again after "saved: run me again".
local retries <const> = 20

local Pool = {}
Pool.__index = Pool

local function start(self, row)
  local words = command.words(self.options, tostring(row.task))
  local log = ("%s/%s.log"):format(self.plan.path, row.id)
  local into = 'log=$1; shift; exec "$@" >>"$log" 2>&1 </dev/null'
  table.move({ "/bin/sh", "-c", into, "sh", log }, 1, 5, 1, table.move(words, 1, #words, 6, words))
  self.running[row] = system.fork(function() system.exec(words) end)
end

--- What the end of a process means for its row.
local function ended(self, row, code)
  local about = self.plan:about(row)
  local status = about and about.status
  if code == codes.done then
    self.done = self.done + 1
  elseif code == codes.again and status == "running" then
    self.elsewhere[#self.elsewhere + 1] = row
  elseif code == codes.again and (self.tries[row] or 0) < retries then
    self.tries[row] = (self.tries[row] or 0) + 1
    self.waiting[#self.waiting + 1] = row
  else
    local message = status == "failed" and about.error or ("its process ended with status %d"):format(code)
    self.problems[#self.problems + 1] = { row = row, message = message:match "^[^\n]*" }
  end
end

local function count(set)
  local n = 0
  for _ in pairs(set) do n = n + 1 end
  return n
end

--- Runs what waits; then the rows that others were making and have left.
local function run_all(self, bar)
  while #self.waiting > 0 or next(self.running) do
    while #self.waiting > 0 and count(self.running) < self.jobs do
      start(self, table.remove(self.waiting, 1))
    end
    system.sleep(0.01)
    for row, job in pairs(self.running) do
      local code = job:status()
      if code then
        self.running[row] = nil
        ended(self, row, code)
      end
    end
    if #self.waiting == 0 and not next(self.running) and #self.elsewhere > 0 then self:look_again() end
    bar:update(self.done)
  end
end

--- Takes the rows of `elsewhere` that nobody makes any more.
function Pool:look_again()
  local still = {}
  for _, row in ipairs(self.elsewhere) do
    local about = self.plan:about(row)
    if about and about.status == "finished" then
      self.done = self.done + 1
    else
      table.insert(about and about.status == "running" and still or self.waiting, row)
    end
  end
  self.elsewhere = still
end

--- Asks the processes to save and to end, and waits for them; after ten seconds they are killed.
local function leave(self)
  for _, job in pairs(self.running) do job:terminate() end
  local until_then = system.clock() + 10
  local function is_running()
    for _, job in pairs(self.running) do
      if not job:status() then return true end
    end
  end
  while is_running() and system.clock() < until_then do pcall(system.sleep, 0.02) end
  for _, job in pairs(self.running) do job:stop() end
end

--- Makes the rows of `plan` that are not done. Gives the number that is done, a list of { row, message } that
-- failed, and a list of those that other processes are making.
function pool.run(plan, o)
  local cores = math.max(1, system.threads() // o.cores)
  local self = setmetatable({
    plan = plan, options = o, jobs = o.jobs > 0 and o.jobs or cores,
    waiting = {}, running = {}, elsewhere = {}, problems = {}, tries = {}, done = 0,
  }, Pool)
  local states = plan:states()
  for _, row in ipairs(plan.rows) do
    local status = states[row.id]
    if status == "finished" then self.done = self.done + 1
    else table.insert(status == "running" and self.elsewhere or self.waiting, row) end
  end
  if #self.waiting == 0 and #self.elsewhere > 0 then self:look_again() end
  if #self.waiting == 0 then return self.done, self.problems, self.elsewhere end
  system.make_folder(plan.path)
  local before = system.on_stop "raise"
  local bar = progress.start { label = plan.name, total = #plan.rows, done = self.done, quiet = o.quiet }
  local ok, problem = pcall(run_all, self, bar)
  if not ok then leave(self) end
  bar:finish()
  if not ok then error(problem, 0) end
  system.on_stop(before)
  return self.done, self.problems, self.elsewhere
end

return options.strict("sweep.pool", pool)
