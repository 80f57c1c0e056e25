--- Rows in processes of this machine, some at a time: those of a sweep, and the items of parallel.map.
--
-- A process ends with this one, however that ends. What its row had recorded is then lost or saved as its run
-- says, and the next call goes on from there.
local options = require "perilune.options"
local progress = require "perilune.progress"
local system = require "perilune.system"

local pool = {}

--- What `failure` gives for a row whose process says "saved, or made elsewhere: run me again".
pool.again = setmetatable({}, { __name = "SweepAgain" })

--- Times that a row is started again after "saved: run me again".
local retries <const> = 20

--- Seconds to wait for rows that others make once nothing else is left: a process that was killed has not let
-- go of them yet.
local grace <const> = 1

--- Seconds that the processes have to save and to end, once they are asked to.
local patience <const> = 10

local spec = options.spec("sweep.pool", {
  { "rows", options.required "table", "list of the rows, each a value of its own" },
  { "jobs", options.integer(nil, 1), "processes at once" },
  { "start", options.required "function", "function(row) giving the process that makes it, of system.fork" },
  { "status", options.required "function", "function(row): what its run says of itself, nil for no run" },
  { "known", {}, "the statuses of rows at the beginning, by row; what status(row) says unless given" },
  { "failure", options.required "function",
    "function(row, code): why it is not done once its process has ended; nil where it is, or pool.again" },
  { "follow", options.optional "function", "function(row, process): reads what the process sends" },
  { "share", options.optional "function", "function(row): the part of a running row that is done" },
  { "threads", options.optional("integer", 1),
    "threads of all processes together, in equal parts; nil where each has its own count" },
  { "label", "", "label of the progress bar" },
  { "quiet", false, "no progress bar" },
})

--- What the end of a process means for its row.
local function ended(self, row, code)
  local message = self.options.failure(row, code)
  if message == nil then
    self.done = self.done + 1
  elseif message ~= pool.again then
    self.problems[#self.problems + 1] = { row = row, message = message }
  elseif self.options.status(row) == "running" then
    self.elsewhere[#self.elsewhere + 1] = row
  elseif (self.tries[row] or 0) < retries then
    self.tries[row] = (self.tries[row] or 0) + 1
    self.waiting[#self.waiting + 1] = row
  else
    local said = ("its process was to be run again %d times"):format(retries)
    self.problems[#self.problems + 1] = { row = row, message = said }
  end
end

local function count(set)
  local n = 0
  for _ in pairs(set) do n = n + 1 end
  return n
end

--- Reads what the processes send, and takes note of those that have ended.
local function look(self)
  local o = self.options
  for row, process in pairs(self.running) do
    if o.follow then o.follow(row, process) end
    local code = process:status()
    if code then
      if o.follow then o.follow(row, process) end
      self.running[row] = nil
      ended(self, row, code)
    end
  end
end

--- Takes the rows of `elsewhere` that nobody makes any more.
local function look_again(self)
  local still = {}
  for _, row in ipairs(self.elsewhere) do
    local status = self.options.status(row)
    if status == "finished" then
      self.done = self.done + 1
    else
      table.insert(status == "running" and still or self.waiting, row)
    end
  end
  self.elsewhere = still
end

--- Waits a moment for rows that others make.
local function look_again_for_a_moment(self)
  local until_then = system.clock() + grace
  repeat
    look_again(self)
    if #self.waiting > 0 or #self.elsewhere == 0 then return end
    system.sleep(0.02)
  until system.clock() > until_then
end

--- Gives each running process its part of the threads. The last ones take those of others that have ended.
local function spread(self)
  local running, threads = count(self.running), self.options.threads
  if not threads or running == self.spread then return end
  self.spread = running
  for _, process in pairs(self.running) do process:threads(math.max(1, threads // running)) end
end

--- Runs what waits; then the rows that others were making and have left.
local function run_all(self, bar)
  local o = self.options
  while #self.waiting > 0 or next(self.running) do
    while #self.waiting > 0 and count(self.running) < o.jobs do
      local row = table.remove(self.waiting, 1)
      self.running[row], self.spread = o.start(row), nil
    end
    spread(self)
    system.sleep(0.005)
    look(self)
    if #self.waiting == 0 and not next(self.running) and #self.elsewhere > 0 then
      look_again_for_a_moment(self)
    end
    local done = self.done
    for row in pairs(o.share and self.running or {}) do done = done + o.share(row) end
    bar:update(o.share and math.floor(100 * done / #o.rows) or done)
  end
end

--- Asks the processes to save and to end, and waits for them; those that do not are killed.
local function leave(self)
  for _, process in pairs(self.running) do process:terminate() end
  local until_then = system.clock() + patience
  local function is_running()
    for _, process in pairs(self.running) do
      if not process:status() then return true end
    end
  end
  while is_running() and system.clock() < until_then do pcall(system.sleep, 0.02) end
  for row, process in pairs(self.running) do
    process:stop()
    if self.options.follow then pcall(self.options.follow, row, process) end
  end
end

--- Makes the rows that are not done. Gives the number that is done, a list of { row, message } of those that
-- failed, and a list of those that other processes are making.
--
-- Every row runs, also after another has failed. Ctrl-C, SIGTERM and SIGUSR2 end the processes, which save
-- first, and are raised.
function pool.run(given)
  local o = spec:fill(given)
  local self = {
    options = o, waiting = {}, running = {}, elsewhere = {}, problems = {}, tries = {}, done = 0,
  }
  for _, row in ipairs(o.rows) do
    local status = o.known[row] or o.status(row)
    if status == "finished" then self.done = self.done + 1
    else table.insert(status == "running" and self.elsewhere or self.waiting, row) end
  end
  if #self.waiting == 0 and #self.elsewhere > 0 then look_again_for_a_moment(self) end
  if #self.waiting == 0 then return self.done, self.problems, self.elsewhere end
  local before = system.on_stop "raise"
  -- With shares of rows the bar counts hundredths of all the work; its last line counts rows.
  local total = o.share and 100 or #o.rows
  local bar = progress.start {
    label = o.label, total = total, done = total * self.done // #o.rows, quiet = o.quiet,
  }
  local ok, problem = pcall(run_all, self, bar)
  if not ok then leave(self) end
  bar.done, bar.total = self.done, #o.rows
  bar:finish()
  -- What asked this process to stop also says how it ends.
  if ok or not system.stop_signal() then system.on_stop(before) end
  if not ok then error(problem, 0) end
  return self.done, self.problems, self.elsewhere
end

return options.strict("sweep.pool", pool)
