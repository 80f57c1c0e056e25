--- The operations that faults.c wrote down, in their order.
--
-- A list of { number, what, ... }: `number` counts those that change something, as FAULTS_AT does. After
-- `what` come
--
--   open, handle, whether it creates, whether it truncates, path      write, handle, offset, bytes
--   sync, handle        truncate, handle, size        mkdir, path     unlink, path
--   rename, path, path  exchange, path, path          mark, text
local system = require "perilune.system"

local operations = {}

local function fields(line)
  local list = {}
  for field in (line .. "\t"):gmatch "([^\t]*)\t" do list[#list + 1] = math.tointeger(field) or field end
  return list
end

function operations.read(path)
  local file <close> = assert(io.open(path, "rb"))
  local list = {}
  for line in file:lines() do
    local one = fields(line)
    if one[2] == "write" then one[5] = file:read(one[5]) end
    list[#list + 1] = one
  end
  return list
end

--- The last checkpoint that was promised, by the marks in a log; 0 once the run was made, -1 before.
function operations.promised(path)
  local step = -1
  for _, operation in ipairs(system.exists(path) and operations.read(path) or {}) do
    if operation[2] == "mark" then step = math.tointeger(operation[3]) or 0 end
  end
  return step
end

return operations
