--- The table of win rates of a report: peaks, win rates at equal KL, and differences from the first side.
local bootstrap = require "perilune.align.evaluate.bootstrap"
local frontier = require "perilune.align.evaluate.frontier"
local grid = require "perilune.align.evaluate.grid"
local measures = require "perilune.align.compare.measures"
local options = require "perilune.options"
local reading = require "perilune.align.compare.sides"

local win_table = {}

-- Sides that the table has side by side; of more it has a row a side.
local most <const> = 6

-- What win rates lie within, and their differences.
local rates <const>, differences <const> = { 0, 1 }, { -1, 1 }

--- A figure with its interval as text. Where not all repetitions have the figure it says how many do: those
-- that got so far are a selection. One of several has no interval, since it tells no spread.
local function shown(found, repetitions)
  if not found then return "-" end
  local mean, count = ("%.3f"):format(found.mean), #found.values
  local text = ("%s [%.3f, %.3f]"):format(mean, found.low, found.high)
  if count == repetitions then return text end
  return ("%s (%d of %d)"):format(count > 1 and text or mean, count, repetitions)
end

--- In how many seeds the peak of a side is the last point of its run, as a clause.
local function still_rising(side)
  local count = 0
  for _, runs in ipairs(side.by_seed) do
    local _, _, is_last = frontier.peak(runs)
    if is_last then count = count + 1 end
  end
  if count == 0 then return "" end
  return #side.by_seed == 1 and " still rising at the end"
    or (" still rising at the end (%d of %d)"):format(count, #side.by_seed)
end

--- What is measured, a list of { name, measure, mark }, the sides as the measures read them, and their draws.
-- With the outcomes of one prompt there are no halves of them: no peak, and the highest run counts at a KL.
local function measured(sides)
  local draws, list, read = frontier.resampling_of(sides), {}, sides
  local divided = draws.prompts > 1
  if divided then
    draws, read = draws:halved(), reading.read(sides, 1)
    list[1] = { name = "peak", measure = measures.peak, mark = still_rising }
  end
  for _, kl in ipairs(grid.shared(sides)) do
    list[#list + 1] = { name = ("KL %g"):format(kl), measure = divided and measures.at("kl", kl)
      or function(runs, win) return frontier.best_at_kl(runs, kl, win) end }
  end
  return list, read, draws
end

--- Rows as columns: { { a, b }, { c, d } } as { { a, c }, { b, d } }.
local function transposed(rows)
  local turned = {}
  for i, row in ipairs(rows) do
    for k, cell in ipairs(row) do
      turned[k] = turned[k] or {}
      turned[k][i] = cell
    end
  end
  return turned
end

--- Header and rows of the table. Up to six sides are columns, followed by their differences from the first;
-- more sides are rows, and so are the differences.
--
--   > local win_table = require "perilune.align.evaluate.win_table"
--   > local function point(step, kl, win) return { step = step, kl = kl, win = win, wins = { win, win } } end
--   > local function side(label, win)
--   >>   return { label = label, by_seed = { { { point(1, 1, win), point(2, 3, win) } } } }
--   >> end
--   > local header, rows = win_table.of { side("online", 0.75), side("offline", 0.5) }
--   > table.concat(header, " | ")
--   win rate at | online | offline | online - offline
--   > rows[2][1], rows[2][4]
--   KL 1	0.250 [0.250, 0.250]
function win_table.of(sides)
  local header = { "win rate at" }
  for _, side in ipairs(sides) do header[#header + 1] = side.label end
  for i = 2, #sides do header[#header + 1] = ("%s - %s"):format(sides[1].label, sides[i].label) end
  local list, read, draws = measured(sides)
  local table_of = { header }
  for _, one in ipairs(list) do
    local row, first = { one.name }, read[1].by_seed
    for i, side in ipairs(read) do
      row[#row + 1] = shown(frontier.interval(side.by_seed, one.measure, draws, rates),
        bootstrap.repetitions(side.by_seed)) .. (one.mark and one.mark(sides[i]) or "")
    end
    for i = 2, #read do
      row[#row + 1] = shown(frontier.difference(first, read[i].by_seed, one.measure, draws, differences),
        bootstrap.repetitions(frontier.paired(first, read[i].by_seed)))
    end
    table_of[#table_of + 1] = row
  end
  if #sides > most then table_of = transposed(table_of) end
  return table_of[1], table.move(table_of, 2, #table_of, 1, {})
end

--- What the intervals of the table are over, as a sentence.
--
--   > local run = { { step = 1, kl = 1, win = 0.5 } }
--   > require "perilune.align.evaluate.win_table".caption { { label = "online", by_seed = { { run } } } }
--   Means over repetitions. There is one: the 95 % intervals are over prompts alone.
function win_table.caption(sides)
  local repetitions, seeds = 0, 0
  for _, side in ipairs(sides) do
    repetitions = math.max(repetitions, bootstrap.repetitions(side.by_seed))
    seeds = math.max(seeds, #side.by_seed)
  end
  if repetitions == 1 then
    return ("Means over repetitions. There is one: the 95 %% intervals are over %s alone."):format(
      seeds == 1 and "prompts" or "its seeds and prompts")
  end
  return "Means over repetitions, 95 % intervals over repetitions, seeds and prompts; \"(4 of 5)\" is of the "
    .. "four that have the figure. Differences are of the repetitions where both sides have one."
end

return options.strict("align.evaluate.win_table", win_table)
