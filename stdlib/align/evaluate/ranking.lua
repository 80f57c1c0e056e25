--- Many sides in the order of their win rate at one KL.
local frontier = require "perilune.align.evaluate.frontier"
local grid = require "perilune.align.evaluate.grid"
local measures = require "perilune.align.compare.measures"
local options = require "perilune.options"
local reading = require "perilune.align.compare.sides"

local ranking = {}

local function check(sides)
  local function refuse(message, ...) error("evaluate.ranking.of: " .. message:format(...), 4) end
  if type(sides) ~= "table" or #sides == 0 then
    refuse("expected a list of sides { label, by_seed }, got %s", options.show(sides))
  end
  for i, side in ipairs(sides) do
    if type(side) ~= "table" then
      refuse("side %d is %s, expected { label, by_seed }", i, options.show(side))
    elseif type(side.by_seed) ~= "table" or #side.by_seed == 0 then
      refuse("side %d has by_seed = %s, expected a list of seeds", i, options.show(side.by_seed))
    end
  end
end

--- How many sides have a win rate at a KL, each in every seed.
local function reached(sides, kl)
  local count = 0
  for _, side in ipairs(sides) do
    local all = true
    for _, runs in ipairs(side.by_seed) do all = all and frontier.best_at_kl(runs, kl) ~= nil end
    if all then count = count + 1 end
  end
  return count
end

--- At most four KLs of the grid that a third of the sides reach, and the one by which sides are ordered: the
-- largest that two thirds reach.
local function kls_of(sides)
  local kls, by = {}, nil
  for _, kl in ipairs(grid.kls) do
    local count = reached(sides, kl)
    if count * 3 >= #sides then kls[#kls + 1] = kl end
    if count * 3 >= 2 * #sides then by = kl end
  end
  local few, has_it = {}, false
  for i = 1, math.min(4, #kls) do
    few[i] = kls[#kls <= 4 and i or 1 + math.floor((i - 1) * (#kls - 1) / 3 + 0.5)]
    has_it = has_it or few[i] == by
  end
  if by and not has_it then
    few[#few + 1] = by
    table.sort(few)
  end
  return few, by
end

--- The last points of the runs of a side, means over seeds: KL and win rate.
local function ends(side)
  local kl, win, count = 0.0, 0.0, 0
  for _, runs in ipairs(side.by_seed) do
    for _, run in ipairs(runs) do
      kl, win, count = kl + run[#run].kl, win + run[#run].win, count + 1
    end
  end
  return kl / count, win / count
end

--- The sides in order: { kl, kls, rows }, a row { label, at, peak, kl, win } with the intervals `at` each of
-- `kls` (false where a side does not reach it), that of the peak (none with one prompt: its checkpoint is
-- chosen on one half of them), and the means at the end of the runs. A side that does not reach `kl`, the KL
-- of the order, comes last. Errors: there are no sides; a side has no seeds.
--
--   > local ranking = require "perilune.align.evaluate.ranking"
--   > local function point(step, kl, win) return { step = step, kl = kl, win = win, wins = { win, win } } end
--   > local function side(label, win)
--   >>   return { label = label, by_seed = { { { point(1, 1, win), point(2, 3, win) } } } } end
--   > local ranked = ranking.of { side("online", 0.7), side("offline", 0.6) }
--   > ranked.rows[1].label, ranked.kl
--   online	3
--   > ranking.of(side("online", 0.7))
--   evaluate.ranking.of: expected a list of sides { label, by_seed }, got a table
function ranking.of(sides)
  check(sides)
  local kls, by = kls_of(sides)
  local resampling, rows = frontier.resampling_of(sides), {}
  local divided = resampling.prompts > 1 and reading.read(sides, 1, "evaluate.ranking.of")
  local halved = divided and resampling:halved()
  for i, side in ipairs(sides) do
    local row = { label = side.label, at = {}, place = i }
    for k, kl in ipairs(kls) do
      row.at[k] = frontier.interval(side.by_seed, function(runs, win)
        return frontier.best_at_kl(runs, kl, win)
      end, resampling) or false
      if kl == by then row.key = row.at[k] and row.at[k].mean end
    end
    row.peak = divided and frontier.interval(divided[i].by_seed, measures.peak, halved)
    row.kl, row.win = ends(side)
    rows[i] = row
  end
  table.sort(rows, function(a, b)
    local x, y = a.key or -1, b.key or -1
    if x ~= y then return x > y end
    return a.place < b.place
  end)
  return { kl = by, kls = kls, rows = rows }
end

return options.strict("align.evaluate.ranking", ranking)
