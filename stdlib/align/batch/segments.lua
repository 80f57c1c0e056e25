--- The runs of packed tokens by their lengths alone: what `Rows` does for sums and means, without token ids.
--
--   > local runs = require "perilune.align.batch.segments" { 2, 1 }
--   > runs:means(T{ 1, 2, 3 })
--   [1.5, 3.0]
--   [Tensor f32 2]
local tensor = require "perilune.tensor"

local Segments = {}
Segments.__index = Segments

function Segments:__len() return #self.list end

--- All tokens.
function Segments:token_count()
  local total = 0
  for _, length in ipairs(self.list) do total = total + length end
  return total
end

function Segments:lengths() return tensor(self.list) end

function Segments:sums(x) return x:segment_sum(self.list) end

function Segments:means(x) return self:sums(x) / self:lengths():clamp(1) end

function Segments:spread(y)
  local owners = {}
  for i, length in ipairs(self.list) do
    for _ = 1, length do owners[#owners + 1] = i end
  end
  return y:index_select(1, tensor(owners, "i64"))
end

return function(lengths) return setmetatable({ list = lengths }, Segments) end
