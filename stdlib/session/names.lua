--- The names of the session with types and sizes, the memory, and forgetting: `who`, `mem`, `reset`.
local attempt = require "perilune.attempt"
local system = require "perilune.system"

local names = { commands = {} }

local function current() return require "perilune.session.current" end

-- The globals of a fresh Lua state with its libraries.
local standard = {}
for name in ([[_G _VERSION _PROMPT _PROMPT2 arg assert collectgarbage coroutine debug dofile error
  getmetatable io ipairs load loadfile math next os package pairs pcall print rawequal rawget rawlen rawset
  require select setmetatable string table tonumber tostring type utf8 warn xpcall]]):gmatch "[%w_]+" do
  standard[name] = true
end

--- A number of bytes with its unit.
--
--   > names.bytes(12), names.bytes(2048), names.bytes(3 << 30)
--   12 B	2.0 KB	3.0 GB
function names.bytes(count)
  local unit
  for _, one in ipairs { "B", "KB", "MB", "GB", "TB" } do
    unit = one
    if count < 1024 then break end
    count = count / 1024
  end
  return unit == "B" and ("%d B"):format(count) or ("%.1f %s"):format(count, unit)
end

local function element_bytes(dtype)
  return ({ f32 = 4, f64 = 8, i64 = 8, bool = 1 })[dtype] or 0
end

-- The type of a value, what there is to say of its size, and its bytes where they are known.
local function describe(value)
  local kind = type(value)
  local meta = kind ~= "string" and debug.getmetatable(value)
  local class = type(meta) == "table" and rawget(meta, "__name")
  if class == "Tensor" then
    local ok, sizes, dtype, count = attempt.call(function()
      return value:size(), value:dtype(), value:numel()
    end)
    if not ok then return "Tensor", "freed", 0 end
    return "Tensor", ("%s [%s]"):format(dtype, table.concat(sizes, ", ")), count * element_bytes(dtype)
  end
  if kind == "string" then return kind, ("%d bytes"):format(#value), #value end
  if kind == "number" or kind == "boolean" then return math.type(value) or kind, tostring(value) end
  if kind == "table" then
    local count = 0
    for _ in next, value do count = count + 1 end
    return class or kind, ("%d entr%s"):format(count, count == 1 and "y" or "ies")
  end
  if kind == "function" then
    local info = debug.getinfo(value, "S")
    return kind, info.what == "C" and "native" or ("%s:%d"):format(info.short_src, info.linedefined)
  end
  if kind == "userdata" then
    local ok, text = pcall(tostring, value)
    return class or kind, ok and text:match "^[^\n]*" or ""
  end
  return kind, ""
end

local Names = { __name = "Names" }
Names.__index = Names

function Names:__tostring()
  if #self == 0 then return "no names" end
  local widths, rows = { 0, 0, 0 }, {}
  for i, one in ipairs(self) do
    local size = one.size .. (one.bytes and one.type ~= "string" and "  " .. names.bytes(one.bytes) or "")
    rows[i] = { one.name, one.type, one.is_local and "local" or "", size }
    for k = 1, 3 do widths[k] = math.max(widths[k], utf8.len(rows[i][k]) or #rows[i][k]) end
  end
  for i, row in ipairs(rows) do
    for k = 1, 3 do row[k] = row[k] .. (" "):rep(widths[k] - (utf8.len(row[k]) or #row[k])) end
    if widths[3] == 0 then table.remove(row, 3) end
    rows[i] = table.concat(row, "  "):gsub("%s+$", "")
  end
  return table.concat(rows, "\n")
end

--- The names of the session: its globals and the locals that it keeps, without Lua's own.
--
-- The result is a list of { name, type, size, bytes, is_local } sorted by name; its text has a line for each.
-- In a script these are the globals that it made. `filter` is a type ("Tensor") or a part of a name.
--
-- Errors: `filter` is no text.
--
--   > answer = 42
--   > _G.answer_of_who = require("perilune.tensor").zeros(2, 3)
--   > print(require("perilune.session").who "answer_of")
--   answer_of_who  Tensor  f32 [2, 3]  24 B
--   > _G.answer_of_who = nil
function names.who(filter)
  if filter ~= nil and type(filter) ~= "string" then
    error("who: expected a type or a part of a name, got " .. type(filter), 2)
  end
  local session, found = current(), setmetatable({}, Names)
  local function add(name, value, is_local)
    if type(name) ~= "string" then return end
    local kind, size, bytes = describe(value)
    if filter and kind:lower() ~= filter:lower() and type(value) ~= filter
      and not name:find(filter, 1, true) then return end
    found[#found + 1] = { name = name, type = kind, size = size, bytes = bytes, is_local = is_local }
  end
  for name in next, session.declared do add(name, rawget(session.locals, name), true) end
  for name, value in next, session.globals do
    if not standard[name] and not session.declared[name] then add(name, value, false) end
  end
  table.sort(found, function(a, b) return a.name < b.name end)
  return found
end

local Memory = { __name = "Memory" }
Memory.__index = Memory

function Memory:__tostring()
  local lines = {
    ("Lua      %s"):format(names.bytes(self.lua)),
    ("tensors  %s, at most %s so far"):format(names.bytes(self.tensors), names.bytes(self.tensors_peak)),
  }
  if self.process then lines[3] = ("process  %s resident"):format(names.bytes(self.process)) end
  return table.concat(lines, "\n")
end

--- The bytes of the Lua heap (`lua`), of the tensors alive (`tensors`), their peak (`tensors_peak`) and the
-- resident bytes of the process (`process`; nil where the system does not say). Garbage is collected first.
--
--   > local mem = require("perilune.session").mem()
--   > mem.lua > 0 and mem.tensors_peak >= mem.tensors and mem.process > mem.lua
--   true
function names.mem()
  collectgarbage()
  local live, peak = system.memory()
  local status <close> = io.open "/proc/self/status"
  local resident = status and status:read "a":match "VmRSS:%s*(%d+)"
  return setmetatable({
    lua = math.floor(collectgarbage "count" * 1024), tensors = live, tensors_peak = peak,
    process = resident and math.tointeger(resident) * 1024,
  }, Memory)
end

--- Forgets all names of the session: its globals and kept locals, and the results. Modules of the library can
-- be named again. In a script nothing may use it.
--
-- Errors: there is no session.
--
--   > require("perilune.session").reset()
--   reset: a script has no session to clear
function names.reset()
  local session = current()
  if not session.environment then error("reset: a script has no session to clear", 0) end
  for _, one in ipairs(names.who()) do
    if one.is_local then
      session.declared[one.name], session.locals[one.name] = nil, nil
    else
      session.globals[one.name] = nil
    end
  end
  for name in next, session.results do session.results[name] = nil end
  session.forget_extras()
end

function names.commands.who(_, argument) print(names.who(argument ~= "" and argument or nil)) end

function names.commands.mem() print(names.mem()) end

function names.commands.reset(_, argument)
  if argument ~= "" and argument ~= "-f" then error("%reset takes -f or nothing", 0) end
  if argument == "" then
    local display = package.loaded["perilune.display"]
    if display and rawget(display, "front") then
      error("%reset cannot ask here: %reset -f forgets all names", 0)
    end
    local count = #names.who()
    io.write(("forget %d name%s of the session? [y/N] "):format(count, count == 1 and "" or "s"))
    io.stdout:flush()
    local answer = io.read "l"
    if not answer or not answer:lower():find "^%s*y" then return print "nothing was forgotten" end
  end
  names.reset()
end

return names
