--- The interval of a mean over repetitions of the whole pipeline, their seeds and their prompts.
--
-- Its shape is that of the hierarchical bootstrap (Davison and Hinkley 1997, sec. 3.8): a draw takes
-- repetitions with replacement, seeds of each, and prompts, the same ones for all, since all runs answer the
-- same prompts. Its width is the bootstrap's only with one repetition. Of few repetitions the bootstrap sees
-- too little of the spread between them, and it adds the noise of prompts and of seeds that this spread
-- already has. With n repetitions the half width is
--
--   sqrt(t^2 s^2 / n + 1.96^2 v)
--
-- where s is the standard deviation between the repetitions, t the quantile of Student's t with n - 1 degrees
-- of freedom, and v the variance that the choice of prompts gives all repetitions together.
local options = require "perilune.options"
local stats = require "perilune.align.evaluate.stats"
local student = require "perilune.align.evaluate.student"

local bootstrap = {}

local function win_of(point) return point.win end

local function mean_of(list)
  local sum = 0.0
  for _, x in ipairs(list) do sum = sum + x end
  return sum / #list
end

--- The items that have a value, by repetition: a list of { number, items, values }, in order of numbers.
local function repetitions_of(items, measure)
  local by_number, list, count = {}, {}, 0
  for i, item in ipairs(items) do
    local value, number = measure(item, win_of), item.outer or i
    if value then
      local one = by_number[number]
      if not one then
        one = { number = number, items = {}, values = {} }
        by_number[number], list[#list + 1] = one, one
      end
      table.insert(one.items, item)
      table.insert(one.values, value)
      count = count + 1
    end
  end
  table.sort(list, function(a, b) return a.number < b.number end)
  return list, count
end

--- The mean of `measure(item)` in each repetition of the pipeline, whose seeds are averaged: a list, in order
-- of the repetitions. An item is what belongs to one seed; its `outer` numbers the repetition, unless given
-- its place. Items without a value are left out.
--
--   > local bootstrap = require "perilune.align.evaluate.bootstrap"
--   > local items = { { 1, outer = 1 }, { 2, outer = 1 }, { 3, outer = 2 } }
--   > table.concat(bootstrap.by_repetition(items, function(item) return item[1] end), " ")
--   1.5 3.0
function bootstrap.by_repetition(items, measure)
  local values = {}
  for r, one in ipairs((repetitions_of(items, measure))) do values[r] = mean_of(one.values) end
  return values
end

--- How many repetitions items are of.
--
--   > bootstrap.repetitions { { outer = 1 }, { outer = 1 }, { outer = 2 } }
--   2
function bootstrap.repetitions(items)
  local seen, count = {}, 0
  for i, item in ipairs(items) do
    local number = item.outer or i
    count, seen[number] = count + (seen[number] and 0 or 1), true
  end
  return count
end

--- The values of the items of each repetition in one draw of prompts; a value that is not there in a draw is
-- that of all prompts.
local function drawn(list, measure, resampling, draw)
  local function win(point) return resampling:means(point.wins)[draw] end
  local values = {}
  for r, one in ipairs(list) do
    values[r] = {}
    for s, item in ipairs(one.items) do values[r][s] = measure(item, win) or one.values[s] end
  end
  return values
end

--- A mean over repetitions and seeds that are drawn anew. The choice of a seed goes on from the digits that
-- the choice of the repetition leaves.
local function redrawn(values, uniforms)
  local sum = 0.0
  for i = 1, #values do
    local place = uniforms[i] * #values
    local one = values[1 + math.floor(place)]
    local total = 0.0
    for _ = 1, #one do
      place = (place % 1) * #one
      total = total + one[1 + math.floor(place)]
    end
    sum = sum + total / #one
  end
  return sum / #values
end

--- The variance over draws of prompts that all repetitions have in common: that of their mean, less what
-- independent noise of each would give it.
local function shared_variance(by_repetition, n)
  local together, own = {}, 0.0
  for draw = 1, #by_repetition[1] do
    local sum = 0.0
    for r = 1, n do sum = sum + by_repetition[r][draw] end
    together[draw] = sum / n
  end
  for r = 1, n do own = own + select(2, stats.moments(by_repetition[r])) / n ^ 2 end
  return math.max(0, select(2, stats.moments(together)) - own) * n / (n - 1)
end

--- The mean over repetitions of `measure(item, win)` and its 95 % interval: { mean, low, high, seeds, values,
-- of_prompts }; nil where no item has a value.
--
-- An item belongs to one seed; its `outer` numbers the repetition, unless given its place in the list.
-- `win(point)` is the win rate of a point in a draw. `values` has the mean over the seeds of each repetition,
-- `seeds` counts the items that have a value, `of_prompts` is the variance v. `range` = { least, most }
-- bounds the interval. With one repetition the interval is over its seeds and prompts alone.
--
--   > local function item(win) return { win = win, wins = { win, win } } end
--   > local function measure(point, win) return win(point) end
--   > local draws = require "perilune.align.evaluate.stats".resampling { prompts = 2, clusters = 3 }
--   > local found = bootstrap.interval({ item(0.1), item(0.2), item(0.3) }, measure, draws)
--   > ("mean %.3f, half width %.3f"):format(found.mean, (found.high - found.low) / 2)
--   mean 0.200, half width 0.248
function bootstrap.interval(items, measure, resampling, range)
  local list, count = repetitions_of(items, measure)
  local n = #list
  if n == 0 then return nil end
  local values, means, by_repetition = {}, {}, {}
  for r, one in ipairs(list) do values[r], by_repetition[r] = mean_of(one.values), {} end
  for draw = 1, resampling.draws do
    local of_draw = drawn(list, measure, resampling, draw)
    for r = 1, n do by_repetition[r][draw] = mean_of(of_draw[r]) end
    means[draw] = redrawn(of_draw, resampling.uniforms[draw])
  end
  local found = { mean = mean_of(values), seeds = count, values = values, of_prompts = 0.0 }
  local low, high = stats.percentiles(means, 0.95)
  if n == 1 then
    found.low, found.high = low, high
  else
    local center, s = mean_of(means), stats.summary(values).se
    found.of_prompts = shared_variance(by_repetition, n)
    local half = math.sqrt((student.quantile(0.975, n - 1) * s) ^ 2 + 1.96 ^ 2 * found.of_prompts)
    local below, above = half, half
    if high > low then
      local by = 2 * half / (high - low)
      below, above = by * (center - low), by * (high - center)
    end
    found.low, found.high = found.mean - below, found.mean + above
  end
  range = range or { -math.huge, math.huge }
  found.low, found.high = math.max(found.low, range[1]), math.min(found.high, range[2])
  return found
end

return options.strict("align.evaluate.bootstrap", bootstrap)
