--- Bad input of every kind ends in an error that says what was given and what is wanted; nothing that was
-- computed is lost.
package.path = (arg[0]:match("^(.*)/[^/]*$") or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local toy = require "toy"
local perilune = require "perilune"
local align, models, tensor = perilune.align, perilune.models, perilune.tensor
local plot, report = perilune.plot, perilune.report

local pair = { prompt = { 2, 3 }, chosen = { 7, 7, 1 }, rejected = { 4, 1 } }

local function source(batch)
  return { name = "mine", batch = function() return batch end }
end

local function train(more)
  local reference = toy.model(1)
  return align.train(toy.with({
    policy = reference:clone(), reference = reference, source = source { pair, pair },
      loss = align.loss.ipo { beta = 0.1 },
    steps = 1, quiet = true,
  }, more))
end

TestNumbers = {}

--- Whole numbers of 64 bits overflowed, which ended the process.
function TestNumbers.test_steps_and_shards_of_64_bits()
  local w = tensor({ 1, 2 }, { requires_grad = true })
  local optimizer = perilune.optim.adamw({ w }, { lr = 0.1 })
  local state = optimizer:state()
  state.steps = math.maxinteger
  support.refuses("a state after 9223372036854775807 steps: expected 0 to 2^53", optimizer.restore, optimizer,
    state)
  support.refuses("shards must be from 1 to 1073741824, got 9223372036854775807",
    perilune.mpi.shard_sum, optimizer, math.maxinteger)
  local sum = perilune.mpi.shard_sum(optimizer, 2)
  support.refuses("shard -9223372036854775808 is not the next one: that is 1 of 2", sum.add, sum,
    math.mininteger)
  local schedule = perilune.optim.schedule { lr = 1, steps = 10, decay = "linear" }
  lu.assertEquals({ schedule(math.mininteger), schedule(math.maxinteger) }, { 1, 0 })
end

--- An iterator whose state `debug` had changed read outside its text.
function TestNumbers.test_an_iterator_with_another_state()
  for number, value in pairs { [1] = {}, [2] = {}, [3] = -(1 << 40), [4] = 1 << 40 } do
    local find = ("x"):gmatch "y"
    debug.setupvalue(find, number, value)
    support.refuses("the state of this iterator was replaced", find)
  end
end

TestTraining = {}

function TestTraining.test_numbers_that_are_not_finite_are_named()
  local cases = {
    { { margin = 0 / 0 }, "column 'margin' is" },
    { { weight = math.huge }, "weight is inf, expected a number of at least 0" },
    { { true_label = 0 / 0 }, "column 'true_label' is" },
    { { chosen_logps = { -1, 0 / 0, -1 }, rejected_logps = { -1, -1 } },
      "mine: pair 2: chosen: column 'old_logps' is" },
  }
  for _, case in ipairs(cases) do
    local whole = { margin = 1, weight = 1, true_label = 1, chosen_logps = { -1, -1, -1 },
      rejected_logps = { -1, -1 } }
    local given = source { toy.with(pair, whole), toy.with(pair, toy.with(whole, case[1])) }
    local message = support.message(train, { source = given })
    lu.assertStrContains(message, "step 1: mine: pair 2: ")
    lu.assertStrContains(message, case[2])
  end
  local damaged = toy.model(1)
  local weights, names = damaged:parameters()
  tensor.no_grad(function() weights[3]:fill_(0 / 0) end)
  for _, which in ipairs { "policy", "reference" } do
    lu.assertStrContains(support.message(train, { [which] = damaged }),
      ("weight '%s' of the %s is not finite"):format(names[3], which))
  end
end

function TestTraining.test_a_batch_that_is_no_list_of_pairs_is_named_with_its_source()
  for batch, wanted in pairs {
    [{}] = "step 1: mine gave an empty batch",
    [5] = "step 1: mine must give a batch, got number",
    [{ pair, 2 }] = "step 1: mine: pair 2 is 2, expected a table",
    [{ { prompt = { 1 }, chosen = { 2 } } }] = "step 1: mine: pair 1 has no list of token ids 'rejected'",
  } do
    lu.assertEquals(support.message(train, { source = source(batch) }), wanted)
  end
  lu.assertEquals(support.message(train, { source = { name = "mine", batch = function() end } }),
    "step 1: mine must give a batch, got nil")
end

function TestTraining.test_a_loss_that_is_no_tensor_of_one_loss_a_pair_is_refused()
  local function refusal(loss) return support.message(train, { loss = loss }) end
  lu.assertEquals(refusal(function() end),
    "the loss 'function' must give a tensor of 2 losses, one a pair, got nil")
  lu.assertEquals(refusal(function() return 3 end),
    "the loss 'function' must give a tensor of 2 losses, one a pair, got the number 3")
  lu.assertEquals(refusal(function(p) return tensor.ones(7) * p.chosen:sum() end),
    "the loss 'function' must give 2 losses, one a pair, got 7")
  lu.assertStrContains(refusal(function(p) return p.chosen:detach() end),
    "no tensor that requires a gradient leads here")
end

function TestTraining.test_the_policy_and_its_reference_must_be_models_of_one_vocabulary()
  lu.assertStrContains(support.message(train, { policy = tensor.ones(2) }),
    "align.train: option 'policy' must be a Model or a table, not a Tensor")
  local other = models.transformer { vocab = 13, dim = 16, layers = 1, heads = 2, max_length = 32 }
  lu.assertEquals(support.message(train, { policy = other }),
    "align.train: the policy has a vocabulary of 13 tokens, the reference of 12")
end

TestJudges = {}

function TestJudges.test_a_judge_that_answers_nonsense_is_refused_wherever_it_is_asked()
  for _, answer in ipairs { {}, { "x" }, { 7 }, { 0 / 0 } } do
    local bad = { name = "bad", prefer = function() return answer end }
    local model = toy.model(1)
    for _, ask in ipairs {
      function() align.evaluate.compare(bad, models.rows({ { 2 } }, { { 3 } }),
        models.rows({ { 2 } }, { { 4 } })) end,
      function() align.judge.accuracy(bad, { pair }) end,
      function() align.sources.relabel({ pair }, bad) end,
      function() align.sources.online(toy.sampling { judge = bad, batch = 1 }):batch(1, model) end,
    } do
      lu.assertStrContains(support.message(ask), "judge bad: ")
    end
  end
end

function TestJudges.test_answers_that_are_fewer_than_prompts_are_not_compared()
  local gold = align.judge.from_function("more", toy.more_sevens)
  local one, two = models.rows({ { 2 } }, { { 7 } }), models.rows({ { 2 }, { 3 } }, { { 1 }, { 1 } })
  lu.assertEquals(support.message(align.evaluate.compare, gold, one, two),
    "evaluate.compare: the prompts of 1 and 2 responses differ")
end

TestFigures = {}

function TestFigures.test_figures_and_reports_say_what_they_were_given_instead_of_options()
  lu.assertStrContains(support.message(plot.line), "plot.line: options must be a table")
  lu.assertStrContains(support.message(plot.hist, tensor.ones(3)),
    "plot.hist: options must be a table, such as { values = { 1, 2, 3 } }, got userdata")
  lu.assertEquals(support.message(plot.frontier), "plot.frontier: expected a list of runs, got nil")
  lu.assertEquals(support.message(report.new, { titel = "x" }),
    "report.new: unknown option 'titel'; did you mean 'title'?")
  lu.assertStrContains(support.message(plot.line, { y = { 1 }, title = "\xff" }),
    "expected a string, got a string that is not UTF-8")
end

TestModels = {}

function TestModels.test_a_model_beyond_all_memory_is_refused()
  local message = support.message(
    models.transformer, { vocab = 12, dim = 16, layers = 1 << 24, heads = 2, max_length = 32 })
  lu.assertStrContains(message, "not enough memory: the model has 2")
end

function TestModels.test_one_prompt_that_is_in_no_list_is_named()
  local model = toy.model(1)
  lu.assertEquals(support.message(model.sample, model, { 1, 2, 3 }),
    "bad argument #2 to 'sample' (prompts must be a list of lists of token ids, got one list of "
      .. "ids: write { prompt })")
  lu.assertEquals(support.message(model.logps, model, { { 1 }, { 2, "x" } }, { { 1 }, { 1 } }),
    "bad argument #2 to 'logps' (prompts must be a list of lists of token ids: element [2][2] is a "
      .. "string, expected an integer)")
  lu.assertEquals(support.message(model.logps, model, { { 1 } }, { 3 }),
    "bad argument #3 to 'logps' (responses must be a list of lists of token ids, got one list of "
      .. "ids: write { response })")
end

os.exit(lu.LuaUnit.run())
