--- The training loop of the policy, of supervised fine-tuning and of the judges.
--
--   local loop = fit.new {
--     optimizer = adam, options = o, steps = 400, label = "sft",
--     loss = function(step) return loss_tensor end,
--     after = function(step, row) return { loss = row.loss } end,
--   }
--   loop:run()
--
-- A step: the loss, the gradients, clipping, the update of the weights, then `after`. The loop stops after
-- `steps` steps, when `after` asks for it, at an error, and at Ctrl-C.
local errors = require "perilune.errors"
local optim = require "perilune.optim"
local options = require "perilune.options"
local progress = require "perilune.progress"
local signals = require "perilune.run.stop"
local system = require "perilune.system"
local tensor = require "perilune.tensor"

local fit = {}

local Loop = {}
Loop.__index = Loop
Loop.__name = "Loop"

local spec = options.spec("fit.new", {
  { "optimizer", options.required "Optimizer", "trains its parameters; its number of steps is the loop's" },
  { "options", options.required "table", "filled optim.options: rate, clipping, checkpointing" },
  { "steps", options.integer(nil, 1), "steps of the whole run" },
  { "loss", options.required "function",
    "function(step): the loss as for optim.gradients, then a value for `after`" },
  { "after", options.optional "function",
    "function(step, row, value), row = { step, loss, grad_norm, lr }: figures for the bar, true to stop" },
  { "job", options.optional "RunJob", "records the steps and saves checkpoints, see perilune.run" },
  { "figures", options.optional "function", "function(step): what the job records; by default the row" },
  { "label", "", "label of the progress bar" },
  { "quiet", false, "no progress bar" },
  { "live", options.optional "table", "a plot.live, which is finished before the message after Ctrl-C" },
  { "advice", "", "what the message after Ctrl-C says, such as \"go on with run:resume()\"" },
})

--- A loop that has taken as many steps as its optimizer.
function fit.new(given)
  local o = spec:fill(given)
  local loop = setmetatable(o, Loop)
  loop.step = o.optimizer:steps()
  loop.status = "new"
  return loop
end

local depth = 0
local leave = setmetatable({}, { __close = function() depth = depth - 1 end })

--- Returns f(...). Within it every loop raises Ctrl-C instead of ending as "interrupted": for a caller that
-- cannot use a part of a training, such as an experiment that trains one model after another.
function fit.whole(f, ...)
  depth = depth + 1
  local guard <close> = leave  -- luacheck: ignore 211
  return f(...)
end

--- Sets the number of steps of the whole run; `where` opens the error message, which points `level` (2) up.
function Loop:set_steps(steps, where, level)
  local least = math.max(1, self.step)
  if math.type(steps) ~= "integer" or steps < least then
    local why = self.step > 0 and (" (%d are taken)"):format(self.step) or ""
    error(("%s: steps must be a whole number of at least %d%s, got %s"):format(
      where, least, why, options.show(steps)), (level or 2) + 1)
  end
  self.steps = steps
end

--- Whether the optimizer took a step for which `after` has not returned: Ctrl-C came between.
function Loop:is_pending() return self.pending ~= nil and self.pending.step == self.optimizer:steps() end

--- Computes the gradients of a step; returns the loss, their norm, and the value for `after`. The pass
-- forward takes the memory of the last step's gradients. What it does beside the loss, such as a measurement,
-- may leave gradients behind: optim.gradients discards them.
local function gradients_of(self, step)
  self.optimizer:zero_grad()
  local loss, value = self.loss(step)
  local function again() self.loss(step):backward() end
  local number, norm = optim.gradients(self.optimizer, loss, self.options.max_grad_norm, again)
  return number, norm, value
end

--- Takes one step. What `after` needs is stored before the weights change: Ctrl-C may come right after.
local function take_step(self, step, rate)
  local number, norm, value
  if self.options.gradient_checkpointing then
    number, norm, value = tensor.gradient_checkpointing(gradients_of, self, step)
  else
    number, norm, value = gradients_of(self, step)
  end
  local lr = rate(step)
  self.pending = { step = step, loss = number, grad_norm = norm, lr = lr, value = value }
  self.optimizer:step { lr = lr }
end

--- Records a step in the job.
local function record(self, row, stop)
  local figures = self.figures and self.figures(row.step) or {
    loss = row.loss, grad_norm = row.grad_norm, lr = row.lr,
  }
  self.job:after(row.step, figures, stop == true or row.step == self.steps)
end

--- Calls `after` for the last step; called again after Ctrl-C, so `after` must be safe to repeat.
local function finish_step(self)
  local last = self.pending
  local row = { step = last.step, loss = last.loss, grad_norm = last.grad_norm, lr = last.lr }
  local shown, stop
  if self.after then shown, stop = self.after(last.step, row, last.value) end
  if self.job then record(self, row, stop) end
  self.step, self.pending = last.step, nil
  return shown or { loss = row.loss }, stop
end

--- Runs until `steps`. Returns the status and, if it is "failed", the error:
--
--   "finished"      all steps are taken, or `after` stopped the loop (`loop.stopped` is true)
--   "interrupted"   Ctrl-C; every finished step counts, and run() continues after it
--   "failed"        the loss, the source or `after` raised an error, or a number was not finite
--
-- In a child process of parallel.map, within fit.whole, and where a signal asked the process to stop, the
-- error is raised again: nothing there continues the loop.
function Loop:run()
  local bar = progress.start { label = self.label, total = self.steps, done = self.step, quiet = self.quiet }
  local rate = optim.rates(self.options, self.steps)
  self.status, self.stopped = "running", false
  if self.job then self.job:reopen() end
  local guard <close> = self.job and signals.waiting() or nil  -- luacheck: ignore 211
  local ok, problem = pcall(function()
    while not self.stopped and (self.step < self.steps or self:is_pending()) do
      if not self:is_pending() then take_step(self, self.step + 1, rate) end
      local shown, stop = finish_step(self)
      self.stopped = stop == true
      bar:update(self.step, shown)
    end
  end)
  bar:finish()
  if self.live then self.live:finish() end  -- before a message below it
  self.step = self.optimizer:steps()
  self.status = ok and "finished" or system.is_interrupt(problem) and "interrupted" or "failed"
  if self.job then
    self.job:finish(self.status, not ok and errors.message(problem) or nil)
  end
  if self.status == "interrupted" then
    local is_whole = depth > 0 or system.stop_signal() or require "perilune.parallel".in_child()
    if is_whole then error(problem, 0) end
    local advice = self.advice ~= "" and "; " .. self.advice or ""
    io.stderr:write(("%s: interrupted after step %d%s\n"):format(self.label, self.step, advice))
    system.ended_by_interrupt()
  end
  return self.status, problem
end

return options.strict("fit", fit)
