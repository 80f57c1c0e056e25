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
  if name == "perilune" then return library end
  local ok, part = pcall(function() return library[name] end)
  if ok then return part end
  io.stderr:write("cannot load '", name, "': ", tostring(part), "\n")
  return nil
end

-- The commands as plain functions: `timeit(f)` is that of `perilune.session`.
local function command_function(name)
  local ok, commands = pcall(require, "perilune.session.commands")
  local command = ok and type(commands) == "table" and commands.by_name[name]
  return command and require "perilune.session"[command.call or name]
end

-- Reading a global must stay fast, so the lookup is a chain of tables: environment, locals, extras, globals.
-- `extras` holds the results, and the modules and commands that an input has named; `prepare(text)` fills it.
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

-- A global that is assigned is no longer the module of its name.
local function careful_newindex(_, name, value)
  if declared[name] then
    locals[name] = value
  else
    extras[name] = nil
    globals[name] = value
  end
end

local plain_dofile = dofile

-- Makes the names in a text ready to be read: results, modules, commands. What earlier inputs named stays
-- for the functions that they defined.
local function prepare(text)
  local hidden = false
  for name in next, declared do
    hidden = hidden or rawget(locals, name) == nil
  end
  chain.__index = hidden and careful_index or extras
  for _, name in ipairs { "_", "_1", "_2", "_3" } do extras[name] = nil end
  for name in next, extras do
    if rawget(globals, name) ~= nil and name ~= "dofile" then extras[name] = nil end
  end
  if globals.dofile ~= plain_dofile then extras.dofile = nil end
  local is_careful = next(declared) ~= nil
  for name in text:gmatch "[%a_][%w_]*" do
    if rawget(extras, name) == nil and rawget(globals, name) == nil and not declared[name] then
      local value = results[name]
      if value == nil then value = module(name) end
      if value == nil then value = command_function(name) end
      rawset(extras, name, value)
    end
    is_careful = is_careful or rawget(extras, name) ~= nil
  end
  environment_meta.__newindex = is_careful and careful_newindex or globals
end

-- A file as a function of its arguments that sees the names of the session and leaves its globals there.
local function load_file(path)
  local file, problem = io.stdin, nil
  if path ~= nil then file, problem = io.open(path, "rb") end
  if not file then return nil, ("cannot open %s"):format(problem) end
  local text, why = file:read "a"
  if path ~= nil then file:close() end
  if not text then return nil, ("cannot read %s: %s"):format(path, why) end
  if text:sub(1, 1) == "#" then text = "--" .. text end
  prepare(text)
  return load(text, path == nil and "=stdin" or "@" .. path, "bt", environment)
end

function extras.dofile(path)
  local chunk, problem = load_file(path)
  if not chunk then error(problem, 0) end
  return chunk()
end

-- Remembers results as _, _1, _2, _3, those of a numbered input as Out[number] too, and prints them unless
-- `silent`.
local plain_print = print
local session
local results_max = 1000  -- as IPython keeps
local function show(silent, ...)
  local count = select("#", ...)
  if count == 0 then return end
  results._3, results._2, results._1 = results._2, results._1, (...)
  results._ = (...)
  if session.number then
    results.Out = results.Out or {}
    results.Out[session.number], results.Out[session.number - results_max] = (...), nil
  end
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
  if value == nil then value = rawget(extras, name) end
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

session = {
  environment = environment, locals = locals, declared = declared, results = results, globals = globals,
  prepare = prepare, show = show, lookup = lookup, part_names = part_names, load_file = load_file,
  entries = {}, failed = {},
}

-- The commands of the session, which are part of the library.
local function commands()
  local ok, found = pcall(require, "perilune.session.commands")
  if not ok then error("commands of the prompt need the library: " .. tostring(found), 0) end
  return found
end

function session.perform(name, argument) return commands().perform(session, name, argument) end
function session.commands() return commands().words() end

-- The traceback of an error that a command caught and raised again.
function session.take_traceback()
  local inner = session.inner_traceback
  session.inner_traceback = nil
  return inner
end

-- Whether a name is the user's: a local or a global of the session.
function session.is_own(name)
  return declared[name] ~= nil or rawget(globals, name) ~= nil and not package.loaded[name]
end

function session.forget_extras()
  for name in next, extras do
    if name:sub(1, 2) ~= "__" and name ~= "dofile" then extras[name] = nil end
  end
end

function session.note(text) session.entries[#session.entries + 1] = text end
-- `failed` has the numbers of the entries that ended in an error.
function session.note_error(message, traceback)
  session.failed[#session.entries] = true
  session.last_error = { message = message, traceback = traceback }
end

-- What is written here in place of what failed; nil where nothing is known.
function session.hint(message, text)
  local ok, hints = pcall(require, "perilune.session.hints")
  return ok and hints.of_error(message, text, session) or nil
end

-- The note beneath the result of an input; nil for most.
function session.result_hint(text, value)
  local ok, hints = pcall(require, "perilune.session.hints")
  return ok and hints.of_result(text, value, session) or nil
end

-- The values of the last expression of a cell.
local cell_values
function extras.__values(...) cell_values = table.pack(...) end
function session.take_values()
  local values = cell_values or { n = 0 }
  cell_values = nil
  return table.unpack(values, 1, values.n)
end

function extras.__command(line) session.perform_line(line) end

-- `require "perilune.session"` in a script has no inputs; at the prompt it is about this session.
package.loaded["perilune.session.current"] = session
return session
