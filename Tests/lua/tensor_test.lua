--- Values of tensor operations at their edges. Expected numbers are those of NumPy 2.4.6 or PyTorch 2.13.0
--- where a comment says so, else stated by hand.
local lu = require "luaunit"
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local T = require "perilune.tensor"

local inf, huge = math.huge, 9007199254740993 -- 2^53 + 1 has no f64

local function whole(...) return T({ ... }, "i64") end

--- The message with which f(...) is refused contains `words`.
local function refuses(words, f, ...) lu.assertStrContains(support.message(f, ...), words) end

TestHistograms = {}

function TestHistograms:test_a_value_on_an_edge_falls_in_the_interval_it_starts()
  -- numpy.histogram([15], 22, (0, 22)) counts in the sixteenth of 22.
  lu.assertEquals(T({ 15 }, "f64"):histc(22, 0, 22)[16]:item(), 1.0)
  for bins = 2, 119 do
    local counts = T.arange(0, bins, 1, "f64"):histc(bins, 0, bins)
    lu.assertEquals(counts[-1]:item(), 2.0)
    lu.assertTrue(counts[{ { 1, bins - 1 } }]:eq(1):all(), bins .. " bins")
  end
end

function TestHistograms:test_edges_have_the_type_of_the_values()
  -- numpy.histogram of 0.1, 0.2 ... 0.9 in 10 intervals of (0, 1), as float32 and as float64.
  local values = T.arange(1, 9):div(10)
  lu.assertEquals(values:histc(10, 0, 1):totable(), { 0, 1, 1, 1, 1, 1, 1, 1, 1, 1 })
  local doubles = T({ 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9 }, "f64")
  lu.assertEquals(doubles:histc(10, 0, 1):totable(), { 0, 1, 2, 0, 1, 2, 1, 0, 1, 1 })
  lu.assertEquals(T{ 0.7 }:histc(1, 0.7, 0.8):totable(), { 1 })
end

TestInterpolation = {}

function TestInterpolation:test_a_quantile_at_an_element_ignores_its_neighbour()
  -- torch.quantile(tensor([inf, 5, 4]), 0.5) is 5.
  lu.assertEquals(T{ inf, 5, 4 }:quantile(0.5):item(), 5.0)
  lu.assertEquals(T{ -inf, 5, 4 }:quantile(0.5):item(), 4.0)
  lu.assertEquals(T{ 1, 2, inf }:quantile(0):item(), 1.0)
  lu.assertEquals(T{ 1, 2, inf }:quantile(1):item(), inf)
  lu.assertEquals(T{ 1, inf }:quantile(0.75):item(), inf)
  lu.assertEquals(T{ -inf, 1 }:quantile(0.25):item(), -inf)
  local x = T{ 0 / 0, 1, 2 }:quantile(0.5):item()
  lu.assertTrue(x ~= x)
end

function TestInterpolation:test_lerp_is_exact_at_both_ends()
  -- torch.lerp(tensor([1e8]), tensor([1.]), 1.0) is 1.
  lu.assertEquals(T{ 1e8 }:lerp(T{ 1 }, 1):item(), 1.0)
  lu.assertEquals(T{ 1e8 }:lerp(T{ 1 }, 0):item(), 1e8)
  lu.assertEquals(T{ 1e8, 1e8 }:lerp(T{ 1, 1 }, T{ 0, 1 }):totable(), { 1e8, 1.0 })
  local x, y, w = T{ 2.0 }:requires_grad_(), T{ 6.0 }:requires_grad_(), T{ 0.75 }:requires_grad_()
  x:lerp(y, w):backward()
  lu.assertEquals({ x:grad():item(), y:grad():item(), w:grad():item() }, { 0.25, 0.75, 4.0 })
end

TestWholeNumbers = {}

function TestWholeNumbers:test_ranges_in_i64_are_exact()
  local top = math.maxinteger
  -- torch.arange(2**53 + 1, 2**53 + 5)
  lu.assertEquals(T.arange(huge, huge + 3, 1, "i64"):totable(), { huge, huge + 1, huge + 2, huge + 3 })
  lu.assertEquals(T.arange(top - 1, top, "i64"):totable(), { top - 1, top })
  lu.assertEquals(T.arange(5, 1, -2, "i64"):totable(), { 5, 3, 1 })
  lu.assertEquals(T.arange(1, 0, "i64"):numel(), 0)
  lu.assertEquals(T.linspace(huge, huge + 2, 3, "i64"):totable(), { huge, huge + 1, huge + 2 })
  refuses("too many numbers", T.arange, math.mininteger, math.maxinteger, 1, "i64")
  refuses("by 0", T.arange, 1, 2, 0, "i64")
end

function TestWholeNumbers:test_a_range_counts_its_steps_as_pytorch()
  -- torch.range(0, 0.7, 0.1) has 7 numbers.
  lu.assertEquals(T.arange(0, 0.7, 0.1):numel(), 7)
  lu.assertEquals(T.arange(0, 1, 0.25):totable(), { 0.0, 0.25, 0.5, 0.75, 1.0 })
end

function TestWholeNumbers:test_numbers_beyond_f64_keep_all_digits()
  local x, top = whole(1, huge), math.maxinteger
  lu.assertEquals(x:masked_fill(T{ true, false }, huge):totable(), { huge, huge })
  lu.assertEquals(whole(0):masked_fill(T{ true }, math.mininteger):item(), math.mininteger)
  lu.assertEquals(whole(huge + 2, 1):clamp(nil, huge):totable(), { huge, 1 })
  lu.assertEquals(whole(huge, 1):clamp(huge - 1, top):totable(), { huge, huge - 1 })
  lu.assertEquals(whole(top, 1):clamp(whole(2), whole(top - 1)):totable(), { top - 1, 2 })
  lu.assertEquals(whole(0, 0):fill_(huge):totable(), { huge, huge })
  lu.assertEquals(T.full({ 1 }, huge, "i64"):item(), huge)
  lu.assertEquals(T{ true }:where(huge, whole(1)):item(), huge)
  lu.assertEquals(x:eq(huge):totable(), { false, true })
  lu.assertEquals(whole(huge):maximum(whole(huge - 1)):item(), huge)
  lu.assertEquals(x:scatter(1, T{ 1 }, huge):totable(), { huge, huge })
  lu.assertEquals(x:sum():item(), huge + 1)
  lu.assertEquals(x:cumsum(1):totable(), { 1, huge + 1 })
  lu.assertEquals((whole(huge, huge - 1):sort()):totable(), { huge - 1, huge })
  x[1] = huge
  lu.assertEquals(x[1]:item(), huge)
end

function TestWholeNumbers:test_neighbours_beyond_f64_are_told_apart()
  -- torch.searchsorted(tensor([2**53, 2**53 + 1]), 2**53 + 1) is 1, which counts from 0.
  local line = whole(huge - 1, huge)
  lu.assertEquals(line:searchsorted(whole(huge)):totable(), { 2 })
  lu.assertEquals(line:searchsorted(huge):item(), 2)
  lu.assertEquals(line:searchsorted(whole(huge - 1, huge), true):totable(), { 2, 3 })
  lu.assertEquals(whole(math.mininteger, -1, 5):searchsorted(whole(-1, 6)):totable(), { 2, 4 })
  lu.assertFalse(whole(huge):allclose(whole(huge - 1), 0, 0))
  lu.assertTrue(whole(huge):allclose(whole(huge - 1), 0, 1))
  lu.assertTrue(whole(math.mininteger):allclose(whole(math.mininteger), 0, 0))
  lu.assertFalse(whole(huge):equal(whole(huge - 1)))
end

TestDraws = {}

function TestDraws:test_logits_without_a_finite_maximum_are_refused()
  -- torch.distributions.Categorical refuses both.
  refuses("no logit above -inf", T.categorical, T{ -inf, -inf }, 8, { logits = true })
  refuses("row 2 holds inf", T.categorical, T{ { 0, 1 }, { inf, 0 } }, 8, { logits = true })
  refuses("categorical", T.categorical, T{ 0 / 0, 0 }, 8, { logits = true })
  lu.assertEquals(T.categorical(T{ -inf, 3 }, 3, { logits = true }):totable(), { 1, 1, 1 })
end

function TestDraws:test_randint_reaches_both_ends_of_64_bits()
  local top = math.maxinteger
  lu.assertEquals(T.randint(top, top, 2):totable(), { top, top })
  local x = T.randint(0, math.maxinteger, 20, { seed = 1 })
  lu.assertTrue(x:ge(0):all())
  lu.assertEquals(T.randint(math.mininteger, math.maxinteger, 2, { seed = 1 }):numel(), 2)
  lu.assertEquals(T.randint_like(whole(1), top, top):item(), top)
end

TestIndexing = {}

function TestIndexing:test_assignment_reads_its_value_before_it_writes()
  -- numpy: a = arange(4); a[[3, 2, 1, 0]] = a gives 3, 2, 1, 0.
  local x = T.arange(4)
  x[whole(4, 3, 2, 1)] = x
  lu.assertEquals(x:totable(), { 4, 3, 2, 1 })
  local y = T.arange(4)
  y[whole(2, 3, 4)] = y[{ { 1, 3 } }]
  lu.assertEquals(y:totable(), { 1, 1, 2, 3 })
  local m = T{ { 1, 2 }, { 3, 4 } }
  m[{ {}, whole(2, 1) }] = m
  lu.assertEquals(m:totable(), { { 2, 1 }, { 4, 3 } })
  local z = T.arange(4)
  z[{ { 2, 4 } }] = z[{ { 1, 3 } }]
  lu.assertEquals(z:totable(), { 1, 1, 2, 3 })
end

function TestIndexing:test_a_mask_of_leading_dimensions_selects_slices()
  -- numpy and torch: [[1, 2], [3, 4]][[True, False]] is [[1, 2]].
  local m = T{ { 1, 2 }, { 3, 4 } }
  lu.assertEquals(m[T{ true, false }]:totable(), { { 1, 2 } })
  lu.assertEquals(m[T{ false, false }]:size(), { 0, 2 })
  lu.assertEquals(m[m:gt(2)]:totable(), { 3, 4 })
  local cube, some = T.arange(8):reshape(2, 2, 2), T{ { false, true }, { true, false } }
  lu.assertEquals(cube[some]:totable(), { { 3, 4 }, { 5, 6 } })
  refuses("expected its leading dimensions", function() return m[T{ true, false, true }] end)
  refuses("expected its leading dimensions", function() m[T{ true }] = 0 end)
  local w = T{ { 1, 2 }, { 3, 4 } }:requires_grad_()
  w[T{ false, true }]:sum():backward()
  lu.assertEquals(w:grad():totable(), { { 0, 0 }, { 1, 1 } })
end

function TestIndexing:test_assignment_by_a_mask_of_leading_dimensions_writes_slices()
  -- numpy: z[[True, False, True]] = [[1, 2], [3, 4]], then = [7, 8].
  local z = T.zeros(3, 2)
  z[T{ true, false, true }] = T{ { 1, 2 }, { 3, 4 } }
  lu.assertEquals(z:totable(), { { 1, 2 }, { 0, 0 }, { 3, 4 } })
  z[T{ true, false, true }] = T{ 7, 8 }
  lu.assertEquals(z:totable(), { { 7, 8 }, { 0, 0 }, { 7, 8 } })
  z[T{ false, true, false }] = 5
  lu.assertEquals(z[2]:totable(), { 5, 5 })
  refuses("does not fit into 2x2", function() z[T{ true, false, true }] = T{ 1, 2, 3 } end)
end

function TestIndexing:test_ipairs_ends_after_the_last_element()
  local seen = {}
  for i, v in ipairs(T{ 10, 20 }) do seen[i] = v:item() end
  lu.assertEquals(seen, { 10, 20 })
  for _, row in ipairs(T{ { 1, 2 }, { 3, 4 } }) do lu.assertEquals(row:numel(), 2) end
  for _ in ipairs(T.zeros(0)) do lu.fail "no element" end
  refuses("index 3 is out of range", function() return T{ 1, 2 }[3] end)
end

function TestIndexing:test_names_of_other_libraries_are_answered_with_ours()
  local x = T{ { 1 } }
  refuses("use x:matmul(other)", function() return x:mm(x) end)
  refuses("use x:clamp(", function() return x:clip(0, 1) end)
end

os.exit(lu.LuaUnit.run())
