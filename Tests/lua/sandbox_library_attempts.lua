--- Attempts to get out of the sandbox through the library's own writers and sessions, and through what Lua
-- lets a program replace. Run inside of it by sandbox_test.lua, with the arguments of sandbox_attempts.lua.
--
-- Prints "held NAME" or "ESCAPED NAME: what", and "works NAME" or "BROKEN NAME" where a writer must write
-- within the root; what has changed outside is seen by the test.
local root, outside = arg[1], arg[2]
local perilune = require "perilune"
local system, formats = require "perilune.system", perilune.formats
local T, models, session = perilune.tensor, perilune.models, require "perilune.session"

local function report(name, escaped, what)
  local _, shown = pcall(tostring, what)
  print(escaped and ("ESCAPED %s: %s"):format(name, tostring(shown):sub(1, 200)) or "held " .. name)
end

-- An attempt that must raise an error or return nil or false.
local function refused(name, f)
  local ok, got = pcall(f)
  report(name, ok and got, got)
end

local model = models.transformer { vocab = 8, dim = 8, layers = 1, heads = 1, max_length = 8, style = "gpt2" }
local figure = perilune.plot.line { y = { 1, 2 } }

-- Each writes at a path without its ending.
local writers = {
  ["T.save of a tensor"] = function(p) T.save(p .. ".npy", T { 1 }) end,
  ["T.save of several"] = function(p) T.save(p .. ".npz", { a = T { 1 } }) end,
  ["T.save of safetensors"] = function(p) T.save(p .. ".safetensors", { a = T { 1 } }) end,
  ["model:save"] = function(p) model:save(p .. ".safetensors") end,
  ["models.save"] = function(p) models.save(model, p .. ".safetensors") end,
  ["save_adapter"] = function(p) model:lora { r = 1 }:save_adapter(p) end,
  ["figure:save to SVG"] = function(p) figure:save(p .. ".svg") end,
  ["figure:save to PNG"] = function(p) figure:save(p .. ".png") end,
  ["figure:save to PDF"] = function(p) figure:save(p .. ".pdf") end,
  ["figure:save to CSV"] = function(p) figure:save(p .. ".csv") end,
  ["figure:save to text"] = function(p) figure:save(p .. ".txt") end,
  ["live:save"] = function(p) perilune.plot.live {}:save(p .. ".svg") end,
  ["csv.save"] = function(p) perilune.csv.save(p .. ".csv", { { a = 1 } }, { "a" }) end,
  ["report:save"] = function(p) require "perilune.report".new { title = "x" }:save(p .. ".html") end,
  ["save_json_lines"] = function(p) formats.save_json_lines(p .. ".jsonl", { { a = 1 } }) end,
  ["the manual"] = function(p) require "perilune.help.manual".write(p) end,
  ["the definitions"] = function(p) require "perilune.help.definitions".write(p) end,
  ["the index of reports"] = function(p)
    system.make_folder(p)
    perilune.notebook.index(p)
  end,
  ["a converted notebook"] = function(p)
    system.write_file(root .. "/cells.lua", "-- %%\nprint(1)\n")
    local problem = require "perilune.notebook.convert".files { root .. "/cells.lua", p .. ".ipynb" }
    assert(problem == nil)
  end,
  ["a run"] = function(p) perilune.run.open { name = "r", folder = p, config = {} }:finish() end,
  ["runs merged"] = function(p)
    perilune.run.open { name = "m", folder = root .. "/runs", config = {} }:finish()
    perilune.run.merge(root .. "/runs", p)
  end,
}

local places = {
  ["beside the root"] = outside .. "/escaped", ["by dots"] = "../outside/escaped",
  ["by a link"] = root .. "/link_dir/escaped",
  ["by a link to /"] = root .. "/link_system" .. outside .. "/escaped",
}
for writer, write in pairs(writers) do
  for way, path in pairs(places) do
    local ok, problem = pcall(write, path)
    report(("%s %s"):format(writer, way), ok, problem)
  end
  -- Otherwise the attempts would say nothing.
  local ok, problem = pcall(write, root .. "/own_" .. #writer)
  local is_drawn = not (writer:find "to PNG$" or writer:find "to PDF$")  -- their libraries are not loaded
  print((ok == is_drawn and "works " or "BROKEN ") .. writer .. (ok and "" or ": " .. tostring(problem)))
end

-- What the session's commands reach.
for _, call in ipairs {
  { "shell", "id" }, { "run", outside .. "/secret.txt" }, { "source", outside .. "/secret.txt" },
  { "edit", "print" }, { "save", outside .. "/escaped.lua", "1" },
} do
  refused("session." .. call[1], function()
    session[call[1]](table.unpack(call, 2))
    return "it ran"
  end)
end

-- Names of runs, and the folder where models are kept.
for _, name in ipairs { "../outside/x", outside .. "/x", "a\0b", "..", ".", "a/b", "" } do
  refused("a run named " .. ("%q"):format(name), function()
    return perilune.run.open { name = name, config = {}, folder = root .. "/runs" }
  end)
end
refused("the home folder", function() return system.expand_user "~" ~= "~" end)
refused("the cache outside", function() return system.cache_folder() end)

-- What a program can replace under the library's feet.
local function with(holder, key, value, f)
  local own = rawget(holder, key)
  rawset(holder, key, value)
  local results = table.pack(pcall(f))
  rawset(holder, key, own)
  return results[1] and results[2]
end
local secret = outside .. "/secret.txt"
local nothing = function() end
for _, replaced in ipairs {
  { string, "format" }, { string, "find" }, { string, "gsub" }, { _G, "type" }, { _G, "error" },
  { _G, "select" }, { _G, "setmetatable" }, { _G, "pcall" }, { table, "remove" }, { package, "searchpath" },
} do
  refused("io.open without " .. replaced[2], function()
    return with(replaced[1], replaced[2], nothing, function() return (io.open(secret)) end)
  end)
  refused("io.popen without " .. replaced[2], function()
    return with(replaced[1], replaced[2], nothing, function() return io.popen "id":read "a" end)
  end)
end
refused("a searcher of one's own", function()
  table.insert(package.searchers, 1, function() return function() return io.open(secret) end end)
  local found = require "not_there"
  table.remove(package.searchers, 1)
  return found ~= true and found
end)
refused("package.preload", function()
  package.preload.escape = function() return io.popen "id" end
  return require "escape"
end)
refused("another package.config", function()
  return with(package, "config", "\\\n;\n?\n!\n-\n", function()
    return package.searchpath("secret", outside .. "/?.txt")
  end)
end)
for _, name in ipairs {
  "../outside/secret", "/etc/passwd", "..outside.secret", "link_dir.secret", "secret\0",
} do
  refused("require of " .. ("%q"):format(name), function()
    local own = package.path
    package.path = "?;./?;?.txt;./?.txt;" .. root .. "/?.txt"
    local ok, found = pcall(require, name)
    package.path = own
    return ok and found
  end)
end

-- Code that runs at odd moments has no more than other code.
refused("a close of <close>", function()
  local got
  do local _ <close> = setmetatable({}, { __close = function() got = io.open(secret) end }) end
  return got
end)
refused("__index of a path's environment", function()
  local env = setmetatable({}, { __index = function(_, key) return _G[key] end })
  return load("return (io.open(...))", "=x", "bt", env)(secret)
end)
refused("a message handler", function()
  local _, got = xpcall(error, function() return io.open(secret) or false end)
  return got
end)
refused("a wrapped coroutine", function()
  return coroutine.wrap(function() return (io.open(secret)) end)()
end)
refused("a warning", function()
  warn("@on", "x")
  return io.open(secret)
end)
refused("a sort's comparison", function()
  local got
  table.sort({ 1, 2, 3 }, function(a, b)
    got = got or io.open(secret)
    return a < b
  end)
  return got
end)
refused("a replacement of gsub", function()
  local got
  string.gsub("x", "x", function() got = io.open(secret) end)
  return got
end)
refused("a loss of one's own that reads", function()
  local got
  perilune.parallel.map({ 1 }, function() got = io.open(secret) end, { workers = 1 })
  return got
end)
refused("the reader of a chunk", function()
  local got
  load(function() got = io.open(secret) end)
  return got
end)
refused("the library's debug functions", function()
  local seen = {}
  local names = { getinfo = true, getregistry = true, sethook = true, setupvalue = true, upvaluejoin = true }
  local function visit(value)
    if type(value) ~= "table" or seen[value] then return end
    seen[value] = true
    for key, member in next, value do
      if names[key] then return key end
      local found = visit(member) or visit(getmetatable(member))
      if found then return found end
    end
  end
  return visit(package.loaded) or visit(_G) or visit { T { 1 }, io.stdout, model, "" }
end)
