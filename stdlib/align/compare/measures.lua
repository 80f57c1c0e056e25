--- What a comparison measures of one seed.
--
-- A measure is a function(runs, win, against) of the pooled runs that gives a number, or nil where they do
-- not reach. `against` are the runs of the other side, where there is one.
--
-- The best of several settings or checkpoints is chosen on one half of the prompts and reported on the other,
-- and both ways round are averaged: chosen and reported on the same prompts, the highest of six equal runs
-- would be higher by 0.04 with 256 prompts.
local frontier = require "perilune.align.evaluate.frontier"
local options = require "perilune.options"

local measures = {}

--- The mean of `value(item)` over those of a list that have one; nil of none.
local function mean_of(list, value)
  local sum, count = 0.0, 0
  for _, item in ipairs(list) do
    local own = value(item)
    if own then sum, count = sum + own, count + 1 end
  end
  return count > 0 and sum / count or nil
end

--- The mean of `value(report, choose)` over both ways round: each of the two maps a point to its win rate on
-- one half of the prompts. A nil is left out; nil where both are.
local function both_ways(win, value)
  return mean_of({ 1, 2 }, function(half)
    local function choose(point) return win(point.halves[half]) end
    local function report(point) return win(point.halves[3 - half]) end
    return value(report, choose)
  end)
end

--- The crossings of pooled runs at a value of a field, kept by the runs.
local function crossings_of(kept, runs, key, x)
  local list = kept[runs]
  if not list then
    list = {}
    for _, run in ipairs(runs) do
      local own = frontier.crossings(run, key, x)
      table.move(own, 1, #own, #list + 1, list)
    end
    kept[runs] = list
  end
  return list
end

--- The highest value of a list and all items that have it: the order of runs must not decide between them.
local function highest(list, value)
  local best, found = nil, {}
  for _, item in ipairs(list) do
    local own = value(item)
    if not best or own > best then best, found = own, {} end
    if own == best then found[#found + 1] = item end
  end
  return found, best
end

--- The win rate of the best of some crossings, or nil of none.
local function best_of(crossings, win)
  if #crossings == 0 then return nil end
  return both_ways(win, function(report, choose)
    local best = highest(crossings, function(crossing) return frontier.at_crossing(crossing, choose) end)
    return mean_of(best, function(crossing) return frontier.at_crossing(crossing, report) end)
  end)
end

--- The win rate at a value of a field of the points, of the best of the pooled runs that cross it.
--
--   > local measures = require "perilune.align.compare.measures"
--   > local function point(step, kl, a, b)
--   >>   return { step = step, kl = kl, halves = { { win = a }, { win = b } } }
--   >> end
--   > local function win_of(half) return half.win end
--   > measures.at("kl", 2)({ { point(1, 1, 0.2, 0.4), point(2, 3, 0.4, 0.6) } }, win_of)
--   0.4
function measures.at(key, x)
  local kept = setmetatable({}, { __mode = "k" })
  return function(runs, win) return best_of(crossings_of(kept, runs, key, x), win) end
end

--- The points of pooled runs as { point, run }, from a KL on, but for one of them.
local function points_of(runs, kl, but)
  local list = {}
  for _, run in ipairs(runs) do
    for _, point in ipairs(run) do
      if point ~= but and (not kl or point.kl >= kl) then list[#list + 1] = { point = point, run = run } end
    end
  end
  return list
end

--- Those of a list of { point, run } with the highest win rate.
local function peaks(list, win) return (highest(list, function(one) return win(one.point) end)) end

--- The win rate of the highest of a list of { point, run }, chosen on one half and reported on the other.
local function peak_of(list, win)
  return both_ways(win, function(report, choose)
    return mean_of(peaks(list, choose), function(peak) return report(peak.point) end)
  end)
end

--- The peak without the bias of a maximum.
--
--   > local function win_of(half) return half.win end
--   > local early = { halves = { { win = 0.6 }, { win = 0.4 } } }
--   > local late = { halves = { { win = 0.5 }, { win = 0.7 } } }
--   > measures.peak({ { early, late } }, win_of)
--   0.45
function measures.peak(runs, win) return peak_of(points_of(runs), win) end

--- The points of runs, at most `most`: those whose ranks by KL lie evenly between the least and the largest.
-- Of equal KLs the step and the win rate decide, not the order of the runs.
local function thinned(runs, most, win)
  local list = points_of(runs)
  if #list <= most then return list end
  table.sort(list, function(a, b)
    if a.point.kl ~= b.point.kl then return a.point.kl < b.point.kl end
    if a.point.step ~= b.point.step then return a.point.step < b.point.step end
    local of_a, of_b = a.point.halves, b.point.halves
    if win(of_a[1]) ~= win(of_b[1]) then return win(of_a[1]) < win(of_b[1]) end
    return win(of_a[2]) < win(of_b[2])
  end)
  local kept = {}
  for i = 1, most do kept[i] = list[math.floor((i - 0.5) * #list / most) + 1] end
  return kept
end

--- The peak over no more checkpoints than the other side has, chosen as that of `measures.peak`. The side
-- with more of them keeps some of each KL.
--
--   > local function win_of(half) return half.win end
--   > local function point(kl, win)
--   >>   return { step = kl, kl = kl, halves = { { win = win }, { win = win } } }
--   >> end
--   > local long = { point(1, 0.2), point(2, 0.4), point(3, 0.3) }
--   > measures.even_peak({ long }, win_of, { { point(1, 0.2), point(9, 0.1) } })
--   0.3
function measures.even_peak(runs, win, against)
  return peak_of(thinned(runs, #points_of(against), win), win)
end

--- The win rate of a point on all prompts, as a function of the point.
local function on_all(win)
  return function(point) return (win(point.halves[1]) + win(point.halves[2])) / 2 end
end

--- What choosing the highest of all points on all prompts adds to the peak: the bias of pooling.
--
--   > local function win_of(half) return half.win end
--   > local low = { wins = {}, win = 0.5, halves = { { win = 0.6 }, { win = 0.4 } } }
--   > local high = { wins = {}, win = 0.6, halves = { { win = 0.5 }, { win = 0.7 } } }
--   > ("%.2f"):format(measures.pooling({ { low, high } }, win_of))
--   0.15
function measures.pooling(runs, win)
  local all = on_all(win)
  local _, best = highest(points_of(runs), function(one) return all(one.point) end)
  return best - measures.peak(runs, win)
end

--- Whether the win rate on all prompts is highest at the last checkpoint of a run, and nowhere else.
--
--   > local function point(win) return { halves = { { win = win }, { win = win } } } end
--   > local function win_of(half) return half.win end
--   > measures.is_rising({ { point(0.5), point(0.6) } }, win_of)
--   true
--   > measures.is_rising({ { point(0.5), point(0.6) }, { point(0.6), point(0.4) } }, win_of)
--   false
function measures.is_rising(runs, win)
  for _, peak in ipairs(peaks(points_of(runs), on_all(win))) do
    if peak.point ~= peak.run[#peak.run] then return false end
  end
  return true
end

--- Whether the win rate on all prompts is nowhere higher than at the start.
--
--   > local function at(step, win) return { step = step, halves = { { win = win }, { win = win } } } end
--   > local function win_of(half) return half.win end
--   > local start, low = at(0, 0.5), at(9, 0.4)
--   > measures.never_rises({ { start, low } }, win_of), measures.never_rises({ { low, start } }, win_of)
--   true	true
--   > measures.never_rises({ { start, at(9, 0.5) } }, win_of)
--   true
--   > measures.never_rises({ { start, at(9, 0.6) } }, win_of)
--   false
function measures.never_rises(runs, win)
  for _, peak in ipairs(peaks(points_of(runs), on_all(win))) do
    if peak.point.step == 0 then return true end
  end
  return false
end

--- Whether runs tell nothing of a fall: they rise to their end, or never above the start.
local function has_no_peak(runs, win)
  return measures.is_rising(runs, win) or measures.never_rises(runs, win)
end

--- The win rate at the peak less that of the last checkpoint of the same run; nil where the run was still
-- rising, or never rose above its start, which tells nothing of a fall.
--
--   > local function win_of(half) return half.win end
--   > local rise = { halves = { { win = 0.8 }, { win = 0.7 } } }
--   > local last = { halves = { { win = 0.4 }, { win = 0.5 } } }
--   > measures.fall({ { rise, last } }, win_of), measures.fall({ { last, rise } }, win_of)
--   0.3	nil
function measures.fall(runs, win)
  if has_no_peak(runs, win) then return nil end
  local list = points_of(runs)
  return both_ways(win, function(report, choose)
    return mean_of(peaks(list, choose), function(peak)
      return report(peak.point) - report(peak.run[#peak.run])
    end)
  end)
end

--- The win rate of a run at a step, linear between its checkpoints.
local function at_step(run, step, report)
  local before
  for _, point in ipairs(run) do
    if point.step >= step then
      if not before then return report(point) end
      local share = (step - before.step) / (point.step - before.step)
      return (1 - share) * report(before) + share * report(point)
    end
    before = point
  end
  return report(before)
end

--- The win rate of runs at the step of the peak of others less that at their end, a mean over the runs; nil
-- where the others were still rising or never rose. Whether the runs fall or rise meanwhile, they count.
--
--   > local function win_of(half) return half.win end
--   > local function at(step, win) return { step = step, halves = { { win = win }, { win = win } } } end
--   > local falling, rising = { at(10, 0.8), at(30, 0.4) }, { at(0, 0.4), at(20, 0.6), at(30, 0.75) }
--   > measures.meanwhile({ rising }, win_of, { falling })
--   -0.25
--   > measures.meanwhile({ falling }, win_of, { rising })
--   nil
function measures.meanwhile(runs, win, others)
  if has_no_peak(others, win) then return nil end
  local list = points_of(others)
  return both_ways(win, function(report, choose)
    return mean_of(peaks(list, choose), function(peak)
      return mean_of(runs, function(run)
        return at_step(run, peak.point.step, report) - report(run[#run])
      end)
    end)
  end)
end

--- How many times the KL of the peak lies beyond it: a run that goes there can show a fall.
measures.beyond = 1.5

--- The points of pooled runs from 1.5 times the KL of a point on, such as a peak, but for that one: a list of
-- { point, run }.
--
--   > #measures.points_beyond({ { { kl = 2 }, { kl = 3 } }, { { kl = 9 } } }, { kl = 2 })
--   2
function measures.points_beyond(runs, point) return points_of(runs, measures.beyond * point.kl, point) end

--- The win rate at the peak less the highest one where the KL is at least 1.5 times that of the peak; nil
-- where no checkpoint lies there, or the runs never rose above the start.
--
--   > local function win_of(half) return half.win end
--   > local function at(kl, win) return { kl = kl, halves = { { win = win }, { win = win } } } end
--   > local pool = { { at(2, 0.6), at(2.5, 0.5) }, { at(3, 0.2), at(9, 0.1) } }
--   > ("%.1f"):format(measures.past_peak(pool, win_of))
--   0.4
function measures.past_peak(runs, win)
  if measures.never_rises(runs, win) then return nil end
  local list = points_of(runs)
  return both_ways(win, function(report, choose)
    return mean_of(peaks(list, choose), function(peak)
      local beyond = measures.points_beyond(runs, peak.point)
      local value = mean_of(peaks(beyond, choose), function(one) return report(one.point) end)
      return value and report(peak.point) - value
    end)
  end)
end

-- Intervals of the trapezoidal rule, and the KL from which on a mean is taken. Below it the policy is the
-- start, on every side.
local parts <const>, least <const> = 32, 0.25

--- Calls `visit(kl, weight, i)` for the KLs of the rule between two, at equal distances of their logarithms;
-- the weights add up to `parts`.
local function each_part(low, high, visit)
  for i = 0, parts do
    visit(i == parts and high or low * (high / low) ^ (i / parts), (i == 0 or i == parts) and 0.5 or 1, i)
  end
end

--- The mean win rate between two KLs above 0: the area under the curve (AUC) over log KL, the axis
-- of Tang et al. 2024, by the trapezoidal rule with 32 intervals, over the width. A mean over nats would be
-- one of the largest KLs. KLs at which the runs, or those they are held against, have no win rate are left
-- out of it; nil where all are.
--
--   > local function point(step, kl, a, b)
--   >>   return { step = step, kl = kl, halves = { { win = a }, { win = b } } }
--   >> end
--   > local function win_of(half) return half.win end
--   > local area = measures.area(1, 3)
--   > ("%.3f"):format(area({ { point(1, 1, 0.2, 0.4), point(2, 3, 0.4, 0.6) } }, win_of))
--   0.382
function measures.area(low, high)
  local kept = {}
  for i = 0, parts do kept[i] = setmetatable({}, { __mode = "k" }) end
  return function(runs, win, against)
    local sum, weight = 0.0, 0.0
    each_part(low, high, function(kl, part, i)
      local there = not against or #crossings_of(kept[i], against, "kl", kl) > 0
      local value = there and best_of(crossings_of(kept[i], runs, "kl", kl), win)
      if value then sum, weight = sum + part * value, weight + part end
    end)
    return weight > 0 and sum / weight or nil
  end
end

--- The share of log KL from `low` to `high` at which two sides both have a win rate in a pair of seeds.
--
--   > local long, short = { { step = 1, kl = 1 }, { step = 2, kl = 4 } }, { { step = 1, kl = 2 } }
--   > measures.measured({ long }, { short }, 1, 4)
--   0.03125
function measures.measured(first, second, low, high)
  local weight = 0.0
  each_part(low, high, function(kl, part)
    local both = #crossings_of({}, first, "kl", kl) > 0 and #crossings_of({}, second, "kl", kl) > 0
    if both then weight = weight + part end
  end)
  return weight / parts
end

--- The KLs from 0.25 nats on between which every seed of every side has a win rate; nil where there are none.
function measures.shared(sides)
  local low, high = least, math.huge
  for _, side in ipairs(sides) do
    for _, runs in ipairs(side.by_seed) do
      local from, to = math.huge, 0.0
      for _, run in ipairs(runs) do
        for i = 2, #run do
          if run[i - 1].step ~= 0 then
            from = math.min(from, run[i].kl, run[i - 1].kl)
            to = math.max(to, run[i].kl, run[i - 1].kl)
          end
        end
      end
      low, high = math.max(low, from), math.min(high, to)
    end
  end
  if low < high then return low, high end
end

--- The quantile of the win rates of all checkpoints but the start, linear between neighbours.
--
--   > local function win_of(half) return half.win end
--   > local run = { { step = 1, win = 0.1 }, { step = 2, win = 0.2 }, { step = 3, win = 0.4 } }
--   > measures.quantile(0.75)({ run }, win_of)
--   0.3
function measures.quantile(share)
  return function(runs, win)
    local values = {}
    for _, run in ipairs(runs) do
      for _, point in ipairs(run) do
        if point.step ~= 0 then values[#values + 1] = win(point) end
      end
    end
    if #values == 0 then return nil end
    table.sort(values)
    local place = share * (#values - 1)
    local below = math.floor(place)
    local low, high = values[below + 1], values[math.min(below + 2, #values)]
    return low + (high - low) * (place - below)
  end
end

return options.strict("align.compare.measures", measures)
