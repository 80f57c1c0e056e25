--- Sources made of others: buffers, mixtures, switches, filters, weights; their names, labels and states.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local lu = require "luaunit"
local align = require "perilune.align"
local plain = require "perilune.plain"

local source = align.sources
local reference = toy.model(5)

local function online(more) return source.online(toy.sampling(toy.with({ batch = 8, seed = 3 }, more))) end

--- Pairs whose first token tells the step and the place: { 2 + step, 2 + place }.
local function counting(size)
  return { name = "counting", options = { batch = size }, batch = function(_, step)
    local list = {}
    for i = 1, size do list[i] = { prompt = { 1 }, chosen = { 2 + step, 2 + i }, rejected = { 3 } } end
    return align.batch.of_pairs(list)
  end }
end

local function steps_of(batch)
  local steps = {}
  for i = 1, #batch do steps[i] = batch[i].chosen[1] - 2 end
  return steps
end

local function train(given, steps, more)
  return align.train(toy.with({
    policy = reference:clone(), reference = reference, source = given, loss = align.loss.ipo {},
    steps = steps, lr = 1e-2, record = true, quiet = true,
  }, more))
end

TestBuffer = {}

function TestBuffer:test_a_share_of_0_is_the_source_itself()
  local buffered = train(source.buffer { of = online(), share = 0 }, 4)
  lu.assertEquals(buffered.policy:hash(), train(online(), 4).policy:hash())
end

function TestBuffer:test_a_batch_has_its_share_of_older_pairs_within_the_age()
  local buffer = source.buffer { of = counting(8), share = 0.25, age = 3, seed = 2 }
  for step = 1, 12 do
    local batch = buffer:batch(step)
    lu.assertEquals(#batch, 8)
    local old, ages = 0, batch.age
    for i, written in ipairs(steps_of(batch)) do
      lu.assertEquals(ages[i]:item(), step - written)
      lu.assertEquals(ages[8 + i]:item(), step - written)
      if written < step then old = old + 1 end
      lu.assertTrue(step - written <= 3)
    end
    lu.assertEquals(old, step == 1 and 0 or 2)
  end
end

--- Every pair of the last 4 steps is as likely: 300 steps take 1200 old pairs, 300 of each age.
function TestBuffer:test_older_pairs_are_drawn_evenly_over_the_ages()
  local buffer, counts = source.buffer { of = counting(8), share = 0.5, age = 4, seed = 1 }, {}
  for step = 1, 300 do
    for _, written in ipairs(steps_of(buffer:batch(step))) do
      local age = step - written
      counts[age] = (counts[age] or 0) + 1
    end
  end
  -- A binomial of 1200 with p = 1/4 has a deviation of 15; 75 is five of them.
  for age = 1, 4 do
    lu.assertTrue(math.abs(counts[age] - 300) < 75, ("%d of age %d"):format(counts[age], age))
  end
end

function TestBuffer:test_a_repeated_step_and_a_second_run_see_the_same()
  local buffer = source.buffer { of = counting(8), seed = 4 }
  local first = {}
  for step = 1, 5 do first[step] = buffer:batch(step):list() end
  lu.assertEquals(buffer:batch(5):list(), first[5])
  for step = 1, 5 do lu.assertEquals(buffer:batch(step):list(), first[step]) end
end

function TestBuffer:test_groups_of_different_steps_stay_apart()
  local groups = source.groups {
    prompts = toy.prompts, max_new_tokens = 6, stop = { 1 }, batch = 4, responses = 3, seed = 3,
    reward = function(_, response) return toy.sevens(response) end,
  }
  local buffer = source.buffer { of = groups, share = 0.5 }
  buffer:batch(1, reference, "x@0")
  local batch = buffer:batch(2, reference, "x@1")
  lu.assertEquals(batch.group, { 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4 })
  for _, unit in ipairs(batch:units()) do
    for _, row in ipairs(unit) do
      lu.assertEquals(batch.rows:prompt(row), batch.rows:prompt(unit[1]))
      lu.assertEquals(batch.step[row], batch.step[unit[1]])
    end
  end
  lu.assertItemsEquals(batch.age:totable(), { 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1 })
end

function TestBuffer:test_the_log_probabilities_of_old_pairs_are_those_of_their_writer()
  local run = train(source.buffer { of = online(), share = 0.5 }, 3)
  for step, batch in ipairs(run.stream) do
    lu.assertNotNil(batch.old_logps)
    for i = 1, #batch do lu.assertEquals(batch.step[i], step - batch.age[i]:item()) end
  end
end

--- With an old writer a pair is older than its batch.
function TestBuffer:test_the_age_counts_that_of_the_writer()
  local run = train(source.buffer { of = online { lag = 2 }, share = 0.5 }, 5)
  local batch = run.stream[5]
  for i = 1, #batch do
    local written = tonumber(batch.checkpoint[i]:match "@(%d+)$")
    lu.assertEquals(batch.age[i]:item(), 4 - written)
  end
end

TestBlend = {}

function TestBlend:test_units_of_a_batch_are_those_of_the_weights()
  local far = counting(8)
  local blend = source.blend { of = { counting(8), { name = "far", batch = function(_, step)
    return far:batch(step + 100)
  end } }, weights = { 3, 1 } }
  lu.assertEquals(steps_of(blend:batch(2)), { 2, 2, 2, 2, 2, 2, 102, 102 })
  local both = source.blend { of = { counting(6), far }, weights = { 0.75, 0.25 }, batch = 8 }
  lu.assertEquals(#both:batch(1), 8)
  lu.assertEquals(both:labels(3), 3 * (6 + 8))
  local thirds = source.blend { of = { counting(8), counting(8), counting(8) } }
  local places = {}
  for i = 1, 8 do places[i] = thirds:batch(1)[i].chosen[2] - 2 end
  lu.assertEquals(places, { 1, 2, 3, 1, 2, 1, 2, 3 })
end

function TestBlend:test_by_batch_the_sources_come_by_their_weights()
  local given, counts = {}, { 0, 0 }
  for i = 1, 2 do
    local one = counting(2)
    given[i] = { name = tostring(i), batch = function(_, step)
      counts[i] = counts[i] + 1
      return one:batch(step)
    end, options = { batch = 10 ^ i } }
  end
  local blend = source.blend { of = given, weights = { 0.8, 0.2 }, by = "batch", seed = 5 }
  for step = 1, 1000 do blend:batch(step) end
  -- The deviation of a binomial of 1000 with p = 0.8 is 12.6.
  lu.assertTrue(math.abs(counts[1] - 800) < 50, tostring(counts[1]))
  lu.assertEquals(counts[1] + counts[2], 1000)
  lu.assertEquals(blend:labels(1000), counts[1] * 10 + counts[2] * 100)
end

function TestBlend:test_what_does_not_fit_is_refused()
  local groups = source.groups {
    prompts = toy.prompts, max_new_tokens = 6, batch = 8, responses = 2, reward = function() return 1 end }
  local both = source.blend { of = { counting(8), groups } }
  lu.assertStrContains(support.message(both.batch, both, 1, reference), "batch 2 has none, batch 1 has pairs")
  local short = source.blend { of = { counting(8), counting(2) } }
  lu.assertStrContains(support.message(short.batch, short, 1),
    "4 units of 'counting' are taken, and its batch has 2")
  lu.assertStrContains(support.message(source.blend, { of = { counting(1) }, weights = { -1 } }),
    "weight 1 is -1, expected a number of at least 0")
  lu.assertStrContains(support.message(source.blend, { of = { counting(1) }, weights = { 0 } }),
    "all weights are 0")
  lu.assertStrContains(support.message(source.blend, { of = { 3 } }),
    "'of[1]' must be a source with a method batch, got 3")
end

TestSwitch = {}

--- The start is trained on a list for 2 steps; what follows is online from there.
function TestSwitch:test_it_is_offline_and_then_online()
  local dataset = source.sample(reference, toy.sampling { count = 20, seed = 9, quiet = true })
  local function offline() return source.offline(dataset, { batch = 8 }) end
  local run = train(source.switch { before = offline(), steps = 2, after = online() }, 4)
  local first = train(offline(), 2)
  lu.assertEquals({ run.stream[1]:list(), run.stream[2]:list() },
    { first.stream[1]:list(), first.stream[2]:list() })
  for step = 3, 4 do
    lu.assertEquals(run.stream[step][1].checkpoint, ("%s@%d"):format(run.reference_hash:sub(1, 12), step - 1))
  end
  local expected = online():batch(3, first.policy, run.stream[3][1].checkpoint)
  lu.assertEquals(run.stream[3]:list(), expected:list())
  -- 16 pairs of the list, and 8 at each of the two steps then.
  lu.assertEquals(run.spent.labels, 32)
end

--- The source that follows was not asked before: its oldest version is the policy of then.
function TestSwitch:test_a_source_with_a_lag_follows_with_the_policy_of_then()
  local dataset = source.sample(reference, toy.sampling { count = 20, seed = 9, quiet = true })
  local offline = source.offline(dataset, { batch = 8 })
  local run = train(source.switch { before = offline, steps = 3, after = online { lag = 2 } }, 6)
  local written = {}
  for step = 4, 6 do written[#written + 1] = tonumber(run.stream[step].checkpoint[1]:match "@(%d+)$") end
  lu.assertEquals(written, { 3, 3, 3 })
end

TestFilter = {}

function TestFilter:test_it_keeps_what_the_rule_keeps()
  local filter = source.filter { of = counting(8), keep = function(pair) return pair.chosen[2] % 2 == 0 end }
  local batch = filter:batch(1)
  local other = source.filter { of = counting(8), keep = function(pair) return pair.chosen[2] % 3 == 0 end }
  lu.assertNotEquals(filter.name, other.name)
  lu.assertEquals(#batch, 4)
  for i = 1, 4 do lu.assertEquals(batch[i].chosen[2] % 2, 0) end
end

function TestFilter:test_a_batch_of_which_nothing_is_kept_changes_nothing()
  local filter = source.filter { of = online(), keep = function() return false end }
  local run = train(filter, 2, { optimizer = "sgd" })
  lu.assertEquals(run.policy:hash(), reference:hash())
  lu.assertEquals(run.log[1].grad_norm, 0.0)
end

function TestFilter:test_groups_of_one_reward_are_left_out()
  local groups = source.groups {
    prompts = toy.prompts, max_new_tokens = 6, stop = { 1 }, batch = 16, responses = 2, seed = 3,
    reward = function(_, response) return toy.sevens(response) end,
  }
  local filter = source.filter { of = groups, keep = source.filter.rewards_differ }
  local all, kept = groups:batch(1, reference, "x@0"), filter:batch(1, reference, "x@0")
  local count = 0
  for _, unit in ipairs(all:units()) do
    if all.reward[unit[1]]:item() ~= all.reward[unit[2]]:item() then count = count + 1 end
  end
  lu.assertEquals(#kept:units(), count)
  lu.assertTrue(count > 0 and count < 16)
end

TestReweighted = {}

function TestReweighted:test_weights_are_columns_with_mean_1_where_they_are_normalised()
  local function by_place(pair) return pair.chosen[2] - 2 end
  local one = source.reweighted { of = counting(4), weight = by_place }
  lu.assertEquals(one:batch(1).weight:totable(), { 1, 2, 3, 4, 1, 2, 3, 4 })
  local mean = source.reweighted { of = one, weight = function() return 2 end, normalise = true }
  lu.assertEquals(mean:batch(1).weight:totable(), { 1, 2, 3, 4, 1, 2, 3, 4 })
  local normal = source.reweighted { of = counting(4), weight = by_place, normalise = true }
  support.close(normal:batch(1).weight:mean():item(), 1, 1e-6)
  local wrong = source.reweighted { of = counting(4), weight = function() return -1 end }
  lu.assertStrContains(support.message(wrong.batch, wrong, 1), "weight 1 is -1, expected a number")
end

function TestReweighted:test_equal_weights_train_as_none()
  local weighted = train(source.reweighted { of = online(), weight = function() return 1 end }, 3)
  lu.assertEquals(weighted.policy:hash(), train(online(), 3).policy:hash())
end

TestComposed = {}

function TestComposed:test_the_name_tells_all_settings()
  local refreshed = source.online(toy.sampling { refresh = 4 })
  local buffer = source.buffer { of = refreshed, age = 3 }
  lu.assertEquals(buffer.name,
    "buffer { of = online { max_new_tokens = 6, stop = { 1 }, refresh = 4 }, age = 3 }")
  lu.assertEquals(buffer.kind, "buffer")
  local named = online { judge = { name = "proxy", prefer = function() end }, temperature = 0.7 }
  lu.assertEquals(named.name,
    "online { judge = proxy, max_new_tokens = 6, temperature = 0.7, stop = { 1 }, seed = 3, batch = 8 }")
  local plain_one = source.online { task = toy.task, prompts = toy.prompts, judge = toy.more_sevens }
  lu.assertEquals(plain_one.name, "online")
  local other = online { second = toy.model(6) }
  lu.assertStrContains(other.name, "second = model " .. toy.model(6):hash():sub(1, 8))
end

--- A buffer in a blend with a refreshed source: the state of both passes through plain data.
function TestComposed:test_states_are_saved_and_restored_at_any_depth()
  local function make()
    local sampled = toy.sampling { batch = 8, seed = 3, refresh = 3 }
    return source.blend { of = { source.buffer { of = online(), seed = 1 }, source.online(sampled) } }
  end
  local whole, cut = make(), make()
  local policies = { reference, toy.model(6), toy.model(7), toy.model(8) }
  local policy = reference:clone()
  local function batches_of(given, first, last)
    local all = {}
    for step = first, last do
      for i, weights in ipairs(policy:parameters()) do
        require("perilune.tensor").no_grad(function() weights:copy_(policies[step]:parameters()[i]) end)
      end
      all[#all + 1] = given:batch(step, policy, "p@" .. step):list()
    end
    return all
  end
  local expected = batches_of(whole, 1, 4)
  batches_of(cut, 1, 2)
  local data, models = cut:state()
  local again = make()
  again:restore(plain.decode(plain.encode(data)), models, policy)
  local rest = batches_of(again, 3, 4)
  lu.assertEquals(rest, { expected[3], expected[4] })
end

os.exit(lu.LuaUnit.run())
