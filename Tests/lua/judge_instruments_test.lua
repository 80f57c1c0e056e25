--- Judges as instruments: probabilities, calibration, ensembles, what a judge was trained on, margins.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local lu = require "luaunit"
local models = require "perilune.models"
local system = require "perilune.system"
local tensor = require "perilune.tensor"
local align = require "perilune.align"
local judge, rows = align.judge, models.rows

local labels, eos = { 12, 13 }, 1
local init = models.transformer {
  vocab = 14, dim = 32, layers = 1, heads = 2, max_length = 32, style = "gpt2", seed = 1,
}

--- A judge that says the given probabilities, and decides by them.
local function says(name, probabilities)
  return {
    name = name,
    probability = function() return table.move(probabilities, 1, #probabilities, 1, {}) end,
    prefer = function()
      local outcomes = {}
      for i, p in ipairs(probabilities) do outcomes[i] = p > 0.5 and 1 or p < 0.5 and 0 or 0.5 end
      return outcomes
    end,
  }
end

TestCalibration = {}

--- Worked by hand. p = 0.9, 0.8, 0.3, 0.5: confidences 0.9, 0.8, 0.7, 0.5; right 1, 1, 0, 1/2.
function TestCalibration:test_its_figures_are_those_of_a_worked_example()
  local data = {}
  for i = 1, 4 do data[i] = { prompt = { 2 }, chosen = { 2 + i }, rejected = { 7 + i } } end
  local c = judge.calibration(says("four", { 0.9, 0.8, 0.3, 0.5 }), data, { bins = 2 })
  lu.assertEquals({ c.count, c.accuracy }, { 4, 0.625 })
  lu.assertEquals({ c.bins[1].count, c.bins[2].count }, { 2, 2 })
  lu.assertEquals({ c.bins[1].from, c.bins[1].to, c.bins[2].to }, { 0.5, 0.75, 1 })
  -- Bin 1 has 0.7 and 0.5: mean 0.6, accuracy 0.25; bin 2 has 0.9 and 0.8: mean 0.85, accuracy 1.
  support.close(c.bins[1].confidence, 0.6, 1e-12)
  lu.assertEquals({ c.bins[1].accuracy, c.bins[2].accuracy }, { 0.25, 1 })
  support.close(c.ece, 0.5 * 0.35 + 0.5 * 0.15, 1e-12)
  support.close(c.brier, (0.01 + 0.04 + 0.49 + 0.25) / 4, 1e-12)
  support.close(c.log_loss, -math.log(0.9 * 0.8 * 0.3 * 0.5) / 4, 1e-12)
  lu.assertStrContains(tostring(c), "four: 4 pairs, accuracy 0.625, calibration error 0.250")
end

function TestCalibration:test_a_judge_that_draws_from_its_probability_is_calibrated()
  local first, second = toy.questions(4000, 1)
  local p, data = {}, {}
  for i = 1, 4000 do
    p[i] = 0.5 + 0.5 * system.uniform(1, "p", i)
    local is_right = system.uniform(1, "right", i) < p[i]
    data[i] = { prompt = first:prompt(i), chosen = first:response(i), rejected = second:response(i) }
    if not is_right then p[i] = 1 - p[i] end
  end
  local c = judge.calibration(says("honest", p), data)
  lu.assertTrue(c.ece < 0.03, c.ece)
  -- Uniform confidences from 1/2 to 1: accuracy 3/4, Brier score E[q (1 - q)] = 1/6.
  support.close(c.accuracy, 0.75, 0.03)
  support.close(c.brier, 1 / 6, 0.02)
end

function TestCalibration:test_what_is_no_probability_is_refused()
  local a, b = rows({ { 2 } }, { { 3 } }), rows({ { 2 } }, { { 4 } })
  lu.assertEquals(support.message(judge.probability, says("odd", { 1.5 }), a, b),
    "judge odd: the probability of row 1 is 1.5, expected 0 to 1")
  lu.assertStrContains(support.message(judge.probability, says("short", {}), a, b), "a list of 1 numbers")
  lu.assertStrContains(support.message(judge.probability, says("x", { 1 }), a, rows({ { 3 } }, { { 4 } })),
    "different prompts")
end

TestEnsemble = {}

local function scored(name, values)
  return judge.from_score(name, function(_, response) return values[response[1]] end)
end

local a, b = scored("a", { [2] = 1, [3] = 3 }), scored("b", { [2] = 4, [3] = 0 })
local one, two = rows({ { 5 } }, { { 2 } }), rows({ { 5 } }, { { 3 } })

--- Scores of the two responses: 1 and 3 by a, 4 and 0 by b.
function TestEnsemble:test_mean_worst_and_uncertainty_of_scores()
  local function made(how, more) return judge.ensemble(toy.with({ a, b, how = how }, more)) end
  lu.assertEquals({ made "mean":score(one)[1], made "mean":score(two)[1] }, { 2.5, 1.5 })
  lu.assertEquals({ made "worst":score(one)[1], made "worst":score(two)[1] }, { 1, 0 })
  -- Variances 2.25 and 2.25.
  lu.assertEquals(made("uncertainty", { coefficient = 1 }):score(one)[1], 0.25)
  lu.assertEquals(made "mean":deviation(one)[1], 1.5)
  lu.assertEquals(made "mean":scores(one), { { 1 }, { 4 } })
  lu.assertEquals({ made "mean":prefer(one, two)[1], made "vote":prefer(one, two)[1] }, { 1, 0.5 })
  lu.assertNil(made "vote".score)
  local p, q = 1 / (1 + math.exp(2)), 1 / (1 + math.exp(-4))
  support.close(made "mean":probability(one, two)[1], (p + q) / 2, 1e-12)
  support.close(made "mean":disagreement(one, two)[1], ((p - q) / 2) ^ 2, 1e-12)
end

function TestEnsemble:test_members_without_scores_are_joined_by_probability_or_by_vote()
  local function made(how) return judge.ensemble { says("x", { 0.9 }), says("y", { 0.4 }), how = how } end
  lu.assertEquals({ made "mean":prefer(one, two)[1], made "worst":prefer(one, two)[1] }, { 1, 0.5 })
  support.close(made "mean":probability(one, two)[1], 0.65, 1e-12)
  local deciders = judge.ensemble {
    function() return 1 end, function() return 1 end, function() return 0 end, how = "vote" }
  lu.assertEquals(deciders:prefer(one, two)[1], 1)
  support.close(deciders:disagreement(one, two)[1], 2 / 9, 1e-12)
  lu.assertNil(deciders.probability)
end

function TestEnsemble:test_what_cannot_be_joined_is_refused()
  lu.assertEquals(support.message(judge.ensemble, { how = "mean" }), "judge.ensemble: no judges")
  lu.assertStrContains(support.message(judge.ensemble, { says("x", { 1 }), how = "uncertainty" }),
    "needs members with scores")
  lu.assertStrContains(support.message(judge.ensemble, { 3 }), "expected a judge")
  lu.assertStrContains(support.message(judge.ensemble, { a, how = "best" }), "'how' must be one of")
end

TestLearned = {}

local function learning(n, seed)
  local list, x, y = {}, toy.questions(2 * n, seed)
  for i = 1, 2 * n do
    local p, q = x:response(i), y:response(i)
    if #p ~= #q and #list < n then
      list[#list + 1] = {
        prompt = x:prompt(i), chosen = #p > #q and p or q, rejected = #p > #q and q or p, margin = 1.0 }
    end
  end
  return list
end

local data, held_out = learning(400, 5), learning(200, 6)

local function fit(more)
  return judge.reward_model(toy.with({
    init = init, data = data, labels = labels, eos = eos, steps = 60, batch = 32, lr = 3e-3, quiet = true,
  }, more))
end

local function rewards_of(made, dataset)
  local batch = align.batch.of_pairs(dataset)
  return tensor.tensor(made:score(batch.rows))
end

function TestLearned:test_a_judge_refuses_the_pairs_that_it_was_trained_on()
  local made = fit()
  lu.assertEquals(made.trained_on.count, 400)
  local turned = { prompt = data[7].prompt, chosen = data[7].rejected, rejected = data[7].chosen }
  local fresh = judge.accuracy(made, held_out, { seen = "skip" })
  local all = table.move(held_out, 1, #held_out, 1, {})
  all[#all + 1] = turned
  for name, score in pairs { accuracy = judge.accuracy, calibration = judge.calibration } do
    lu.assertStrContains(support.message(score, made, { turned }),
      ("judge.%s: judge reward model was trained on 1 of the 1 pairs; give others"):format(name))
    lu.assertStrContains(support.message(score, judge.ensemble { made, made }, { turned }), "was trained on")
    lu.assertStrContains(support.message(score, judge.flawed(made, { flip_rate = 0.1 }), { turned }),
      "was trained on")
  end
  lu.assertEquals(judge.accuracy(made, all, { seen = "skip" }).count, fresh.count)
  lu.assertEquals(judge.accuracy(made, all, { seen = "use" }).count, #held_out + 1)
end

function TestLearned:test_learned_probabilities_agree_with_the_preferences()
  for _, make in ipairs { judge.reward_model, judge.preference_model } do
    local made = make {
      init = init, data = data, labels = labels, eos = eos, steps = 40, batch = 32, lr = 3e-3, quiet = true }
    local x, y = toy.questions(60, 8)
    local p, turned = judge.probability(made, x, y), judge.probability(made, y, x)
    for i, outcome in ipairs(judge.ask(made, x, y)) do
      lu.assertEquals(p[i] > 0.5 and 1 or p[i] < 0.5 and 0 or 0.5, outcome, made.name)
      support.close(p[i] + turned[i], 1, 1e-6, made.name)
    end
    lu.assertTrue(judge.calibration(made, held_out, { seen = "skip" }).accuracy > 0.8, made.name)
  end
end

--- A margin asks for larger differences; the coefficient keeps the sum of both rewards near 0.
function TestLearned:test_margins_and_centring_do_what_their_losses_say()
  local function spread(made)
    local r, n = rewards_of(made, held_out), #held_out
    local chosen, rejected = r:narrow(1, 1, n), r:narrow(1, n + 1, n)
    return (chosen - rejected):mean():item(), (chosen + rejected):square():mean():item()
  end
  local plain = {}
  for i, pair in ipairs(data) do plain[i] = toy.with(pair) plain[i].margin = nil end
  local wide, narrow = spread(fit()), spread(fit { data = plain })
  lu.assertTrue(wide > narrow + 0.3, ("%g, %g"):format(wide, narrow))
  local _, off = spread(fit())
  local _, on = spread(fit { center_rewards_coefficient = 1 })
  lu.assertTrue(on < 0.5 * off, ("%g, %g"):format(on, off))
end

os.exit(lu.LuaUnit.run())
