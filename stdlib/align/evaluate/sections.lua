--- Sections of a report: the figures beside each curve, jumps of the KL, samples, settings, points.
local checkpoints = require "perilune.align.evaluate.checkpoints"
local frontier = require "perilune.align.evaluate.frontier"
local options = require "perilune.options"
local panels = require "perilune.align.evaluate.panels"

local sections = {}

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

--- A side as the proxy judges it, or nil where one of its points has no win rate of the proxy.
local function by_proxy(side)
  local by_seed = {}
  for s, runs in ipairs(side.by_seed) do
    by_seed[s] = { outer = runs.outer }
    for r, run in ipairs(runs) do
      by_seed[s][r] = {}
      for p, point in ipairs(run) do
        if not point.proxy_win then return nil end
        by_seed[s][r][p] = { step = point.step, kl = point.kl, win = point.proxy_win }
      end
    end
  end
  return { label = side.label, panel = side.panel, by_seed = by_seed }
end

--- The figures of the proxy's own win rate against KL, a panel each: its rise over a fall of the judge's is
-- over-optimisation. Sides whose points do not have it are left out.
--
--   > local sections = require "perilune.align.evaluate.sections"
--   > local point = { step = 1, kl = 1, win = 0.5, proxy_win = 0.6 }
--   > local side = { label = "online", by_seed = { { { point } } } }
--   > #sections.proxy_figures { side }
--   1
--   > point.proxy_win = nil
--   > #sections.proxy_figures { side }
--   0
function sections.proxy_figures(sides)
  local judged = {}
  for _, side in ipairs(sides) do judged[#judged + 1] = by_proxy(side) end
  if #judged == 0 then return {} end
  return panels.figures(judged, { title = "The proxy's own win rate", ylabel = "win rate by the proxy" })
end

--- Adds the figures of the instruments at the same places, of all sides.
local function add_instruments(page, sides)
  local has_heading = false
  for _, side in ipairs(sides) do
    for _, made in ipairs(checkpoints.instruments(side)) do
      if not has_heading then
        page:heading "Instruments"
        page:text "Sums over counts, by the same rules; help \"align.instruments\" says what each figure is."
        has_heading = true
      end
      local caption = made.setting ~= "" and ("%s, %s"):format(side.label, made.setting) or side.label
      page:table { header = made.header, rows = made.rows, caption = caption }
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

-- What a row of the tables beside the curves is.
local rows_are <const> = "A row is a KL from the start: each run's figures are linear in KL between its two "
  .. "checkpoints around it, and means are over the repetitions that were measured near it, so many of all. "
  .. "\"end\" is the last checkpoint of each run, at a KL of its own. " .. checkpoints.columns_are

--- Adds the figures beside each curve, the jumps and samples of text to a page. `of_proxy` are the figures of
-- `sections.proxy_figures`.
function sections.add(page, sides, jumps, of_proxy)
  panels.add(page, of_proxy, "The same checkpoints, judged by the proxy that labels online responses.")
  page:heading "Jumps of the KL"
  if #jumps == 0 then
    page:text "No two neighbouring checkpoints where the KL doubles or halves by 4 nats or more."
  end
  for _, line in ipairs(jumps) do page:text(line) end
  page:heading "Beside the curves"
  page:text(rows_are)
  for _, side in ipairs(sides) do
    local header, rows = checkpoints.of(side)
    page:table { header = header, rows = rows, caption = side.label }
  end
  add_instruments(page, sides)
  page:heading "Samples of text"
  for _, side in ipairs(sides) do add_samples(page, side) end
end

--- Rows { name, value } of a table of settings, in the order of the names.
function sections.settings(settings)
  local rows = {}
  for name, value in pairs(settings) do rows[#rows + 1] = { tostring(name), tostring(value) } end
  table.sort(rows, function(a, b) return a[1] < b[1] end)
  return rows
end

--- The columns of `sections.points`.
sections.columns = {
  "side", "seed", "run", "setting", "step", "labels", "tokens", "kl", "kl_se", "win", "se", "entropy",
  "length", "unfinished", "distinct", "errors", "win_at_equal_length", "proxy_win", "proxy_accuracy",
  "prompts",
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
      if name == "errors" then value = (point.parts or {}).errors end
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
    local names = {}
    for name in pairs(point.instruments or {}) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do
      local record, figure = of_run(), point.instruments[name]
      record.step, record.figure = point.step, name
      record.sum, record.count = ("%.9g"):format(figure.sum), figure.count
      records[#records + 1] = record
    end
  end)
  return records
end

return options.strict("align.evaluate.sections", sections)
