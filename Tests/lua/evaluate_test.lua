--- Figures of a policy against enumeration, Monte Carlo and hand calculation.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local lu = require "luaunit"
local tensor = require "perilune.tensor"
local align = require "perilune.align"

local evaluate, source = align.evaluate, align.sources
local rows_of = require("perilune.models").rows
local reference = toy.model(5)

--- A policy that is some nats from the reference.
local trained = align.train {
  policy = reference:clone(), reference = reference, source = source.online(toy.sampling { batch = 24 }),
  loss = align.loss.ipo { beta = 0.1 }, steps = 25, lr = 3e-3, quiet = true,
}
local policy = trained.policy

local function answers(more)
  return toy.with({ prompts = toy.prompts, max_new_tokens = 6, stop = { 1 } }, more)
end

--- Every prompt `times` over.
local function repeated(times)
  local all = {}
  for _ = 1, times do table.move(toy.prompts, 1, #toy.prompts, #all + 1, all) end
  return all
end

local function assert_within(figure, wanted, what)
  lu.assertTrue(math.abs(figure.mean - wanted) <= 4 * figure.se,
    ("%s: %.4f +- %.4f, not %.4f"):format(what, figure.mean, figure.se, wanted))
end

TestKL = {}

function TestKL:test_a_policy_is_at_no_distance_from_itself()
  local kl = evaluate.kl(policy, policy, answers())
  lu.assertEquals({ kl.mean, kl.se, kl.count }, { 0.0, 0.0, #toy.prompts })
end

function TestKL:test_of_one_token_it_is_the_sum_over_the_vocabulary()
  local kl = evaluate.kl(policy, reference, answers { max_new_tokens = 1 })
  local function log_softmax(model)
    return tensor.no_grad(function() return model:last_logits(toy.prompts) end):to("f64"):log_softmax(2)
  end
  local log_p, log_q = log_softmax(policy), log_softmax(reference)
  local p = log_p:exp()
  support.close(kl.mean, (p * (log_p - log_q)):sum():item() / #toy.prompts, 1e-5, "KL")
  support.close(kl.entropy.mean, -(p * log_p):sum():item() / #toy.prompts, 1e-5, "entropy")
end

function TestKL:test_of_whole_answers_it_agrees_with_the_mean_log_ratio_and_varies_less()
  local prompts = repeated(40)
  local exact = evaluate.kl(policy, reference, answers { prompts = prompts, seed = 1 })
  local drawn = evaluate.responses(policy, answers { prompts = prompts, seed = 2 })
  local ratios = tensor.no_grad(function() return policy:logps(drawn) - reference:logps(drawn) end)
  local sampled = evaluate.summary(ratios:totable())
  local difference = { mean = exact.mean - sampled.mean, se = math.sqrt(exact.se ^ 2 + sampled.se ^ 2) }
  assert_within(difference, 0, "KL less the mean log-ratio")
  lu.assertTrue(exact.mean > 0.1, "the policy moved")
  lu.assertTrue(exact.se < sampled.se, ("%.4f and %.4f"):format(exact.se, sampled.se))
end

function TestKL:test_given_responses_are_used_and_batches_do_not_matter()
  local whole = evaluate.kl(policy, reference, evaluate.responses(policy, answers { seed = 1 }))
  local parts = evaluate.kl(policy, reference, answers { seed = 1, batch = 7 })
  support.close(parts.mean, whole.mean, 1e-5)
  support.close(whole.mean, evaluate.kl(policy, reference, answers { seed = 1 }).mean, 1e-6)
end

TestResponses = {}

local function drawn_by(more) return evaluate.responses(policy, answers(more)):responses() end

function TestResponses:test_they_depend_on_the_seed()
  local drawn = drawn_by { seed = 1 }
  lu.assertEquals(drawn_by { seed = 1 }, drawn)
  lu.assertNotEquals(drawn_by { seed = 2 }, drawn)
end

--- With one number of a draw for a whole batch, batches of 32 and 64 gave other responses to prompt 33.
function TestResponses:test_response_i_depends_on_no_batch_and_no_other_prompt()
  local prompts = repeated(3)
  local whole = drawn_by { prompts = prompts, seed = 1, batch = #prompts }
  for _, batch in ipairs { 1, 7, 32, 64 } do
    lu.assertEquals(drawn_by { prompts = prompts, seed = 1, batch = batch }, whole)
  end
  local few = table.move(prompts, 1, 40, 1, {})
  lu.assertEquals(drawn_by { prompts = few, seed = 1 }, table.move(whole, 1, 40, 1, {}))
  lu.assertNotEquals(table.move(whole, 1, 48, 1, {}), table.move(whole, 49, 96, 1, {}),
    "equal prompts have other numbers")
end

function TestResponses:test_each_role_has_a_stream_of_its_own()
  local drawn = evaluate.baseline(policy, answers { seed = 1 }):responses()
  lu.assertNotEquals(drawn, drawn_by { seed = 1 })
end

function TestResponses:test_the_role_s_random_numbers_cannot_be_chosen()
  for _, name in ipairs { "stream", "first", "step", "count", "seeds" } do
    lu.assertStrContains(support.message(evaluate.responses, policy, answers { [name] = 1 }),
      "unknown option '" .. name)
  end
  lu.assertStrContains(support.message(evaluate.responses, policy, { prompts = {} }),
    "evaluate.responses: no prompts")
end

TestWinRate = {}

function TestWinRate:test_against_one_s_own_answers_it_is_a_half()
  local prompts = repeated(20)
  local own = evaluate.responses(policy, answers { prompts = prompts, seed = 1 })
  local settings = answers { prompts = prompts, against = own, judge = toy.more_sevens }
  assert_within(evaluate.win_rate(policy, toy.with(settings, { seed = 2 })), 0.5, "win rate")
  local same = evaluate.win_rate(policy, toy.with(settings, { seed = 1 }))
  lu.assertEquals({ same.mean, same.se, same.count }, { 0.5, 0.0, #prompts })
end

--- By one stream of chance for both, the win rate of this policy comes out 5 points too high.
function TestWinRate:test_answers_and_baseline_by_the_same_seed_are_not_coupled()
  local prompts = repeated(100)
  local function win(against_seed)
    local against = evaluate.baseline(reference, answers { prompts = prompts, seed = against_seed })
    return evaluate.win_rate(
      policy, answers { prompts = prompts, seed = 12, against = against, judge = toy.more_sevens })
  end
  local same, other = win(12), win(13)
  assert_within({ mean = same.mean - other.mean, se = math.sqrt(same.se ^ 2 + other.se ^ 2) }, 0,
    "the same seed less another")
end

function TestWinRate:test_it_is_the_mean_of_its_wins()
  local against = evaluate.responses(reference, answers())
  local result, drawn = evaluate.win_rate(
    policy, answers { against = against, judge = toy.more_sevens, seed = 1 })
  local sum = 0.0
  for i, win in ipairs(result.wins) do
    lu.assertEquals(win, toy.more_sevens(nil, drawn:response(i), against:response(i)))
    sum = sum + win
  end
  lu.assertEquals({ result.mean, result.count }, { sum / #toy.prompts, #toy.prompts })
  local other = evaluate.compare(toy.more_sevens, against, drawn)
  support.close(other.mean, 1 - result.mean, 1e-12, "the other side's share")
end

function TestWinRate:test_wrong_calls_are_refused()
  local function of(more) return support.message(evaluate.win_rate, policy, answers(more)) end
  local one = rows_of({ { 2, 3 } }, { { 4 } })
  lu.assertStrContains(of { against = one, judge = toy.more_sevens },
    "evaluate.win_rate: 1 responses to compare with for 48 prompts")
  lu.assertStrContains(of { against = { {} }, judge = toy.more_sevens }, "option 'against' must be a Rows")
  lu.assertStrContains(of { against = one }, "option 'judge' is missing")
  lu.assertStrContains(of { tempertaure = 1 }, "did you mean 'temperature'?")
  local other = rows_of({ { 3, 3 } }, { { 4 } })
  lu.assertStrContains(support.message(evaluate.compare, toy.more_sevens, one, other),
    "evaluate.compare: the prompts of 1 and 1 responses differ")
  local none = rows_of({}, {})
  lu.assertStrContains(support.message(evaluate.compare, toy.more_sevens, none, none),
    "evaluate.compare: no responses")
end

--- It was the length of a number.
function TestWinRate:test_what_is_no_rows_has_no_win_rate()
  local one = rows_of({ { 2, 3 } }, { { 4 } })
  for shown, two in pairs { ["5 and 6"] = { 5, 6 }, ["a Rows and a table"] = { one, {} },
    ["nil and a Rows"] = { nil, one } } do
    support.refuses("evaluate.compare: expected two Rows of responses, not " .. shown, evaluate.compare,
      toy.more_sevens, two[1], two[2])
  end
end

TestRefusals = {}

--- What `f(...)` is refused with, which points at the caller.
local function refused(f, ...)
  local given = table.pack(...)
  local line = debug.getinfo(1, "l").currentline + 1
  local _, message = pcall(function() local made = f(table.unpack(given, 1, given.n)); return made end)
  local at, last = message:find(("evaluate_test.lua:%d: "):format(line), 1, true)
  lu.assertNotNil(at, message)
  return message:sub(last + 1)
end

--- Each was "attempt to index a nil value" at a line of the library.
function TestRefusals:test_what_is_no_policy()
  local wanted <const> = ": expected a Model or a table with the methods of a policy; "
  local pairs_of = { { prompt = { 2, 3 }, chosen = { 7, 1 }, rejected = { 4, 1 } } }
  lu.assertEquals(refused(evaluate.kl, nil, nil, answers()), "evaluate.kl: policy" .. wanted .. "got nil")
  lu.assertEquals(refused(evaluate.kl, policy, {}, answers()),
    "evaluate.kl: reference" .. wanted .. "it has no method 'clone'")
  lu.assertEquals(refused(evaluate.accuracy, nil, reference, pairs_of),
    "evaluate.accuracy: policy" .. wanted .. "got nil")
  lu.assertEquals(refused(evaluate.log_ratios, policy, 3, pairs_of),
    "evaluate.log_ratios: reference" .. wanted .. "got 3")
  for _, name in ipairs { "responses", "baseline", "win_rate" } do
    lu.assertEquals(refused(evaluate[name], nil, answers()),
      ("evaluate.%s%sgot nil"):format(name, wanted))
  end
  lu.assertEquals(refused(evaluate.head_to_head, policy, nil, answers()),
    "evaluate.head_to_head: second" .. wanted .. "got nil")
  lu.assertEquals(refused(evaluate.kl, policy, reference, tensor { 1 }),
    "evaluate.kl: expected options or Rows, got a Tensor")
end

--- Of a policy of Lua it was "attempt to get length of a number value".
function TestRefusals:test_prompts_that_are_no_lists_of_ids()
  local world = require "perilune.worlds".bandit { answers = 4, seed = 1 }
  local coin = world:policy()
  local function how(prompts)
    local two = { world.prompts[1], world.prompts[1] }
    local against = evaluate.baseline(coin, { task = world, prompts = two })
    return { task = world, prompts = prompts, against = against, judge = world:judge {} }
  end
  local wanted <const> = ": prompts must be a list of lists of token ids: "
  lu.assertEquals(refused(evaluate.win_rate, coin, how { 3, 4 }),
    "evaluate.win_rate" .. wanted .. "prompt 1 is 3")
  lu.assertEquals(refused(evaluate.win_rate, coin, how { { 3 }, { "x" } }),
    "evaluate.win_rate" .. wanted .. "prompt 2 has 'x'")
  for _, name in ipairs { "responses", "baseline" } do
    lu.assertEquals(refused(evaluate[name], coin, { task = world, prompts = { 3, 4 } }),
      ("evaluate.%s%sprompt 1 is 3"):format(name, wanted))
  end
  lu.assertEquals(refused(evaluate.kl, coin, coin, { task = world, prompts = { { 0.5 } } }),
    "evaluate.kl" .. wanted .. "prompt 1 has 0.5")
  lu.assertEquals(refused(coin.sample, coin, { 3, 4 }, { max_new_tokens = 1 }),
    "sample" .. wanted .. "prompt 1 is 3")
  lu.assertEquals(refused(coin.sample, coin, 3, { max_new_tokens = 1 }), "sample" .. wanted .. "got 3")
end

--- Two outcomes and three differences had a win rate of 1.25.
function TestRefusals:test_outcomes_without_their_differences_of_length()
  local function message(...) return refused(evaluate.equal_length, ...) end
  lu.assertEquals(message({ 1, 0 }, { 1, 2, 3 }),
    "evaluate.equal_length: 3 differences of length for 2 outcomes")
  lu.assertEquals(message({}, {}), "evaluate.equal_length: outcomes: expected a list of numbers, got a table")
  lu.assertEquals(message({ 1 }),
    "evaluate.equal_length: differences of length: expected a list of numbers, got nil")
  lu.assertEquals(message({ 1, 0 }, { 1, 0 / 0 }),
    "evaluate.equal_length: differences of length: element 2 of 2 is nan, expected a finite number")
end

--- A policy of NaN was as good as any other: 0.5 in every figure.
TestNaN = {}

local broken = reference:clone()
tensor.no_grad(function() broken:parameters()[1]:fill_(0 / 0) end)

function TestNaN:test_a_judge_that_gives_nan_is_refused()
  local rows = rows_of({ { 2 } }, { { 3 } })
  local message = support.message(evaluate.compare, function() return 0 / 0 end, rows, rows)
  lu.assertStrContains(message, "the score of row 1 is nan")
end

function TestNaN:test_a_policy_of_nan_has_no_accuracy_and_no_kl()
  local dataset = { { prompt = { 2, 3 }, chosen = { 7, 1 }, rejected = { 4, 1 } } }
  local message = support.message(evaluate.accuracy, broken, reference, dataset)
  lu.assertStrContains(message, "evaluate.accuracy: the log-ratio of pair 1, ")
  lu.assertStrContains(message, "is nan")
  lu.assertStrContains(support.message(evaluate.log_ratios, reference, broken, dataset),
    "evaluate.log_ratios: the log-ratio of pair 1")
  lu.assertStrContains(support.message(evaluate.kl, broken, reference, rows_of({ { 2, 3 } }, { { 7, 1 } })),
    "nan")
end

TestMeasure = {}

local task = {
  name = "toy", max_response = 6, stop = { 1 },
  tokenizer = { decode = function(_, ids) return table.concat(ids, " ") end },
}

local function measured(more)
  return evaluate.measure(toy.with({
    task = task, reference = reference, judge = toy.more_sevens, prompts = toy.prompts,
    against = evaluate.baseline(reference, answers()),
  }, more))(policy, 25)
end

--- It was an index of nil when the first checkpoint was measured.
function TestMeasure:test_a_task_that_says_no_limits_is_refused_at_once()
  local expected <const> = "evaluate.measure: option 'task' lacks %s; expected a task"
  support.refuses(expected:format "max_response, stop, tokenizer", measured, { task = {} })
  support.refuses(expected:format "stop", measured, { task = { max_response = 6 }, samples = 0 })
end

function TestMeasure:test_all_figures_are_of_the_responses_of_evaluate()
  local point = measured()
  local drawn = evaluate.responses(policy, { task = task, prompts = toy.prompts })
  local kl = evaluate.kl(policy, reference, drawn)
  local win = evaluate.compare(toy.more_sevens, drawn, evaluate.baseline(reference, answers()))
  lu.assertEquals({ point.step, point.kl, point.kl_se, point.entropy },
    { 25, kl.mean, kl.se, kl.entropy.mean })
  lu.assertEquals({ point.win, point.se, point.wins }, { win.mean, win.se, win.wins })
  local tokens, unfinished = 0, 0
  for _, response in ipairs(drawn:responses()) do
    tokens = tokens + #response
    if response[#response] ~= 1 then unfinished = unfinished + 1 end
  end
  support.close(point.length, tokens / #drawn, 1e-6)
  support.close(point.unfinished, unfinished / #drawn, 1e-12)
  local texts, count, longer = {}, 0, {}
  local against = evaluate.baseline(reference, answers()):responses()
  for i, response in ipairs(drawn:responses()) do
    local text = table.concat(response, " ")
    count, texts[text] = count + (texts[text] and 0 or 1), true
    longer[i] = #response - #against[i]
  end
  support.close(point.distinct, count / #drawn, 1e-12)
  support.close(point.win_at_equal_length, evaluate.equal_length(win.wins, longer), 1e-12)
  local sample = { table.concat(toy.prompts[1], " "), table.concat(drawn:response(1), " ") }
  lu.assertEquals(point.samples[1], sample)
  lu.assertNil(point.proxy_win, "there is no proxy")
end

function TestMeasure:test_the_proxy_has_a_win_rate_and_an_accuracy()
  local function opposite(_, a, b) return toy.more_sevens(nil, b, a) end
  local same = measured { proxy = function(_, a, b) return toy.more_sevens(nil, a, b) end }
  local other = measured { proxy = opposite }
  support.close(same.proxy_win, same.win, 1e-12)
  support.close(other.proxy_win, 1 - same.win, 1e-12)
  support.close(other.proxy_accuracy, 1 - same.proxy_accuracy, 1e-12)
  lu.assertTrue(same.proxy_accuracy > 0.5)
end

function TestMeasure:test_a_point_is_plain_data()
  local formats = require "perilune.formats"
  local point = measured()
  lu.assertEquals(formats.json_decode(formats.json_encode(point)), point)
end

TestClassifier = {}

local dataset = source.sample(reference, toy.sampling { count = 200, batch = 40, seed = 4, quiet = true })

function TestClassifier:test_the_reference_is_right_half_of_the_time()
  local accuracy = evaluate.accuracy(reference, reference, dataset)
  lu.assertEquals({ accuracy.mean, accuracy.se, accuracy.count }, { 0.5, 0.0, 200 })
  local ratios = evaluate.log_ratios(reference, reference, dataset)
  lu.assertEquals({ ratios.chosen.mean, ratios.rejected.mean }, { 0.0, 0.0 })
end

function TestClassifier:test_turned_pairs_turn_the_accuracy()
  local turned = {}
  for i, pair in ipairs(dataset) do
    turned[i] = { prompt = pair.prompt, chosen = pair.rejected, rejected = pair.chosen }
  end
  local accuracy, mirrored = evaluate.accuracy(policy, reference, dataset),
    evaluate.accuracy(policy, reference, turned)
  support.close(mirrored.mean, 1 - accuracy.mean, 1e-12)
  lu.assertTrue(accuracy.mean > 0.5, ("accuracy %.3f"):format(accuracy.mean))
  local ratios, other = evaluate.log_ratios(policy, reference, dataset),
    evaluate.log_ratios(policy, reference, turned)
  support.close(ratios.chosen.mean, other.rejected.mean, 1e-5)
end

os.exit(lu.LuaUnit.run())
