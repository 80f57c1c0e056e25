--- Calibration pages: what they say follows from the points of the runs.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local page = require "perilune.tasks.check_page"
local recorded = require "perilune.run"
local tasks = require "perilune.tasks"
local valence = require "perilune.tasks.valence"

--- A point whose every prompt has this win rate: as many wins as it takes of 100 prompts, in both halves.
local function point(step, kl, win, accuracy)
  local wins = {}
  for i = 1, 100 do wins[i] = (i + 1) // 2 <= 50 * win and 1 or 0 end
  return {
    step = step, kl = kl, win = win, wins = wins, proxy_accuracy = accuracy, length = 9, unfinished = 0,
  }
end

--- What check finds, of the win rates of online and offline runs at 0, 2, 4 and 8 nats.
local function found(online, offline, accuracy)
  local function run(label, wins, last)
    local points = {}
    for i, win in ipairs(wins) do
      points[i] = point(10 * (i - 1), ({ 0, 2, 4, 8 })[i], win, i == #wins and last or 0.8)
    end
    return { label = label, beta = 0.1, lr = 1e-3, points = points }
  end
  return {
    task = { name = "letters", cost = 0.15 }, options = { seed = 901, best_of = 64, prompts = 100 },
    steps = 30,
    start = point(0, 0, online[1], 0.8), notes = {}, best_of_start = { mean = 0.9, se = 0.02, count = 64 },
    best_of_golden = { mean = 0.5, se = 0.05, count = 64 }, proxy = { mean = 0.8, se = 0.02, count = 256 },
    runs = { run("online", online, accuracy or 0.5), run("online by gold", online), run("offline", offline) },
  }
end

TestPage = {}

function TestPage:test_a_hump_on_both_sides_is_seen()
  local holds, text = page(found({ 0.1, 0.4, 0.6, 0.3 }, { 0.1, 0.4, 0.3, 0.1 }))
  for _, name in ipairs { "gain", "proxy", "exploited", "online_rises", "online_falls", "offline_rises",
    "offline_falls" } do lu.assertTrue(holds[name], name) end
  lu.assertStrContains(text, "peak 0.60 at 4.0 nats (step 20)")
  lu.assertStrContains(text, "0.30 at 8.0 nats, a fall of 0.30")
  lu.assertFalse(holds.gold_holds)
end

function TestPage:test_a_run_that_still_rises_does_not_fall()
  local holds, text = page(found({ 0.1, 0.2, 0.4, 0.6 }, { 0.1, 0.2, 0.4, 0.6 }, 0.8))
  lu.assertTrue(holds.online_rises and holds.gold_holds)
  lu.assertFalse(holds.online_falls or holds.offline_falls or holds.exploited)
  lu.assertStrContains(text, "no measurement at 1.5 times that KL")
end

function TestPage:test_a_proxy_outside_its_range_is_named()
  local given = found({ 0.1, 0.4, 0.6, 0.3 }, { 0.1, 0.4, 0.3, 0.1 })
  given.proxy.mean = 0.95
  local holds, text = page(given)
  lu.assertFalse(holds.proxy)
  lu.assertStrContains(text, "no   the proxy is right on 95.0 % of 256 pairs of the start (70 to 90 wanted)")
end

-- The peak of noise is chosen by one half of the prompts and reported of the other.
function TestPage:test_the_peak_is_not_reported_on_the_prompts_that_chose_it()
  local given = found({ 0.1, 0.2, 0.2, 0.2 }, { 0.1, 0.2, 0.2, 0.2 })
  local chosen = given.runs[1].points[3]
  for i = 1, 100 do chosen.wins[i] = i % 2 end
  local _, text = page(given)
  lu.assertStrContains(text, "online: peak 0.00 at 4.0 nats (step 20)")
end

function TestPage:test_the_circles_of_raters_are_told()
  local given = found({ 0.1, 0.4, 0.6, 0.3 }, { 0.1, 0.4, 0.3, 0.1 })
  given.cycles = {
    { of = "the corpus", cycles = 0.015, asked_cycles = 0.048, agreement = 0.9, count = 1000 },
  }
  local _, text = page(given)
  lu.assertStrContains(text, "go in a circle on 1.5 % of 1000 triples of the corpus, those of the raters "
    .. "asked on 4.8 %; those asked decide as all do on 90.0 % of pairs.")
end

-- By hand: refusals of safe requests are 0.3 of all responses and safe requests 0.6 of them: a half.
function TestPage:test_a_part_of_some_prompts_is_a_share_of_those()
  local given = found({ 0.1, 0.4, 0.6, 0.3 }, { 0.1, 0.4, 0.3, 0.1 })
  given.task.shares = { safe_refuse = "safe", unsafe_refuse = "unsafe" }
  given.start.parts = { safe_refuse = 0.3, safe = 0.6, unsafe_refuse = 0, unsafe = 0 }
  local _, text = page(given)
  lu.assertStrMatches(text, ".*\nsafe_refuse%s+0%.50 .*")
  lu.assertStrMatches(text, ".*\nunsafe_refuse%s+%- .*")
end

function TestPage:test_a_task_without_a_cost_has_none_in_its_title()
  local given = found({ 0.1, 0.4, 0.6, 0.3 }, { 0.1, 0.4, 0.3, 0.1 })
  given.task.cost = nil
  lu.assertStrContains(select(2, page(given)), "Calibration of letters: seed 901, 30 steps")
end

TestCheck = {}

function TestCheck:test_a_page_is_made_of_a_small_pipeline()
  local small = tasks.refusal { seed = 1 }
  small.model.dim, small.model.layers, small.model.heads, small.model.hidden = 16, 1, 2, 32
  local made = small:check {
    steps = 4, checkpoints = "2", pairs = 64, prompts = 8, best_of = 2, judge_steps = 2, start_steps = 4,
    golden_steps = 2, quiet = true,
  }
  lu.assertEquals(#made.runs, 6)
  lu.assertEquals(#made.runs[1].points, 3)
  lu.assertNotNil(made.runs[1].points[3].parts.errors)
  lu.assertStrMatches(made.text, "An analogue of harmlessness training.*\n\nWhere the dynamics come from.*"
    .. "\n\nWhat it shows instead of two falls: .*"
    .. "\n\nCalibration of refusal: cost 0%.15, seed 901, 4 steps\n.*")
  lu.assertStrContains(made.text, "Costs of text in refusal: 2 responses of the start to each of 8 prompts")
  lu.assertEquals(#made.costs.rows, 4)
end

function TestCheck:test_the_runs_of_a_page_are_recorded_and_make_it_anew_without_training()
  local folder = support.new_path()
  local removed <close> = setmetatable({}, {  -- luacheck: ignore 211
    __close = function() os.execute(("rm -rf '%s'"):format(folder)) end,
  })
  local function checked()
    local small = tasks.refusal { seed = 1 }
    small.model.dim, small.model.layers, small.model.heads, small.model.hidden = 16, 1, 2, 32
    return small:check {
      steps = 4, checkpoints = "2", pairs = 64, prompts = 8, best_of = 2, judge_steps = 2, start_steps = 4,
      golden_steps = 2, quiet = true, runs = folder,
    }
  end
  local first = checked()
  local list = recorded.runs { folder = folder }
  lu.assertEquals(#list, 9, "the start, the golden policy, the proxy and six runs")
  lu.assertEquals(#recorded.runs { folder = folder, side = "offline" }, 4)
  local dumps = {}
  for i = 1, #list do dumps[i] = list[i]:dump() end
  local again = checked()
  lu.assertEquals(again.text, first.text)
  lu.assertStrContains(again.text, "Made of the runs calibration-of-refusal-{")
  local after = recorded.runs { folder = folder }
  lu.assertEquals(#after, 9)
  for i = 1, #after do
    lu.assertEquals(after[i].status, "finished")
    lu.assertEquals(after[i]:dump(), dumps[i])
  end
end

function TestCheck:test_a_cost_is_refused_where_gold_does_not_read_text()
  local stage = require "perilune.align.experiment.stage"
  lu.assertEquals(support.message(stage.stage, { task = "harmless", cost = 0.1 }),
    "cost: the gold of the task 'harmless' does not read text as text")
  lu.assertEquals(support.message(stage.stage, { task = "sentiment", cost = -0.5 }),
    "cost: expected a number from 0, or -1 for the task's, not -0.5")
end

function TestCheck:test_what_is_no_task_is_refused()
  local wanted <const> = "tasks.check: expected a task, or its name, not "
  lu.assertEquals(support.message(tasks.check, 3), wanted .. "3")
  lu.assertEquals(support.message(tasks.check, {}), wanted .. "a table; call it as task:check()")
  lu.assertEquals(support.message(tasks.refusal().check), wanted .. "nil; call it as task:check()")
  lu.assertStrContains(support.message(tasks.check, "refusal", { stps = 1 }), "did you mean 'steps'?")
end

--- A task of letters, whose start is trained.
local function letters(given)
  local tokenizer = { eos = 0, vocab_size = 27 }
  function tokenizer.encode(_, text) return { text:byte(1, -1) } end
  function tokenizer.decode(_, ids) return table.concat(ids, ",") end
  local fields = {
    name = "letters", tokenizer = tokenizer, max_prompt = 2, max_response = 4, labels = { 25, 26 },
    model = { style = "llama", layers = 1, dim = 16, heads = 2, hidden = 32, max_length = 16 },
    prompts = function(_, _, count, skip)
      local out = {}
      for i = 1, count do out[i] = { 1, ((skip or 0) + i) % 20 + 2 } end
      return out
    end,
    text = function(_, _, i) return { 1, i % 20 + 2, i % 7 + 3, 0 } end,
    gold_score = function(_, _, response) return -#response end,
    sft = { steps = 2, batch = 4, lr = 1e-3 },
  }
  for name, value in pairs(given or {}) do fields[name] = value or nil end
  return tasks.define(fields)
end

local tiny <const> = {
  steps = 2, checkpoints = "2", pairs = 64, prompts = 8, best_of = 2, judge_steps = 2, start_steps = 2,
  golden_steps = 2, quiet = true,
}

function TestCheck:test_a_task_of_a_table_has_a_page()
  local made = letters():check(tiny)
  lu.assertEquals(#made.runs, 6)
  lu.assertNil(made.costs)
  lu.assertStrContains(made.text, "Calibration of letters: seed 901, 2 steps")
end

function TestCheck:test_a_task_of_a_file_has_a_page()
  local path, records = os.tmpname(), {}
  for i = 1, 400 do
    records[i] = { prompt = ("say %d"):format(i), chosen = (" yes %d"):format(i), rejected = " no" }
  end
  require "perilune.formats".save_json_lines(path, records)
  local small = tasks.from_pairs { path = path, vocab_size = 300, cache = false, max_prompt = 16,
    max_response = 16, layers = 1, dim = 16 }
  os.remove(path)
  local made = small:check(tiny)
  lu.assertEquals(#made.runs, 6)
  lu.assertStrContains(made.text, "Calibration of from_pairs: seed 901, 2 steps")
end

function TestCheck:test_what_a_page_needs_and_a_task_lacks_is_named()
  local function refusal(given) return support.message(tasks.check, letters(given), tiny) end
  lu.assertEquals(refusal { sft = false },
    "tasks.check: the task 'letters' lacks sft.steps, sft.batch, sft.lr")
  lu.assertEquals(refusal { labels = false }, "tasks.check: the task 'letters' lacks labels")
  lu.assertEquals(refusal { golden = { beta = 0.1 }, runs = { offline = { beta = { 0.1 } } } },
    "tasks.check: the task 'letters' lacks runs.offline.lr, golden.lr, golden.steps")
end

--- The page of runs without an offline one indexed nothing after all were trained.
function TestCheck:test_a_sweep_without_a_setting_is_refused_before_anything_is_trained()
  for shown, list in pairs { ["an empty one"] = {}, ["0.1"] = 0.1, ["one with 'x'"] = { 0.1, "x" } } do
    for name, lists in pairs { beta = { beta = list, lr = { 1e-4 } }, lr = { beta = { 0.1 }, lr = list } } do
      support.refuses(("tasks.check: runs.offline.%s of the task 'letters' must be a list of numbers, not %s")
        :format(name, shown), tasks.check, letters { runs = { offline = lists } }, tiny)
    end
  end
end

--- The records of one cost of over-refusal were those of another.
function TestCheck:test_the_options_of_a_task_are_part_of_its_records()
  local folder = support.new_path()
  local removed <close> = setmetatable({}, {  -- luacheck: ignore 211
    __close = function() os.execute(("rm -rf '%s'"):format(folder)) end,
  })
  for _, over in ipairs { 0.5, 1 } do
    local small = tasks.refusal { over = over }
    small.model.dim, small.model.layers, small.model.heads, small.model.hidden = 16, 1, 2, 32
    local how = { runs = folder }
    for name, value in pairs(tiny) do how[name] = value end
    small:check(how)
  end
  lu.assertEquals(#recorded.runs { folder = folder }, 18)
end

TestMost = {}

-- By hand: two words count, so three happy words give 2 / 3 of their sum.
function TestMost:test_more_words_than_count_give_their_mean()
  local text = { "joy", "love", "happy" }
  local _, all = valence.scorer({}).parts(text)
  local parts, two = valence.scorer({ most = 2 }).parts(text)
  support.close(two, all * 2 / 3, 1e-12)
  support.close(parts[1].part + parts[2].part + parts[3].part, two, 1e-12)
  lu.assertEquals(select(2, valence.scorer({ most = 3 }).parts(text)), all)
end

os.exit(lu.LuaUnit.run())
