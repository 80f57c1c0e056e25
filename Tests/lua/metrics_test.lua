--- Sums and counts of figures, by hand.
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/support.lua")
local lu = require "luaunit"
local metrics = require "perilune.align.metrics"

TestMetrics = {}

function TestMetrics:test_a_mean_over_unequal_batches_is_no_mean_of_means()
  local m = metrics.new()
  m:add("loss", 3, 1)
  m:add("loss", 1, 3)
  lu.assertEquals(m:mean "loss", 1.0)
end

function TestMetrics:test_what_was_not_counted_has_no_mean()
  local m = metrics.new()
  m:add("empty", 0, 0)
  lu.assertNil(m:mean "empty")
  lu.assertNil(m:mean "unknown")
  lu.assertEquals(m:means(), {})
end

function TestMetrics:test_merging_two_halves_gives_the_whole()
  local a, b, whole = metrics.new(), metrics.new(), metrics.new()
  a:add("x", 1.5, 2)
  b:add("x", 2.5, 6)
  b:add("y", 4, 4)
  a:merge(b)
  whole:add("x", 4, 8)
  whole:add("y", 4, 4)
  lu.assertEquals(a:means(), whole:means())
  lu.assertEquals(a:means(), { x = 0.5, y = 1.0 })
end

function TestMetrics:test_names_keep_their_order()
  local m = metrics.new()
  for _, name in ipairs { "b", "a", "c", "a" } do m:add(name, 1, 1) end
  lu.assertEquals(m.names, { "b", "a", "c" })
end

function TestMetrics:test_a_figure_that_is_no_number_is_refused()
  local ok, message = pcall(function() metrics.new():add("loss", nil, 1) end)
  lu.assertFalse(ok)
  lu.assertStrContains(tostring(message), "metrics: loss takes a sum and a count, got nil and number")
end

function TestMetrics:test_all_elements_of_a_tensor_count()
  local found, tensor = pcall(require, "perilune.tensor")
  if not found then lu.skip "needs tensors" end
  local m = metrics.new()
  m:add_all("x", tensor { 1, 2, 3 })
  m:add_all("x", tensor { 6 })
  lu.assertEquals(m:mean "x", 3.0)
end

os.exit(lu.LuaUnit.run())
