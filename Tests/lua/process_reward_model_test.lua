--- Process reward models: they learn steps, score responses by them, and refuse wrong rows.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local lu = require "luaunit"
local models = require "perilune.models"
local system = require "perilune.system"
local judge = require "perilune.align.judge"
local rows = models.rows

local labels, eos = { 12, 13 }, 1
local init = models.transformer {
  vocab = 14, dim = 32, layers = 1, heads = 2, max_length = 32, style = "gpt2", seed = 1,
}

TestSteps = {}

local separator = { 11 }

--- Rows of one to three steps of one to three ids; a step with id 7 is right.
local function stepwise(n, seed)
  local list = {}
  for i = 1, n do
    local steps, right = {}, {}
    for k = 1, 1 + i % 3 do
      steps[k] = {}
      for t = 1, 1 + math.floor(3 * system.uniform(seed, "length", 10 * i + k)) do
        steps[k][t] = 2 + math.floor(8 * system.uniform(seed, "word", 100 * i + 10 * k + t))
      end
      right[k] = toy.sevens(steps[k]) > 0
    end
    list[i] = { prompt = toy.prompts[i % 48 + 1], completions = steps, labels = right }
  end
  return list
end

local function fit_steps(more)
  return judge.process_reward_model(toy.with({
    init = init, data = stepwise(1500, 1), separator = separator, labels = labels, eos = eos, steps = 200,
    batch = 32, lr = 3e-3, quiet = true,
  }, more))
end

local prm = fit_steps()

function TestSteps:test_it_learns_which_steps_are_right()
  local accuracy = prm:step_accuracy(stepwise(200, 2), { seen = "use" })
  lu.assertTrue(accuracy.mean > 0.9, accuracy.mean)
  lu.assertEquals(accuracy.count, 401)
end

function TestSteps:test_it_refuses_the_rows_that_it_was_trained_on()
  local some = stepwise(3, 1)
  lu.assertStrContains(support.message(prm.step_accuracy, prm, some),
    "judge.step_accuracy: judge process reward model was trained on 3 of the 3 rows; give others")
  some[4] = { prompt = { 2 }, completions = { { 9, 9, 9, 9, 9 } }, labels = { false } }
  lu.assertEquals(prm:step_accuracy(some, { seen = "skip" }).count, 1)
end

function TestSteps:test_a_response_is_scored_by_its_steps()
  local given = rows({ { 2, 2 }, { 2, 2 } }, { { 7, 11, 3, 4, 11, 5, 7, 1 }, { 7, 3, 11, 4, 7, 11 } })
  local found = prm:steps(given)
  lu.assertEquals({ #found[1], #found[2] }, { 3, 2 })
  lu.assertTrue(found[1][1] > 0.5 and found[1][2] < 0.5 and found[1][3] > 0.5)
  lu.assertEquals(prm:score(given)[1], found[1][2])
  lu.assertEquals(prm:prefer(given:select { 1 }, given:select { 2 })[1], 0)
  for how, wanted in pairs {
    product = found[1][1] * found[1][2] * found[1][3],
    mean = (found[1][1] + found[1][2] + found[1][3]) / 3, last = found[1][3] } do
    support.close(fit_steps { aggregate = how }:score(given)[1], wanted, 1e-12, how)
  end
end

--- The loss of the first step of training by hand: the logits of both labels where the separator was read.
function TestSteps:test_the_loss_is_the_cross_entropy_after_the_separators()
  local one_row = { { prompt = { 2 }, completions = { { 3, 4 }, { 7 } }, labels = { false, true } } }
  for is_last, places in pairs { [false] = { { 4, -1 }, { 6, 1 } }, [true] = { { 6, 1 } } } do
    local made = fit_steps { data = one_row, validation = one_row, steps = 1, evaluate_every = 1,
      train_on_last_step_only = is_last }
    local loss = 0
    for _, place in ipairs(places) do
      local logits = init:last_logits { table.move({ 2, 3, 4, 11, 7, 11 }, 1, place[1], 1, {}) }
      local z = (logits[1][13] - logits[1][14]):item() * place[2]
      loss = loss + math.log(1 + math.exp(-z)) / #places
    end
    support.close(made.log[1].loss, loss, 1e-5)
  end
end

function TestSteps:test_wrong_rows_are_refused()
  local good = { prompt = { 2 }, completions = { { 3 } }, labels = { true } }
  for text, row in pairs {
    ["row 1 has 2 labels for 1 steps"] = toy.with(good, { labels = { true, false } }),
    ["row 1 label 1 is 1, expected true or false"] = toy.with(good, { labels = { 1 } }),
    ["row 1 step 1 is no list of token ids"] = toy.with(good, { completions = { 3 } }),
    ["row 1 step 1 has the separator in it"] = toy.with(good, { completions = { { 3, 11, 4 } } }),
    ["row 1 has no list 'completions'"] = toy.with(good, { completions = false }),
    ["row 1 has no steps"] = toy.with(good, { completions = {}, labels = {} }),
  } do
    lu.assertStrContains(support.message(fit_steps, { data = { row } }), text)
  end
  lu.assertStrContains(support.message(fit_steps, { separator = {} }), "the separator is empty")
  lu.assertStrContains(support.message(fit_steps, { labels = { 12, 12 } }), "two different ids, got 12 twice")
  lu.assertStrContains(support.message(fit_steps, { data = {} }), "no rows to learn from")
end

os.exit(lu.LuaUnit.run())
