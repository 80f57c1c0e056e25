--- Claims and their verdicts, Student's t against SciPy, power, fits.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local align = require "perilune.align"
local fit = require "perilune.paper.reading.fit"
local interval = require "perilune.align.claims.interval"
local measures = require "perilune.align.compare.measures"
local needed = require "perilune.align.evaluate.needed"
local rule = require "perilune.align.claims.rule"
local student = require "perilune.align.evaluate.student"
local system = require "perilune.system"

local claims = align.claims

--- A run of checkpoints { kl, win } after the start, with outcomes of `prompts` prompts whose mean is the win
-- rate, in an order that spreads them.
local function run(points, prompts)
  prompts = prompts or 400
  local list = { { step = 0, kl = 0, win = 0.5, wins = {} } }
  for i = 1, prompts do list[1].wins[i] = i * 7 % prompts < prompts / 2 and 1 or 0 end
  for p, point in ipairs(points) do
    local wins, wanted = {}, math.floor(point[2] * prompts + 0.5)
    for i = 1, prompts do wins[i] = i * 7 % prompts < wanted and 1 or 0 end
    list[p + 1] = { step = p, kl = point[1], win = wanted / prompts, wins = wins }
  end
  return list
end

--- A side of one run a repetition.
local function side(label, runs)
  local by_seed = {}
  for i, points in ipairs(runs) do by_seed[i] = { run(points), outer = i } end
  return { label = label, by_seed = by_seed }
end

local function repeated(points, count, step)
  local runs = {}
  for i = 1, count do
    runs[i] = {}
    for p, point in ipairs(points) do runs[i][p] = { point[1], point[2] + (step or 0) * ((i - 1) % 3) } end
  end
  return runs
end

local online = side("online", repeated({ { 1, 0.6 }, { 4, 0.8 }, { 8, 0.4 } }, 6, 0.025))
local offline = side("offline", repeated({ { 1, 0.5 }, { 4, 0.6 }, { 8, 0.9 } }, 6, 0.025))

local function judged(claim, ...) return claims.judge({ claim }, { ... })[1] end

TestStudent = {}

--- scipy.stats 1.17.1: t.ppf(0.975, df), t.cdf(1.3, df).
function TestStudent:test_quantiles_and_distribution_are_scipy_s()
  for df, expected in pairs {
    [1] = { 12.706204736174694, 0.7912855998398473 }, [2] = { 4.302652729749462, 0.8383764840919798 },
    [4] = { 2.7764451051977934, 0.868274201764388 }, [29] = { 2.045229642132703, 0.898080408168985 },
  } do
    lu.assertAlmostEquals(student.quantile(0.975, df), expected[1], 1e-7 * expected[1])
    lu.assertAlmostEquals(student.cdf(1.3, df), expected[2], 1e-9)
  end
end

--- By scipy.stats.nct 1.17.1: 1 - nct.cdf(c, n - 1, nc) + nct.cdf(-c, n - 1, nc).
function TestStudent:test_power_is_that_of_the_noncentral_t()
  for _, case in ipairs {
    { 0.05, 0.1, 5, 0.05, 0.14051668999029823 }, { 0.5, 1, 34, 0.05, 0.8077775012792737 },
    { 1, 1, 10, 0.01, 0.504106730701736 }, { 1, 0.5, 2, 0.05, 0.17570741109776025 },
    { 0.2, 1, 100, 0.05, 0.5082648066210378 },
  } do
    lu.assertAlmostEquals(student.power(case[1], case[2], case[3], case[4]), case[5], 2e-6)
  end
end

--- G*Power's tables for the paired t-test, level 0.05, power 0.8.
function TestStudent:test_repetitions_for_an_effect()
  for effect, wanted in pairs { [0.2] = 199, [0.5] = 34, [0.8] = 15, [1.0] = 10 } do
    lu.assertEquals(align.power { effect = effect, sd = 1 }, wanted)
  end
  lu.assertEquals(align.power { effect = 1, differences = { 1, 1, 1 } }, 2)
  lu.assertEquals(support.message(align.power, { effect = 1, sd = 1, differences = { 1, 2 } }),
    "align.power: give `sd` or `differences`, not both")
end

--- By scipy.stats 1.17.1, the smallest n with t.ppf(0.975, n - 1) * sd / sqrt(n) < half; by statsmodels
-- 0.15.0, the smallest with TTestPower().power(effect / sd, n, level) >= power.
function TestStudent:test_repetitions_of_an_interval_and_of_a_test()
  for _, case in ipairs { { 0.5, 1, 18 }, { 0.03, 0.1, 46 }, { 0.02, 0.1, 99 } } do
    local half, sd = case[1], case[2] / math.sqrt(2)
    lu.assertEquals(needed.narrow(half, { 0.5 - sd, 0.5 + sd }, 0), { repetitions = case[3] })
  end
  for _, case in ipairs {
    { 0.5, 1, 0.8, 0.05, 34 }, { 0.2, 1, 0.9, 0.05, 265 }, { 1.2, 1, 0.8, 0.01, 12 },
    { 0.03, 1, 0.8, 0.05, 8723 },
  } do
    lu.assertEquals(student.repetitions(case[1], case[2], case[3], case[4]), case[5])
  end
  lu.assertEquals(needed.narrow(0, { 0, 1 }, 0), {})
  lu.assertNil(student.repetitions(1e-5, 1, 0.8, 0.05))
end

--- No number of repetitions takes away what all share: by scipy.stats 1.17.1, the smallest n, or factor k,
-- with norm.cdf((effect - half) / sqrt(s^2 / n + v)) >= 0.8,
-- half = sqrt((t.ppf(0.975, n - 1) s)^2 / n + 1.96^2 v).
function TestStudent:test_the_prompts_that_all_repetitions_share()
  local values = { 0.3, 0.1, -0.1 }
  lu.assertEquals(needed.find(0.1, values, 0), { repetitions = 34 })
  lu.assertEquals(needed.find(0.1, values, 0.001), { repetitions = 148 })
  lu.assertEquals(needed.find(0.0975, { 0.08, 0.12, 0.1, 0.09 }, 0.003), { prompts = 3 })
  lu.assertEquals(needed.find(0.1, { 0.1 }, 0), {})
  lu.assertEquals(needed.find(0, values, 0), {})
  local found = { mean = -0.002, values = { -0.09, 0.06, -0.03, 0.04, 0.01 }, of_prompts = 8.6e-4 }
  lu.assertStrMatches(rule.remedy({ expect = "above", margin = 0.05 }, found),
    "%d+ repetitions with %d times as many prompts would tell a difference of 0.05 from 0 with power 0.8")
end

function TestStudent:test_power_refuses_what_it_cannot_answer()
  local function message(given) return support.message(align.power, given) end
  lu.assertStrContains(message { effect = 0.1 }, "give `sd`, or `differences` of at least two repetitions")
  lu.assertStrContains(message { effect = 0, sd = 1 }, "option 'effect' must not be 0")
  lu.assertStrContains(message { effect = 1e-5, sd = 1 }, "needs more than 100000 repetitions")
  lu.assertStrContains(message { effect = 0.1, sd = -1 }, "option 'sd' must be a number above 0, not -1")
  local function of(differences) return message { effect = 0.1, differences = differences } end
  local wanted <const> = "align.power: differences: element 2 of 2 is %s, expected a finite number"
  lu.assertEquals(of { 1, math.huge }, wanted:format "inf")
  lu.assertEquals(of { 1, 0 / 0 }, wanted:format "nan")
  lu.assertEquals(of { 1, "x" }, wanted:format "'x'")
  lu.assertEquals(of { -1e308, 1e308 },
    "align.power: differences: they are too far apart for a standard deviation")
end

--- Of 2^53 it never ended, of 10^15 it was 0.81, of 10^9 above 1; so it was of a level that 1 - level rounds.
function TestStudent:test_power_of_many_repetitions_is_a_chance()
  lu.assertStrContains(support.message(align.power, { effect = 0.05, sd = 1, seeds = 1 << 53 }),
    "option 'seeds' must be a whole number from 2 to 100000, not 9007199254740992")
  lu.assertEquals(align.power { effect = 0.05, sd = 1, seeds = 100000 }, 1)
  for _, n in ipairs { 1e5, 1e7, 1e9 } do
    local power = student.power(0.05, 1, n, 0.05)
    lu.assertTrue(power <= 1 and power > 1 - 1e-7, ("%g repetitions: %.17g"):format(n, power))
  end
  lu.assertTrue(align.power { effect = 0.05, sd = 1, seeds = 10, level = 1e-300 } < 1e-12)
end

--- scipy.stats 1.17.1: norm.ppf(0.975), from which t.ppf(0.975, 1e9) is 2e-9 apart.
function TestStudent:test_the_distribution_goes_to_the_normal_one()
  lu.assertAlmostEquals(student.cdf(1.3, 1e9), student.normal(1.3), 1e-7)
  lu.assertAlmostEquals(student.quantile(0.975, 1e9), 1.959963984540054, 1e-6)
end

TestRefusals = {}

--- Each was an error of Lua's without a place, or accepted.
function TestRefusals:test_claims_that_say_nothing_are_refused_where_they_are_made()
  local function refuses(message, kind, ...)
    lu.assertEquals(support.message(claims[kind], ...), ("align.claims.%s: %s"):format(kind, message))
  end
  local label <const> = "expected a label or a list of labels"
  refuses("side 1 is nil, " .. label, "peak", nil, "b")
  refuses("side 2 is a table, " .. label, "peak", "a", { "b", 5 })
  for _, kind in ipairs { "on_average", "falls", "meanwhile", "quantile" } do
    refuses("side 2 is 5, " .. label, kind, "a", 5)
  end
  for _, kind in ipairs { "fall", "past_peak", "pooling" } do refuses("side 1 is nil, " .. label, kind) end
  for shown, kl in pairs { ["nil"] = false, inf = math.huge, nan = 0 / 0, ["0"] = 0, ["'x'"] = "x" } do
    refuses(("kl is %s, expected a finite number of nats above 0"):format(shown), "at_kl", "a", "b",
      kl or nil)
  end
  refuses("expected a list of four labels, got nil", "interaction")
  refuses("expected a list of four labels, got 3", "interaction", { "a", "b", "c" })
  refuses("expected a list of four labels, got 5", "interaction", { "a", "b", "c", "d", "e" })
  refuses("side 4 is 5, " .. label, "interaction", { "a", "b", "c", 5 })
  refuses("name is nil, expected a text", "value")
  refuses("values is nil, expected a function", "value", "x")
  for _, kind in ipairs { "change", "since_peak", "beyond_peak" } do
    refuses("side 1 is 1, " .. label, kind, 1)
    refuses("name is nil, expected a text", kind, "a")
    refuses("field is nil, expected a function", kind, "a", "KL")
  end
  refuses("field is 'kl', expected a function", "at_end", "a", "b", "KL", "kl")
  refuses("name is nil, expected a text", "instrument")
  lu.assertEquals(support.message(claims.fall, "a", 5), "align.claims: options must be a table, not 5")
end

function TestRefusals:test_what_is_no_list_of_claims_is_refused()
  local function refusal(list) return support.message(claims.judge, list, { online }) end
  lu.assertEquals(refusal(nil), "align.claims: expected a list of claims, got nil")
  lu.assertEquals(refusal { "x" },
    "align.claims: claim 1 is 'x', expected what a function of align.claims gives")
  lu.assertEquals(refusal(claims.fall "online"),
    "align.claims: expected a list of claims, got one claim: put it in a list")
  lu.assertEquals(support.message(claims.check, claims.fall "online", { "online" }),
    "align.claims: expected a list of claims, got one claim: put it in a list")
end

function TestRefusals:test_values_that_are_no_finite_numbers_are_refused_by_name()
  local function refusal(values)
    return support.message(claims.judge, { claims.value("mine", function() return values end) }, { online })
  end
  lu.assertEquals(refusal(nil),
    "align.claims: the values of 'mine' are nil, expected a list of numbers, one a repetition")
  lu.assertEquals(refusal { 0.1, math.huge },
    "align.claims: value 2 of 'mine' is inf, expected a finite number")
  lu.assertEquals(refusal { 0 / 0 }, "align.claims: value 1 of 'mine' is nan, expected a finite number")
  lu.assertEquals(refusal { 1, nil, 3 }, "align.claims: value 2 of 'mine' is nil, expected a finite number")
  lu.assertEquals(refusal { 1e308, 1e308, 1e308 },
    "align.claims: the values of 'mine' are too large for a mean and its interval")
  lu.assertEquals(refusal { "x" }, "align.claims: value 1 of 'mine' is 'x', expected a finite number")
  local function speed(point) return point.step == 3 and math.huge or 1 end
  lu.assertEquals(support.message(claims.judge, { claims.change("online", "speed", speed) }, { online }),
    "align.claims: speed of a point is inf, expected a finite number or nil")
end

function TestRefusals:test_sides_that_are_none_are_refused()
  local all = { claims.fall "a" }
  local function refusal(sides) return support.message(claims.judge, all, sides) end
  local function of_seeds(by_seed) return refusal { { label = "a", by_seed = by_seed } } end
  lu.assertEquals(refusal(nil), "align.claims: expected a list of sides, got nil")
  lu.assertEquals(refusal {}, "align.claims: expected at least one side, got 0")
  lu.assertEquals(refusal { 5 }, "align.claims: side 1 is 5, expected a run")
  lu.assertEquals(of_seeds {}, "align.claims: 'a' has no runs")
  lu.assertEquals(of_seeds { {} }, "align.claims: seed 1 of 'a' has no runs")
  lu.assertEquals(of_seeds { 5 }, "align.claims: seed 1 of 'a' is 5, expected a list of runs")
  lu.assertEquals(of_seeds(5), "align.claims: 'a' has by_seed = 5, expected a list")
  lu.assertEquals(of_seeds { { 5 } },
    "align.claims: run 1 of seed 1 of 'a' is 5, expected a run or a list of points")
  for shown, outer in pairs { ["'x'"] = "x", nan = 0 / 0, ["1.5"] = 1.5, inf = math.huge } do
    lu.assertEquals(of_seeds { { run { { 1, 0.6 } }, outer = outer } },
      ("align.claims: seed 1 of 'a' has outer = %s, expected a whole number"):format(shown))
  end
end

--- Of one side with 1 and another with 1.0 no repetition was measured; of 2^40 the draws had no end.
function TestRefusals:test_a_repetition_is_known_by_its_number()
  local function of(by)
    local list = side(("times %s"):format(by), repeated({ { 1, 0.6 }, { 4, 0.8 } }, 3, 0.025))
    for i, seed in ipairs(list.by_seed) do seed.outer = i * by end
    return list
  end
  local claim = claims.peak("times 1", "times 1.0", { expect = "equal" })
  lu.assertEquals(#judged(claim, of(1), of(1.0)).values, 3)
  local frontier = require "perilune.align.evaluate.frontier"
  lu.assertEquals(#frontier.paired(of(1).by_seed, of(1.0).by_seed), 3)
  lu.assertEquals(judged(claims.peak("a", "b", { expect = "equal" }),
    { label = "a", by_seed = of(1 << 40).by_seed }, { label = "b", by_seed = of(1 << 40).by_seed }).verdict,
    "holds")
end

TestClaims = {}

function TestClaims:test_a_clear_difference_holds_and_its_opposite_does_not()
  local above = judged(claims.at_kl("online", "offline", 4), online, offline)
  lu.assertEquals(above.verdict, "holds")
  lu.assertAlmostEquals(above.mean, 0.2, 1e-9)
  lu.assertTrue(above.low > 0 and above.low <= above.mean and above.mean <= above.high)
  lu.assertEquals(#above.values, 6)
  local below = judged(claims.at_kl("offline", "online", 4), online, offline)
  lu.assertEquals(below.verdict, "does not hold")
  lu.assertEquals(judged(claims.at_kl("offline", "online", 4, { expect = "below" }), online, offline).verdict,
    "holds")
end

function TestClaims:test_equal_sides_are_equal()
  local same = side("same", repeated({ { 1, 0.6 }, { 4, 0.8 }, { 8, 0.4 } }, 6, 0.025))
  local one = judged(claims.on_average("online", "same", { expect = "equal", margin = 0.001 }), online, same)
  lu.assertEquals({ one.verdict, one.mean }, { "holds", 0.0 })
  local none = judged(claims.on_average("online", "same", { paper = "It is above." }), online, same)
  lu.assertEquals(none.verdict, "does not hold")
  lu.assertEquals(select(2, claims.cells { none })[1][4],
    "does not hold: not found, the interval holds 0 and stays below 0.05")
  local below <const> = { paper = "It is below.", expect = "below" }
  none = judged(claims.on_average("online", "same", below), online, same)
  lu.assertEquals(select(2, claims.cells { none })[1][4],
    "does not hold: not found, the interval holds 0 and stays above -0.05")
end

function TestClaims:test_a_fall_is_the_peak_less_the_end_of_the_same_run()
  local fall = judged(claims.fall "online", online, offline)
  lu.assertEquals(fall.verdict, "holds")
  lu.assertAlmostEquals(fall.mean, 0.4, 0.051)
  fall = judged(claims.fall("online", { expect = "equal" }), online, offline)
  lu.assertEquals(fall.verdict, "does not hold")
end

--- A side that still rises at its end was left out of a comparison of falls, so that gold's labels, with
-- which online goes on rising, said nothing of a fall. It rises by 0.3 where online falls by 0.4.
function TestClaims:test_a_fall_is_held_against_what_a_rising_side_does_over_the_same_steps()
  local meanwhile = judged(claims.meanwhile("offline", "online", { expect = "not above" }), online, offline)
  lu.assertEquals(meanwhile.verdict, "holds")
  lu.assertAlmostEquals(meanwhile.mean, -0.3, 1e-9)
  local falls = judged(claims.falls("online", "offline"), online, offline)
  lu.assertEquals({ falls.verdict, #falls.values }, { "holds", 6 })
  lu.assertAlmostEquals(falls.mean, 0.7, 0.051)
  local none = judged(claims.falls("offline", "online"), online, offline)
  lu.assertEquals({ none.verdict, none.missing },
    { "not measured", "no repetition of both in which offline passes a peak above its start" })
end

--- Between checkpoints a run is where the line between them is: of 0.5 at step 2 and 0.9 at step 3 from step
-- 2.5 on it gains 0.2. Here the peak lies at step 2 of one side, and the other has steps 1 and 3 alone.
function TestClaims:test_what_happens_meanwhile_is_linear_between_checkpoints()
  local sparse = side("sparse", repeated({ { 1, 0.5 }, { 8, 0.9 } }, 6, 0.0))
  for _, runs in ipairs(sparse.by_seed) do runs[1][3].step = 3 end
  local one = judged(claims.meanwhile("sparse", "online"), online, sparse)
  lu.assertAlmostEquals(one.mean, -0.2, 1e-9)
end

--- Figures beyond the peak are read where `past_peak` reads the win rate: at the best of the pooled runs from
-- 1.5 times the KL of the peak on.
function TestClaims:test_a_figure_beyond_the_peak_is_of_the_points_that_the_fall_is_measured_at()
  local pooled = { label = "pooled", by_seed = {} }
  for i = 1, 3 do
    pooled.by_seed[i] = {
      run { { 1, 0.6 }, { 4, 0.8 }, { 5, 0.7 } }, run { { 2, 0.3 }, { 6.5, 0.4 }, { 8, 0.2 } }, outer = i,
    }
  end
  local function kl(point) return point.kl end
  local one = judged(claims.beyond_peak("pooled", "KL", kl, { unit = "nats" }), pooled)
  lu.assertAlmostEquals(one.mean, 2.5, 1e-9)
  local none = judged(claims.beyond_peak("short", "KL", kl), side("short", repeated({ { 1, 0.6 } }, 3)))
  lu.assertEquals(none.verdict, "not measured")
end

function TestClaims:test_one_repetition_resolves_nothing()
  local a, b = side("a", { { { 1, 0.9 }, { 4, 0.9 } } }), side("b", { { { 1, 0.1 }, { 4, 0.1 } } })
  local one = judged(claims.at_kl("a", "b", 2), a, b)
  lu.assertEquals({ one.verdict, one.remedy }, { "not resolved", "one repetition tells no spread" })
  lu.assertNil(one.low)
end

function TestClaims:test_few_repetitions_that_spread_leave_it_open_and_say_how_many_would_do()
  local spread = side("spread",
    { { { 1, 0.6 }, { 4, 0.9 } }, { { 1, 0.6 }, { 4, 0.55 } }, { { 1, 0.6 }, { 4, 0.7 } } })
  local flat = side("flat", repeated({ { 1, 0.6 }, { 4, 0.6 } }, 3))
  local one = judged(claims.at_kl("spread", "flat", 4), spread, flat)
  lu.assertEquals(one.verdict, "not resolved")
  lu.assertStrMatches(one.remedy,
    "%d+ repetitions would tell a difference of 0.12 from 0 with power 0.8")
end

--- An interval within the margin is no difference, whatever its side of 0; equality fails outside of it.
function TestClaims:test_the_rule_of_each_expectation()
  local function verdict(expect, low, high)
    local o = { expect = expect, margin = 0.05 }
    return rule.verdict(o, { mean = (low + high) / 2, low = low, high = high })
  end
  for _, case in ipairs {
    { -0.02, 0.02, "holds", "does not hold", "does not hold" },
    { 0.01, 0.03, "holds", "does not hold", "does not hold" },
    { 0.01, 0.3, "not resolved", "holds", "does not hold" },
    { -0.1, 0.3, "not resolved", "not resolved", "not resolved" },
    { 0.05, 0.3, "does not hold", "holds", "does not hold" },
    { -0.3, -0.05, "does not hold", "does not hold", "holds" },
    { -0.3, -0.01, "not resolved", "does not hold", "holds" },
    { -0.3, 0.04, "not resolved", "does not hold", "not resolved" },
    { -0.04, 0.3, "not resolved", "not resolved", "does not hold" },
    { -math.huge, math.huge, "not resolved", "not resolved", "not resolved" },
  } do
    local low, high = case[1], case[2]
    lu.assertEquals({ verdict("equal", low, high), verdict("above", low, high), verdict("below", low, high) },
      { case[3], case[4], case[5] })
  end
end

--- The repetitions are those of SciPy 1.17.1 and statsmodels 0.15.0, as in TestStudent.
function TestClaims:test_what_would_resolve_a_claim_depends_on_what_it_expects()
  local function remedy(values, expect)
    local claim = claims.value("mine", function() return values end, { expect = expect })
    return judged(claim, online, offline).remedy
  end
  local near, far = { 0.02, 0.06, -0.03, 0.01, 0.09 }, { 0.10, 0.02, 0.22, 0.13, -0.02 }
  lu.assertEquals(remedy(near, "equal"), "an interval of 24 repetitions would lie within the margin of 0.05")
  lu.assertEquals(remedy(far, "equal"), "an interval of 24 repetitions would lie outside the margin of 0.05")
  lu.assertEquals(remedy(near, "above"),
    "9 repetitions would tell a difference of 0.05 from 0 with power 0.8")
  lu.assertEquals(remedy(far, "above"),
    "11 repetitions would tell a difference of 0.09 from 0 with power 0.8")
end

function TestClaims:test_what_no_run_reaches_is_not_measured()
  lu.assertEquals(judged(claims.at_kl("online", "offline", 30), online, offline).verdict, "not measured")
end

function TestClaims:test_sides_that_are_taken_together_have_one_name()
  local both = { "online", "offline" }
  lu.assertEquals(claims.fall(both).name, "the peak of online and offline less its end")
  lu.assertEquals(claims.at_kl(both, "online", 2).name, "online and offline less online at 2 nats")
  lu.assertEquals(claims.interaction({ both, "online", "offline", "online" }).name,
    "(the peak of online and offline less that of online) less (the peak of offline less that of online)")
end

--- Only the first label of a list was read where two sides are compared, and the order of the labels changed
-- the number. Pooled, the peak of 0.5 and 0.9 is 0.9; that of c is its start, 0.5.
function TestClaims:test_several_labels_are_pooled_in_any_order()
  local sides = { side("a", repeated({ { 1, 0.5 }, { 3, 0.5 } }, 3)), side("b", repeated({ { 1, 0.9 },
    { 3, 0.9 } }, 3)), side("c", repeated({ { 1, 0.1 }, { 3, 0.1 } }, 3)) }
  for _, both in ipairs { { "a", "b" }, { "b", "a" } } do
    lu.assertAlmostEquals(judged(claims.peak(both, "c"), table.unpack(sides)).mean, 0.4, 1e-9)
    local function win(point) return point.win end
    lu.assertAlmostEquals(judged(claims.at_end(both, "c", "win", win), table.unpack(sides)).mean, 0.6, 1e-9)
  end
end

--- A repetition that the third side lacks ended with "attempt to index a nil value".
function TestClaims:test_an_interaction_is_of_the_repetitions_that_all_sides_have()
  local sides = {}
  for i, label in ipairs { "a", "b", "c", "d" } do
    sides[i] = side(label, repeated({ { 1, 0.5 }, { 3, 0.6 } }, label == "c" and 2 or 3))
  end
  local one = judged(claims.interaction { "a", "b", "c", "d" }, table.unpack(sides))
  lu.assertEquals({ one.mean, #one.values }, { 0.0, 2 })
end

function TestClaims:test_a_figure_that_is_no_finite_number_is_named()
  local function refusal(value)
    return support.message(judged, claims.change("online", "KL", function() return value end), online)
  end
  lu.assertStrContains(refusal "no", "align.claims: KL of a point is 'no', expected a finite number or nil")
  lu.assertStrContains(refusal(0 / 0), "KL of a point is nan")
end

function TestClaims:test_an_unknown_side_is_named()
  lu.assertStrContains(support.message(judged, claims.fall "onlin", online, offline),
    "there is no side 'onlin'; did you mean 'online'?")
  lu.assertStrContains(support.message(claims.fall, "online", { expct = "above" }), "unknown option 'expct'")
end

--- Of three repetitions 1.96 standard errors of the bootstrap are widened to t(2) = 4.303 and n / (n - 1).
function TestClaims:test_the_interval_of_few_repetitions_is_that_of_student()
  local values = { 0.1, 0.2, 0.6 }
  local found, mean, squares = interval.of_values(values), 0.3, 0.0
  for _, x in ipairs(values) do squares = squares + (x - mean) ^ 2 end
  lu.assertAlmostEquals(found.high - found.mean, 4.302652729749462 * math.sqrt(squares / 2 / 3), 1e-6)
end

--- More repetitions than there are: the interval that left the claim open is the wider one.
function TestClaims:test_an_open_claim_never_asks_for_as_many_repetitions_as_it_has()
  local values = { 0.2, 0.21, 0.22, 0.2 }
  local found = { mean = 0.2075, low = -0.1, high = 0.5, values = values }
  lu.assertEquals(rule.remedy({ expect = "above", margin = 0.05 }, found),
    "5 repetitions would tell a difference of 0.21 from 0 with power 0.8")
  lu.assertEquals(rule.remedy({ expect = "equal", margin = 0.05 }, found),
    "an interval of 5 repetitions would lie outside the margin of 0.05")
end

--- Of two settings one has the peak and stays near it, the other one goes on to larger KLs and loses.
function TestClaims:test_a_pool_falls_in_kl_where_no_run_of_it_falls()
  local by_seed = {}
  for i = 1, 5 do
    by_seed[i] = { run { { 1, 0.6 }, { 4, 0.8 } }, run { { 5, 0.7 }, { 6, 0.3 }, { 12, 0.2 } }, outer = i }
  end
  local pool = { label = "pool", by_seed = by_seed }
  local fell = judged(claims.past_peak "pool", pool)
  lu.assertAlmostEquals(fell.mean, 0.5, 1e-9)
  lu.assertEquals(fell.verdict, "holds")
  lu.assertEquals(judged(claims.fall("pool", { expect = "equal" }), pool).verdict, "not measured")
  local near = side("near", repeated({ { 4, 0.8 }, { 5, 0.2 } }, 5))
  local missing = judged(claims.past_peak "near", near)
  lu.assertEquals({ missing.verdict, missing.missing },
    { "not measured", "no run goes on to 1.5 times the KL of a peak above the start" })
end

--- A run that only lost, 0.5 at the start and 0.3 and 0.2 then, "passed its own peak" by 0.2 to 0.3.
function TestClaims:test_a_run_that_never_rises_above_its_start_passes_no_peak()
  local start = side("start", repeated({ { 0.1, 0.3 }, { 2, 0.2 }, { 4, 0.1 } }, 5))
  for _, claim in ipairs { claims.past_peak "start", claims.fall "start",
    claims.meanwhile("start", "start"), claims.falls("start", "start") } do
    lu.assertEquals(judged(claim, start).verdict, "not measured", claim.kind)
  end
  local function kl(point) return point.kl end
  for _, kind in ipairs { "since_peak", "beyond_peak" } do
    lu.assertEquals(judged(claims[kind]("start", "KL", kl), start).verdict, "not measured", kind)
  end
end

--- Two repetitions of five that fall by 0.3 to 0.4 were enough for "it falls", where three only rise.
function TestClaims:test_what_fewer_than_half_of_the_repetitions_measure_is_not_resolved()
  local runs = repeated({ { 1, 0.6 }, { 4, 0.8 } }, 5)
  runs[1][3], runs[2][3] = { 8, 0.4 }, { 8, 0.401 }
  local fall = judged(claims.fall("some", { paper = "It falls." }), side("some", runs))
  lu.assertEquals({ fall.verdict, fall.remedy, #fall.values },
    { "not resolved", "it was measured in 2 of 5 repetitions", 2 })
  lu.assertTrue(fall.low > 0)
  local own = judged(claims.fall "some", side("some", runs))
  lu.assertEquals(select(2, claims.cells { own })[1][4],
    "not resolved at this size: it was measured in 2 of 5 repetitions")
  runs[3][3] = { 8, 0.4 }
  lu.assertEquals(judged(claims.fall "some", side("some", runs)).verdict, "holds")
end

--- Five repetitions of equal outcomes agree to the last bit, so Student's interval over them has no width. 12
-- prompts of 100 are lost at the start and won at the end, of which the standard error over the choice of
-- prompts is sqrt(0.12 * 0.88 / 100) = 0.0325.
function TestClaims:test_a_number_made_of_win_rates_has_the_choice_of_prompts_in_its_interval()
  local by_seed = {}
  for i = 1, 5 do by_seed[i] = { run({ { 1, 0.62 } }, 100), outer = i } end
  local same = { label = "same", by_seed = by_seed }
  local function gain(item, win)
    local start, last = item[1][1][1], item[1][1][2]
    return win(last) - win(start)
  end
  local found = judged(claims.measure("gain", { "same" }, gain), same)
  lu.assertAlmostEquals(found.mean, 0.12, 1e-12)
  lu.assertAlmostEquals(found.high - found.low, 2 * 1.96 * 0.0325, 0.03)
  local function values() return { 0.12, 0.12, 0.12, 0.12, 0.12 } end
  local alone = judged(claims.value("gain", values), same)
  lu.assertAlmostEquals(alone.high - alone.low, 0, 1e-12)
  lu.assertEquals(support.message(claims.measure, "gain", { 5 }, gain),
    "align.claims.measure: side 1 is 5, expected a label or a list of labels")
end

--- A run that rises to its end tells nothing of a fall, whatever is expected of it: five runs that were cut
-- while they rose made "it does not fall" hold.
function TestClaims:test_a_run_that_is_still_rising_tells_nothing_of_a_fall()
  local rising = side("rising", repeated({ { 1, 0.4 }, { 4, 0.6 } }, 5))
  local fall = judged(claims.fall "rising", rising)
  local why <const> = "still rising at the end, or never above the start"
  lu.assertEquals({ fall.verdict, fall.missing }, { "not measured", why })
  for _, expect in ipairs { "equal", "below", "not above" } do
    lu.assertEquals(judged(claims.fall("rising", { expect = expect }), rising).verdict, "not measured")
  end
  local _, rows = claims.cells { fall }
  lu.assertEquals(rows[1][4], "not measured: " .. why)
  local runs = repeated({ { 1, 0.4 }, { 4, 0.6 } }, 5)
  for i = 1, 3 do runs[i][3] = { 8, 0.3 } end
  local some = judged(claims.fall "some", side("some", runs))
  lu.assertAlmostEquals(some.mean, 0.3, 1e-9)
  lu.assertStrMatches(some.text, ".*%] %(3 of 5%)")
  local falls = judged(claims.falls("rising", "some"), side("some", runs), rising)
  lu.assertEquals({ falls.verdict, falls.missing },
    { "not measured", "no repetition of both in which rising passes a peak above its start" })
  local all = side("all", repeated({ { 1, 0.4 }, { 4, 0.6 }, { 8, 0.5 } }, 5))
  lu.assertAlmostEquals(judged(claims.falls("some", "all"), side("some", runs), all).mean, 0.2, 1e-9)
end

--- A finding of Song et al. stood as one of the paper.
function TestClaims:test_findings_of_others_begin_with_their_names()
  local list = {
    claims.peak("online", "offline", { paper = "Online's peak is higher." }),
    claims.peak("online", "offline", { paper = "A KL gains.", by = "Song et al. 2024" }),
    claims.peak("online", "offline"),
  }
  local verdicts = claims.judge(list, { online, offline })
  lu.assertEquals({ verdicts[1].by, verdicts[2].by }, { "Tang et al.", "Song et al. 2024" })
  local _, rows = claims.cells(verdicts)
  lu.assertEquals({ rows[1][1], rows[2][1], rows[3][1] },
    { "Online's peak is higher.", "Song et al. 2024: A KL gains.", "-" })
  lu.assertEquals({ claims.is_of_paper(verdicts[1]), claims.is_of_paper(verdicts[2]),
    claims.is_of_paper(verdicts[3]) }, { true, false, false })
end

--- "not above" is the opposite of "above": a number far below 0 does not refute it.
function TestClaims:test_not_above_and_not_below_are_opposites()
  for _, case in ipairs {
    { -0.3, -0.1, "holds", "does not hold" }, { -0.02, 0.02, "holds", "holds" },
    { 0.1, 0.3, "does not hold", "holds" }, { -0.1, 0.2, "not resolved", "not resolved" },
  } do
    local found = { low = case[1], high = case[2] }
    lu.assertEquals(rule.verdict({ expect = "not above", margin = 0.05 }, found), case[3])
    lu.assertEquals(rule.verdict({ expect = "not below", margin = 0.05 }, found), case[4])
  end
end

--- Repetitions are paired by their number: side b lacks the first one.
function TestClaims:test_sides_are_paired_by_repetition_not_by_place()
  local a = { label = "a", by_seed = {} }
  local b = { label = "b", by_seed = {} }
  for i, win in ipairs { 0.2, 0.5, 0.8 } do
    a.by_seed[i] = { run { { 1, win }, { 4, win } }, outer = i }
    if i > 1 then b.by_seed[i - 1] = { run { { 1, win }, { 4, win } }, outer = i } end
  end
  for _, two in ipairs { { a, b }, { b, a } } do
    local found = judged(claims.at_kl("a", "b", 2), table.unpack(two))
    lu.assertEquals({ found.mean, #found.values, found.text }, { 0.0, 2, "0.000 [0.000, 0.000] (2 of 3)" })
  end
end

--- Half of the KLs lie in a hole of the second side: the average is over the other half, and says so.
function TestClaims:test_an_average_is_over_the_kls_that_both_sides_measure()
  local points = {}
  for kl = 2, 40, 2 do points[#points + 1] = { kl, 0.6 } end
  local dense = side("dense", repeated(points, 5))
  local holed = side("holed", repeated({ { 2, 0.5 }, { 4, 0.5 }, { 36, 0.1 }, { 40, 0.1 } }, 5))
  local found = judged(claims.on_average("dense", "holed"), dense, holed)
  lu.assertEquals(#found.values, 5)
  -- Of 2 to 40 nats holed is measured to 6 and from 24: at 0.5 falling, and rising in KL to 0.1.
  lu.assertStrMatches(found.text, "0%.%d+ %[.*%], 2 to 40 nats, 62 %% of them measured")
  lu.assertTrue(found.mean > 0.1 and found.mean < 0.5)
end

--- Of twelve equal runs the highest is no better than one: chosen and reported on the same prompts it would
-- be above by about two standard errors.
function TestClaims:test_a_pool_of_equal_runs_gains_nothing_by_being_pooled()
  local drawn = 0
  local function coin()
    drawn = drawn + 1
    return system.uniform(7, "pooling", drawn) < 0.5 and 1 or 0
  end
  local function equal(count)
    local runs = {}
    for r = 1, count do
      runs[r] = {}
      for p = 1, 2 do
        local wins, sum = {}, 0
        for i = 1, 256 do
          wins[i] = coin()
          sum = sum + wins[i]
        end
        runs[r][p] = { step = p, kl = 2 * p, win = sum / 256, wins = wins }
      end
    end
    return runs
  end
  local pool, one = { label = "pool", by_seed = {} }, { label = "one", by_seed = {} }
  for i = 1, 20 do pool.by_seed[i], one.by_seed[i] = equal(12), equal(1) end
  lu.assertAlmostEquals(judged(claims.at_kl("pool", "one", 3), pool, one).mean, 0, 0.02)
  lu.assertAlmostEquals(judged(claims.peak("pool", "one"), pool, one).mean, 0, 0.02)
  lu.assertTrue(judged(claims.pooling "pool", pool).mean > 0.04)
end

--- Win rates that differ by chance between checkpoints, and not between prompts: the best of more of them is
-- higher, however it is chosen. The expected maximum of n uniform numbers is n / (n + 1).
function TestClaims:test_a_side_of_more_checkpoints_gains_nothing_over_equally_many()
  local drawn = 0
  local function runs_of(count)
    local list = {}
    for p = 1, count do
      drawn = drawn + 1
      local half = { win = system.uniform(7, "checkpoints", drawn) }
      list[p] = { step = p, kl = p / count, halves = { half, half } }
    end
    return { list }
  end
  local function win_of(half) return half.win end
  local plain, even, count = 0.0, 0.0, 2000
  for _ = 1, count do
    local more, fewer = runs_of(40), runs_of(10)
    plain = plain + (measures.peak(more, win_of) - measures.peak(fewer, win_of)) / count
    even = even + (measures.even_peak(more, win_of, fewer) - measures.even_peak(fewer, win_of, more)) / count
  end
  lu.assertAlmostEquals(plain, 40 / 41 - 10 / 11, 0.01)  -- the standard error is 0.002
  lu.assertAlmostEquals(even, 0, 0.01)  -- 0.0026
end

--- Of its start and five checkpoints the first side keeps those at 1, 8 and 10 nats.
function TestClaims:test_peaks_over_equally_many_checkpoints()
  local five = side("five", repeated({ { 1, 0.6 }, { 4, 0.8 }, { 8, 0.4 }, { 9, 0.3 }, { 10, 0.3 } }, 6))
  local few = side("few", repeated({ { 1, 0.5 }, { 9, 0.6 } }, 6))
  lu.assertAlmostEquals(judged(claims.peak("five", "few"), five, few).mean, 0.2, 1e-9)
  lu.assertAlmostEquals(judged(claims.even_peak("five", "few"), five, few).mean, 0, 1e-9)
  lu.assertAlmostEquals(judged(claims.even_peak("few", "five"), five, few).mean, 0, 1e-9)
  -- The order of pooled runs does not decide which of their checkpoints of one KL are kept.
  local function win_of(half) return half.win end
  local function run_of(wins)
    local list = {}
    for i, win in ipairs(wins) do
      list[i] = { step = i, kl = i, halves = { { win = win }, { win = win } } }
    end
    return list
  end
  local one, other = run_of { 0.1, 0.8, 0.3 }, run_of { 0.2, 0.4, 0.6 }
  local against = { run_of { 0.1, 0.2, 0.3 } }
  lu.assertEquals(measures.even_peak({ one, other }, win_of, against),
    measures.even_peak({ other, one }, win_of, against))
end

TestFit = {}

function TestFit:test_a_law_is_found_again()
  local points = {}
  for i = 1, 12 do
    local d = i / 4
    points[i] = { d, d * (0.5 - 0.2 * math.log(d)) }
  end
  local wrong = fit.law(points, fit.laws[1])
  local right, a, b = fit.law(points, fit.laws[2])
  lu.assertTrue(right < 1e-9 and wrong > 1e-3)
  lu.assertAlmostEquals(a, 0.5, 1e-9)
  lu.assertAlmostEquals(b, 0.2, 1e-9)
end

function TestFit:test_dependent_terms_are_refused()
  local function one() return 1 end
  lu.assertStrContains(support.message(fit.least_squares, { { 0, 1 }, { 1, 1 } }, { one, one }),
    "the terms depend on each other")
  lu.assertStrContains(support.message(fit.least_squares, { { 0, 1 } }, { one, one }), "1 points for 2 terms")
  lu.assertStrContains(support.message(fit.least_squares, { { 0, 1 } }, {}), "there are no terms")
end

--- The coefficients were nan, which is true.
function TestFit:test_points_that_are_not_finite_are_refused()
  local function one() return 1 end
  for _, x in ipairs { 0 / 0, math.huge, -math.huge } do
    lu.assertEquals(support.message(fit.least_squares, { { 0, 1 }, { 1, x } }, { one }),
      "fit: a point, or a term on it, is not finite")
    lu.assertNil((fit.law({ { 1, 0.5 }, { 2, x } }, fit.laws[1])))
    lu.assertNil((fit.law({ { 1, 0.5 }, { x, 0.8 } }, fit.laws[1])))
  end
end

TestFactors = {}

--- By hand: the falls are 0.8 - 0.4 and 0, the peaks 0.8 and 0.9.
function TestFactors:test_differences_of_falls_and_of_differences()
  local fallen = side("fallen", repeated({ { 1, 0.5 }, { 4, 0.7 }, { 8, 0.6 } }, 6, 0.025))
  local falls = judged(claims.falls("online", "fallen"), online, fallen)
  lu.assertAlmostEquals(falls.mean, 0.4 - 0.1, 1e-9)
  lu.assertEquals(falls.verdict, "holds")
  local third = side("third", repeated({ { 1, 0.5 }, { 4, 0.55 } }, 6, 0.025))
  local four = { "online", "offline", "offline", "third" }
  local found = judged(claims.interaction(four, { expect = "below" }), online, offline, third)
  lu.assertAlmostEquals(found.mean, (0.8 - 0.9) - (0.9 - 0.55), 1e-9)
  lu.assertEquals({ found.verdict, #found.values }, { "holds", 6 })
end

function TestFactors:test_a_figure_over_the_span_of_the_fall()
  local function kl(point) return point.kl end
  lu.assertEquals(judged(claims.since_peak("online", "KL", kl), online).mean, 4)
  lu.assertEquals(judged(claims.since_peak("offline", "KL", kl), offline).verdict, "not measured",
    "the peak is the end")
  local function none() end
  lu.assertEquals(judged(claims.since_peak("online", "no figure", none), online).verdict, "not measured")
end

os.exit(lu.LuaUnit.run())
