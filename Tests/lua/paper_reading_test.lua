--- What the figures of the paper read of worlds, streams, reports and finished runs, against values by hand.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local batches = require "perilune.align.batch"
local claims = require "perilune.align.claims"
local entry = require "perilune.paper.entry"
local findings = require "perilune.paper.reading.findings"
local formats = require "perilune.formats"
local gaps = require "perilune.paper.reading.gaps"
local plain = require "perilune.plain"
local rewards = require "perilune.paper.rewards"
local size_figures = require "perilune.paper.reading.size_figures"
local small_worlds = require "perilune.paper.support"
local system = require "perilune.system"
local tandem = require "perilune.paper.tandem"
local variants = require "perilune.paper.variants"
local widths = require "perilune.paper.reading.widths"
local worlds = require "perilune.worlds"

--- A run that is measured at 1 and 3 nats, of two prompts with the same outcome.
local function run(first, last)
  local points = {}
  for i, win in ipairs { first, last or first } do
    points[i] = { step = i, kl = 2 * i - 1, win = win, wins = { win, win } }
  end
  return points
end

--- A side of runs, each of a repetition of its own.
local function side(label, ...)
  local by_seed = {}
  for i, one in ipairs { ... } do by_seed[i] = { one, outer = i } end
  return { label = label, by_seed = by_seed }
end

--- The numbers of verdicts, and their names.
local function read(verdicts)
  local means, names = {}, {}
  for i, one in ipairs(verdicts) do means[i], names[i] = one.mean, one.name end
  return means, names
end

TestSupport = {}

--- Of 8 answers 8, 4 or 2 are covered: 1, 1/4 or 1/16 of their pairs have weight.
function TestSupport:test_data_cover_their_share_of_the_pairs_and_online_all()
  local wanted = { online = 1, all = 1, half = 1 / 4, ["a quarter"] = 1 / 16 }
  for i, one in ipairs(small_worlds.variants(nil, { size = "default" })) do
    local world = i <= 4 and worlds.tabular { prompts = 4, answers = 8, seed = 2 }
      or worlds.linear { answers = 8, seed = 2 }
    local batch, weighted = one.source(nil, { outer = 2 }):batch(1, world.reference, "start"), 0
    local weights = batch.weight:totable()
    for k = 1, #batch do weighted = weighted + (weights[k] > 1e-12 and 1 or 0) end
    lu.assertEquals(weighted / #batch, wanted[one.label:gsub("^linear, ", "")], one.label)
    lu.assertEquals(one.settings[1].steps, 480)
    lu.assertEquals(one.panel, i <= 4 and "a table" or "a linear policy")
  end
end

--- The optimum is at no distance from itself, and who wrote the data wins half against itself.
function TestSupport:test_points_have_the_distance_from_the_optimum_and_the_lead_over_each_writer()
  local stage = small_worlds.stage({}, 1)
  local function world(share)
    return worlds.tabular { prompts = 4, answers = 8, seed = 1, support = share, support_seed = 1 }
  end
  local best = world(1):optimum { of = "ipo", beta = 0.2 }
  lu.assertAlmostEquals(stage.measure(best, 3).distance, 0, 1e-9)
  lu.assertAlmostEquals(stage.start_point["over all"], 0, 1e-9)
  lu.assertAlmostEquals(stage.measure(world(0.5):data(), 3)["over half"], 0, 1e-9)
  lu.assertTrue(stage.measure(best, 3)["over a quarter"] > 0.05)
end

TestTandem = {}

--- A tenth of 20 steps is step 2. The last batch is seen twice, so that as many steps are left.
function TestTandem:test_one_batch_is_missing_and_the_steps_stay()
  local stream = {}
  for i = 1, 20 do stream[i] = i end
  local left = tandem.without_one(stream)
  lu.assertEquals({ #left, left[1], left[2], left[19], left[20] }, { 20, 1, 3, 20, 20 })
  lu.assertEquals(tandem.without_one { 7 }, { 7 })
  lu.assertEquals(#stream, 20)
end

local function variants_with(tokenizer)
  local o = { task = "made", loss = "ipo", lr = "1e-3", beta = "0.1", steps = 4,
    made = { tokenizer = tokenizer, runs = {} } }
  return tandem.variants(variants.of(o), o)
end

function TestTandem:test_the_replays_read_the_stream_of_the_online_run()
  local list = variants_with(require "perilune.tasks.words".tokenizer { "a", "b" })
  local labels, done = {}, { online = { stream = { { "one" }, { "two" }, { "three" } } } }
  for i, one in ipairs(list) do labels[i] = one.label end
  lu.assertEquals(labels, { "online", "in order", "one batch missing" })
  lu.assertEquals({ list[2].from, list[3].from, list[3].shared }, { "online", "online", true })
  for i, wanted in pairs { [2] = { "one", "two", "three" }, [3] = { "two", "three", "three" } } do
    local source = list[i].source({}, { done = done, seed = 1 })
    for step = 1, 3 do lu.assertEquals(source:batch(step)[1], wanted[step]) end
  end
end

function TestTandem:test_in_order_is_the_online_run_bit_for_bit()
  local check = variants_with(require "perilune.tasks.words".tokenizer { "a" })[2].check
  local function of(hash) return { policy = { hash = function() return hash end } } end
  check(of "same", { online = of "same" })
  support.refuses("the stream in order must give the online run bit for bit",
    check, of "same", { online = of "other" })
end

function TestTandem:test_a_tokenizer_with_several_ways_has_the_text_in_other_tokens()
  local bpe = formats.train_bpe({ ("the cat sat "):rep(40) }, { vocab_size = 270 })
  local list = variants_with(bpe)
  lu.assertEquals({ #list, list[4].label }, { 4, "the same text in other tokens" })
  local ids = bpe:encode "the cat"
  local stream = { batches.of_pairs { { prompt = { 1 }, chosen = ids, rejected = ids } } }
  local source = list[4].source({ task = { tokenizer = bpe, stop = {}, max_response = 99 } },
    { done = { online = { stream = stream } } })
  local told = source:batch(1)[1].chosen
  lu.assertEquals({ #told, bpe:decode(told) }, { #ids + 1, "the cat" })
end

TestEntry = {}

function TestEntry:setUp()
  self.folder = support.new_path()
  system.make_folder(self.folder)
end

function TestEntry:tearDown() os.execute(("rm -rf '%s'"):format(self.folder)) end

--- What `entry.read` gives of a report with these fields over those that all have.
function TestEntry:read(more)
  local made = { name = "fig01", task = "arena", question = "Q?", found = "F.", size = "quick",
    date = "2026-11-28", outer_seeds = 2, header = { "a", "b" }, rows = { { "c", 1 } },
    verdicts = { { name = "peak", verdict = "holds" } } }
  for name, value in pairs(more) do made[name] = value end
  system.write_file(self.folder .. "/verdict.json", plain.encode(made))
  return entry.read(self.folder)
end

--- A report of the first version has no parts, no command and no processor.
function TestEntry:test_what_an_old_report_lacks_is_filled()
  local made = self:read {}
  lu.assertEquals({ made.command, made.processor, made.parts, made.verdicts[1].paper },
    { "bin/perilune scripts/paper/fig01.lua --task arena", "processor not recorded", {}, "" })
  lu.assertEquals({ made.figures, made.proxy }, { {}, {} })
  made = self:read { command = "own", processor = "EPYC", verdicts = {
    { name = "peak", verdict = "holds", paper = "It falls." } } }
  lu.assertEquals({ made.command, made.processor, made.verdicts[1].paper }, { "own", "EPYC", "It falls." })
end

function TestEntry:test_plots_are_read_in_order()
  for name, text in pairs { frontier = "one", frontier_2 = "two", proxy = "three", frontier_4 = "four" } do
    system.write_file(("%s/%s.svg"):format(self.folder, name), ("<svg>%s</svg>"):format(text))
  end
  local made = self:read {}
  lu.assertEquals(made.figures, { "<svg>one</svg>", "<svg>two</svg>" })
  lu.assertEquals(made.proxy, { "<svg>three</svg>" })
end

function TestEntry:test_the_wrong_field_is_named()
  local function refused(why, more)
    local made, problem = self:read(more)
    lu.assertEquals({ made, problem }, { nil, why })
  end
  local peak <const> = { name = "peak", verdict = "holds" }
  refused("outer_seeds is 2.5, expected a whole number", { outer_seeds = 2.5 })
  refused("place is 5, expected a text", { place = 5 })
  refused("part 2 is no figure, table or text", { parts = { { text = "as it is" }, {} } })
  refused("verdict 2 is called 'maybe'", { verdicts = { peak, { name = "end", verdict = "maybe" } } })
  refused("verdict 2 has name = nil, expected a string", { verdicts = { peak, { verdict = "holds" } } })
  refused("header and rows are no table: lists of texts or numbers of one length", { rows = { { "c" } } })
end

TestFindings = {}

function TestFindings:test_values_are_means_of_repetitions_in_their_order()
  local list = { { outer = 2, found = { kl = 5 } }, { outer = 1, found = { kl = 1 } },
    { outer = 2, found = { kl = 9 } }, { outer = 3, found = {} } }
  lu.assertEquals(findings.values(list, function(found) return found.kl end), { 1, 7 })
  lu.assertEquals(findings.values({}, function(found) return found.kl end), {})
end

--- Means are over jobs: a repetition with two seeds counts twice.
function TestFindings:test_means_are_element_by_element()
  local list = { { outer = 1, found = { 1, 2, 3 } }, { outer = 1, found = { 3, 2, 9 } },
    { outer = 2, found = { 8, 2, 0 } } }
  lu.assertEquals(findings.means(list, 2, function(found) return found end), { 4, 2 })
end

TestClaims = {}

--- Offline of the i-th kind of labels lies 0.05 i below online, at every KL.
function TestClaims:test_the_gap_of_each_kind_of_labels()
  local sides = {}
  for i, kind in ipairs(rewards.names()) do
    sides[#sides + 1] = side("online, " .. kind, run(0.5), run(0.7))
    sides[#sides + 1] = side("offline, " .. kind, run(0.5 - 0.05 * i), run(0.7 - 0.05 * i))
  end
  local means, names = read(claims.judge(gaps.claims(claims), sides))
  lu.assertEquals(#means, 10)
  for i, kind in ipairs(rewards.names()) do
    lu.assertEquals({ names[2 * i - 1], names[2 * i] },
      { "the gap at the peak, " .. kind, "at equal KL, " .. kind })
    lu.assertAlmostEquals(means[2 * i - 1], 0.05 * i, 1e-9)
    lu.assertAlmostEquals(means[2 * i], 0.05 * i, 1e-9)
  end
end

--- Peaks of 0.5, 0.55 and 0.7: 0.2 from the smallest to the widest. From its peak to its end the smallest
-- loses 0.2 and the widest 0.05. The task's own peak is 0.6, that of offline 0.4.
function TestClaims:test_proxies_of_three_widths()
  local sides = { side("online", run(0.6)), side("offline, one setting", run(0.4)),
    side("online, proxy of width 8", run(0.5, 0.3)), side("online, proxy of width 16", run(0.55)),
    side("online, proxy of width 32", run(0.7, 0.65)) }
  local means, names = read(claims.judge(widths.claims(claims, { widths = "8,16,32" }), sides))
  for i, wanted in ipairs { 0.2, 0.15, -0.1, 0.1, 0.15, 0.3 } do
    lu.assertAlmostEquals(means[i], wanted, 1e-9, names[i])
  end
  lu.assertEquals({ #means, names[6] }, { 6, "the gap at the peak, proxy of width 32" })
end

TestSizeFigures = {}

--- The half width of two repetitions is 12.706 |a - b| / 2 (Student's t, 0.975, one degree of freedom). Of an
-- online run that wins nothing there is no share.
function TestSizeFigures:test_a_row_for_each_size_and_two_figures()
  local sides, texts, captions, made = {
    side("online tiny", run(0.4), run(0.6)), side("offline tiny", run(0.2), run(0.3)),
    side("shuffled tiny", run(0.4), run(0.3)), side("online large", run(0)), side("offline large", run(0.2)),
    side("shuffled large", run(0.1)),
  }, {}, {}, nil
  local page = { figure = function(_, _, caption) captions[#captions + 1] = caption end,
    text = function(_, text) texts[#texts + 1] = text end, table = function(_, given) made = given end }
  local counts = {}
  for _, one in ipairs(sides) do counts[one.label] = one.label:find "tiny" and 1000 or 4000 end
  size_figures.section(page, sides, { { found = counts } })
  lu.assertEquals(made.rows, {
    { "tiny", 1000, "0.500 ± 1.271", "0.250 ± 0.635", "0.350 ± 0.635", "0.500 ± 0.000", "0.750 ± 3.177" },
    { "large", 4000, "0.000", "0.200", "0.100", "-", "-" },
  })
  lu.assertEquals(texts, { "The largest of 2 sizes has 4 times the parameters of the smallest." })
  lu.assertStrContains(captions[1], "figure 14")
  lu.assertStrContains(captions[2], "figure 11")
end

os.exit(lu.LuaUnit.run())
