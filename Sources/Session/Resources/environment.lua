-- The environment of the inputs: session locals, globals, results, and modules, loaded when first named.
-- Arguments: the function that keeps locals (`Lua.localsKeeper`) and display(value). Returns the session.
local keep, display = ...
local globals = _G
local locals, declared, results = {}, {}, {}
local library

-- The table of the library, or false where it is not installed.
local function find_library()
  if library == nil then
    local ok, found = pcall(require, "perilune")
    library = ok and type(found) == "table" and found or false
  end
  return library
end

-- A part of the library by its name, or nil.
local function module(name)
  if type(name) ~= "string" or not find_library() then return nil end
  local ok, part = pcall(function() return library[name] end)
  if ok then return part end
  io.stderr:write("cannot load '", name, "': ", tostring(part), "\n")
  return nil
end

-- Reading a global must stay fast, so the lookup is a chain of tables: environment, locals, extras, globals.
-- `extras` holds the results and modules that the next input names; `prepare(text)` fills it.
local extras = { __keep = keep }
local chain = { __index = extras }
local environment_meta = { __index = locals }
local environment = setmetatable({}, environment_meta)
setmetatable(locals, chain)
setmetatable(extras, { __index = globals })

-- A local that is nil must hide a global of its name, which a table cannot do.
local function careful_index(_, name)
  if declared[name] then return nil end
  return extras[name]
end

local function careful_newindex(_, name, value)
  if declared[name] then locals[name] = value else globals[name] = value end
end

local function prepare(text)
  local hidden = false
  for name in next, declared do
    hidden = hidden or rawget(locals, name) == nil
  end
  chain.__index = hidden and careful_index or extras
  environment_meta.__newindex = next(declared) ~= nil and careful_newindex or globals
  for name in next, extras do
    if name ~= "__keep" then extras[name] = nil end
  end
  for name in text:gmatch "[%a_][%w_]*" do
    if rawget(extras, name) == nil and rawget(globals, name) == nil and not declared[name] then
      local value = results[name]
      if value == nil then value = module(name) end
      rawset(extras, name, value)
    end
  end
end

-- Remembers results as _, _1, _2, _3 and prints them unless `silent`.
local plain_print = print
local function show(silent, ...)
  local count = select("#", ...)
  if count == 0 then return end
  results._3, results._2, results._1 = results._2, results._1, (...)
  results._ = (...)
  if silent then return end
  if print ~= plain_print then return print(...) end
  local ok, shown = pcall(require, "perilune.display")
  if ok and type(shown) == "table" then return shown.results(...) end
  local texts, several = {}, false
  for i = 1, count do
    texts[i] = display((select(i, ...)))
    several = several or texts[i]:find("\n", 1, true)
  end
  io.write(table.concat(texts, several and "\n" or "\t"), "\n")
end

-- The value that a name has in an input, or nil. Calls nothing but the loader of a module.
local function lookup(name)
  if declared[name] then return rawget(locals, name) end
  local value = rawget(globals, name)
  if value == nil then value = results[name] end
  if value == nil and find_library() then
    for _, field in ipairs { "parts", "aliases" } do
      local names = rawget(library, field)
      if type(names) == "table" and names[name] then return module(name) end
    end
  end
  return value
end

-- The names of the library's parts.
local function part_names()
  local parts = find_library() and rawget(library, "parts")
  return type(parts) == "table" and parts or {}
end

return {
  environment = environment, locals = locals, declared = declared, results = results,
  prepare = prepare, show = show, lookup = lookup, part_names = part_names,
}
