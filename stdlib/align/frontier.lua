--- Win rate against KL: what a set of runs reaches at equal divergence, with intervals.
--
-- A run is a list of points { kl, win, wins }, in the order of its steps, where `wins` holds the outcome of each prompt.
-- Between points the win rate is interpolated linearly in KL, at the first crossing.
local system = require "perilune.system"

local frontier = {}

local function mean_of(wins, chosen)
  local sum = 0.0
  if chosen then
    for _, i in ipairs(chosen) do sum = sum + wins[i] end
    return sum / #chosen
  end
  for _, x in ipairs(wins) do sum = sum + x end
  return sum / #wins
end

--- The win rate of a run where its KL first reaches `kl`, or nil if it never does. `chosen` lists prompts to count.
--
--   > local frontier = require "perilune.align.frontier"
--   > frontier.at_kl({ { kl = 0, wins = { 0 } }, { kl = 2, wins = { 1 } } }, 1)
--   0.5
function frontier.at_kl(run, kl, chosen)
  for i = 2, #run do
    local a, b = run[i - 1], run[i]
    if a.kl <= kl and kl <= b.kl then
      local part = b.kl > a.kl and (kl - a.kl) / (b.kl - a.kl) or 0
      return mean_of(a.wins, chosen) * (1 - part) + mean_of(b.wins, chosen) * part
    end
  end
end

--- The best win rate of several runs at a KL, or nil: pooled over settings, as the paper pools offline runs.
--
--   > local low, high = { { kl = 0, wins = { 0 } }, { kl = 2, wins = { 1 } } }, { { kl = 0, wins = { 1 } }, { kl = 2, wins = { 1 } } }
--   > frontier.best_at_kl({ low, high }, 1)
--   1.0
function frontier.best_at_kl(runs, kl, chosen)
  local best
  for _, run in ipairs(runs) do
    local win = frontier.at_kl(run, kl, chosen)
    if win and (not best or win > best) then best = win end
  end
  return best
end

--- The highest win rate on any point of several runs. The largest of noisy figures is too high on average, and the more
-- so the more points there are: compare peaks of equally many. `chosen`
-- lists prompts to count.
--
--   > frontier.peak { { { kl = 0, wins = { 0, 1 } }, { kl = 2, wins = { 1, 1 } } } }
--   1.0
function frontier.peak(runs, chosen)
  local best
  for _, run in ipairs(runs) do
    for _, point in ipairs(run) do
      local win = mean_of(point.wins, chosen)
      if not best or win > best then best = win end
    end
  end
  return best
end

--- What `interval` and `difference` share: mean and interval of `measure(item, chosen_prompts)`, an item a seed.
local function bootstrap(items, measure, prompts, draws)
  local kept, sum = {}, 0.0
  for _, item in ipairs(items) do
    local value = measure(item)
    if value then
      kept[#kept + 1] = item
      sum = sum + value
    end
  end
  if #kept == 0 then return nil end
  local means = {}
  for draw = 1, draws or 300 do
    local chosen = {}
    for i = 1, prompts do chosen[i] = 1 + math.floor(system.uniform(draw, "bootstrap/prompts", i) * prompts) end
    local total, count = 0.0, 0
    for i = 1, #kept do
      local value = measure(kept[1 + math.floor(system.uniform(draw, "bootstrap/seeds", i) * #kept)], chosen)
      if value then total, count = total + value, count + 1 end
    end
    if count > 0 then means[#means + 1] = total / count end
  end
  table.sort(means)
  local function percentile(p) return means[math.max(1, math.min(#means, math.floor(p * #means + 0.5)))] end
  return { mean = sum / #kept, low = percentile(0.025), high = percentile(0.975), seeds = #kept }
end

local function prompts_of(by_seed) return #by_seed[1][1][1].wins end

--- The mean over seeds of `measure(runs_of_a_seed, chosen_prompts)` with a 95 % interval by the bootstrap: seeds and
-- prompts are drawn with replacement, together, `draws` times (Efron and Tibshirani 1993, ch. 13: percentiles).
--
-- Seeds for which the measure is nil are left out; `seeds` counts the rest. nil when none is left. Of n seeds the
-- bootstrap sees a share (n - 1) / n of the variance between seeds, so with two or three the interval is too narrow.
-- `draws` is 300 unless given. Gives { mean, low, high, seeds }.
--
--   > local seed = { { { kl = 0, wins = { 1, 1 } } } }
--   > frontier.interval({ seed, seed }, frontier.peak).low
--   1.0
function frontier.interval(by_seed, measure, draws)
  if #by_seed == 0 then return nil end
  return bootstrap(by_seed, measure, prompts_of(by_seed), draws)
end

--- The same for the measure of one side less that of another, seed by seed and on the same prompts.
function frontier.difference(first, second, measure, draws)
  local both = {}
  for seed = 1, math.min(#first, #second) do both[seed] = { first[seed], second[seed] } end
  if #both == 0 then return nil end
  return bootstrap(both, function(pair, chosen)
    local a, b = measure(pair[1], chosen), measure(pair[2], chosen)
    return a and b and a - b or nil
  end, prompts_of(first), draws)
end

return require "perilune.options".strict("align.frontier", frontier)
