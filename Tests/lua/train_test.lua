--- What align.train computes of a batch, what it logs, and what it refuses.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local lu = require "luaunit"
local tensor = require "perilune.tensor"
local align = require "perilune.align"

local source, loss = align.sources, align.loss
local more_sevens, with = toy.more_sevens, toy.with

local runs = require "toy_runs"
local reference, drawn, train = runs.reference, runs.drawn, runs.train
local online, dataset = runs.online, runs.dataset

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

function TestFigures:test_a_function_chooses_the_steps_that_are_evaluated_and_is_asked_once()
  local asked, seen = {}, {}
  local run = train {
    steps = 5, evaluate = function(_, step) return { at = step } end,
    evaluate_every = function(policy, step, own)
      asked[#asked + 1], seen[#seen + 1] = step, #own.points
      lu.assertEquals(own.policy, policy)
      return step % 2 == 0
    end,
  }
  local steps = {}
  for i, point in ipairs(run.points) do steps[i] = point.at end
  lu.assertEquals(steps, { 2, 4, 5 })
  lu.assertEquals(asked, { 1, 2, 3, 4 }, "the last step is always evaluated")
  lu.assertEquals(seen, { 0, 0, 1, 1 })
end

--- What a function of the user's leaves behind is no part of the step's gradients.
function TestFigures:test_gradients_of_another_pass_are_discarded()
  local settings = { steps = 3, instruments = false, evaluate = function() return {} end }
  local alone = train(with(settings, { evaluate_every = function() return true end }))
  local beside = train(with(settings, { evaluate_every = function(policy)
    (policy:parameters()[1]:pow(2):sum() * 1000):backward()
    return true
  end }))
  lu.assertEquals(beside.log[1].grad_norm, alone.log[1].grad_norm)
  lu.assertEquals(beside.policy:hash(), alone.policy:hash())
end

TestSpent = {}

--- What is spent at each step, and the response tokens of the recorded batches by then.
local function spent(more)
  local labels, tokens, expected, sum = {}, {}, {}, 0
  local run = train { evaluate = function() return {} end, evaluate_every = 1, steps = 4,
    source = more.source, epochs = more.epochs }
  for i, point in ipairs(run.points) do
    local batch = run.stream[(i - 1) // (more.epochs or 1) + 1]
    if (i - 1) % (more.epochs or 1) == 0 then
      for _, response in ipairs(batch.rows:responses()) do sum = sum + #response end
    end
    labels[i], tokens[i], expected[i] = point.labels, point.tokens, sum
  end
  return labels, tokens, expected
end

function TestSpent:test_points_count_the_labels_and_the_response_tokens_of_the_batches()
  local labels, tokens, expected = spent {}
  lu.assertEquals(labels, { 8, 16, 24, 32 }, "8 fresh pairs a step")
  lu.assertEquals(tokens, expected)
  labels, tokens, expected = spent { source = source.offline(dataset, { batch = 8 }) }
  lu.assertEquals(labels, { 8, 16, 20, 20 }, "a label that is read again is not asked for again")
  lu.assertEquals(tokens, expected)
  labels, tokens, expected = spent { epochs = 2 }
  lu.assertEquals(labels, { 8, 8, 16, 16 })
  lu.assertEquals(tokens, expected)
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

function TestRefusals:test_a_sum_in_place_of_losses_is_refused()
  local function message(given) return support.message(train, { loss = given }) end
  local wanted = "must give 8 losses, one a pair, got 1; a sum of them and a mean look alike"
  lu.assertStrContains(message(function(pair) return pair.chosen:sum() end), wanted)
  lu.assertStrContains(message(loss.define {
    name = "mine", loss = function(pair) return pair.chosen:mean() end,
  } {}), wanted)
  lu.assertStrContains(message(loss.define {
    name = "mine", mean = true, loss = function(pair) return pair.chosen end,
  } {}), "the loss 'mine' must give the mean over its pairs, one number, got 8")
end

function TestRefusals:test_an_error_in_a_loss_of_one_s_own_names_file_and_line()
  local function message(given) return tostring(select(2, pcall(train, { loss = given }))) end
  local line = debug.getinfo(1, "l").currentline
  local function at(offset, text) return ("train_test.lua:%d: %s"):format(line + offset, text) end
  lu.assertStrContains(message(function(pair)
    return pair.chosen + tensor { 1, 2, 3 }
  end), at(3, "shapes 8 and 3 cannot broadcast"))
  lu.assertStrContains(message(loss.define { name = "mine", loss = function(pair)
    return pair.chosen:narrow(1, 50, 2)
  end } {}), at(6, "bad argument #2 to 'narrow'"))
  lu.assertStrContains(message(function() return loss.margin(nil) end), at(8, ""))
  lu.assertStrContains(message(function() error "mine" end), at(9, "mine"))
end

function TestRefusals:test_a_loss_may_be_given_by_its_name()
  local policy, named = reference:clone(), reference:clone()
  train { policy = policy, loss = loss.dpo {} }
  train { policy = named, loss = "dpo" }
  lu.assertEquals(named:hash(), policy:hash())
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
    "'replay' has batches for 10 steps, fewer than 11")
end

function TestRefusals:test_wrong_settings_say_what_is_wrong()
  local function refused(wanted, f, ...) lu.assertStrContains(support.message(f, ...), wanted) end
  refused("align.train: unknown option 'stpes'; did you mean 'steps'?", train, { stpes = 3 })
  refused("align.train: policy and reference are one model", train, { policy = reference })
  refused("loss 'ipo' needs its options: give loss = align.loss.ipo {}", train, { loss = loss.ipo })
  refused("align.train: there is no loss 'ktoo'; did you mean 'kto'?", train, { loss = "ktoo" })
  refused("align.train: source has no method batch", train, { source = {} })
  refused("option 'lr' must be a finite number, not nan", train, { lr = 0 / 0 })
  refused("option 'steps' must be a whole number of at least 1, not 0", train, { steps = 0 })
  local function nothing() return {} end
  refused("option 'evaluate_every' must be", train, { evaluate = nothing, evaluate_every = 0 })
  refused("evaluate_every: step 2 of the list must be a whole number of at least 1, not 'x'", train,
    { evaluate = nothing, evaluate_every = { 3, "x" } })
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
