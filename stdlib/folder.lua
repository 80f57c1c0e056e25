--- The modules of a folder of the library: the folder is the list, no file names its neighbours.
local system = require "perilune.system"

local folder = {}

--- The names of the modules beside the running `init.lua`, sorted: its `X.lua` and `X/init.lua`.
--
-- With `only = "folders"` the files are left out.
--
--   local names = folder.modules()            -- in stdlib/align/loss/init.lua: { "bo2", "dpo", "ipo", ... }
function folder.modules(only)
  local path = debug.getinfo(2, "S").source:match "^@(.*)/[^/]*$"
  local names = {}
  for _, entry in ipairs(system.list_folder(path)) do
    local file = only ~= "folders" and entry:match "^([%w_]+)%.lua$"
    if file and file ~= "init" then
      names[#names + 1] = file
    elseif entry:match "^[%w_]+$" and system.exists(("%s/%s/init.lua"):format(path, entry)) then
      names[#names + 1] = entry
    end
  end
  table.sort(names)
  return names
end

return folder
