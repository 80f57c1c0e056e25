--- Sources that draw more responses than they give: best against worst, rejection sampling, active choice.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local lu = require "luaunit"
local align = require "perilune.align"
local plain = require "perilune.plain"
local system = require "perilune.system"

local source, judge = align.sources, align.judge
local acquisition = require "perilune.align.acquisition"
local candidates = require "perilune.align.candidates"
local policy, reference = toy.model(5), toy.model(6)

local sevens = judge.from_score("sevens", function(_, response) return toy.sevens(response) end)

local function with(more) return toy.sampling(toy.with({ judge = sevens, batch = 6, seed = 3 }, more)) end

--- The k responses to each prompt of a step, as `sources.groups` draws them.
local function drawn(step, responses, batch)
  return source.groups {
    prompts = toy.prompts, max_new_tokens = 6, stop = { 1 }, batch = batch or 6, responses = responses,
    seed = 3, reward = sevens,
  }:batch(step, policy, "p@0")
end

TestPenalty = {}

function TestPenalty:test_a_cut_response_loses_against_a_finished_one()
  local length = judge.from_score("length", function(_, response) return #response end)
  local function groups(more)
    return source.groups(toy.with({
      prompts = toy.prompts, max_new_tokens = 6, stop = { 1 }, batch = 16, seed = 3, reward = length,
    }, more)):batch(1, policy, "p@0")
  end
  local free, penalised = groups(), groups { missing_eos_penalty = 2.5 }
  local cut = 0
  for i, response in ipairs(free.rows:responses()) do
    local is_cut = response[#response] ~= 1
    cut = cut + (is_cut and 1 or 0)
    lu.assertEquals(penalised.reward[i]:item(), free.reward[i]:item() - (is_cut and 2.5 or 0))
  end
  lu.assertTrue(cut > 0 and cut < #free.rows)
  local online = source.online(with { judge = length, missing_eos_penalty = 100 })
  local pairs_drawn = online:batch(1, policy, "p@0")
  for i = 1, #pairs_drawn do
    local chosen, rejected = pairs_drawn[i].chosen, pairs_drawn[i].rejected
    lu.assertTrue(chosen[#chosen] == 1 or rejected[#rejected] ~= 1)
  end
end

function TestPenalty:test_a_judge_without_scores_has_none_to_subtract_from()
  local pairwise = with { judge = toy.more_sevens, missing_eos_penalty = 1 }
  lu.assertStrContains(support.message(source.online, pairwise),
    "sources.online: missing_eos_penalty is subtracted from a score, and judge function has none")
  lu.assertStrContains(support.message(source.groups, {
    prompts = toy.prompts, reward = sevens, missing_eos_penalty = 1, max_new_tokens = 6,
  }), "sources.groups: missing_eos_penalty needs stop tokens: give stop or task")
end

TestWriter = {}

--- At temperature 0 the second response is the most probable one; the first stays as it was.
function TestWriter:test_a_writer_draws_at_its_own_temperature()
  local greedy = source.writer { temperature = 0 }
  local batch = source.online(with { second = greedy }):batch(1, policy, "p@0")
  local plain_batch = source.online(with { second = source.writer {} }):batch(1, policy, "p@0")
  for i = 1, #batch do
    local expected = policy:sample({ batch[i].prompt },
      { max_new_tokens = 6, stop = { 1 }, temperature = 0 })
    local of = {}
    for row = i, i + 6, 6 do of[batch.writer[row]] = batch.rows:response(row) end
    lu.assertEquals(of.writer, expected:response(1))
    local other = {}
    for row = i, i + 6, 6 do other[plain_batch.writer[row]] = plain_batch.rows:response(row) end
    lu.assertEquals(of.policy, other.policy)
  end
  local cut = source.online(with { second = source.writer { of = reference, top_k = 2 } })
  local drawn_batch = cut:batch(1, policy, "p@0")
  local logits = reference:outputs(drawn_batch.rows, { "logits" }).logits:detach()
  local ranks, at = {}, 0
  for row = 1, #drawn_batch.rows do
    for _, id in ipairs(drawn_batch.rows:response(row)) do
      at = at + 1
      local rank = logits[at]:gt(logits[at][id + 1]:item()):to("f32"):sum():item() + 1
      if drawn_batch.writer[row] == "writer" then ranks[#ranks + 1] = rank end
    end
  end
  for _, rank in ipairs(ranks) do lu.assertTrue(rank <= 2) end
end

TestBestWorst = {}

function TestBestWorst:test_a_pair_has_the_largest_and_the_smallest_score_of_its_prompt()
  local best_worst, group = source.best_worst(with { responses = 5 }), drawn(2, 5)
  local batch = best_worst:batch(2, policy, "p@0")
  for i, unit in ipairs(group:units()) do
    local most, least = -1, 99
    for _, row in ipairs(unit) do
      most, least = math.max(most, group.reward[row]:item()), math.min(least, group.reward[row]:item())
    end
    lu.assertEquals({ toy.sevens(batch[i].chosen), toy.sevens(batch[i].rejected) }, { most, least })
    lu.assertEquals({ batch.reward[i]:item(), batch.reward[6 + i]:item() }, { most, least })
    lu.assertEquals(batch[i].prompt, group.rows:prompt(unit[1]))
  end
  lu.assertEquals(best_worst:labels(3), 3 * 6 * 5)
end

--- By more sevens, pairwise: the share of others that a response is preferred to has the order of the counts.
function TestBestWorst:test_a_judge_without_scores_compares_all_with_each_other()
  local compared = source.best_worst(with { responses = 5, judge = toy.more_sevens })
  local scored = source.best_worst(with { responses = 5 })
  lu.assertEquals(compared:labels(1), 6 * 10)
  local a, b = compared:batch(2, policy, "p@0"), scored:batch(2, policy, "p@0")
  for i = 1, #a do lu.assertEquals({ a[i].chosen, a[i].rejected }, { b[i].chosen, b[i].rejected }) end
end

TestRejection = {}

function TestRejection:test_infinite_scores_are_accepted_first_and_end()
  local function never() return 0.999 end
  lu.assertEquals(candidates.accepted({ 0, math.huge, 1, math.huge }, 1, 4, 2, 1, never), { 2, 4 })
  lu.assertEquals(candidates.accepted({ -math.huge, -math.huge }, 1, 2, 2, 1, never), { 1, 2 })
end

--- Candidates 0, 1, 2 with p = 1/3 each and r = 0, 1, 2: what is accepted first follows exp(r / beta).
function TestRejection:test_what_is_accepted_first_follows_the_tilted_distribution()
  local beta, count, trials = 1.5, 60, 3000
  local seen, total = { 0, 0, 0 }, 0
  for trial = 1, trials do
    local scores = {}
    for i = 1, count do scores[i] = math.floor(3 * system.uniform(trial, "kinds", i)) end
    local calls = 0
    local found = candidates.accepted(scores, 1, count, 1, beta, function()
      calls = calls + 1
      return system.uniform(trial, "accept", calls)
    end)
    local kind = scores[found[1]] + 1
    seen[kind] = seen[kind] + 1
  end
  for kind = 1, 3 do total = total + math.exp((kind - 1) / beta) end
  for kind = 1, 3 do
    local p = math.exp((kind - 1) / beta) / total
    -- Four standard deviations of a binomial.
    lu.assertTrue(math.abs(seen[kind] / trials - p) < 4 * math.sqrt(p * (1 - p) / trials),
      ("kind %d: %d of %d, expected %.0f"):format(kind, seen[kind], trials, p * trials))
  end
end

function TestRejection:test_a_small_beta_takes_the_two_best()
  local rejection, group = source.rejection(with { responses = 5, beta = 1e-6 }), drawn(2, 5)
  local batch = rejection:batch(2, policy, "p@0")
  for i, unit in ipairs(group:units()) do
    local scores = {}
    for k, row in ipairs(unit) do scores[k] = group.reward[row]:item() end
    table.sort(scores, function(a, b) return a > b end)
    lu.assertEquals({ toy.sevens(batch[i].chosen), toy.sevens(batch[i].rejected) }, { scores[1], scores[2] })
  end
end

function TestRejection:test_the_reference_writes_where_it_is_asked_to()
  local batch = source.rejection(with { writer = "reference" }):batch(1, policy, "p@0", reference)
  local logps = (reference:token_logps(batch.rows))
  lu.assertTrue((batch.old_logps - logps):abs():amax():item() < 1e-5)
  lu.assertEquals(batch.writer[1], "reference")
end

TestActive = {}

--- The pool of a step: its pairs are the first two responses to each prompt.
local function pool_of(step, pool, responses)
  local group = drawn(step, responses, 6 * pool)
  return group, group:units()
end

local function key(pair)
  local a, b = table.concat(pair.chosen, " "), table.concat(pair.rejected, " ")
  return table.concat(pair.prompt, " ") .. ": " .. (a < b and a .. "/" .. b or b .. "/" .. a)
end

local function keys_of(rows, units, chosen)
  local keys = {}
  for i, number in ipairs(chosen) do
    local unit = units[number]
    keys[i] = key { prompt = rows:prompt(unit[1]), chosen = rows:response(unit[1]),
      rejected = rows:response(unit[2]) }
  end
  return keys
end

local function given_keys(batch)
  local keys = {}
  for i = 1, #batch do keys[i] = key(batch[i]) end
  return keys
end

--- Entropy and margins from the models' own log-probabilities.
function TestActive:test_rules_choose_by_entropy_and_implicit_margin()
  local group, units = pool_of(2, 3, 4)
  local own, other = (policy:logps(group.rows)):totable(), (reference:logps(group.rows)):totable()
  local entropy, margin, negative = {}, {}, {}
  for i, unit in ipairs(units) do
    local sum = 0
    for _, row in ipairs(unit) do sum = sum + own[row] end
    entropy[i] = -sum / 4
    margin[i] = math.abs(own[unit[1]] - other[unit[1]] - own[unit[2]] + other[unit[2]])
    negative[i] = -margin[i]
  end
  local both = {}
  for i = 1, #units do both[i] = -1 end
  for _, i in ipairs(acquisition.largest(entropy, 9)) do both[i] = margin[i] end
  for rule, values in pairs { entropy = entropy, certainty = margin, uncertainty = negative, apl = both } do
    local active = source.active(with { choose = rule, pool = 3, responses = 4 })
    local batch = active:batch(2, policy, "p@0", reference)
    local chosen = acquisition.largest(values, 6)
    lu.assertEquals(given_keys(batch), keys_of(group.rows, units, chosen), rule)
    for i, number in ipairs(chosen) do
      support.close(batch.acquisition[i]:item(), values[number], 1e-4)
    end
  end
end

local function scorer(weight)
  return function(_, response) return weight * toy.sevens(response) + (1 - weight) * #response end
end

function TestActive:test_disagreement_is_the_variance_of_the_ensemble()
  local group, units = pool_of(1, 3, 2)
  local values = {}
  for i, unit in ipairs(units) do
    local a, b = group.rows:response(unit[1]), group.rows:response(unit[2])
    local p = {}
    for k, weight in ipairs { 0, 1 } do
      p[k] = 1 / (1 + math.exp(-(scorer(weight)(nil, a) - scorer(weight)(nil, b))))
    end
    -- The variance of two numbers is the square of half their distance.
    values[i] = ((p[1] - p[2]) / 2) ^ 2
  end
  local active = source.active(with {
    choose = "disagreement", pool = 3, responses = 2, ensemble = { scorer(0), scorer(1) },
  })
  lu.assertEquals(given_keys(active:batch(1, policy, "p@0")),
    keys_of(group.rows, units, acquisition.largest(values, 6)))
end

--- A judge.ensemble of the same scorers disagrees about the same pairs, and is one for Thompson sampling.
function TestActive:test_a_judge_made_of_several_is_an_ensemble()
  local list, members = {}, {}
  for k, weight in ipairs { 0, 1 } do
    list[k] = scorer(weight)
    members[k] = judge.from_score("scorer " .. k, scorer(weight))
  end
  for _, choose in ipairs { "disagreement", "thompson" } do
    local function batch_of(ensemble)
      local active = source.active(with { choose = choose, pool = 3, responses = 2, ensemble = ensemble })
      return given_keys(active:batch(1, policy, "p@0"))
    end
    local joined = judge.ensemble(members)
    -- Without probabilities a judge.ensemble compares preferences: 1, 0 or 1/2 instead of a sigmoid.
    if choose == "disagreement" then
      lu.assertEquals(#batch_of(joined), 6)
    else
      lu.assertEquals(batch_of(joined), batch_of(list))
    end
  end
end

TestFaults = {}

--- Half of the comparisons are turned; what the judge without faults says is kept beside them.
function TestFaults:test_best_worst_keeps_the_truth_beside_faulty_labels()
  local faulty = judge.flawed(judge.from_function("sevens", toy.more_sevens), { flip_rate = 0.5, seed = 2 })
  local batch = source.best_worst(with { judge = faulty, batch = 40 }):batch(3, policy, "p@0")
  local wrong = 0
  for i = 1, 40 do
    local truth = toy.more_sevens(nil, batch[i].chosen, batch[i].rejected)
    lu.assertEquals({ batch.true_label[i]:item(), batch.true_label[40 + i]:item() }, { truth, 1 - truth })
    if truth == 0 then wrong = wrong + 1 end
  end
  lu.assertTrue(wrong > 0)
end

TestThompson = {}

--- With scorers of sevens and of length a pair is the best of one of them and the best of the other.
function TestThompson:test_thompson_takes_the_best_of_two_scorers()
  local group = drawn(3, 6)
  for _, goal in ipairs { "regret", "best" } do
    local active = source.active(with {
      choose = "thompson", responses = 6, ensemble = { scorer(0), scorer(1) }, goal = goal,
    })
    local batch, starts = active:batch(3, policy, "p@0"), { 0, 0 }
    for i, unit in ipairs(group:units()) do
      local best = {}
      for k, weight in ipairs { 0, 1 } do
        local most = -1
        for _, row in ipairs(unit) do most = math.max(most, scorer(weight)(nil, group.rows:response(row))) end
        for _, part in ipairs { "chosen", "rejected" } do
          if scorer(weight)(nil, batch[i][part]) == most then best[k] = true end
        end
        if best[k] then starts[k] = starts[k] + 1 end
      end
      lu.assertTrue(best[1] or best[2])
      if goal == "regret" then lu.assertTrue(best[1] and best[2], "pair " .. i) end
    end
    -- Which scorer comes first is drawn for each prompt.
    lu.assertTrue(starts[1] > 0 and starts[2] > 0)
  end
end

TestBudget = {}

function TestBudget:test_a_spent_budget_repeats_what_was_labelled()
  local asked = 0
  local counting = { name = "counting", prefer = function(_, first)
    asked = asked + #first
    local outcomes = {}
    for i = 1, #first do outcomes[i] = 1 end
    return outcomes
  end }
  local function make()
    return source.active(with { judge = counting, choose = "random", pool = 2, responses = 2, budget = 20 })
  end
  local active, labelled = make(), {}
  for step = 1, 3 do
    for _, pair in ipairs(active:batch(step, policy, "p@0"):list()) do labelled[key(pair)] = true end
  end
  -- 20 labels are three batches of six.
  lu.assertEquals({ asked, active:labels(2), active:labels(9) }, { 18, 12, 18 })
  local data, again, counts = active:state(), make(), {}
  again:restore(plain.decode(plain.encode(data)), {}, policy)
  for step = 4, 6 do
    local batch = active:batch(step, policy, "p@3")
    for _, pair in ipairs(batch:list()) do
      lu.assertTrue(labelled[key(pair)])
      counts[key(pair)] = (counts[key(pair)] or 0) + 1
    end
    lu.assertEquals(again:batch(step, policy, "p@3"):list(), batch:list())
  end
  for _, count in pairs(counts) do lu.assertEquals(count, 1) end
  lu.assertEquals(asked, 18)
end

function TestBudget:test_what_a_rule_lacks_is_named()
  local active = source.active(with {})
  lu.assertStrContains(support.message(active.batch, active, 1, policy),
    "sources.active: choose = \"apl\" needs the reference of a run")
  local alone = with { choose = "disagreement", ensemble = { scorer(1) } }
  lu.assertStrContains(support.message(source.active, alone),
    "sources.active: choose = \"disagreement\" needs an ensemble of at least 2 scorers, got 1")
  lu.assertStrContains(support.message(source.active, with { budget = 5 }),
    "sources.active: a budget of 5 labels makes no batch of 6")
  lu.assertStrContains(support.message(source.active, with { choose = "apr" }), "option 'choose'")
  lu.assertStrContains(support.message(source.active, with { pool = 9 }),
    "batch and pool need 54 prompts, got 48: give more, or a smaller pool")
end

TestLearning = {}

--- The mean count of id 7 in 960 responses.
local function reward_of(model)
  local rows, sum = model:sample(toy.prompts, { max_new_tokens = 6, stop = { 1 }, count = 20, seed = 77 }), 0
  for _, response in ipairs(rows:responses()) do sum = sum + toy.sevens(response) end
  return sum / #rows
end

local function trained(given)
  return reward_of(align.train {
    policy = policy:clone(), reference = policy, source = given, loss = align.loss.dpo { beta = 0.1 },
    steps = 40, lr = 3e-3, quiet = true, instruments = false,
  }.policy)
end

--- 0.46 at the start. With seeds 1 to 5 and 320 labels each: random 2.99, apl 3.33, uncertainty 1.37,
-- thompson with 8 heads 2.89; rejection 2.87; best_worst of 4, which scores 1280 responses, 3.98.
function TestLearning:test_every_choice_of_pairs_raises_the_reward()
  local reward, start = {}, reward_of(policy)
  for _, choose in ipairs { "random", "apl", "uncertainty", "thompson" } do
    local ensemble = choose == "thompson" and judge.heads { model = policy } or nil
    local given = with { batch = 8, seed = 1, choose = choose, ensemble = ensemble }
    reward[choose] = trained(source.active(given))
  end
  reward.best_worst = trained(source.best_worst(with { batch = 8, seed = 1 }))
  reward.rejection = trained(source.rejection(with { batch = 8, seed = 1 }))
  reward.buffer = trained(source.buffer { of = source.online(with { batch = 8, seed = 1 }) })
  for name, value in pairs(reward) do lu.assertTrue(value > 2 * start, ("%s: %.2f"):format(name, value)) end
  lu.assertTrue(reward.best_worst > reward.random and reward.random > reward.uncertainty)
end

os.exit(lu.LuaUnit.run())
