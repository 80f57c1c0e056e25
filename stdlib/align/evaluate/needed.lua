--- What would resolve an open difference: more repetitions of the whole pipeline, or more prompts.
--
-- The interval is that of `evaluate.bootstrap`: over n repetitions with the standard deviation s its half
-- width is sqrt(t^2 s^2 / n + 1.96^2 v). The variance v, `of_prompts`, is that of the prompts, which all
-- repetitions share: it falls with their number, and with no number of repetitions.
local options = require "perilune.options"
local stats = require "perilune.align.evaluate.stats"
local student = require "perilune.align.evaluate.student"

local needed = {}

-- How many times as many prompts, or repetitions and prompts, are thought of.
local most_times <const> = 100

local function deviation(values)
  local found = stats.summary(values)
  return found.se * math.sqrt(found.count)
end

local function half_width(n, s, v)
  return math.sqrt((student.quantile(0.975, n - 1) * s) ^ 2 / n + 1.96 ^ 2 * v)
end

--- The power of the test whether 0 lies outside of the interval: the t-test's where v is 0, else that of a
-- normal estimate with the variance s^2 / n + v.
--
--   > local needed = require "perilune.align.evaluate.needed"
--   > ("%.2f %.2f"):format(needed.power(0.1, 34, 0.2, 0), needed.power(0.1, 34, 0.2, 0.001))
--   0.81 0.56
function needed.power(effect, n, s, v)
  if v == 0 then return s == 0 and 1.0 or student.power(effect, s, n, 0.05) end
  return student.normal((math.abs(effect) - half_width(n, s, v)) / math.sqrt(s ^ 2 / n + v))
end

--- The least that makes `enough(n, v)` true, of n repetitions and the variance v that prompts give.
local function least(values, of_prompts, enough)
  local n = #values
  local repetitions = student.least(function(count) return count > n and enough(count, of_prompts) end,
    student.most)
  if repetitions then return { repetitions = repetitions } end
  local prompts = student.least(function(k) return enough(n, of_prompts / k) end, most_times)
  if prompts then return { prompts = prompts } end
  local both = student.least(function(k) return enough(k * n, of_prompts / k) end, most_times)
  return { repetitions = both and both * n, prompts = both }
end

--- What finds `effect` with power 0.8 where the differences of the repetitions spread as `values`:
-- { repetitions = n }, in all and more than there are; else { prompts = k }, k times as many; else both. {}
-- where a hundred times as many of both do not, or `values` has fewer than two.
--
--   > local values = { 0.3, 0.1, -0.1 }
--   > needed.find(0.1, values, 0).repetitions, needed.find(0.1, values, 0.001).repetitions
--   34	148
--   > needed.find(0.0975, { 0.08, 0.12, 0.1, 0.09 }, 0.003).prompts
--   3
function needed.find(effect, values, of_prompts)
  if #values < 2 or effect == 0 then return {} end
  local s = deviation(values)
  return least(values, of_prompts, function(n, v) return needed.power(effect, n, s, v) >= 0.8 end)
end

--- What makes the half width of the interval smaller than `half`: as `needed.find`.
--
--   > needed.narrow(0.1, { 0.3, 0.1, -0.1 }, 0).repetitions
--   18
function needed.narrow(half, values, of_prompts)
  if #values < 2 or half <= 0 then return {} end
  local s = deviation(values)
  return least(values, of_prompts, function(n, v) return half_width(n, s, v) < half end)
end

--- What was found to be needed, as words; nil of nothing.
--
--   > needed.text { repetitions = 7 }, needed.text { prompts = 4 }, needed.text {}
--   7 repetitions	4 times as many prompts	nil
--   > needed.text { repetitions = 20, prompts = 4 }
--   20 repetitions with 4 times as many prompts
function needed.text(found)
  local prompts = found.prompts and ("%d times as many prompts"):format(found.prompts)
  if not found.repetitions then return prompts end
  local repetitions = ("%d repetitions"):format(found.repetitions)
  return prompts and ("%s with %s"):format(repetitions, prompts) or repetitions
end

return options.strict("align.evaluate.needed", needed)
