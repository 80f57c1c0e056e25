--- Attempts to get out of the sandbox, run inside of it by sandbox_test.lua. Arguments: the root, the folder
-- beside it and the secret that a file of that folder holds.
--
-- An attempt returns what it got hold of. Prints "held NAME" or "ESCAPED NAME: what"; whether something
-- outside has changed is seen by the test.
local root, outside, secret_hash = arg[1], arg[2], arg[3]
local perilune = require "perilune"
local system, formats = require "perilune.system", perilune.formats
local T, models = perilune.tensor, perilune.models

local function report(name, escaped, what)
  print(escaped and ("ESCAPED %s: %s"):format(name, tostring(what):sub(1, 200)) or "held " .. name)
end

-- An attempt that must raise an error or return nil or false.
local function refused(name, f)
  local ok, got = pcall(f)
  report(name, ok and got, got)
end

local long = ("d/"):rep(3000)
local paths = {
  ["the absolute path"] = outside .. "/secret.txt",
  ["a relative path"] = "../outside/secret.txt",
  ["dots within the root"] = root .. "/sub/../../outside/secret.txt",
  ["dots after a link"] = root .. "/link_dir/../outside/secret.txt",
  ["a link to a file"] = root .. "/link_file",
  ["an absolute link"] = root .. "/link_absolute",
  ["a link to a folder"] = root .. "/link_dir/secret.txt",
  ["a link to the root of the system"] = root .. "/link_system" .. outside .. "/secret.txt",
  ["a link to a link"] = root .. "/link_link",
  ["/proc/self/root"] = "/proc/self/root" .. outside .. "/secret.txt",
  ["/proc/self/cwd"] = "/proc/self/cwd/../outside/secret.txt",
  ["a link to /proc/self"] = root .. "/link_proc/root" .. outside .. "/secret.txt",
  ["two slashes"] = "/" .. outside .. "//secret.txt",
  ["a name with NUL"] = outside .. "/secret.txt\0" .. root,
  ["NUL after the root"] = root .. "/link_file\0.txt",
  ["a long path"] = root .. "/" .. long .. "../../outside/secret.txt",
}

-- Each gives what it read, as text.
local readers = {
  ["io.open"] = function(p) local f <close> = assert(io.open(p)); return f:read "a" end,
  ["io.lines"] = function(p) return (io.lines(p)()) end,
  ["io.input"] = function(p) io.input(p); return io.read "a" end,
  ["loadfile"] = function(p) local f, e = loadfile(p); return f and "loaded" or e end,
  ["dofile"] = function(p) dofile(p) return "run" end,
  ["require"] = function(p)
    package.loaded.escaped = nil
    package.path = p:gsub("%?", "")
    local ok, e = pcall(require, "escaped")
    return ok and "loaded" or e
  end,
  ["package.searchpath"] = function(p) return package.searchpath("x", p) and "found" end,
  ["formats.load_json"] = function(p) return formats.load_json(p) end,
  ["formats.load_json_lines"] = function(p) return formats.load_json_lines(p) end,
  ["formats.load_parquet"] = function(p) return formats.load_parquet(p) end,
  ["formats.is_parquet"] = function(p) return formats.is_parquet(p) and "exists" end,
  ["formats.load_tensors"] = function(p) return formats.load_tensors(p) end,
  ["models.load"] = function(p) return models.load(p) end,
  ["csv"] = function(p) return perilune.csv.load(p) end,
  ["system.sha256_file"] = function(p) return system.sha256_file(p) end,
  ["system.exists"] = function(p) return system.exists(p) and "exists" end,
  ["system.list_folder"] = function(p) return system.list_folder((p:gsub("/secret.txt", ""))) end,
  ["tasks.from_pairs"] = function(p) return perilune.tasks.from_pairs { path = p } end,
}

-- What must not come back: the text of the secret (its hash is known here), or that the file is there at all.
local function tells(got)
  if type(got) == "string" then
    for word in got:gmatch "SECRET%-%x+" do
      if system.sha256(word) == secret_hash then return true end
    end
    local words = { exists = true, found = true, loaded = true, run = true }
    return words[got] or got:find "^%x+$" and #got == 64
  end
  return got ~= nil
end

local search = package.path
for reader, read in pairs(readers) do
  for way, path in pairs(paths) do
    local ok, got = pcall(read, path)
    local found = tells(ok and got or tostring(got))
    report(("read by %s with %s"):format(reader, way), found and (ok or tostring(got):find "SECRET"), got)
    package.path = search
  end
end

local through = {
  ["io.open w"] = function(p) local f <close> = assert(io.open(p, "w")); f:write "changed" end,
  ["io.open a"] = function(p) local f <close> = assert(io.open(p, "a")); f:write "changed" end,
  ["io.open r+"] = function(p) local f <close> = assert(io.open(p, "r+")); f:write "changed" end,
  ["io.output"] = function(p)
    local own = io.output()
    local ok, e = pcall(io.output, p)
    if ok then io.write "changed"; io.close() end
    io.output(own)
    assert(ok, e)
  end,
}

-- These put another file at the path: a link there is replaced, and what it names stays as it is.
local replacing = {
  ["os.remove"] = function(p) assert(os.remove(p)) end,
  ["os.rename away"] = function(p) assert(os.rename(p, root .. "/taken")) end,
  ["os.rename onto"] = function(p)
    assert(io.open(root .. "/mine", "w")):close()
    assert(os.rename(root .. "/mine", p))
  end,
  ["system.write_file"] = function(p) system.write_file(p, "changed") end,
  ["system.make_folder"] = function(p) system.make_folder(p .. ".new") end,
  ["system.replace_folder"] = function(p)
    system.make_folder(root .. "/made")
    system.replace_folder((p:gsub("/secret.txt", "")), root .. "/made")
  end,
  ["formats.save_tensors"] = function(p) formats.save_tensors(p, { w = T { 1 } }) end,
  ["formats.save_json_lines"] = function(p) formats.save_json_lines(p, { { a = 1 } }) end,
  ["figure:save"] = function(p)
    perilune.plot.figure {}:line { y = { 1, 2 } }:save((p:gsub("secret%.txt", "escaped.svg")))
  end,
  ["run.open"] = function(p)
    perilune.run.open { name = "escaped", folder = (p:gsub("/secret.txt", "")), config = {} }:finish()
  end,
}

for _, writers in ipairs { through, replacing } do
  for writer, write in pairs(writers) do
    for way, path in pairs(paths) do
      local ok, problem = pcall(write, path)
      local is_link = path:find "/link_[fal][^/]*$"
      local escaped = ok and not (is_link and writers == replacing)
      report(("write by %s with %s"):format(writer, way), escaped, problem)
    end
  end
end

-- Processes and C.
refused("io.popen", function() return io.popen("id"):read "a" end)
refused("os.execute", function() return os.execute "true" end)
refused("os.execute without a command", function() return os.execute() end)
refused("system.exec", function() system.exec { "/bin/true" } end)
refused("system.fork", function() return system.fork(function() end) end)
refused("parallel.map", function()
  return #perilune.parallel.map({ 1, 2 }, function(x) return x end, { workers = 2 }) == 2 and nil
end)
refused("package.loadlib", function() return package.loadlib("libc.so.6", "system") end)
refused("package.loadlib *", function() return package.loadlib("libc.so.6", "*") end)
refused("package.cpath", function()
  package.cpath = "/usr/lib/x86_64-linux-gnu/lua/5.4/?.so;/usr/local/lib/lua/5.4/?.so"
  return require "lfs"
end)
refused("a searcher for C", function()
  for i = 1, #package.searchers do
    local loader = package.searchers[i]("lfs")
    if type(loader) == "function" then return loader end
  end
end)
for _, name in ipairs { "debug", "ffi", "posix", "lfs", "socket" } do
  refused("require " .. name, function() return require(name) end)
end
refused("_G.debug", function() return debug or rawget(_G, "debug") end)
refused("package.loaded.debug", function() return package.loaded.debug end)
refused("debug among the globals of a loaded chunk", function() return load "return debug" () end)
refused("debug in a module's table", function()
  for name, module in pairs(package.loaded) do
    if type(module) == "table" then
      for key, value in next, module do
        local names = { debug = true, sethook = true, setupvalue = true, getregistry = true }
        if names[key] then return name end
        if value == print and key == "getinfo" then return name end
      end
    end
  end
end)
refused("setupvalue by another name", function()
  return rawget(_G, "setupvalue") or rawget(coroutine, "setupvalue")
end)

-- Bytecode. The header is that of Lua 5.4.
local header = "\27Lua\x54\0\x19\x93\r\n\x1a\n\4\8\8\x78\x56"
refused("string.dump", function() return string.dump(function() end) end)
refused("load of bytecode", function() return load(header) end)
refused("load of bytecode, mode b", function() return load(header, "x", "b") end)
refused("load of bytecode, mode bt", function() return load(header, "x", "bt") end)
refused("load of bytecode in pieces", function()
  local pieces, i = { "\27", "Lua\x54", header:sub(6) }, 0
  return load(function() i = i + 1; return pieces[i] end, "x", "b")
end)
refused("bytecode in a file", function()
  local f <close> = assert(io.open(root .. "/code.luac", "wb"))
  f:write(header)
  f:flush()
  local chunk, problem = loadfile(root .. "/code.luac", "b")
  assert(problem:find "text only" or problem:find "binary chunk", problem)
  return chunk or loadfile(root .. "/code.luac")
end)
refused("bytecode by require", function()
  local own = package.path
  package.path = root .. "/?.luac"
  local ok, problem = pcall(require, "code")
  package.path = own
  assert(not ok and problem:find "binary chunk", problem)
end)
refused("bytecode by dofile", function() return dofile(root .. "/code.luac") end)

-- Metatables and objects of the library.
refused("io of another metatable", function()
  local f = getmetatable(io.stdout).__index
  return f.popen or f.execute
end)
refused("a forged object", function() return setmetatable({}, getmetatable(T { 1 })):sum() end)
refused("a closed object", function()
  local x = T { 1 }
  getmetatable(x).__gc(x)
  return x:sum()
end)
refused("methods of another class", function()
  local fake = setmetatable({}, { __index = function() return 1 end })
  return getmetatable(T { 1 }).__index(fake, "sum")(fake)
end)
refused("the string metatable", function()
  local meta = getmetatable ""
  local own = meta.__index
  meta.__index = function(_, key) return key == "find" and function() return nil end or own[key] end
  local file = io.open(outside .. "/secret.txt")
  meta.__index = own
  return file
end)
refused("string.find replaced", function()
  local own = string.find
  rawset(string, "find", function() return nil end)
  local ok, file = pcall(io.open, outside .. "/secret.txt\0")
  rawset(string, "find", own)
  return ok and file
end)
refused("a path with __tostring", function()
  return io.open(setmetatable({}, { __tostring = function() return "/etc/passwd" end }))
end)
refused("coroutine.close on a native call", function()
  local co = coroutine.create(function() return system.exec { "/bin/true" } end)
  coroutine.resume(co)
  return coroutine.status(co) ~= "dead" and co
end)
refused("an error object", function()
  error(setmetatable({}, { __tostring = function() return io.open("/etc/passwd"):read "a" end }))
end)
refused("a finaliser", function()
  local got
  setmetatable({}, { __gc = function() got = io.open "/etc/passwd" end })
  collectgarbage()
  collectgarbage()
  return got
end)
refused("os.getenv", function() return os.getenv "SANDBOX_SECRET" or os.getenv "HOME" or os.getenv "PATH" end)
refused("os.tmpname outside", function() return not os.tmpname():find(root, 1, true) end)
refused("io.tmpfile outside", function()
  local f = assert(io.tmpfile())
  f:write "x"
  f:close()
end)
refused("the stdlib is read-only", function()
  local path = package.searchpath("perilune", (system.program():gsub("[^/]*$", "")) .. "?.lua")
  local info = perilune.plain and getmetatable("").__name
  return path or info
end)
refused("the program's memory", function() return io.open("/proc/self/mem", "r+") end)
refused("descriptors", function() return io.open "/dev/fd/0" or io.open "/proc/self/fd/1" end)
refused("the terminal", function() return io.open "/dev/tty" end)
refused("a device", function() return io.open "/dev/zero" or io.open "/dev/mem" end)
refused("a pipe within the root", function() return io.open(root .. "/pipe") end)
refused("the root removed", function() return os.remove(root) end)
refused("the root renamed", function() return os.rename(root, root .. "2") end)
refused("the memory of a run outside", function() return perilune.run.runs { folder = outside }[1] end)

-- What must work.
local function works(name, f)
  local ok, got = pcall(f)
  print((ok and got and "works " or "BROKEN ") .. name .. (ok and "" or ": " .. tostring(got)))
end
works("a file of the root", function()
  local f <close> = assert(io.open(root .. "/new.txt", "w"))
  f:write "moon"
  f:close()
  return io.open(root .. "/new.txt"):read "a" == "moon" and io.open("new.txt"):read "a" == "moon"
end)
works("a link within the root", function() return io.open(root .. "/link_inside"):read "a" == "inside" end)
works("tensors saved and loaded", function()
  formats.save_tensors(root .. "/w.safetensors", { w = T { 1, 2 } })
  return formats.load_tensors(root .. "/w.safetensors").w:sum():item() == 3
end)
works("a folder made, renamed and removed", function()
  system.make_folder(root .. "/a/b")
  return os.rename(root .. "/a/b", root .. "/a/c") and os.remove(root .. "/a/c") and os.remove(root .. "/a")
end)
works("a run", function()
  local job = perilune.run.open { name = "inside", folder = root .. "/runs", config = {} }
  job:finish()
  return true
end)
works("a temporary file", function() return os.remove(os.tmpname()) end)
works("a figure", function()
  perilune.plot.figure {}:line { y = { 1, 2 } }:save(root .. "/x.svg")
  return system.exists(root .. "/x.svg")
end)
works("a model", function()
  local m = models.transformer { vocab = 8, dim = 8, layers = 1, heads = 1, max_length = 8, style = "gpt2" }
  m:save(root .. "/m.safetensors")
  return models.load(root .. "/m.safetensors") ~= nil
end)
