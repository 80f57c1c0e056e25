--- Claims that set a peak against one point of another run: its start, or the writer of the data.
local bootstrap = require "perilune.align.evaluate.bootstrap"
local frontier = require "perilune.align.evaluate.frontier"
local measures = require "perilune.align.compare.measures"
local options = require "perilune.options"

local against = {}

local function win_of(point) return point.win end

--- The peak of a side less the start's win rate, which is its point at step 0. Rows of `make`, align.claims.
--
--   > local against, claims = require "perilune.paper.reading.against", require "perilune.align.claims"
--   > against.start(claims, "offline", { expect = "equal" }).name
--   the peak of offline less the start
function against.start(make, side, given)
  return make.value(("the peak of %s less the start"):format(side), function(_, sides)
    return bootstrap.by_repetition(sides(side), function(runs)
      return measures.peak(runs, win_of) - runs[1][1].win
    end)
  end, given)
end

--- The peak of a side less the win rate at the end of another one, the policy that wrote its data.
--
--   > local claims = require "perilune.align.claims"
--   > against.writer(claims, "end against end", "online", { expect = "below" }).name
--   the peak of end against end less the end of online
function against.writer(make, side, writer, given)
  return make.value(("the peak of %s less the end of %s"):format(side, writer), function(_, sides)
    return bootstrap.by_repetition(frontier.paired(sides(side), sides(writer)), function(pair)
      local run = pair[2][1]
      return measures.peak(pair[1], win_of) - run[#run].win
    end)
  end, given)
end

return options.strict("paper.reading.against", against)
