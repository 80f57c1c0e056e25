--- What a run is told apart by: its configuration by path, the hash of it, and the hash of the code.
local attempt = require "perilune.attempt"
local options = require "perilune.options"
local plain = require "perilune.plain"
local scan = require "perilune.notebook.scan"
local system = require "perilune.system"

local identity = {}

local library <const> = debug.getinfo(1, "S").source:match "^@(.*)/run/[^/]*$"

--- A text as the beginning of a run's name, of at most `most` characters; "item" where nothing is left of it.
--
--   > local identity = require "perilune.run.identity"
--   > identity.slug("Online against offline, 5 seeds", 24), identity.slug("±", 24)
--   online-against-offline-5	item
function identity.slug(text, most)
  local slug = text:lower():gsub("%W+", "-"):gsub("^%-", ""):sub(1, most):gsub("%-$", "")
  return slug ~= "" and slug or "item"
end

--- The values of a configuration by path: { loss = { beta = 0.1 } } has "loss.beta". Lists are one text.
--
--   > require("perilune.run.identity").flat({ loss = { beta = 0.1 }, steps = { 1, 2 } }).steps
--   [1,2]
function identity.flat(config)
  local values = {}
  local function add(value, path)
    local kind = type(value)
    if values[path] ~= nil then error(("two settings of config have the path '%s'"):format(path), 0) end
    if kind == "string" and not utf8.len(value) then error(("config.%s is no UTF-8"):format(path), 0) end
    if kind == "table" and #value == 0 then
      for key, inner in pairs(value) do
        add(inner, path == "" and tostring(key) or ("%s.%s"):format(path, key))
      end
    elseif kind == "table" then
      values[path] = plain.encode(value)
    else
      values[path] = value
    end
  end
  add(config, "")
  return values
end

--- The configuration as JSON, the same text for the same values, and its SHA-256.
--
-- Errors: a part is no plain data; a text is no UTF-8; two settings have one path.
function identity.of(config, where)
  local ok, text = attempt.call(plain.encode, config, "config")
  local is_flat, problem = true, nil
  if ok then is_flat, problem = attempt.call(identity.flat, config) end
  if not is_flat then error(("%s: %s"):format(where, problem), 0) end
  if not ok then error(("%s: %s"):format(where, text), 0) end
  if text == "[]" then text = "{}" end
  return text, system.sha256(text)
end

local function each_file(folder, visit, is_apart)
  for _, entry in ipairs(system.list_folder(folder)) do
    local path = folder .. "/" .. entry
    if not is_apart[path] and entry:match "%.lua$" then
      visit(path)
    elseif not is_apart[path] and entry:match "^[%w_]+$" and attempt.call(system.list_folder, path) then
      each_file(path, visit, is_apart)
    end
  end
end

local codes = {}

--- SHA-256 of a Lua text without its comments, each space one blank: a comment that is changed leaves the
-- runs as they are.
--
--   > local identity = require "perilune.run.identity"
--   > identity.source "x = 1 -- one" == identity.source "-- one\nx  =  1"
--   true
--   > identity.source "x = 1" == identity.source "x = 11"
--   false
function identity.source(text)
  local is_binary = text:sub(1, 4) == "\27Lua"
  return system.sha256(is_binary and text or scan.code(text))
end

--- The path of the running script, whatever its ending; nil where there is none. Without a script arg[0] is
-- the program. A pipe such as /dev/stdin is read once, as the script.
local function script_path()
  local path = arg and arg[0]
  local is_script = path and (arg[-1] ~= nil or path:match "%.lua$") and path ~= system.program()
  local is_pipe = path == "/dev/stdin" or path and (path:match "^/dev/fd/" or path:match "^/proc/")
  return is_script and not is_pipe and system.exists(path) and path or nil
end

--- The hash of the Lua file at a path; nil where it cannot be read.
local function hash_of(path)
  local file <close> = path and io.open(path, "rb")
  local text = file and file:read "a"
  return text and identity.source(text)
end

-- The libraries of Lua are loaded without a file: one of the same name on the path is not theirs.
local of_lua <const> = {
  _G = true, coroutine = true, debug = true, io = true, math = true, os = true, package = true,
  string = true, table = true, utf8 = true,
}

--- The hashes of the modules that are loaded and no part of the library, in the order of their names: of
-- those whose file is on package.path.
local function module_hashes()
  local names, hashes = {}, {}
  for name in pairs(package.loaded) do
    local is_own = type(name) == "string" and not of_lua[name] and not (name .. "."):find "^perilune%."
    if is_own then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do hashes[#hashes + 1] = hash_of((package.searchpath(name, package.path))) end
  return hashes
end

--- The same of the running script, and of the modules that it has loaded by `require` so far; "" where there
-- is no script that can be read again. What `dofile` and `loadfile` read, and what is required later, is not
-- known.
function identity.script()
  local script = hash_of(script_path())
  if not script then return "" end
  local hashes = module_hashes()
  return #hashes == 0 and script or system.sha256(script .. "\n" .. table.concat(hashes, "\n"))
end

--- The hash of the library's Lua files as identity.source has it, without `apart`, files and folders of it
-- such as "help"; without `apart`, of all of them and the running script.
--
-- Errors: one of `apart` is not there.
--
--   > local identity = require "perilune.run.identity"
--   > identity.code() == identity.code {}, #identity.code { "help", "help.lua" }
--   false	64
--   > identity.code { "halp" }
--   run.identity: the library has no 'halp'
function identity.code(apart)
  local key = apart and "without " .. table.concat(apart, "\n") or "all"
  if codes[key] then return codes[key] end
  local hashes, is_apart = { not apart and identity.script() or nil }, {}
  for _, name in ipairs(apart or {}) do
    local path = library .. "/" .. name
    if not system.exists(path) then error(("run.identity: the library has no '%s'"):format(name), 2) end
    is_apart[path] = true
  end
  each_file(library, function(path) hashes[#hashes + 1] = hash_of(path) end, is_apart)
  codes[key] = system.sha256(table.concat(hashes, "\n"))
  return codes[key]
end

--- What differs between two configurations: a list of { path, a, b }, sorted by path.
--
--   > local diff = require("perilune.run.identity").diff({ lr = 1, n = 2 }, { lr = 3, n = 2 })
--   > #diff, diff[1].path, diff[1].a, diff[1].b
--   1	lr	1	3
function identity.diff(a, b)
  local left, right, paths = identity.flat(a), identity.flat(b), {}
  for path in pairs(left) do paths[path] = true end
  for path in pairs(right) do paths[path] = true end
  local list = {}
  for path in pairs(paths) do
    if left[path] ~= right[path] then list[#list + 1] = { path = path, a = left[path], b = right[path] } end
  end
  table.sort(list, function(x, y) return x.path < y.path end)
  return list
end

--- The differences as text, "lr 1 became 3, seed ...".
function identity.text_of_diff(a, b)
  local parts = {}
  for i, d in ipairs(identity.diff(a, b)) do
    parts[i] = ("%s %s became %s"):format(d.path, options.show(d.a), options.show(d.b))
  end
  return table.concat(parts, ", ")
end

return identity
