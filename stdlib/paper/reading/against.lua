--- Claims that set a peak against one point of another run: its start, or the writer of the data.
local measures = require "perilune.align.compare.measures"
local options = require "perilune.options"

local against = {}

--- The peak of a side less the start's win rate, which is its point at step 0. Rows of `make`, align.claims.
--
--   > local against, claims = require "perilune.paper.reading.against", require "perilune.align.claims"
--   > against.start(claims, "offline", { expect = "equal" }).name
--   the peak of offline less the start
function against.start(make, side, given)
  return make.measure(("the peak of %s less the start"):format(side), { side }, function(item, win)
    return measures.peak(item[1], win) - win(item[1][1][1])
  end, given)
end

--- The peak of a side less the win rate at the end of another one, the policy that wrote its data.
--
--   > local claims = require "perilune.align.claims"
--   > against.writer(claims, "end against end", "online", { expect = "below" }).name
--   the peak of end against end less the end of online
function against.writer(make, side, writer, given)
  local name = ("the peak of %s less the end of %s"):format(side, writer)
  return make.measure(name, { side, writer }, function(item, win)
    local run = item[2][1]
    return measures.peak(item[1], win) - win(run[#run])
  end, given)
end

return options.strict("paper.reading.against", against)
