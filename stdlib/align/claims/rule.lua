--- The rule of a claim: what an interval makes of it, and what would resolve it.
local needed = require "perilune.align.evaluate.needed"
local options = require "perilune.options"

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

--- What would resolve an open claim, a clause: where a difference is expected, repetitions or prompts that
-- find it with power 0.8; where equality is, those whose interval lies on one side of the margin, if mean and
-- spread stay. Repetitions are counted in all.
--
--   > local rule = require "perilune.align.claims.rule"
--   > rule.remedy({ expect = "above", margin = 0.05 }, { mean = 0.4, values = { 0.1, 0.4, 0.7 } })
--   7 repetitions would tell a difference of 0.4 from 0 with power 0.8
--   > local found = { mean = 0.0975, values = { 0.08, 0.12, 0.1, 0.09 }, of_prompts = 0.003 }
--   > rule.remedy({ expect = "above", margin = 0.05 }, found)
--   3 times as many prompts would tell a difference of 0.098 from 0 with power 0.8
function rule.remedy(o, found)
  if #found.values < 2 then return "one repetition tells no spread" end
  local distance, of_prompts = math.abs(found.mean), found.of_prompts or 0.0
  if o.expect == "equal" then
    local side = distance < o.margin and "within" or "outside"
    local wanted = needed.text(needed.narrow(math.abs(o.margin - distance), found.values, of_prompts))
    if not wanted then return ("no interval that can be had lies %s the margin"):format(side) end
    return ("an interval of %s would lie %s the margin of %.2g"):format(wanted, side, o.margin)
  end
  local effect = distance > o.margin and found.mean or o.margin
  local wanted = needed.text(needed.find(effect, found.values, of_prompts))
  if not wanted then return ("a difference of %.2g cannot be found with this spread"):format(effect) end
  return ("%s would tell a difference of %.2g from 0 with power 0.8"):format(wanted, effect)
end

return options.strict("align.claims.rule", rule)
