--- The source of what a name stands for: a function of a file or of an input, a module of the library.
--
-- Of a native function it is the declaration in Swift, where the repository is there.
local attempt = require "perilune.attempt"
local index = require "perilune.help.index"
local native = require "perilune.native.help"
local reader = require "perilune.help.source"
local system = require "perilune.system"

local source = {}

local library <const> = debug.getinfo(1, "S").source:match "^@(.*)/session/[^/]*$"

local function lines_of(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\r?\n" do lines[#lines + 1] = line end
  return lines
end

local function field(value, name) return value[name] end

--- The value of a path such as `align.train` or `x:size` among a session's names; nil where there is none.
--
--   > source.resolve(require "perilune.session.current", "string.rep") == string.rep
--   true
function source.resolve(session, path)
  local value
  for name in path:gmatch "[^.:]+" do
    if value == nil then
      value = session.lookup(name)
    else
      local ok, found = attempt.call(field, value, name)
      value = ok and found or nil
    end
    if value == nil then return nil end
  end
  return value
end

-- The lines of the entry that defined a function, by its place there: the last one that names it.
local function entry_of(session, info, name)
  local member = name:match "[^.:]+$"
  local fallback
  for i = #session.entries, 1, -1 do
    local lines = lines_of(session.entries[i])
    local first = lines[info.linedefined]
    if first and first:find "function" and lines[info.lastlinedefined] then
      if first:find("%f[%w_]" .. member .. "%f[^%w_]") then return lines end
      fallback = fallback or lines
    end
  end
  return fallback
end

local function of_function(session, f, name)
  local info = debug.getinfo(f, "S")
  if info.what == "C" then return nil end
  local path = info.source:match "^@(.*)$"
  local text = path and reader.read(path)
  local lines = text and lines_of(text) or not path and entry_of(session, info, name)
  if not lines then
    return nil, ("the source of %s is not there any more (%s)"):format(name, info.short_src)
  end
  local first = info.linedefined
  while path and lines[first - 1] and lines[first - 1]:match "^%s*%-%-" do first = first - 1 end
  return table.concat(lines, "\n", first, info.lastlinedefined), ("%s:%d"):format(info.short_src, first)
end

local function of_module(value)
  for _, entry in ipairs(index.entries()) do
    if entry.is_module and rawequal(package.loaded["perilune." .. entry.name], value) then
      return reader.read(entry.path), entry.path
    end
  end
end

-- The files of Swift below the repository's folder, where it is there.
local function swift_files(folder, visit)
  for _, entry in ipairs(system.list_folder(folder)) do
    local path = folder .. "/" .. entry
    if entry:find "%.swift$" then
      if visit(path) then return true end
    elseif not entry:find "%." and attempt.call(system.list_folder, path) then
      if swift_files(path, visit) then return true end
    end
  end
end

-- The lines from `first` to the one that closes what it opened.
local function block(lines, first)
  local depth = 0
  for i = first, math.min(#lines, first + 200) do
    local bare = lines[i]:gsub('"[^"]*"', ""):gsub("//.*", "")
    depth = depth + select(2, bare:gsub("[%({%[]", "")) - select(2, bare:gsub("[%)}%]]", ""))
    if depth <= 0 then return table.concat(lines, "\n", first, i) end
  end
  return lines[first]
end

--- The declaration of a native function in Swift, and its place; nil without the repository.
--
--   > type(source.of_native "exp")
--   string
function source.of_native(page)
  local folder = library .. "/../Sources"
  if not system.exists(folder) then return nil end
  local quoted = ('"%s",'):format(page:match "[^.:]+$":gsub("_$", ""))
  local text, place
  local function find(path)
    local contents = reader.read(path) or ""
    if not contents:find(quoted, 1, true) then return false end
    local lines = lines_of(contents)
    for i, line in ipairs(lines) do
      local is_first = line:match "^%s*(.*)$":sub(1, #quoted) == quoted and (lines[i - 1] or ""):find "%($"
      local first = is_first and i - 1 or line:find("(" .. quoted, 1, true) and i
      if first then
        text, place = block(lines, first), ("%s:%d"):format(path:match "Sources/.*$", first)
        return true
      end
    end
  end
  local _ = swift_files(folder .. "/Autograd", find) or swift_files(folder .. "/Bindings", find)
  return text, place
end

--- The text of the source of a name and its place; an error where there is none.
--
--   > (select(2, source.text(require "perilune.session.current", "perilune.csv.decode")):match "csv%.lua")
--   csv.lua
--   > source.text(require "perilune.session.current", "no_such_name")
--   no_such_name has no value here
function source.text(session, name)
  local path = name:gsub("^perilune%.", "")
  local value = source.resolve(session, path)
  if value == nil then
    value = source.resolve({ lookup = function(key) return require "perilune"[key] end }, path)
  end
  if type(value) == "table" then
    local meta = debug.getmetatable(value)
    local text, place = of_module(value)
    if text then return text, place end
    if type(meta) == "table" and rawget(meta, "__call") then value = rawget(meta, "__call") end
  end
  if type(value) == "function" then
    local text, place = of_function(session, value, name)
    if text then return text, place end
    for _, entry in ipairs(native.functions()) do
      if rawequal(entry[2], value) then
        text, place = source.of_native(entry[1])
        if text then return text, place end
        error(("%s is native; its source is in Swift: help \"%s\" has its page"):format(name, entry[1]), 0)
      end
    end
    error(place or ("%s is a function of C, without a source in Lua"):format(name), 0)
  end
  local entries = index.entries()
  local found = index.find((name:gsub("^perilune%.", "")), entries)
  if #found > 0 and found[1].path then
    local lines = lines_of(reader.read(found[1].path))
    if found[1].is_module then return table.concat(lines, "\n"), found[1].path end
    local first = found[1].line
    while lines[first - 1]:match "^%s*%-%-" do first = first - 1 end
    local last = found[1].line
    local indent = lines[last]:match "^%s*"
    while lines[last + 1] and not lines[last]:find("^" .. indent .. "end") do
      if last == found[1].line and lines[last]:find "%f[%w]end%)?$" then break end
      last = last + 1
    end
    return table.concat(lines, "\n", first, last), ("%s:%d"):format(found[1].path, first)
  end
  if native.page(name) then
    local text, place = source.of_native(name)
    if text then return text, place end
  end
  if value == nil then error(name .. " has no value here", 0) end
  error(("%s is a %s; functions and modules have a source"):format(name, type(value)), 0)
end

return source
