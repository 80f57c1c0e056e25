--- Losses on labelled rows, on pairs without a reference, on triples, and on rewards of the reference: their
-- data, their runs on a toy task, and what is refused. golden_test.lua has their values and gradients.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local lu = require "luaunit"
local align = require "perilune.align"
local models = require "perilune.models"
local loss, source = align.loss, align.sources

local start, reference = toy.model(5), toy.model(5)

local function sampling(more)
  return toy.with({ prompts = toy.prompts, task = toy.task, batch = 16, seed = 3 }, more)
end

local function online(more) return source.online(sampling(toy.with({ judge = toy.more_sevens }, more))) end

local function train(bound, given, more)
  return align.train(toy.with({
    policy = start:clone(), reference = reference, loss = bound, source = given, steps = 30, lr = 3e-3,
    quiet = true, instruments = false,
  }, more))
end

local function mean_of(run, name, first, last)
  local sum = 0
  for i = first, last do sum = sum + run.log[i][name] end
  return sum / (last - first + 1)
end

local pairs_of_start = source.sample(start, sampling { judge = toy.more_sevens, count = 64, quiet = true })

--- The pairs as rows of an unpaired data set, each response with its label.
local function labelled(more)
  local list = {}
  for _, pair in ipairs(pairs_of_start:list()) do
    for part, label in pairs { chosen = true, rejected = false } do
      list[#list + 1] = toy.with({ prompt = pair.prompt, completion = pair[part], label = label }, more)
    end
  end
  return list
end

local function win(policy)
  local how = { prompts = toy.prompts, task = toy.task }
  local against = align.evaluate.baseline(start, how)
  return align.evaluate.win_rate(policy, toy.with(how, { against = against, judge = toy.more_sevens })).mean
end

TestUnpaired = {}

function TestUnpaired:test_labelled_rows_and_pairs_are_read_offline_and_pairs_online()
  for _, name in ipairs { "kto", "bco", "apo_zero_unpaired" } do
    for _, given in ipairs {
      source.unpaired(labelled(), { batch = 32 }), source.unpaired(pairs_of_start, { batch = 32 }),
      source.offline(pairs_of_start, { batch = 16 }), online() } do
      local run = train(loss[name] {}, given)
      local what = name .. ", " .. given.name
      lu.assertTrue(mean_of(run, "loss", 26, 30) < mean_of(run, "loss", 1, 5), what)
    end
    lu.assertTrue(win(train(loss[name] {}, online(), { steps = 60, lr = 1e-2 }).policy) > 0.6, name)
  end
end

--- KTO's z is of the whole batch: its accumulation changes nothing.
function TestUnpaired:test_accumulation_leaves_what_is_prepared_for_the_whole_batch()
  local settings = { steps = 2, optimizer = "sgd", lr = 1e-2 }
  for _, name in ipairs { "kto", "bco" } do
    local given = source.unpaired(labelled(), { batch = 8 })
    local whole = train(loss[name] {}, given, settings)
    local split = train(loss[name] {}, given, toy.with(settings, { gradient_accumulation_steps = 8 }))
    for i = 1, 2 do
      support.close(split.log[i].loss, whole.log[i].loss, 1e-5, name)
      support.close(split.log[i].grad_norm, whole.log[i].grad_norm, 1e-4, name)
    end
  end
end

--- Policies that say log pi = the first id of the response: z is the mean of their difference.
function TestUnpaired:test_z_pairs_each_prompt_with_the_response_of_the_row_before()
  local rows = models.rows({ { 1 }, { 2 }, { 3 } }, { { 4 }, { 5 }, { 6 } })
  local batch, seen = align.batch.new { rows = rows }, nil
  local function says(factor)
    return { logps = function(_, asked)
      seen = asked:responses()
      return require "perilune.tensor".ones(#asked, "f64") * factor
    end }
  end
  loss.kto {}:prepare(batch, { policy = says(3), reference = says(1) })
  lu.assertEquals(seen, { { 6 }, { 4 }, { 5 } })
  lu.assertEquals(batch.z:totable(), { 2, 2, 2 })
  loss.kto {}:prepare(batch, { policy = says(1), reference = says(3) })
  lu.assertEquals(batch.z:totable(), { 0, 0, 0 })
  local one = align.batch.new { rows = rows:select { 1 } }
  lu.assertEquals(support.message(function() loss.kto {}:prepare(one, {}) end),
    "loss.kto: z needs at least two rows in a batch, got one")
end

--- The mean of means over equal batches is the mean of all rows.
function TestUnpaired:test_delta_is_the_mean_reward_of_all_rows_of_the_run()
  local run = train(loss.bco {}, source.unpaired(labelled(), { batch = 16 }), { steps = 5, lr = 0 })
  lu.assertEquals(run.states[1].count, 80)
  support.close(run.states[1].mean, 0, 1e-6)
  local l, state = loss.bco { beta = 1 }, { mean = 0, count = 0 }
  for _, ratios in ipairs { { 1, 3 }, { 5, 6, 7 } } do
    local lengths = {}
    for i in ipairs(ratios) do lengths[i] = 1 end
    local T = require "perilune.tensor"
    local batch = align.batch.plain {
      lengths = lengths, logps = T.tensor(ratios), ref_logps = T.zeros(#ratios), label = lengths }
    l:prepare(batch, { state = state })
  end
  lu.assertEquals({ state.mean, state.count }, { 22 / 5, 5 })
end

function TestUnpaired:test_further_fields_are_columns_where_every_row_has_them()
  local run = train(loss.bco { match_underlying_distribution = true },
    source.unpaired(labelled { prob_desirable = 0.5 }, { batch = 16 }), { steps = 2 })
  local plain = train(loss.bco {}, source.unpaired(labelled(), { batch = 16 }), { steps = 2 })
  support.close(run.log[2].loss, plain.log[2].loss, 1e-6, "0.5 / (1 - 0.5) = 1")
  lu.assertStrContains(support.message(train, loss.bco { match_underlying_distribution = true },
    source.unpaired(labelled(), { batch = 16 })), "reads 'prob_desirable', which the batch does not have")
end

--- scikit-learn 1.9.1 (NumPy 2.4.6): LogisticRegression(class_weight="balanced", solver="newton-cholesky",
-- tol=1e-14), coef_ and intercept_.
function TestUnpaired:test_the_classifier_of_prompts_is_that_of_scikit_learn()
  local x = require "perilune.tensor".tensor(
    { { 0.5, -1 }, { 1, 2 }, { 2, 0.3 }, { 4, -2 }, { -1, 1 }, { 0, 0 }, { 3, 1.5 } }, "f64")
  local w = align.desirability.logistic(x, { false, true, false, true, false, false, true }, 1)
  for i, expected in ipairs { 0.966723272159, 0.514063960478, -1.661140738284 } do
    support.close(w[i]:item(), expected, 1e-9)
  end
end

--- Prompts that begin with 2 have more desirable responses than the others.
function TestUnpaired:test_the_classifier_tells_prompts_apart_and_weighs_losses()
  local list = {}
  for i = 1, 60 do
    local is_good = i % 3 == 0
    list[i] = {
      prompt = { is_good and 2 or 9, 3 + i % 5 }, completion = { 4 }, label = i % 6 < (is_good and 5 or 2),
    }
  end
  local rows = align.desirability.of(start, list)
  for i, row in ipairs(rows) do
    lu.assertEquals(row.prob_desirable > 0.5, i % 3 == 0)
    lu.assertNil(list[i].prob_desirable)
  end
  local function first_loss(bound)
    return train(bound, source.unpaired(rows, { batch = 30 }), { steps = 1 }).log[1].loss
  end
  lu.assertNotEquals(first_loss(loss.bco { match_underlying_distribution = true }), first_loss(loss.bco {}))
  lu.assertStrContains(support.message(align.desirability.of, start, { { prompt = { 2 } } }),
    "row 1 must have a prompt and a label")
end

function TestUnpaired:test_wrong_rows_are_refused()
  local good = { prompt = { 1 }, completion = { 2 }, label = true }
  for text, list in pairs {
    ["row 2 is 3, expected a table"] = { good, 3 },
    ["row 1 has label 1, expected true or false"] = { toy.with(good, { label = 1 }) },
    ["row 1 has no list of token ids 'prompt'"] = { toy.with(good, { prompt = "x" }) },
  } do
    lu.assertStrContains(support.message(source.unpaired, list, { batch = 1 }), text)
  end
  lu.assertStrContains(support.message(source.unpaired, 3), "expected a list of rows, got 3")
  local rows = align.batch.new { rows = models.rows({ { 1 } }, { { 2 } }) }
  lu.assertStrContains(support.message(source.unpaired, rows, { batch = 1 }),
    "the batch has no column 'label'")
  local long = { prompt = { 99 }, completion = { 2 }, label = true }
  lu.assertStrContains(support.message(train, loss.kto {}, source.unpaired({ long, long }, { batch = 2 })),
    "token 1 is 99")
end

function TestUnpaired.test_of_further_fields_those_of_all_rows_are_read_and_weights_are_1()
  local one = { prompt = { 1 }, completion = { 2 }, label = true, note = 4 }
  local two = { prompt = { 1 }, completion = { 3 }, label = false, weight = 3 }
  local data = source.unpaired({ one, two }, { batch = 2 }).dataset
  lu.assertEquals(data.weight:totable(), { 1, 3 })
  lu.assertNil(data.note)
end

TestReferenceFree = {}

function TestReferenceFree:test_they_run_without_a_reference_and_beat_the_start()
  for _, name in ipairs { "cpo", "simpo", "alphapo", "orpo" } do
    local given = { policy = start:clone(), loss = loss[name] {}, source = online(), steps = 60, lr = 1e-2,
      quiet = true, instruments = false }
    lu.assertTrue(win(align.train(given).policy) > 0.6, name)
  end
end

--- Token means are of the whole step: pieces of different lengths do not change them.
function TestReferenceFree:test_accumulation_is_exact()
  local settings = { steps = 2, optimizer = "sgd", lr = 1e-2 }
  for _, name in ipairs { "cpo", "simpo", "alphapo", "orpo", "tpo" } do
    local function given() return source.best_worst(sampling { judge = toy.more_sevens, gold = true }) end
    local whole = train(loss[name] {}, given(), settings)
    local split = train(loss[name] {}, given(), toy.with(settings, { gradient_accumulation_steps = 16 }))
    for i = 1, 2 do
      support.close(split.log[i].loss, whole.log[i].loss, 1e-6, name)
      support.close(split.log[i].grad_norm, whole.log[i].grad_norm, 1e-5, name)
    end
  end
end

TestTriples = {}

function TestTriples:test_gold_is_the_best_chosen_the_second_and_rejected_the_worst()
  local batch = source.best_worst(sampling { judge = toy.more_sevens, gold = true }):batch(1, start, "s")
  local function sevens(rows) return toy.sevens(rows) end
  for i = 1, #batch do
    local pair = batch[i]
    lu.assertTrue(sevens(pair.gold) >= sevens(pair.chosen) and sevens(pair.chosen) >= sevens(pair.rejected))
  end
  local again = align.batch.of_pairs(batch:list())
  lu.assertEquals(again.gold, batch.gold)
  lu.assertEquals(again.gold_lengths:totable(), batch.gold_lengths:totable())
  lu.assertStrContains(
    support.message(source.best_worst, sampling { judge = toy.more_sevens, gold = true, responses = 2 }),
    "gold needs at least 3 responses to a prompt, got 2")
end

function TestTriples:test_tpo_raises_the_likelihood_of_gold_and_needs_it()
  local triples = source.best_worst(sampling { judge = toy.more_sevens, gold = true, batch = 48 })
    :batch(1, start, "start")
  local run = train(loss.tpo {}, source.offline(triples, { batch = 16 }))
  lu.assertTrue(mean_of(run, "nll_loss", 26, 30) < mean_of(run, "nll_loss", 1, 5))
  local given = source.offline(pairs_of_start, { batch = 16 })
  lu.assertStrContains(support.message(train, loss.tpo {}, given),
    "reads 'gold', which the batch does not have")
  train(loss.tpo { tpo_alpha = 0 }, given, { steps = 1 })
end

TestOptimalValues = {}

function TestOptimalValues:test_rewards_of_the_reference_are_drawn_once_and_do_not_depend_on_the_step()
  local asked = 0
  local function reward(_, response)
    asked = asked + 1
    return toy.sevens(response)
  end
  local function made()
    return source.groups(sampling { responses = 1, reference_responses = 5, batch = 48, reward = reward })
  end
  local given = made()
  local first = given:batch(1, start, "s", reference)
  lu.assertEquals({ asked, given:labels(1), given:labels(2) }, { 48 * 6, 48 * 6, 48 * 7 })
  local of_prompt = {}
  for i = 1, 48 do of_prompt[table.concat(first[i].prompt, " ")] = first.reference_rewards[i] end
  local later = made():batch(2, start, "s", reference)
  for i = 1, 48 do
    lu.assertEquals(later.reference_rewards[i], of_prompt[table.concat(later[i].prompt, " ")])
  end
  lu.assertStrContains(support.message(function() made():batch(1, start, "s") end),
    "reference_responses need the reference of a run")
end

function TestOptimalValues:test_a2po_raises_rewards()
  local given = source.groups(sampling {
    responses = 1, reference_responses = 8, batch = 24,
    reward = function(_, response) return toy.sevens(response) end,
  })
  local run = train(loss.a2po {}, given, { steps = 80, lr = 1e-2 })
  lu.assertTrue(mean_of(run, "reward", 61, 80) > 1.2 * mean_of(run, "reward", 1, 20))
end

os.exit(lu.LuaUnit.run())
