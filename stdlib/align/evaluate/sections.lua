--- Sections of a report: the figures beside each curve, jumps of the KL, samples, settings, points.
local frontier = require "perilune.align.evaluate.frontier"
local options = require "perilune.options"
local plot = require "perilune.plot"
local stats = require "perilune.align.evaluate.stats"

local sections = {}

local function number(format, value) return value and format:format(value) or "-" end

--- The settings of a side in the order of their first run, each with its runs, one a seed.
local function by_setting(side)
  local order, runs_of = {}, {}
  for _, runs in ipairs(side.by_seed) do
    for _, run in ipairs(runs) do
      local name = run.setting or ""
      if not runs_of[name] then
        runs_of[name] = {}
        order[#order + 1] = name
      end
      table.insert(runs_of[name], run)
    end
  end
  return order, runs_of
end

--- One line for every jump of the KL between neighbouring checkpoints.
function sections.jumps(sides)
  local lines = {}
  for _, side in ipairs(sides) do
    for seed, runs in ipairs(side.by_seed) do
      for _, run in ipairs(runs) do
        for _, jump in ipairs(frontier.jumps(run)) do
          lines[#lines + 1] = ("%s, seed %d%s: KL %.1f at step %d, %.1f at step %d"):format(side.label, seed,
            run.setting and ", " .. run.setting or "", jump.from.kl, jump.from.step, jump.to.kl, jump.to.step)
        end
      end
    end
  end
  return lines
end

--- The mean over seeds of a field of the points of one step, or nil if a point lacks it. `errors` is of what
-- the task's gold sees.
local function mean_of(points, key)
  local values = {}
  for i, point in ipairs(points) do
    values[i] = key == "errors" and (point.parts or {}).errors or point[key]
  end
  return #values == #points and stats.summary(values).mean or nil
end

--- A row a setting and checkpoint: the figures other than the win rate, means over seeds.
local function checkpoints_of(side)
  local rows = {}
  local order, runs_of = by_setting(side)
  for _, setting in ipairs(order) do
    local runs = runs_of[setting]
    for i = 1, #runs[1] do
      local points = {}
      for _, run in ipairs(runs) do points[#points + 1] = run[i] end
      if #points == #runs then
        rows[#rows + 1] = {
          setting, points[1].step, number("%.2f", mean_of(points, "kl")),
            number("%.2f", mean_of(points, "kl_se")),
          number("%.3f", mean_of(points, "win")), number("%.3f", mean_of(points, "proxy_win")),
          number("%.3f", mean_of(points, "proxy_accuracy")), number("%.1f", mean_of(points, "entropy")),
          number("%.1f", mean_of(points, "length")), number("%.2f", mean_of(points, "unfinished")),
          number("%.2f", mean_of(points, "errors")),
        }
      end
    end
  end
  return rows
end

local columns <const> = {
  "setting", "step", "KL", "SE of KL", "win rate", "proxy's win rate", "proxy's accuracy", "entropy",
    "tokens", "unfinished", "errors of text",
}

--- The proxy's own win rate against KL, where the points of at most six sides have it: its rise over a fall
-- of the judge's is over-optimisation. nil else.
--
--   > local point = { step = 1, kl = 1, win = 0.5, proxy_win = 0.6 }
--   > local side = { label = "online", by_seed = { { { point } } } }
--   > sections.proxy_figure { side } ~= nil
--   true
--   > point.proxy_win = nil
--   > sections.proxy_figure { side }
--   nil
function sections.proxy_figure(sides)
  if #sides > 6 then return nil end
  local curves = { title = "The proxy's own win rate", ylabel = "win rate by the proxy" }
  for i, side in ipairs(sides) do
    local by_seed = {}
    for s, runs in ipairs(side.by_seed) do
      by_seed[s] = {}
      for r, run in ipairs(runs) do
        by_seed[s][r] = {}
        for p, point in ipairs(run) do
          if not point.proxy_win then return nil end
          by_seed[s][r][p] = { step = point.step, kl = point.kl, win = point.proxy_win }
        end
      end
    end
    curves[i] = { label = side.label, by_seed = by_seed }
  end
  return plot.frontier(curves)
end

--- The names of the figures of instruments that all of some points have, sorted.
local function figures_of(points)
  local names = {}
  for name in pairs(points[1].instruments or {}) do
    local count = 0
    for _, point in ipairs(points) do count = count + ((point.instruments or {})[name] and 1 or 0) end
    if count == #points then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

--- The mean of a figure over several points: its sums over its counts.
local function pooled(points, name)
  local sum, count = 0.0, 0
  for _, point in ipairs(points) do
    local figure = point.instruments[name]
    sum, count = sum + figure.sum, count + figure.count
  end
  return sum / count
end

--- A table of a setting of a side: a row a figure, a column a checkpoint after the start.
local function instruments_of(runs)
  local steps, rows, by_name = {}, {}, {}
  for i = 1, #runs[1] do
    local points = {}
    for k, run in ipairs(runs) do points[k] = run[i] end
    for _, name in ipairs(#points == #runs and figures_of(points) or {}) do
      if steps[#steps] ~= points[1].step then steps[#steps + 1] = points[1].step end
      if not by_name[name] then
        by_name[name] = { name }
        rows[#rows + 1] = by_name[name]
      end
      by_name[name][#steps + 1] = ("%.4g"):format(pooled(points, name))
    end
  end
  for _, row in ipairs(rows) do
    for column = 2, #steps + 1 do row[column] = row[column] or "-" end
  end
  table.sort(rows, function(a, b) return a[1] < b[1] end)
  return steps, rows
end

--- Adds the figures of the instruments at every checkpoint, of all seeds.
function sections.add_instruments(page, sides)
  for i, side in ipairs(sides) do
    local order, runs_of = by_setting(side)
    for _, setting in ipairs(order) do
      local steps, rows = instruments_of(runs_of[setting])
      if #rows > 0 then
        if i == 1 and setting == order[1] then
          page:heading "Instruments"
          page:text "Sums over counts, over all seeds; help \"align.instruments\" says what each figure is."
        end
        local header = { "figure" }
        for _, step in ipairs(steps) do header[#header + 1] = ("step %d"):format(step) end
        local caption = setting ~= "" and ("%s, %s"):format(side.label, setting) or side.label
        page:table { header = header, rows = rows, caption = caption }
      end
    end
  end
end

local function add_samples(page, side)
  local _, point = frontier.peak(side.by_seed[1])
  if not point.samples or #point.samples == 0 then return end
  page:text(("%s, at the peak of seed 1 (step %d, KL %.1f):"):format(side.label, point.step, point.kl))
  if point.shown then return page:show(point.shown) end
  for _, sample in ipairs(point.samples) do page:output(sample[1] .. " | " .. sample[2]) end
end

--- Adds the figures beside each curve, the jumps and samples of text to a page.
function sections.add(page, sides, jumps)
  local figure = sections.proxy_figure(sides)
  if figure then page:figure(
    figure, "The same checkpoints, judged by the proxy that labels online responses.") end
  page:heading "Jumps of the KL"
  if #jumps == 0 then
    page:text "No two neighbouring checkpoints where the KL doubles or halves by 4 nats or more."
  end
  for _, line in ipairs(jumps) do page:text(line) end
  page:heading "Checkpoints"
  page:text "Means over seeds. The proxy's accuracy is its agreement with the judge on fresh pairs."
  for _, side in ipairs(sides) do
    page:table { header = columns, rows = checkpoints_of(side), caption = side.label }
  end
  sections.add_instruments(page, sides)
  page:heading "Samples of text"
  for _, side in ipairs(sides) do add_samples(page, side) end
end

--- Rows { name, value } of a table of settings, in the order of the names.
function sections.settings(settings)
  local names, rows = {}, {}
  for name in pairs(settings) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do rows[i] = { name, tostring(settings[name]) } end
  return rows
end

--- The columns of `sections.points`.
sections.columns = {
  "side", "seed", "run", "setting", "step", "labels", "tokens", "kl", "kl_se", "win", "se", "entropy",
  "length", "unfinished", "proxy_win", "proxy_accuracy", "prompts",
}

--- Calls `each(point, of_run)` for all points; `of_run` makes a record of side, seed, run and setting.
local function each_point(sides, each)
  for _, side in ipairs(sides) do
    frontier.each_point(side.by_seed, function(point, place)
      each(point, function()
        return { side = side.label, seed = place.seed, run = place.run, setting = place.setting }
      end)
    end)
  end
end

--- All points as records with these columns.
function sections.points(sides)
  local records = {}
  each_point(sides, function(point, of_run)
    local record = of_run()
    record.prompts = #point.wins
    for _, name in ipairs(sections.columns) do
      local value = point[name]
      if math.type(value) == "float" then value = ("%.6f"):format(value) end
      record[name] = record[name] or value
    end
    records[#records + 1] = record
  end)
  return records
end

--- The figures of the instruments as records, one each: side, seed, run, setting, step, figure, and its sum
-- and count.
function sections.instruments(sides)
  local records = {}
  each_point(sides, function(point, of_run)
    for _, name in ipairs(figures_of { point }) do
      local record, figure = of_run(), point.instruments[name]
      record.step, record.figure = point.step, name
      record.sum, record.count = ("%.9g"):format(figure.sum), figure.count
      records[#records + 1] = record
    end
  end)
  return records
end

return options.strict("align.evaluate.sections", sections)
