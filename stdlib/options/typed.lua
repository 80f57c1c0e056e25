--- Where in the options of a call a text ends: what may be typed next there.
--
--   > local options = require "perilune.options"
--   > local mode = { "mode", "full", "how much", choices = { "full", "part" } }
--   > options.spec("example.draw", { { "steps", 1, "n" }, mode })
--   [options.Spec example.draw]
--   > typed.place("x = example.draw { st").kind
--   key
--   > typed.place("x = example.draw { mode = ").entry.name
--   mode
--   > typed.place "x = example.draw(1"
--   nil
local attempt = require "perilune.attempt"
local native = require "perilune.native.help"
local options = require "perilune.options"

local typed = {}

--- The place of each bracket that is open at the end of `text`, outermost first; nil inside a string.
local function open_brackets(text)
  local stack, at = {}, 1
  while at <= #text do
    local c = text:sub(at, at)
    if c == '"' or c == "'" then
      local close = at + 1
      while close <= #text and text:sub(close, close) ~= c do
        close = close + (text:sub(close, close) == "\\" and 2 or 1)
      end
      if close > #text then return nil end
      at = close
    elseif c == "{" or c == "(" or c == "[" then
      stack[#stack + 1] = { kind = c, at = at }
    elseif c == "}" or c == ")" or c == "]" then
      stack[#stack] = nil
    end
    at = at + 1
  end
  return stack
end

-- The spec whose function or module is `value`, or that a module has as its own.
local function spec_of_value(value, resolve)
  local own = type(value) == "table" and rawget(value, "options")
  if options.is_spec(own) then return own end
  if type(value) ~= "function" and type(value) ~= "table" then return nil end
  for name, spec in next, options.specs do
    if not name:find ":" and rawequal(resolve(name), value) then return spec end
  end
end

-- The spec of a function as it is written in a call: `align.train`, `model:sample`,
-- `perilune.models.transformer`, or a variable that `resolve` knows.
local function spec_of(path, resolve)
  local name = path:gsub("^perilune%.", "")
  while name do
    if options.specs[name] then return options.specs[name] end
    local ok, spec = attempt.call(options.native, name)
    if ok then return spec end
    local method = name:match ":([%w_]+)$"
    for _, page in ipairs(method and native.summaries() or {}) do
      if page.name:match ":([%w_]+)$" == method then return options.native(page.name) end
    end
    name = name:match "^[%w_]+[.](.+)$"
  end
  local value = resolve and resolve(path)
  return value ~= nil and spec_of_value(value, resolve) or nil
end

--- The place at the end of `text`: a table { spec, kind, start }, or nil outside the options of a call.
--
-- `kind` is "key" where the name of an option may be typed, with the set `given` of those that are there, or
-- "value" after `name =`, with the `entry` of the option. `start` is what is typed of it. `resolve(path)`
-- gives the value of a path such as `half` or `losses.half`, or nil.
--
--   > local options = require "perilune.options"
--   > local spec = options.spec("example.fit", { { "rate", 0.1, "learning rate" } })
--   > typed.place("fit { ra", function(path) return path == "fit" and { options = spec } or nil end).start
--   ra
function typed.place(text, resolve)
  local stack = open_brackets(text)
  local last = stack and stack[#stack]
  if not last or last.kind ~= "{" then return nil end
  -- A table is an argument of `f { ... }`, or of the call whose parenthesis is open.
  local call = stack[#stack - 1]
  local path = text:sub(1, last.at - 1):match "([%a_][%w_.:]*)%s*$"
    or call and call.kind == "(" and text:sub(1, call.at - 1):match "([%a_][%w_.:]*)%s*$"
  -- Strings, and what stands in brackets of its own, give no keys of this table.
  local inside = text:sub(last.at + 1):gsub("%b{}", "{}"):gsub("%b()", "()"):gsub("%b[]", "[]")
  local start = ("," .. inside):match "[,;]%s*([%a_]?[%w_]*)$"
  local key, value = ("," .. inside):match "[,;]%s*([%a_][%w_]*)%s*=%s*([%w_.]*)$"
  local spec = path and (start or key) and spec_of(path, resolve)
  if not spec then return nil end
  if not start then
    local entry = spec.by_name[key]
    return entry and { spec = spec, kind = "value", entry = entry, start = value } or nil
  end
  local given = {}
  for name in ("," .. inside):gmatch "[,;]%s*([%a_][%w_]*)%s*=[^=]" do given[name] = true end
  return { spec = spec, kind = "key", start = start, given = given }
end

return typed
