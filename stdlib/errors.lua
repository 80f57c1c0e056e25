--- Errors that were caught: their text, and whether the system refused something, such as space on a disk.
--
--   > local ok, problem = pcall(require("perilune.system").refused, "the disk is full")
--   > errors.message(problem), errors.is_refusal(problem)
--   the disk is full	true
local options = require "perilune.options"

local errors = {}

--- The text of an error: that of an error object without the place where it was raised, else what `tostring`
-- gives.
--
--   > errors.message "no luck", errors.message(select(2, pcall(require("perilune.tokenizer").load, "/none")))
--   no luck	cannot open /none: No such file or directory
function errors.message(problem)
  return type(problem) == "userdata" and problem.message or tostring(problem)
end

--- Whether an error says what the system refused: an error object of the kind "io", or an error with such a
-- `cause`, as of a run that failed.
--
--   > errors.is_refusal "the disk is full"
--   false
function errors.is_refusal(problem)
  local cause = type(problem) == "table" and rawget(problem, "cause") or problem
  return type(cause) == "userdata" and cause.kind == "io"
end

return options.strict("errors", errors)
