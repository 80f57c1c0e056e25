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
local bootstrap = require "perilune.align.evaluate.bootstrap"
local stats = require "perilune.align.evaluate.stats"
local student = require "perilune.align.evaluate.student"

local frontier = {}

local function win_of(point) return point.win end

--- Whether x lies between two numbers, and, if it is a KL, near one of them.
local function covers(key, a, b, x)
  if not (a and b) then return false end
  local below, above = x - math.min(a, b), math.max(a, b) - x
  return below >= 0 and above >= 0 and (key ~= "kl" or math.min(below, above) <= math.max(2, x / 2))
end

--- Where a run crosses a value of a field of its points: a list of { from, to, share }, the two checkpoints
-- and how far between them. A checkpoint that has the value is a crossing of its own. The fields are `kl`,
-- `labels`, `tokens` and `step`.
--
--   > local frontier = require "perilune.align.evaluate.frontier"
--   > local run = { { step = 5, kl = 2, win = 0.4 }, { step = 9, kl = 6, win = 0.6 } }
--   > frontier.crossings(run, "kl", 3)[1].share
--   0.25
--   > #frontier.crossings(run, "kl", 6), #frontier.crossings(run, "kl", 7)
--   1	0
function frontier.crossings(run, key, x)
  local list = {}
  for i, b in ipairs(run) do
    local a = run[i - 1]
    if b.step ~= 0 and b[key] == x then
      list[#list + 1] = { from = b, to = b, share = 0.0 }
    elseif a and a.step ~= 0 and a[key] ~= x and covers(key, a[key], b[key], x) then
      list[#list + 1] = { from = a, to = b, share = (x - a[key]) / (b[key] - a[key]) }
    end
  end
  return list
end

--- The win rate at a crossing, linear between its checkpoints. `win(point)` is that of a point, `point.win`
-- unless given.
--
--   > frontier.at_crossing { from = { win = 0.4 }, to = { win = 0.6 }, share = 0.5 }
--   0.5
function frontier.at_crossing(crossing, win)
  win = win or win_of
  local from = win(crossing.from)
  return from + (win(crossing.to) - from) * crossing.share
end

--- The highest win rate of a run where its KL crosses `kl`, or nil if it does not, or if no checkpoint is
-- near.
--
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
  local best
  for _, crossing in ipairs(frontier.crossings(run, key, x)) do
    local value = frontier.at_crossing(crossing, win)
    if not best or value > best then best = value end
  end
  return best
end

--- The highest win rate of several runs at a KL, or nil if none crosses it.
--
--   > local long = { { step = 1, kl = 0, win = 0 }, { step = 2, kl = 2, win = 1 } }
--   > local short = { { step = 1, kl = 1, win = 0.9 } }
--   > frontier.best_at_kl({ long, short }, 1), frontier.best_at_kl({ long }, 1)
--   0.9	0.5
function frontier.best_at_kl(runs, kl, win)
  local best
  for _, run in ipairs(runs) do
    local value = frontier.at_kl(run, kl, win)
    if value and (not best or value > best) then best = value end
  end
  return best
end

--- The highest win rate of all points of several runs, its point, whether that is the last point of its run,
-- whose win rate was then still rising, and the run. Of equals it is the point with the lowest KL.
--
-- The maximum of noisy estimates is biased upwards, more with more points: compare peaks over equal numbers
-- of points.
--
--   > (frontier.peak { { { step = 1, kl = 1, win = 0.3 }, { step = 2, kl = 2, win = 0.7 } } })
--   0.7
function frontier.peak(runs, win)
  win = win or win_of
  local best, at, is_last, of
  for _, run in ipairs(runs) do
    for i, point in ipairs(run) do
      local value = win(point)
      if not best or value > best or value == best and point.kl < at.kl then
        best, at, is_last, of = value, point, i == #run, run
      end
    end
  end
  return best, at, is_last, of
end

--- Bootstrap draws for `interval` and `difference` of sides, { by_seed = }, made once for all of them.
-- Errors: points have no `wins`, or lists of different lengths; no run has a point.
--
--   > local seed = { { { step = 1, kl = 0, win = 1, wins = { 1, 1 } } } }
--   > local draws = frontier.resampling_of({ { by_seed = { seed } }, { by_seed = { seed, seed } } }, 9)
--   > draws.draws, draws.prompts, #draws.uniforms[1]
--   9	2	2
function frontier.resampling_of(sides, draws)
  local clusters, prompts = 0, nil
  for _, side in ipairs(sides) do
    clusters = math.max(clusters, #side.by_seed)
    frontier.each_point(side.by_seed, function(point)
      local count = type(point.wins) == "table" and #point.wins or 0
      prompts = prompts or count
      if count == 0 or count ~= prompts then
        error(("frontier: the point at step %s has %d outcomes `wins`, expected %s"):format(
          tostring(point.step), count, prompts > 0 and prompts or "one a prompt"), 4)
      end
    end)
  end
  if not prompts then error("frontier: no run has a point", 2) end
  return stats.resampling { prompts = prompts, clusters = clusters, draws = draws }
end

--- The same for the seeds of one side.
--
--   frontier.resampling(side.by_seed, 300)
function frontier.resampling(by_seed, draws)
  return frontier.resampling_of({ { by_seed = by_seed } }, draws)
end

--- The mean over repetitions of `measure(runs, win)` with its 95 % interval, as `bootstrap.interval` has it.
-- Seeds for which the measure is nil are left out. nil when none is left. It does not include the error of
-- the KL.
--
--   > local seed = { { { step = 1, kl = 0, win = 1, wins = { 1, 1 } } } }
--   > frontier.interval({ seed, seed }, frontier.peak).low
--   1.0
function frontier.interval(by_seed, measure, resampling, range)
  if #by_seed == 0 then return nil end
  return bootstrap.interval(by_seed, measure, resampling or frontier.resampling(by_seed), range)
end

--- The seeds of two or more sides that belong together, as items { first, second, ..., outer }: those of the
-- same repetition, in the order of its seeds. `outer` of a seed numbers its repetition, unless given its
-- place.
--
--   > local a, b = { { outer = 1 }, { outer = 2 }, { outer = 2 } }, { { outer = 2 } }
--   > #frontier.paired(a, b), frontier.paired(a, b)[1].outer
--   1	2
function frontier.paired(...)
  local by_place, places, sides = {}, {}, { ... }
  for s, by_seed in ipairs(sides) do
    local taken = {}
    for i, runs in ipairs(by_seed) do
      local outer = math.tointeger(runs.outer) or runs.outer or i
      taken[outer] = (taken[outer] or 0) + 1
      local place = ("%s %d"):format(outer, taken[outer])
      if s == 1 then by_place[place], places[i] = { outer = outer }, place end
      -- In order, so that a side without this seed leaves no hole: a later side's runs would lie beyond it.
      local item = by_place[place]
      if item and #item == s - 1 then item[s] = runs end
    end
  end
  local items = {}
  for _, place in ipairs(places) do
    if #by_place[place] == #sides then items[#items + 1] = by_place[place] end
  end
  return items
end

--- The items of `frontier.paired` by the number of their repetition: { [outer] = list }.
--
--   > local a, b = { { outer = 1 }, { outer = 1 } }, { { outer = 1 }, { outer = 1 } }
--   > #frontier.by_outer(a, b)[1]
--   2
function frontier.by_outer(...)
  local by_outer = {}
  for _, item in ipairs(frontier.paired(...)) do
    by_outer[item.outer] = by_outer[item.outer] or {}
    table.insert(by_outer[item.outer], item)
  end
  return by_outer
end

--- `frontier.interval` for the measure of one side less that of another, in pairs and on the same prompts. A
-- measure is given the other side's runs as a third argument.
--
--   > local function point(step, kl, win) return { step = step, kl = kl, win = win, wins = { win, win } } end
--   > local function side(win) return { { { point(1, 1, win), point(2, 3, win) } } } end
--   > local draws = frontier.resampling(side(0.6), 20)
--   > local function measure(runs, win) return frontier.best_at_kl(runs, 2, win) end
--   > frontier.difference(side(0.6), side(0.5), measure, draws).mean
--   0.1
function frontier.difference(first, second, measure, resampling, range)
  local both = frontier.paired(first, second)
  if #both == 0 then return nil end
  return bootstrap.interval(both, function(pair, win)
    local a, b = measure(pair[1], win, pair[2]), measure(pair[2], win, pair[1])
    return a and b and a - b or nil
  end, resampling or frontier.resampling_of { { by_seed = first }, { by_seed = second } }, range)
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

--- The KLs at which every seed of a side has a win rate, with the mean over repetitions and half the width of
-- its 95 % interval by Student's t: a list of { kl, win, half, gap } in order of KL, `count` of them between
-- the lowest and the highest checkpoint.
--
-- With one repetition `half` is that of the win rate over prompts, where the points have its standard error
-- `se`: the largest of the crossings. `gap` is true where KLs between an entry and the one before were left
-- out.
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
  for i = 1, low < high and count or 0 do
    -- The last is the highest itself: the sum may round to a KL above it, which no run has.
    local kl = i < count and low + (high - low) * (i - 1) / (count - 1) or high
    local seeds, wins = 0, bootstrap.by_repetition(by_seed, function(runs)
      return frontier.best_at_kl(runs, kl)
    end)
    for _, runs in ipairs(by_seed) do seeds = seeds + (frontier.best_at_kl(runs, kl) and 1 or 0) end
    if seeds == #by_seed then
      local figure = stats.summary(wins)
      local half = #wins > 1 and student.quantile(0.975, #wins - 1) * figure.se
        or 1.96 * frontier.best_at_kl(by_seed[1], kl, function(p) return p.se or 0 end)
      curve[#curve + 1] = { kl = kl, win = figure.mean, half = half, gap = last and last < i - 1 }
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
