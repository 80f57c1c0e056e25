--- Win rate against KL: what runs reach at equal KL from the start, with intervals over seeds and prompts.
--
-- A run is the list of its checkpoints, points { step, kl, win, wins }, in the order of steps; `wins` has the
-- outcome of each prompt. The start may be the first point, with step 0. A side is a list of seeds, and a
-- seed is a list of runs: the settings that are pooled, as Tang et al. 2024 pool their offline runs.
--
-- Between neighbouring checkpoints the win rate is linear in KL. A run whose KL goes back and forth crosses a
-- KL several times: the highest win rate of all crossings counts, on every side. The line from the start to
-- the first checkpoint is no measurement and never counts, so a run has no win rate at a KL below its
-- checkpoints. A KL counts where one end of its line is near, within 2 nats or half of that KL: where the KL
-- jumps from 3 to 26 nats, the run has no win rate at 10.
local stats = require "perilune.align.evaluate.stats"

local frontier = {}

local function win_of(point) return point.win end

--- Whether x lies between two numbers, and, if it is a KL, near one of them.
local function covers(key, a, b, x)
  if not (a and b) then return false end
  local below, above = x - math.min(a, b), math.max(a, b) - x
  return below >= 0 and above >= 0 and (key ~= "kl" or math.min(below, above) <= math.max(2, x / 2))
end

--- The highest win rate of a run where its KL crosses `kl`, or nil if no two neighbouring checkpoints enclose
-- it.
--
-- `win(point)` gives the win rate of a point; `point.win` unless given.
--
--   > local frontier = require "perilune.align.evaluate.frontier"
--   > local start, first = { step = 0, kl = 0, win = 0 }, { step = 5, kl = 2, win = 0.4 }
--   > local run = { start, first, { step = 9, kl = 4, win = 0.6 } }
--   > frontier.at_kl(run, 3)
--   0.5
--   > frontier.at_kl(run, 1)
--   nil
--   > frontier.at_kl({ first, { step = 9, kl = 26, win = 0.6 } }, 10)
--   nil
function frontier.at_kl(run, kl, win) return frontier.at(run, "kl", kl, win) end

--- The same along another number of the points: `labels`, `tokens` or `step`.
--
--   > frontier.at({ { step = 10, win = 0.4 }, { step = 20, win = 0.6 } }, "step", 15)
--   0.5
function frontier.at(run, key, x, win)
  win = win or win_of
  local best
  for i = 2, #run do
    local a, b = run[i - 1], run[i]
    local low, high = a[key], b[key]
    if a.step ~= 0 and covers(key, low, high, x) then
      local from, to = win(a), win(b)
      local value = low == high and math.max(from, to) or from + (to - from) * (x - low) / (high - low)
      if not best or value > best then best = value end
    end
  end
  return best
end

--- The highest win rate of several runs at a KL, or nil if none has checkpoints on both sides of it.
--
--   > local long = { { step = 1, kl = 0, win = 0 }, { step = 2, kl = 2, win = 1 } }
--   > local short = { { step = 1, kl = 1, win = 1 } }
--   > frontier.best_at_kl({ long, short }, 1)
--   0.5
function frontier.best_at_kl(runs, kl, win) return frontier.best_at(runs, "kl", kl, win) end

--- The same along another number of the points.
--
--   > local frontier = require "perilune.align.evaluate.frontier"
--   > local run = { { step = 10, win = 0.4 }, { step = 20, win = 0.6 } }
--   > frontier.best_at({ run }, "step", 15)
--   0.5
--   > local function point(step, kl, win) return { step = step, kl = kl, win = win, wins = { win, win } } end
--   > local function side(win) return { { { point(1, 1, win), point(2, 3, win) } } } end
--   > local draws = frontier.resampling(side(0.6), 20)
--   > local measure = function(runs) return frontier.best_at_kl(runs, 2) end
--   > frontier.difference(side(0.6), side(0.5), measure, draws).mean
--   0.1
function frontier.best_at(runs, key, x, win)
  local best
  for _, run in ipairs(runs) do
    local value = frontier.at(run, key, x, win)
    if value and (not best or value > best) then best = value end
  end
  return best
end

--- The highest win rate of all points of several runs, its point, and whether that is the last point of its
-- run: the win rate was then still rising when the run ended.
--
-- The maximum of noisy estimates is biased upwards, more with more points: compare peaks over equal numbers
-- of points.
--
--   > (frontier.peak { { { step = 1, kl = 1, win = 0.3 }, { step = 2, kl = 2, win = 0.7 } } })
--   0.7
function frontier.peak(runs, win)
  win = win or win_of
  local best, at, is_last
  for _, run in ipairs(runs) do
    for i, point in ipairs(run) do
      local value = win(point)
      if not best or value > best then best, at, is_last = value, point, i == #run end
    end
  end
  return best, at, is_last
end

--- Bootstrap draws for `interval` and `difference`, made once for all sides of a report. Errors: points have
-- no `wins`, or lists of different lengths.
--
--   frontier.resampling(sides[1].by_seed, 300)
function frontier.resampling(by_seed, draws)
  local clusters, prompts = 0, nil
  for i, runs in ipairs(by_seed) do
    clusters = math.max(clusters, runs.outer or i)
    for _, run in ipairs(runs) do
      for _, point in ipairs(run) do
        local count = type(point.wins) == "table" and #point.wins or 0
        prompts = prompts or count
        if count == 0 or count ~= prompts then
          error(("frontier: the point at step %s has %d outcomes `wins`, expected %s"):format(
            tostring(point.step), count, prompts > 0 and prompts or "one a prompt"), 2)
        end
      end
    end
  end
  if not prompts then error("frontier: no run has a point", 2) end
  return stats.resampling { prompts = prompts, clusters = clusters, draws = draws }
end

--- Mean and interval of `measure(item, win)` over the items, one a seed. An item's `outer` numbers the
-- repetition of the whole pipeline that it belongs to: those are drawn together.
local function bootstrap(items, measure, resampling)
  local values, members, sum = {}, {}, 0.0
  for i, item in ipairs(items) do
    local value = measure(item, win_of)
    if value then
      values[#values + 1], sum = value, sum + value
      local outer = item.outer or i
      members[outer] = members[outer] or {}
      table.insert(members[outer], item)
    end
  end
  if #values == 0 then return nil end
  local outers = {}
  for outer in pairs(members) do outers[#outers + 1] = outer end
  table.sort(outers)
  local means = {}
  for draw = 1, resampling.draws do
    local function win(point) return resampling:means(point.wins)[draw] end
    local total, count = 0.0, 0
    for i = 1, #outers do
      local chosen = outers[1 + math.floor(resampling.uniforms[draw][i] * #outers)]
      for _, item in ipairs(members[chosen]) do
        local value = measure(item, win)
        if value then total, count = total + value, count + 1 end
      end
    end
    if count > 0 then means[#means + 1] = total / count end
  end
  local low, high = stats.percentiles(means, 0.95)
  return { mean = sum / #values, low = low, high = high, seeds = #values }
end

--- The mean over seeds of `measure(runs, win)` with a 95 % interval by the bootstrap over outer seeds and
-- prompts together: { mean, low, high, seeds }. Seeds for which the measure is nil are left out; `seeds`
-- counts the rest. nil when none is left.
--
-- Of n seeds the bootstrap sees a share (n - 1) / n of the variance between seeds, so with two or three the
-- interval is too narrow. It does not include the error of the KL.
--
--   > local seed = { { { step = 1, kl = 0, win = 1, wins = { 1, 1 } } } }
--   > frontier.interval({ seed, seed }, frontier.peak).low
--   1.0
function frontier.interval(by_seed, measure, resampling)
  if #by_seed == 0 then return nil end
  return bootstrap(by_seed, measure, resampling or frontier.resampling(by_seed))
end

--- The same for the measure of one side less that of another, seed by seed and on the same prompts.
function frontier.difference(first, second, measure, resampling)
  local both = {}
  for seed = 1, math.min(#first, #second) do
    both[seed] = { first[seed], second[seed], outer = first[seed].outer }
  end
  if #both == 0 then return nil end
  return bootstrap(both, function(pair, win)
    local a, b = measure(pair[1], win), measure(pair[2], win)
    return a and b and a - b or nil
  end, resampling or frontier.resampling(first))
end

--- Calls `visit(point, place)` for all points of a side; `place` is { seed, run, setting, outer }, where
-- `outer` is the number of the seed unless it has one.
--
--   > local count = 0
--   > frontier.each_point({ { { { kl = 1 }, { kl = 2 } } } }, function(point) count = count + point.kl end)
--   > count
--   3
function frontier.each_point(by_seed, visit)
  for seed, runs in ipairs(by_seed) do
    for r, run in ipairs(runs) do
      local place = { seed = seed, run = r, setting = run.setting, outer = runs.outer or seed }
      for _, point in ipairs(run) do visit(point, place) end
    end
  end
end

--- The KLs at which every seed of a side has a win rate, with the mean over seeds and its standard error: a
-- list of { kl, win, se } in order of KL, `count` of them between the lowest and the highest checkpoint.
--
-- With one seed `se` is that of the win rate over prompts, where the points have one: the largest of the
-- crossings. `gap` is true where KLs between an entry and the one before were left out.
--
--   > local run = { { step = 1, kl = 1, win = 0.2 }, { step = 2, kl = 3, win = 0.4 } }
--   > local curve = frontier.curve({ { run } }, 3)
--   > curve[2].kl
--   2.0
function frontier.curve(by_seed, count)
  local low, high = math.huge, -math.huge
  frontier.each_point(by_seed, function(point)
    if point.step ~= 0 then low, high = math.min(low, point.kl), math.max(high, point.kl) end
  end)
  local curve, last = {}, nil
  for i = 1, low < math.huge and count or 0 do
    local kl = count > 1 and low + (high - low) * (i - 1) / (count - 1) or low
    local wins = {}  -- without holes, whose length would be anything
    for _, runs in ipairs(by_seed) do wins[#wins + 1] = frontier.best_at_kl(runs, kl) end
    if #wins == #by_seed then
      local figure = stats.summary(wins)
      local se = figure.se
      if #by_seed == 1 then se = frontier.best_at_kl(by_seed[1], kl, function(p) return p.se or 0 end) end
      curve[#curve + 1] = { kl = kl, win = figure.mean, se = se, gap = last and last < i - 1 }
      last = i
    end
  end
  return curve
end

--- Pairs of neighbouring checkpoints between which the KL at least doubles or halves and changes by `nats`
-- (4) or more: a list of { from, to }, the two points. Such a step is a jump of the optimiser, and the
-- checkpoints beyond it say little of the source of the data.
--
--   > #frontier.jumps { { step = 0, kl = 0 }, { step = 90, kl = 3.6 }, { step = 120, kl = 26.5 } }
--   1
function frontier.jumps(run, nats)
  local found = {}
  for i = 2, #run do
    local a, b = run[i - 1], run[i]
    local small, large = math.min(a.kl, b.kl), math.max(a.kl, b.kl)
    if large - small >= (nats or 4) and large >= 2 * small then found[#found + 1] = { from = a, to = b } end
  end
  return found
end

return require "perilune.options".strict("align.evaluate.frontier", frontier)
