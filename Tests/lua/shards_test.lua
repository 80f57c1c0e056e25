--- The division of a step into shards, and rows as tensors. Tests/mpi/run tests processes.
local lu = require "luaunit"
local models = require "perilune.models"
local mpi = require "perilune.mpi"
local optim = require "perilune.optim"
local packed = require "perilune.align.runs.packed"
local shards = require "perilune.align.shards"
local tensor = require "perilune.tensor"

TestShards = {}  -- luacheck: globals TestShards

local function sum_of(sizes, part)
  local total = 0
  for _, unit in ipairs(part) do total = total + sizes[unit] end
  return total
end

function TestShards.test_each_unit_is_in_one_shard_and_numbers_of_units_differ_by_at_most_one()
  for count = 1, 9 do
    local sizes, seen, least, most = {}, {}, math.huge, 0
    for i = 1, 23 do sizes[i] = i * 7919 % 101 end
    for _, part in ipairs(shards.balanced(sizes, count)) do
      least, most = math.min(least, #part), math.max(most, #part)
      for k, unit in ipairs(part) do
        lu.assertNil(seen[unit])
        seen[unit] = true
        lu.assertTrue(k == 1 or part[k - 1] < unit)
      end
    end
    lu.assertEquals(#seen, 23)
    lu.assertTrue(most - least <= 1)
  end
end

function TestShards.test_shards_of_unlike_units_have_nearly_equal_sizes()
  local sizes = {}
  for i = 1, 32 do sizes[i] = 20 + i * i % 37 end
  local least, most, ranges = math.huge, 0, 0
  for k, part in ipairs(shards.balanced(sizes, 8)) do
    local total = sum_of(sizes, part)
    least, most = math.min(least, total), math.max(most, total)
    ranges = math.max(ranges, sum_of(sizes, shards.places(32, 8, k)))
  end
  lu.assertTrue(most - least <= 0.05 * most, ("from %d to %d"):format(least, most))
  lu.assertTrue(ranges > most)
end

function TestShards.test_more_shards_than_units_leave_some_empty()
  local parts = shards.balanced({ 3, 5 }, 4)
  lu.assertEquals(parts, { { 2 }, { 1 }, {}, {} })
end

function TestShards.test_rows_as_tensors_come_back_with_their_columns()
  local rows = models.rows({ { 1 }, { 4, 5 }, { 6 } }, { { 2, 3 }, {}, { 7 } })
  rows = rows:with("logps", tensor { -0.1, -1e-30, -2 })
  local parts = {}
  for i, places in ipairs { { 1, 2 }, { 3 } } do parts[i] = packed.tensors_of_rows(rows:select(places)) end
  table.insert(parts, 2, {})
  local back = packed.rows_of_tensors(parts)
  lu.assertEquals(back:prompts(), rows:prompts())
  lu.assertEquals(back:responses(), rows:responses())
  lu.assertEquals(back:column("logps"):totable(), rows:column("logps"):totable())
end

function TestShards.test_a_parameter_has_the_sum_of_the_shards_that_give_it_a_gradient()
  local function leaf(list, dtype) return tensor(list, { dtype = dtype, requires_grad = true }) end
  local always, once, never = leaf({ 1, 2 }, "f32"), leaf({ 3 }, "f64"), leaf({ 4 }, "f32")
  local sum = mpi.shard_sum(optim.sgd { always, once, never }, 5)
  for shard = 1, 5 do
    local loss = (always * shard):sum()
    if shard == 4 then loss = loss + (once * 0.1):sum():to("f32") end
    loss:backward()
    sum:add(shard)
    lu.assertNil(always:grad())
  end
  sum:finish()
  lu.assertEquals(always:grad():totable(), { 15, 15 })
  lu.assertAlmostEquals(once:grad():item(), 0.1, 1e-8)
  lu.assertNil(never:grad())
end

--- A gradient that somebody holds is not changed by the sum.
function TestShards.test_gradients_that_are_held_keep_their_values()
  local w, held = tensor({ 1, 2 }, { requires_grad = true }), {}
  local sum = mpi.shard_sum(optim.sgd { w }, 2)
  for shard = 1, 2 do
    (w * shard):sum():backward()
    held[shard] = w:grad()
    sum:add(shard)
  end
  sum:finish()
  lu.assertEquals({ held[1]:totable(), held[2]:totable() }, { { 1, 1 }, { 2, 2 } })
  lu.assertEquals(w:grad():totable(), { 3, 3 })
end

os.exit(lu.LuaUnit.run())
