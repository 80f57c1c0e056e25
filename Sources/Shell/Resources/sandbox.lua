-- What Lua code sees under --sandbox: no processes, no C, no bytecode, no debug library, and errors that say
-- what was refused. The kernel enforces the files and processes (CSystem/sandbox.c); a way around these
-- functions leads there.
--
-- Arguments: the function that tells why a call was refused, the first root (nil: none), and the place of the
-- searcher for Lua files in package.searchers. Returns the globals of the library's own chunks.
-- luacheck: ignore 121 122
local refusal, folder, lua_searcher = ...
local find, format, type, error = string.find, string.format, type, error
local select, next, rawset, setmetatable = select, next, rawset, setmetatable
local open, lines, input, output = io.open, io.lines, io.input, io.output
local remove, rename, getenv, time = os.remove, os.rename, os.getenv, os.time
local raw_load, raw_loadfile, searchpath = load, loadfile, package.searchpath

local library = { debug = {
  getinfo = debug.getinfo, traceback = debug.traceback, getmetatable = debug.getmetatable,
} }

local function check_name(name, position, path)
  if type(path) == "string" and find(path, "\0", 1, true) then
    error(format("bad argument #%d to '%s' (a file name with a NUL byte is refused)", position, name), 3)
  end
end

-- The results of a call that gives nil, message and number on failure, with the reason of the sandbox.
local function explained(path, ...)
  local why = refusal()
  if why and (...) == nil then return nil, format("%s: %s", path, why), (select(3, ...)) end
  return ...
end

local function refused(name, what)
  return function()
    error(format("%s: --sandbox %s; run without --sandbox to allow it", name, what), 2)
  end
end

function io.open(path, ...)
  check_name("open", 1, path)
  refusal()
  return explained(path, open(path, ...))
end

-- The file, for functions that raise what io.open returns.
local function must_open(path, mode)
  refusal()
  local file, problem = explained(path, open(path, mode))
  if not file then error(problem, 3) end
  return file
end

function io.lines(path, ...)
  if path == nil then return lines(path, ...) end
  check_name("lines", 1, path)
  must_open(path, "r"):close()
  return lines(path, ...)
end

function io.input(file)
  check_name("input", 1, file)
  if type(file) == "string" then file = must_open(file, "r") end
  if file == nil then return input() end
  return input(file)
end

function io.output(file)
  check_name("output", 1, file)
  if type(file) == "string" then file = must_open(file, "w") end
  if file == nil then return output() end
  return output(file)
end

function os.remove(path)
  check_name("remove", 1, path)
  refusal()
  return explained(path, remove(path))
end

function os.rename(from, to)
  check_name("rename", 1, from)
  check_name("rename", 2, to)
  refusal()
  return explained(format("%s to %s", from, to), rename(from, to))
end

local no_root = "there is no root for a temporary file; --root=DIR allows a folder"
local names = 0

function os.tmpname()
  if not folder then error("os.tmpname: " .. no_root, 2) end
  while true do
    names = names + 1
    local path = format("%s/lua_%x_%d", folder, time(), names)
    local taken = open(path, "r")
    if not taken then
      must_open(path, "w"):close()
      return path
    end
    taken:close()
  end
end

function io.tmpfile()
  if not folder then return nil, "io.tmpfile: " .. no_root, 13 end
  local path = os.tmpname()
  local file, problem, number = open(path, "w+b")
  remove(path)
  return file, problem, number
end

io.popen = refused("io.popen", "starts no process")
function os.execute(command)
  if command == nil then return false end
  error("os.execute: --sandbox starts no process; run without --sandbox to allow it", 2)
end

-- What a program may know of its surroundings.
local known = {
  LANG = true, LC_ALL = true, LC_CTYPE = true, TERM = true, TZ = true, NO_COLOR = true, COLUMNS = true,
  LINES = true, COLORTERM = true,
}
function os.getenv(name) return known[name] and getenv(name) or nil end

-- Chunks are text: bytecode can do what Lua code cannot.
function load(chunk, name, mode, ...)
  if mode == "b" then return nil, "attempt to load a binary chunk (--sandbox loads text only)" end
  return raw_load(chunk, name, "t", ...)
end

function loadfile(path, mode, ...)
  check_name("loadfile", 1, path)
  if mode == "b" then return nil, "attempt to load a binary chunk (--sandbox loads text only)" end
  refusal()
  local chunk, problem = raw_loadfile(path, "t", ...)
  local why = not chunk and refusal()
  if why then problem = format("cannot open %s: %s", path, why) end
  return chunk, problem
end

local loadfile = loadfile
function dofile(path)
  check_name("dofile", 1, path)
  local chunk, problem = loadfile(path)
  if not chunk then error(problem, 0) end
  return chunk()
end

string.dump = refused("string.dump", "makes no bytecode")
package.loadlib = refused("package.loadlib", "loads no C")
package.cpath = ""

-- require: modules already known, the library's own, and text files on package.path.
local package = package
local function search_path(name)
  if type(package.path) ~= "string" then error("'package.path' must be a string", 0) end
  local path, problem = searchpath(name, package.path)
  if not path then return problem end
  local chunk
  chunk, problem = loadfile(path)
  if not chunk then
    error(format("error loading module '%s' from file '%s':\n\t%s", name, path, problem), 0)
  end
  return chunk, path
end
-- Lua's own searchers for its files, for C libraries and for C libraries of a package stand in a row.
table.remove(package.searchers, lua_searcher + 2)
table.remove(package.searchers, lua_searcher + 1)
package.searchers[lua_searcher] = search_path

for name in next, debug do debug[name] = nil end
rawset(_G, "debug", nil)
package.loaded.debug = nil

return setmetatable(library, { __index = _G, __newindex = _G })
