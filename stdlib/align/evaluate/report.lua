--- The report of a comparison: win rates at equal KL, the figure, an HTML page and all points as CSV.
--
-- A side is { label =, by_seed = }: by_seed[i] is the list of the runs of one seed (the settings that are
-- pooled), a run the list of its points as `evaluate.measure` gives them, with its `setting` as a text if
-- there are several. The rules for win rates at equal KL are those of `evaluate.frontier`, those for peaks
-- and intervals those of claims.
local checkpoints = require "perilune.align.evaluate.checkpoints"
local claims = require "perilune.align.claims"
local csv = require "perilune.csv"
local options = require "perilune.options"
local pages = require "perilune.report"
local panels = require "perilune.align.evaluate.panels"
local reading = require "perilune.align.compare.sides"
local sections = require "perilune.align.evaluate.sections"
local system = require "perilune.system"
local text_table = require "perilune.align.evaluate.text_table"
local win_table = require "perilune.align.evaluate.win_table"

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

-- Figures that a point may have.
local optional <const> = { "se", "kl_se", "entropy", "length", "unfinished", "distinct", "proxy_win",
  "proxy_accuracy", "win_at_equal_length" }

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
            elseif key == "win" and not reading.is_win(value) then
              refuse("point %d of run %d of seed %d of '%s' has win = %s, expected a number from 0 to 1",
                p, r, s, side.label, options.show(value))
            end
          end
          for _, key in ipairs(optional) do
            if point[key] ~= nil and type(point[key]) ~= "number" then
              refuse("point %d of run %d of seed %d of '%s' has %s = %s, expected a number or nil", p, r, s,
                side.label, key, options.show(point[key]))
            end
          end
        end
      end
    end
  end
end

local rules <const> = {
  "KL is a Rao-Blackwellised estimate: exact over the vocabulary at each token, a mean over responses. "
    .. "Intervals do not include its standard error.",
  "Between neighbouring checkpoints the win rate is linear in KL. Where runs cross a KL several times, or "
    .. "several do, the best of all crossings counts, chosen on one half of the prompts and reported on the "
    .. "other, both ways round. \"-\": no two checkpoints enclose the KL, or none is near; the line from the "
    .. "start to the first checkpoint is no measurement.",
  "The checkpoint of a peak is chosen and reported in the same way: a side with more checkpoints gains "
    .. "nothing by it. One prompt has no halves, and no peak.",
}

local figure_is <const> = "Win rate and KL from the start on a logarithmic axis: lines are means over "
  .. "repetitions at equal KL, bands their 95 % intervals, points all checkpoints. Those at a KL of 0 or "
  .. "below, such as the start, have no place on it."

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

local spec = options.spec("evaluate.report", {
  { "title", "", "title of the figure and the page" },
  { "sides", options.required "table", "list of sides; differences are from the first" },
  { "out", options.required "string", "folder of the report" },
  { "settings", options.optional "table", "what determined the result, by name" },
  { "notes", options.optional "table", "sentences for the page" },
  { "verdicts", options.optional "table", "what align.claims.judge gives, for a table of claims" },
  { "section", options.optional "function", "function(page): adds to the page, after the table" },
})

--- Prints the table and the figures, and writes `report.html`, `frontier.svg`, `points.csv` into the folder
-- `out`, and `proxy.svg` and `instruments.csv` where the points have a proxy and instruments.
--
-- The page also has the date, the figures beside each curve, samples of text, and the jumps of the KL between
-- neighbouring checkpoints. An earlier report in `out` is replaced, with a warning.
--
--   evaluate.report { title = "online against offline", out = "out/gap", sides = { online, offline } }
--
-- Of more than 6 sides, or where sides name a `panel`, a text, there are several figures, each with the first
-- side and some of the others, and files `frontier_2.svg` and so on. Of more than 6 sides the table has a row
-- a side.
--
-- Of several sides the sentences of `align.compare` follow: what the numbers allow. With `verdicts` the
-- claims say it.
--
-- Gives { header, rows, caption, jumps, beside }: the table of win rates, and as `beside` header and rows of
-- what goes with each curve at a few KLs. Errors: an option is missing, unknown or of another type; a side
-- has no label, no seeds, no runs or a point without step, kl, win and wins; a file cannot be written.
return function(given)
  local o = spec:fill(given)
  check(o.sides)
  if o.out == "" then error("evaluate.report: out is empty, expected the name of a folder", 2) end
  for i, one in ipairs(o.verdicts or {}) do
    if type(one) ~= "table" or type(one.name) ~= "string" or type(one.verdict) ~= "string" then
      error(("evaluate.report: verdict %d is %s, expected one of align.claims.judge"):format(
        i, options.show(one)), 2)
    end
  end
  local path = o.out .. "/report.html"
  if system.exists(path) then io.stderr:write(("evaluate.report: %s is replaced\n"):format(path)) end
  local header, rows = win_table.of(o.sides)
  local caption, jumps = win_table.caption(o.sides), sections.jumps(o.sides)
  local figures, of_proxy = panels.figures(o.sides, { title = o.title }), sections.proxy_figures(o.sides)
  io.write("\n", text_table(header, rows), caption, "\n\n")
  for _, figure in ipairs(figures) do io.write(tostring(figure), "\n") end
  local allowed = not o.verdicts and #o.sides > 1 and compare_of(o.sides) or {}
  for _, sentence in ipairs(allowed) do io.write(sentence, "\n") end
  for _, jump in ipairs(jumps) do io.write("jump: ", jump, "\n") end

  local page = pages.new { title = o.title, footer = os.date "written on %Y-%m-%d at %H:%M" }
  panels.add(page, figures, figure_is)
  page:text(caption)  -- a caption of a wide table scrolls with it
  page:table { header = header, rows = rows }
  if o.verdicts then add_verdicts(page, o.verdicts) end
  for _, sentence in ipairs(allowed) do page:text(sentence) end
  if o.section then o.section(page) end
  for _, sentence in ipairs(o.notes or {}) do page:text(sentence) end
  for _, sentence in ipairs(rules) do page:text(sentence) end
  sections.add(page, o.sides, jumps, of_proxy)
  page:heading "Settings"
  page:table { header = { "setting", "value" }, rows = sections.settings(o.settings or {}) }

  system.make_folder(o.out)
  panels.save(figures, o.out, "frontier")
  panels.save(of_proxy, o.out, "proxy")
  csv.save(o.out .. "/points.csv", sections.points(o.sides), sections.columns)
  -- What an earlier report in the folder has and this one has not would be read as this one's.
  os.remove(o.out .. "/instruments.csv")
  local figures_of_instruments = sections.instruments(o.sides)
  if #figures_of_instruments > 0 then
    csv.save(o.out .. "/instruments.csv", figures_of_instruments,
      { "side", "seed", "run", "setting", "step", "figure", "sum", "count" })
  end
  page:save(path)
  io.write(("report: %s   points: %s/points.csv\n"):format(path, o.out))
  local beside, at = checkpoints.along(o.sides)
  return {
    header = header, rows = rows, caption = caption, jumps = jumps, beside = { header = beside, rows = at },
  }
end
