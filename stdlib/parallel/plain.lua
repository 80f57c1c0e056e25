--- Plain data as one line of text, for the pipe between processes: exact numbers, NaN and infinity too.
--
--   > plain.encode({ 1, 0.5, { win = "a\nb" } }, "the result")
--   {[1]=1,[2]=0x1p-1,[3]={["win"]="a\nb"}}
--   > plain.decode(plain.encode({ 0/0, 1/0 }, "the result"))[2]
--   inf
--   > plain.encode({ f = print }, "the result")
--   the result.f is a function; a result is plain data: booleans, numbers, strings and tables of them
local options = require "perilune.options"

local plain = {}

local simple = { ["nil"] = true, boolean = true, number = true, string = true }

--- A simple value as Lua source on one line, in ASCII.
local function literal(value)
  local text = ("%q"):format(value):gsub("\\\n", "\\n"):gsub("\r", "\\r")
  return (text:gsub("[\x7f-\xff]", function(byte) return ("\\x%02x"):format(byte:byte()) end))
end

local function write(value, name, inside, parts)
  if simple[type(value)] then
    parts[#parts + 1] = literal(value)
  elseif type(value) == "table" and not inside[value] then
    inside[value] = true
    parts[#parts + 1] = "{"
    local separator = ""
    for key, element in pairs(value) do
      if not simple[type(key)] then
        error(("%s has a key that is %s; keys are strings, numbers and booleans"):format(
          name, options.show(key)), 0)
      end
      parts[#parts + 1] = ("%s[%s]="):format(separator, literal(key))
      local place = (math.type(key) and "%s[%s]" or "%s.%s"):format(name, key)
      write(element, place, inside, parts)
      separator = ","
    end
    parts[#parts + 1] = "}"
    inside[value] = nil
  elseif type(value) == "table" then
    error(("%s contains itself"):format(name), 0)
  else
    error(("%s is %s; a result is plain data: booleans, numbers, strings and tables of them"):format(
      name, options.show(value)), 0)
  end
end

--- The text of a value; `name` is what an error calls it.
--
-- Errors: a part is no plain data; a table contains itself.
function plain.encode(value, name)
  local parts = {}
  write(value, name, {}, parts)
  return table.concat(parts)
end

--- The value of a text that `encode` made.
function plain.decode(text)
  return assert(load("return " .. text, "=plain data", "t", {}))()
end

return plain
