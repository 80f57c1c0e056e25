--- Progress bars with an estimate of what is left, on the terminal only: a log file gets a line at the end.
--
--   local bar = progress.start { label = "sft", total = 400 }
--   bar:update(step, { loss = loss })
--   bar:finish()
local system = require "perilune.system"
local native = require "perilune.plot.native"

local progress = {}
progress.__index = progress

local quiet_everywhere = false

--- Silences all bars, for tests: returns the setting before.
function progress.quiet(on)
  local before = quiet_everywhere
  quiet_everywhere = on
  return before
end

--- A bar of `total` steps, of which `done` are done already. `quiet = true` draws nothing.
function progress.start(options)
  return setmetatable({
    label = options.label or "", total = options.total, done = options.done or 0, started = system.clock(), drawn = -1,
    terminal = system.is_terminal(2), quiet = options.quiet or quiet_everywhere, metrics = {}, bar = native.progress_bar(),
  }, progress)
end

--- Says that `done` steps are done; `metrics` is a table of numbers to show.
function progress:update(done, metrics)
  self.done = done
  if metrics then self.metrics = metrics end
  if self.quiet or not self.terminal then return end
  local now = system.clock()
  if now - self.drawn < 0.1 and done < self.total then return end
  self.drawn = now
  io.stderr:write("\r", self:text(now), "\27[K")
  io.stderr:flush()
end

--- The line for a moment of the clock. The rate forgets, so that the time left is that of late steps.
function progress:text(now)
  return self.bar:text {
    label = self.label, step = self.done, total = self.total, elapsed = now - self.started, metrics = self.metrics,
    width = native.columns() - 2,
  }
end

--- Ends the bar's line. Without a terminal this is where its one line is written.
function progress:finish()
  if self.quiet then return end
  local now = system.clock()
  if self.terminal then
    io.stderr:write("\r", self:text(now), "\27[K\n")
  else
    io.stderr:write(("%s: %d of %d in %.1f s\n"):format(self.label, self.done, self.total, now - self.started))
  end
  io.stderr:flush()
end

return require "perilune.options".strict("progress", progress)
