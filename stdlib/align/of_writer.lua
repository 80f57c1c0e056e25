--- The part of one writer in a pair.
--
-- It is the sum, over those of the two responses whose `writer` is `name`, of one number a row: [2n] -> [n].
local tensor = require "perilune.tensor"

return function(pair, name, y)
  local mask = {}
  for row, writer in ipairs(pair.writer) do mask[row] = writer == name and 1 or 0 end
  local first, second = pair:halves(y * tensor(mask, y:dtype()))
  return first + second
end
