--- The last error of the session, with every frame of its traceback.
local errors = { commands = {} }

--- The message and traceback of the last error of the session as a text; nil where there was none.
--
--   > require("perilune.session").tb()
--   nil
function errors.traceback()
  local last = require("perilune.session.current").last_error
  return last and last.message .. (last.traceback and "\n" .. last.traceback or "") or nil
end

function errors.commands.tb() print(errors.traceback() or "no error yet") end

return errors
