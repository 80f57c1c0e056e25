--- R12: what it costs to check a file of tensors, as a share of the time to load it.
--
--     bin/perilune scripts/reliability/cost.lua --megabytes 1024
--
-- The same names and number of tensors are loaded twice: of the size asked for, and of one element each. The
-- second takes as long as all that is not the bytes of tensors: the file is opened, its header is read and
-- checked, and the table is made. Its share of the first bounds the cost of the checks from above. The
-- median of 9 loads counts, from memory.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local common = require "common"
local system, T = require "perilune.system", require "perilune.tensor"

local o = common.options { megabytes = 64, tensors = 200, loads = 9 }
local folder = common.folder()

--- Writes a file of tensors of `count` elements each; gives the median of the seconds to load it.
local function seconds_of(name, count)
  local path, one, tensors = ("%s/%s.safetensors"):format(folder, name), T.zeros(count), {}
  for i = 1, o.tensors do tensors[("layers.%d.weight"):format(i)] = one end
  T.save(path, tensors)
  local list = {}
  for k = 1, o.loads do
    local from = system.clock()
    local found = T.load(path)
    list[k] = system.clock() - from
    for _, x in pairs(found) do x:free() end
  end
  os.remove(path)
  table.sort(list)
  return list[(#list + 1) // 2]
end

local whole = seconds_of("whole", o.megabytes * (1 << 20) // 4 // o.tensors)
local checks = seconds_of("checks", 1)
common.remove(folder)
local share = 100 * checks / whole
local said <const> = "checks of a safetensors file of %d MB and %d tensors: %.1f ms of %.0f ms to load it"
common.row("R12", said:format(o.megabytes, o.tensors, 1000 * checks, 1000 * whole),
  ("%.2f %%"):format(share), share <= 3)
common.exit()
