--- The writer of a run that another process may still be making.
local native = require "perilune.native.run"
local attempt = require "perilune.attempt"
local Job = require "perilune.run.job"
local system = require "perilune.system"

local waiting = {}

-- Seconds between looks at a run, and looks at one that nobody holds: a process may take it between two.
local pause <const>, looks <const> = 0.2, 5

local function say(path, about)
  io.stderr:write(("run %s: waiting for process %s on %s, which makes it\n"):format(
    path:match "[^/]*$", about.pid, about.host))
end

--- The writer of the run in the folder `path`, as soon as nobody else writes it. Ctrl-C ends the wait.
--
-- Errors: those of native.run.open; that of a second writer only where this process, or the one that forked
-- it, is the first one.
--
--   > local run, folder = require "perilune.run", os.tmpname() .. ".runs"
--   > run.open({ name = "a", folder = folder }):finish "finished"
--   > local writer = require "perilune.run.waiting".open(folder .. "/a")
--   > writer.attempt
--   2
--   > writer:close()
function waiting.open(path)
  local is_said, left = false, looks
  while true do
    local ok, result = attempt.call(native.open, path)
    if ok then return result end
    local about = native.about(path)
    left = about.status == "running" and looks or left - 1
    if about.status == "running" and Job.is_own(about) then error(result, 0) end
    if left == 0 then error(result, 0) end
    if left == looks and not is_said then
      say(path, about)
      is_said = true
    end
    system.sleep(pause)
  end
end

return waiting
