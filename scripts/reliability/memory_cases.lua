--- Runs one task of memory_tasks.lua with its allocations refused, in one process. See memory.lua.
--
--   perilune memory_cases.lua TASK KIND COUNT FIRST EVERY FOLDER
--
-- Allocations of KIND ("lua" or "tensors") are refused, COUNT of them (0: all) from the FIRST-th, then from
-- EVERY later, until the task makes fewer. Prints a line "case N: ..." for what is bad, and at the end
-- "refused N of M": N cases, the last at M.
local here = arg[0]:match "^(.*)/"
local tasks = dofile(here .. "/memory_tasks.lua")
local system, tensor = require "perilune.system", require "perilune.tensor"

local name, kind, folder = arg[1], arg[2], arg[6]
local count, first, every = math.tointeger(arg[3]), math.tointeger(arg[4]), math.tointeger(arg[5])

--- A value as text, bit for bit.
local function text_of(value)
  local of = type(value)
  if of == "number" then return math.type(value) == "float" and ("%a"):format(value) or tostring(value) end
  if of == "table" then
    local parts = {}
    for key, part in pairs(value) do parts[#parts + 1] = text_of(key) .. "=" .. text_of(part) end
    table.sort(parts)
    return "{" .. table.concat(parts, ",") .. "}"
  end
  if of ~= "userdata" then return tostring(value) end
  if getmetatable(value).__name == "Model" then return value:hash() end
  local items = value:dtype() == "bool" and value:long() or value
  return value:dtype() .. text_of(value:size()) .. text_of(items:flatten():totable())
end

local place = folder .. "/work"

local function emptied()
  os.execute(("rm -rf '%s'; mkdir '%s'"):format(place, place))
end

--- Names of unfinished files below the place.
local function left_over()
  local pipe <close> = assert(io.popen(
    ("cd '%s' && find . -name '.new-*' -o -name '*.new-*' -o -name '.perilune-*.tmp'"):format(place)))
  return pipe:read "a"
end

local task = tasks[name]()
local function result() return table.pack(task(place)) end
emptied()
local expected = text_of(result())
emptied()
if text_of(result()) ~= expected then error(name .. " gives another result each time", 0) end

local function say(at, what, ...)
  print(("case %d: %s"):format(at, what:format(...):gsub("\n", " "):sub(1, 400)))
end

--- What is wrong after allocation `at` was refused; nil where nothing is, false where the task makes fewer.
local function problem_of(at)
  emptied()
  local refused, ok, found = system.refuse_memory(result, at, count > 0 and count or nil, kind)
  if refused == 0 then return false end
  if ok and text_of(found) ~= expected then return "it gives another result" end
  local said = not ok and tostring(found)
  if said and not said:find("not enough memory", 1, true) then return "it says " .. said end
  local left = left_over()
  if left ~= "" then return "it leaves " .. left end
  emptied()
  local again, second = pcall(result)
  if not again then return "the task fails after it: " .. tostring(second) end
  if text_of(second) ~= expected then return "the task gives another result after it" end
end

--- Bytes of live tensors, and open files.
local function held()
  emptied()
  -- What native code refers to no more is let go where it next calls Lua.
  system.refuse_memory(function() end, 1)
  collectgarbage()
  collectgarbage()
  return tensor.memory().live, #system.list_folder "/proc/self/fd"
end

local cases, at = 0, first
local live, open = held()
while true do
  system.write_file(folder .. "/number", tostring(at))
  local problem = problem_of(at)
  if problem == false then break end
  if problem then say(at, "%s", problem) end
  cases, at = cases + 1, at + every
end
local live_now, open_now = held()
if live_now > live then say(at, "%d bytes of tensors more are held at the end", live_now - live) end
if open_now > open then say(at, "%d handles more are open at the end", open_now - open) end
print(("refused %d of %d"):format(cases, at))
