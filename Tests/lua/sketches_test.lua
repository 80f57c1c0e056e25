--- The experiments of Tang et al. 2024, arXiv:2405.08448, each in as few lines as its question, at toy size.
--
-- What is asserted is what must hold at any size; the paper's findings about size are for the scripts.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local toy = require "toy"
local lu = require "luaunit"
local models = require "perilune.models"
local align = require "perilune.align"
local source, judge, loss, evaluate = align.sources, align.judge, align.loss, align.evaluate

-- The stage: task, start, golden judge, golden pairs, and a proxy that learnt from them.
local task, prompts = toy.task, toy.prompts
local start = toy.model(5)
local gold = judge.from_score("gold", function(_, answer) return toy.sevens(answer) end)
local golden = source.sample(start,
  { task = task, judge = gold, prompts = prompts, count = 3840, seed = 9, quiet = true })
local proxy = judge.preference_model {
  init = models.transformer { vocab = 14, dim = 32, layers = 1, heads = 2, max_length = 32, style = "gpt2",
    seed = 1 },
  data = golden, labels = { 12, 13 }, eos = 1, steps = 300, batch = 64, lr = 3e-3, quiet = true,
}

local function train(pairs, more)
  return align.train(toy.with({
    policy = start:clone(), reference = start, source = pairs, loss = loss.ipo { beta = 0.1 }, steps = 24,
      lr = 3e-3,
    checkpoint_every = 8, record = true, quiet = true,
  }, more))
end

local function online_pairs(more)
  return source.online(toy.with({ task = task, judge = proxy, prompts = prompts, batch = 16, seed = 1 },
    more))
end

local test = { task = task, prompts = {}, judge = gold }
for _ = 1, 10 do table.move(prompts, 1, #prompts, #test.prompts + 1, test.prompts) end
test.against = evaluate.baseline(start, { task = task, prompts = test.prompts })

local function win(policy) return (evaluate.win_rate(policy, test)) end

local function assert_above(figure, than, what)
  lu.assertTrue(figure.mean - 2 * figure.se > than,
    ("%s: %.3f +- %.3f, not above %.3f"):format(what, figure.mean, figure.se, than))
end

local online = train(online_pairs())
local offline = train(source.offline(golden, { batch = 16, seed = 1 }))

TestSketches = {}

--- Figs 1 and 2: the same loss from the same start, on two sources of pairs.
function TestSketches:test_online_and_offline_both_beat_the_start()
  assert_above(win(online.policy), 0.5, "online")
  assert_above(win(offline.policy), 0.5, "offline")
end

--- Fig. 4 and app. F: is it the data that online saw, or their order?
function TestSketches:test_the_online_data_in_order_are_online_and_shuffled_are_not()
  local ordered = train(source.replay(online.stream))
  local shuffled = train(source.replay(online.stream, { window = "all", seed = 1 }))
  lu.assertEquals(ordered.policy:hash(), online.policy:hash())
  lu.assertNotEquals(shuffled.policy:hash(), online.policy:hash())
  assert_above(win(shuffled.policy), 0.5, "shuffled")
end

--- Fig. 5: are better answers better data? The last online policy writes both, gold orders them.
function TestSketches:test_answers_of_the_last_online_policy_as_offline_data()
  local better = source.sample(online.policy,
    { task = task, judge = gold, prompts = prompts, count = 480, seed = 9, quiet = true })
  local run = train(source.offline(better, { batch = 16 }))
  local function sevens(dataset)
    local count = 0
    for _, pair in ipairs(dataset) do count = count + toy.sevens(pair.chosen) + toy.sevens(pair.rejected) end
    return count / #dataset
  end
  lu.assertTrue(sevens(better) > sevens(golden), "the data are better than the start's")
  assert_above(win(run.policy), 0.5, "trained on better answers")
end

--- Fig. 6: who classifies what the online run sees, and for how long?
function TestSketches:test_the_proxy_and_the_policies_as_classifiers_of_the_online_stream()
  local right = { proxy = {}, online = {}, offline = {} }
  for step = 4, 24, 4 do
    local seen = source.relabel(online.stream[step], gold)
    table.insert(right.proxy, judge.accuracy(proxy, seen, { seen = "use" }).mean)
    table.insert(right.online, evaluate.accuracy(online.policy, start, seen).mean)
    table.insert(right.offline, evaluate.accuracy(offline.policy, start, seen).mean)
  end
  assert_above(evaluate.summary(right.proxy), 0.5, "the proxy that labelled the stream")
  lu.assertEquals({ #right.online, #right.offline }, { 6, 6 })
end

--- Figs 7 and 8: does a better classifier of the golden pairs write better answers, and what becomes of the
-- winners?
function TestSketches:test_accuracy_and_log_ratios_on_the_golden_pairs_over_checkpoints()
  local accuracies, winners, losers, wins = {}, {}, {}, {}
  for step = 8, 24, 8 do
    local policy = offline.checkpoints[step]
    local ratios = evaluate.log_ratios(policy, start, golden)
    table.insert(accuracies, evaluate.accuracy(policy, start, golden).mean)
    table.insert(winners, ratios.chosen.mean)
    table.insert(losers, ratios.rejected.mean)
    table.insert(wins, win(policy).mean)
  end
  lu.assertTrue(accuracies[3] > 0.55 and accuracies[3] > accuracies[1], table.concat(accuracies, " "))
  for i = 1, #winners do lu.assertTrue(winners[i] > losers[i], "the chosen stay above the rejected") end
  lu.assertTrue(wins[3] > 0.5)
end

--- Fig. 9: is the gap still there without a contrast?
function TestSketches:test_best_of_two_online_offline_and_shuffled()
  local bo2 = { loss = loss.bo2 {} }
  local on = train(online_pairs(), bo2)
  local off = train(source.offline(golden, { batch = 16 }), bo2)
  local shuffled = train(source.replay(on.stream, { window = "all" }), bo2)
  for name, run in pairs { online = on, offline = off, shuffled = shuffled } do
    assert_above(win(run.policy), 0.5, name)
  end
end

--- Fig. 12: which pair of writers makes the best offline data?
function TestSketches:test_pairs_between_checkpoints()
  local writers = { start = start, early = online.checkpoints[8], late = online.policy }
  for _, names in ipairs {
    { "start", "start" }, { "start", "early" }, { "early", "late" }, { "late", "late" } } do
    local a, b = writers[names[1]], writers[names[2]]
    local dataset = source.between(a, b,
      { task = task, judge = gold, prompts = prompts, count = 480, quiet = true })
    assert_above(win(train(source.offline(dataset, { batch = 16 })).policy), 0.5, table.concat(names, " vs "))
  end
end

--- Fig. 13: how much shuffling is too much?
function TestSketches:test_windows_from_one_batch_to_all()
  local orders = {}
  for _, window in ipairs { 1, 4, 500, "all" } do
    local run = train(source.replay(online.stream, { window = window, seed = 1 }))
    orders[#orders + 1] = run.policy:hash()
    lu.assertItemsEquals(run.stream, online.stream)
  end
  lu.assertEquals(orders[1], online.policy:hash())
  lu.assertNotEquals(orders[2], orders[1])
  lu.assertEquals(orders[3], orders[4], "a window longer than the stream is the stream")
end

--- The paper's last sentence: offline data that are renewed often enough are online data.
function TestSketches:test_refreshed_data_from_every_step_to_never()
  local function refreshed(every)
    return train(source.online { task = task, judge = proxy, prompts = prompts, batch = 16, seed = 1,
      refresh = every })
  end
  lu.assertEquals(refreshed(1).policy:hash(), online.policy:hash())
  lu.assertNotEquals(refreshed(24).policy:hash(), online.policy:hash())
end

--- A loss of one's own.
function TestSketches:test_a_saturating_loss()
  local saturating = loss.define {
    name = "saturating", options = { { "beta", 0.1, "strength", above = 0 } },
    loss = function(pair, o) return 1 - (o.beta * loss.margin(pair, o.norm)):tanh() end,
  }
  assert_above(win(train(online_pairs(), { loss = saturating {} }).policy), 0.5, "saturating")
end

--- A judge of one's own.
function TestSketches:test_a_judge_that_likes_short_answers()
  local short = judge.from_score("short", function(_, answer) return -#answer end)
  local run = train(online_pairs { judge = short })
  local result = evaluate.win_rate(run.policy, toy.with(test, { judge = short }))
  assert_above(result, 0.5, "shorter")
end

os.exit(lu.LuaUnit.run())
