--- The figures beside a curve: length, errors, the proxy's own win rate and the like, by KL.
--
-- Runs are measured where their KL has moved, each at steps of its own, so the same checkpoint of two runs is
-- at other KLs. A row is therefore a KL of the table of win rates. By the rules of `evaluate.frontier` a
-- figure is linear in KL between two checkpoints, and missing where none is near; of several crossings that
-- with the highest win rate counts, whose win rate the curve has. Figures are means over the seeds of a
-- repetition, and then over the repetitions that have them.
local bootstrap = require "perilune.align.evaluate.bootstrap"
local frontier = require "perilune.align.evaluate.frontier"
local grid = require "perilune.align.evaluate.grid"
local options = require "perilune.options"
local stats = require "perilune.align.evaluate.stats"

local checkpoints = {}

--- The settings of a side in the order of their first run: a list of { name, runs }, a run { points, outer }.
local function by_setting(side)
  local list, of = {}, {}
  for seed, runs in ipairs(side.by_seed) do
    for _, points in ipairs(runs) do
      local name = points.setting or ""
      if not of[name] then
        of[name] = { name = name, runs = {} }
        list[#list + 1] = of[name]
      end
      table.insert(of[name].runs, { points = points, outer = runs.outer or seed })
    end
  end
  return list
end

--- The crossing of a KL with the highest win rate, or nil.
local function crossing_of(points, kl)
  local best, found
  for _, crossing in ipairs(frontier.crossings(points, "kl", kl)) do
    local win = frontier.at_crossing(crossing)
    if not best or win > best then best, found = win, crossing end
  end
  return found
end

--- A place of a run as { of, outer }: `of(field)` is a figure there, where `field(point)` gives that of a
-- point, or nil.
local function at_point(run, point)
  return point and { outer = run.outer, of = function(field) return field(point) end }
end

local function at_kl(run, kl)
  local crossing = crossing_of(run.points, kl)
  return crossing and { outer = run.outer, of = function(field)
    local from, to = field(crossing.from), field(crossing.to)
    return from and to and frontier.at_crossing(crossing, field) or nil
  end }
end

--- The places of the start, where a run has it, and of its last checkpoint.
local function start_of(run) return run.points[1].step == 0 and at_point(run, run.points[1]) end
local function end_of(run) return at_point(run, run.points[#run.points]) end

--- The rows of a setting, { name, places }, the places of those runs that have one: the start, the KLs, the
-- end.
local function rows_of(runs)
  local rows = {}
  local function add(name, place_of)
    local places = {}
    for _, run in ipairs(runs) do places[#places + 1] = place_of(run) or nil end
    if #places > 0 then rows[#rows + 1] = { name = name, places = places } end
  end
  add("start", start_of)
  for _, kl in ipairs(grid.kls) do
    add(("KL %g"):format(kl), function(run) return at_kl(run, kl) end)
  end
  add("end", end_of)
  return rows
end

--- The mean of a figure over the places of a row, or nil where a place lacks it.
local function mean_of(places, field)
  for _, place in ipairs(places) do
    if not place.of(field) then return nil end
  end
  return stats.summary(bootstrap.by_repetition(places, function(place) return place.of(field) end)).mean
end

local function named(name) return function(point) return point[name] end end

-- The columns: heading, format, and the field of a point. `errors` is of what the task's gold sees.
local columns <const> = {
  { "step", "%.0f", named "step" }, { "KL", "%.2f", named "kl" }, { "SE of KL", "%.2f", named "kl_se" },
  { "win rate", "%.3f", named "win" }, { "at equal length", "%.3f", named "win_at_equal_length" },
  { "proxy's win rate", "%.3f", named "proxy_win" }, { "proxy's accuracy", "%.3f", named "proxy_accuracy" },
  { "entropy", "%.1f", named "entropy" }, { "tokens", "%.1f", named "length" },
  { "unfinished", "%.2f", named "unfinished" }, { "distinct", "%.2f", named "distinct" },
  { "errors of text", "%.2f", function(point) return (point.parts or {}).errors end },
}

-- What the columns are, where their headings do not say it.
checkpoints.columns_are = "The proxy's accuracy is its agreement with the judge on fresh pairs; \"at equal "
  .. "length\" is the win rate without what goes with length, by a line, which leaves 0 to 1 where nearly "
  .. "all responses are shorter than those they are compared with, or longer, \"unfinished\" the share of "
  .. "responses without an end, \"distinct\" that of different ones; errors of text are those of a response. "
  .. "\"-\" stands where a run has no such figure."

--- Adds the figures of these columns at some places to the cells of a row.
local function add_figures(cells, places, shown)
  for _, column in ipairs(shown) do
    local mean = mean_of(places, column[3])
    cells[#cells + 1] = mean and column[2]:format(mean) or "-"
  end
end

--- Header and rows of the figures of a side: a row for each setting and place.
--
--   > local checkpoints = require "perilune.align.evaluate.checkpoints"
--   > local function point(step, kl, length) return { step = step, kl = kl, win = 0.5, length = length } end
--   > local run = { point(0, 0, 10), point(10, 1, 20), point(20, 3, 40) }
--   > local side = { label = "online", by_seed = { { run } } }
--   > local header, rows = checkpoints.of(side)
--   > header[2], header[12], rows[3][2], rows[3][12]
--   at	tokens	KL 2	30.0
function checkpoints.of(side)
  local header, rows = { "setting", "at", "repetitions" }, {}
  for _, column in ipairs(columns) do header[#header + 1] = column[1] end
  for _, setting in ipairs(by_setting(side)) do
    local all = bootstrap.repetitions(setting.runs)
    for _, row in ipairs(rows_of(setting.runs)) do
      local cells = { setting.name, row.name, ("%d of %d"):format(bootstrap.repetitions(row.places), all) }
      add_figures(cells, row.places, columns)
      rows[#rows + 1] = cells
    end
  end
  return header, rows
end

-- The KLs of the short table, and what it leaves out.
local few <const> = { 1, 2, 4, 6, 8, 10, 16, 24, 32 }
local left_out <const> = { ["step"] = true, ["KL"] = true, ["SE of KL"] = true, ["entropy"] = true }

--- The places of the seeds of a side by `place_of(run)`: in each that of the run with the highest win rate
-- there, as the curve of a pooled side has it.
local function best_places(side, place_of)
  local places = {}
  for seed, runs in ipairs(side.by_seed) do
    local best, found
    for _, points in ipairs(runs) do
      local place = place_of { points = points, outer = runs.outer or seed }
      local win = place and place.of(named "win")
      if win and (not best or win > best) then best, found = win, place end
    end
    places[#places + 1] = found
  end
  return places
end

--- Header and rows of the figures beside the curves of all sides, at the start, a few KLs and the end, which
-- has the mean of its KLs: in each seed those of the run that has the highest win rate there.
--
--   > local function at_kl(kl, length) return { step = kl, kl = kl, win = 0.5, length = length } end
--   > local pooled = { label = "online", by_seed = { { { at_kl(1, 20), at_kl(3, 40) } } } }
--   > local at, along = checkpoints.along { pooled }
--   > table.concat(at, ", ", 1, 4), #along
--   side, KL, repetitions, win rate	3
--   > table.concat(along[2], " ", 1, 4), along[2][8], along[3][2]
--   online 2 1 of 1 0.500	30.0	end, 3.0
function checkpoints.along(sides)
  local header, rows, shown = { "side", "KL", "repetitions" }, {}, {}
  for _, column in ipairs(columns) do
    if not left_out[column[1]] then header[#header + 1], shown[#shown + 1] = column[1], column end
  end
  for _, side in ipairs(sides) do
    local function add(place_of, name)
      local places = best_places(side, place_of)
      if #places == 0 then return end
      local cells = { side.label, name or ("end, %.1f"):format(mean_of(places, named "kl")),
        ("%d of %d"):format(bootstrap.repetitions(places), bootstrap.repetitions(side.by_seed)) }
      add_figures(cells, places, shown)
      rows[#rows + 1] = cells
    end
    add(start_of, "start")
    for _, kl in ipairs(few) do
      add(function(run) return at_kl(run, kl) end, ("%g"):format(kl))
    end
    add(end_of)
  end
  return header, rows
end

--- The names of the figures of instruments that some points of a setting have, sorted.
local function instruments_of(runs)
  local names, seen = {}, {}
  for _, run in ipairs(runs) do
    for _, point in ipairs(run.points) do
      for name in pairs(point.instruments or {}) do
        if not seen[name] then names[#names + 1], seen[name] = name, true end
      end
    end
  end
  table.sort(names)
  return names
end

--- The field of a point that an instrument measured: its sum over its count.
local function measured(name)
  return function(point)
    local figure = (point.instruments or {})[name]
    return figure and figure.count > 0 and figure.sum / figure.count or nil
  end
end

--- The figures of the instruments of a side: a list of { setting, header, rows }, a row a figure, a column a
-- place.
--
--   > local function unseen(step, kl, sum)
--   >>   local figures = { ["mass/unseen"] = { sum = sum, count = 4 } }
--   >>   return { step = step, kl = kl, win = 0.5, instruments = figures }
--   >> end
--   > local checkpoints = require "perilune.align.evaluate.checkpoints"
--   > local side = { label = "online", by_seed = { { { unseen(10, 1, 1), unseen(20, 3, 3) } } } }
--   > local made = checkpoints.instruments(side)[1]
--   > table.concat(made.header, " | "), table.concat(made.rows[1], " | ")
--   figure | KL 1 | KL 2 | KL 3 | end	mass/unseen | 0.25 | 0.5 | 0.75 | 0.75
function checkpoints.instruments(side)
  local list = {}
  for _, setting in ipairs(by_setting(side)) do
    local names, header, rows = instruments_of(setting.runs), { "figure" }, {}
    for i, name in ipairs(names) do rows[i] = { name } end
    for _, place in ipairs(#names > 0 and rows_of(setting.runs) or {}) do
      local cells, is_there = {}, false
      for i, name in ipairs(names) do
        local mean = mean_of(place.places, measured(name))
        cells[i], is_there = mean and ("%.4g"):format(mean) or "-", is_there or mean ~= nil
      end
      if is_there then
        header[#header + 1] = place.name
        for i, row in ipairs(rows) do row[#row + 1] = cells[i] end
      end
    end
    if #rows > 0 then list[#list + 1] = { setting = setting.name, header = header, rows = rows } end
  end
  return list
end

return options.strict("align.evaluate.checkpoints", checkpoints)
