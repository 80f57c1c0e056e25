--- Win rate at equal KL, by hand.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local frontier = require "perilune.align.evaluate.frontier"
local measures = require "perilune.align.compare.measures"

local function point(kl, ...)
  local wins, sum = { ... }, 0.0
  for _, x in ipairs(wins) do sum = sum + x end
  return { step = 1, kl = kl, win = sum / #wins, wins = wins }
end

local function started(run)
  table.insert(run, 1, point(0, table.unpack(run[1].wins)))
  run[1].step = 0
  return run
end

-- Means 0.25, 0.75, 0.5 at KL 0.5, 2, 6.
local rising = { point(0.5, 0, 0, 1, 0), point(2, 1, 1, 1, 0), point(6, 1, 0, 1, 0) }

TestAtKL = {}

function TestAtKL:test_between_checkpoints_the_win_rate_is_linear_in_kl()
  lu.assertEquals(frontier.at_kl(rising, 0.5), 0.25)
  lu.assertEquals(frontier.at_kl(rising, 1.25), 0.5)
  lu.assertEquals(frontier.at_kl(rising, 2), 0.75)
  lu.assertEquals(frontier.at_kl(rising, 3), 0.6875)
end

function TestAtKL:test_a_kl_outside_the_checkpoints_has_no_win_rate()
  lu.assertNil(frontier.at_kl(rising, 6.5))
  lu.assertNil(frontier.at_kl(rising, 0.4))
  lu.assertNil(frontier.at_kl({ point(1, 1) }, 1.1))
  lu.assertNil(frontier.best_at_kl({ rising }, 7))
end

--- The default run once had offline's first checkpoint at 6.2 nats, and figures at 0.25 to 6 nats from the
-- line to it.
function TestAtKL:test_the_line_from_the_start_to_the_first_checkpoint_is_no_measurement()
  local late = started { point(6.2, 0, 1), point(8.2, 1, 1) }
  for _, kl in ipairs { 0, 0.25, 3, 6 } do lu.assertNil(frontier.at_kl(late, kl)) end
  support.close(frontier.at_kl(late, 7.2), 0.75, 1e-12)
end

function TestAtKL:test_the_best_of_all_crossings_counts()
  -- Up to KL 4 with a win rate of 1, back to 1, and up again: at KL 2 the win rates are 0.5, 1/3 and 0.8 / 3.
  local back = { point(0, 0), point(4, 1), point(1, 0), point(4, 0.8) }
  support.close(frontier.at_kl(back, 2), 0.5, 1e-15)
  local later = { point(0, 0), point(4, 0.2), point(1, 0.6), point(4, 0.9) }
  support.close(frontier.at_kl(later, 2), 0.7, 1e-15)
end

function TestAtKL:test_two_checkpoints_at_one_kl_give_the_better_one()
  lu.assertEquals(frontier.at_kl({ point(1, 1), point(1, 0) }, 1), 1.0)
  lu.assertEquals(frontier.at_kl({ point(1, 0), point(1, 1) }, 1), 1.0)
end

function TestAtKL:test_another_win_rate_of_the_points_can_be_asked()
  lu.assertEquals(frontier.at_kl(rising, 2, function(p) return p.wins[4] end), 0)
end

function TestAtKL:test_the_best_of_several_runs()
  local flat = { point(0, 0.5, 0.5), point(8, 0.5, 0.5) }
  lu.assertEquals(frontier.best_at_kl({ rising, flat }, 0.25), 0.5)
  lu.assertEquals(frontier.best_at_kl({ rising, flat }, 2), 0.75)
  lu.assertEquals(frontier.best_at_kl({ rising, flat }, 7), 0.5)
end

TestPeak = {}

function TestPeak:test_the_peak_and_whether_it_is_the_last_point_of_its_run()
  local win, at, is_last = frontier.peak { rising }
  lu.assertEquals({ win, at.kl, is_last }, { 0.75, 2, false })
  local up = { point(1, 0.1), point(3, 0.9) }
  win, at, is_last = frontier.peak { rising, up }
  lu.assertEquals({ win, at.kl, is_last }, { 0.9, 3, true })
end

function TestPeak:test_the_start_counts_as_a_point()
  lu.assertEquals(frontier.peak { started { point(1, 0.5), point(2, 0.25) } }, 0.5)
end

local function at_one(runs, win) return frontier.best_at_kl(runs, 1, win) end

TestInterval = {}

function TestInterval:test_without_spread_the_interval_is_a_point()
  local run = { point(0, 0.5, 0.5), point(2, 1, 1) }
  local got = frontier.interval({ { run }, { run } }, at_one)
  lu.assertEquals({ got.mean, got.low, got.high, got.seeds }, { 0.75, 0.75, 0.75, 2 })
end

function TestInterval:test_seeds_without_a_measure_are_left_out()
  local short = { point(0, 1, 1, 1, 1), point(0.5, 1, 1, 1, 1) }
  local got = frontier.interval({ { rising }, { short } }, at_one)
  support.close(got.mean, 0.25 + 0.5 / 3, 1e-12)
  lu.assertEquals(got.seeds, 1)
  lu.assertNil(frontier.interval({ { short } }, at_one))
end

function TestInterval:test_the_interval_holds_the_mean_and_narrows_with_prompts()
  local function noisy(n)
    local wins = {}
    for i = 1, n do wins[i] = i % 2 end
    return { point(0, table.unpack(wins)), point(2, table.unpack(wins)) }
  end
  local few = frontier.interval({ { noisy(10) } }, at_one)
  local many = frontier.interval({ { noisy(200) } }, at_one)
  for _, got in ipairs { few, many } do
    lu.assertEquals(got.mean, 0.5)
    lu.assertTrue(got.low < 0.5 and got.high > 0.5)
  end
  -- 1.96 * 0.5 / sqrt(200) = 0.069 to each side.
  support.close(many.high - many.low, 0.139, 0.03, "width")
  lu.assertTrue(few.high - few.low > 3 * (many.high - many.low))
end

--- Two repetitions with three seeds each are two numbers, not six: by scipy.stats 1.17.1 t(1) = 12.7062,
-- t(5) = 2.5706.
function TestInterval:test_seeds_of_one_repetition_are_one_number()
  local function seed(win, outer) return { { point(0, win, win), point(2, win, win) }, outer = outer } end
  local together, apart = {}, {}
  for i = 1, 6 do
    local win = i <= 3 and 0.25 or 0.75
    together[i], apart[i] = seed(win, i <= 3 and 1 or 2), seed(win)
  end
  local wide, narrow = frontier.interval(together, at_one), frontier.interval(apart, at_one)
  lu.assertEquals({ wide.mean, wide.values }, { 0.5, { 0.25, 0.75 } })
  support.close(wide.high - wide.low, 2 * 12.706205 * 0.25, 1e-4)
  support.close(narrow.high - narrow.low, 2 * 2.570582 * math.sqrt(6 * 0.0625 / 5 / 6), 1e-4)
  local bounded = frontier.interval(together, at_one, nil, { 0, 1 })
  lu.assertEquals({ bounded.low, bounded.high }, { 0, 1 })
end

--- One repetition with the seeds 0 and 1: the bootstrap draws seeds too.
function TestInterval:test_seeds_of_one_repetition_are_drawn()
  local seeds = {}
  for i = 1, 2 do seeds[i] = { { point(0, i - 1, i - 1), point(2, i - 1, i - 1) }, outer = 1 } end
  local got = frontier.interval(seeds, at_one)
  lu.assertEquals({ got.mean, got.low, got.high }, { 0.5, 0.0, 1.0 })
end

function TestInterval:test_the_same_call_gives_the_same_interval()
  lu.assertEquals(frontier.interval({ { rising } }, at_one), frontier.interval({ { rising } }, at_one))
end

function TestInterval:test_a_difference_is_taken_seed_by_seed_on_the_same_prompts()
  local high, low = { point(0, 1, 1, 0, 1), point(2, 1, 1, 0, 1) },
    { point(0, 0, 0, -1, 0), point(2, 0, 0, -1, 0) }
  -- Outcomes differ by 1 on every prompt, so the difference has no spread though each side has.
  local got = frontier.difference({ { high }, { high } }, { { low }, { low } }, at_one)
  lu.assertEquals({ got.mean, got.low, got.high, got.seeds }, { 1.0, 1.0, 1.0, 2 })
  lu.assertNil(frontier.difference(
    { { high } }, { { point(0, 1, 1, 1, 1) } }, at_one, frontier.resampling { { high } }))
  lu.assertNil(frontier.difference({}, {}, at_one))
end

function TestInterval:test_points_without_equally_many_outcomes_are_refused()
  local message = support.message(frontier.resampling, { { { point(1, 1, 0), point(2, 1) } } })
  lu.assertEquals(message, "frontier: the point at step 1 has 1 outcomes `wins`, expected 2")
  lu.assertStrContains(support.message(frontier.resampling, { { { { step = 3, kl = 1, win = 1 } } } }),
    "0 outcomes `wins`, expected one a prompt")
  lu.assertEquals(support.message(frontier.resampling, { { {} } }), "frontier: no run has a point")
end

TestCurve = {}

function TestCurve:test_the_mean_line_goes_by_kl_where_every_seed_has_a_win_rate()
  -- Seed 1 from 1 to 3 nats, seed 2 from 2 to 5: both from 2 to 3.
  local first, second = { point(1, 0), point(3, 1) }, { point(2, 0), point(5, 0.3) }
  local curve = frontier.curve({ { first }, { second } }, 9)
  lu.assertEquals(#curve, 3)
  for i, kl in ipairs { 2, 2.5, 3 } do
    support.close(curve[i].kl, kl, 1e-12)
    support.close(curve[i].win, ((kl - 1) / 2 + (kl - 2) / 10) / 2, 1e-12)
  end
end

--- Offline runs at lr 1e-3 went from 23 nats to 16 and to 21: joined by checkpoint, the line ran backwards.
function TestCurve:test_a_mean_over_seeds_is_of_all_seeds_or_none()
  local long, short = { point(1, 0.4), point(5, 0.8) }, { point(1, 0.4), point(3, 0.6) }
  for place = 1, 5 do
    local by_seed = {}
    for seed = 1, 5 do by_seed[seed] = { seed == place and short or long } end
    local curve = frontier.curve(by_seed, 9)
    lu.assertEquals(#curve, 5, "from 1 to 3 nats")
    for _, at in ipairs(curve) do support.close(at.win, 0.3 + at.kl / 10, 1e-12) end
  end
end

function TestCurve:test_it_never_runs_backwards()
  local curve = frontier.curve({ { { point(13, 0), point(23, 0.2), point(16, 0.4), point(21, 0.3) } } }, 30)
  for i = 2, #curve do lu.assertTrue(curve[i].kl > curve[i - 1].kl) end
  lu.assertEquals(#curve, 30)
end

--- 0.3 + (0.9 - 0.3) is 2^-53 above 0.9, which no run has: the line lost its last point.
function TestCurve:test_it_ends_at_the_highest_kl()
  for _, count in ipairs { 2, 3, 61, 241 } do
    local curve = frontier.curve({ { { point(0.3, 0, 1), point(0.9, 1, 1) } } }, count)
    lu.assertEquals({ #curve, curve[1].kl, curve[count].kl, curve[count].win }, { count, 0.3, 0.9, 1.0 })
  end
end

function TestCurve:test_one_seed_has_the_error_of_its_points()
  local a, b = point(1, 0, 1), point(2, 1, 1)
  a.se, b.se = 0.2, 0.1
  support.close(frontier.curve({ { { a, b } } }, 3)[2].half, 1.96 * 0.15, 1e-12)
  lu.assertEquals(frontier.curve({ { { a } } }, 3), {})
end

--- From 3 to 26 nats within one interval of checkpoints, as offline runs do: within 2 nats of an end, or half
-- of the KL, something was measured; elsewhere nothing was, for the table, the curve and the average.
function TestCurve:test_a_kl_without_a_measurement_near_it_is_left_out()
  local run = { point(1, 0.1, 0.1), point(3, 0.2, 0.2), point(26, 0.8, 0.8) }
  for _, case in ipairs {
    { 3, 0.2 }, { 5, 0.2 + 2 / 23 * 0.6 }, { 6, 0.2 + 3 / 23 * 0.6 }, { 10 }, { 17.3 },
    { 17.4, 0.2 + 14.4 / 23 * 0.6 }, { 26, 0.8 },
  } do
    local found = frontier.at_kl(run, case[1])
    if case[2] then support.close(found, case[2], 1e-12) else lu.assertNil(found) end
  end
  for _, at in ipairs(frontier.curve({ { run } }, 26)) do
    lu.assertTrue(at.kl <= 6 or at.kl >= 17.3, ("%g nats"):format(at.kl))
    lu.assertEquals(at.gap or false, at.kl == 18)
  end
  for _, at in ipairs(run) do at.halves = { at, at } end
  lu.assertNil(measures.area(8, 16)({ run }, function(at) return at.win end))
  local other = { point(8, 0.5), point(12, 0.5), point(18, 0.5) }
  support.close(frontier.best_at_kl({ run, other }, 10), 0.5, 1e-12)
end

TestJumps = {}

function TestJumps:test_a_jump_doubles_or_halves_the_kl_by_four_nats()
  -- Measured on the sentiment task, offline, seed 2: steps 90, 120, 150, 180.
  local run = {
    { step = 0, kl = 0 }, { step = 60, kl = 3.1 }, { step = 90, kl = 4.6 }, { step = 120, kl = 26.5 },
      { step = 150, kl = 15.9 },
    { step = 180, kl = 7.4 },
  }
  local found = {}
  for i, jump in ipairs(frontier.jumps(run)) do found[i] = { jump.from.step, jump.to.step } end
  lu.assertEquals(found, { { 90, 120 }, { 150, 180 } })
end

function TestJumps:test_a_first_checkpoint_far_from_the_start_is_a_jump()
  lu.assertEquals(#frontier.jumps { { step = 0, kl = 0 }, { step = 30, kl = 6.2 } }, 1)
  lu.assertEquals(#frontier.jumps { { step = 0, kl = 0 }, { step = 10, kl = 0.2 }, { step = 20, kl = 1.5 } },
    0)
end

os.exit(lu.LuaUnit.run())
