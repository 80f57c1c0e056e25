--- What a comparison of several sources of pairs is written as: a table, the frontier, an HTML report and the points.
--
-- A side is { label =, by_seed = } where by_seed[i] lists the runs of one seed, each a list of points
-- { step, kl, win, se, wins }. Win rates at equal KL are interpolated; intervals are 95 % by bootstrap over seeds and
-- prompts together (`align.frontier`).
local options = require "perilune.options"
local system = require "perilune.system"
local plot = require "perilune.plot"
local html = require "perilune.report"
local frontier = require "perilune.align.frontier"

local grid = { 0.25, 0.5, 1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 32 }

--- An interval as text, with the number of seeds it is of when that is not all of them.
--- An interval; where not all seeds have the figure, of how many it is: those that got so far are no fair sample.
local function shown(interval, seeds)
  if not interval then return "-" end
  local text = ("%.3f [%.3f, %.3f]"):format(interval.mean, interval.low, interval.high)
  return interval.seeds == seeds and text or ("%s (%d of %d)"):format(text, interval.seeds, seeds)
end

--- The KLs of the grid that at least two sides reach, each in some seed.
local function shared_kls(sides)
  local kls = {}
  for _, kl in ipairs(grid) do
    local reached = 0
    for _, side in ipairs(sides) do
      for _, runs in ipairs(side.by_seed) do
        if frontier.best_at_kl(runs, kl) then
          reached = reached + 1
          break
        end
      end
    end
    if reached >= math.min(2, #sides) then kls[#kls + 1] = kl end
  end
  return kls
end

--- Rows of the table: the peak of each side, its win rate at each shared KL, and the difference from the first side.
local function rows_of(sides)
  local rows = {}
  local function add(name, measure)
    local row = { name }
    for _, side in ipairs(sides) do row[#row + 1] = shown(frontier.interval(side.by_seed, measure), #side.by_seed) end
    local first = sides[1].by_seed
    for i = 2, #sides do
      local other = sides[i].by_seed
      row[#row + 1] = shown(frontier.difference(first, other, measure), math.min(#first, #other))
    end
    rows[#rows + 1] = row
  end
  add("peak", frontier.peak)
  for _, kl in ipairs(shared_kls(sides)) do
    add(("KL %g"):format(kl), function(runs, chosen) return frontier.best_at_kl(runs, kl, chosen) end)
  end
  return rows
end

local function header_of(sides)
  local header = { "win rate at" }
  for _, side in ipairs(sides) do header[#header + 1] = side.label end
  for i = 2, #sides do header[#header + 1] = ("%s - %s"):format(sides[1].label, sides[i].label) end
  return header
end

local function text_table(header, rows)
  local widths, lines = {}, {}
  for _, row in ipairs { header, table.unpack(rows) } do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, #cell) end
  end
  for _, row in ipairs { header, table.unpack(rows) } do
    local cells = {}
    for i, cell in ipairs(row) do cells[i] = cell .. (" "):rep(widths[i] - #cell) end
    lines[#lines + 1] = (table.concat(cells, "  "):gsub("%s+$", ""))
  end
  return table.concat(lines, "\n") .. "\n"
end

local function points_csv(sides)
  local lines = { "side,seed,run,step,kl,kl_se,win_rate,win_rate_se,entropy,prompts" }
  for _, side in ipairs(sides) do
    for seed, runs in ipairs(side.by_seed) do
      for r, run in ipairs(runs) do
        for _, p in ipairs(run) do
          lines[#lines + 1] = ("%s,%d,%d,%d,%.6f,%.6f,%.6f,%.6f,%.6f,%d"):format(
            side.label, seed, r, p.step, p.kl, p.kl_se or 0, p.win, p.se, p.entropy or 0, #p.wins)
        end
      end
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

local function settings_rows(settings)
  local names, rows = {}, {}
  for name in pairs(settings) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do rows[i] = { name, tostring(settings[name]) } end
  return rows
end

--- Prints the table and the figure, and writes `report.html`, `frontier.svg` and `points.csv` into `out`.
--
--   title = ""            above the figure and the report
--   sides                 needed: a list of sides, see above; differences are from the first
--   out                   needed: the folder to write into, made when missing
--   settings = nil        a table of what determined the result
--   notes = nil           a list of sentences for the report
--
-- Gives { header, rows } of the table. Errors: an option is missing, unknown or of another type; a file cannot be written.
return function(given)
  local o = options.fill({
    title = "", sides = options.required("table"), out = options.required("string"), settings = options.optional("table"),
    notes = options.optional("table"),
  }, given or {}, "align.report")
  local header, rows = header_of(o.sides), rows_of(o.sides)
  local curves = { title = o.title, note = "lines: means over seeds; bands: 1.96 standard errors; points: checkpoints" }
  for i, side in ipairs(o.sides) do
    local runs = {}
    for _, of_seed in ipairs(side.by_seed) do
      for _, run in ipairs(of_seed) do runs[#runs + 1] = run end
    end
    curves[i] = { label = side.label, runs = runs }
  end
  local figure = plot.frontier(curves)
  io.write("\n", text_table(header, rows), "\n", tostring(figure), "\n")
  system.make_folder(o.out)
  figure:save(o.out .. "/frontier.svg")
  system.write_file(o.out .. "/points.csv", points_csv(o.sides))
  local page = html.new { title = o.title }
  page:figure(figure, "Win rate against the golden policy and exact KL from the start, every checkpoint.")
  page:table { header = header, rows = rows, caption = "Means over seeds with 95 % intervals over seeds and prompts; differences are of the seeds where both sides reach the KL." }
  for _, sentence in ipairs(o.notes or {}) do page:text(sentence) end
  page:heading "Settings"
  page:table { header = { "setting", "value" }, rows = settings_rows(o.settings or {}) }
  page:save(o.out .. "/report.html")
  io.write(("report: %s/report.html   points: %s/points.csv\n"):format(o.out, o.out))
  return { header = header, rows = rows }
end
