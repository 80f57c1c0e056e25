--- Reports of comparisons: what they refuse, what they say, what they write.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local panels = require "perilune.align.evaluate.panels"
local report = require "perilune.align.evaluate.report"
local system = require "perilune.system"

local folder = os.tmpname()
os.remove(folder)

local function point(step, kl, win, more)
  local wins = {}
  for i = 1, 10 do wins[i] = i <= win * 10 and 1 or 0 end
  local made = { step = step, kl = kl, win = win, se = 0.1, wins = wins }
  for name, value in pairs(more or {}) do made[name] = value end
  return made
end

local function side(label, ...) return { label = label, by_seed = { { { point(0, 0, 0.1), ... } } } } end

--- The answer of a report, with what it printed and what it warned of.
local function written(given)
  local out, warned, write, stderr = {}, {}, io.write, io.stderr
  rawset(io, "write", function(...) out[#out + 1] = table.concat { ... } end)
  rawset(io, "stderr", { write = function(_, ...) warned[#warned + 1] = table.concat { ... } end })
  local ok, made = pcall(report, given)
  rawset(io, "write", write)
  rawset(io, "stderr", stderr)
  if not ok then error(made, 0) end
  return made, table.concat(out), table.concat(warned)
end

local function read(name)
  local file = assert(io.open(folder .. "/" .. name, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

TestRefusals = {}

function TestRefusals:test_sides_without_figures_are_named()
  local function refusal(sides) return support.message(report, { sides = sides, out = folder }) end
  lu.assertEquals(refusal {}, "evaluate.report: sides must be a list that is not empty, got an empty table")
  lu.assertEquals(refusal { {} }, "evaluate.report: side 1 needs a text `label`")
  lu.assertEquals(refusal { { label = "a" } },
    "evaluate.report: by_seed of 'a' must be a list that is not empty, got nil")
  lu.assertEquals(refusal { { label = "a", by_seed = { {} } } },
    "evaluate.report: seed 1 of 'a' must be a list that is not empty, got an empty table")
  lu.assertEquals(refusal { { label = "a", by_seed = { { {} } } } },
    "evaluate.report: run 1 of seed 1 of 'a' must be a list that is not empty, got an empty table")
  lu.assertEquals(refusal { { label = "a", by_seed = { { { { step = 1, kl = 1 } } } } } },
    "evaluate.report: point 1 of run 1 of seed 1 of 'a' has win = nil, expected a number")
  lu.assertEquals(refusal { { label = "a", by_seed = { { { { step = 1, kl = 0 / 0, win = 1 } } } } } },
    "evaluate.report: point 1 of run 1 of seed 1 of 'a' has kl = nan, expected a number")
  lu.assertStrContains(refusal { { label = "a", by_seed = { { { { step = 1, kl = 1, win = 1 } } } } } },
    "the point at step 1 has 0 outcomes `wins`")
  lu.assertEquals(refusal { { label = "a", by_seed = { { { { step = 1, kl = 1, win = 90 } } } } } },
    "evaluate.report: point 1 of run 1 of seed 1 of 'a' has win = 90, expected a number from 0 to 1")
  lu.assertEquals(refusal { side("a", point(1, 1, 0.5, { length = "long" })) },
    "evaluate.report: point 2 of run 1 of seed 1 of 'a' has length = 'long', expected a number or nil")
  lu.assertFalse(system.exists(folder), "nothing was written")
end

--- Without a name of the folder the files were written into the root of the file system.
function TestRefusals:test_a_folder_without_a_name_and_verdicts_that_are_none()
  local sides = { side("a", point(1, 1, 0.5)) }
  lu.assertEquals(support.message(report, { sides = sides, out = "" }),
    "evaluate.report: out is empty, expected the name of a folder")
  lu.assertEquals(support.message(report, { sides = sides, out = folder, verdicts = { 1 } }),
    "evaluate.report: verdict 1 is 1, expected one of align.claims.judge")
end

function TestRefusals:test_options_are_checked()
  lu.assertStrContains(support.message(report, { out = folder }),
    "evaluate.report: option 'sides' is missing")
  lu.assertStrContains(support.message(report, { sides = {}, out = folder, titel = "x" }),
    "did you mean 'title'?")
end

TestReport = {}

local online = side("online", point(10, 1, 0.2), point(20, 2, 0.6), point(30, 4, 0.4))
local offline = side("offline", point(10, 3, 0.2), point(20, 5, 0.4))

local function cells(made, name)
  for _, row in ipairs(made.rows) do
    if row[1] == name then return row end
  end
end

function TestReport:test_rows_below_the_first_checkpoint_and_beyond_the_last_have_a_dash()
  local made = written { sides = { online, offline }, out = folder }
  lu.assertEquals(made.header, { "win rate at", "online", "offline", "online - offline" })
  lu.assertNil(cells(made, "KL 1"), "offline has no checkpoint below 3 nats")
  lu.assertNil(cells(made, "KL 2"))
  lu.assertStrContains(cells(made, "KL 3")[2], "0.500 [")
  lu.assertStrContains(cells(made, "KL 3")[4], "0.300 [")
  local long = side("long", point(10, 0.5, 0.2), point(20, 5, 0.4))
  made = written { sides = { online, offline, long }, out = folder }
  lu.assertEquals(cells(made, "KL 2")[3], "-")
  lu.assertEquals(cells(made, "KL 2")[5], "-")
end

function TestReport:test_a_peak_at_the_last_checkpoint_is_still_rising()
  local made = written { sides = { online, offline }, out = folder }
  lu.assertNotStrContains(cells(made, "peak")[2], "still rising")
  lu.assertStrContains(cells(made, "peak")[3], "still rising at the end")
  local two = { label = "two", by_seed = { online.by_seed[1], offline.by_seed[1] } }
  made = written { sides = { two }, out = folder }
  lu.assertStrContains(cells(made, "peak")[2], "still rising at the end (1 of 2)")
  lu.assertStrMatches(cells(made, "KL 2")[2], "0%.%d+ %(1 of 2%)")
end

--- The page had two figures of one difference of peaks: the table's was of maxima, the claim's of halves.
function TestReport:test_a_peak_is_one_figure_on_a_page_with_claims()
  local claims = require "perilune.align.claims"
  local function repeated(label, ...)
    local by_seed = {}
    for i, shift in ipairs { 0, 0.1, 0.2 } do
      by_seed[i] = { { point(0, 0, 0.1) }, outer = i }
      for _, one in ipairs { ... } do
        table.insert(by_seed[i][1], point(one[1], one[2], one[3] + (label == "a" and shift or 0)))
      end
    end
    return { label = label, by_seed = by_seed }
  end
  local sides = {
    repeated("a", { 10, 1, 0.3 }, { 20, 3, 0.6 }), repeated("b", { 10, 1, 0.5 }, { 20, 3, 0.2 }),
  }
  local verdicts = claims.judge({ claims.peak("a", "b") }, sides)
  local made, printed = written { sides = sides, out = folder, verdicts = verdicts }
  lu.assertEquals(cells(made, "peak")[4], verdicts[1].text)
  lu.assertNotStrContains(printed, "exact p")
end

function TestReport:test_jumps_are_named()
  local jumping = side("offline", point(90, 4.6, 0.2), point(120, 26.5, 0.4))
  jumping.by_seed[1][1].setting = "lr 0.001, beta 0.1"
  local made, printed = written { sides = { jumping }, out = folder }
  local line = "offline, seed 1, lr 0.001, beta 0.1: KL 4.6 at step 90, 26.5 at step 120"
  lu.assertEquals(made.jumps[#made.jumps], line)
  lu.assertStrContains(printed, "jump: " .. line)
  lu.assertStrContains(read "report.html", line)
end

function TestReport:test_the_page_has_the_figures_beside_the_curves_samples_rules_and_the_date()
  local more = {
    kl_se = 0.25, entropy = 40, length = 33.5, unfinished = 0.25, distinct = 0.62,
    win_at_equal_length = 0.456, proxy_win = 0.7, proxy_accuracy = 0.8,
    samples = { { "Rosa walked", "and smiled ." } },
  }
  local measured = { label = "online", by_seed = { { { point(0, 0, 0.1, more), point(10, 1, 0.5, more) } } } }
  written { sides = { measured }, out = folder, title = "A <title>", settings = { ["--lr"] = 0.1 },
    notes = { "A note." } }
  local page = read "report.html"
  for _, part in ipairs {
    "A &lt;title&gt;", "Rao-Blackwellised estimate", "no measurement", "A note.", "--lr",
      "Rosa walked | and smiled .",
    "<td class=\"right\">33.5</td>", "<td class=\"right\">0.25</td>", "<td class=\"right\">0.700</td>",
    "<td class=\"right\">0.800</td>", "<td class=\"right\">0.62</td>", "<td class=\"right\">0.456</td>",
    "proxy that labels online responses", os.date "written on %Y-%m-%d", "over prompts alone",
  } do
    lu.assertStrContains(page, part)
  end
end

local function rising(label, win) return side(label, point(10, 1, win), point(20, 2, win)) end

function TestReport:test_sides_end_with_what_the_numbers_allow()
  local _, printed = written { sides = { rising("a", 0.9), rising("b", 0.1) }, out = folder }
  lu.assertStrContains(printed, "a above b at 1 nat by 0.80 [")
  lu.assertStrContains(read "report.html", "1 seed: the exact p is at least 1.")
end

--- How many curves each figure of a folder has: a label is in the legend.
local function curves_of(name, labels)
  local counts = {}
  for i, svg in ipairs(panels.read(folder, name)) do
    counts[i] = 0
    for _, label in ipairs(labels) do
      counts[i] = counts[i] + (svg:find((">%s</text>"):format(label), 1, true) and 1 or 0)
    end
  end
  return counts
end

--- Seven sides were bars at one KL: no curve, no points, no figure of the proxy, no differences.
function TestReport:test_many_sides_are_curves_in_panels_and_rows_of_the_table()
  local many, labels = {}, {}
  for i = 1, 8 do
    labels[i] = "side " .. i
    many[i] = rising(labels[i], i / 10)
    for _, one in ipairs(many[i].by_seed[1][1]) do one.proxy_win = 0.5 end
  end
  local made = written { sides = many, out = folder }
  lu.assertEquals(made.header, { "win rate at", "peak", "KL 1", "KL 2" })
  lu.assertEquals(#made.rows, 8 + 7)
  lu.assertEquals({ made.rows[8][1], made.rows[8][4] }, { "side 8", made.rows[8][3] })
  lu.assertStrContains(made.rows[8][3], "0.800 [")
  lu.assertEquals(made.rows[9][1], "side 1 - side 2")
  lu.assertStrContains(made.rows[15][3], "-0.700 [")
  lu.assertEquals(curves_of("frontier", labels), { 4, 5 })
  lu.assertEquals(curves_of("proxy", labels), { 4, 5 })
  for i = 5, 8 do many[i].panel = "large" end
  for i = 2, 4 do many[i].by_seed[1][1][2].proxy_win = nil end
  written { sides = many, out = folder, title = "By size" }
  lu.assertEquals(curves_of("frontier", labels), { 4, 5 })
  lu.assertEquals(curves_of("proxy", labels), { 5 }, "those of the earlier report are gone")
  lu.assertStrContains(read "frontier_2.svg", "By size: large")
  written { sides = { many[1] }, out = folder }
  lu.assertEquals(curves_of("frontier", labels), { 1 })
end

--- Online was blue in one figure and orange in another, and the panels of a report had one title.
function TestReport:test_a_side_looks_alike_in_all_figures()
  local made = {}
  for i, label in ipairs { "online", "a", "b", "offline", "c", "d", "e" } do
    made[i] = rising(label, i / 10)
  end
  written { sides = made, out = folder, title = "Several" }
  lu.assertStrContains(read "frontier.svg", "Several: 1 of 2")
  lu.assertStrContains(read "frontier_2.svg", "Several: 2 of 2")
  local looks = panels.looks(made)
  lu.assertEquals({ looks.online, looks.offline, looks.a, looks.e }, { 1, 2, 4, 8 })
  lu.assertEquals(panels.looks { { label = "x" }, { label = "offline" } }, { x = 4, offline = 2 })
end

--- The axis is the paper's, log KL, where the start has no place but as a line across.
function TestReport:test_the_start_is_not_on_the_axis()
  written { sides = { online }, out = folder }
  local svg = read "frontier.svg"
  lu.assertStrContains(svg, "KL(policy || SFT), nats (log)")
  lu.assertNotStrContains(svg, "skipped")
  lu.assertStrContains(svg, ">start</text>")
end

--- The i-th checkpoints of runs are at other KLs, and were averaged under the step of the first run.
--
-- At 1 nat run one is halfway from 0.5 to 1.5 nats, run two a quarter of the way from 0.5 to 2.5: lengths of
-- 15 and 25. At 2 nats run two alone is measured. The ends are at 720 and 90 steps.
function TestReport:test_figures_beside_the_curves_are_means_at_equal_kl()
  local function long(step, kl, length) return point(step, kl, 0.5, { length = length }) end
  local one = { long(0, 0, 10), long(20, 0.5, 10), long(720, 1.5, 20), outer = 1 }
  local two = { long(0, 0, 10), long(10, 0.5, 20), long(90, 2.5, 40), outer = 2 }
  local header, rows = require "perilune.align.evaluate.checkpoints".of {
    label = "online", by_seed = { { one, outer = 1 }, { two, outer = 2 } } }
  local found = {}
  for i, row in ipairs(rows) do
    local by_name = {}
    for k, name in ipairs(header) do by_name[name] = row[k] end
    found[i] = { by_name.at, by_name.repetitions, by_name.step, by_name.KL, by_name.tokens,
      by_name["errors of text"] }
  end
  lu.assertEquals(found, {
    { "start", "2 of 2", "0", "0.00", "10.0", "-" }, { "KL 0.5", "2 of 2", "15", "0.50", "15.0", "-" },
    { "KL 1", "2 of 2", "200", "1.00", "20.0", "-" }, { "KL 2", "1 of 2", "70", "2.00", "35.0", "-" },
    { "end", "2 of 2", "405", "2.00", "30.0", "-" },
  })
end

--- Of two crossings of 2 nats the later one has the higher win rate, which is the curve's: 30 tokens.
function TestReport:test_of_several_crossings_the_one_of_the_curve_counts()
  local function long(step, kl, win, length) return point(step, kl, win, { length = length }) end
  local header, rows = require "perilune.align.evaluate.checkpoints".of { label = "online", by_seed = { { {
    long(1, 1.5, 0.1, 10), long(2, 2.5, 0.3, 12), long(3, 1.5, 0.9, 48),
  } } } }
  lu.assertEquals({ header[12], rows[1][2], rows[1][12] }, { "tokens", "KL 2", "30.0" })
end

function TestReport:test_an_earlier_report_is_replaced_with_a_warning()
  written { sides = { online }, out = folder }
  local _, _, warned = written { sides = { online }, out = folder }
  lu.assertEquals(warned, ("evaluate.report: %s/report.html is replaced\n"):format(folder))
end

function TestReport:test_points_are_quoted_and_safe_for_spreadsheets()
  local odd = side('=HYPERLINK("x"), a', point(10, 1.0, 0.5))
  odd.by_seed[1][1].setting = "-lr"
  written { sides = { odd }, out = folder }
  local lines = {}
  for line in read "points.csv":gmatch "(.-)\r\n" do lines[#lines + 1] = line end
  lu.assertEquals(#lines, 3)
  lu.assertStrContains(lines[1], "side,seed,run,setting,step,labels,tokens,kl,kl_se,win,se,")
  lu.assertEquals(lines[3],
    "\"'=HYPERLINK(\"\"x\"\"), a\",1,1,'-lr,10,,,1.000000,,0.500000,0.100000,,,,,,,,,10")
end

TestReportedInstruments = {}

--- Of two repetitions with 1 of 4 and 5 of 6 the mean is 13/24; sums and counts are written as they are.
function TestReportedInstruments:test_figures_of_repetitions_are_averaged_and_written()
  local function runs_of(sum, count)
    local figures = { ["mass/unseen"] = { sum = sum, count = count } }
    local last = point(5, 1, 0.5, { instruments = figures, shown = "<i>ids</i>", samples = { { "a", "b" } } })
    return { { point(0, 0, 0.1), last } }
  end
  written { sides = { { label = "one", by_seed = { runs_of(1, 4), runs_of(5, 6) } } }, out = folder }
  lu.assertEquals((read "instruments.csv":gsub("\r", "")),
    "side,seed,run,setting,step,figure,sum,count\none,1,1,,5,mass/unseen,1,4\none,2,1,,5,mass/unseen,5,6\n")
  local page = read "report.html"
  lu.assertStrContains(page, 'mass/unseen</th><td class="right">0.5417</td>')
  lu.assertStrContains(page, "<i>ids</i>")
end

local status = lu.LuaUnit.run()
for _, name in ipairs { "report.html", "frontier.svg", "proxy.svg", "points.csv", "instruments.csv" } do
  os.remove(folder .. "/" .. name)
end
os.remove(folder)
os.exit(status)
