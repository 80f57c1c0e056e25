--- Batches of a list, dealt from one shuffled pack after another: batch k is a pure function of (seed, stream, k).
--
-- A batch may end one pack and begin the next, so that every item comes equally often whatever the size of a batch.
--
--   > local batch = require("perilune.align.batches")({ "a", "b", "c" }, 3, 1, "example")
--   > table.concat(batch(1)) == table.concat(batch(1))
--   true
local system = require "perilune.system"

return function(list, count, seed, stream)
  if #list < count then error(("%d prompts or pairs do not fill a batch of %d"):format(#list, count), 3) end
  -- The pack in use is kept, or it would be shuffled anew for every batch.
  local held, permutation
  return function(step)
    local batch = {}
    for i = 1, count do
      local place = (step - 1) * count + i - 1
      local pack = place // #list
      if held ~= pack then held, permutation = pack, system.permutation(#list, seed, stream, pack) end
      batch[i] = list[permutation[place % #list + 1]]
    end
    return batch
  end
end
