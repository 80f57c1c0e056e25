--- Progress bars with an estimate of the time left.
--
-- Without a terminal, one line is written at the end. In a notebook (`display.front`) the line is a display
-- that is replaced, with charts of the metrics.
--
--   local bar = progress.start { label = "sft", total = 400 }
--   bar:update(step, { loss = loss })
--   bar:finish()
--
--   > local was = progress.quiet(true)
--   > local bar = progress.start { total = 10, label = "loss" }
--   > bar:update(5, { loss = 0.25 })
--   > bar:text(0):match "5/10"
--   5/10
--   > bar:finish()
--   > progress.quiet(was)
--   true
local system = require "perilune.system"
local mpi = require "perilune.native.mpi"
local native = require "perilune.native.plot"
local options = require "perilune.options"

local progress = {}
progress.__index = progress

local quiet_everywhere = false

-- Seconds between two drawings: on a terminal, and in a notebook, whose page lays the charts out each time.
local terminal_wait, front_wait = 0.1, 0.5
local displays = 0

-- The display module where a front end, which has loaded it, shows displays: not in the workers of
-- parallel.map, which write text.
local function front()
  local display = package.loaded["perilune.display"]
  return display and rawget(display, "front") and not require "perilune.parallel".in_child() and display
    or nil
end

--- Turns all bars off, or on again; returns the setting before.
function progress.quiet(on)
  local before = quiet_everywhere
  quiet_everywhere = on
  return before
end

local spec = options.spec("progress.start", {
  { "label", "", "label in front of the bar" },
  { "total", options.integer(nil, 0), "number of steps" },
  { "done", 0, "steps that are done at the start", least = 0 },
  { "quiet", false, "draw nothing" },
})

--- Shows the line of a bar and its charts in the front end, in place of those before.
local function show(bar, now)
  bar.drawn = now
  local display = front()
  if display then display.update(bar.display, bar.chart:value(bar:text(now))) end
end

--- A bar, drawn on the standard error.
--
--   > local progress = require "perilune.progress"
--   > progress.start { label = "sft", total = 400, quiet = true }.done
--   0
function progress.start(given)
  local o = spec:fill(given)
  local bar = setmetatable({
    label = o.label, total = o.total, done = o.done, quiet = o.quiet or quiet_everywhere or mpi.rank() > 0,
    started = system.clock(),
    drawn = -1, terminal = system.is_terminal(2), metrics = {}, bar = native.progress_bar(),
    display = false, chart = false,
  }, progress)
  if not bar.quiet and front() then
    displays = displays + 1
    bar.display, bar.chart = ("progress-%d"):format(displays), require "perilune.progress.chart".new()
    show(bar, bar.started)
  end
  return bar
end

--- Sets the number of steps that are done; `metrics` is a table of numbers to show.
function progress:update(done, metrics)
  self.done = done
  if metrics then self.metrics = metrics end
  if self.quiet or not (self.terminal or self.display) then return end
  if self.chart and metrics then self.chart:add(done, metrics) end
  local now = system.clock()
  local wait = self.display and front_wait or terminal_wait
  if now - self.drawn < wait and done < self.total then return end
  if self.display then return show(self, now) end
  self.drawn = now
  io.stderr:write("\r", self:text(now), "\27[K")
  io.stderr:flush()
end

--- The line at a time of the clock. The rate is that of the latest steps, and so is the time left.
function progress:text(now)
  return self.bar:text {
    label = self.label, step = self.done, total = self.total, elapsed = now - self.started,
    metrics = self.metrics, width = native.columns() - 2,
  }
end

--- Ends the line of the bar. Without a terminal it writes the one line.
function progress:finish()
  if self.quiet then return end
  local now = system.clock()
  if self.display then
    return show(self, now)
  elseif self.terminal then
    io.stderr:write("\r", self:text(now), "\27[K\n")
  else
    io.stderr:write(("%s: %d of %d in %.1f s\n"):format(
      self.label, self.done, self.total, now - self.started))
  end
  io.stderr:flush()
end

return options.strict("progress", progress)
