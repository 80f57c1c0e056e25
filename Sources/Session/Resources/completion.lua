-- What the end of an input may become, found in tables and metatables. Nothing of the user's is called: no
-- metamethod, and no function of Lua's libraries that may have been replaced. Parts of the library are
-- loaded.
--
-- Arguments: the session and the reserved words. Returns complete(kind, ...), which gives a list of texts
-- that replace the last word, and for some of them what is told of them, "label" or "label<tab>meaning".
-- The kinds and their arguments:
--
--   "member", keys, separator, start   a field of the value at a path, or with ":" a method
--   "name", start, code                a variable, a keyword, or an option; `code` is the input before it
--   "string", content, code            in a string; nil where a file may be meant
--   "argument", content                a word of a command's line; nil likewise
--   "help", start                      a name that has a help page
local session, keywords = ...
local next, pcall, rawequal, rawget, require, type = next, pcall, rawequal, rawget, require, type
local find, gmatch, match, sub = string.find, string.gmatch, string.match, string.sub
local sort = table.sort
local metatable = debug.getmetatable
local package = package

-- More candidates than these help nobody.
local candidates_max = 5000

-- A module of the library, or nil. A stand-in that the user has put in its place may be anything.
local function module(name)
  local ok, found = pcall(require, "perilune." .. name)
  return ok and type(found) == "table" and found or nil
end

-- The metatable of a table of the library that loads names when they are first read.
local function strict_metatable(value)
  local options = module "options"
  local is_strict = options and rawget(options, "is_strict")
  local ok, found = pcall(is_strict, value)
  return ok and found == true and metatable(value) or nil
end

-- Calls visit(key, value) for every name that `value.name` may find. The value of a getter, or of a name that
-- is not loaded, is false.
local function each_member(value, visit)
  for _ = 1, 8 do
    local meta = metatable(value)
    if type(value) == "table" then
      for key, member in next, value do visit(key, member) end
    end
    if type(meta) ~= "table" then return end
    if type(value) == "userdata" then
      local methods, getters = rawget(meta, "__methods"), rawget(meta, "__getters")
      if type(methods) == "table" then
        for key, member in next, methods do visit(key, member) end
      end
      if type(getters) == "table" then
        for key in next, getters do visit(key, false) end
      end
    end
    local names = rawget(meta, "__names")
    if type(names) == "table" and strict_metatable(value) then
      for _, key in next, names do visit(key, false) end
    end
    value = rawget(meta, "__index")
    if type(value) ~= "table" then return end
  end
end

local function member(value, name)
  local found, is_unloaded
  each_member(value, function(key, each)
    if not rawequal(key, name) or found then return end
    if each == false then is_unloaded = true else found = each end
  end)
  if found ~= nil or not is_unloaded or not strict_metatable(value) then return found end
  local ok, part = pcall(function() return value[name] end)
  return ok and part or nil
end

-- The value at a path: the name of a variable, or a table whose field `literal` is a string, then keys.
local function value_at(keys)
  local root = keys[1]
  local value
  if type(root) == "table" then value = root.literal else value = session.lookup(root) end
  for i = 2, #keys do
    if value == nil then return nil end
    value = member(value, keys[i])
  end
  return value
end

-- The value of a path as it is written, `align.judge`.
local function resolve(path)
  local keys = {}
  for name in gmatch(path, "[^.:]+") do keys[#keys + 1] = name end
  return value_at(keys)
end

-- A collector of candidates that begin with `start`.
local function collector(start)
  local texts, details, known = {}, {}, {}
  local self = { texts = texts, details = details }
  function self.offer(name, detail)
    if type(name) ~= "string" or known[name] or #texts >= candidates_max then return end
    if sub(name, 1, #start) ~= start then return end
    known[name] = true
    texts[#texts + 1] = name
    details[#texts] = detail or ""
  end
  function self.offer_name(name)
    if type(name) ~= "string" or not match(name, "^[%a_][%w_]*$") then return end
    if start == "" and sub(name, 1, 1) == "_" then return end
    self.offer(name)
  end
  function self.sorted()
    sort(texts)
    return texts, details
  end
  return self
end

local function members(keys, separator, start)
  local found, value = collector(start), value_at(keys)
  if value == nil then return found.sorted() end
  each_member(value, function(key, each)
    if separator == "." or type(each) == "function" then found.offer_name(key) end
  end)
  return found.sorted()
end

-- The literals that an option may have, for a place after `name =`.
local function offer_values(found, entry)
  local choices = rawget(entry, "choices")
  if type(choices) == "table" then
    for _, choice in next, choices do
      found.offer(type(choice) == "string" and ("%q"):format(choice) or choice)
    end
  elseif type(entry.default) == "boolean" then
    found.offer "true"
    found.offer "false"
  end
  if entry.default ~= nil and type(entry.default) ~= "table" then
    local text = entry:default_text()
    found.offer(text, text .. "\tthe default; " .. entry:sentence())
  end
end

-- Where in the options of a call the input ends, or nil.
local function place(code)
  local typed = module "options.typed"
  local ok, found = pcall(function() return typed.place(code, resolve) end)
  return ok and found or nil
end

-- The options that may be typed, as a collector; nil outside the options of a call.
local function options_at(start, code)
  local path = match(code, "([%a_][%w_.:]*)%s*%(?%s*{[^{}]*$")
  if path then resolve(path) end  -- loads the module that declares the options
  local here = place(code .. start)
  if not here then return nil end
  local found = collector(start)
  if here.kind == "value" then
    pcall(offer_values, found, here.entry)
    return start == "" and #found.texts > 0 and found or nil
  end
  local ok, keys = pcall(require, "perilune.options.keys")
  local names, details
  if ok then ok, names, details = pcall(keys, code .. start, resolve) end
  if not ok or not names then return nil end
  for i = 1, #names do found.offer(names[i], details[i]) end
  return found
end

local function names(start, code)
  local found = options_at(start, code)
  if found then return found.texts, found.details end
  found = collector(start)
  for name in gmatch(keywords, "%a+") do found.offer(name) end
  local tables = { session.declared, _G, session.results, session.part_names() }
  for i = 1, #tables do
    for name in next, tables[i] do found.offer_name(name) end
  end
  return found.sorted()
end

-- The names that `list` of a module gives, such as those of the tasks.
local function listed(name)
  local found = module(name)
  local list = found and rawget(found, "names")
  local ok, all = pcall(list)
  return ok and type(all) == "table" and all or {}
end

local lists = {
  task = function() return listed "tasks" end,
  loss = function() return listed "align.loss" end,
}

local function offered(list, start)
  local found = collector(start)
  for i = 1, #list do found.offer(list[i]) end
  return found.sorted()
end

-- The files of a folder; {} where it cannot be read.
local function folder(path)
  local system = module "system"
  local ok, list = pcall(function() return system.list_folder(path) end)
  return ok and list or {}
end

-- The modules that `require` finds: those that are loaded, the library's, and the files of package.path.
local function modules(start)
  local found = collector(start)
  local prefix = match(start, "^(.*)%.[^.]*$")
  local lead = prefix and prefix .. "." or ""
  for _, field in next, { "loaded", "preload" } do
    local known = rawget(package, field)
    if type(known) == "table" then
      for name in next, known do
        if type(name) == "string" and not find(name, "^_") and not find(name, "^perilune%.native") then
          found.offer(name)
        end
      end
    end
  end
  local function offer_files(path, suffix)
    local files = folder(path == "" and "." or path)
    for i = 1, #files do
      local name = match(files[i], "^([%w_-]+)" .. suffix .. "$")
      if name and name ~= "init" then found.offer(lead .. name) end
    end
  end
  local below = prefix and (prefix:gsub("%.", "/") .. "/") or ""
  local library = session.library_folder
  if library and (prefix == "perilune" or find(lead, "^perilune%.")) then
    local path = library .. "/" .. sub(below, #"perilune/" + 1)
    offer_files(path, "%.lua")
    offer_files(path, "")
  end
  local paths = rawget(package, "path")
  for template in gmatch(type(paths) == "string" and paths or "", "[^;]+") do
    local root = match(template, "^(.-)%?%.lua$")
    if root then offer_files(root .. below, "%.lua") end
  end
  return found.sorted()
end

local function help_names(start)
  local found = collector(start)
  for name in next, session.part_names() do found.offer_name(name) end
  local native = module "native.help"
  local ok, pages = pcall(function() return native.summaries() end)
  for i = 1, ok and #pages or 0 do found.offer_name(match(pages[i].name, "[%w_]+$")) end
  for name in next, _G do found.offer_name(name) end
  return found.sorted()
end

-- `--task NAME` and `--task=NAME`, in a command's line or a string.
local function arguments(content)
  local name, start = match(content, "%-%-(%a+)[ =]([%w_]*)$")
  local list = name and lists[name]
  if not list then return nil end
  return offered(list(), start)
end

-- In a string: `content` is what it holds so far and `code` the input before its quote.
local function strings(content, code)
  if find(code, "%f[%w_]require%s*%(?%s*$") then return modules(content) end
  if find(code, "%f[%w_]help%s*%(?%s*$") then return help_names(content) end
  local key = match(code, "([%a_][%w_]*)%s*=%s*$")
  local here = key and place(code)
  if here and here.kind == "value" then
    local choices = rawget(here.entry, "choices")
    if type(choices) == "table" then return offered(choices, content) end
  end
  if key and lists[key] then return offered(lists[key](), content) end
  if find(code, "%f[%w_]tasks%.open%s*%(?%s*$") then return offered(lists.task(), content) end
  local path = match(code, "([%a_][%w_.]*)%[%s*$")
  local value = path and resolve(path)
  if value ~= nil then
    local found = collector(content)
    each_member(value, found.offer)
    return found.sorted()
  end
  return arguments(content)
end

local kinds = { member = members, name = names, string = strings, argument = arguments, help = help_names }

return function(kind, ...)
  local texts, details = kinds[kind](...)
  return texts, details
end
