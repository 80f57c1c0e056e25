--- Comparisons of runs at equal KL, labels, tokens or steps, and what the numbers allow to say.
--
--   local result = align.compare { online, offline, at = { kl = { 1, 4 }, labels = { 2048 } } }
--   print(result)                         -- a table, and a sentence for each side but the first
--   result.rows[1].differences[2].p       -- of the exact test
--
--   > local align = require "perilune.align"
--   > local function point(step, kl, win) return { step = step, kl = kl, win = win, wins = { win, win } } end
--   > local function run(win) return { point(0, 0, 0.5), point(5, 1, win), point(9, 2, win) } end
--   > local online = { label = "online", by_seed = { { run(0.7) }, { run(0.72) } } }
--   > local offline = { label = "offline", by_seed = { { run(0.6) }, { run(0.61) } } }
--   > local result = align.compare { online, offline, at = { kl = { 1.5 } }, draws = 20 }
--   > #result.rows, #result:cells()
--   4	5
local exact = require "perilune.align.evaluate.exact"
local frontier = require "perilune.align.evaluate.frontier"
local grid = require "perilune.align.evaluate.grid"
local head_to_head = require "perilune.align.evaluate.head_to_head"
local measures = require "perilune.align.compare.measures"
local options = require "perilune.options"
local reading = require "perilune.align.compare.sides"
local text_table = require "perilune.align.evaluate.text_table"
local words = require "perilune.align.compare.words"

local spec = options.spec("align.compare", {
  { "at", options.optional "table",
    "lists of budgets: { kl = , labels = , tokens = , steps = }; unless given the KLs that two sides reach" },
  { "draws", 300, "bootstrap draws", least = 1, most = 100000 },
  { "judge", options.optional "table|function",
    "judge of the policies of the runs against each other, in both orders" },
  { "task", options.optional "table", "the task of that comparison" },
  { "prompts", options.optional "table", "the prompts of that comparison" },
  { "seed", 0, "seed of its responses" },
})

-- The field of the points behind each list of `at`, in the order of the rows.
local fields <const> = { { "kl", "kl" }, { "labels", "labels" }, { "tokens", "tokens" }, { "steps", "step" } }

local function refuse(message, ...) error("align.compare: " .. message:format(...), 0) end

--- The rows to measure, { name, measure, whole }: by draws of all prompts, else of halves of them.
local function rows_of(sides, at)
  local known, rows = {}, {}
  for _, field in ipairs(fields) do known[field[1]] = true end
  for name, list in pairs(at) do
    if not known[name] then
      refuse("at: there is no '%s'; %s", tostring(name), options.suggest(name, known))
    elseif type(list) ~= "table" then
      refuse("at.%s must be a list of numbers, not %s", name, options.show(list))
    end
  end
  for _, field in ipairs(fields) do
    for _, x in ipairs(at[field[1]] or {}) do
      if type(x) ~= "number" or x - x ~= 0 then
        refuse("at.%s has %s, expected a finite number", field[1], options.show(x))
      end
      rows[#rows + 1] = { name = words.place(field[2], x), by = field[1], at = x,
        measure = measures.at(field[2], x) }
    end
  end
  rows[#rows + 1] = { name = "at the peak", measure = measures.peak }
  local low, high = measures.shared(sides)
  if low then
    rows[#rows + 1] = { name = ("on average over log KL from %.2g to %.2g nats"):format(low, high),
      measure = measures.area(low, high) }
  end
  rows[#rows + 1] = { name = "at the 90 % quantile", measure = measures.quantile(0.9), whole = true }
  return rows
end

-- What win rates and their differences lie within.
local rates <const>, differences <const> = { 0, 1 }, { -1, 1 }

local function measure_row(row, sides, resampling)
  row.sides, row.differences = {}, {}
  for i, side in ipairs(sides) do
    row.sides[i] = frontier.interval(side.by_seed, row.measure, resampling, rates) or false
    if i > 1 then
      local difference = frontier.difference(sides[1].by_seed, side.by_seed, row.measure, resampling,
        differences)
      if difference then difference.p = exact.sign_flip(difference.values) end
      row.differences[i] = difference or false
    end
  end
  row.measure = nil
end

--- The policies of the runs against that of the first, both orders.
local function against_each_other(sides, o)
  if not (o.task and o.prompts) then refuse "judge needs task and prompts" end
  local results, first = {}, sides[1].given.policy
  for i, side in ipairs(sides) do
    if not side.given.policy then
      refuse("'%s' has no policy; the judge compares runs of align.train", side.label)
    end
    if i > 1 then
      results[i] = head_to_head(first, side.given.policy,
        { judge = o.judge, task = o.task, prompts = o.prompts, seed = o.seed })
    end
  end
  return results
end

local Result = { __name = "Comparison" }
Result.__index = Result

local function shown(found)
  return found and ("%.3f [%.3f, %.3f]"):format(found.mean, found.low, found.high) or "-"
end

--- Header and cells of the result as text, for a report.
function Result:cells()
  local header, rows = { "win rate" }, {}
  for _, label in ipairs(self.labels) do header[#header + 1] = label end
  for i = 2, #self.labels do
    header[#header + 1] = ("%s - %s"):format(self.labels[1], self.labels[i])
    header[#header + 1] = "exact p"
  end
  for r, row in ipairs(self.rows) do
    rows[r] = { row.name }
    for _, found in ipairs(row.sides) do table.insert(rows[r], shown(found)) end
    for i = 2, #self.labels do
      local d = row.differences[i]
      table.insert(rows[r], shown(d))
      table.insert(rows[r], d and ("%.3g"):format(d.p) or "-")
    end
  end
  return header, rows
end

function Result:__mime()
  local display = require "perilune.display.tables"
  local out = { display.of_cells(self:cells()) }
  for _, sentence in ipairs(self.sentences) do
    out[#out + 1] = ("<p>%s</p>"):format(display.escaped(sentence))
  end
  return { ["text/html"] = table.concat(out, "\n") }
end

function Result:__tostring()
  local lines = { text_table(self:cells()), table.unpack(self.sentences) }
  for i, won in pairs(self.head_to_head or {}) do
    lines[#lines + 1] = ("%s against %s, both orders: %s; %.0f %% of prompts agree"):format(
      self.labels[1], self.labels[i], shown(won), 100 * won.agreement)
  end
  return table.concat(lines, "\n")
end

--- Compares runs: a list of runs of `align.train`, of { label =, points = }, of { label =, runs = } (a run a
-- seed) or of the sides of a report; differences are from the first.
--
-- Seeds of one repetition are paired, and all points have the same prompts: `evaluate =
-- align.evaluate.measure { ... }`. Rows are win rates at equal KL, labels, tokens or steps, of the best of
-- pooled runs where there are several; then the peak; both are chosen on one half of the prompts and reported
-- on the other. Then come the mean over the KLs that all sides share, and the 90 % quantile of the
-- checkpoints. Intervals are 95 % over seeds and prompts together, see evaluate.bootstrap. `p` is that of the
-- exact sign-flip test over seeds. Neither is corrected for the number of rows.
--
-- Gives { labels, rows, sentences, head_to_head }; a row has `name`, `sides` and `differences`, each {
-- mean, low, high, seeds }, or false where no run reaches so far; differences also `values`, one a seed, and
-- `p`. Errors: fewer than two sides; a point lacks step, kl, win or wins; an option is unknown.
return function(given)
  if type(given) ~= "table" then refuse("expected a list of runs, got %s", options.show(given)) end
  local runs, settings = {}, {}
  for key, value in pairs(given) do
    if math.type(key) == "integer" then runs[key] = value else settings[key] = value end
  end
  local o = spec:fill(settings)
  local sides = reading.read(runs)
  local whole = frontier.resampling_of(sides, o.draws)
  local halved = whole:halved()
  local result = { labels = {}, rows = rows_of(sides, o.at or { kl = grid.shared(sides) }), sentences = {} }
  for i, side in ipairs(sides) do result.labels[i] = side.label end
  for _, row in ipairs(result.rows) do measure_row(row, sides, row.whole and whole or halved) end
  for i = 2, #sides do result.sentences[i - 1] = words.sentence(sides, result.rows, i, whole.prompts) end
  if o.judge then result.head_to_head = against_each_other(sides, o) end
  return setmetatable(result, Result)
end
