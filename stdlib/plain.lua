--- Plain data as JSON without loss: NaN, infinity, any bytes, and tables whose keys are not strings.
--
-- Plain data is nil, booleans, numbers, strings, and tables of them.
--
--   > plain.encode { step = 3, loss = 0/0 }
--   {"loss":{"$number":"nan"},"step":3}
--   > plain.decode(plain.encode { [40] = "x" })[40]
--   x
--   > plain.encode({ win = { print } }, "point 3")
--   point 3.win[1] is a function; plain data is nil, booleans, numbers, strings and tables of them
local formats = require "perilune.formats"
local options = require "perilune.options"

local plain = {}

local specials = { nan = 0 / 0, inf = 1 / 0, ["-inf"] = -1 / 0 }

local function is_plain_key(key) return type(key) == "string" and utf8.len(key) and key:sub(1, 1) ~= "$" end

--- How a table is written: "list" for keys 1 to n, "object" for strings, "entries" for others.
local function shape_of(value)
  local count, strings = 0, 0
  for key in pairs(value) do
    count = count + 1
    if is_plain_key(key) then strings = strings + 1 end
  end
  if strings == count then return "object" end
  return count == #value and "list" or "entries"
end

local function packed_number(x)
  if x - x == 0 or math.type(x) == "integer" then return x end
  return { ["$number"] = x ~= x and "nan" or x > 0 and "inf" or "-inf" }
end

local function packed_string(text)
  if utf8.len(text) then return text end
  return { ["$bytes"] = (text:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)) }
end

local pack

--- As deep as JSON is nested.
local depth_max <const> = 200

local function packed_table(value, name, inside, depth)
  if inside[value] then error(name .. " contains itself", 0) end
  -- The name of a place grows with the depth: without an end here, memory does with its square.
  if depth > depth_max then
    error(("tables nested deeper than %d, or one that holds itself"):format(depth_max), 0)
  end
  inside[value] = true
  local shape, result = shape_of(value), {}
  for key, element in pairs(value) do
    local shown = options.show(key):gsub("'", "")
    local place = (type(key) == "string" and "%s.%s" or "%s[%s]"):format(name, shown)
    if type(key) == "table" then error(("%s has %s as a key"):format(name, shown), 0) end
    local packed = pack(element, place, inside, depth + 1)
    if shape == "entries" then key, packed = #result + 1, { pack(key, place, inside, depth + 1), packed } end
    result[key] = packed
  end
  inside[value] = nil
  if shape ~= "entries" then return result end
  table.sort(result, function(a, b) return tostring(a[1]) < tostring(b[1]) end)
  return { ["$entries"] = result }
end

--- The value as JSON can hold it. `name` is what an error calls it.
function pack(value, name, inside, depth)
  local kind = type(value)
  if kind == "number" then return packed_number(value) end
  if kind == "string" then return packed_string(value) end
  if kind == "boolean" or kind == "nil" then return value end
  if kind == "table" and not getmetatable(value) then return packed_table(value, name, inside, depth) end
  error(("%s is %s; plain data is nil, booleans, numbers, strings and tables of them"):format(
    name, options.show(value)), 0)
end

local function unpack(value)
  if type(value) ~= "table" then return value end
  if value["$number"] then return specials[value["$number"]] end
  if type(value["$bytes"]) == "string" then
    return (value["$bytes"]:gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end))
  end
  local result = {}
  if type(value["$entries"]) == "table" then
    for _, entry in ipairs(value["$entries"]) do
      local key = type(entry) == "table" and unpack(entry[1])
      if key == nil or key ~= key or type(entry) ~= "table" then
        error("no plain data: an entry is " .. options.show(entry), 0)
      end
      result[key] = unpack(entry[2])
    end
    return result
  end
  for key, element in pairs(value) do result[key] = unpack(element) end
  return result
end

--- The value as one line of JSON; `name` is what an error calls it ("the value").
--
-- Errors: a part is no plain data, such as a Model or a table with a metatable; a table contains itself; a
-- key is a table.
function plain.encode(value, name)
  return (formats.json_encode({ pack(value, name or "the value", {}, 1) }):gsub("^%[", ""):gsub("%]$", ""))
end

--- The value of a text that `encode` wrote.
--
-- Errors: the text is not JSON.
function plain.decode(text) return unpack(formats.json_decode("[" .. text .. "]")[1]) end

return options.strict("plain", plain)
