--- Where pairs come from: what each source draws, in which order, and what it writes beside a pair.
local here = arg[0]:match("^(.*)[/\\]") or "."
local support, toy = dofile(here .. "/support.lua"), dofile(here .. "/toy.lua")
local lu = require "luaunit"
local align = require "perilune.align"

local source = align.pairs
local reference, other = toy.model(5), toy.model(6)

local function drawn(more) return toy.sampling(toy.with({ batch = 8, seed = 3 }, more)) end
local function listed(more) return toy.sampling(toy.with({ seed = 9, quiet = true }, more)) end

local function train(pairs, steps, policy)
  return align.train {
    policy = policy or reference:clone(), reference = reference, pairs = pairs, loss = align.loss.ipo {}, steps = steps, lr = 1e-2,
    record = true, quiet = true,
  }
end

TestRefreshed = {}

function TestRefreshed:test_every_step_is_online_token_for_token()
  local online, refreshed = train(source.online(drawn()), 6), train(source.refreshed(drawn { every = 1 }), 6)
  lu.assertEquals(refreshed.stream, online.stream)
  lu.assertEquals(refreshed.policy:hash(), online.policy:hash())
end

function TestRefreshed:test_once_uses_the_answers_of_the_start_only()
  local run = train(source.refreshed(drawn { every = 6 }), 6)
  local start = source.online(drawn())
  local checkpoint = run.reference_hash:sub(1, 12) .. "@0"
  for step, batch in ipairs(run.stream) do lu.assertEquals(batch, start:batch(step, reference, checkpoint)) end
end

function TestRefreshed:test_a_pair_names_the_checkpoint_that_wrote_it()
  local written = {}
  for step, batch in ipairs(train(source.refreshed(drawn { every = 3 }), 7).stream) do
    lu.assertEquals(batch[1].step, step)
    written[step] = tonumber(batch[1].checkpoint:match "@(%d+)$")
  end
  lu.assertEquals(written, { 0, 0, 0, 3, 3, 3, 6 })
end

function TestRefreshed:test_a_second_run_does_not_see_the_answers_of_the_first_policy()
  local pairs = source.refreshed(drawn { every = 100 })
  train(pairs, 3)
  local second = train(pairs, 3, other:clone())
  lu.assertEquals(second.stream, train(source.refreshed(drawn { every = 100 }), 3, other:clone()).stream)
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

function TestLists:test_between_gives_one_answer_of_each()
  local dataset = source.between(reference, other, listed { count = 20, batch = 8, label = "a vs b" })
  lu.assertEquals(#dataset, 20)
  local first_wins = 0
  for i, pair in ipairs(dataset) do
    lu.assertEquals({ pair.step, pair.checkpoint }, { (i - 1) // 8 + 1, "a vs b" })
    lu.assertTrue(toy.sevens(pair.chosen) >= toy.sevens(pair.rejected))
    -- Which of the two models an answer is of shows in the log-probability kept with it.
    local function apart(model, answer, logp) return math.abs(model:logps({ pair.prompt }, { answer }):item() - logp) end
    local chosen_of = apart(reference, pair.chosen, pair.chosen_logp) < 1e-4 and reference or other
    local rejected_of = chosen_of == reference and other or reference
    lu.assertTrue(apart(chosen_of, pair.chosen, pair.chosen_logp) < 1e-4)
    lu.assertTrue(apart(rejected_of, pair.rejected, pair.rejected_logp) < 1e-4)
    first_wins = first_wins + (chosen_of == reference and 1 or 0)
  end
  lu.assertTrue(first_wins > 0 and first_wins < 20)
end

--- Once every tie between two policies went to the first of them.
function TestLists:test_ties_between_two_policies_go_either_way()
  local wins, n = 0, 400
  local undecided = listed { judge = function() return 0.5 end, count = n, batch = 40 }
  for _, pair in ipairs(source.between(reference, other, undecided)) do
    local logp = reference:logps({ pair.prompt }, { pair.chosen }):item()
    wins = wins + (math.abs(logp - pair.chosen_logp) < 1e-4 and 1 or 0)
  end
  lu.assertTrue(math.abs(wins / n - 0.5) < 4 * 0.5 / math.sqrt(n), ("%d of %d ties to the first"):format(wins, n))
end

function TestLists:test_sample_draws_the_same_for_the_same_seed_only()
  local a, b = source.sample(reference, listed { count = 10 }), source.sample(reference, listed { count = 10 })
  lu.assertEquals(a, b)
  lu.assertNotEquals(source.sample(reference, listed { count = 10, seed = 10 }), a)
end

function TestLists:test_relabelling_turns_pairs_round_and_keeps_their_origin()
  local dataset = source.sample(reference, listed { count = 70, label = "start" })
  local function fewer(prompt, a, b) return toy.more_sevens(prompt, b, a) end
  local turned = source.relabel(dataset, fewer)
  lu.assertEquals(#turned, #dataset)
  for i, pair in ipairs(dataset) do
    if toy.sevens(pair.chosen) ~= toy.sevens(pair.rejected) then
      lu.assertEquals(turned[i], toy.with(pair, {
        chosen = pair.rejected, rejected = pair.chosen, chosen_logp = pair.rejected_logp, rejected_logp = pair.chosen_logp,
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
    if pair.chosen == dataset[i].chosen then kept = kept + 1 end
  end
  -- Four standard deviations of a fair coin: 4 * sqrt(400) / 2 = 40.
  lu.assertTrue(math.abs(kept - 200) <= 40, ("%d of 400 kept"):format(kept))
end

--- Batches that did not divide the prompts once left some out and took others twice.
function TestLists:test_as_many_pairs_as_prompts_use_every_prompt_once()
  local seen = {}
  for _, pair in ipairs(source.sample(reference, listed { count = 48, batch = 20 })) do seen[pair.prompt] = true end
  for i, prompt in ipairs(toy.prompts) do lu.assertTrue(seen[prompt], "prompt " .. i) end
end

function TestLists:test_the_prompts_of_a_list_come_once_each()
  local dataset = { { prompt = { 1, 23 } }, { prompt = { 12, 3 } }, { prompt = { 1, 23 } } }
  lu.assertEquals(source.prompts(dataset), { { 1, 23 }, { 12, 3 } })
end

TestOffline = {}

function TestOffline:test_an_epoch_gives_every_pair_once_and_the_next_another_order()
  local dataset = {}
  for i = 1, 24 do dataset[i] = { id = i } end
  local offline, epochs = source.offline(dataset, { batch = 6, seed = 1 }), {}
  for epoch = 1, 2 do
    local seen, order = {}, {}
    for step = 1, 4 do
      for _, pair in ipairs(offline:batch((epoch - 1) * 4 + step)) do
        lu.assertNil(seen[pair.id])
        seen[pair.id], order[#order + 1] = true, pair.id
      end
    end
    lu.assertEquals(#order, 24)
    epochs[epoch] = order
  end
  lu.assertNotEquals(epochs[1], epochs[2])
end

function TestOffline:test_a_batch_depends_on_its_step_alone()
  local dataset = {}
  for i = 1, 24 do dataset[i] = { id = i } end
  local a, b = source.offline(dataset, { batch = 6, seed = 1 }), source.offline(dataset, { batch = 6, seed = 1 })
  local forward, backward = {}, {}
  for step = 1, 12 do forward[step] = a:batch(step) end
  for step = 12, 1, -1 do backward[step] = b:batch(step) end
  lu.assertEquals(backward, forward)
end

function TestOffline:test_wrong_options_are_refused()
  lu.assertStrContains(support.message(source.offline, 3), "pairs.offline: expected a list of pairs, got number")
  lu.assertStrContains(support.message(source.refreshed, drawn { evry = 3 }), "unknown option 'evry'; did you mean 'every'?")
  lu.assertStrContains(support.message(source.between, reference, other, listed()), "option 'count' is missing")
  lu.assertStrContains(support.message(source.sample, reference, listed { count = 1, prompts = {} }), "0 prompts or pairs")
  lu.assertStrContains(support.message(source.online, drawn { batch = 49 }), "48 prompts or pairs do not fill a batch of 49")
end

os.exit(lu.LuaUnit.run())
