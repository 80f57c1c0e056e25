--- Batches: columns, token columns, pairs as a view, parts, and what is refused.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local toy = require "toy"
local batch = require "perilune.align.batch"
local tensor = require "perilune.tensor"

local function rows_of(more)
  return batch.new(toy.with({
    prompts = { { 1 }, { 1 }, { 2, 3 }, { 2, 3 } }, responses = { { 4, 5 }, { 6 }, {}, { 7, 8, 9 } },
    group = { 1, 1, 2, 2 }, reward = { 1, 3, 5, 9 }, writer = { "a", "b", "a", "b" },
  }, more))
end

local function pairs_of()
  return batch.of_pairs {
    { prompt = { 1 }, chosen = { 4, 5 }, rejected = { 6 }, step = 1, checkpoint = "x@0", note = "first" },
    { prompt = { 2, 3 }, chosen = { 7 }, rejected = { 8, 9, 10 }, step = 2, checkpoint = "x@1" },
    { prompt = { 3 }, chosen = { 5 }, rejected = { 9 }, step = 3, checkpoint = "x@2" },
  }
end

TestColumns = {}

function TestColumns.test_numbers_and_booleans_become_tensors_and_facts_stay_lists()
  local b = rows_of { label = { true, false, true, true } }
  lu.assertEquals(b.reward:totable(), { 1, 3, 5, 9 })
  lu.assertEquals(b.label:totable(), { 1, 0, 1, 1 })
  lu.assertEquals({ b.group, b.writer }, { { 1, 1, 2, 2 }, { "a", "b", "a", "b" } })
  lu.assertEquals(b.lengths:totable(), { 2, 1, 0, 3 })
  lu.assertEquals({ #b, b.nothing }, { 4, nil })
end

function TestColumns.test_a_pair_without_margin_or_weight_has_0_and_1()
  local one = { prompt = { 1 }, chosen = { 4 }, rejected = { 6 } }
  local two = toy.with(one, { margin = 2, weight = 3 })
  local b = batch.of_pairs { one, two }
  lu.assertEquals({ b.margin:totable(), b.weight:totable() }, { { 0, 2, 0, 2 }, { 1, 3, 1, 3 } })
  lu.assertNil(batch.of_pairs({ one }).margin)
  lu.assertStrContains(support.message(batch.of_pairs, { one, toy.with(one, { margin = "2" }) }),
    "batch.of_pairs: pair 2: margin is '2', expected a number")
end

function TestColumns.test_an_assignment_sets_a_column()
  local b = rows_of()
  b.advantage = tensor { 1, 2, 3, 4 }
  lu.assertEquals(b.advantage:sum():item(), 10)
  lu.assertEquals(b:spread("advantage"):totable(), { 1, 1, 2, 4, 4, 4 })
end

function TestColumns.test_sums_and_means_by_name_follow_the_column()
  local b = rows_of()
  b:set_tokens("logps", tensor { 1, 2, 3, 4, 5, 6 })
  lu.assertEquals(b:sums("logps"):totable(), { 3, 3, 0, 15 })
  lu.assertEquals(b:means("logps"):totable(), { 1.5, 3, 0, 5 })
  b:set_tokens("logps", tensor { 0, 0, 0, 0, 0, 6 })
  lu.assertEquals(b:sums("logps"):totable(), { 0, 0, 0, 6 })
end

function TestColumns.test_group_means_by_hand()
  local means, sizes = rows_of():group_means(tensor { 1, 3, 5, 9 })
  lu.assertEquals({ means:totable(), sizes:totable() }, { { 2, 2, 7, 7 }, { 2, 2, 2, 2 } })
end

function TestColumns.test_old_logps_are_those_of_the_sampler()
  local rows = toy.model(1):sample(toy.prompts, { max_new_tokens = 4, seed = 1 })
  local b = batch.new { rows = rows }
  lu.assertTrue(b.old_logps:equal(rows:column "logps"))
  lu.assertNil(b.logps)
end

TestPairs = {}

function TestPairs.test_the_first_half_of_the_rows_is_chosen()
  local p = pairs_of()
  lu.assertEquals({ #p, #p.rows }, { 3, 6 })
  lu.assertEquals(p.rows:responses(), { { 4, 5 }, { 7 }, { 5 }, { 6 }, { 8, 9, 10 }, { 9 } })
  lu.assertEquals(p.chosen_lengths:totable(), { 2, 1, 1 })
  lu.assertEquals(p.rejected_lengths:totable(), { 1, 3, 1 })
  lu.assertEquals(p.label:totable(), { 1, 1, 1, 0, 0, 0 })
  p:set_tokens("logps", tensor { 1, 2, 3, 4, 5, 6, 7, 8, 9 })
  lu.assertEquals({ p.chosen:totable(), p.rejected:totable() }, { { 3, 3, 4 }, { 5, 21, 9 } })
end

function TestPairs.test_a_pair_is_what_it_was_made_from()
  local p = pairs_of()
  lu.assertEquals(p[1].note, "first")
  lu.assertNil(p[4])
  local part = p:select { 3, 1 }
  lu.assertEquals(part[2],
    { prompt = { 1 }, chosen = { 4, 5 }, rejected = { 6 }, step = 1, checkpoint = "x@0" })
  lu.assertEquals(batch.of_pairs(part:list()):list(), part:list())
end

TestParts = {}

function TestParts.test_units_are_pairs_groups_or_rows()
  lu.assertEquals(pairs_of():units(), { { 1, 4 }, { 2, 5 }, { 3, 6 } })
  lu.assertEquals(rows_of():units(), { { 1, 2 }, { 3, 4 } })
  lu.assertEquals(#batch.new { prompts = { { 1 }, { 1 } }, responses = { { 2 }, { 3 } } }:units(), 2)
end

function TestParts.test_a_selection_takes_columns_and_token_columns_along()
  local b = rows_of()
  b:set_tokens("values", tensor { 1, 2, 3, 4, 5, 6 })
  local part = b:select { 2 }
  lu.assertEquals({ part.reward:totable(), part.writer, part.group }, { { 5, 9 }, { "a", "b" }, { 2, 2 } })
  lu.assertEquals(part.values:totable(), { 4, 5, 6 })
  lu.assertEquals(part:select({ 1 }).values:totable(), { 4, 5, 6 })
end

function TestParts.test_batches_are_joined_unit_by_unit()
  local joined = batch.concat { pairs_of(), pairs_of():select { 2 } }
  lu.assertEquals({ #joined, joined.step }, { 4, { 1, 2, 3, 2, 1, 2, 3, 2 } })
  lu.assertEquals(joined[4], pairs_of():select({ 2 })[1])
  lu.assertEquals(batch.concat({ rows_of(), rows_of() }).reward:totable(), { 1, 3, 5, 9, 1, 3, 5, 9 })
end

function TestParts.test_what_is_set_on_a_view_is_not_set_on_the_batch()
  local b = rows_of()
  local view = b:view()
  view.z = { 1, 2, 3, 4 }
  view:set_tokens("logps", tensor { 1, 2, 3, 4, 5, 6 })
  lu.assertEquals({ b.z, b.logps }, {})
  lu.assertEquals(view.reward:totable(), b.reward:totable())
end

TestErrors = {}

local function refuses(text, f, ...) lu.assertStrContains(support.message(f, ...), text) end

function TestErrors.test_columns_that_do_not_fit_are_named()
  refuses("batch: column 'reward' has 3 entries for 4 rows", rows_of, { reward = { 1, 2, 3 } })
  refuses("batch: column 'reward' has shape 2x2, expected 4 numbers", rows_of,
    { reward = tensor.zeros(2, 2) })
  refuses("batch: column 'reward' has a string at entry 2, not a number", rows_of,
    { reward = { 1, "2", 3, 4 } })
  refuses("batch: column 'reward' is a number, expected a list or a tensor", rows_of, { reward = 3 })
  refuses("batch: 3 rows make no pairs", batch.new,
    { prompts = { { 1 }, { 1 }, { 1 } }, responses = { { 2 }, { 2 }, { 2 } }, pairs = true })
  refuses("the batch has no 'values'", function() rows_of():sums "values" end)
  refuses("the batch has no pairs", function() rows_of():halves(tensor.zeros(4)) end)
  refuses("batch: unit 3 is out of 1..2", function() rows_of():select { 3 } end)
end

function TestErrors.test_a_batch_needs_rows()
  refuses("batch.new: expected a table, got nil", batch.new)
  refuses("batch.new: expected rows, or prompts and responses", batch.new, { prompts = { { 1 } } })
  refuses("batch.new: rows must be Rows, not a table", batch.new, { rows = {} })
  refuses("batch.concat: no batches to join", batch.concat, {})
end

function TestErrors.test_pairs_that_are_none_are_named()
  local function refused(text, list) lu.assertEquals(support.message(batch.of_pairs, list, "mine"), text) end
  refused("mine: expected a list of pairs, got number", 3)
  refused("mine: expected a batch of pairs, got one of rows", rows_of())
  local good = { prompt = { 1 }, chosen = { 2 }, rejected = { 3 } }
  refused("mine: pair 2 is 5, expected a table", { good, 5 })
  refused("mine: pair 2 has no list of token ids 'chosen'", { good, { prompt = { 1 }, rejected = { 2 } } })
  refused("mine: pair 1: rejected: element [1][1] is a string, expected an integer",
    { { prompt = { 1 }, chosen = { 2 }, rejected = { "3" } } })
  refused("mine: pair 2 is nil", { [1] = good, [3] = good })
end

os.exit(lu.LuaUnit.run())
