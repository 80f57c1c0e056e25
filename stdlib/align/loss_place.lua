--- Calls a loss so that an error in a function of the user's own says where: its file and line.
--
--   > local placed = require "perilune.align.loss_place"
--   > local function mine(pair) return pair.chosen + T{ 1, 2, 3 } end
--   > pcall(placed, mine, mine, { chosen = T{ 1, 2 } }) == false
--   true
local rule = require "perilune.options.rule"
local system = require "perilune.system"

-- Where the library is: an error in one of its own losses is as it is.
local library = debug.getinfo(1, "S").source:match "^(@.*)align/loss_place%.lua$"

local function is_own(source) return not (library and source:sub(1, #library) == library) end

local own_source = debug.getinfo(1, "S").source

--- The line of the function, or of another one of its file that it called, in which the error was raised;
-- that of its definition where it ended with the call that failed.
local function line_of(written)
  local level = 3
  local frame = debug.getinfo(level, "Sl")
  while frame and frame.source ~= own_source do
    if frame.source == written.source and frame.currentline > 0 then return frame.currentline end
    level = level + 1
    frame = debug.getinfo(level, "Sl")
  end
  return written.linedefined
end

--- Returns compute(...). `written` is the function that the user wrote.
return function(written, compute, ...)
  local info = type(written) == "function" and debug.getinfo(written, "S")
  if not info or info.what == "C" or not is_own(info.source) then return compute(...) end
  local function place(problem)
    if system.is_interrupt(problem) then return problem end
    local is_error = type(problem) == "userdata" or rule.class(problem) == "RunError"
    local text = type(problem) == "string" and problem or is_error and problem.message
    if type(text) ~= "string" or text:find(info.short_src, 1, true) then return problem end
    return ("%s:%d: %s"):format(info.short_src, line_of(info), text)
  end
  local found = table.pack(xpcall(compute, place, ...))
  if not found[1] then error(found[2], 0) end
  return table.unpack(found, 2, found.n)
end
