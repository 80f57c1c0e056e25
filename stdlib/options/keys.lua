--- The options that may be typed next: completion inside the braces of a call.
--
--   > local options = require "perilune.options"
--   > options.spec("example.run", { { "steps", 1, "n" }, { "stop", 2, "last id" }, { "lr", 1, "rate" } })
--   [options.Spec example.run]
--   > table.concat(keys "x = example.run { lr = 0.2, st", " ")
--   steps stop
local native = require "perilune.native.help"
local options = require "perilune.options"

--- The text before each bracket that is open at the end of `text`, outermost first; nil inside a string.
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

--- The spec of a function as it is written in a call: `align.train`, `model:sample`,
-- `perilune.models.transformer`.
local function spec_of(path)
  local name = path:gsub("^perilune%.", "")
  while name do
    if options.specs[name] then return options.specs[name] end
    local ok, spec = pcall(options.native, name)
    if ok then return spec end
    local method = name:match ":([%w_]+)$"
    for _, page in ipairs(method and native.summaries() or {}) do
      if page.name:match ":([%w_]+)$" == method then return options.native(page.name) end
    end
    name = name:match "^[%w_]+[.](.+)$"
  end
end

--- The names of options that begin with the word at the end of `text` and are not given yet; nil unless the
-- end of `text` is a key in the braces of a call of a function with options.
return function(text)
  local stack = open_brackets(text)
  local last = stack and stack[#stack]
  if not last or last.kind ~= "{" then return nil end
  -- A table is an argument of `f { ... }`, or of the call whose parenthesis is open.
  local call = stack[#stack - 1]
  local path = text:sub(1, last.at - 1):match "([%a_][%w_.:]*)%s*$"
    or call and call.kind == "(" and text:sub(1, call.at - 1):match "([%a_][%w_.:]*)%s*$"
  local inside = text:sub(last.at + 1)
  local start = ("," .. inside):match "[,;]%s*([%a_]?[%w_]*)$"
  local spec = path and start and spec_of(path)
  if not spec then return nil end
  local given, names = {}, {}
  for name in inside:gmatch "([%a_][%w_]*)%s*=[^=]" do given[name] = true end
  for _, name in ipairs(spec:names()) do
    if not given[name] and name:sub(1, #start) == start then names[#names + 1] = name end
  end
  return names
end
