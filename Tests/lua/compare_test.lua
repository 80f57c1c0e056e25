--- Comparisons of runs: measures, exact tests and intervals against NumPy 2.4.6 and SciPy 1.17.1.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local lu = require "luaunit"
local align = require "perilune.align"
local models = require "perilune.models"
local measures = require "perilune.align.compare.measures"
local words = require "perilune.align.compare.words"

local exact = align.evaluate.exact

local function point(fields, wins)
  local sum = 0.0
  for _, x in ipairs(wins) do sum = sum + x end
  fields.wins, fields.win = wins, sum / #wins
  return fields
end

--- `ones` outcomes of 1 among n.
local function wins(ones, n)
  local list = {}
  for i = 1, n do list[i] = i <= ones and 1 or 0 end
  return list
end

local function of_win(p) return p.win end

TestExact = {}

--- Fisher 1935, sec. 21: Darwin's 15 pairs of maize, eighths of an inch; 1726 of 32768 arrangements.
function TestExact:test_sign_flips_of_darwins_maize()
  local maize = { 49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48 }
  lu.assertEquals(exact.sign_flip(maize), 1726 / 32768)
end

--- scipy.stats.permutation_test(permutation_type="samples", n_resamples=inf) gives 0.0625.
function TestExact:test_sign_flips_count_ties_as_extreme()
  lu.assertEquals(exact.sign_flip { 0.12, -0.03, 0.08, 0.21, 0.05, 0.0, 0.14 }, 0.0625)
  lu.assertEquals(exact.sign_flip { 0.1 }, 1.0)
  lu.assertEquals(exact.sign_flip { 0, 0 }, 1.0)
end

--- scipy.stats.permutation_test(permutation_type="independent", n_resamples=inf).
function TestExact:test_permutations_of_two_lists()
  local a, b = { 0.61, 0.58, 0.66, 0.7, 0.57 }, { 0.55, 0.59, 0.5, 0.57, 0.6 }
  support.close(exact.permutation(a, b), 26 / 252, 1e-15)
end

function TestExact:test_many_pairs_are_sampled_near_the_normal_limit()
  -- 20 differences, 15 of +1 and 5 of -1: P(|B - 10| >= 5) of a binomial B(20, 1/2) is 0.0414.
  local list = {}
  for i = 1, 20 do list[i] = i <= 15 and 1 or -1 end
  support.close(exact.sign_flip(list), 0.0414, 0.003)
end

function TestExact:test_what_is_no_list_of_numbers_is_refused()
  lu.assertEquals(support.message(exact.sign_flip, {}),
    "exact.sign_flip: expected a list of numbers, got a table")
  lu.assertEquals(support.message(exact.permutation, { 1 }, { 0 / 0 }),
    "exact.permutation: element 1 of 1 is nan, expected a finite number")
end

--- With one of them p was 0, less than any arrangement has.
function TestExact:test_infinite_numbers_are_refused()
  lu.assertEquals(support.message(exact.sign_flip, { math.huge }),
    "exact.sign_flip: element 1 of 1 is inf, expected a finite number")
  lu.assertEquals(support.message(exact.permutation, { 1 / 0 }, { 1 }),
    "exact.permutation: element 1 of 1 is inf, expected a finite number")
  lu.assertEquals(support.message(exact.permutation, { 1 }, { 2, -1 / 0 }),
    "exact.permutation: element 2 of 2 is -inf, expected a finite number")
end

--- p does not depend on the unit, and was 0 where a sum overflowed: the numbers of the tests above, times
-- powers of 2 that bring them near the largest number.
function TestExact:test_a_sum_may_overflow()
  local function times(values, factor)
    local list = {}
    for i, x in ipairs(values) do list[i] = x * factor end
    return list
  end
  local maize = { 49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48 }
  lu.assertEquals(exact.sign_flip(times(maize, 2.0 ^ 1017)), 1726 / 32768)
  lu.assertEquals(exact.sign_flip { 1e308, 1e308 }, 0.5)
  local a, b = { 0.61, 0.58, 0.66, 0.7, 0.57 }, { 0.55, 0.59, 0.5, 0.57, 0.6 }
  support.close(exact.permutation(times(a, 2.0 ^ 1023), times(b, 2.0 ^ 1023)), 26 / 252, 1e-15)
  lu.assertEquals(exact.sign_flip(times({ 1, 2, 3 }, 5e-324)), 0.25)
end

TestMeasures = {}

--- numpy.quantile([...], 0.9), and numpy.trapezoid(numpy.interp(g, kl, win), numpy.log(g)) / numpy.log(4)
-- with g = numpy.geomspace(1, 4, 33) (NumPy 2.4.6).
function TestMeasures:test_quantile_and_area()
  local run = {}
  for i, win in ipairs { 0.31, 0.42, 0.55, 0.48, 0.6, 0.44, 0.52 } do
    run[i] = { step = i, kl = i, win = win }
  end
  local function both(list)
    for _, at in ipairs(list) do at.halves = { at, at } end
    return list
  end
  support.close(measures.quantile(0.9)({ run }, of_win), 0.57, 1e-12)
  local curve = both {
    { step = 1, kl = 0.5, win = 0.3 }, { step = 2, kl = 1.5, win = 0.5 }, { step = 3, kl = 3, win = 0.55 },
    { step = 4, kl = 5, win = 0.7 },
  }
  support.close(measures.area(1, 4)({ curve }, of_win), 0.5132488994508884, 1e-12)
  lu.assertNil(measures.area(6, 7)({ curve }, of_win))
  -- From 4 to 8 nats only 4 to 5 is measured: 11 points of geomspace(4, 8, 33), the first of half weight.
  support.close(measures.area(4, 8)({ curve }, of_win), 0.6617723310745841, 1e-12)
  support.close(measures.measured({ curve }, { curve }, 4, 8), 10.5 / 32, 1e-12)
end

function TestMeasures:test_the_shared_range_of_kl_leaves_out_the_start()
  local function side(...)
    local run = { { step = 0, kl = 0 } }
    for i, kl in ipairs { ... } do run[i + 1] = { step = i, kl = kl } end
    return { by_seed = { { run } } }
  end
  lu.assertEquals({ measures.shared { side(1, 5), side(2, 8) } }, { 2, 5 })
  lu.assertNil(measures.shared { side(1, 2), side(3, 8) })
  lu.assertEquals({ measures.shared { side(0.01, 5), side(0.02, 8) } }, { 0.25, 5 })
end

--- The first of two equal points was the peak, so pooled runs in another order had another one.
function TestMeasures:test_the_order_of_pooled_runs_decides_nothing()
  local function at(step, kl, a, b)
    return { step = step, kl = kl, win = (a + b) / 2, halves = { { win = a }, { win = b } } }
  end
  local one = { at(1, 1, 0.1, 0.2), at(2, 4, 0.5, 0.25), at(3, 8, 0.2, 0.1) }
  local other = { at(1, 2, 0.1, 0.2), at(2, 4, 0.5, 0.75), at(3, 9, 0.3, 0.2) }
  local third = { at(1, 2, 0.3, 0.75), at(2, 6, 0.1, 0.1) }
  for name, measure in pairs {
    peak = measures.peak, fall = measures.fall, past = measures.past_peak, pooling = measures.pooling,
    at = measures.at("kl", 4), area = measures.area(2, 6),
  } do
    local expected = measure({ one, other, third }, of_win)
    lu.assertNotNil(expected, name)
    for _, runs in ipairs { { one, third, other }, { other, one, third }, { third, other, one } } do
      support.close(measure(runs, of_win), expected, 1e-12)
    end
  end
  -- Chosen on the first half, 0.25 and 0.75 are tied; chosen on the second, 0.5 and 0.3.
  local expected = ((0.25 + 0.75) / 2 + (0.5 + 0.3) / 2) / 2
  support.close(measures.peak({ one, other, third }, of_win), expected, 1e-12)
end

--- Two policies of equal quality with many checkpoints: the plain peak is above 1/2, the halved one is not.
function TestMeasures:test_the_peak_of_halves_has_no_bias_of_a_maximum()
  local system = require "perilune.system"
  local plain, halved, n = 0, 0, 200
  for repetition = 1, n do
    local run = {}
    for step = 1, 12 do
      local function half(k)
        local sum = 0
        for i = 1, 32 do
          local number = ((repetition * 12 + step) * 2 + k) * 32 + i
          sum = sum + (system.uniform(3, "compare test", number) < 0.5 and 1 or 0)
        end
        return { win = sum / 32 }
      end
      local first, second = half(0), half(1)
      run[step] = { kl = step, halves = { first, second }, win = (first.win + second.win) / 2 }
    end
    plain = plain + align.evaluate.frontier.peak({ run }) / n
    halved = halved + measures.peak({ run }, of_win) / n
  end
  -- The maximum of 12 means of 64 coins is 1.63 standard deviations of 1/16 above 1/2: 0.602.
  support.close(plain, 0.602, 0.01)
  support.close(halved, 0.5, 0.01)
end

TestCompare = {}

local function seeds(label, lists)
  local runs = {}
  for i, ones in ipairs(lists) do
    runs[i] = {}
    for p, count in ipairs(ones) do
      runs[i][p] = point({ step = 10 * p, kl = p, labels = 320 * p, tokens = 1000 * p }, wins(count, 40))
    end
  end
  return { label = label, runs = runs }
end

local high = seeds("high", { { 20, 30 }, { 22, 32 }, { 24, 34 } })
local low = seeds("low", { { 20, 22 }, { 20, 24 }, { 20, 22 } })

local function row_of(result, name)
  for _, row in ipairs(result.rows) do
    if row.name == name then return row end
  end
end

function TestCompare:test_win_rates_at_kl_labels_tokens_and_steps()
  local result = align.compare {
    high, low, at = { kl = { 1.5 }, labels = { 480 }, tokens = { 1500 }, steps = { 15 } },
  }
  lu.assertEquals(result.labels, { "high", "low" })
  for _, name in ipairs { "at 1.5 nats", "after 480 labels", "after 1500 tokens", "at step 15" } do
    local row = row_of(result, name)
    -- Half way: (25 + 27 + 29) / 3 of 40 against (21 + 22 + 21) / 3 of 40.
    support.close(row.sides[1].mean, 0.675, 1e-12)
    support.close(row.sides[2].mean, 64 / 120, 1e-12)
    support.close(row.differences[2].mean, 0.675 - 64 / 120, 1e-12)
    lu.assertEquals(#row.differences[2].values, 3)
    lu.assertEquals(row.differences[2].p, 0.25, "the least of three pairs")
  end
end

function TestCompare:test_a_budget_that_no_run_reaches_has_no_number()
  local row = align.compare({ high, low, at = { kl = { 9 } } }).rows[1]
  lu.assertEquals({ row.sides, row.differences[2] }, { { false, false }, false })
end

--- 4 seeds and 60 prompts. The half width is sqrt(t^2 s^2 / n + 1.96^2 v): s between the seeds, t(3) =
-- 3.1824 of scipy.stats 1.17.1, v the variance of prompts that the seeds share. Prompts are drawn by pairs,
-- one of each half, so v is that of the means of 30 pairs.
function TestCompare:test_the_interval_is_that_of_seeds_and_prompts_together()
  local function side(label, outcome)
    local runs = {}
    for s = 0, 3 do
      local list = {}
      for p = 0, 59 do list[p + 1] = outcome(s, p) and 1 or 0 end
      runs[s + 1] = { point({ step = 1, kl = 1 }, list), point({ step = 2, kl = 2 }, list) }
    end
    return { label = label, runs = runs }
  end
  local function first(s, p) return (7 + s * 3 + p * p) % 10 < 6 - s % 3 + (p % 4 == 0 and 1 or 0) end
  local function second(s, p) return (14 + s * 5 + p * p * 3) % 10 < 4 + s % 2 end
  local function mean(list)
    local sum = 0.0
    for _, x in ipairs(list) do sum = sum + x end
    return sum / #list
  end
  local function variance(list)
    local squares, center = 0.0, mean(list)
    for _, x in ipairs(list) do squares = squares + (x - center) ^ 2 / #list end
    return squares
  end
  local of_seed, together, own = {}, {}, 0.0
  for pair = 1, 30 do together[pair] = 0.0 end
  for s = 0, 3 do
    local list = {}
    for pair = 1, 30 do
      local sum = 0
      for p = 2 * pair - 2, 2 * pair - 1 do
        sum = sum + (first(s, p) and 1 or 0) - (second(s, p) and 1 or 0)
      end
      list[pair], together[pair] = sum / 2, together[pair] + sum / 8
    end
    of_seed[s + 1], own = mean(list), own + variance(list) / 30 / 16
  end
  local shared = math.max(0, variance(together) / 30 - own) * 4 / 3
  local half = math.sqrt(3.182446 ^ 2 * variance(of_seed) * 4 / 3 / 4 + 1.96 ^ 2 * shared)
  local d = align.compare({ side("w", first), side("v", second), at = { kl = { 1.5 } }, draws = 2000 })
    .rows[1].differences[2]
  support.close(d.mean, 0.0625, 1e-12)
  support.close((d.high - d.low) / 2, half, 0.03 * half)
end

function TestCompare:test_repetitions_of_one_outer_seed_are_one_value()
  local function side(label, ...)
    local by_seed = {}
    for i, runs in ipairs(seeds(label, { ... }).runs) do by_seed[i] = { runs, outer = (i + 1) // 2 } end
    return { label = label, by_seed = by_seed }
  end
  local row = align.compare({
    side("a", { 20, 20 }, { 24, 24 }, { 28, 28 }, { 32, 32 }),
    side("b", { 20, 20 }, { 20, 20 }, { 20, 20 }, { 20, 20 }), at = { kl = { 1.5 } },
  }).rows[1]
  lu.assertEquals(#row.differences[2].values, 2)
  support.close(row.differences[2].values[1], 0.05, 1e-12)
  support.close(row.differences[2].values[2], 0.25, 1e-12)
end

function TestCompare:test_sentences_say_what_the_numbers_allow()
  local text = tostring(align.compare { high, low, at = { kl = { 1.5, 1 } } })
  lu.assertStrContains(text, "high above low at the peak by 0.23 [")
  lu.assertStrContains(text, "not resolved at 1.5 nats: ")
  lu.assertStrContains(text, " would, with power 0.8")
  lu.assertStrContains(text, "3 seeds: the exact p is at least 0.25.")
  text = tostring(align.compare { low, high, at = { kl = { 1.5 } } })
  lu.assertStrContains(text, "high above low at the peak by 0.23 [")
  lu.assertStrContains(text, "win rate")
end

--- As TestStudent of claims_test has it: 34 seeds in all, 121 with 1.96^2 v = 0.0036, and where all of the
-- variance is of prompts five times as many of them.
function TestCompare:test_as_many_more_seeds_resolve_a_difference()
  local values = { 0.3, 0.1, -0.1 }
  lu.assertEquals(words.missing({ mean = 0.1, values = values, of_prompts = 0 }, 256), { seeds = 31 })
  lu.assertEquals(words.missing({ mean = 0.1, values = values, of_prompts = (0.06 / 1.96) ^ 2 }, 256),
    { seeds = 118 })
  local flat = { mean = 0.1, values = { 0.1, 0.1 }, of_prompts = 2 * (0.1 / 1.96) ^ 2 }
  lu.assertEquals(words.missing(flat, 256), { prompts = 4 * 256 })
  lu.assertEquals(words.missing({ mean = 0, values = { 1, -1 }, of_prompts = 0 }, 256), {})
end

--- Of two seeds the interval of Student's t is wide: a win rate of 0.95 had one of [0.30, 1.57].
function TestCompare:test_intervals_lie_within_what_a_win_rate_can_be()
  local result = align.compare { seeds("a", { { 36, 36 }, { 40, 40 } }), seeds("b", { { 8, 8 }, { 16, 16 } }),
    at = { kl = { 1.5 } } }
  for _, row in ipairs(result.rows) do
    for _, found in ipairs(row.sides) do lu.assertTrue(found.low >= 0 and found.high <= 1, row.name) end
    local difference = row.differences[2]
    lu.assertTrue(difference.low >= -1 and difference.high <= 1, row.name)
  end
  lu.assertEquals(row_of(result, "at the peak").sides[1].high, 1)
end

function TestCompare:test_what_is_no_run_is_refused()
  local function refusal(given) return support.message(align.compare, given) end
  lu.assertEquals(refusal { high }, "align.compare: expected at least two runs, got 1")
  lu.assertEquals(refusal { high, { label = "x", runs = 5 } },
    "align.compare: 'x' has runs = 5, expected a list")
  lu.assertEquals(refusal { high, { label = "x", runs = { 5 } } },
    "align.compare: run 1 of seed 1 of 'x' is 5, expected a run or a list of points")
  lu.assertEquals(refusal { high, { label = 5, runs = {} } },
    "align.compare: side 2 has label = 5, expected a text")
  lu.assertStrContains(refusal { high, high }, "sides 1 and 2 are both called 'high'")
  lu.assertEquals(refusal { high, low, at = { kl = { 0 / 0 } } },
    "align.compare: at.kl has nan, expected a finite number")
  lu.assertStrContains(refusal { high, low, draws = 1e15 }, "draws")
  lu.assertStrContains(refusal { high, low, att = {} }, "unknown option 'att'; did you mean 'at'?")
  lu.assertStrContains(refusal { high, low, at = { kls = {} } }, "at: there is no 'kls'; did you mean 'kl'?")
  lu.assertStrContains(refusal { high, { label = "x", points = {} } },
    "run 1 of seed 1 of 'x' has no points")
  lu.assertStrContains(refusal { high, { label = "x", points = { { step = 1, kl = 1 } } } },
    "point 1 of run 1 of seed 1 of 'x' has win = nil, expected a finite number: evaluate with")
  local function at(step) return { step = step, kl = 1, win = 0.5, wins = { 1, 0 } } end
  lu.assertEquals(refusal { high, { label = "x", points = { at(30), at(10) } } },
    "align.compare: point 2 of run 1 of seed 1 of 'x' has step 10 after 30, expected the order of steps")
  local function of(win, ...)
    return refusal { high, { label = "x", points = { { step = 1, kl = 1, win = win, wins = { ... } } } } }
  end
  local where <const> = "align.compare: point 1 of run 1 of seed 1 of 'x' has "
  lu.assertEquals(of(50, 1, 0), where .. "win = 50, expected a number from 0 to 1")
  lu.assertEquals(of(0.5, 1, -1), where .. "-1 as outcome 2 of `wins`, expected a number from 0 to 1")
  lu.assertEquals(of(0.5, 1, nil, 0), where .. "nil as outcome 2 of `wins`, expected a number from 0 to 1")
  lu.assertEquals(of(0.9, 1, 0), where .. "win = 0.9 and outcomes `wins` whose mean is 0.5")
  local function judge() return 1 end
  lu.assertStrContains(refusal { high, low, judge = judge }, "judge needs task and prompts")
end

--- Runs of align.train as they are: their points, and their policies against each other.
function TestCompare:test_runs_of_train_are_compared_and_their_policies_judged_in_both_orders()
  local reference = toy.model(5)
  local function run(label, judge)
    local measured = 0
    return align.train {
      policy = reference:clone(), reference = reference, loss = align.loss.ipo { beta = 0.1 }, steps = 12,
      lr = 1e-2, quiet = true, instruments = false, label = label, evaluate_every = { 6, 12 },
      source = align.sources.online(toy.sampling { judge = judge, batch = 8, seed = 3 }),
      evaluate = function()
        measured = measured + 1
        return { kl = measured, win = 0.5, wins = { 1, 0 } }
      end,
    }
  end
  local up = run("up", toy.more_sevens)
  local down = run("down", function(_, a, b) return 1 - toy.more_sevens(_, a, b) end)
  local result = align.compare {
    up, down, at = { labels = { 72 }, kl = { 1.5 } }, judge = toy.more_sevens,
    task = { max_response = 6, stop = { 1 } }, prompts = toy.prompts,
  }
  lu.assertEquals(result.labels, { "up", "down" })
  support.close(row_of(result, "after 72 labels").sides[1].mean, 0.5, 1e-12)
  local won = result.head_to_head[2]
  lu.assertEquals({ won.agreement, won.count }, { 1.0, 48 })
  lu.assertTrue(won.low > 0.5, "trained for more sevens against trained for fewer")
  lu.assertStrContains(tostring(result), "up against down, both orders: ")
end

TestHeadToHead = {}

--- A judge that prefers whatever is shown first decides nothing in both orders.
function TestHeadToHead:test_a_bias_for_a_position_cancels()
  local policy, other = toy.model(1), toy.model(2)
  local given = { prompts = toy.prompts, max_new_tokens = 6, stop = { 1 } }
  given.judge = function() return 1 end
  local won = align.evaluate.head_to_head(policy, other, given)
  lu.assertEquals({ won.mean, won.low, won.high }, { 0.5, 0.5, 0.5 })
  lu.assertEquals({ won.first_place, won.agreement }, { 1.0, 0.0 })
end

function TestHeadToHead:test_an_exact_judge_agrees_with_itself_and_swapped_policies_mirror()
  local policy, other = toy.model(1), toy.model(2)
  local given = { prompts = toy.prompts, max_new_tokens = 6, stop = { 1 }, judge = toy.more_sevens }
  local won = align.evaluate.head_to_head(policy, other, given)
  lu.assertEquals({ won.agreement, won.first_place, won.count }, { 1.0, won.first_place, 48 })
  local a = models.rows(toy.prompts, toy.prompts)
  lu.assertEquals(align.evaluate.compare(toy.more_sevens, a, a).mean, 0.5)
  lu.assertTrue(won.low < won.mean and won.mean < won.high)
end

os.exit(lu.LuaUnit.run())
