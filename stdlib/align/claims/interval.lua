--- The interval of a claim: the hierarchical bootstrap, widened for few repetitions.
local frontier = require "perilune.align.evaluate.frontier"
local options = require "perilune.options"
local stats = require "perilune.align.evaluate.stats"
local student = require "perilune.align.evaluate.student"

local interval = {}

--- How much wider than that of the bootstrap the interval over n repetitions is: the bootstrap sees a share
-- (n - 1) / n of the variance between them, and takes the normal quantile where Student's t with n - 1
-- degrees of freedom belongs.
--
--   > local interval = require "perilune.align.claims.interval"
--   > ("%.3f %.3f"):format(interval.widening(3), interval.widening(5))
--   2.689 1.584
function interval.widening(n)
  return student.quantile(0.975, n - 1) / 1.959964 * math.sqrt(n / (n - 1))
end

--- The mean of `measure(item)` in each repetition of the pipeline, whose seeds are averaged: a list. An item
-- is what belongs to one seed; its `outer` numbers the repetition.
--
--   > local items = { { 1, outer = 1 }, { 2, outer = 1 }, { 3, outer = 2 } }
--   > #interval.by_repetition(items, function(item) return item[1] end)
--   2
function interval.by_repetition(items, measure)
  local order, lists = {}, {}
  for i, item in ipairs(items) do
    local value, outer = measure(item), item.outer or i
    if value then
      if not lists[outer] then lists[outer], order[#order + 1] = {}, outer end
      table.insert(lists[outer], value)
    end
  end
  local values = {}
  for i, outer in ipairs(order) do values[i] = stats.summary(lists[outer]).mean end
  return values
end

--- The seeds of two sides as items { first, second, outer }.
function interval.pairs(first, second)
  local items = {}
  for seed = 1, math.min(#first, #second) do
    items[seed] = { first[seed], second[seed], outer = first[seed].outer or seed }
  end
  return items
end

--- `measure(runs)` of one side less that of another, one number a repetition; nil of either is left out.
--
--   > local a, b = { { 3 }, { 5 } }, { { 1 }, { 1 } }
--   > table.concat(interval.differences(a, b, function(runs) return runs[1] end), " ")
--   2.0 4.0
function interval.differences(first, second, measure)
  return interval.by_repetition(interval.pairs(first, second), function(pair)
    local a, b = measure(pair[1]), measure(pair[2])
    return a and b and a - b or nil
  end)
end

local function win_of(point) return point.win end

--- Adds the values of the repetitions and widens the interval; nil where nothing was measured.
local function finished(found, values)
  if not found then return nil end
  found.values = values
  if #values < 2 then
    found.low, found.high = -math.huge, math.huge
    return found
  end
  local by = interval.widening(#values)
  found.low = found.mean - by * (found.mean - found.low)
  found.high = found.mean + by * (found.high - found.mean)
  return found
end

--- The interval of `measure(runs, win)` of one side: { mean, low, high, seeds, values }; `values` has one
-- number a repetition. nil where no seed has it. With one repetition it is without bounds.
function interval.of_side(by_seed, measure, resampling)
  local found = frontier.interval(by_seed, measure, resampling)
  return finished(found, interval.by_repetition(by_seed, function(runs) return measure(runs, win_of) end))
end

--- The same of one side less another, seed by seed.
function interval.of_difference(first, second, measure, resampling)
  local found = frontier.difference(first, second, measure, resampling)
  return finished(found, interval.differences(first, second, function(runs) return measure(runs, win_of) end))
end

--- The interval of the mean of numbers, one a repetition, by Student's t.
--
--   > local found = interval.of_values { 0.1, 0.2, 0.3 }
--   > ("%.3f [%.3f, %.3f]"):format(found.mean, found.low, found.high)
--   0.200 [-0.048, 0.448]
function interval.of_values(values)
  if #values == 0 then return nil end
  local mean = stats.summary(values)
  local half = #values > 1 and mean.se * student.quantile(0.975, #values - 1) or math.huge
  return {
    mean = mean.mean, low = mean.mean - half, high = mean.mean + half, seeds = #values, values = values,
  }
end

return options.strict("align.claims.interval", interval)
