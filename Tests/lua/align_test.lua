--- Runs of a tiny transformer on a made-up task: what must be the same bit for bit.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local lu = require "luaunit"
local system = require "perilune.system"
local align = require "perilune.align"

local source, loss = align.sources, align.loss
local sevens, more_sevens, prompts, with = toy.sevens, toy.more_sevens, toy.prompts, toy.with

local runs = require "toy_runs"
local reference, drawn, train = runs.reference, runs.drawn, runs.train
local online, dataset = runs.online, runs.dataset

TestReplay = {}

function TestReplay:test_in_order_gives_the_same_parameters_and_shuffled_does_not()
  lu.assertEquals(#online.stream, 10)
  lu.assertEquals(train { source = source.replay(online.stream) }.policy:hash(), online.policy:hash())
  local shuffled = train { source = source.replay(online.stream, { window = "all", seed = 1 }) }
  lu.assertNotEquals(shuffled.policy:hash(), online.policy:hash())
end

function TestReplay:test_a_shuffle_keeps_to_its_window_and_loses_no_batch()
  local place = {}
  for i, batch in ipairs(online.stream) do place[batch] = i end
  for _, window in ipairs { 1, 4, "all" } do
    local replay, seen, size = source.replay(online.stream, { window = window, seed = 2 }), {},
      window == "all" and 10 or window
    for step = 1, 10 do
      local at = place[replay:batch(step)]
      lu.assertEquals((at - 1) // size, (step - 1) // size)
      lu.assertNil(seen[at])
      seen[at] = true
    end
  end
end

TestStart = {}

function TestStart:test_at_the_reference_every_figure_is_exact()
  for _, beta in ipairs { 0.125, 0.5 } do
    local row = train { loss = loss.ipo { beta = beta }, steps = 1 }.log[1]
    lu.assertEquals(row.loss, 1 / (4 * beta ^ 2))
    for _, name in ipairs { "rewards/chosen", "rewards/rejected", "rewards/margins", "log_ratios/chosen" } do
      lu.assertEquals(row[name], 0.0)
    end
    lu.assertEquals(row["rewards/accuracies"], 0.5)
  end
end

function TestStart:test_the_figures_have_TRL_s_names()
  local names = {}
  for name in pairs(online.log[1]) do
    if not name:match "^ledger/" and not name:match "^coverage/" then names[#names + 1] = name end
  end
  table.sort(names)
  lu.assertEquals(table.concat(names, " "), "grad_norm lengths/chosen lengths/rejected log_ratios/chosen "
    .. "log_ratios/rejected logps/chosen logps/rejected loss lr rewards/accuracies rewards/chosen "
    .. "rewards/margins rewards/rejected step")
end

function TestStart:test_the_reference_and_the_record_stay_as_they_were()
  lu.assertEquals(reference:hash(), online.reference_hash)
  lu.assertEquals(online.policy_hash_at_start, online.reference_hash)
  for step, batch in ipairs(online.stream) do
    for _, pair in ipairs(batch) do
      lu.assertTrue(sevens(pair.chosen) >= sevens(pair.rejected))
      lu.assertEquals({ pair.step, pair.checkpoint },
        { step, ("%s@%d"):format(online.reference_hash:sub(1, 12), step - 1) })
    end
  end
end

function TestStart:test_recorded_log_probabilities_are_those_of_the_writer()
  local batch = online.stream[1]
  local logps = reference:token_logps(batch.rows):totable()
  for i, x in ipairs(batch.old_logps:totable()) do support.close(x, logps[i], 1e-5) end
  lu.assertEquals(#logps, batch.sampling_logps:numel())
  local pair = batch[1]
  support.close(pair.chosen_logps[1], reference:logps({ pair.prompt }, { { pair.chosen[1] } }):item(), 1e-5)
end

function TestStart:test_training_reaches_the_rule()
  local longer = train { steps = 60, lr = 3e-3, source = source.online(drawn { batch = 24 }) }
  local against = align.evaluate.responses(reference, { prompts = prompts, max_new_tokens = 6, stop = { 1 } })
  local win = align.evaluate.win_rate(longer.policy,
    { prompts = prompts, against = against, judge = more_sevens, max_new_tokens = 6, stop = { 1 }, seed = 1 })
  lu.assertTrue(win.mean > 0.75, ("win rate %.3f"):format(win.mean))
end

TestSameBits = {}

--- What a reference says of a data set is stored with it: by the rows of a batch, under the reference's hash.
function TestSameBits:test_stored_reference_log_probabilities_change_nothing()
  local list = dataset:list()
  local function offline(pairs_given, more)
    local given = { source = source.offline(pairs_given, { batch = 6 }), steps = 6 }
    return train(with(given, more)).policy:hash()
  end
  local fresh = offline(list)
  local packed = align.batch.of_pairs(list)
  -- In 6 batches of 6 from 20 pairs, pairs come again in batches of other pairs.
  lu.assertEquals(offline(packed), fresh)
  lu.assertEquals(offline(packed), fresh, "a second run on the same data set")
  local other = toy.model(6)
  local by_other = offline(packed, { policy = other:clone(), reference = other })
  lu.assertNotEquals(by_other, fresh)
  lu.assertEquals(by_other, offline(list, { policy = other:clone(), reference = other }))
  local replayed = source.replay(online.stream)
  lu.assertEquals(train { source = replayed }.policy:hash(), train { source = replayed }.policy:hash())
end

function TestSameBits:test_a_stored_data_set_is_not_read_again()
  local packed, reads = align.batch.of_pairs(dataset:list()), 0
  local function compute(rows)
    reads = reads + #rows
    return reference:outputs(rows, { "logps" })
  end
  for _ = 1, 2 do
    for start = 1, 20, 5 do
      local part = packed:select { start, start + 1, start + 2, start + 3, start + 4 }
      local stored = part:stored_tokens("hash", { "logps" }, compute).logps
      lu.assertTrue(stored:equal((reference:token_logps(part.rows))))
    end
  end
  lu.assertEquals(reads, 40)
end

function TestSameBits:test_the_number_of_threads_changes_nothing()
  local before = system.threads()
  for _, threads in ipairs { 1, 2 } do
    system.threads(threads)
    lu.assertEquals(train().policy:hash(), online.policy:hash(), threads .. " threads")
  end
  system.threads(before)
end

--- A judge that is interrupted once, in its `at`th call.
local function interrupted_judge(at)
  local calls = 0
  return {
    name = "interrupted",
    prefer = function(_, first, second)
      calls = calls + 1
      if calls == at then support.press_ctrl_c() end
      return align.judge.as_judge(more_sevens):prefer(first, second)
    end,
  }
end

local function lists(stream)
  local all = {}
  for i, batch in ipairs(stream) do all[i] = batch:list() end
  return all
end

local function assert_same_run(run, whole)
  lu.assertEquals({ run.step, run.status }, { whole.step, "finished" })
  lu.assertEquals(run.policy:hash(), whole.policy:hash())
  lu.assertEquals(run.log, whole.log)
  lu.assertEquals(lists(run.stream), lists(whole.stream))
  lu.assertEquals(run.points, whole.points)
end

--- A run that Ctrl-C ends.
local function interrupted(more)
  local run
  local said = support.with_errors(function() run = train(more) end)
  lu.assertStrContains(said, "run:resume() continues it")
  lu.assertEquals(run.status, "interrupted")
  return run
end

function TestSameBits:test_an_interrupted_run_goes_on_as_if_it_had_not_been()
  for _, every in ipairs { 0, 3 } do
    support.in_process(function()
      local make = source.online
      local given = every > 0 and { refresh = every } or {}
      local whole = train { source = make(drawn(given)) }
      given.judge = interrupted_judge(4)
      local run = interrupted { source = make(drawn(given)) }
      lu.assertEquals({ run.step, #run.log }, { 3, 3 })
      assert_same_run(run:resume(), whole)
    end)
  end
end

function TestSameBits:test_an_interrupted_evaluation_is_repeated()
  support.in_process(function()
    local interrupt
    local function evaluate(policy, step)
      if step == 4 and interrupt then
        interrupt = false
        support.press_ctrl_c()
      end
      return { hash = policy:hash() }
    end
    local settings = { evaluate = evaluate, evaluate_every = 4, checkpoint_every = 4 }
    local whole = train(settings)
    interrupt = true
    local run = interrupted(settings)
    lu.assertEquals({ run.step, #run.points }, { 4, 0 })
    assert_same_run(run:resume(), whole)
  end)
end

function TestSameBits:test_an_interrupted_epoch_goes_on_where_it_was()
  support.in_process(function()
    local settings = { epochs = 2, mini_batches = 2, evaluate_every = 1 }
    local interrupt
    function settings.evaluate(_, step)
      if step == 6 and interrupt then
        interrupt = false
        support.press_ctrl_c()
      end
      return {}
    end
    local whole = train(settings)
    interrupt = true
    assert_same_run(interrupted(settings):resume(), whole)
  end)
end

function TestSameBits:test_more_steps_go_on_where_the_run_ended()
  lu.assertEquals(train { steps = 6 }:resume(10).policy:hash(), online.policy:hash())
end

os.exit(lu.LuaUnit.run())
