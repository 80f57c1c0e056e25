--- What a comparison measures of one seed.
--
-- A measure is a function(runs, win) of the pooled runs that gives a number, or nil where they do not reach.
local frontier = require "perilune.align.evaluate.frontier"
local options = require "perilune.options"

local measures = {}

--- The highest win rate at a value of a field of the points, by the rules of `evaluate.frontier`.
function measures.at(key, x)
  return function(runs, win) return frontier.best_at(runs, key, x, win) end
end

--- The peak without the bias of a maximum: the checkpoint with the highest win rate on one half of the
-- prompts, its win rate on the other half, and the mean of both ways round.
--
--   > local measures = require "perilune.align.compare.measures"
--   > local early = { halves = { { win = 0.6 }, { win = 0.4 } } }
--   > local late = { halves = { { win = 0.5 }, { win = 0.7 } } }
--   > measures.peak({ { early, late } }, function(half) return half.win end)
--   0.45
function measures.peak(runs, win)
  local total = 0.0
  for chosen_on = 1, 2 do
    local best, reported
    for _, run in ipairs(runs) do
      for _, point in ipairs(run) do
        local value = win(point.halves[chosen_on])
        if not best or value > best then best, reported = value, point.halves[3 - chosen_on] end
      end
    end
    total = total + win(reported)
  end
  return total / 2
end

--- The win rate at the peak less that of the last checkpoint of the same run: the checkpoint is chosen on one
-- half of the prompts, both are reported on the other, and the mean of both ways round is given. 0 where the
-- peak is the last checkpoint.
--
--   > local rise = { halves = { { win = 0.8 }, { win = 0.7 } } }
--   > local last = { halves = { { win = 0.4 }, { win = 0.5 } } }
--   > measures.fall({ { rise, last } }, function(half) return half.win end)
--   0.3
function measures.fall(runs, win)
  local total = 0.0
  for chosen_on = 1, 2 do
    local best, fell
    for _, run in ipairs(runs) do
      for _, point in ipairs(run) do
        local value = win(point.halves[chosen_on])
        if not best or value > best then
          best = value
          fell = win(point.halves[3 - chosen_on]) - win(run[#run].halves[3 - chosen_on])
        end
      end
    end
    total = total + fell
  end
  return total / 2
end

--- The point of pooled runs with the highest `value(point)`, from a KL on and other than `but`.
local function highest(runs, value, kl, but)
  local best, at
  for _, run in ipairs(runs) do
    for _, point in ipairs(run) do
      local one = point.kl >= kl and point ~= but and value(point)
      if one and (not best or one > best) then best, at = one, point end
    end
  end
  return at
end

--- The win rate at the peak less the highest one where the KL is at least 1.5 times that of the peak. Both
-- checkpoints are chosen on one half of the prompts and reported on the other; the mean of both ways round.
-- 0 where no checkpoint lies there.
--
--   > local function at(kl, win) return { kl = kl, halves = { { win = win }, { win = win } } } end
--   > local function win_of(half) return half.win end
--   > local pool = { { at(2, 0.6), at(2.5, 0.5) }, { at(3, 0.2), at(9, 0.1) } }
--   > ("%.1f"):format(measures.past_peak(pool, win_of))
--   0.4
function measures.past_peak(runs, win)
  local total = 0.0
  for chosen_on = 1, 2 do
    local function chosen(point) return win(point.halves[chosen_on]) end
    local peak = highest(runs, chosen, -math.huge)
    local beyond = highest(runs, chosen, 1.5 * peak.kl, peak)
    if beyond then
      total = total + win(peak.halves[3 - chosen_on]) - win(beyond.halves[3 - chosen_on])
    end
  end
  return total / 2
end

-- Intervals of the trapezoidal rule.
local parts <const> = 32

--- The mean win rate between two KLs: the area under the win rate as a function of KL, by the trapezoidal
-- rule with 32 intervals, over the width.
function measures.area(low, high)
  return function(runs, win)
    local sum = 0.0
    for i = 0, parts do
      local value = frontier.best_at_kl(runs, low + (high - low) * i / parts, win)
      if not value then return nil end
      sum = sum + value * ((i == 0 or i == parts) and 0.5 or 1)
    end
    return sum / parts
  end
end

--- The KLs between which every seed of every side has a win rate; nil where there are none.
function measures.shared(sides)
  local low, high = 0.0, math.huge
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
--   > local run = { { step = 1, win = 0.1 }, { step = 2, win = 0.2 }, { step = 3, win = 0.4 } }
--   > measures.quantile(0.75)({ run }, function(point) return point.win end)
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
