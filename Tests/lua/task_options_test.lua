--- Options of a task from an experiment: by its own declarations, refused by name, part of a run's identity.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local cli = require "perilune.cli"
local experiment = require "perilune.align.experiment"
local opened = require "perilune.align.experiment.opened"
local options = require "perilune.options"
local results = require "perilune.align.experiment.results"
local stages = require "perilune.align.experiment.stage"
local tasks = require "perilune.tasks"

local spec = options.spec("task_options_test", { experiment.options })

local function read(...) return cli.read({ ... }, spec) end
local function refusal(...) return support.message(read, ...) end

TestCommandLine = {}

function TestCommandLine:test_every_written_task_takes_its_own_options()
  lu.assertEquals(opened.task(read("--task.most", "5")).options.most, 5)
  lu.assertEquals(opened.task(read("--task.responses", "2")).responses, 2)
  lu.assertEquals(opened.task(read("--task", "refusal", "--task.over", "1")).options.over, 1)
  lu.assertEquals(opened.task(read("--task.asked=5", "--task", "arena")).options.asked, 5)
  local summary = opened.task(read("--task", "summary", "--task.invention", "0.8", "--task.repetition", "0"))
  lu.assertEquals({ summary.options.invention, summary.options.repetition }, { 0.8, 0 })
  lu.assertEquals(opened.task(read("--task.cost", "0.3")).cost, opened.task(read("--cost", "0.3")).cost)
end

function TestCommandLine:test_every_option_that_can_be_typed_is_offered_but_files_and_adapters()
  for _, name in ipairs(tasks.names()) do
    for _, one in ipairs(tasks[name].options:names()) do
      local is_file = one:find "path" or one == "model" or one == "tokenizer" or one == "lora"
      lu.assertEquals(opened.own(name).by_name[one] ~= nil, not is_file, name .. "." .. one)
    end
  end
end

function TestCommandLine:test_what_a_task_does_not_take_is_refused_with_the_near_name()
  lu.assertEquals(refusal("--task.mots", "5"), "unknown option '--task.mots'; did you mean '--task.most'?")
  lu.assertEquals(refusal("--task", "refusal", "--task.zzzzzzzz", "5"),
    "unknown option '--task.zzzzzzzz'; --task refusal takes --task.seed, --task.cost, --task.responses, "
      .. "--task.over")
  lu.assertEquals(refusal("--task", "arena", "--task.asked", "6"),
    "--task.asked must be a whole number from 1 to 5, not 6")
  lu.assertStrContains(refusal("--task", "arenas", "--task.asked", "5"), "did you mean 'arena'?")
end

function TestCommandLine:test_two_ways_to_give_a_cost_are_refused_by_both_names()
  local o = read("--cost", "0.1", "--task.cost", "0.2")
  lu.assertEquals(support.message(experiment.check, o),
    "--cost 0.1 and --task.cost 0.2 are both given: one of them is enough")
end

function TestCommandLine:test_an_option_of_a_task_does_not_name_the_task_of_a_file()
  local path, folder = os.tmpname(), support.new_path()
  local lines = {}
  for i = 1, 60 do lines[i] = { prompt = ("say %d"):format(i), chosen = " yes", rejected = " no" } end
  require "perilune.formats".save_json_lines(path, lines)
  local o = experiment.parse(
    { "--smoke", "--data", path, "--task.vocab-size", "280", "--pairs", "32", "--out", folder }, "a test")
  lu.assertEquals({ o.task, o["task.vocab_size"] }, { "from_pairs", 280 })
  lu.assertTrue(opened.task(o).tokenizer.vocab_size <= 280)
  os.remove(path)
  os.execute(("rm -rf '%s'"):format(folder))
end

--- Each was an index of nil, or a comparison with it.
function TestCommandLine:test_options_that_are_not_all_there_are_refused_by_name()
  local expected <const> = "expected all options, as experiment.parse gives them"
  support.refuses("experiment.check: option 'proxy' is missing; " .. expected, experiment.check, {})
  support.refuses("experiment.check: " .. expected .. ", not 5", experiment.check, 5)
  support.refuses("experiment.check: " .. expected .. ", not nil", experiment.check)
  for _, name in ipairs { "task", "data", "model", "lora_targets", "max_prompt", "cost", "batch", "pairs" } do
    local o = read()
    o[name] = nil
    support.refuses(("experiment.check: option '%s' is missing; %s"):format(name, expected), experiment.check,
      o)
  end
  support.refuses("experiment.parse: expected the list of arguments and a text about the script, not a table "
    .. "and nil", experiment.parse, {})
  support.refuses("unknown task nil; it takes " .. table.concat(tasks.names(), ", "),
    require "perilune.paper.settings".runs, {})
end

TestIdentity = {}

function TestIdentity:test_runs_of_other_options_of_a_task_are_other_runs()
  local plain, capped = read(), read("--task.most", "5")
  lu.assertNotEquals(results.key("a", capped), results.key("a", plain))
  lu.assertEquals(experiment.shared(capped)["task.most"], 5)
  lu.assertNotEquals(results.key("a", experiment.shared(capped), "family"),
    results.key("a", experiment.shared(plain), "family"))
  lu.assertFalse(opened.task(capped) == opened.task(plain))
  lu.assertEquals(cli.settings(capped)["--task.most"], 5)
end

function TestIdentity:test_a_stage_takes_them_as_a_table_and_refuses_them_before_it_trains()
  local given = { task = "refusal", task_options = { over = 1 } }
  lu.assertEquals(opened.of_task(given), { over = 1 })
  lu.assertEquals(support.message(stages.stage, { task = "refusal", task_options = { ovr = 1 } }),
    "tasks.refusal: unknown option 'ovr'; did you mean 'over'?")
  lu.assertEquals(support.message(stages.stage, { task = "arena", task_options = { asked = 6 } }),
    "tasks.arena: option 'asked' must be a whole number from 1 to 5, not 6")
  local file <const> = { task = "harmless", task_options = { path = "x" } }
  lu.assertStrContains(support.message(stages.stage, file), "tasks.harmless: unknown option 'path'")
end

--- The stage of a script's options read those that are declared for all tasks alone.
function TestIdentity:test_the_options_of_a_script_reach_the_task_of_its_stage()
  local o = read("--smoke", "--task", "refusal", "--task.over", "2")
  o.start_steps, o.judge_steps, o.golden_steps, o.pairs, o.prompts = 2, 2, 2, 32, 4
  local stage = stages.of_options(o, 1)
  lu.assertEquals(stage.task.options.over, 2)
end

os.exit(lu.LuaUnit.run())
