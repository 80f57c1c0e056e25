--- Runs of a tiny transformer on a made-up task: what must be bit for bit the same, and what is refused.
local here = arg[0]:match("^(.*)[/\\]") or "."
local support, toy = dofile(here .. "/support.lua"), dofile(here .. "/toy.lua")
local lu = require "luaunit"
local system = require "perilune.system"
local align = require "perilune.align"

local source, loss = align.pairs, align.loss
local sevens, more_sevens, prompts, with = toy.sevens, toy.more_sevens, toy.prompts, toy.with

local reference = toy.model(5)

local function drawn(more) return toy.sampling(with({ batch = 8, seed = 3 }, more)) end

--- Trains a copy of the reference; `more` over the settings that all runs share.
local function train(more)
  return align.train(with({
    policy = reference:clone(), reference = reference, pairs = source.online(drawn()), loss = loss.ipo { beta = 0.1 },
    steps = 10, lr = 1e-2, record = true, quiet = true,
  }, more))
end

local online = train()
local dataset = source.sample(reference, toy.sampling { count = 20, seed = 9, quiet = true })

TestReplay = {}

function TestReplay:test_in_order_gives_the_same_parameters_and_shuffled_does_not()
  lu.assertEquals(#online.stream, 10)
  lu.assertEquals(train { pairs = source.replay(online.stream) }.policy:hash(), online.policy:hash())
  local shuffled = train { pairs = source.replay(online.stream, { window = "all", seed = 1 }) }
  lu.assertNotEquals(shuffled.policy:hash(), online.policy:hash())
end

function TestReplay:test_a_shuffle_keeps_to_its_window_and_loses_no_batch()
  local place = {}
  for i, batch in ipairs(online.stream) do place[batch] = i end
  for _, window in ipairs { 1, 4, "all" } do
    local replay, seen, size = source.replay(online.stream, { window = window, seed = 2 }), {}, window == "all" and 10 or window
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
    .. "log_ratios/rejected logps/chosen logps/rejected loss lr rewards/accuracies rewards/chosen rewards/margins "
    .. "rewards/rejected step")
end

function TestStart:test_the_reference_and_the_record_stay_as_they_were()
  lu.assertEquals(reference:hash(), online.reference_hash)
  lu.assertEquals(online.policy_hash_at_start, online.reference_hash)
  for step, batch in ipairs(online.stream) do
    for _, pair in ipairs(batch) do
      lu.assertTrue(sevens(pair.chosen) >= sevens(pair.rejected))
      lu.assertEquals({ pair.step, pair.checkpoint }, { step, ("%s@%d"):format(online.reference_hash:sub(1, 12), step - 1) })
    end
  end
end

function TestStart:test_recorded_log_probabilities_are_those_of_the_writer()
  for _, pair in ipairs(online.stream[1]) do
    support.close(pair.chosen_logp, reference:logps({ pair.prompt }, { pair.chosen }):item(), 1e-5)
    support.close(pair.rejected_logp, reference:logps({ pair.prompt }, { pair.rejected }):item(), 1e-5)
  end
end

function TestStart:test_training_reaches_the_rule()
  local longer = train { steps = 60, lr = 3e-3, pairs = source.online(drawn { batch = 24 }) }
  local against = align.evaluate.responses(reference, { prompts = prompts, max_new_tokens = 6, stop = { 1 } })
  local win = align.evaluate.win_rate(longer.policy,
    { prompts = prompts, against = against, judge = more_sevens, max_new_tokens = 6, stop = { 1 }, seed = 1 })
  lu.assertTrue(win.mean > 0.75, ("win rate %.3f"):format(win.mean))
end

TestSameBits = {}

function TestSameBits:test_kept_reference_log_probabilities_change_nothing()
  local replayed, offline = {}, {}
  for i, keep in ipairs { true, false } do
    replayed[i] = train { pairs = source.replay(online.stream), steps = 25, keep_reference_logps = keep }.policy:hash()
    offline[i] = train { pairs = source.offline(dataset, { batch = 6 }), steps = 6, keep_reference_logps = keep }.policy:hash()
  end
  lu.assertEquals(replayed[1], replayed[2])
  -- A pair comes again in batches of other pairs.
  lu.assertEquals(offline[1], offline[2])
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
    prefer = function(_, asked, a, b)
      calls = calls + 1
      if calls == at then error "interrupted!" end
      return align.judge.as_judge(more_sevens):prefer(asked, a, b)
    end,
  }
end

local function assert_same_run(run, whole)
  lu.assertEquals({ run.step, run.status }, { whole.step, "finished" })
  lu.assertEquals(run.policy:hash(), whole.policy:hash())
  lu.assertEquals(run.log, whole.log)
  lu.assertEquals(run.stream, whole.stream)
  lu.assertEquals(run.points, whole.points)
end

function TestSameBits:test_an_interrupted_run_goes_on_as_if_it_had_not_been()
  for _, refreshed in ipairs { false, true } do
    local make = refreshed and source.refreshed or source.online
    local every = refreshed and 3 or nil
    local whole = train { pairs = make(drawn { every = every }) }
    local run = train { pairs = make(drawn { judge = interrupted_judge(4), every = every }) }
    lu.assertEquals({ run.step, run.status, #run.log }, { 3, "interrupted", 3 })
    assert_same_run(run:resume(), whole)
  end
end

function TestSameBits:test_a_step_interrupted_after_its_update_is_not_taken_twice()
  local interrupt
  local function evaluate(_, step, run)
    local real = run.optimizer
    if step == 2 and interrupt then
      interrupt = false
      run.optimizer = {
        zero_grad = function() real:zero_grad() end,
        steps = function() return real:steps() end,
        step = function(_, o)
          real:step(o)
          run.optimizer = real
          error "interrupted!"
        end,
      }
    end
    return { hash = run.policy:hash() }
  end
  local whole = train { evaluate = evaluate, evaluate_every = 1 }
  interrupt = true
  local run = train { evaluate = evaluate, evaluate_every = 1 }
  lu.assertEquals({ run.step, run.status, #run.log }, { 3, "interrupted", 2 })
  assert_same_run(run:resume(), whole)
end

function TestSameBits:test_an_interrupted_evaluation_is_made_up_for()
  local interrupt
  local function evaluate(policy, step)
    if step == 4 and interrupt then
      interrupt = false
      error "interrupted!"
    end
    return { hash = policy:hash() }
  end
  local settings = { evaluate = evaluate, evaluate_every = 4, checkpoint_every = 4 }
  local whole = train(settings)
  interrupt = true
  local run = train(settings)
  lu.assertEquals({ run.step, run.status, #run.points }, { 4, "interrupted", 0 })
  assert_same_run(run:resume(), whole)
end

function TestSameBits:test_more_steps_go_on_where_the_run_ended()
  lu.assertEquals(train { steps = 6 }:resume(10).policy:hash(), online.policy:hash())
end

TestRefusals = {}

function TestRefusals:test_a_loss_that_is_no_number_names_its_step_and_leaves_the_policy()
  local calls, policy = 0, reference:clone()
  local broken = loss.define { name = "broken", loss = function(pair)
    calls = calls + 1
    return calls == 3 and pair.chosen * (0 / 0) or pair.chosen * 0
  end }
  lu.assertStrContains(support.message(train, { policy = policy, loss = broken {} }), "step 3: loss ")
  lu.assertStrContains(support.message(train, { policy = policy, loss = function() return 0 / 0 end }), "the loss must give a tensor of 8 losses")
  lu.assertEquals(policy:hash(), reference:hash())
end

function TestRefusals:test_wrong_settings_say_what_is_wrong()
  local function refused(wanted, f, ...) lu.assertStrContains(support.message(f, ...), wanted) end
  refused("align.train: unknown option 'stpes'; did you mean 'steps'?", train, { stpes = 3 })
  refused("align.train: policy and reference are one model", train, { policy = reference })
  refused("align.train: pairs must be a source of pairs", train, { pairs = dataset })
  refused("option 'lr' must be a finite number, not NaN", train, { lr = 0 / 0 })
  refused("option 'steps' must be a whole number of at least 1, not 0", train, { steps = 0 })
  refused("evaluate must return a table", train, { evaluate = function() return 1 end, evaluate_every = 1 })
  refused("0 prompts or pairs do not fill a batch of 32", source.offline, {})
  refused("20 prompts or pairs do not fill a batch of 21", source.offline, dataset, { batch = 21 })
  refused("expected a judge", source.online, drawn { judge = 3 })
  refused("expected a judge", source.online, drawn { judge = { prefers = more_sevens } })
  refused("the stream is empty", train, { pairs = source.replay {} })
  refused("pairs.replay: window must be a whole number", source.replay, online.stream, { window = 0 })
end

os.exit(lu.LuaUnit.run())
