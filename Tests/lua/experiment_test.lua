--- Experiments at toy size: settings, stages as functions of a seed, runs that are kept, checkpoints.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local align = require "perilune.align"
local cli = require "perilune.cli"
local options = require "perilune.options"
local record = require "perilune.align.experiment.record"
local models = require "perilune.models"
local results = require "perilune.align.experiment.results"
local settings = require "perilune.align.experiment.settings"
local system = require "perilune.system"

local experiment = align.experiment

local folder = support.new_path()

--- The options of a script under --smoke, smaller still.
local function small(more)
  local o = cli.read({ "--smoke" }, options.spec("experiment_test", { experiment.options }))
  o.pairs, o.judge_steps, o.start_steps, o.golden_steps, o.steps, o.out = 32, 2, 2, 2, 4, folder
  o.checkpoints, o.jobs = "1,2", 1
  for name, value in pairs(more or {}) do o[name] = value end
  return o
end

--- Calls f without what it prints.
local function quietly(f, ...)
  local write, stderr, progress = io.write, io.stderr, require "perilune.progress"
  local warned = {}
  progress.quiet(true)
  rawset(io, "write", function() end)
  rawset(io, "stderr", { write = function(_, ...) warned[#warned + 1] = table.concat { ... } end })
  local result = table.pack(pcall(f, ...))
  rawset(io, "write", write)
  rawset(io, "stderr", stderr)
  return result[1], result[2], table.concat(warned)
end

TestSettings = {}

function TestSettings:test_every_rate_and_beta_is_a_setting()
  local list = settings.list { loss = "ipo", lr = "1e-4,3e-4", beta = "0.05,0.1" }
  local names = {}
  for i, setting in ipairs(list) do names[i] = setting.name end
  lu.assertEquals(names, {
    "lr 0.0001, beta 0.05", "lr 0.0003, beta 0.05", "lr 0.0001, beta 0.1", "lr 0.0003, beta 0.1",
  })
  lu.assertEquals({ list[3].lr, list[3].beta, list[3].loss.options.beta }, { 1e-4, 0.1, 0.1 })
end

--- The second was dropped without a word, or refused after its stage was made.
function TestSettings:test_rates_and_betas_that_differ_have_different_names()
  local function names(o)
    local list = {}
    for i, setting in ipairs(settings.list(o)) do list[i] = setting.name end
    return list
  end
  lu.assertEquals(names { loss = "ipo", lr = "3e-4,3.0000001e-4", beta = "0.05,0.050000000001" }, {
    "lr 0.0003, beta 0.05", "lr 0.00030000000999999999, beta 0.05",
    "lr 0.0003, beta 0.050000000001000001", "lr 0.00030000000999999999, beta 0.050000000001000001",
  })
  local function key_of(beta) return results.key("title", { ["loss.beta"] = beta }) end
  lu.assertNotEquals(key_of(0.1), key_of(0.1 + 1e-16))
  lu.assertStrContains(key_of(0.1), "loss.beta=0.1")
  lu.assertStrContains(key_of(1.0), "loss.beta=1.0")
end

--- A setting of the same name was left out, whatever its numbers.
function TestSettings:test_settings_of_one_name_are_refused()
  local function compare(list)
    return support.message(experiment.compare, {
      title = "one name", options = small(), settings = list,
      variants = { { label = "a", source = function(stage, run) return stage:offline(run) end } },
    })
  end
  lu.assertStrContains(compare { { lr = 1e-4, name = "x" }, { lr = 2e-4, name = "x" } },
    "two settings are both called 'x': one has lr = 0.0001, the other 0.0002")
end

--- A runs folder that was moved or named otherwise had every stage and job made anew.
function TestSettings:test_where_runs_are_is_no_part_of_what_they_are()
  local here = results.key("title", { runs = "a", out = "b", steps = 3 })
  lu.assertEquals(here, results.key("title", { runs = "c", out = "d", steps = 3 }))
  lu.assertNotEquals(here, results.key("title", { runs = "a", out = "b", steps = 4 }))
end

function TestSettings:test_a_loss_takes_its_own_options_and_one_without_beta_has_none()
  local list = settings.list {
    loss = "ipo", ["loss.norm"] = "mean", ["loss.beta"] = 0.3, lr = "1e-4", beta = "",
  }
  lu.assertEquals({ #list, list[1].loss.options.norm, list[1].loss.options.beta }, { 1, "mean", 0.3 })
  list = settings.list { loss = "bo2", lr = "1e-4", beta = "0.05,0.1" }
  lu.assertEquals({ #list, list[1].name }, { 1, "lr 0.0001" })
end

function TestSettings:test_two_ways_to_give_beta_are_refused_by_both_names()
  lu.assertStrContains(
    support.message(settings.list, { loss = "ipo", ["loss.beta"] = 0.3, lr = "1e-4", beta = "0.05,0.1" }),
    "--beta 0.05,0.1 and --loss.beta 0.3 are both given")
end

function TestSettings:test_a_loss_has_its_own_beta_unless_one_is_given()
  local function beta_of(o) return settings.list(o)[1].loss.options.beta end
  lu.assertEquals(beta_of { loss = "dpo", lr = "1e-4", beta = "" }, 0.1)
  lu.assertEquals(beta_of { loss = "ipo", lr = "1e-4", beta = "" }, 0.05)
  lu.assertEquals(beta_of { loss = "dpo", lr = "1e-4", beta = "0.3" }, 0.3)
end

function TestSettings:test_the_command_line_has_the_options_of_the_loss()
  local spec = options.spec("experiment_test", { experiment.options })
  local function read(...) return cli.read({ ... }, spec) end
  local o = read("--loss.label-smoothing", "0.2", "--loss", "dpo")
  lu.assertEquals(settings.list(o)[1].loss.options.label_smoothing, 0.2)
  lu.assertEquals(support.message(read, "--loss.bate", "1"),
    "unknown option '--loss.bate'; did you mean '--loss.beta'?")
  lu.assertEquals(support.message(read, "--loss", "bo2", "--loss.zzzzzzzz", "1"),
    "unknown option '--loss.zzzzzzzz'; --loss bo2 takes --loss.norm")
  lu.assertEquals(support.message(read, "--loss", "ipoo"), "there is no loss 'ipoo'; did you mean 'ipo'?")
end

--- gap.lua trained the proxy before it said that there is no loss kto.
function TestSettings:test_wrong_options_are_refused_before_anything_is_trained()
  local function refusal(more) return support.message(experiment.check, small(more)) end
  lu.assertStrContains(refusal { loss = "ipoo" }, "there is no loss 'ipoo'; did you mean 'ipo'?")
  lu.assertStrContains(refusal { ["loss.norn"] = "mean" }, "did you mean 'norm'?")
  lu.assertStrContains(refusal { lr = "1e-4,0" },
    "lr takes numbers above 0 that f32 can hold, separated by commas, not '1e-4,0'")
  lu.assertStrContains(refusal { lr = "1e39" }, "lr takes numbers above 0 that f32 can hold")
  lu.assertStrContains(refusal { beta = "1e-300" }, "beta takes numbers above 0 that f32 can hold")
  lu.assertStrContains(refusal { beta = "x" }, "beta takes numbers above 0")
  lu.assertStrContains(refusal { proxy = "none" },
    "proxy: there is no 'none'; it takes gold, preference, reward")
  lu.assertStrContains(refusal { proxy = "./none" },
    "proxy: there is no './none'; expected the path of a reward model")
  lu.assertStrContains(refusal { task = "sentimant" }, "did you mean 'sentiment'?")
  lu.assertStrContains(refusal { lr = "1e-4,3e-4,0.0001" }, "lr has 0.0001 twice")
  lu.assertStrContains(refusal { data = "x" }, "data: the task 'sentiment' reads no file, got 'x'")
  lu.assertStrContains(refusal { task = "harmless", data = "/no/file" },
    "data: cannot read /no/file: No such")
  lu.assertStrContains(refusal { task = "harmless", data = "/" }, "data: cannot read /: Is a directory")
  lu.assertEquals(support.message(cli.counts, "every", "1,10,all,10", "all"),
    "--every has 10 twice: '1,10,all,10'")
  lu.assertEquals(refusal { checkpoints = "all" },
    "--checkpoints takes \"kl\", or whole numbers from 1, separated by commas, not 'all'")
  lu.assertStrContains(refusal { checkpoints = "kl,4" }, "separated by commas, not 'kl,4'")
  lu.assertStrContains(refusal { repetition = 9 }, "--repetition 9: there are")
  lu.assertStrContains(refusal { label_temperature = 1.0 },
    "label_temperature: judge gold sentiment gives no probabilities")
  lu.assertStrContains(refusal { batch = 64 }, "a batch of 64 is larger than all 32 golden pairs")
end

--- All 32 were taken.
function TestSettings:test_a_proxy_of_more_pairs_than_there_are_is_refused()
  support.refuses("proxy_pairs: 33 are more than all 32 golden pairs", experiment.check,
    small { proxy_pairs = 33 })
  experiment.check(small { proxy_pairs = 32 })
end

--- The key of the runs could not be made of it, a traceback, or the proxy after the start was trained.
function TestSettings:test_a_path_without_a_reward_model_is_refused_before_anything_is_trained()
  local path = support.new_path()
  system.make_folder(path)
  local function refusal() return support.message(experiment.check, small { proxy = path }) end
  lu.assertStrContains(refusal(), ("proxy: %s: not a folder of a model, no config.json"):format(path))
  local function save(vocab, head, max_length)
    local model = models.transformer {
      vocab = vocab, dim = 4, layers = 1, heads = 1, max_length = max_length or 128, head = head,
    }
    models.save(model, path)
  end
  save(1000)
  lu.assertEquals(refusal(),
    ("proxy: %s has no score head; expected the path of a reward model"):format(path))
  save(9, "score")
  lu.assertStrMatches(refusal(), "proxy: %S+ reads 9 tokens, the task has %d+: it needs the task's tokenizer")
  save(1000, "score", 20)
  lu.assertStrMatches(refusal(),
    "proxy: %S+ reads texts of 20 tokens, a prompt and a response of sentiment have up to %d+")
  save(1000, "score", tonumber(refusal():match "up to (%d+)"))
  experiment.check(small { proxy = path })
  os.execute(("rm -r '%s'"):format(path))
end

TestStage = {}

local tiny = {
  pairs = 32, prompts = 8, batch = 8, judge_steps = 2, start_steps = 2, golden_steps = 2,
}

local function made(more)
  local given = {}
  for _, from in ipairs { tiny, more or {} } do
    for name, value in pairs(from) do given[name] = value end
  end
  local ok, stage = quietly(experiment.stage, given)
  if not ok then error(stage, 0) end
  return stage
end

local function hashes(stage)
  return { stage.start:hash(), stage.proxy.model:hash(), stage.golden:hash(), stage.golden_pairs[1].chosen }
end

function TestStage:test_the_whole_stage_is_a_function_of_its_seed()
  local one, again, other = made(), made(), made { seed = 2 }
  lu.assertEquals(hashes(again), hashes(one))
  lu.assertEquals(again.baseline:responses(), one.baseline:responses())
  local a, b = hashes(one), hashes(other)
  for i = 1, 3 do lu.assertNotEquals(a[i], b[i]) end
  lu.assertNotEquals(one.golden_pairs, other.golden_pairs)
  lu.assertEquals(one.test, other.test,
    "prompts are the same in every repetition, so that they can be resampled")
end

function TestStage:test_a_reward_model_of_a_folder_is_the_proxy()
  local start = made().start
  local path, reward = support.new_path(), start:score_head { seed = 3 }
  models.save(reward, path)
  local stage = made { proxy = path }
  lu.assertEquals(stage.proxy.model:hash(), reward:hash())
  lu.assertEquals(stage.golden_pairs[1].chosen, made().golden_pairs[1].chosen)
  os.execute("rm -r " .. path)
  local shape = reward:config()
  models.save(models.transformer {
    vocab = shape.vocab - 1, dim = 4, layers = 1, heads = 1, max_length = shape.max_length, head = "score",
  }, path)
  lu.assertStrContains(support.message(made, { proxy = path }),
    ("reads %d tokens, the task has %d"):format(shape.vocab - 1, shape.vocab))
  os.execute("rm -r " .. path)
end

--- gap.lua trained the golden policy with the user's beta, rate, steps and loss: every call had another one.
function TestStage:test_the_golden_policy_has_the_task_s_settings_alone()
  local names = table.concat(options.specs["experiment.stage"]:names(), " ")
  for _, name in ipairs { "beta", "lr", "loss", "steps" } do
    lu.assertNil((" " .. names .. " "):find(" " .. name .. " ", 1, true), name)
  end
  local task = made().task
  lu.assertEquals(task.golden, { beta = 0.1, lr = 1e-3, steps = 240 })
end

--- The paper's golden preference model is larger than the policy, and orders the pairs.
function TestStage:test_a_golden_model_is_wider_than_the_start_and_orders_the_pairs()
  local stage = made { gold = "model" }
  local wide, own = stage.gold.model:config(), stage.start:config()
  lu.assertEquals({ wide.dim, wide.layers, wide.vocab }, { 2 * own.dim, own.layers, own.vocab })
  lu.assertEquals(align.judge.accuracy(stage.gold, stage.golden_pairs, { seen = "use" }).mean, 1)
  lu.assertStrContains(stage.notes[1], "the golden judge agrees with the task's rule on")
end

function TestStage:test_win_rate_and_kl_are_of_the_same_training_prompts()
  local stage = made()
  lu.assertEquals(stage.test, stage.task:prompts("train", 8))
  lu.assertEquals(stage.baseline:prompts(), stage.test)
  local point = stage.measure(stage.start, 0)
  lu.assertEquals({ point.step, point.kl, #point.wins }, { 0, 0.0, 8 })
end

TestCompare = {}

--- Forgets the results, so that the next test trains: the runs of stages stay, and are read.
function TestCompare:tearDown()
  local runs = require "perilune.run"
  local path = folder .. "/runs"
  if not system.exists(path) then return end
  for _, id in ipairs(runs.runs({ folder = path }).ids) do
    if runs.read(id, path).config.map then runs.remove(id, path) end
  end
end

local function run(o, fails)
  local counted = folder .. ".count"
  local function source(kind)
    return function(stage, given)
      local file <close> = assert(io.open(counted, "a"))
      file:write(kind, " ")
      if fails == kind then error("no luck", 0) end
      return kind == "online" and stage:online(given) or stage:offline(given)
    end
  end
  os.remove(counted)
  local ok, result, warned = quietly(experiment.compare, {
    title = "toy", options = o,
    variants = { { label = "online", source = source "online" },
      { label = "offline", source = source "offline" } },
  })
  local file = io.open(counted)
  local trained = file and file:read "a" or ""
  if file then file:close() end
  os.remove(counted)
  return ok, result, warned, trained
end

--- A run that failed was called "item 2", under a traceback.
function TestCompare:test_finished_runs_are_kept_and_a_second_call_trains_the_others()
  local o = small { beta = "0.05" }
  local ok, problem, warned, trained = run(o, "offline")
  lu.assertFalse(ok)
  lu.assertEquals(tostring(problem), "offline, outer seed 1, seed 1, lr 0.0003, beta 0.05: no luck")
  lu.assertStrContains(warned, "finished runs are kept in " .. folder
    .. "/runs; the same command trains the others")
  lu.assertEquals(trained, "online offline ")
  local again = table.pack(run(o))
  lu.assertTrue(again[1], tostring(again[2]))
  lu.assertEquals(again[4], "offline ")
  lu.assertEquals(select(4, run(o)), "", "the report is made anew from the runs, without training")
  self:tearDown()
  lu.assertEquals(select(4, run(o)), "online offline ")
end

function TestCompare:test_nothing_is_left_and_nothing_promised_where_no_run_began()
  local harmless = folder .. ".txt"
  system.write_file(harmless, "")
  local ok, problem, warned = quietly(experiment.compare, {
    title = "empty", options = small { task = "harmless", data = harmless, out = folder .. "/empty" },
    variants = { { label = "a", source = function() end } },
  })
  os.remove(harmless)
  lu.assertFalse(ok)
  lu.assertStrContains(tostring(problem), "has no pair to learn from, of 0 records")
  lu.assertEquals(warned, "")
  lu.assertFalse(system.exists(folder .. "/empty/runs"))
end

function TestCompare:test_a_damaged_result_is_made_again()
  run(small(), "offline")
  local count = 0
  for _, name in ipairs(system.list_folder(folder .. "/runs")) do
    local path = ("%s/runs/%s/result.json"):format(folder, name)
    if system.exists(path) then
      system.write_file(path, "nonsense")
      count = count + 1
    end
  end
  lu.assertEquals(count, 1, "the online run")
  local ok, result, warned, trained = run(small())
  lu.assertTrue(ok, tostring(result))
  lu.assertStrContains(warned, "result.json is damaged; made again: item 1")
  lu.assertEquals(trained, "online offline ")
end

function TestCompare:test_results_of_other_options_are_not_taken()
  run(small { steps = 4 }, "offline")
  local trained = select(4, run(small { steps = 3 }))
  lu.assertEquals(trained, "online offline ")
end

function TestCompare:test_the_start_and_the_listed_steps_are_the_checkpoints_of_every_run()
  local ok, result = run(small { lr = "1e-4,3e-4", seeds = 2 })
  lu.assertTrue(ok, tostring(result))
  local steps, runs = {}, {}
  for line in io.lines(folder .. "/points.csv") do
    local side, seed, number, step = line:match '^(%a+),(%d+),(%d+),"[^"]*",(%d+),'
    if side == "online" and seed == "1" and number == "1" then steps[#steps + 1] = tonumber(step) end
    if side then runs[side .. seed .. number] = true end
  end
  lu.assertEquals(steps, { 0, 1, 2, 4 })
  local count = 0
  for _ in pairs(runs) do count = count + 1 end
  lu.assertEquals(count, 8, "2 sides, 2 seeds, 2 rates")
end

function TestCompare:test_checkpoints_by_kl_lie_where_the_kl_has_moved()
  local placement = require "perilune.align.experiment.placement"
  local curve = { 0, 0.05, 0.05, 0.12, 0.13, 0.2, 0.31, 0.5, 2, 1, 1, 1, 1, 1 }
  local asked, at = 0, 0
  local is_due = placement.by_kl(function()
    asked = asked + 1
    return curve[at]
  end, #curve)
  local so_far, chosen = { points = {} }, {}
  for step = 1, #curve do
    at = step
    if is_due(nil, step, so_far) then
      chosen[#chosen + 1] = step
      so_far.points[#so_far.points + 1] = { step = step, kl = { mean = curve[step] } }
    end
  end
  -- A run of 14 steps is measured every 2 steps at the latest.
  lu.assertEquals(chosen, { 2, 4, 6, 7, 8, 9, 10, 12, 14 })
  lu.assertEquals(asked, 8, "no estimate where the steps decide")
  local is_due_of_long = placement.by_kl(function() return 1 end, 720)
  lu.assertFalse(is_due_of_long(nil, 89, { points = { { step = 1, kl = 1 } } }))
  lu.assertTrue(is_due_of_long(nil, 91, { points = { { step = 1, kl = 1 } } }))
end

function TestCompare:test_variants_together_see_the_earlier_runs()
  local o = small()
  local ok, problem = quietly(experiment.compare, {
    title = "together", options = o, together = true,
    variants = {
      { label = "online", source = function(stage, given) return stage:online(given) end },
      {
        label = "again",
        source = function(_, given) return align.sources.replay(given.done.online.stream) end,
        check = function(trained, done) lu.assertEquals(trained.policy:hash(), done.online.policy:hash()) end,
      },
    },
  })
  lu.assertTrue(ok, tostring(problem))
end

function TestCompare:test_a_tolerant_experiment_reports_a_run_that_fails_up_to_its_last_checkpoint()
  local steps = 0
  local failing = align.loss.define { name = "failing", loss = function(pair)
    steps = steps + 1
    if steps == 3 then error("no third step", 0) end
    return -pair.chosen
  end } {}
  local function variants()
    return {
      { label = "whole", source = function(stage, given) return stage:offline(given) end },
      {
        label = "broken", source = function(stage, given) return stage:offline(given) end,
        loss = function() return failing end,
      },
    }
  end
  local o = small { instruments = "none" }
  local ok, problem = quietly(experiment.compare,
    { title = "tolerant", options = o, variants = variants(), tolerant = true })
  lu.assertTrue(ok, tostring(problem))
  local file <close> = assert(io.open(folder .. "/report.html"))
  lu.assertStrContains(file:read "a", "broken, lr 0.0003, beta 0.05, failed: ")
  local counts = { whole = 0, broken = 0 }
  for line in io.lines(folder .. "/points.csv") do
    local label = line:match "^(%a+),"
    if counts[label] then counts[label] = counts[label] + 1 end
  end
  lu.assertEquals(counts, { whole = 4, broken = 3 }, "the start and the checkpoints of steps 1 and 2")
end

--- The runs of an experiment without times, by what they are, and the statuses of the runs.
local function recorded(o)
  local dumps, statuses = {}, {}
  local list = record.list(o.out .. "/runs", "toy")
  for i = 1, list and #list or 0 do
    dumps[list[i].config.part] = list[i]:dump()
    statuses[list[i].status] = true
  end
  return dumps, statuses
end

function TestCompare:test_an_experiment_killed_within_a_run_ends_with_the_same_figures()
  local whole = small { out = folder .. "/whole", steps = 16, checkpoints = "kl" }
  local cut = small { out = folder .. "/cut", steps = 16, checkpoints = "kl" }
  assert(run(whole))
  local child = system.fork(function() run(cut) end)
  repeat
    system.sleep(0.005)
    local _, statuses = recorded(cut)
    local checkpoints = cut.out .. "/runs/toy-*/checkpoints/step-*0[3-9]"
    local is_saved = os.execute(("ls %s >/dev/null 2>&1"):format(checkpoints))
  until is_saved and statuses.running or child:status()
  child:stop()
  lu.assertEquals(child:status(), 137)
  repeat system.sleep(0.005) until not select(2, recorded(cut)).running  -- its children end after it
  lu.assertTrue(select(2, recorded(cut)).lost)
  lu.assertFalse(system.exists(cut.out .. "/points.csv"))
  assert(run(cut))
  local dumps, statuses = recorded(cut)
  lu.assertEquals(dumps, (recorded(whole)))
  lu.assertEquals(statuses, { finished = true })
  local function points(o)
    local file <close> = assert(io.open(o.out .. "/points.csv"))
    return file:read "a"
  end
  lu.assertEquals(points(cut), points(whole))
  local file <close> = assert(io.open(cut.out .. "/report.html"))
  local named = file:read("a"):match "Made of the runs toy%-{([%x,]+)}"
  for hash in named:gmatch "%x+" do
    lu.assertTrue(system.exists(("%s/runs/toy-%s/run.sqlite"):format(cut.out, hash)))
  end
end

--- They refused each other as second writers, also of runs that had finished.
function TestCompare:test_experiments_at_once_train_a_shared_run_once()
  local out = folder .. "/at-once"
  local function compare(title)
    return experiment.compare {
      title = title, family = "shared",
      options = small { out = ("%s/%s"):format(out, title), runs = out .. "/runs", beta = "0.05" },
      variants = {
        { label = "online", shared = true, source = function(stage, given) return stage:online(given) end },
      },
    }
  end
  local function child(title)
    return system.fork(function()
      local ok, problem = quietly(compare, title)
      system.write_file(("%s-%s.txt"):format(out, title), ok and "done" or tostring(problem))
    end)
  end
  for _, one in ipairs { child "a", child "b" } do
    repeat system.sleep(0.01) until one:status()
  end
  for _, title in ipairs { "a", "b" } do
    local file <close> = assert(io.open(("%s-%s.txt"):format(out, title)))
    lu.assertEquals(file:read "a", "done")
  end
  local function points(title)
    local file <close> = assert(io.open(("%s/%s/points.csv"):format(out, title)))
    return file:read "a"
  end
  lu.assertEquals(points "a", points "b")
  local seen, trained = {}, record.list(out .. "/runs", "shared")
  for i = 1, #trained do
    lu.assertNil(seen[trained[i].config.part], trained[i].config.part)
    seen[trained[i].config.part] = trained[i].status
  end
  lu.assertEquals(seen["outer seed 1, seed 1, lr 0.0003, beta 0.05, online"], "finished")
end

--- The runs of `--prefer long` were taken for those of `--prefer short`: the name of a run had no option of
-- the script.
function TestCompare:test_options_of_a_script_tell_the_runs_of_its_own_sources_apart()
  local out = folder .. "/own"
  local function offline(stage, given) return stage:offline(given) end
  local function compare(prefer)
    local ok, problem = quietly(experiment.compare, {
      title = "prefers " .. prefer, family = "own",
      options = small { out = out .. "/" .. prefer, runs = out .. "/runs", beta = "0.05", prefer = prefer },
      variants = {
        { label = "shared", shared = true, source = offline }, { label = "its own", source = offline },
      },
    })
    lu.assertTrue(ok, tostring(problem))
  end
  compare "long"
  compare "short"
  local trained, counts = record.list(out .. "/runs", "own"), {}
  for i = 1, #trained do
    local side = trained[i].config.side
    if side then counts[side] = (counts[side] or 0) + 1 end
  end
  lu.assertEquals(counts, { shared = 1, ["its own"] = 2 })
end

function TestCompare:test_what_the_system_refuses_is_raised_as_such()
  local ok, problem = quietly(experiment.compare, {
    title = "refused", options = small { out = support.new_path() },
    variants = { { label = "a", source = function() system.refused "the disk is full" end } },
  })
  lu.assertFalse(ok)
  lu.assertEquals({ problem.kind, problem.message }, { "io", "parallel.map: item 1: the disk is full" })
end

function TestCompare:test_wrong_variants_are_refused()
  local function refusal(variants)
    return support.message(experiment.compare, { title = "x", options = small(), variants = variants })
  end
  local twice = { label = "a", source = function() end }
  lu.assertStrContains(refusal { twice, twice }, "variants 1 and 2 are both called 'a'")
  lu.assertStrContains(refusal { 5 }, "variant 1 needs a text `label`")
  lu.assertStrContains(refusal {}, "experiment.compare: no variants")
  lu.assertStrContains(refusal { { label = "a" } }, "variant 1 needs a text `label` and a function `source`")
  lu.assertStrContains(support.message(experiment.compare, { title = "x" }), "option 'options' is missing")
end

--- All runs were trained before a traceback.
function TestCompare:test_a_function_that_gives_no_claims_is_refused_before_anything_is_trained()
  local variants = { { label = "a", source = function() error "trained" end } }
  for shown, value in pairs { ["nil"] = false, ["5"] = 5 } do
    local why <const> = "experiment.compare: the function `claims` gave %s, expected a list of claims"
    support.refuses(why:format(shown), experiment.compare, { title = "x", options = small(),
      variants = variants, claims = function() return value or nil end })
  end
end

local status = lu.LuaUnit.run()
os.execute(("rm -rf '%s'"):format(folder))
os.exit(status)
