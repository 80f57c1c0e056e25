--- Sources: what each draws, in which order, and which columns its batches have.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local lu = require "luaunit"
local align = require "perilune.align"

local source = align.sources
local reference, other = toy.model(5), toy.model(6)

local function drawn(more) return toy.sampling(toy.with({ batch = 8, seed = 3 }, more)) end
local function listed(more) return toy.sampling(toy.with({ seed = 9, quiet = true }, more)) end

local function train(given, steps, policy)
  return align.train {
    policy = policy or reference:clone(), reference = reference, source = given, loss = align.loss.ipo {},
    steps = steps, lr = 1e-2, record = true, quiet = true,
  }
end

local function lists(stream)
  local all = {}
  for i, batch in ipairs(stream) do all[i] = batch:list() end
  return all
end

TestVersions = {}

function TestVersions:test_the_writer_is_the_policy_of_the_step_that_lag_and_refresh_name()
  for _, case in ipairs {
    { lag = 0, refresh = 3, steps = { 0, 0, 0, 3, 3, 3, 6 } },
    { lag = 2, refresh = 1, steps = { 0, 0, 0, 1, 2, 3, 4 } },
    { lag = 1, refresh = 2, steps = { 0, 0, 0, 2, 2, 4, 4 } },
    { lag = math.huge, refresh = 1, steps = { 0, 0, 0, 0, 0, 0, 0 } },
  } do
    local written, ages = {}, {}
    local run = train(source.online(drawn { lag = case.lag, refresh = case.refresh }), 7)
    for step, batch in ipairs(run.stream) do
      lu.assertEquals(batch[1].step, step)
      written[step] = tonumber(batch[1].checkpoint:match "@(%d+)$")
      ages[step] = step - 1 - written[step]
      lu.assertEquals(batch.age and batch.age[1]:item() or 0, ages[step])
    end
    lu.assertEquals(written, case.steps)
  end
end

--- The KL of the last batch's policy from its writer, computed outside the source.
function TestVersions:test_the_age_in_nats_is_the_kl_from_the_writer()
  local run = train(source.online(drawn { lag = math.huge }), 5)
  local before = train(source.online(drawn { lag = math.huge }), 4).policy
  local batch = run.stream[5]
  lu.assertEquals(batch.age_nats:totable(), (before:kl(reference, batch.rows)):totable())
  lu.assertTrue(batch.age_nats:sum():item() > 0)
  lu.assertEquals(run.stream[1].age_nats:sum():item(), 0)
end

function TestVersions:test_lag_is_a_whole_number()
  lu.assertStrContains(support.message(source.online, drawn { lag = 1.5 }),
    "sources.online: option 'lag' must be a whole number from 0 or math.huge, not 1.5")
end

function TestVersions:test_an_endless_lag_uses_the_answers_of_the_start_only()
  local run = train(source.online(drawn { lag = math.huge }), 6)
  local start = source.online(drawn())
  local checkpoint = run.reference_hash:sub(1, 12) .. "@0"
  for step, batch in ipairs(run.stream) do
    local list = batch:list()
    for _, pair in ipairs(list) do pair.age, pair.age_nats = nil, nil end
    lu.assertEquals(list, start:batch(step, reference, checkpoint):list())
  end
end

function TestVersions:test_a_second_run_does_not_see_the_answers_of_the_first_policy()
  local shared = source.online(drawn { refresh = 100 })
  train(shared, 3)
  local second = train(shared, 3, other:clone())
  local alone = train(source.online(drawn { refresh = 100 }), 3, other:clone())
  lu.assertEquals(lists(second.stream), lists(alone.stream))
end

TestOnline = {}

function TestOnline:test_another_step_draws_other_answers_to_the_same_prompt()
  local online = source.online(drawn { prompts = { { 2, 3 } }, batch = 1 })
  local seen, count = {}, 0
  for step = 1, 8 do
    local pair = online:batch(step, reference)[1]
    local key = table.concat(pair.chosen, " ") .. "/" .. table.concat(pair.rejected, " ")
    if not seen[key] then seen[key], count = true, count + 1 end
  end
  lu.assertEquals(count, 8)
end

TestLists = {}

function TestLists:test_prompts_of_what_is_no_list_of_pairs_are_refused()
  lu.assertEquals(support.message(source.prompts), "sources.prompts: expected a list of pairs, got nil")
  for _, pair in ipairs { 5, {}, { prompt = 5 } } do
    lu.assertEquals(support.message(source.prompts, { pair }),
      "sources.prompts: pair 1 has no list of token ids 'prompt'")
  end
end

function TestLists:test_between_gives_one_response_of_each()
  local dataset = source.between(reference, other, listed { count = 20, batch = 8, label = "a vs b" })
  lu.assertEquals(#dataset, 20)
  local first_wins = 0
  for i, pair in ipairs(dataset) do
    lu.assertEquals({ pair.step, pair.checkpoint }, { (i - 1) // 8 + 1, "a vs b" })
    lu.assertTrue(toy.sevens(pair.chosen) >= toy.sevens(pair.rejected))
    -- The log-probabilities recorded with a response are those of its writer.
    for half, part in ipairs { "chosen", "rejected" } do
      local name = dataset.writer[(half - 1) * 20 + i]
      local writer = name == "a" and reference or other
      local logps = writer:token_logps({ pair.prompt }, { pair[part] }):totable()
      for k, x in ipairs(pair[part .. "_logps"]) do support.close(x, logps[k], 1e-4) end
    end
    lu.assertNotEquals(dataset.writer[i], dataset.writer[20 + i])
    first_wins = first_wins + (dataset.writer[i] == "a" and 1 or 0)
  end
  lu.assertTrue(first_wins > 0 and first_wins < 20)
end

--- Once every tie between two policies went to the first of them.
function TestLists:test_ties_between_two_policies_go_either_way()
  local wins, n = 0, 400
  local undecided = listed { judge = function() return 0.5 end, count = n, batch = 40 }
  local dataset = source.between(reference, other, undecided)
  for i = 1, n do wins = wins + (dataset.writer[i] == "a" and 1 or 0) end
  lu.assertTrue(math.abs(wins / n - 0.5) < 4 * 0.5 / math.sqrt(n),
    ("%d of %d ties to the first"):format(wins, n))
end

function TestLists:test_sample_draws_the_same_for_the_same_seed_only()
  local function drawn_by(seed) return source.sample(reference, listed { count = 10, seed = seed }):list() end
  lu.assertEquals(drawn_by(9), drawn_by(9))
  lu.assertNotEquals(drawn_by(10), drawn_by(9))
end

function TestLists:test_relabelling_turns_pairs_round_and_keeps_their_origin()
  local dataset = source.sample(reference, listed { count = 70, label = "start" })
  local function fewer(prompt, a, b) return toy.more_sevens(prompt, b, a) end
  local turned = source.relabel(dataset, fewer)
  lu.assertEquals(#turned, #dataset)
  for i, pair in ipairs(dataset) do
    if toy.sevens(pair.chosen) ~= toy.sevens(pair.rejected) then
      lu.assertEquals(turned[i], toy.with(pair, {
        chosen = pair.rejected, rejected = pair.chosen,
        chosen_logps = pair.rejected_logps, rejected_logps = pair.chosen_logps,
      }))
      lu.assertEquals(source.relabel({ pair }, toy.more_sevens), { pair })
    end
  end
end

--- Ties left as they stood once counted as agreement with whoever had ordered the pairs before.
function TestLists:test_relabelling_orders_ties_by_a_coin()
  local dataset = source.sample(reference, listed { count = 400 })
  local kept = 0
  for i, pair in ipairs(source.relabel(dataset, function() return 0.5 end)) do
    if table.concat(pair.chosen, " ") == table.concat(dataset[i].chosen, " ") then kept = kept + 1 end
  end
  -- Four standard deviations of a fair coin: 4 * sqrt(400) / 2 = 40. Equal responses count as kept.
  lu.assertTrue(math.abs(kept - 200) <= 44, ("%d of 400 kept"):format(kept))
end

--- Batches that did not divide the prompts once left some out and took others twice.
function TestLists:test_as_many_pairs_as_prompts_use_every_prompt_once()
  local seen = {}
  local dataset = source.sample(reference, listed { count = 48, batch = 20 })
  for _, pair in ipairs(dataset) do seen[table.concat(pair.prompt, " ")] = true end
  for i, prompt in ipairs(toy.prompts) do lu.assertTrue(seen[table.concat(prompt, " ")], "prompt " .. i) end
end

function TestLists:test_the_prompts_of_a_list_come_once_each()
  local dataset = { { prompt = { 1, 23 } }, { prompt = { 12, 3 } }, { prompt = { 1, 23 } } }
  lu.assertEquals(source.prompts(dataset), { { 1, 23 }, { 12, 3 } })
end

TestOffline = {}

local function numbered()
  local dataset = {}
  for i = 1, 24 do dataset[i] = { prompt = { 1 }, chosen = { i }, rejected = { 100 + i } } end
  return dataset
end

function TestOffline:test_an_epoch_gives_every_pair_once_and_the_next_another_order()
  local offline, epochs = source.offline(numbered(), { batch = 6, seed = 1 }), {}
  for epoch = 1, 2 do
    local seen, order = {}, {}
    for step = 1, 4 do
      for _, pair in ipairs(offline:batch((epoch - 1) * 4 + step)) do
        local id = pair.chosen[1]
        lu.assertEquals(pair.rejected[1], 100 + id)
        lu.assertNil(seen[id])
        seen[id], order[#order + 1] = true, id
      end
    end
    lu.assertEquals(#order, 24)
    epochs[epoch] = order
  end
  lu.assertNotEquals(epochs[1], epochs[2])
end

function TestOffline:test_a_batch_depends_on_its_step_alone()
  local function make() return source.offline(numbered(), { batch = 6, seed = 1 }) end
  local a, b, forward, backward = make(), make(), {}, {}
  for step = 1, 12 do forward[step] = a:batch(step):list() end
  for step = 12, 1, -1 do backward[step] = b:batch(step):list() end
  lu.assertEquals(backward, forward)
end

--- A list with a hole once gave short batches.
function TestOffline:test_a_list_with_a_hole_is_refused()
  local list = numbered()
  list[3] = nil
  lu.assertStrContains(support.message(source.offline, list), "sources.offline: pair 3 is nil")
end

TestGroups = {}

local function groups(more)
  local given = drawn(toy.with({ responses = 3,
    reward = function(_, response) return toy.sevens(response) end }, more))
  given.judge = nil
  return source.groups(given)
end

function TestGroups:test_a_batch_has_groups_rewards_and_log_probabilities()
  local batch = groups { batch = 4 }:batch(2, reference, "hash@1")
  lu.assertEquals(batch.group, { 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4 })
  lu.assertEquals({ batch.step[12], batch.checkpoint[12], batch.writer[12] }, { 2, "hash@1", "policy" })
  for i, response in ipairs(batch.rows:responses()) do
    lu.assertEquals(batch.reward[i]:item(), toy.sevens(response))
    lu.assertEquals(batch.rows:prompt(i), batch.rows:prompt((i - 1) // 3 * 3 + 1))
  end
  local logps = (reference:token_logps(batch.rows))
  lu.assertTrue((batch.old_logps - logps):abs():amax():item() < 1e-5)
  lu.assertEquals(#batch:units(), 4)
end

function TestGroups:test_rewards_of_several_functions_and_of_none()
  local both = groups { batch = 2, max_new_tokens = 3, stop = { 1 }, reward = {
    function(_, response) return toy.sevens(response) end, function(_, response) return #response end } }
  local batch = both:batch(1, reference, "x@0")
  for i, response in ipairs(batch.rows:responses()) do
    lu.assertEquals(batch.rewards[i], { toy.sevens(response), #response })
    lu.assertEquals(batch.reward[i]:item(), toy.sevens(response) + #response)
    lu.assertEquals(batch.finished[i]:item(), response[#response] == 1 and 1 or 0)
  end
  lu.assertEquals(#batch:select({ 2 }).rewards, 3)
  local given = drawn { responses = 3, batch = 2 }
  given.judge = nil
  lu.assertNil(source.groups(given):batch(1, reference, "x@0").reward)
end

function TestGroups:test_a_reward_that_is_NaN_is_an_error()
  local broken = groups { batch = 4, reward = function() return 0 / 0 end }
  lu.assertStrContains(support.message(broken.batch, broken, 1, reference),
    "judge reward: the score of row 1 is nan, expected a number (prompt {")
end

TestWriters = {}

function TestWriters:test_the_second_response_comes_from_its_writer()
  local function batch_of(second)
    return source.online(drawn { second = second }):batch(1, reference, "x@0", other)
  end
  for _, batch in ipairs { batch_of "reference", batch_of(other) } do
    local logps = (other:token_logps(batch.rows))
    local parts, own = batch.rows:split(logps), batch.rows:split(batch.old_logps)
    for i, writer in ipairs(batch.writer) do
      if writer ~= "policy" then lu.assertTrue((parts[i] - own[i]):abs():amax():item() < 1e-5) end
    end
  end
  lu.assertItemsEquals(batch_of("reference").writer, {
    "policy", "policy", "policy", "policy", "policy", "policy", "policy", "policy",
    "reference", "reference", "reference", "reference", "reference", "reference", "reference", "reference",
  })
  -- IPO-MD: both responses come from the mixture; with all the weight on the reference they are its own.
  local md = source.online(drawn { first = "mixture", second = "mixture", mixture_coef = 1 })
  local both = md:batch(1, reference, "x@0", other)
  lu.assertEquals({ both.writer[1], both.writer[16] }, { "mixture", "mixture" })
  local ratio = other:token_logps(both.rows) - both.old_logps
  lu.assertTrue(ratio:abs():amax():item() < 1e-5)
  lu.assertStrContains(support.message(md.batch, md, 1, reference, "x@0"), "the run has no reference")
  lu.assertStrContains(support.message(batch_of, "referee"),
    "second must be a model, a writer or \"reference\"")
end

--- The mixture's log-probabilities are those of the mixed logits; at weight 0 and 1 it is one of the models.
function TestWriters:test_a_mixture_draws_from_mixed_logits()
  local how = { max_new_tokens = 6, seed = 4 }
  local function mixed(weight)
    return source.mixture { reference = other, weight = weight }:sample(reference, toy.prompts, toy.with(how))
  end
  lu.assertEquals(mixed(0):responses(), reference:sample(toy.prompts, how):responses())
  lu.assertEquals(mixed(1):responses(), other:sample(toy.prompts, how):responses())
  local rows = mixed(0.25)
  local function logits(model) return model:outputs(rows, { "logits" }).logits end
  local logps = (logits(reference) * 0.75 + logits(other) * 0.25):log_softmax(2)
  local ids = {}
  for _, response in ipairs(rows:responses()) do table.move(response, 1, #response, #ids + 1, ids) end
  for i, x in ipairs(rows:column("sampling_logps"):totable()) do
    support.close(x, logps[i][ids[i] + 1]:item(), 1e-4)
  end
end

function TestOffline:test_wrong_options_are_refused()
  lu.assertStrContains(support.message(source.offline, 3),
    "sources.offline: expected a list of pairs, got number")
  lu.assertStrContains(support.message(source.online, drawn { refesh = 3 }),
    "unknown option 'refesh'; did you mean 'refresh'?")
  lu.assertStrContains(support.message(source.between, reference, other, listed()),
    "option 'count' is missing")
  lu.assertStrContains(support.message(source.sample, reference, listed { count = 1, prompts = {} }),
    "0 prompts or pairs")
  lu.assertStrContains(support.message(source.online, drawn { batch = 49 }),
    "48 prompts or pairs do not fill a batch of 49; give more, or the source batch = 48")
end

os.exit(lu.LuaUnit.run())
