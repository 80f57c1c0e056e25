--- One optimiser step: its denominators, weights of pairs, mini-batches and their order, the reference.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local lu = require "luaunit"
local tensor = require "perilune.tensor"
local align = require "perilune.align"

local source, loss = align.sources, align.loss
local runs = require "toy_runs"
local reference, train, with = runs.reference, runs.train, toy.with

local function groups()
  return source.groups {
    prompts = toy.prompts, max_new_tokens = 6, stop = { 1 }, batch = 8, responses = 3, seed = 3,
    reward = function(_, response) return toy.sevens(response) end,
  }
end

--- A source of the same pairs at every step, with weights.
local function weighted(weights, count)
  local batch = runs.online.stream[1]:select { 1, 2, 3, 4, 5, 6, 7, 8 }
  local column = {}
  for i = 1, 8 do column[i], column[8 + i] = weights[i], weights[i] end
  batch:set("weight", column)
  local units = {}
  for i = 1, count or 8 do units[i] = i end
  return { name = "weighted", batch = function() return batch:select(units) end }
end

TestDenominators = {}

local units = {
  pair = loss.define {
    name = "by pair", loss = function(pair) return (loss.margin(pair) - 1):square() end },
  row = loss.define {
    name = "by row", per = "row", reads = { "logps" },
    loss = function(batch) return -batch:means "logps" end },
  token = loss.define {
    name = "by token", per = "token", reads = { "logps" }, loss = function(batch) return -batch.logps end },
  group = loss.define {
    name = "by group", per = "group", reads = { "logps", "reward" },
    loss = function(batch)
      local values = -(batch:sums "logps" * batch.reward)
      local of_group, first = batch:group_means(values), {}
      for i, unit in ipairs(batch:units()) do first[i] = unit[1] end
      return of_group:index_select(1, tensor(first, "i64"))
    end },
  ["row, as a mean"] = loss.define {
    name = "mean", per = "row", reads = { "logps" }, mean = true,
    loss = function(batch) return -batch:means("logps"):mean() end },
}

for unit, define in pairs(units) do
  TestDenominators[("test_8_pieces_of_1_give_the_step_of_1_piece_of_8_by_%s"):format(unit)] = function()
    local function step(more)
      return train(with({
        source = unit == "pair" and source.online(runs.drawn()) or groups(), loss = define {}, steps = 2,
        optimizer = "sgd",
      }, more)).log
    end
    local whole = step()
    for _, pieces in ipairs { 8, 3 } do
      for i, row in ipairs(step { gradient_accumulation_steps = pieces }) do
        support.close(row.loss, whole[i].loss, 1e-6)
        support.close(row.grad_norm, whole[i].grad_norm, 1e-5)
      end
    end
  end
end

--- What a loss reads of the whole step is its part of the batch.
function TestDenominators:test_a_piece_has_the_whole_mini_batch_as_its_part()
  local seen = {}
  local spy = loss.define { name = "spy", loss = function(pair)
    local part = rawget(pair, "part")
    seen[#seen + 1] = { #pair, part and #part or 0 }
    return pair.chosen * 0
  end }
  train {
    loss = spy {}, steps = 2, mini_batches = 2, gradient_accumulation_steps = 2, instruments = false,
  }
  lu.assertEquals(seen, { { 2, 4 }, { 2, 4 }, { 2, 4 }, { 2, 4 } })
  seen = {}
  train { loss = spy {}, steps = 1, instruments = false }
  lu.assertEquals(seen, { { 8, 0 } })
end

TestWeights = {}

function TestWeights:test_a_pair_of_weight_0_counts_in_the_mean_and_gives_no_gradient()
  local function row_of(given, more)
    return train(with({ source = given, steps = 1, optimizer = "sgd" }, more)).log[1]
  end
  local half = weighted { 1, 1, 1, 1, 0, 0, 0, 0 }
  local alone = row_of(weighted({ 1, 1, 1, 1, 1, 1, 1, 1 }, 4))
  for _, pieces in ipairs { 1, 8 } do
    local row = row_of(half, { gradient_accumulation_steps = pieces })
    support.close(row.loss, alone.loss / 2, 1e-6)
    support.close(row.grad_norm, alone.grad_norm / 2, 1e-5)
  end
  local plain = row_of(weighted { 1, 1, 1, 1, 1, 1, 1, 1 })
  local double = row_of(weighted { 2, 2, 2, 2, 2, 2, 2, 2 })
  lu.assertEquals(double.loss, 2 * plain.loss)
  lu.assertEquals(double.grad_norm, 2 * plain.grad_norm)
end

function TestWeights:test_rows_and_tokens_have_the_weight_of_their_response()
  local batch = weighted({ 3, 1, 0, 2, 1, 1, 1, 5 }).batch()
  local given = { name = "same", batch = function() return batch end }
  local logps, weights = batch:sums(reference:token_logps(batch.rows)), batch.weight
  local by_row = train { source = given, loss = loss.define {
    name = "rows", per = "row", reads = { "logps" }, loss = function(b) return -b:sums "logps" end,
  } {}, steps = 1 }
  support.close(by_row.log[1].loss, -(logps * weights):mean():item(), 1e-5)
  local by_token = train { source = given, loss = units.token {}, steps = 1 }
  support.close(by_token.log[1].loss, -(logps * weights):sum():item() / batch.lengths:sum():item(), 1e-5)
end

function TestWeights:test_a_loss_that_gives_a_mean_has_no_weights()
  local mean = loss.define {
    name = "mean", mean = true, loss = function(pair) return pair.chosen:mean() end,
  }
  local given = weighted { 1, 1, 1, 1, 1, 1, 1, 1 }
  lu.assertStrContains(support.message(train, { source = given, loss = mean {} }),
    "the batch has weights, and loss 'mean' gives one mean, expected 8 losses, one a pair")
end

function TestWeights:test_a_negative_weight_is_refused()
  lu.assertStrContains(support.message(train, { source = weighted { 1, 1, 1, -2, 1, 1, 1, 1 } }),
    "the batch has a weight of -2.0, expected weights of at least 0")
  local pair = { prompt = { 1 }, chosen = { 2 }, rejected = { 3 }, weight = -2 }
  lu.assertStrContains(support.message(source.offline, { pair }, { batch = 1 }),
    "sources.offline: pair 1: weight is -2, expected a number of at least 0")
end

TestMiniBatches = {}

--- The prompts of each step, as texts.
local function order_of(more)
  local steps = {}
  local spy = loss.define { name = "spy", loss = function(pair)
    local texts = {}
    for i = 1, #pair do texts[i] = table.concat(pair.rows:prompt(i), " ") end
    steps[#steps + 1] = texts
    return pair.chosen * 0
  end }
  train(with({ loss = spy {}, steps = 8, mini_batches = 2, epochs = 2, instruments = false }, more))
  return steps
end

local function sorted_epoch(steps, first)
  local all = { table.unpack(steps[first]) }
  table.move(steps[first + 1], 1, #steps[first + 1], #all + 1, all)
  table.sort(all)
  return all
end

function TestMiniBatches:test_shuffled_an_epoch_has_every_pair_once_in_an_order_of_its_own()
  local plain, shuffled = order_of(), order_of { shuffle_mini_batches = true, seed = 1 }
  for first = 1, 7, 2 do
    lu.assertEquals(sorted_epoch(shuffled, first), sorted_epoch(plain, first))
    lu.assertNotEquals(shuffled[first], plain[first])
  end
  lu.assertEquals(plain[1], plain[3])
  lu.assertNotEquals(shuffled[1], shuffled[3])
  lu.assertEquals(order_of { shuffle_mini_batches = true, seed = 1 }, shuffled)
  lu.assertNotEquals(order_of { shuffle_mini_batches = true, seed = 2 }, shuffled)
end

TestReference = {}

--- Weights of the reference after steps 2 and 4 by the formula, from copies of the policy at those steps.
function TestReference:test_it_moves_by_the_formula_of_TR_DPO()
  local run = train {
    steps = 4, sync_ref_model = true, ref_model_sync_steps = 2, ref_model_mixup_alpha = 0.3,
    checkpoint_every = 2,
  }
  local start = reference:parameters()
  local second, fourth = run.checkpoints[2]:parameters(), run.checkpoints[4]:parameters()
  for i, weights in ipairs(run.reference:parameters()) do
    local wanted = second[i] * 0.3 + start[i] * 0.7
    wanted = fourth[i] * 0.3 + wanted * 0.7
    lu.assertTrue((weights - wanted):detach():abs():amax():item() < 1e-6)
  end
  lu.assertEquals(run.reference_hashes[2], { step = 4, hash = run.reference:hash() })
  lu.assertEquals(run.reference_hashes[1].step, 2)
  -- The reference that was given is untouched.
  lu.assertEquals(run.options.reference:hash(), run.reference_hash)
end

--- What was stored of the reference before its move must not be read after it.
function TestReference:test_a_copied_reference_gives_margins_of_0_on_a_fixed_list()
  local run = train {
    source = source.offline(runs.dataset, { batch = 20 }), steps = 6,
    sync_ref_model = true, ref_model_sync_steps = 2, ref_model_mixup_alpha = 1,
  }
  local moved = {}
  for i, row in ipairs(run.log) do moved[i] = math.abs(row["rewards/margins"]) < 1e-6 end
  lu.assertEquals(moved, { true, false, true, false, true, false })
end

--- A list of one batch is read by the reference once, and once more after each move.
function TestReference:test_what_a_list_stores_is_computed_once_between_moves()
  local passes, list = 0, {}
  local function new_policy()
    return align.policy.define {
      vocab = 4, parameters = { theta = tensor.zeros({ 1, 4 }) },
      logits = function(contexts, p)
        if not tensor.is_grad_enabled() then passes = passes + 1 end
        return p.theta:index_select(1, tensor.ones(#contexts, "i64"))
      end,
    }
  end
  for i = 1, 4 do list[i] = { prompt = { 0 }, chosen = { i - 1 }, rejected = { 3 } } end
  local dataset = align.batch.of_pairs(list)
  local function passes_of(more)
    passes = 0
    local run = align.train(with({
      policy = new_policy(), reference = new_policy(), source = source.offline(dataset, { batch = 4 }),
      steps = 8, loss = loss.ipo {}, lr = 0.1, instruments = false, quiet = true,
    }, more))
    return passes, run
  end
  lu.assertEquals((passes_of()), 1)
  -- A second run with the same reference computes nothing; moves are after steps 3 and 6.
  local count = passes_of { sync_ref_model = true, ref_model_sync_steps = 3 }
  lu.assertEquals(count, 2)
  local stored = 0
  for _ in pairs(dataset.stored) do stored = stored + 1 end
  lu.assertEquals(stored, 2)
end

function TestReference:test_one_that_cannot_move_is_refused()
  lu.assertStrContains(support.message(train, { sync_ref_model = true, epochs = 3 }),
    "ref_model_sync_steps = 512 is no multiple of the 3 steps on a batch (epochs x mini_batches)")
  lu.assertStrContains(support.message(align.train, {
    policy = reference:clone(), source = source.online(runs.drawn()), loss = loss.bo2 {}, steps = 1,
    sync_ref_model = true, quiet = true,
  }), "sync_ref_model moves the reference, and none is given")
end

os.exit(lu.LuaUnit.run())
