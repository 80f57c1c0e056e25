--- Judges: learned ones on a rule of a line, antisymmetry, and what is refused.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local lu = require "luaunit"
local tensor = require "perilune.tensor"
local models = require "perilune.models"
local system = require "perilune.system"
local judge = require "perilune.align.judge"

local rows = models.rows

-- Ids 2 to 11 are words, 1 ends an answer, 12 and 13 mark the answers.
local labels, eos = { 12, 13 }, 1
local init = models.transformer {
  vocab = 14, dim = 32, layers = 1, heads = 2, max_length = 32, style = "gpt2", seed = 1,
}

--- Answers of 3 to 6 words, id 7 among them about twice as often as by chance.
local function answer(seed, number)
  local words = {}
  for i = 1, 3 + math.floor(4 * system.uniform(seed, "length", number)) do
    local u = system.uniform(seed, "word", 10 * number + i)
    words[i] = u < 0.2 and 7 or 2 + math.floor(10 * u)
  end
  words[#words + 1] = eos
  return words
end

--- Pairs of which one answer has more of id 7.
local function rule_pairs(count, seed)
  local list, number = {}, 0
  while #list < count do
    number = number + 2
    local a, b = answer(seed, number), answer(seed, number + 1)
    local preferred = toy.more_sevens(nil, a, b)
    if preferred ~= 0.5 then
      if preferred == 0 then a, b = b, a end
      list[#list + 1] = { prompt = toy.prompts[number % 48 + 1], chosen = a, rejected = b }
    end
  end
  return list
end

local held_out = rule_pairs(300, 2)

local function fit(make, more)
  return make(toy.with({
    init = init, data = rule_pairs(2000, 1), labels = labels, eos = eos, steps = 250, batch = 32, lr = 3e-3,
    quiet = true,
  }, more))
end

local pairwise, pointwise = fit(judge.preference_model), fit(judge.reward_model)

--- Rows of 40 prompts with two responses to each; every fourth time they are the same.
local function questions(change)
  local prompts, a, b = {}, {}, {}
  for i = 1, 40 do
    prompts[i], a[i], b[i] = toy.prompts[i], answer(3, 2 * i), answer(3, 2 * i + 1)
    if i % 4 == 0 then b[i] = { table.unpack(a[i]) } end
    if change then a[i] = change(a[i]) end
  end
  return rows(prompts, a), rows(prompts, b)
end

TestLearned = {}

function TestLearned:test_both_kinds_learn_the_rule()
  for _, made in ipairs { pairwise, pointwise } do
    local accuracy = judge.accuracy(made, held_out)
    lu.assertTrue(accuracy.mean > 0.85, ("%s: %.3f"):format(made.name, accuracy.mean))
    lu.assertEquals(accuracy.count, 300)
    -- Of outcomes 0 and 1 the sample variance is n p (1 - p) / (n - 1).
    support.close(accuracy.se, math.sqrt(accuracy.mean * (1 - accuracy.mean) / 299), 1e-12)
  end
end

function TestLearned:test_the_start_stays_and_the_same_seed_gives_the_same_judge()
  local before = init:hash()
  local a, b = fit(judge.preference_model, { steps = 5 }), fit(judge.preference_model, { steps = 5 })
  lu.assertEquals(a.model:hash(), b.model:hash())
  lu.assertNotEquals(fit(judge.preference_model, { steps = 5, seed = 1 }).model:hash(), a.model:hash())
  lu.assertEquals(init:hash(), before)
end

function TestLearned:test_the_best_state_on_validation_is_kept()
  for _, make in ipairs { judge.preference_model, judge.reward_model } do
    local made = fit(make, { steps = 60, evaluate_every = 10, validation = held_out })
    local best = 0
    for i, row in ipairs(made.log) do
      lu.assertEquals(row.step, 10 * i)
      best = math.max(best, row.validation_accuracy)
    end
    lu.assertEquals(made.validation_accuracy, best)
    lu.assertEquals(judge.accuracy(made, held_out).mean, best)
  end
end

function TestLearned:test_no_better_validation_ends_it_early()
  local made = fit(judge.reward_model,
    { steps = 60, evaluate_every = 10, patience = 2, lr = 0, validation = held_out })
  lu.assertEquals(#made.log, 3)
end

function TestLearned:test_a_norm_of_0_clips_nothing()
  local unclipped = fit(judge.reward_model, { steps = 3, max_grad_norm = 0 })
  lu.assertEquals(unclipped.model:hash(),
    fit(judge.reward_model, { steps = 3, max_grad_norm = 1e9 }).model:hash())
end

--- Ctrl-C once lost all finished steps.
function TestLearned:test_ctrl_c_ends_training_with_the_steps_taken()
  support.in_process(function()
    local made
    local optim = require "perilune.optim"
    local gradients, calls = optim.gradients, 0
    function optim.gradients(...)
      calls = calls + 1
      if calls == 3 then io.popen(("kill -INT %d"):format(support.pid())):close() end
      return gradients(...)
    end
    support.with_errors(function()
      made = fit(judge.reward_model, { steps = 1000000 })
    end)
    lu.assertEquals(made.status, "interrupted")
    lu.assertNotEquals(made.model:hash(), init:hash())
    lu.assertEquals(#made:score(rows({ { 2, 3 } }, { { 7, 1 } })), 1)
  end)
end

TestSides = {}

--- Identical answers in a batch of others tie, so no bit of a sequence may depend on its neighbours.
function TestSides:test_turning_the_sides_turns_the_answer_exactly_and_an_answer_ties_with_itself()
  local a, b = questions()
  for _, made in ipairs { pairwise, pointwise } do
    local forward, backward = made:prefer(a, b), made:prefer(b, a)
    for i = 1, #a do
      lu.assertEquals(forward[i], 1 - backward[i], made.name)
      if i % 4 == 0 then lu.assertEquals(forward[i], 0.5, made.name) end
    end
    for _, preferred in ipairs(made:prefer(a, a)) do lu.assertEquals(preferred, 0.5, made.name) end
  end
end

--- The last bias of the model moved along (first label - second label): by the same for every question.
function TestSides:test_a_bias_for_a_position_cancels()
  local made = fit(judge.preference_model, { steps = 100 })
  local right = judge.accuracy(made, held_out).mean
  local weights, names = made.model:parameters()
  for i, name in ipairs(names) do weights[name] = weights[i] end
  local mark = weights["embedding.weight"]
  tensor.no_grad(function()
    local apart = mark:select(1, labels[1] + 1) - mark:select(1, labels[2] + 1)
    weights["norm.bias"]:add_(apart * (40 / apart:square():sum():item()))
  end)
  local sequences = {}
  for i, pair in ipairs(held_out) do
    local joined = table.move(pair.prompt, 1, 2, 1, {})
    for k, words in ipairs { pair.rejected, pair.chosen } do
      joined[#joined + 1] = labels[k]
      table.move(words, 1, #words, #joined + 1, joined)
    end
    sequences[i] = joined
  end
  local logits = made.model:last_logits(sequences)
  local margin = logits:select(2, labels[1] + 1) - logits:select(2, labels[2] + 1)
  lu.assertEquals(margin:gt(0):to("f32"):mean():item(), 1.0, "asked in one order it says the first always")
  support.close(judge.accuracy(made, held_out).mean, right, 0.01)
end

function TestSides:test_a_closing_eos_is_added_once()
  local a, b = questions()
  local open = questions(function(words) return table.move(words, 1, #words - 1, 1, {}) end)
  for _, made in ipairs { pairwise, pointwise } do
    lu.assertEquals(made:prefer(open, b), made:prefer(a, b))
  end
end

TestGiven = {}

function TestGiven:test_gold_is_the_rule_of_the_task()
  local task = { name = "sevens",
    gold_prefers = function(_, prompt, a, b) return toy.more_sevens(prompt, a, b) end }
  local gold = judge.gold(task)
  lu.assertEquals({ gold.name, gold.task }, { "gold sevens", task })
  lu.assertEquals(judge.accuracy(gold, held_out).mean, 1.0)
  local first, second = rows({ { 1 }, { 1 }, { 1 } }, { { 7 }, { 7 }, { 3 } }), { { 3 }, { 7 }, { 7 } }
  lu.assertEquals(gold:prefer(first, rows({ { 1 }, { 1 }, { 1 } }, second)), { 1, 0.5, 0 })
  lu.assertStrContains(support.message(judge.gold, { name = "ruleless" }),
    "judge.gold: task 'ruleless' has no exact rule")
end

function TestGiven:test_a_function_judges_by_numbers_or_booleans()
  local longer = judge.from_function("longer", function(_, a, b) return #a > #b end)
  local first, second = rows({ { 1 }, { 1 } }, { { 1, 2 }, {} }), rows({ { 1 }, { 1 } }, { { 1 }, { 1 } })
  lu.assertEquals(longer:prefer(first, second), { 1, 0 })
  lu.assertEquals(judge.as_judge(function() return 0.5 end):prefer(first, second), { 0.5, 0.5 })
  lu.assertIs(judge.as_judge(longer), longer)
end

local one = rows({ { 1, 2 } }, { { 3 } })

--- A judge's 0.7 once labelled as 1 without a word.
function TestGiven:test_what_is_no_outcome_is_refused()
  for _, wrong in ipairs { "yes", 2, -1, 0.7 } do
    local made = judge.from_function("odd", function() return wrong end)
    lu.assertEquals(support.message(judge.ask, made, one, one),
      ("judge odd: the outcome for row 1 is %s, expected 1, 0 or 0.5"):format(wrong))
  end
  lu.assertStrContains(support.message(judge.ask, judge.as_judge(function() end), one, one), "row 1 is nil")
  lu.assertStrContains(support.message(judge.as_judge, 3), "expected a judge")
  local short = { name = "short", prefer = function() return {} end }
  lu.assertStrContains(support.message(judge.ask, short, one, one),
    "a list of 1 numbers, one a row, got a list of 0")
end

--- A score that is NaN was a tie, and a string was compared as text.
function TestGiven:test_a_score_that_is_no_number_names_judge_prompt_and_response()
  for shown, value in pairs { nan = 0 / 0, ["'12'"] = "12", ["nil"] = false or nil, ["a table"] = {} } do
    local made = judge.from_score("r", function() return value end)
    local place = "expected a number (prompt { 1 2 }, response { 3 })"
    local wanted = ("judge r: the score of row 1 is %s, %s"):format(shown, place)
    lu.assertEquals(support.message(judge.ask, made, one, one), wanted)
    lu.assertEquals(support.message(judge.scores, made, one), wanted)
  end
  local made = judge.from_function("odd", function() return 0 / 0 end)
  lu.assertStrContains(support.message(judge.ask, made, one, one), "judge odd: the score of row 1 is nan")
end

--- A reward model with NaN weights said 0 in both orders.
function TestGiven:test_a_learned_judge_with_NaN_weights_is_an_error()
  for _, make in ipairs { judge.preference_model, judge.reward_model } do
    local made = fit(make, { steps = 1 })
    tensor.no_grad(function() made.model:parameters()[1]:fill_(0 / 0) end)
    lu.assertStrContains(support.message(judge.ask, made, one, one),
      ("judge %s: the score of row 1 is nan"):format(made.name))
  end
end

function TestGiven:test_two_rows_with_different_prompts_are_refused()
  local other = rows({ { 2, 1 } }, { { 3 } })
  lu.assertEquals(support.message(judge.ask, judge.as_judge(toy.more_sevens), one, other),
    "judge function: the two responses have different prompts")
end

function TestGiven:test_wrong_settings_are_refused()
  lu.assertStrContains(support.message(fit, judge.preference_model, { patiense = 1 }),
    "did you mean 'patience'?")
  lu.assertStrContains(support.message(fit, judge.reward_model, { labels = 12 }),
    "option 'labels' must be a table")
  lu.assertStrContains(support.message(fit, judge.reward_model, { data = {} }),
    "judge.reward_model: no pairs to learn from")
  lu.assertStrContains(support.message(fit, judge.preference_model, { labels = { 12 } }), "two label ids")
  for _, make in ipairs { judge.reward_model, judge.preference_model } do
    lu.assertStrContains(support.message(fit, make, { labels = { 3, "x" } }),
      "labels[2] must be a token id of the model, 0..")
    lu.assertStrContains(support.message(fit, make, { eos = 99 }), "eos must be a token id of the model, 0..")
  end
  lu.assertStrContains(support.message(fit, judge.reward_model, { lr = 1e38, warmup = 0 }),
    "reward model: step ")
end

function TestGiven:test_a_judge_needs_a_name_and_a_function()
  for _, make in ipairs { judge.from_function, judge.from_score } do
    lu.assertStrContains(support.message(make), ": expected a name, got nil")
    lu.assertStrContains(support.message(make, "x"), ": expected a function after the name 'x', got nil")
  end
end

TestFromScore = {}

function TestFromScore:test_equal_scores_tie()
  local longer = judge.from_score("longer", function(_, response) return #response end)
  local prompts = { { 1 }, { 1 }, { 1 } }
  local first, second = rows(prompts, { { 1, 2 }, { 1 }, { 1 } }), rows(prompts, { { 1 }, { 1, 2 }, { 2 } })
  lu.assertEquals(longer:prefer(first, second), { 1, 0, 0.5 })
  lu.assertEquals(longer:score(first), { 2, 1, 1 })
end

os.exit(lu.LuaUnit.run())
