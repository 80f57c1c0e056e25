--- Batches of the numbers 1..total, dealt from one permutation after another.
--
-- Batch k is a pure function of (seed, stream, k).
--
-- An error, when there are fewer than `count` numbers, points `level` (2) up.
--
-- A batch may end one permutation and begin the next, so every number comes equally often whatever the batch
-- size.
--
--   > local batches = require "perilune.align.batches"
--   > table.concat(batches(3, 3, 1, "example")(1), " ") == table.concat(batches(3, 3, 1, "example")(1), " ")
--   true
local system = require "perilune.system"

return function(total, count, seed, stream, level)
  if total < count then
    local advice = total > 0 and ("; give more, or the source batch = %d"):format(total) or ""
    error(("%d prompts or pairs do not fill a batch of %d%s"):format(total, count, advice), (level or 2) + 1)
  end
  local shuffled, permutation  -- the number of the permutation in use
  return function(step)
    local batch = {}
    for i = 1, count do
      local place = (step - 1) * count + i - 1
      local number = place // total
      if shuffled ~= number then
        shuffled, permutation = number, system.permutation(total, seed, stream, number)
      end
      batch[i] = permutation[place % total + 1]
    end
    return batch
  end
end
