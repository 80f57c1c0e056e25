--- Values in the terminal: figures as pictures where it shows them, else as text.
local native = require "perilune.native.plot"
local system = require "perilune.system"

local terminal = {}

--- Whether text may have colours: on a terminal, unless NO_COLOR is set or TERM is "dumb".
function terminal.has_color()
  return system.is_terminal(1) and (os.getenv "NO_COLOR" or "") == "" and os.getenv "TERM" ~= "dumb"
end

local function class_of(value)
  local meta = type(value) ~= "string" and debug.getmetatable(value)
  return type(meta) == "table" and rawget(meta, "__name") or nil
end

--- Draws a Figure, or a value made by `display.svg` or `display.png`, as a picture; returns false where the
-- terminal shows no pictures, or the value is none.
--
--   > terminal.draw(3)
--   false
function terminal.draw(value)
  local class, bytes = class_of(value), nil
  if class == "Figure" then
    bytes = value:escape()
  elseif class == "Bundle" and (value["image/svg+xml"] or value["image/png"]) then
    bytes = native.picture_escape(value["image/svg+xml"] or value["image/png"])
  end
  if not bytes then return false end
  io.write(bytes)
  io.flush()
  return true
end

return terminal
