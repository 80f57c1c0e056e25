--- Student's t, the power of its test and how many repetitions it needs, against SciPy.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local align = require "perilune.align"
local needed = require "perilune.align.evaluate.needed"
local student = require "perilune.align.evaluate.student"

--- Fails unless two numbers agree to the share `tolerance` of the expected one.
local function assert_near(actual, expected, tolerance, what)
  lu.assertTrue(math.abs(actual / expected - 1) <= tolerance,
    ("%s: %.17g is not %.17g"):format(what, actual, expected))
end

TestPower = {}

--- By scipy.stats 1.17.1: nct.sf(c, n - 1, nc) + nct.cdf(-c, n - 1, nc), c = t.isf(level / 2, n - 1). Of two
-- seeds at a level of 1e-6 it was 0.00547, and 5 % off at a level of 0.01.
function TestPower:test_few_seeds_and_a_strict_level()
  for _, case in ipairs {
    { 0.5, 2, 0.001, 0.001240081344808715 }, { 0.5, 2, 1e-6, 1.2400817894837523e-06 },
    { 0.5, 2, 0.01, 0.01240037325162108 }, { 0.01, 2, 1e-6, 1.0000999983333663e-06 },
    { 1, 3, 1e-4, 0.00039991001499797493 }, { 0.3, 6, 1e-5, 2.5091385688331378e-05 },
    { 2, 5, 1e-6, 0.0001721178343441307 }, { 10, 4, 0.001, 0.9310132717887951 },
    { 0.1, 1000, 1e-6, 0.040209903515915746 }, { 0.05, 1000, 0.2, 0.6196106510642031 },
  } do
    local effect, n, level, expected = table.unpack(case)
    assert_near(student.power(effect, 1, n, level), expected, 1e-10,
      ("effect %g of %d at %g"):format(effect, n, level))
  end
end

--- Without an effect 0 is rejected as often as the level says.
function TestPower:test_of_no_effect_it_is_the_level()
  for _, n in ipairs { 2, 3, 7, 50, 1000 } do
    for _, level in ipairs { 1e-12, 1e-6, 0.01, 0.2 } do
      assert_near(student.power(0, 1, n, level), level, 1e-10, ("%d at %g"):format(n, level))
    end
  end
end

TestTails = {}

--- scipy.stats 1.17.1: t.isf(chance, df). Of 4 degrees at 5e-11 the quantile was 510.66.
function TestTails:test_quantiles_close_to_1_are_scipy_s()
  for _, case in ipairs {
    { 5e-11, 4, 494.9198328501158 }, { 5e-7, 1, 636619.7723670577 }, { 5e-7, 2, 999.9992499998438 },
    { 5e-7, 10, 10.516489956914905 }, { 1e-6, 100, 5.048830877228346 },
  } do
    -- Of a chance of 5e-11 the number 1 - chance keeps 6 digits.
    assert_near(student.quantile(1 - case[1], case[2]), case[3], 1e-7, ("%g of %d"):format(case[1], case[2]))
  end
end

--- scipy.stats 1.17.1: t.cdf(-1.3, 7), norm.cdf(x). Below -8 the normal one was 0.
function TestTails:test_small_chances_keep_their_digits()
  assert_near(student.cdf(-1.3, 7), 0.11738391769618862, 1e-12, "t")
  for x, expected in pairs {
    [-3] = 0.0013498980316300933, [-6] = 9.865876450376946e-10, [-10] = 7.61985302416047e-24,
    [-30] = 4.906713927147908e-198, [2.5] = 0.9937903346742238,
  } do
    assert_near(student.normal(x), expected, 1e-12, ("normal %g"):format(x))
  end
  lu.assertEquals({ student.normal(-math.huge), student.normal(math.huge) }, { 0, 1 })
end

TestLeast = {}

function TestLeast:test_the_largest_number_is_tried()
  local function from(n) return function(count) return count >= n end end
  for _, n in ipairs { 2, 3, 64, 65, 99, 100 } do lu.assertEquals(student.least(from(n), 100), n) end
  lu.assertNil(student.least(from(101), 100))
end

--- By scipy.stats 1.17.1, the smallest n whose power, as above, is 0.8 at a level of 0.05. Above 65,536
-- repetitions there was no number, since twice as many are above the most of 100,000.
function TestLeast:test_repetitions_up_to_the_most()
  lu.assertEquals(align.power { effect = 0.01, sd = 1 }, 78491)
  lu.assertEquals(align.power { effect = 0.0105, sd = 1 }, 71194)
end

--- By scipy.stats 1.17.1, the smallest factor k of 2 to 100 with
-- norm.cdf((effect - half) / sqrt(s^2 / n + v / k)) >= 0.8, or with half < 0.1, where
-- half = sqrt((t.ppf(0.975, n - 1) s)^2 / n + 1.96^2 v / k). Above 64 there was none.
function TestLeast:test_prompts_up_to_a_hundred_times_as_many()
  local values <const> = { 0.08, 0.12, 0.1, 0.09 }
  for v, prompts in pairs { [0.06] = 57, [0.081] = 77, [0.1] = 95 } do
    lu.assertEquals(needed.find(0.0975, values, v), { prompts = prompts })
  end
  lu.assertEquals(needed.narrow(0.1, values, 0.15), { prompts = 63 })
  lu.assertEquals(needed.narrow(0.1, values, 0.2), { prompts = 83 })
end

os.exit(lu.LuaUnit.run())
