--- What a report says about how it was made.
--
-- These are the command, the seed, threads, kernels, versions, and the hashes of the script and of the files
-- that it read.
local attempt = require "perilune.attempt"
local command = require "perilune.sweep.command"
local options = require "perilune.options"
local system = require "perilune.system"

local environment = {}

--- The list of { name, value } of a run. `given` has `command`, a list of words, `seed`, `version`, `lua`,
-- `script` (its bytes) and `path`.
function environment.list(given)
  return {
    { "command", command.line(given.command) },
    { "started", os.date "%Y-%m-%d %H:%M:%S %z" },
    { "seed", given.seed or "not given" },
    { "threads", ("%d"):format(system.threads()) },
    { "kernels", system.kernel_level() },
    { "versions", ("%s, %s"):format(given.version, given.lua:match "^Lua [%d.]+" or given.lua) },
    { "script", ("%s, SHA-256 %s"):format(given.path, system.sha256(given.script)) },
  }
end

--- Functions that read a file, by the module that has them; the path is the first argument.
local readers <const> = {
  ["perilune.formats"] = { "load_json", "load_json_lines", "load_parquet", "load_tensors", "load_tokenizer" },
  ["perilune.models"] = { "load" },
}

--- Adds each file that is read from now on to the list, with its hash. Files of the library and of the cache,
-- devices and folders are left out. Returns a function that ends this.
function environment.watch(list)
  local seen, library = {}, debug.getinfo(1, "S").source:match "^@(.*)/notebook/[^/]*$"
  local has_cache, cache = attempt.call(system.cache_folder)
  local function note(path)
    if type(path) ~= "string" or seen[path] then return end
    seen[path] = true
    if path:find(library, 1, true) == 1 or has_cache and path:find(cache, 1, true) == 1 then return end
    if path:match "^/dev/" or path:match "^/proc/" then return end
    local ok, hash = attempt.call(system.sha256_file, path)
    if ok then list[#list + 1] = { "data", ("%s, SHA-256 %s"):format(path, hash) } end
  end
  local restore = {}
  local function wrap(module, name, is_read)
    local plain = rawget(module, name)
    if type(plain) ~= "function" then return end
    local function reading(path, mode, ...)
      local results = table.pack(plain(path, mode, ...))
      if results[1] and is_read(mode) then note(path) end
      return table.unpack(results, 1, results.n)
    end
    rawset(module, name, reading)
    restore[#restore + 1] = function()
      if rawget(module, name) == reading then rawset(module, name, plain) end
    end
  end
  local function always() return true end
  wrap(io, "open", function(mode) return mode == nil or tostring(mode):match "^r[^+]*$" ~= nil end)
  wrap(io, "lines", always)
  for module, names in pairs(readers) do
    for _, name in ipairs(names) do wrap(require(module), name, always) end
  end
  return function()
    for _, undo in ipairs(restore) do undo() end
  end
end

return options.strict("notebook.environment", environment)
