--- Reports of comparisons: what they refuse, what they say, what they write.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
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
  lu.assertFalse(system.exists(folder), "nothing was written")
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
  lu.assertStrContains(cells(made, "KL 2")[2], "(1 of 2)")
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
    kl_se = 0.25, entropy = 40, length = 33.5, unfinished = 0.25, proxy_win = 0.7, proxy_accuracy = 0.8,
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
    "<td class=\"right\">0.800</td>", "proxy that labels online responses", os.date "written on %Y-%m-%d",
  } do
    lu.assertStrContains(page, part)
  end
end

function TestReport:test_two_sides_end_with_what_the_numbers_allow_and_many_are_ranked()
  local function rising(label, win) return side(label, point(10, 1, win), point(20, 2, win)) end
  local _, printed = written { sides = { rising("a", 0.9), rising("b", 0.1) }, out = folder }
  lu.assertStrContains(printed, "a above b at 1 nat by 0.80 [")
  lu.assertStrContains(read "report.html", "1 seed: the exact p is at least 1.")
  local many = {}
  for i = 1, 7 do many[i] = rising("side " .. i, i / 10) end
  local made, ranked = written { sides = many, out = folder }
  lu.assertEquals({ made.rows[1][1], made.rows[7][1], #made.rows }, { "side 7", "side 1", 7 })
  lu.assertNotStrContains(ranked, "exact p")
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
  lu.assertEquals(lines[3], "\"'=HYPERLINK(\"\"x\"\"), a\",1,1,'-lr,10,,,1.000000,,0.500000,0.100000,,,,,,10")
end

TestReportedInstruments = {}

--- Of two seeds with 1 of 4 and 5 of 6 the figure is 6 of 10; sums and counts are written as they are.
function TestReportedInstruments:test_figures_of_seeds_are_pooled_and_written()
  local function runs_of(sum, count)
    local figures = { ["mass/unseen"] = { sum = sum, count = count } }
    local last = point(5, 1, 0.5, { instruments = figures, shown = "<i>ids</i>", samples = { { "a", "b" } } })
    return { { point(0, 0, 0.1), last } }
  end
  written { sides = { { label = "one", by_seed = { runs_of(1, 4), runs_of(5, 6) } } }, out = folder }
  lu.assertEquals((read "instruments.csv":gsub("\r", "")),
    "side,seed,run,setting,step,figure,sum,count\none,1,1,,5,mass/unseen,1,4\none,2,1,,5,mass/unseen,5,6\n")
  local page = read "report.html"
  lu.assertStrContains(page, 'mass/unseen</th><td class="right">0.6</td>')
  lu.assertStrContains(page, "<i>ids</i>")
end

local status = lu.LuaUnit.run()
for _, name in ipairs { "report.html", "frontier.svg", "points.csv", "instruments.csv" } do
  os.remove(folder .. "/" .. name)
end
os.remove(folder)
os.exit(status)
