--- Calls that ask whether something can be done: whether a text is JSON, a path a folder, a line a chunk.
--
-- Neither Ctrl-C nor a lack of memory answers such a question, so their errors are raised again: a task that
-- takes them for "no" would go on with another result.
local system = require "perilune.system"

local attempt = {}

local function no_answer(problem) return system.is_interrupt(problem) or system.is_out_of_memory(problem) end

local function answer(ok, ...)
  if not ok and no_answer((...)) then error((...), 0) end
  return ok, ...
end

--- As pcall.
--
--   > local attempt = require "perilune.attempt"
--   > attempt.call(error, "no number", 0)
--   false	no number
--   > pcall(attempt.call, error, "not enough memory", 0)
--   false	not enough memory
function attempt.call(f, ...) return answer(pcall(f, ...)) end

--- As load, of a text: a function, or nil and the message.
--
--   > require("perilune.attempt").load "return 1 +"
--   nil	[string "return 1 +"]:1: unexpected symbol near <eof>
function attempt.load(text, name, ...)
  local chunk, problem = load(text, name or text, "t", ...)
  if not chunk and no_answer(problem) then error(problem, 0) end
  return chunk, problem
end

return attempt
