--- An error of a cell as a report and the terminal show it: message, traceback, and the lines around it.
local options = require "perilune.options"
local script = require "perilune.notebook.script"
local system = require "perilune.system"

local failure = {}

--- The message handler of a cell: what was raised, with its traceback.
function failure.of(raised)
  local is_object = type(raised) == "userdata" and raised.kind ~= nil
  local has_text = type(raised) == "string" or type(raised) == "number"
    or rawget(debug.getmetatable(raised) or {}, "__tostring") ~= nil
  return {
    value = raised,
    message = (has_text or is_object) and tostring(raised)
      or ("(error object is a %s value)"):format(type(raised)),
    traceback = debug.traceback(nil, 2), interrupted = system.is_interrupt(raised),
  }
end

--- What was raised as one line, without the place in the library.
--
--   > local system = require "perilune.system"
--   > failure.reason((select(2, pcall(system.write_file, "/", "x"))))
--   cannot write /: it is a folder
function failure.reason(raised)
  local is_object = type(raised) == "userdata" and raised.reason ~= nil
  return (tostring(is_object and raised.reason or raised):gsub("^[^\n:]*%.lua:%d+: ", ""):gsub("\n.*", ""))
end

--- Frames of a traceback without those of the program that runs the cells.
--
--   > failure.frames "stack traceback:\n\t[C]: in function 'xpcall'\n\tb.lua:2"
--   stack traceback:
function failure.frames(traceback)
  local lines = {}
  for line in (traceback or ""):gmatch "[^\n]+" do
    local c_function = line:match "^\t%[C%]: in %a+ '(%w+)'"
    if c_function == "xpcall" or c_function == "evaluate" then break end
    if not line:match "^\t%[C%]: in function 'error'" and not line:match "^\tperilune:" then
      lines[#lines + 1] = line
    end
  end
  return table.concat(lines, "\n")
end

--- The lines of a source around line `number`, which is marked; nil if there is no such line.
--
--   > #failure.excerpt({ "y = nil + 1" }, 1)
--   18
function failure.excerpt(lines, number)
  if not lines[number] then return nil end
  local shown = {}
  for i = math.max(1, number - 2), math.min(#lines, number + 1) do
    local line = lines[i]:gsub("\r$", "")
    if i == number or line:match "%S" then
      shown[#shown + 1] = (("%s %3d  %s"):format(i == number and ">" or " ", i, line):gsub("%s+$", ""))
    end
  end
  return table.concat(shown, "\n")
end

local function escaped(text) return (text:gsub("%p", "%%%0")) end

--- The number of the line of chunk `name` that a failure is about: that of its message, else of its
-- traceback.
function failure.line(found, name)
  local pattern = escaped(name) .. ":(%d+):"
  local number = found.message:match("^" .. pattern) or found.message:match(pattern)
    or (found.traceback or ""):match(pattern)
  return tonumber(number)
end

--- Adds the lines of the source `text` of chunk `name` to a failure.
function failure.with_source(found, name, text)
  local number = failure.line(found, name)
  if number then found.source = failure.excerpt(script.lines(text), number) end
  return found
end

return options.strict("notebook.failure", failure)
