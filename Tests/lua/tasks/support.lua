--- Lets these tests run under plain lua5.4 as well as inside Perilune.
--
-- `require "perilune.x.y"` finds `stdlib/x/y.lua` of the tree that holds this file. A tree that already
-- knows where its library is keeps its own searchers first.
local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*$") or "."
local root = here .. "/../../.."

local support = { root = root, stdlib = root .. "/stdlib" }

table.insert(package.searchers, function(name)
  local inner = name:match("^perilune%.(.+)$")
  if not inner then return nil end
  local path = support.stdlib .. "/" .. inner:gsub("%.", "/") .. ".lua"
  local chunk, message = loadfile(path)
  if chunk then return chunk, path end
  return ("\n\tno module '%s': %s"):format(name, message)
end)

--- The message of the error that `f(...)` raises, without the place it points at.
function support.message(f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok, "expected an error")
  return (tostring(message):gsub("^[^:]*:%d+: ", ""))
end

--- Skips the running test and says so.
function support.skip(why)
  print("skipped: " .. why)
  require("luaunit").skip(why)
end

return support
