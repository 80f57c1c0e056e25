--- The rule of a claim: what an interval makes of it, and what would resolve it.
local options = require "perilune.options"
local stats = require "perilune.align.evaluate.stats"
local student = require "perilune.align.evaluate.student"

local rule = {}

local opposites <const> = {
  ["holds"] = "does not hold", ["does not hold"] = "holds", ["not resolved"] = "not resolved",
}

--- What a claim may expect of its number.
rule.expectations = { "above", "below", "equal", "not above", "not below" }

--- Whether an interval makes the claim hold ("holds"), not hold, or leaves it open ("not resolved").
--
--   > local rule = require "perilune.align.claims.rule"
--   > rule.verdict({ expect = "above", margin = 0.05 }, { mean = 0.2, low = 0.1, high = 0.3 })
--   holds
--   > rule.verdict({ expect = "above", margin = 0.05 }, { mean = 0.02, low = 0.01, high = 0.03 })
--   does not hold
--   > rule.verdict({ expect = "above", margin = 0.05 }, { mean = -0.1, low = -0.2, high = 0.03 })
--   does not hold
--   > rule.verdict({ expect = "not above", margin = 0.05 }, { mean = -0.1, low = -0.2, high = 0.03 })
--   holds
--   > rule.verdict({ expect = "equal", margin = 0.05 }, { mean = 0.1, low = 0.01, high = 0.3 })
--   not resolved
function rule.verdict(o, found)
  local opposite = o.expect:match "^not (.+)"
  if opposite then
    return opposites[rule.verdict({ expect = opposite, margin = o.margin }, found)]
  end
  local low, high = found.low, found.high
  if o.expect == "equal" then
    if low > -o.margin and high < o.margin then return "holds" end
    return (low >= o.margin or high <= -o.margin) and "does not hold" or "not resolved"
  end
  if o.expect == "below" then low, high = -high, -low end
  if high < o.margin then return "does not hold" end
  return low > 0 and "holds" or "not resolved"
end

--- What would resolve an open claim, a clause: where a difference is expected, repetitions that find it by
-- the t-test; where equality is, those whose interval lies on one side of the margin, if mean and spread
-- stay. The number is of repetitions in all, at least one more than there are: the interval of a claim is
-- the wider one of the bootstrap, so the t-test may name fewer.
--
--   > local rule = require "perilune.align.claims.rule"
--   > rule.remedy({ expect = "above", margin = 0.05 }, { mean = 0.4, values = { 0.1, 0.4, 0.7 } })
--   7 repetitions would tell a difference of 0.4 from 0 with a chance of 0.8
function rule.remedy(o, found)
  if #found.values < 2 then return "one repetition tells no spread" end
  local spread, distance = stats.summary(found.values), math.abs(found.mean)
  local sd, least = spread.se * math.sqrt(spread.count), #found.values + 1
  if o.expect == "equal" then
    local side = distance < o.margin and "within" or "outside"
    local wanted = student.narrow(math.abs(o.margin - distance), sd, 0.05)
    if not wanted then return ("no number of repetitions puts the interval %s the margin"):format(side) end
    return ("an interval of %d repetitions would lie %s the margin of %.2g"):format(
      math.max(wanted, least), side, o.margin)
  end
  local effect = distance > o.margin and found.mean or o.margin
  local wanted = student.repetitions(effect, sd, 0.8, 0.05)
  if not wanted then return ("a difference of %.2g cannot be found with this spread"):format(effect) end
  return ("%d repetitions would tell a difference of %.2g from 0 with a chance of 0.8"):format(
    math.max(wanted, least), effect)
end

return options.strict("align.claims.rule", rule)
