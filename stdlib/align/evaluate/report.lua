--- The report of a comparison: win rates at equal KL, the figure, an HTML page and all points as CSV.
--
-- A side is { label =, by_seed = }: by_seed[i] is the list of the runs of one seed (the settings that are
-- pooled), a run the list of its points as `evaluate.measure` gives them, with its `setting` as a text if
-- there are several. The rules for win rates at equal KL, peaks and intervals are those of
-- `evaluate.frontier`.
local claims = require "perilune.align.claims"
local csv = require "perilune.csv"
local frontier = require "perilune.align.evaluate.frontier"
local grid = require "perilune.align.evaluate.grid"
local options = require "perilune.options"
local pages = require "perilune.report"
local plot = require "perilune.plot"
local interval = require "perilune.align.claims.interval"
local measures = require "perilune.align.compare.measures"
local ranking = require "perilune.align.evaluate.ranking"
local reading = require "perilune.align.compare.sides"
local sections = require "perilune.align.evaluate.sections"
local system = require "perilune.system"
local text_table = require "perilune.align.evaluate.text_table"

local function complaint(message, ...) return "evaluate.report: " .. message:format(...) end

--- Called by `check`, so that an error points at the caller of evaluate.report.
local function refuse(message, ...) error(complaint(message, ...), 4) end

local function list_of(value, what)
  if type(value) ~= "table" or #value == 0 then
    local got = type(value) == "table" and "an empty table" or type(value)
    error(complaint("%s must be a list that is not empty, got %s", what, got), 4)
  end
  return value
end

--- Refuses sides from which no figure can be made.
local function check(sides)
  for i, side in ipairs(list_of(sides, "sides")) do
    local name = ("side %d"):format(i)
    if type(side) ~= "table" or type(side.label) ~= "string" then refuse("%s needs a text `label`", name) end
    for s, runs in ipairs(list_of(side.by_seed, ("by_seed of '%s'"):format(side.label))) do
      for r, run in ipairs(list_of(runs, ("seed %d of '%s'"):format(s, side.label))) do
        for p, point in ipairs(list_of(run, ("run %d of seed %d of '%s'"):format(r, s, side.label))) do
          for _, key in ipairs { "step", "kl", "win" } do
            local value = type(point) == "table" and point[key]
            if type(value) ~= "number" or value ~= value then
              refuse("point %d of run %d of seed %d of '%s' has %s = %s, expected a number", p, r, s,
                side.label, key, options.show(value))
            end
          end
        end
      end
    end
  end
end

--- An interval as text. Where not all seeds have the figure it says how many do: seeds that got so far are a
-- selection.
local function shown(found, seeds)
  if not found then return "-" end
  if found.low == -math.huge then return ("%.3f (one repetition)"):format(found.mean) end
  local text = ("%.3f [%.3f, %.3f]"):format(found.mean, found.low, found.high)
  return found.seeds == seeds and text or ("%s (%d of %d)"):format(text, found.seeds, seeds)
end

--- In how many seeds the peak of a side is the last point of its run.
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

--- Rows of the table: the peak of each side, its win rate at each shared KL, and the difference from the
-- first side. With `of_claims` the intervals are those of the claims, which are widened for few repetitions.
local function rows_of(sides, of_claims)
  local whole, rows = frontier.resampling(sides[1].by_seed), {}
  local of_side = of_claims and interval.of_side or frontier.interval
  local of_difference = of_claims and interval.of_difference or frontier.difference
  local function add(name, measure, resampling, of, mark)
    local row = { name }
    for i, side in ipairs(of) do
      row[#row + 1] = shown(of_side(side.by_seed, measure, resampling), #side.by_seed)
        .. (mark and mark(sides[i]) or "")
    end
    local first = of[1].by_seed
    for i = 2, #of do
      local other = of[i].by_seed
      row[#row + 1] = shown(of_difference(first, other, measure, resampling), math.min(#first, #other))
    end
    rows[#rows + 1] = row
  end
  if whole.prompts > 1 then
    add("peak", measures.peak, whole:halved(), reading.read(sides, 1), still_rising)
  end
  for _, kl in ipairs(grid.shared(sides)) do
    add(("KL %g"):format(kl), function(runs, win) return frontier.best_at_kl(runs, kl, win) end, whole, sides)
  end
  return rows
end

local function header_of(sides)
  local header = { "win rate at" }
  for _, side in ipairs(sides) do header[#header + 1] = side.label end
  for i = 2, #sides do header[#header + 1] = ("%s - %s"):format(sides[1].label, sides[i].label) end
  return header
end

local rules <const> = {
  "KL is a Rao-Blackwellised estimate: exact over the vocabulary at each token, a mean over responses. "
    .. "Intervals are 95 % over seeds and prompts; they do not include the standard error of the KL.",
  "Between neighbouring checkpoints the win rate is linear in KL. Where a run's KL goes back and forth, its "
    .. "highest win rate of all crossings counts. \"-\": no two checkpoints enclose the KL; the line from "
    .. "the start to the first checkpoint is no measurement.",
  "The checkpoint of a peak is chosen on one half of the prompts and reported on the other, both ways round: "
    .. "a side with more checkpoints gains nothing by it. One prompt has no halves, and no peak.",
}

--- The figure of a few sides: win rate against KL.
local function frontier_of(o)
  local curves = { title = o.title,
    note = "lines: means over seeds at equal KL; bands: 1.96 standard errors; points: checkpoints" }
  for i, side in ipairs(o.sides) do curves[i] = { label = side.label, by_seed = side.by_seed } end
  return plot.frontier(curves)
end

--- The sentences of align.compare; none where the points have the outcomes of fewer than two prompts.
local function compare_of(sides)
  if #sides[1].by_seed[1][1][1].wins < 2 then return {} end
  local list = table.move(sides, 1, #sides, 1, {})
  return require "perilune.align.compare"(list).sentences
end

--- The claims and what became of them, in the terminal and on the page.
local function add_verdicts(page, verdicts)
  local header, rows = claims.cells(verdicts)
  io.write("\n", text_table(header, rows), "\n")
  page:heading "Claims"
  local caption <const> = "Intervals are 95 %, over repetitions, seeds and prompts; rules: align.claims."
  page:table { header = header, rows = rows, caption = caption }
end

-- Sides that a table has side by side, and a figure as curves.
local most <const> = 6

local spec = options.spec("evaluate.report", {
  { "title", "", "title of the figure and the page" },
  { "sides", options.required "table", "list of sides; differences are from the first" },
  { "out", options.required "string", "folder of the report" },
  { "settings", options.optional "table", "what determined the result, by name" },
  { "notes", options.optional "table", "sentences for the page" },
  { "verdicts", options.optional "table", "what align.claims.judge gives, for a table of claims" },
  { "section", options.optional "function", "function(page): adds to the page, after the table" },
})

--- Prints the table and the figure, and writes `report.html`, `frontier.svg`, `points.csv` into the folder
-- `out`, and `proxy.svg` and `instruments.csv` where the points have a proxy and instruments.
--
-- The page also has the date, the figures beside each curve, samples of text, and the jumps of the KL between
-- neighbouring checkpoints. An earlier report in `out` is replaced, with a warning.
--
--   evaluate.report { title = "online against offline", out = "out/gap", sides = { online, offline } }
--
-- Of more than 6 sides the table has a row a side, in the order of the win rate at one KL, without
-- differences, and the figure a bar a side.
--
-- Of 2 to 6 sides the sentences of `align.compare` follow: what the numbers allow. With `verdicts` the claims
-- say it, and the table has their intervals.
--
-- Gives { header, rows, jumps, ranking }. Errors: an option is missing, unknown or of another type; a side
-- has no label, no seeds, no runs or a point without step, kl, win and wins; a file cannot be written.
return function(given)
  local o = spec:fill(given)
  check(o.sides)
  local path = o.out .. "/report.html"
  if system.exists(path) then io.stderr:write(("evaluate.report: %s is replaced\n"):format(path)) end
  local ranked = #o.sides > most and ranking.of(o.sides)
  local header, rows, figure, caption
  if ranked then
    header, rows = ranking.cells(ranked)
    figure, caption = ranking.figure(ranked, o.title), "Win rates of all sides at one KL, in order."
  else
    header, rows, figure = header_of(o.sides), rows_of(o.sides, o.verdicts), frontier_of(o)
    caption = "Win rate and KL from the start, every checkpoint."
  end
  local jumps = sections.jumps(o.sides)
  io.write("\n", text_table(header, rows), "\n", tostring(figure), "\n")
  local allowed = not (ranked or o.verdicts) and #o.sides > 1 and compare_of(o.sides) or {}
  for _, sentence in ipairs(allowed) do io.write(sentence, "\n") end
  for _, jump in ipairs(jumps) do io.write("jump: ", jump, "\n") end

  local page = pages.new { title = o.title, footer = os.date "written on %Y-%m-%d at %H:%M" }
  page:figure(figure, caption)
  page:table {
    header = header, rows = rows,
    caption = "Means over seeds, 95 % intervals; differences are of the seeds where both sides reach the KL.",
  }
  if o.verdicts then add_verdicts(page, o.verdicts) end
  for _, sentence in ipairs(allowed) do page:text(sentence) end
  if o.section then o.section(page) end
  for _, sentence in ipairs(o.notes or {}) do page:text(sentence) end
  for _, sentence in ipairs(rules) do page:text(sentence) end
  sections.add(page, o.sides, jumps)
  page:heading "Settings"
  page:table { header = { "setting", "value" }, rows = sections.settings(o.settings or {}) }

  system.make_folder(o.out)
  figure:save(o.out .. "/frontier.svg")
  local of_proxy = sections.proxy_figure(o.sides)
  -- What an earlier report in the folder has and this one has not would be read as this one's.
  for _, name in ipairs { "proxy.svg", "instruments.csv" } do os.remove(o.out .. "/" .. name) end
  if of_proxy then of_proxy:save(o.out .. "/proxy.svg") end
  csv.save(o.out .. "/points.csv", sections.points(o.sides), sections.columns)
  local figures_of_instruments = sections.instruments(o.sides)
  if #figures_of_instruments > 0 then
    csv.save(o.out .. "/instruments.csv", figures_of_instruments,
      { "side", "seed", "run", "setting", "step", "figure", "sum", "count" })
  end
  page:save(path)
  io.write(("report: %s   points: %s/points.csv\n"):format(path, o.out))
  return { header = header, rows = rows, jumps = jumps, ranking = ranked or nil }
end
