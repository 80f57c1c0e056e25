--- The line beneath an error: what is written here in place of a habit of Python.
--
-- For a name that a value lacks it gives the near one, or what the value has.
--
--   > hints.of_error("stdin:1: attempt to call a nil value (global 'len')", "len(x)")
--   hint: the length is #x; a tensor's sizes are x:size()
local attempt = require "perilune.attempt"
local native = require "perilune.native.help"
local python = require "perilune.session.python"
local torch = require "perilune.session.torch"

local hints = {}

-- The text without strings and comments of Lua, so that no hint comes of what is quoted.
local function without_strings(line)
  return (line:gsub("(%f[%w_][fFrR]?)([\"'])(.-)%2", "%1%2%2"):gsub("%-%-.*$", ""))
end

local function of_syntax(message, text)
  local number = math.tointeger(message:match "^[^\n]-:(%d+): ")
  local count, faulty = 0, nil
  for line in (text .. "\n"):gmatch "(.-)\n" do
    count = count + 1
    if count == number then faulty = line end
  end
  local lines = { faulty }
  for line in (text .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  for _, line in ipairs(lines) do
    local bare = without_strings(line)
    for _, rule in ipairs(python.syntax) do
      local from, _, capture = bare:find(rule[1])
      if from then return (rule[2]:gsub("%%1", { ["%1"] = capture or "" })) end
    end
  end
end

-- The methods and properties of a class of the library.
local function members_of(class)
  local known, list = {}, {}
  local function add(name)
    if not known[name] and not name:find "^_" then list[#list + 1] = name end
    known[name] = true
  end
  if class == "Tensor" then
    for name in next, debug.getmetatable(require "perilune.tensor".zeros(0)).__methods do add(name) end
  end
  for _, entry in ipairs(native.summaries()) do
    local member = entry.name:match("^" .. class .. ":([%w_]+)$")
    if member then add(member) end
  end
  table.sort(list)
  return list
end

-- Names in lines of at most 100 characters.
local function wrapped(list, head)
  local lines, line = {}, head
  for i, name in ipairs(list) do
    local piece = " " .. name .. (i < #list and "," or "")
    if #line + #piece > 100 then
      lines[#lines + 1], line = line, "     "
    end
    line = line .. piece
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end

-- What a value of the session has, for a missing member: the near name of a table, or its list.
local function of_value(text, member, session)
  if not session then return nil end
  local path = text:match("([%a_][%w_.]*)%s*[.:]%s*" .. member .. "%f[^%w_]")
  if not path then return nil end
  local value = require "perilune.session.source".resolve(session, path)
  if value == nil then return nil end
  local list, from, depth = {}, value, 0
  while type(from) == "table" and depth < 4 do
    for key in next, from do
      if type(key) == "string" and not key:find "^_" then list[#list + 1] = key end
    end
    local meta = debug.getmetatable(from)
    from, depth = type(meta) == "table" and rawget(meta, "__index"), depth + 1
  end
  if type(value) == "string" then for key in pairs(string) do list[#list + 1] = key end end
  if #list == 0 then return nil end
  table.sort(list)
  local near = native.nearest(member, list)
  if near then return ("%s has no '%s'; did you mean '%s'?"):format(path, member, near) end
  if #list <= 40 then return wrapped(list, ("%s has"):format(path)) end
end

-- A global that has no value.
local function of_global(name, session, is_called)
  if python.names[name] then return python.names[name] end
  if torch.functions[name] then return "in Lua 5.4: " .. torch.functions[name] end
  if is_called and python.calls[name] then return python.calls[name] end
  local ok, library = attempt.call(require, "perilune")
  local parts, aliases = ok and library.parts or {}, ok and library.aliases or {}
  if parts[name] or aliases[name] then
    return ("'%s' is a part of the library; load it with: local %s = require \"perilune\".%s"):format(
      name, name, name)
  end
  local known = {}
  for _, from in ipairs { _G, session and session.declared or {}, session and parts or {} } do
    for key in next, from do
      if type(key) == "string" and #key > 1 then known[#known + 1] = key end
    end
  end
  table.sort(known)
  local near = #name > 1 and native.nearest(name, known)
  return near and ("'%s' has no value; did you mean '%s'?"):format(name, near)
end

local function of_class(class, message)
  local method = message:match "; use the method ([%w_]+%b())"
  if method then return "write x:" .. method end
  local missing, near = message:match "no field '([%w_]+)'; did you mean '([%w_]+)'"
  if near and #missing > 3 and near:sub(1, 3) == missing:sub(1, 3) then return nil end
  local all, is_there, list = members_of(class), {}, {}
  for _, name in ipairs(all) do is_there[name] = true end
  for _, name in ipairs(all) do
    if not is_there[name:match "^(.*)_$" or ""] then list[#list + 1] = name end
  end
  if #list == 0 then return nil end
  local in_place = #list < #all and "\n      Many have a form with _ that changes the tensor, as add_." or ""
  return wrapped(list, ("a %s has"):format(class)) .. in_place
end

-- A method that was called as a function, without its object.
local function of_call(message, text, session)
  local method = message:match "bad argument #%d+ to '([%w_]+)'"
    or message:match "calling '([%w_]+)' on bad self"
    or message:find("(local 'self')", 1, true) and "[%a_][%w_]*"
  if not method or not session then return nil end
  for path, name in without_strings(text):gmatch("([%a_][%w_.]*)%.(" .. method .. ")%s*[%(\"'{]") do
    local value = require "perilune.session.source".resolve(session, path)
    local kind = type(value)
    local is_object = kind == "userdata" or kind == "string"
      or kind == "table" and rawget(value, name) == nil and debug.getmetatable(value) ~= nil
    if is_object then return ("a method is called with a colon: %s:%s(...)"):format(path, name) end
  end
end

local function of_message(message, text, session)
  local call = of_call(message, text, session)
  if call then return call end
  if text:find "^%s*#%s" then return "a comment begins with --" end
  local name = message:match "%(global '([%w_]+)'%)"
  if name and #name == 1 and text:find("%f[%w_]" .. name .. "[\"']") then
    for _, rule in ipairs(python.syntax) do
      if (name .. '""'):find(rule[1]) then return rule[2] end
    end
  end
  if name then return of_global(name, session, message:find("attempt to call", 1, true) ~= nil) end
  local kind, member = message:match "a nil value %((%a+) '([%w_]+)'%)"
  if kind == "method" or kind == "field" then
    local instead = python.methods[member] or torch.functions[member]
    if instead then return ("in place of .%s: %s"):format(member, instead) end
    return of_value(text, member, session)
  end
  local module = message:match "module '([%w_]+)' not found"
  if module then return torch.modules[module] end
  local missing = message:match "a Tensor has no field '([%w_]+)'" or message:match "T has no '([%w_]+)'"
  if missing and torch.members[missing] and not message:find "; use " then return torch.members[missing] end
  local class = message:match "an? (%u%w*) has no field '[%w_]+'"
  if class then return of_class(class, message) end
  if message:find("index 0: positions start at 1", 1, true) then
    return "the first element is x[1], the last x[-1]"
  end
  if message:find "attempt to concatenate a nil value" and text:find "%f[%w_]print%s*[\"'].*[\"']%s*%.%." then
    return "what is joined needs parentheses: print(\"x = \" .. x)"
  end
  if message:find "attempt to mod a 'string'" or message:find "arithmetic on a nil value"
    and text:find "%f[%w_]print%s*[\"'].*[\"']%s*%%" then
    return "values are put into a text by (\"%s\"):format(x)"
  end
  if message:find "attempt to add a 'string'" or message:find "attempt to add a '%a+' with a 'string'" then
    return "texts are joined by .."
  end
end

--- The hint for an error message, "hint: ..."; nil where nothing is known. `text` is the code that failed,
-- unless the message names its file; `session` has the names, at the prompt.
--
-- A syntax error needs the text, since Lua names only the token.
--
--   > hints.of_error("stdin:1: syntax error near '!'", "x != y")
--   hint: not equal is written ~=
--   > hints.of_error("stdin:1: syntax error near '+'", "x += 1")
--   hint: there is no +=: write x = x + y
--   > hints.of_error("stdin:1: oh", "error 'oh'")
--   nil
function hints.of_error(message, text, session)
  if not text then
    local file <close> = io.open(message:match "^([^\n]-):%d+: " or "", "rb")
    text = file and file:read "a"
  end
  local hint = message:find " near " and of_syntax(message, text or "")
    or of_message(message, text or "", session)
  return hint and "hint: " .. hint or nil
end

--- The note beneath a result that a habit of Python made: a method that was not called, or a name of Python
-- that has no value here. Nil for others.
--
--   > hints.of_result("None", nil, require "perilune.session.current")
--   hint: None is written nil
--   > hints.of_result("x = True", nil, require "perilune.session.current")
--   hint: True is written true
function hints.of_result(text, value, session)
  local bare = without_strings(text)
  for _, name in ipairs { "None", "True", "False" } do
    if bare:find("%f[%w_]" .. name .. "%f[^%w_]") and session.lookup(name) == nil then
      return "hint: " .. python.names[name]
    end
  end
  local path, member = bare:match "^%s*([%a_][%w_.]*)%.([%a_][%w_]*)%s*$"
  if path and value == nil then
    local missing = of_value(bare, member, session)
    if missing and missing:find "did you mean" then return "hint: " .. missing end
  end
  if path and type(value) == "function" then
    local object = require "perilune.session.source".resolve(session, path)
    if type(object) == "userdata" then return ("hint: a method is called: %s:%s()"):format(path, member) end
  end
  local name = bare:match "^%s*([%a_][%w_]*)%s*$"
  if name and value == nil and session.environment and session.lookup(name) == nil then
    local near = not session.declared[name] and of_global(name, session, false)
    if near then return "hint: " .. near end
  end
  local list = bare:match "^%s*([%a_][%w_.]*)%[0%]%s*$"
  if list and value == nil then
    local object = require "perilune.session.source".resolve(session, list)
    if type(object) == "table" and #object > 0 then
      return ("hint: lists begin at 1: %s[1]; the last is %s[#%s]"):format(list, list, list)
    end
  end
end

return hints
