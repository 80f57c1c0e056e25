--- The intervals of claims that are not win rates: numbers of one's own, one a repetition.
local bootstrap = require "perilune.align.evaluate.bootstrap"
local check = require "perilune.align.claims.check"
local frontier = require "perilune.align.evaluate.frontier"
local options = require "perilune.options"
local stats = require "perilune.align.evaluate.stats"
local student = require "perilune.align.evaluate.student"

local interval = {}

--- `measure(runs)` of one side less that of another, one number a repetition; nil of either is left out.
--
--   > local interval = require "perilune.align.claims.interval"
--   > local a, b = { { 3 }, { 5 } }, { { 1 }, { 1 } }
--   > table.concat(interval.differences(a, b, function(runs) return runs[1] end), " ")
--   2.0 4.0
function interval.differences(first, second, measure)
  return bootstrap.by_repetition(frontier.paired(first, second), function(pair)
    local a, b = measure(pair[1]), measure(pair[2])
    return a and b and a - b or nil
  end)
end

--- The interval of the mean of numbers, one a repetition, by Student's t; nil of none. Errors, which call the
-- numbers `name`: one of them is not finite.
--
--   > local found = interval.of_values { 0.1, 0.2, 0.3 }
--   > ("%.3f [%.3f, %.3f]"):format(found.mean, found.low, found.high)
--   0.200 [-0.048, 0.448]
function interval.of_values(values, name)
  check.values(name or "interval.of_values", values)
  if #values == 0 then return nil end
  local mean = stats.summary(values)
  if mean.mean - mean.mean ~= 0 or mean.se == math.huge then
    error(("align.claims: the values of '%s' are too large for a mean and its interval"):format(
      name or "interval.of_values"), 0)
  end
  local half = #values > 1 and mean.se * student.quantile(0.975, #values - 1) or math.huge
  return {
    mean = mean.mean, low = mean.mean - half, high = mean.mean + half, seeds = #values, values = values,
  }
end

--- An interval as text; "-" of none.
--
--   > interval.text(interval.of_values { 0.1, 0.2, 0.3 }), interval.text(interval.of_values { 0.1 })
--   0.200 [-0.048, 0.448]	0.100 (one repetition)
function interval.text(found)
  if not found then return "-" end
  if #found.values < 2 then return ("%.3f (one repetition)"):format(found.mean) end
  return ("%.3f [%.3f, %.3f]"):format(found.mean, found.low, found.high)
end

return options.strict("align.claims.interval", interval)
