--- Signals that stop a run: Ctrl-C, SIGUSR2 and SIGTERM wait until a step is complete and saved.
--
-- Then the error of Ctrl-C is raised.
-- A script that goes no further ends with 75, "run me again", after SIGUSR2, and with 130 after the others.
-- The message says what goes on after the saved step. The same signal again does not wait.
local system = require "perilune.system"

local stop = {}

--- Until the value that is returned is closed, signals wait; from then on they are raised at once.
--
--   local guard <close> = stop.waiting()
function stop.waiting()
  local before = system.on_stop "wait"
  return setmetatable({}, { __close = function() system.on_stop(before == "wait" and "wait" or "raise") end })
end

--- The message of a signal that has asked a run to stop, nil where none has. `way` is what goes on with it.
--
--   > stop.message("gap", 7, "the same call")
--   nil
function stop.message(id, step, way)
  local signal = system.stop_signal()
  if not signal then return nil end
  return ("run %s: stopped by SIG%s after step %d, which is saved; %s goes on from there"):format(
    id, signal, step, way)
end

return stop
