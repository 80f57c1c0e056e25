--- Means, sums and bootstrap resamples, by hand.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local stats = require "perilune.align.evaluate.stats"

TestSummary = {}

function TestSummary:test_mean_and_standard_error_by_hand()
  -- 1, 2, 3, 6: mean 3, squares 4 + 1 + 0 + 9 = 14, se = sqrt(14 / 3 / 4).
  local summary = stats.summary { 1, 2, 3, 6 }
  lu.assertEquals({ summary.mean, summary.count }, { 3.0, 4 })
  support.close(summary.se, math.sqrt(14 / 12), 1e-15)
  local alone = stats.summary { 1 }
  lu.assertEquals(alone.mean, 1.0)
  lu.assertNotEquals(alone.se, alone.se, "one number has no spread")
end

function TestSummary:test_what_is_not_a_number_is_refused_and_named()
  lu.assertEquals(support.message(stats.summary, { 1, 0 / 0, 2 }, "win rate"),
    "win rate: element 2 of 3 is nan")
  lu.assertEquals(support.message(stats.summary, { 1, "2" }, "win rate"),
    "win rate: element 2 of 2 is a string, expected a number")
  lu.assertEquals(support.message(stats.summary, { 1, nil, 3 }, "win rate"),
    "win rate: element 2 of 3 is a nil, expected a number")
  lu.assertEquals(support.message(stats.summary, { 1 / 0, -1 / 0 }, "win rate"),
    "win rate: infinite numbers of both signs have no mean")
  lu.assertEquals(support.message(stats.summary, {}, "win rate"),
    "win rate: expected at least one number, got an empty list")
  lu.assertStrContains(support.message(stats.summary, 3), "expected a list of numbers, got number")
end

TestResampling = {}

function TestResampling:test_every_draw_has_as_many_prompts_as_there_are()
  local r = stats.resampling { prompts = 7, clusters = 3, draws = 20 }
  for _, mean in ipairs(r:means { 1, 1, 1, 1, 1, 1, 1 }) do support.close(mean, 1, 1e-12) end
  for draw = 1, 20 do lu.assertEquals(#r.uniforms[draw], 3) end
end

function TestResampling:test_the_spread_of_resampled_means_is_the_standard_error()
  -- 400 zeros and ones: standard error 0.5 / sqrt(400) = 0.025 (up to n - 1 against n).
  local values = {}
  for i = 1, 400 do values[i] = i % 2 end
  local spread = stats.summary(stats.resampling { prompts = 400, draws = 2000 }:means(values))
  support.close(spread.mean, 0.5, 0.003, "mean")
  support.close(spread.se * math.sqrt(2000), 0.025, 0.0015, "spread")
end

function TestResampling:test_the_draws_are_fixed_by_the_seed()
  local values = { 1, 0, 0, 1, 1 }
  local function means(seed) return stats.resampling { prompts = 5, draws = 9, seed = seed }:means(values) end
  lu.assertEquals(means(1), means(1))
  lu.assertNotEquals(means(1), means(50))
end

function TestResampling:test_another_number_of_prompts_is_refused()
  lu.assertEquals(support.message(function() stats.resampling({ prompts = 2 }):means { 1 } end),
    "stats.resampling: 1 values for 2 prompts")
end

--- Without prompts it was "'for' limit must be a number", and of none a matrix without columns.
function TestResampling:test_what_cannot_be_drawn_is_refused()
  local function refused(given, message)
    support.refuses("stats.resampling: " .. message, stats.resampling, given)
  end
  refused({}, "option 'prompts' is missing; expected a whole number")
  refused(nil, "option 'prompts' is missing; expected a whole number")
  refused({ prompts = 0 }, "option 'prompts' must be a whole number from 1 to 16777216, not 0")
  refused({ prompts = 0 / 0 }, "option 'prompts' must be a whole number, not nan")
  refused({ prompts = 2, draws = 0 }, "option 'draws' must be a whole number of at least 1, not 0")
  refused({ prompt = 2 }, "unknown option 'prompt'; did you mean 'prompts'?")
  support.refuses("stats.resampling: halved() needs two prompts or more, there is 1", function()
    return stats.resampling({ prompts = 1 }):halved()
  end)
end

function TestResampling:test_percentiles_by_hand()
  lu.assertEquals({ stats.percentiles({ 5, 1, 4, 2, 3, 6, 8, 7, 9, 10 }, 0.8) }, { 1, 9 })
end

TestSums = {}

function TestSums:test_a_mean_over_unequal_batches_is_no_mean_of_means()
  local m = stats.sums()
  m:add("loss", 3, 1)
  m:add("loss", 1, 3)
  lu.assertEquals(m:mean "loss", 1.0)
end

function TestSums:test_what_was_not_counted_has_no_mean()
  local m = stats.sums()
  m:add("empty", 0, 0)
  lu.assertNil(m:mean "empty")
  lu.assertNil(m:mean "unknown")
  lu.assertEquals(m:means(), {})
end

function TestSums:test_merging_two_halves_gives_the_whole()
  local a, b, whole = stats.sums(), stats.sums(), stats.sums()
  a:add("x", 1.5, 2)
  b:add("x", 2.5, 6)
  b:add("y", 4, 4)
  a:merge(b)
  whole:add("x", 4, 8)
  whole:add("y", 4, 4)
  lu.assertEquals(a:means(), whole:means())
  lu.assertEquals(a:means(), { x = 0.5, y = 1.0 })
end

function TestSums:test_names_keep_their_order()
  local m = stats.sums()
  for _, name in ipairs { "b", "a", "c", "a" } do m:add(name, 1, 1) end
  lu.assertEquals(m.names, { "b", "a", "c" })
end

function TestSums:test_a_figure_that_is_no_number_is_refused()
  local ok, message = pcall(function() stats.sums():add("loss", nil, 1) end)
  lu.assertFalse(ok)
  lu.assertStrContains(tostring(message), "stats: loss takes a sum and a count, got nil and number")
end

function TestSums:test_all_elements_of_a_tensor_count()
  local tensor = require "perilune.tensor"
  local m = stats.sums()
  m:add_all("x", tensor { 1, 2, 3 })
  m:add_all("x", tensor { 6 })
  lu.assertEquals(m:mean "x", 3.0)
end

os.exit(lu.LuaUnit.run())
