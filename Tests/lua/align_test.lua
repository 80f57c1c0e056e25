--- Runs of a tiny transformer on a made-up task: what must be bit for bit the same, and what is refused.
local support = dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/support.lua")
local toy = support.load "toy"
local lu = require "luaunit"
local system = require "perilune.system"
local tensor = require "perilune.tensor"
local align = require "perilune.align"

local source, loss = align.sources, align.loss
local sevens, more_sevens, prompts, with = toy.sevens, toy.more_sevens, toy.prompts, toy.with

local reference = toy.model(5)

local function drawn(more) return toy.sampling(with({ batch = 8, seed = 3 }, more)) end

--- Trains a copy of the reference; `more` over the settings that all runs share.
local function train(more)
  return align.train(with({
    policy = reference:clone(), reference = reference, source = source.online(drawn()),
    loss = loss.ipo { beta = 0.1 },
    steps = 10, lr = 1e-2, record = true, quiet = true,
  }, more))
end

local online = train()
local dataset = source.sample(reference, toy.sampling { count = 20, seed = 9, quiet = true })

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
  for name in pairs(online.log[1]) do names[#names + 1] = name end
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
      local make = every > 0 and source.refreshed or source.online
      local given = every > 0 and { every = every } or {}
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

TestAccumulation = {}

--- Gradients of 8 pieces are those of the batch: the losses of a piece are divided by the units of the whole.
function TestAccumulation:test_8_pieces_of_1_pair_give_the_step_of_1_piece_of_8()
  local both = loss.sum { loss.dpo { norm = "mean" }, loss.bo2 { norm = "mean" }, weights = { 1, 0.3 } }
  for _, one in ipairs { loss.ipo { beta = 0.1 }, both } do
    local settings = { loss = one, steps = 2, optimizer = "sgd", lr = 1e-2 }
    local whole = train(settings)
    for _, pieces in ipairs { 8, 3 } do
      local split = train(with(settings, { gradient_accumulation_steps = pieces }))
      for i, row in ipairs(split.log) do
        for name, x in pairs(whole.log[i]) do support.close(row[name], x, 2e-5, name) end
      end
    end
  end
end

function TestAccumulation:test_token_means_are_divided_by_all_tokens()
  local nll = loss.define {
    name = "nll", per = "token", reads = { "logps" }, loss = function(batch) return -batch.logps end,
  }
  local settings = { loss = nll {}, steps = 1, optimizer = "sgd" }
  local whole, split = train(settings), train(with(settings, { gradient_accumulation_steps = 8 }))
  support.close(split.log[1].loss, whole.log[1].loss, 1e-6)
  support.close(split.log[1].grad_norm, whole.log[1].grad_norm, 1e-5)
  local batch = whole.stream[1]
  support.close(whole.log[1].loss, -reference:token_logps(batch.rows):mean():item(), 1e-6)
end

function TestAccumulation:test_mini_batches_and_epochs_are_steps_on_parts_of_a_batch()
  local run = train { epochs = 2, mini_batches = 4, steps = 16, log_every = 1 }
  lu.assertEquals({ run.step, #run.log, #run.stream, run.optimizer:steps() }, { 16, 16, 2, 16 })
  -- Each of the first four steps is on two of the eight pairs: their mean lengths are those of the batch.
  local sum = 0
  for i = 1, 4 do sum = sum + run.log[i]["lengths/chosen"] end
  lu.assertEquals(sum / 4, run.stream[1].chosen_lengths:mean():item())
  lu.assertEquals(run.log[1]["lengths/chosen"], run.log[5]["lengths/chosen"])
end

function TestAccumulation:test_a_loss_of_the_whole_batch_is_not_divided()
  local sorted = loss.define { name = "sorted", splits = false, loss = function(pair) return pair.chosen end }
  lu.assertStrContains(support.message(train, { loss = sorted {}, gradient_accumulation_steps = 2 }),
    "loss 'sorted' of a batch is no mean over its parts")
  lu.assertStrContains(support.message(train, { gradient_accumulation_steps = 9 }),
    "8 units make no 9 pieces")
end

TestFigures = {}

function TestFigures:test_figures_of_a_loss_are_logged()
  local mine = loss.define { name = "mine", loss = function(pair)
    return pair.chosen * 0, { margin = loss.margin(pair), half = 0.5 }
  end }
  local row = train { loss = mine {}, steps = 1 }.log[1]
  lu.assertEquals({ row.margin, row.half }, { 0.0, 0.5 })
end

function TestFigures:test_figures_of_a_sum_have_the_names_of_its_parts()
  local row = train { loss = loss.sum { loss.dpo {}, loss.bo2 {} }, steps = 1 }.log[1]
  support.close(row.loss, row["dpo/loss"] + row["bo2/loss"], 1e-6)
  support.close(row["dpo/loss"], math.log(2), 1e-6)
end

function TestFigures:test_steps_that_are_not_logged_have_no_row()
  local run = train { log_every = 4 }
  local steps = {}
  for i, row in ipairs(run.log) do steps[i] = row.step end
  lu.assertEquals(steps, { 4, 8, 10 })
  lu.assertEquals(run.policy:hash(), online.policy:hash())
end

TestReads = {}

function TestReads:test_a_loss_without_the_reference_needs_none()
  local run = train { loss = loss.bo2 {}, reference = false or nil, policy = reference:clone() }
  lu.assertEquals(run.status, "finished")
  local settings = {
    policy = reference:clone(), source = source.online(drawn()), loss = loss.bo2 {}, steps = 1, quiet = true,
  }
  local alone = align.train(settings)
  lu.assertNil(alone.reference_hash)
  lu.assertNil(alone.log[1]["rewards/margins"])
  settings.loss = loss.ipo {}
  lu.assertStrContains(support.message(align.train, settings),
    "loss 'ipo' reads the reference, and none is given")
end

function TestReads:test_a_column_that_the_batch_does_not_have_is_named()
  local scored = loss.define {
    name = "scored", per = "row", reads = { "logps", "reward" },
    loss = function(batch) return batch:sums "logps" end,
  }
  lu.assertStrContains(support.message(train, { loss = scored {} }),
    "step 1: online: loss 'scored' reads 'reward', which the batch does not have: it has checkpoint,"
      .. " old_logps,")
end

function TestReads:test_the_parameters_of_a_loss_are_trained_along()
  local shifted = loss.define {
    name = "shifted",
    parameters = function() return { shift = tensor.zeros(1, { requires_grad = true }) } end,
    loss = function(pair, _, parameters) return (loss.margin(pair) - 1 + parameters.shift):square() end,
  }
  local run = train { loss = shifted {}, steps = 5 }
  -- AdamW moves a parameter by the rate in each of the first steps, against its gradient.
  lu.assertTrue(run.parameters[1].shift:item() > 0.03, tostring(run.parameters[1].shift))
end

TestRefusals = {}

local function broken_at(at)
  local calls = 0
  return loss.define { name = "broken", loss = function(pair)
    calls = calls + 1
    return calls == at and pair.chosen * (0 / 0) or pair.chosen * 0
  end } {}
end

function TestRefusals:test_a_loss_that_is_no_number_names_its_step_and_leaves_the_policy()
  local policy = reference:clone()
  lu.assertStrContains(support.message(train, { policy = policy, loss = broken_at(3) }), "step 3: loss ")
  lu.assertStrContains(support.message(train, { policy = policy, loss = function() return 0 / 0 end }),
    "the loss 'function' must give a tensor of 8 losses, one a pair, got ")
  lu.assertEquals(policy:hash(), reference:hash())
end

--- Log, points and policy of a run that failed were lost.
function TestRefusals:test_the_error_of_a_run_that_fails_has_the_run()
  local function fails_at_4(_, step)
    if step == 4 then error("no more", 0) end
    return { step = step }
  end
  for wanted, more in pairs {
    ["step 3: loss "] = { loss = broken_at(3) },
    ["no more"] = { evaluate = fails_at_4, evaluate_every = 1 },
    ["step 1: online: judge odd: the outcome for row 1 is 3"] = {
      source = source.online(drawn { judge = { name = "odd", prefer = function(_, rows)
        local list = {}
        for i = 1, #rows do list[i] = 3 end
        return list
      end } }),
    },
  } do
    local ok, problem = pcall(train, more)
    lu.assertFalse(ok)
    lu.assertStrContains(tostring(problem), wanted)
    lu.assertEquals({ problem.run.status, problem.run.problem }, { "failed", problem.message })
    lu.assertEquals(#problem.run.log, problem.run.step)
    lu.assertIs(problem.run.policy, problem.run.options.policy)
  end
end

--- A fixed list is checked before the first step; once a run ended in its middle.
function TestRefusals:test_a_pair_that_does_not_fit_the_model_is_named_before_the_first_step()
  local function offline(change)
    local list = dataset:list()
    change(list[7])
    return support.message(function() train { source = source.offline(list, { batch = 2 }) } end)
  end
  local long = {}
  for i = 1, 31 do long[i] = 2 end
  lu.assertEquals(offline(function(pair) pair.rejected = long end),
    "offline: pair 7: rejected: has 33 tokens, the model takes at most 32")
  lu.assertEquals(offline(function(pair) pair.chosen = { 3, -100 } end),
    "offline: pair 7: chosen: token 4 is -100, not a token id: expected 0..11 (vocab 12)")
  lu.assertEquals(offline(function(pair) pair.chosen = { 3, 2.5 } end),
    "sources.offline: pair 7: chosen: element [1][2] is 2.5, expected an integer")
  lu.assertEquals(offline(function(pair) pair.prompt = {} end), "sources.offline: pair 7 has an empty prompt")
end

function TestRefusals:test_a_replay_has_no_more_steps_than_batches()
  lu.assertStrContains(support.message(train, { source = source.replay(online.stream), steps = 11 }),
    "'replay in order' has batches for 10 steps, fewer than 11")
end

function TestRefusals:test_wrong_settings_say_what_is_wrong()
  local function refused(wanted, f, ...) lu.assertStrContains(support.message(f, ...), wanted) end
  refused("align.train: unknown option 'stpes'; did you mean 'steps'?", train, { stpes = 3 })
  refused("align.train: policy and reference are one model", train, { policy = reference })
  refused("align.train: loss 'ipo' needs its options: give loss = ipo {}", train, { loss = loss.ipo })
  refused("align.train: source has no method batch", train, { source = {} })
  refused("option 'lr' must be a finite number, not NaN", train, { lr = 0 / 0 })
  refused("option 'steps' must be a whole number of at least 1, not 0", train, { steps = 0 })
  refused("evaluate must return a table", train, { evaluate = function() return 1 end, evaluate_every = 1 })
  refused("0 prompts or pairs do not fill a batch of 32", source.offline, {})
  refused("20 prompts or pairs do not fill a batch of 21", source.offline, dataset, { batch = 21 })
  refused("option 'judge' must be a table or a function, not 3", source.online, drawn { judge = 3 })
  refused("expected a judge", source.online, drawn { judge = { prefers = more_sevens } })
  refused("the stream is empty", source.replay, {})
  refused("sources.replay: option 'window' must be", source.replay, online.stream, { window = 0 })
  refused("sources.replay: window must be a whole number", source.replay, online.stream, { window = "some" })
end

os.exit(lu.LuaUnit.run())
