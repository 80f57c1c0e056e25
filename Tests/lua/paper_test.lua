--- The parts of the paper's figures: settings of a task, shared runs, the page.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local identity = require "perilune.run.identity"
local align = require "perilune.align"
local command = require "perilune.sweep.command"
local html = require "perilune.paper.html"
local markdown = require "perilune.paper.markdown"
local page = require "perilune.paper.page"
local paper_figures = require "perilune.paper"
local cost = require "perilune.align.experiment.cost"
local results = require "perilune.align.experiment.results"
local plain = require "perilune.plain"
local record = require "perilune.align.experiment.record"
local scale = require "perilune.paper.scale"
local settings = require "perilune.paper.settings"
local stages = require "perilune.paper.stages"
local stream = require "perilune.paper.reading.stream"
local system = require "perilune.system"
local variants = require "perilune.paper.variants"

local function options(more)
  local o = { task = "sentiment", data = "", cost = -1, loss = "ipo", lr = "", beta = "", steps = 0,
    size = "default" }
  for name, value in pairs(more or {}) do o[name] = value end
  return o
end

TestSettings = {}

function TestSettings:test_online_has_one_setting_and_offline_the_task_s_sweep()
  local runs = settings.runs(options())
  local one, sweep = settings.one(options()), settings.sweep(options())
  lu.assertEquals(support.names(one), { ("lr %g, beta %g, %d steps"):format(runs.lr, runs.beta, runs.steps) })
  lu.assertEquals(#sweep, #runs.offline.lr * #runs.offline.beta)
  lu.assertTrue(#sweep > 1)
  lu.assertEquals(sweep[1].steps, runs.offline.steps or runs.steps)
end

function TestSettings:test_options_replace_the_task_s()
  local o = options { lr = "1e-4", beta = "0.2", steps = 7 }
  lu.assertEquals(support.names(settings.one(o)), { "lr 0.0001, beta 0.2, 7 steps" })
  lu.assertEquals(support.names(settings.sweep(o)), { "lr 0.0001, beta 0.2, 7 steps" })
end

--- The settings of a small task are its own: the cache told tasks apart by name, file and cost alone.
function TestSettings:test_what_is_not_given_is_the_task_s()
  local runs, o = settings.runs(options()), options()
  settings.fill(o)
  lu.assertEquals({ o.lr, o.steps }, { ("%g,%g"):format(table.unpack(runs.offline.lr)), runs.steps })
  o = options { lr = "1e-3", beta = "0.3", steps = 5 }
  settings.fill(o)
  lu.assertEquals({ o.lr, o.beta, o.steps }, { "1e-3", "0.3", 5 })
  o = options { loss = "dpo" }
  settings.fill(o)
  lu.assertEquals(o.beta, "")
  lu.assertNotIs(settings.runs(options { small = true }), settings.runs(options { small = false }))
end

--- Rates were given on by six of their digits.
function TestSettings:test_rates_of_more_digits_are_the_same_rates()
  local o = { task = "sentiment", data = "", cost = -1, loss = "ipo", beta = "", steps = 9 }
  o.lr = "3.1000001e-4"
  lu.assertEquals(settings.one(o)[1].lr, 3.1000001e-4)
  lu.assertEquals(settings.one(o)[1].name, "lr 0.00031000001000000001, beta 0.05, 9 steps")
  local runs = settings.runs(o)
  local lr, sweep = runs.lr, runs.offline.lr
  runs.lr, runs.offline.lr = 1 / 3, { 2 / 3 }
  o.lr = ""
  local online, offline = settings.one(o)[1].lr, settings.sweep(o)[1].lr
  settings.fill(o)
  runs.lr, runs.offline.lr = lr, sweep
  lu.assertEquals({ online, offline, tonumber(o.lr) }, { 1 / 3, 2 / 3, 2 / 3 })
  lu.assertEquals(settings.slower(o, 1 / 6).lr, "0.111111")
end

function TestSettings:test_another_loss_is_in_the_name()
  lu.assertEquals(support.names(settings.one(options { steps = 7 }, "bo2")), { "bo2, lr 0.0003, 7 steps" })
end

function TestSettings:test_a_smoke_run_has_no_sweep()
  lu.assertEquals(#settings.sweep(options { size = "smoke" }), 1)
end

TestVariants = {}

--- Figures share a run where label, setting and source are one.
function TestVariants:test_pooled_online_runs_are_the_online_runs()
  local make = variants.of(options())
  lu.assertEquals({ make.online().run, make.online_pooled().run }, { "online", "online" })
  lu.assertEquals(make.online_pooled().label, "online, pooled")
  lu.assertEquals(make.replay("all").from, "online")
  local bo2 = variants.of(options(), "bo2")
  lu.assertEquals({ bo2.online().label, bo2.replay(4).label, bo2.replay(4).from },
    { "bo2 online", "bo2 shuffled within 4", "bo2 online" })
end

function TestVariants:test_unknown_sizes_are_named()
  lu.assertEquals(support.message(scale.variants, variants.of(options()), options { sizes = "tiny,smal" }),
    "sizes: there is no 'smal'; did you mean 'small'?")
end

TestSharing = {}

--- What a script of scripts/paper, very small, does in a folder: the names of the family's runs after it.
local function runs_after(script, folder, ...)
  local words = {
    arg[-1], ("%s/scripts/paper/%s.lua"):format(support.root, script), "--smoke", "--jobs", "1", "--pairs",
    "32", "--judge-steps", "2", "--start-steps", "2", "--golden-steps", "2", "--steps", "3", "--checkpoints",
    "2", "--prompts", "4", "--out", folder .. "/" .. script, "--runs", folder .. "/runs", ...,
  }
  local pipe = assert(io.popen(command.line(words) .. " 2>&1"))
  local output = pipe:read "a"
  lu.assertTrue(pipe:close(), output)
  local there = {}
  for _, name in ipairs(system.list_folder(folder .. "/runs")) do
    if name:find "^paper%-" then there[#there + 1] = name end
  end
  table.sort(there)
  return there
end

--- The hash of the running script was part of a run's name: every figure trained all of its runs anew.
function TestSharing:test_a_second_figure_trains_nothing_that_the_first_one_has()
  local folder = support.new_path()
  local first = runs_after("fig04_coverage", folder)
  lu.assertEquals(#first, 8, "proxy, golden policy, start, online, by gold, in order, shuffled, offline")
  lu.assertEquals(runs_after("fig07_accuracy_vs_winrate", folder), first)
  os.execute(("rm -rf '%s'"):format(folder))
end

--- A report with another loss took the place of the first one's, and an array of jobs had no way to divide a
-- figure.
function TestSharing:test_another_call_has_a_report_of_its_own_and_a_repetition_none()
  local folder = support.new_path()
  local own = folder .. "/fig07_accuracy_vs_winrate/sentiment"
  local function there(name) return system.exists(own .. name .. "/verdict.json") end
  runs_after("fig07_accuracy_vs_winrate", folder, "--repetition", "1")
  lu.assertFalse(there "")
  runs_after("fig07_accuracy_vs_winrate", folder)
  lu.assertTrue(there "")
  local before = support.read(own .. "/verdict.json")
  runs_after("fig07_accuracy_vs_winrate", folder, "--loss", "dpo")
  lu.assertEquals(support.read(own .. "/verdict.json"), before)
  local entries = page.read(folder, { "fig07_accuracy_vs_winrate" }, { "sentiment" })
  lu.assertEquals(#entries, 2)
  lu.assertStrContains(entries[2].command, "--loss dpo")
  os.execute(("rm -rf '%s'"):format(folder))
end

--- What paper.figure of a figure without claims says on standard error; `meanwhile` is called where it would
-- train.
local function figure_in(folder, meanwhile, ...)
  local words = { "--smoke", "--out", folder, "--runs", folder .. "/runs", ... }
  local experiment = align.experiment
  local compare = experiment.compare
  return support.with_errors(function()
    rawset(experiment, "compare", function(given)
      rawset(experiment, "compare", compare)
      meanwhile()
      given.folder()
      return { verdicts = {}, header = { "a" }, rows = { { "b" } } }
    end)
    paper_figures.figure { name = "fig", arguments = words, question = "Q?", found = "F.",
      variants = function() return {} end, claims = function() return {} end }
  end)
end

--- The commands of the reports in a folder, in the order of its names.
local function commands_in(folder)
  local list = {}
  for _, name in ipairs(system.list_folder(folder)) do
    local path = ("%s/%s/verdict.json"):format(folder, name)
    if system.exists(path) then list[#list + 1] = plain.decode(support.read(path)).command end
  end
  table.sort(list)
  return list
end

local function nothing() end

--- The folder was chosen before the training alone: of two calls at once one report was left.
function TestSharing:test_calls_at_once_have_a_report_each()
  local folder, said = support.new_path(), nil
  local first = figure_in(folder, function()
    said = figure_in(folder, nothing, "--flip-rate", "0.1")
  end)
  lu.assertEquals(said, "")
  lu.assertStrContains(first, ("%s/sentiment is of `bin/perilune scripts/paper/fig.lua --smoke "
    .. "--flip-rate 0.1`: this report is in %s/sentiment-"):format(folder, folder))
  local own <const> = "bin/perilune scripts/paper/fig.lua --smoke"
  lu.assertEquals(commands_in(folder), { own, own .. " --flip-rate 0.1" })
  lu.assertFalse(system.exists(folder .. "/sentiment/command.txt"))
  os.execute(("rm -rf '%s'"):format(folder))
end

--- The words were compared: `--task sentiment`, as paper.lua gives it, made a second report.
function TestSharing:test_the_same_settings_in_other_words_have_one_report()
  local folder = support.new_path()
  local own = folder .. "/sentiment/verdict.json"
  figure_in(folder, nothing, "--flip-rate", "0.1")
  lu.assertEquals(figure_in(folder, nothing, "--task", "sentiment", "--flip-rate=1e-1", "--steps", "6"), "")
  -- A report of an earlier version has the words that were typed.
  local text, count = support.read(own):gsub("%-%-flip%-rate 0.1",
    "--task sentiment --lr '' --flip-rate=0.10")
  lu.assertEquals(count, 1)
  system.write_file(own, text)
  lu.assertEquals(figure_in(folder, nothing, "--flip-rate", "0.1"), "")
  figure_in(folder, nothing)
  figure_in(folder, nothing, "--task", "sentiment")
  lu.assertEquals(#commands_in(folder), 2)
  os.execute(("rm -rf '%s'"):format(folder))
end

--- The files of the library whose texts are in the key of the runs that figures share, by name.
local function files_of_the_key()
  local real, is_read, names = identity.source, {}, {}
  identity.source = function(text)
    is_read[text] = true
    return real(text)
  end
  local ok, problem = pcall(results.key, "paper", options(), "family")
  identity.source = real
  lu.assertTrue(ok, problem)
  local list <close> = assert(io.popen(("cd '%s' && find . -name '*.lua'"):format(support.stdlib)))
  for path in list:lines() do
    local text = support.read(("%s/%s"):format(support.stdlib, path))
    if is_read[text] then names[path:sub(3)] = text end
  end
  return names
end

--- A claim of seven files of stdlib/paper that was put in other words trained every figure anew.
function TestSharing:test_no_claim_is_in_the_key_of_shared_runs_and_every_source_is()
  local files, count = files_of_the_key(), 0
  for name, text in pairs(files) do
    if name:find "^paper/" then
      count = count + 1
      for _, telling in ipairs { "function [%w_.]*claims", "function [%w_.]*section", "paper =", "plot%." } do
        lu.assertNil(text:find(telling), ("%s has %s"):format(name, telling))
      end
    end
  end
  for _, name in ipairs { "curation", "objectives", "proxies", "refresh", "rewards", "scale", "segments",
    "settings", "shuffling", "stages", "support", "tandem", "variants" } do
    lu.assertNotNil(files[("paper/%s.lua"):format(name)], name)
  end
  lu.assertEquals(count, 13)
end

--- A script's own source may change with it.
function TestSharing:test_a_source_of_a_script_is_not_shared_with_other_scripts()
  local make = variants.of(options())
  local own = make.of("half of each", function() end)
  lu.assertEquals({ make.online().shared, make.replay("all").shared, own.shared }, { true, true, nil })
  own.of = "0123456789abcdef"
  lu.assertEquals(record.name("seed 1", own), "seed 1, half of each of the script 0123456789ab")
  lu.assertEquals(record.name("seed 1", make.online_pooled()), "seed 1, online")
end

--- D_a-vs-b of the end, mixed: half of the pairs are golden ones.
function TestVariants:test_a_mixture_is_half_golden_pairs()
  local one, two = { prompt = { 1 }, chosen = { 2 }, rejected = { 3 } }, {}
  for i = 1, 5 do two[i] = one end
  local start = align.policy.table { contexts = { { 1 } }, vocab = 4 }
  local task = { max_response = 1, stop = { 0 }, tokenizer = { eos = 0 }, max_prompt = 1 }
  local stage = { start = start, golden_pairs = align.batch.of_pairs(two), prompts = { { 1 } }, task = task,
    gold = align.judge.from_function("larger", function(_, a, b) return a[1] > b[1] and 1 or 0 end) }
  local mixed = variants.of(options()).mixed(1, 1)
  lu.assertEquals({ mixed.label, mixed.from }, { "half golden, half end against end", "online" })
  local run = { seed = 1, batch = 1, done = { online = { policy = start, step = 1 } } }
  local source = mixed.source(stage, run)
  local golden = 0
  for i = 1, #source.dataset do
    local pair = source.dataset[i]
    golden = golden + (pair.chosen[1] == 2 and pair.rejected[1] == 3 and i <= 2 and 1 or 0)
  end
  lu.assertEquals({ #source.dataset, golden }, { 5, 2 })
end

--- A run at another rate is another run of the same name.
function TestVariants:test_renewal_at_a_share_of_the_rate()
  local make = variants.of(options())
  local runs = settings.runs(options())
  local slow = make.refreshed(16, 0.5)
  lu.assertAlmostEquals(slow.settings[1].lr, runs.lr / 2, 1e-12)
  lu.assertEquals({ slow.run, make.refreshed(16).run }, { "renewed every 16", "renewed every 16" })
end

TestCost = {}

--- What is finished is not counted, nor a run of two sides twice.
function TestCost:test_runs_that_are_left_are_counted_once()
  local make = variants.of(options { steps = 4 })
  local given = { options = { checkpoints = "2", steps = 4 }, record = function(name)
    return { name = name, folder = "/nowhere", resume = "never" }
  end }
  local jobs = { { run = "seed 1", setting = make.online().settings[1],
    variants = { make.online(), make.online_pooled(), make.offline_one() } } }
  lu.assertEquals(cost.left(given, jobs), { runs = 2, steps = 8, checkpoints = 4, there = 0 })
end

TestStages = {}

--- 0 beats 1, 1 beats 2, 2 beats 0, on the share of the pairs where the circle decides.
function TestStages:test_a_circular_judge_is_intransitive_and_turns_with_its_sides()
  local rows = require "perilune.models".rows
  local gold = align.judge.from_function("first", function() return 0.5 end)
  local circular = stages.circular(gold, 1)
  local responses = { { 5, 5, 5 }, { 5 }, { 5, 5 } }
  for i = 1, 3 do
    local a, b = responses[i], responses[i % 3 + 1]
    lu.assertEquals(circular:prefer(rows({ { 1 } }, { a }), rows({ { 1 } }, { b })), { 1 })
    lu.assertEquals(circular:prefer(rows({ { 1 } }, { b }), rows({ { 1 } }, { a })), { 0 })
  end
  lu.assertEquals(stages.circular(gold, 0):prefer(rows({ { 1 } }, { { 5 } }), rows({ { 1 } }, { { 5, 5 } })),
    { 0.5 })
end

TestStream = {}

function TestStream:test_seeds_of_a_repetition_are_averaged()
  local found = {
    { outer = 1, found = { proxy = { 0.9, 0.8, 0.7 } } },
    { outer = 1, found = { proxy = { 0.7, 0.7, 0.7 } } },
    { outer = 2, found = { proxy = { 0.6, 0.6, 0.9 } } },
  }
  local change = stream.change(found, "proxy")
  lu.assertEquals(#change, 2)
  lu.assertAlmostEquals(change[1], -0.1, 1e-12)
  lu.assertAlmostEquals(change[2], 0.3, 1e-12)
end

TestScript = {}

--- A folder with scripts/paper.lua and figures of one line each in place of the paper's.
function TestScript:setUp()
  self.folder = support.new_path()
  system.make_folder(self.folder .. "/paper")
  system.write_file(self.folder .. "/paper.lua", support.read(support.root .. "/scripts/paper.lua"))
end

function TestScript:tearDown() os.execute(("rm -rf '%s'"):format(self.folder)) end

--- The exit status and the output of scripts/paper.lua with these arguments, after its figures were made. It
-- is a session of its own, so that a signal to its processes is not one to this test.
function TestScript:run(figures, ...)
  for name, text in pairs(figures) do
    system.write_file(("%s/paper/%s.lua"):format(self.folder, name), text)
  end
  local words = { "setsid", "-w", arg[-1], self.folder .. "/paper.lua", "--out", self.folder .. "/out", ... }
  local pipe = assert(io.popen(command.line(words) .. " 2>&1"))
  local output = pipe:read "a"
  return select(3, pipe:close()), output
end

--- Ctrl-C of a figure was one figure that failed, and the next 25 began. A terminal sends the signal to all
-- processes; the shell between the two is ended by it.
function TestScript:test_ctrl_c_of_a_figure_ends_the_script_with_130()
  for _, ending in ipairs {
    "os.exit(130)", "os.execute '(sleep 0.2; kill -INT 0) &' require('perilune').system.sleep(60)",
  } do
    local status, output = self:run({ fig01_tradeoff = ending, fig04_coverage = "print 'went on'" },
      "--figures", "fig01_tradeoff,fig04_coverage")
    lu.assertEquals(status, 130, ending)
    lu.assertNotStrContains(output, "fig04_coverage")
  end
end

function TestScript:test_a_figure_that_fails_is_named_and_the_next_one_begins()
  local status, output = self:run({ fig01_tradeoff = "os.exit(2)", fig04_coverage = "print 'went on'" },
    "--figures", "fig01_tradeoff,fig04_coverage")
  lu.assertEquals(status, 1)
  lu.assertStrContains(output, "went on")
  lu.assertStrContains(output, "failed: fig01_tradeoff on sentiment")
  lu.assertNotStrContains(output, "failed: fig04_coverage")
end

--- "the task 'sentiment' reads no file" was the answer of every figure of a call for tasks of both kinds.
function TestScript:test_a_file_is_given_to_the_tasks_that_read_one()
  local figures = { fig01_tradeoff = "print(table.concat(arg, ' '))" }
  local _, output = self:run(figures, "--figures", "fig01_tradeoff", "--tasks", "sentiment,from_pairs",
    "--data", "/a.jsonl")
  lu.assertStrContains(output, ("--task sentiment --out %s/out/fig01_tradeoff --runs %s/out/runs\n"):format(
    self.folder, self.folder))
  lu.assertStrContains(output, "--task from_pairs ")
  lu.assertStrContains(output, "/out/runs --data /a.jsonl\n")
  lu.assertStrContains(select(2, self:run(figures, "--figures", "fig01_tradeoff", "--data", "/a.jsonl")),
    "--task from_pairs ")
end

function TestScript:test_wrong_names_are_refused_before_a_figure_begins()
  local function refusal(...)
    local status, output = self:run({ fig01_tradeoff = "print 'began'" }, ...)
    lu.assertEquals(status, 1)
    return output
  end
  lu.assertStrContains(refusal("--figures", ""), "--figures is empty; it takes fig01_tradeoff, ")
  lu.assertStrContains(refusal("--figures", "fig01_tradeof"),
    "--figures has no 'fig01_tradeof'; did you mean 'fig01_tradeoff'?\n")
  local function of_tasks(...) return refusal("--figures", "fig01_tradeoff", ...) end
  lu.assertStrContains(of_tasks("--tasks", ""), "--tasks is empty; it takes arena, ")
  lu.assertEquals(of_tasks("--tasks", "sentiment,sentimant"),
    "--tasks has no 'sentimant'; did you mean 'sentiment'?\n")
  lu.assertEquals(of_tasks("--tasks", "arena,arena"), "--tasks has arena twice\n")
  lu.assertStrContains(of_tasks("--tasks", "arena,harmless"),
    "the task 'harmless' needs its file as --data: ")
  lu.assertEquals(of_tasks("--tasks", "arena", "--data", "/a"),
    "--data: none of the tasks arena reads a file\n")
end

--- The figures printed their help, or wrote their reports elsewhere, and the page was made of older ones.
function TestScript:test_with_takes_options_that_figures_have_and_paper_lua_has_not()
  for _, with in ipairs { "--help", "--repetition 1", "--out X", "--task arena", "--runs=X",
    "--jobs 1 --smoke", "--data X", "--figures X" } do
    local status, output = self:run({ fig01_tradeoff = "print 'began'" }, "--figures", "fig01_tradeoff",
      "--with", with)
    local flag = with:gsub("^%-%-jobs 1 ", ""):match "^[%-%w]+"
    lu.assertEquals({ status, output }, { 1, ("--with takes further options of every figure, not %s: "
      .. "that is one of paper.lua itself, or of a single figure\n"):format(flag) })
  end
  local _, output = self:run({ fig01_tradeoff = "print(table.concat(arg, ' ', #arg - 1))" }, "--figures",
    "fig01_tradeoff", "--with", "--task.seed 2")
  lu.assertStrContains(output, "--task.seed 2\n")
end

--- They were tracebacks, "no variants", or a report without windows.
function TestScript:test_wrong_options_of_a_figure_are_refused_in_one_line()
  local function refusal(name, ...)
    local words = { arg[-1], ("%s/scripts/paper/%s.lua"):format(support.root, name), "--smoke", "--out",
      self.folder, "--runs", self.folder, ... }
    local pipe = assert(io.popen(command.line(words) .. " 2>&1"))
    local output = pipe:read "a"
    lu.assertEquals(select(3, pipe:close()), 1)
    return output
  end
  lu.assertEquals(refusal("fig10_scale", "--sizes", "tiny,hug"),
    "sizes: there is no 'hug'; it takes tiny, small, medium, large\n")
  lu.assertEquals(refusal("fig10_scale", "--sizes", ""),
    "--sizes is empty; unless given it is tiny,small,medium,large\n")
  lu.assertEquals(refusal("fig10_scale", "--sizes", "tiny,tiny"), "sizes has tiny twice: 'tiny,tiny'\n")
  lu.assertEquals(refusal("fig13_shuffle", "--windows", "0.1%"),
    "windows takes at least one of two batches or more, or 1, for 6 steps, not '0.1%'\n")
  lu.assertStrContains(refusal("fig13_shuffle", "--windows", "0"), "windows takes whole numbers from 1, ")
  lu.assertStrContains(refusal("oq3_refresh", "--every", ""), "--every is empty; unless given it is 1,")
end

--- It wrote no page, no Markdown, and ended with 0.
function TestScript:test_a_page_of_nothing_is_said_and_ends_with_1()
  local status, output = self:run({ fig01_tradeoff = "" }, "--page", "--figures", "fig01_tradeoff")
  lu.assertEquals(status, 1)
  local text <const> = "not there: fig01_tradeoff on sentiment\n"
    .. "%s/out has no report of these figures, so there is no page\n"
  lu.assertEquals(output, text:format(self.folder))
end

function TestScript:test_a_page_with_a_damaged_figure_is_written_and_ends_with_1()
  local own = self.folder .. "/out/%s/sentiment"
  local whole = { name = "fig04_coverage", task = "sentiment", question = "Q?", found = "F.", size = "smoke",
    date = "2026-11-28", outer_seeds = 2, verdicts = {}, header = { "a" }, rows = { { "b" } } }
  for name, text in pairs { fig01_tradeoff = "{", fig04_coverage = plain.encode(whole) } do
    system.make_folder(own:format(name))
    system.write_file(own:format(name) .. "/verdict.json", text)
  end
  local status, output = self:run({ fig01_tradeoff = "" }, "--page", "--figures",
    "fig01_tradeoff,fig04_coverage")
  lu.assertEquals(status, 1)
  lu.assertStrContains(output, "fig01_tradeoff on sentiment: " .. own:format "fig01_tradeoff"
    .. "/verdict.json is damaged: ")
  lu.assertStrContains(output, "page: ")
  lu.assertTrue(system.exists(self.folder .. "/out/paper.html"))
end

--- A page of what is there had what is there on `sentiment` alone.
function TestScript:test_a_page_has_all_tasks_that_have_a_report()
  for _, task in ipairs { "arena", "refusal" } do
    local own = ("%s/out/fig01_tradeoff/%s"):format(self.folder, task)
    local made = { name = "fig01_tradeoff", task = task, question = "Q?", found = "F.", size = "smoke",
      date = "2026-11-28", outer_seeds = 2, verdicts = {}, header = { "a" }, rows = { { "b" } } }
    system.make_folder(own)
    system.write_file(own .. "/verdict.json", plain.encode(made))
    system.write_file(own .. "/frontier.svg", "<svg></svg>")
  end
  local status = self:run({ fig01_tradeoff = "" }, "--page", "--figures", "fig01_tradeoff")
  lu.assertEquals(status, 0)
  local text = support.read(self.folder .. "/out/paper.html")
  lu.assertStrContains(text, "fig01_tradeoff on arena")
  lu.assertStrContains(text, "fig01_tradeoff on refusal")
end

--- Any file beside scripts/paper was taken for a figure: "../paper" would have started the script anew.
function TestScript:test_a_figure_is_one_of_the_list()
  for _, name in ipairs { "../paper", "other", "fig01_tradeoff.lua" } do
    local status, output = self:run({ fig01_tradeoff = "", other = "print 'began'" }, "--figures", name)
    lu.assertEquals(status, 1)
    lu.assertStrContains(output, ("--figures has no '%s'; "):format(name))
    lu.assertNotStrContains(output, "began")
  end
  for _, flag in ipairs { "--figures", "--tasks" } do
    local status, output = self:run({}, flag, "fig01\xff")
    lu.assertEquals({ status, output }, { 1, flag .. " is no UTF-8\n" })
  end
end

TestPage = {}

--- The figure that a script is about is on the page, not its win rates alone.
function TestPage:test_a_script_s_own_figures_are_on_the_page()
  local path = support.new_path()
  local entry = {
    name = "fig06_proxy", task = "sentiment", question = "Who?", found = "The proxy.", size = "smoke",
    verdicts = { { verdict = "holds", paper = "It is.", name = "accuracy", text = "0.1" } }, header = { "a" },
    rows = { { "b" } }, outer_seeds = 2, date = "2026-11-28", command = "bin/perilune --loss dpo",
    processor = "EPYC", beside = { header = { "side", "errors of text" }, rows = { { "online", "0.25" } } },
    figures = { "<svg>win rates</svg>", "<svg>of others</svg>" }, caption = "Over prompts alone.",
    report = "fig06_proxy/sentiment/report.html", proxy = { "<svg>the proxy's</svg>" },
    parts = { { kind = "figure", svg = "<svg>accuracy</svg>", caption = "By step." },
      { kind = "table", header = { "curve" }, rows = { { "a line" } } },
      { kind = "text", text = "As it is." } },
  }
  lu.assertEquals(html.write({ entry }, { { name = "fig07", task = "arena" } }, path),
    "1 hold, 0 do not, 0 not resolved, 0 not measured")
  local text = support.read(path)
  for _, part in ipairs { "<svg>accuracy</svg>", "<svg>of others</svg>", "<svg>the proxy's</svg>",
    entry.report, "By step.", "a line", "As it is.", "Over prompts alone.",
    "Here: of its findings 1 hold, 0 do not", "bin/perilune --loss dpo", "Not run on arena: fig07.",
    '<a href="#fig06_proxy-sentiment-1">', '<h2 id="fig06_proxy-sentiment-1">fig06_proxy on sentiment</h2>',
    "errors of text", "--smoke, 2 repetitions" } do
    lu.assertStrContains(text, part)
  end
  lu.assertTrue(text:find("<svg>accuracy", 1, true) < text:find("<svg>win rates", 1, true))
  os.remove(path)
  markdown.write({ entry }, {}, path .. ".md")
  local first = ("![fig06_proxy on sentiment](%s/fig06_proxy-sentiment-1.svg)"):format(path:match "[^/]*$")
  lu.assertStrContains(support.read(path .. ".md"), first)
  lu.assertEquals(support.read(path .. "/fig06_proxy-sentiment-4.svg"), "<svg>accuracy</svg>")
  os.execute(("rm -rf '%s' '%s.md'"):format(path, path))
end

--- 12 rows of others were among "findings of the paper", and figures that share runs counted one twice.
function TestPage:test_each_finding_of_the_paper_is_counted_once()
  local function finding(text, mean, verdict, by)
    return { paper = text, mean = mean, text = ("%.3f"):format(mean), verdict = verdict, by = by,
      name = text == "A KL gains." and text or "online less shuffled" }
  end
  local function entry(name, task, ...)
    return { name = name, task = task, question = "Q?", found = "F.", size = "default", outer_seeds = 5,
      verdicts = { ... }, header = {}, rows = {}, parts = {}, figures = {}, proxy = {}, date = "",
      report = "", command = "", processor = "" }
  end
  local far = finding("Shuffled data stay far below online.", 0.1781, "holds", "Tang et al.")
  local again = finding("Shuffled data stay far below online.", 0.1783, "holds")
  local at_kl = finding("Shuffled data stay far below online.", 0.133, "not resolved", "Tang et al.")
  local entries = {
    entry("fig04_coverage", "sentiment", far, at_kl, finding("", 0.5, "holds", "Tang et al.")),
    entry("lit1_losses", "sentiment", again, finding("A KL gains.", 0.2, "holds", "Song et al. 2024")),
    entry("fig13_shuffle", "sentiment", finding("In other words.", 0.178, "holds", "Tang et al.")),
    entry("fig04_coverage", "sentiment", finding(far.paper, 0.5, "holds", "Tang et al.")),  -- other options
    entry("fig05_quality", "sentiment", finding("Another.", 0.4, "not resolved", "Tang et al.")),
    entry("fig04_coverage", "arena", finding(far.paper, 0.1781, "does not hold", "Tang et al.")),
  }
  lu.assertEquals(page.tally(page.findings(entries)), "1 hold, 1 do not, 2 not resolved, 0 not measured")
  local path = support.new_path()
  lu.assertEquals(html.write(entries, {}, path), "1 hold, 1 do not, 2 not resolved, 0 not measured")
  lu.assertStrContains(support.read(path), "Of 4 tests of findings of Tang et al.")
  markdown.write(entries, {}, path)
  local text = support.read(path)
  lu.assertStrContains(text, "findings of Tang et al., each number on a task counted once: 1 hold, ")
  lu.assertStrContains(text, "| Song et al. 2024: A KL gains. |")
  os.remove(path)
end

--- A figure on two tasks has a table of both before it. On one of them the paper found something else, and
-- one number was measured on one task alone.
function TestPage:test_a_figure_on_several_tasks_has_them_side_by_side()
  local function on(task, ...)
    return { name = "fig04", task = task, question = "Q?", found = "F.", size = "default", outer_seeds = 5,
      verdicts = { ... }, header = {}, rows = {}, parts = {}, figures = {}, proxy = {}, date = "",
      report = "", command = "", processor = "" }
  end
  local function claim(name, paper, text, verdict, remedy)
    return { name = name, paper = paper, by = "Tang et al.", text = text, verdict = verdict, remedy = remedy }
  end
  local entries = {
    on("sentiment", claim("peak", "Far below.", "0.18 [0.16, 0.20]", "holds"), claim("at 9", "", nil,
      "not measured")),
    on("arena", claim("peak", "Close.", "0.18 [0.09, 0.27]", "not resolved", "9 would")),
    on("arena", claim("peak", "With other options.", "0.5", "holds")),
  }
  local header, rows = require "perilune.paper.by_task".of(entries, "fig04")
  lu.assertEquals({ table.unpack(header, 3) }, { "sentiment", "arena" })
  lu.assertEquals(rows, {
    { "Far below. / Close.", "peak", "0.18 [0.16, 0.20]: holds", "0.18 [0.09, 0.27]: not resolved" },
    { "-", "at 9", "not measured", "-" },
  })
  local path = support.new_path()
  html.write(entries, {}, path)
  lu.assertStrContains(support.read(path), "fig04, task by task")
  markdown.write({ entries[1] }, {}, path)
  lu.assertNil(support.read(path):find("task by task", 1, true))
  os.remove(path)
end

function TestPage:test_what_is_missing_is_said()
  local entries, missing = page.read(os.tmpname() .. ".none", { "fig01_tradeoff" }, { "sentiment" })
  lu.assertEquals({ entries, missing }, { {}, { { name = "fig01_tradeoff", task = "sentiment" } } })
end

--- A page of what is there was not made where one file was cut, and the error named no file.
function TestPage:test_a_damaged_verdict_is_named_and_the_others_are_shown()
  local folder = support.new_path()
  local function put(name, text)
    system.make_folder(("%s/%s/sentiment"):format(folder, name))
    system.write_file(("%s/%s/sentiment/verdict.json"):format(folder, name), text)
  end
  local verdict <const> = { name = "peak", paper = "", verdict = "holds" }
  local function entry(more)
    local made = { name = "whole", task = "sentiment", question = "Q?", found = "F.", size = "smoke",
      date = "2026-11-28", outer_seeds = 2, verdicts = { verdict }, header = { "a" }, rows = { { "b" } } }
    for key, value in pairs(more or {}) do made[key] = value end
    return plain.encode(made)
  end
  put("whole", entry())
  system.write_file(folder .. "/whole/sentiment/frontier.svg", "<svg></svg>")
  for text, problem in pairs {
    [""] = "it has nil, expected an object", ["null"] = "it has nil, expected an object",
    ["5"] = "it has 5, expected an object", ["{}"] = "name is nil, expected a string",
    ["[]"] = "name is nil, expected a string", [entry():sub(1, 60)] = "JSON: ", ["\xff\xfe"] = "JSON: ",
    [entry { outer_seeds = "x" }] = "outer_seeds is 'x', expected a whole number",
    [entry { rows = { 5 } }] = "header and rows are no table", [entry { parts = 5 }] = "parts is 5, expected",
    [entry { rows = { { "b", "c" } } }] = "header and rows are no table",
    [entry { header = { {} } }] = "header and rows are no table",
    [entry { parts = { { kind = "figure" } } }] = "part 1 is no figure, table or text",
    [entry { parts = { { kind = "figure", svg = "<svg/>", caption = { 5 } } } }] = "part 1 is no figure",
    [entry { parts = { { kind = "table", header = { "a" }, rows = { { "b" } }, caption = { 5 } } } }] =
      "part 1 is no figure, table or text",
    [entry { caption = { "x" } }] = "caption is a table, expected a text",
    [entry { command = 5 }] = "command is 5, expected a text",
    [entry { beside = { header = {}, rows = { { "b" } } } }] = "beside is a table, expected a header",
    [entry { beside = { header = true, rows = { { "b" } } } }] = "beside is a table, expected a header",
    [entry { verdicts = { { name = "a", verdict = "maybe" } } }] = "verdict 1 is called 'maybe'",
    [entry { verdicts = { 5 } }] = "verdict 1 is 5",
    [entry { verdicts = { { name = "a", verdict = "holds", low = "x" } } }] =
      "verdict 1 has low = 'x', expected a number",
  } do
    put("cut", text)
    local entries, missing, damaged = page.read(folder, { "cut", "whole", "none" }, { "sentiment" })
    lu.assertEquals({ #entries, entries[1].name, missing, #damaged },
      { 1, "whole", { { name = "none", task = "sentiment" } }, 1 }, text)
    lu.assertStrContains(damaged[1],
      ("cut on sentiment: %s/cut/sentiment/verdict.json is damaged: %s"):format(folder, problem))
  end
  os.execute(("cd '%s/cut/sentiment' && rm verdict.json && mkdir verdict.json"):format(folder))
  local damaged = select(3, page.read(folder, { "cut" }, { "sentiment" }))
  lu.assertStrContains(damaged[1], "verdict.json is damaged: ")
  local frontier = folder .. "/whole/sentiment/frontier.svg"
  for _, text in ipairs { "<svg>cut", "random", "" } do
    system.write_file(frontier, text)
    lu.assertEquals(select(3, page.read(folder, { "whole" }, { "sentiment" })),
      { ("whole on sentiment: %s is no whole SVG"):format(frontier) })
  end
  os.remove(frontier)
  system.make_folder(frontier)
  lu.assertEquals(select(3, page.read(folder, { "whole" }, { "sentiment" })),
    { ("whole on sentiment: %s: Is a directory"):format(frontier) })
  os.remove(frontier)
  local entries, _, without = page.read(folder, { "whole" }, { "sentiment" })
  lu.assertEquals({ #entries, without },
    { 1, { ("whole on sentiment: %s/whole/sentiment/frontier.svg is missing"):format(folder) } })
  os.execute(("rm -rf '%s'"):format(folder))
end

os.exit(lu.LuaUnit.run())
