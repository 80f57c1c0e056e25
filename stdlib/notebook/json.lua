--- JSON with everything that a notebook needs kept: null, empty lists, and the difference of 1 and 1.0.
--
-- A list is a table with the metatable `json.list`, also an empty one; null is `json.null`. Objects are
-- written with sorted keys, as nbformat writes them.
--
--   > local json = require "perilune.notebook.json"
--   > json.encode(json.decode '{"b": [], "a": {"x": 1.0}}', { spaced = true })
--   {"a": {"x": 1.0}, "b": []}
local native = require "perilune.native.notebook"
local options = require "perilune.options"

local json = { null = setmetatable({}, { __tostring = function() return "null" end }) }

local List = { __name = "json.list" }

--- Makes a table a list, which is written as one even if it is empty.
--
--   > json.encode(json.list {})
--   []
function json.list(values) return setmetatable(values or {}, List) end

local depth_max <const> = 180

local escapes <const> = {
  ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t",
}

local function refuse(text, at, expected)
  local line = select(2, text:sub(1, at - 1):gsub("\n", "")) + 1
  error(("JSON, line %d: expected %s"):format(line, expected), 0)
end

--- The character of "\uXXXX" at `at`, and the position after it; two halves of a pair are one character.
local function code_point(text, at)
  local digits = text:match("^%x%x%x%x", at)
  if not digits then refuse(text, at, "four hexadecimal digits") end
  local code, after = tonumber(digits, 16), at + 4
  if code >= 0xD800 and code < 0xDC00 then
    local low = text:match("^\\u([dD][c-fC-F]%x%x)", after)
    local high = 0x10000 + (code - 0xD800) * 0x400
    if low then return utf8.char(high + tonumber(low, 16) - 0xDC00), after + 6 end
  end
  if code >= 0xD800 and code < 0xE000 then code = 0xFFFD end
  return utf8.char(code), after
end

--- The string that begins after the quote at `at`, and the position after its end.
local function read_string(text, at, quote)
  local pieces, from = {}, at + 1
  while true do
    local stop = text:find(quote == "'" and "[\\']" or '[\\"]', from)
    if not stop then refuse(text, at, "the end of a string") end
    pieces[#pieces + 1] = text:sub(from, stop - 1)
    if text:sub(stop, stop) == quote then return table.concat(pieces), stop + 1 end
    local letter = text:sub(stop + 1, stop + 1)
    if letter == "u" then
      pieces[#pieces + 1], from = code_point(text, stop + 2)
    else
      local character = escapes[letter] or letter == quote and quote
      if not character then refuse(text, stop, "an escape of JSON") end
      pieces[#pieces + 1], from = character, stop + 2
    end
  end
end

local words <const> = { ["true"] = true, ["false"] = false }
local python_words <const> = { True = true, False = false }

local read

local function blank_end(text, at) return text:find("[^ \t\r\n]", at) or #text + 1 end

--- The members between two brackets, each read by `member(at)`, which gives the position after it.
local function read_members(text, at, close, python, member)
  at = blank_end(text, at + 1)
  if text:sub(at, at) == close then return at + 1 end
  while true do
    at = blank_end(text, member(at))
    local mark = text:sub(at, at)
    if mark == close then return at + 1 end
    if mark ~= "," then refuse(text, at, ("',' or '%s'"):format(close)) end
    at = blank_end(text, at + 1)
    if python and text:sub(at, at) == close then return at + 1 end
  end
end

function read(text, at, python, depth)
  if depth > depth_max then refuse(text, at, ("at most %d levels"):format(depth_max)) end
  local mark = text:sub(at, at)
  if mark == '"' or python and mark == "'" then return read_string(text, at, mark) end
  if mark == "{" then
    local object = {}
    local after = read_members(text, at, "}", python, function(from)
      local quote = text:sub(from, from)
      if quote ~= '"' and not (python and quote == "'") then refuse(text, from, "a name in quotes") end
      local name, stop = read_string(text, from, quote)
      stop = blank_end(text, stop)
      if text:sub(stop, stop) ~= ":" then refuse(text, stop, "':'") end
      object[name], stop = read(text, blank_end(text, stop + 1), python, depth + 1)
      return stop
    end)
    return object, after
  end
  if mark == "[" or python and mark == "(" then
    local list = json.list {}
    return list, read_members(text, at, mark == "[" and "]" or ")", python, function(from)
      local stop
      list[#list + 1], stop = read(text, from, python, depth + 1)
      return stop
    end)
  end
  local number, after = text:match("^(%-?%d+%.?%d*[eE]?[+-]?%d*)()", at)
  if number and tonumber(number) then return tonumber(number), after end
  local word, stop = text:match("^(%a+)()", at)
  local value = words[word]
  if value == nil and python then value = python_words[word] end
  if value ~= nil then return value, stop end
  if word == "null" or python and word == "None" then return json.null, stop end
  return refuse(text, at, "a value")
end

--- The value of a text. With `python` true also what Python writes: 'single quotes', True, None, (1, 2).
--
--   > json.decode("['a', True]", true)[1]
--   a
--   > json.decode "[1"
--   JSON, line 1: expected ',' or ']'
function json.decode(text, python)
  local value, after = read(text, blank_end(text, 1), python, 0)
  after = blank_end(text, after)
  if after <= #text then refuse(text, after, "the end") end
  return value
end

local function number_text(x)
  if math.type(x) == "integer" then return ("%d"):format(x) end
  if x ~= x then return "NaN" end
  if x == math.huge then return "Infinity" elseif x == -math.huge then return "-Infinity" end
  for digits = 15, 17 do
    local text = ("%." .. digits .. "g"):format(x)
    if tonumber(text) == x then return text:find "[.eE]" and text or text .. ".0" end
  end
end

local function ascii(text)
  return (text:gsub(utf8.charpattern, function(character)
    if #character == 1 then return nil end
    local code = utf8.codepoint(character)
    if code < 0x10000 then return ("\\u%04x"):format(code) end
    code = code - 0x10000
    return ("\\u%04x\\u%04x"):format(0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF))
  end))
end

local short_escapes <const> = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ["\b"] = "\\b",
  ["\f"] = "\\f",
}

--- A text in quotes. Bytes that are no UTF-8 become U+FFFD.
--
--   > json.quoted 'a "b"\n\0'
--   "a \"b\"\n\u0000"
function json.quoted(text)
  if not utf8.len(text) then return '"' .. native.escape(text, "json") .. '"' end
  return '"' .. text:gsub('[%c"\\]', function(c)
    return short_escapes[c] or c < " " and ("\\u%04x"):format(c:byte()) or nil
  end) .. '"'
end

--- The text of a value. `given.indent` is the blanks of a level, `given.spaced` puts a blank after commas
-- and colons on one line, `given.ascii` writes other characters as escapes.
--
--   > print(json.encode({ a = 1 }, { indent = 1 }))
--   {
--    "a": 1
--   }
function json.encode(value, given)
  local o = given or {}
  local function write(item, depth)
    local kind = type(item)
    if item == json.null or item == nil then return "null" end
    if kind == "number" then return number_text(item) end
    if kind == "boolean" then return tostring(item) end
    if kind == "string" then return o.ascii and ascii(json.quoted(item)) or json.quoted(item) end
    if kind ~= "table" or depth > depth_max then
      error(("JSON: a %s cannot be written"):format(depth > depth_max and "table as deep" or kind), 0)
    end
    local parts, open, close = {}, "{", "}"
    if getmetatable(item) == List or rawlen(item) > 0 then
      open, close = "[", "]"
      for i = 1, rawlen(item) do parts[i] = write(item[i], depth + 1) end
    else
      local names = {}
      for name in next, item do names[#names + 1] = tostring(name) end
      table.sort(names)
      local colon = (o.indent or o.spaced) and ": " or ":"
      for i, name in ipairs(names) do
        parts[i] = (o.ascii and ascii(json.quoted(name)) or json.quoted(name)) .. colon
          .. write(item[name], depth + 1)
      end
    end
    if #parts == 0 then return open .. close end
    if not o.indent then return open .. table.concat(parts, o.spaced and ", " or ",") .. close end
    local gap = "\n" .. (" "):rep(o.indent * (depth + 1))
    return open .. gap .. table.concat(parts, "," .. gap) .. "\n" .. (" "):rep(o.indent * depth) .. close
  end
  return write(value, 0)
end

return options.strict("notebook.json", json)
