--- Instruments against enumeration of all answers, finite differences, and hand calculation.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local runs = require "toy_runs"
local lu = require "luaunit"
local tensor = require "perilune.tensor"
local models = require "perilune.models"
local align = require "perilune.align"
local stats = align.evaluate.stats

local reference, dataset = runs.reference, runs.dataset

local function offline() return align.sources.offline(dataset, { batch = 8, seed = 1 }) end

local function last(run) return run.log[#run.log] end

--- The figures of one function of an instrument for a context of its own.
local function measured(name, which, context, o)
  local m, d = stats.sums(), align.instruments[name]
  d[which](context, d.spec:fill(o), m)
  return m
end

--- A model of 5 ids, another one, and every answer of at most two tokens that id 1 ends, with its
-- probability.
local function small(seed)
  return models.transformer { vocab = 5, dim = 8, layers = 1, heads = 2, max_length = 8, seed = seed }
end

local policy, other, prompt = small(1), small(7), { 2, 3 }
tensor.no_grad(function()
  for _, p in ipairs((policy:parameters())) do p:mul_(3) end
end)

--- The probabilities of the next token, a list from id 0.
local function next_token(model, ids)
  local logits = tensor.no_grad(model.last_logits, model, { ids }):to("f64")
  return logits:log_softmax(2):exp():totable()[1]
end

local answers, chances, other_chances = {}, {}, {}
for a = 0, 4 do
  local p, q = next_token(policy, prompt)[a + 1], next_token(other, prompt)[a + 1]
  if a == 1 then
    answers[#answers + 1], chances[#chances + 1], other_chances[#chances + 1] = { 1 }, p, q
  else
    for b = 0, 4 do
      local longer = { 2, 3, a }
      answers[#answers + 1] = { a, b }
      chances[#answers] = p * next_token(policy, longer)[b + 1]
      other_chances[#answers] = q * next_token(other, longer)[b + 1]
    end
  end
end

local function repeated(value, count)
  local list = {}
  for i = 1, count do list[i] = value end
  return list
end

local every = models.rows(repeated(prompt, #answers), answers)

TestKL = {}

--- The sum over all 21 answers of p log(p / q).
local function enumerated(p, q)
  local sum = 0.0
  for i in ipairs(answers) do sum = sum + p[i] * math.log(p[i] / q[i]) end
  return sum
end

function TestKL:test_weighted_by_their_chances_all_answers_give_the_enumerated_kl()
  local sums = { own = 0.0, own_reverse = 0.0, entropy = 0.0 }
  for i, answer in ipairs(answers) do
    local rows = models.rows({ prompt }, { answer })
    local m = measured("kl", "evaluation", { policy = policy, reference = other, own = rows, data = rows })
    sums.own = sums.own + chances[i] * m:mean "kl/own"
    sums.own_reverse = sums.own_reverse + other_chances[i] * m:mean "kl/own_reverse"
    sums.entropy = sums.entropy + chances[i] * m:mean "entropy/own"
    lu.assertEquals(m:mean "kl/data", m:mean "kl/own")
    lu.assertEquals(m:mean "kl/data_reverse", m:mean "kl/own_reverse")
  end
  local entropy = 0.0
  for _, p in ipairs(chances) do entropy = entropy - p * math.log(p) end
  support.close(sums.own, enumerated(chances, other_chances), 1e-5, "KL(policy || other)")
  support.close(sums.own_reverse, enumerated(other_chances, chances), 1e-5, "KL(other || policy)")
  support.close(sums.entropy, entropy, 1e-5, "entropy")
  lu.assertTrue(sums.own > 0.1, "the two differ")
end

--- An offline run has no fresh responses but those that the instruments draw.
function TestKL:test_an_offline_run_has_the_kl_of_its_own_responses()
  local run = runs.train { source = offline(), instruments = { "kl", own = { prompts = 8 } }, steps = 20 }
  local how = { prompts = toy.prompts, max_new_tokens = 6, stop = { 1 }, seed = 5 }
  local kl = align.evaluate.kl(run.policy, reference, how)
  lu.assertTrue(kl.mean > 0.5, "the policy moved")
  lu.assertTrue(math.abs(last(run)["kl/own"] - kl.mean) < 6 * kl.se * math.sqrt(48 / 16), "within its error")
  lu.assertTrue(last(run)["kl/data"] > 0 and last(run)["kl/own_reverse"] > 0)
end

function TestKL:test_without_a_reference_there_is_the_entropy()
  local m = measured("kl", "evaluation", { policy = policy, own = every, data = every })
  local with = measured("kl", "evaluation", { policy = policy, reference = other, own = every, data = every })
  support.close(m:mean "entropy/own", with:mean "entropy/own", 1e-5)
  lu.assertNil(m:mean "kl/own")
end

TestMass = {}

local function mass_of(chosen, rejected)
  local pairs_of = {}
  for i, c in ipairs(chosen) do
    pairs_of[i] = { prompt = prompt, chosen = answers[c], rejected = answers[rejected[i]] }
  end
  local data = align.batch.of_pairs(pairs_of)
  return measured("mass", "evaluation", { policy = policy, source = {}, batch = data })
end

function TestMass:test_it_is_the_sum_of_the_enumerated_chances()
  local m = mass_of({ 1, 2, 1 }, { 3, 4, 4 })
  support.close(m:mean "mass/chosen", chances[1] + chances[2], 1e-6)
  support.close(m:mean "mass/rejected", chances[3] + chances[4], 1e-6)
  local unseen = 0.0
  for i = 5, #answers do unseen = unseen + chances[i] end
  support.close(m:mean "mass/unseen", unseen, 1e-6)
  lu.assertEquals(m.counts["mass/unseen"], 1)
end

function TestMass:test_an_answer_that_is_chosen_and_rejected_counts_half_to_each()
  local m = mass_of({ 1, 2 }, { 2, 3 })
  support.close(m:mean "mass/chosen", chances[1] + chances[2] / 2, 1e-6)
  support.close(m:mean "mass/rejected", chances[3] + chances[2] / 2, 1e-6)
end

function TestMass:test_the_answers_of_the_whole_data_set_are_seen()
  local function pair(c, r) return { prompt = prompt, chosen = answers[c], rejected = answers[r] } end
  local all = align.batch.of_pairs { pair(1, 2), pair(3, 4) }
  local m = measured("mass", "evaluation",
    { policy = policy, source = { dataset = all }, batch = align.batch.of_pairs { pair(1, 2) } })
  support.close(m:mean "mass/chosen", chances[1] + chances[3], 1e-6)
end

TestCoverage = {}

function TestCoverage:test_over_all_answers_it_is_the_largest_ratio()
  local m = measured("coverage", "evaluation", {
    policy = policy, reference = other, own_logps = policy:logps(every), own_ref_logps = other:logps(every),
  })
  local largest = -math.huge
  for i in ipairs(answers) do largest = math.max(largest, math.log(chances[i] / other_chances[i])) end
  support.close(m:mean "coverage/own", largest, 1e-5)
end

TestText = {}

function TestText:test_by_hand()
  local first = { { 5, 6, 5, 6, 1 }, { 5, 6, 5, 6, 1 }, { 7, 8 }, { 8, 7, 1 } }
  local rows = models.rows(repeated({ 2 }, 4), first)
  local batch = align.batch.of_pairs { dataset[1] }
  local m = measured("text", "evaluation",
    { own = rows, data = rows, drawing = { stop = { 1 } }, batch = batch })
  local names = { "length", "ended", "equal", "distinct_1", "distinct_2", "distinct_3" }
  local found = {}
  for i, name in ipairs(names) do
    name = "text/own_" .. name
    found[i] = { m.sums[name], m.counts[name] }
  end
  -- Ids 5 6 1 7 8 of 15; 56 65 61 78 87 71 of 11; 565 656 561 871 of 7.
  lu.assertEquals(found, { { 15.0, 4 }, { 3.0, 4 }, { 1.0, 2 }, { 5.0, 15 }, { 6.0, 11 }, { 4.0, 7 } })
  -- 7 8 becomes 8 7 1: insert 8 before it, replace 8 by 1.
  lu.assertEquals({ m.sums["text/own_edit"], m.counts["text/own_edit"] }, { 2.0, 8 })
end

function TestText:test_of_a_batch_without_pairs_there_are_no_pairs()
  local rows = models.rows({ { 2 }, { 2 } }, { { 3 }, { 3 } })
  local m = measured("text", "evaluation",
    { own = rows, data = rows, drawing = { stop = {} }, batch = align.batch.new { rows = rows } })
  lu.assertNil(m:mean "text/data_equal")
  lu.assertNil(m:mean "text/data_ended")
  lu.assertEquals(m:mean "text/own_equal", 1.0)
end

TestEdits = {}

--- The least number of edits by trying every first edit.
local function by_recursion(a, b, i, j)
  i, j = i or 1, j or 1
  if i > #a then return #b - j + 1 end
  if j > #b then return #a - i + 1 end
  if a[i] == b[j] then return by_recursion(a, b, i + 1, j + 1) end
  local removed, inserted = by_recursion(a, b, i + 1, j), by_recursion(a, b, i, j + 1)
  return 1 + math.min(removed, inserted, by_recursion(a, b, i + 1, j + 1))
end

function TestEdits:test_against_recursion()
  local edits, system = require "perilune.align.edits", require "perilune.system"
  local at = 0
  local function list()
    local ids = {}
    at = at + 1
    for i = 1, math.floor(system.uniform(3, "edits/length", at) * 7) do
      ids[i] = math.floor(system.uniform(3, "edits/ids", at * 100 + i) * 3)
    end
    return ids
  end
  for _ = 1, 60 do
    local a, b = list(), list()
    lu.assertEquals(edits(a, b), by_recursion(a, b))
    lu.assertEquals(edits(b, a), edits(a, b))
  end
end

TestLedger = {}

--- The mean over answers of the writer of log pi_then / log pi is an unbiased estimate of KL(writer || now).
function TestLedger:test_mean_staleness_is_the_kl_of_the_writer_from_the_policy()
  local rows = other:sample(repeated(prompt, 4000), { max_new_tokens = 2, stop = { 1 }, seed = 3 })
  local ledger = require "perilune.align.ledger" { name = "here" }
  local batch = align.batch.new { rows = rows, checkpoint = repeated("c", 4000) }
  ledger:add(1, { { batch = batch, now = tensor.no_grad(policy.logps, policy, rows) } })
  local found = ledger:staleness "checkpoint".c
  local wanted = enumerated(other_chances, chances)
  lu.assertTrue(math.abs(found.mean - wanted) < 4 * found.se, ("%.4f and %.4f"):format(found.mean, wanted))
end

TestClassifier = {}

function TestClassifier:test_own_responses_are_ordered_by_the_judge()
  local own = models.rows(repeated({ 2 }, 4), { { 7, 7 }, { 3, 3 }, { 3 }, { 7 } })
  local context = {
    policy = policy, reference = reference, own = own, source = { options = { judge = toy.more_sevens } },
    own_logps = tensor { -1, -2, -1, -2 }, own_ref_logps = tensor { -2, -2, -2, -2 }, step = 1,
    drawing = {
      max_new_tokens = 0, temperature = 1.0, seed = 0, top_k = 0, top_p = 1.0, min_p = 0.0, stop = {},
    },
    batch = align.batch.new { rows = own }, measured = { own = { prompts = 2 } },
  }
  local m = measured("classifier", "evaluation", context)
  -- log pi/pi_ref is 1, 0 for 7 7 against 3 3 (right), and 1, 0 for 3 against 7 (wrong).
  lu.assertEquals({ m.sums["classifier/own"], m.counts["classifier/own"] }, { 1.0, 2 })
  -- The reference's responses are empty: 7 7 wins, 3 ties.
  lu.assertEquals({ m.sums["generator/win"], m.counts["generator/win"] }, { 1.5, 2 })
end

os.exit(lu.LuaUnit.run())
