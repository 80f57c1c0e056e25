--- Win rate at equal KL, by hand.
local support = dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/support.lua")
local lu = require "luaunit"
local frontier = require "perilune.align.frontier"

local function point(kl, ...) return { kl = kl, wins = { ... } } end

-- Means 0.25, 0.75, 0.5 at KL 0, 2, 6.
local rising = { point(0, 0, 0, 1, 0), point(2, 1, 1, 1, 0), point(6, 1, 0, 1, 0) }

TestFrontier = {}

function TestFrontier:test_between_points_the_win_rate_is_linear_in_kl()
  lu.assertEquals(frontier.at_kl(rising, 0), 0.25)
  lu.assertEquals(frontier.at_kl(rising, 1), 0.5)
  lu.assertEquals(frontier.at_kl(rising, 2), 0.75)
  lu.assertEquals(frontier.at_kl(rising, 3), 0.6875)
end

function TestFrontier:test_a_kl_that_is_never_reached_has_no_win_rate()
  lu.assertNil(frontier.at_kl(rising, 6.5))
  lu.assertNil(frontier.at_kl({ point(1, 1) }, 1))
  lu.assertNil(frontier.best_at_kl({ rising }, 7))
end

function TestFrontier:test_the_first_crossing_counts()
  -- Up to KL 4, back to 1, and up again: at KL 2 the way up comes first.
  local back = { point(0, 0), point(4, 1), point(1, 0), point(4, 0) }
  lu.assertEquals(frontier.at_kl(back, 2), 0.5)
end

function TestFrontier:test_two_points_at_one_kl_are_no_division_by_zero()
  lu.assertEquals(frontier.at_kl({ point(1, 1), point(1, 0) }, 1), 1.0)
end

function TestFrontier:test_chosen_prompts_alone_count()
  lu.assertEquals(frontier.at_kl(rising, 2, { 1, 1, 4 }), 2 / 3)
end

function TestFrontier:test_the_best_of_several_runs_and_the_peak()
  local flat = { point(0, 0.5, 0.5), point(8, 0.5, 0.5) }
  lu.assertEquals(frontier.best_at_kl({ rising, flat }, 0), 0.5)
  lu.assertEquals(frontier.best_at_kl({ rising, flat }, 2), 0.75)
  lu.assertEquals(frontier.best_at_kl({ rising, flat }, 7), 0.5)
  lu.assertEquals(frontier.peak { rising, flat }, 0.75)
end

local function at_one(runs, chosen) return frontier.best_at_kl(runs, 1, chosen) end

function TestFrontier:test_without_spread_the_interval_is_a_point()
  local run = { point(0, 0.5, 0.5), point(2, 1, 1) }
  local got = frontier.interval({ { run }, { run } }, at_one, 50)
  lu.assertEquals(got, { mean = 0.75, low = 0.75, high = 0.75, seeds = 2 })
end

function TestFrontier:test_seeds_without_a_measure_are_left_out()
  local short = { point(0, 1, 1), point(0.5, 1, 1) }
  local got = frontier.interval({ { rising }, { short } }, at_one, 50)
  lu.assertEquals({ got.mean, got.seeds }, { 0.5, 1 })
  lu.assertNil(frontier.interval({ { short } }, at_one, 50))
end

function TestFrontier:test_the_interval_holds_the_mean_and_narrows_with_prompts()
  local function noisy(n)
    local wins = {}
    for i = 1, n do wins[i] = i % 2 end
    return { { kl = 0, wins = wins }, { kl = 2, wins = wins } }
  end
  local few = frontier.interval({ { noisy(10) } }, at_one, 200)
  local many = frontier.interval({ { noisy(1000) } }, at_one, 200)
  for _, got in ipairs { few, many } do
    lu.assertEquals(got.mean, 0.5)
    lu.assertTrue(got.low < 0.5 and got.high > 0.5)
  end
  -- 1.96 * 0.5 / sqrt(1000) = 0.031 to each side.
  support.close(many.high - many.low, 0.062, 0.015, "width")
  lu.assertTrue(few.high - few.low > 4 * (many.high - many.low))
end

function TestFrontier:test_the_same_call_gives_the_same_interval()
  local a = frontier.interval({ { rising } }, at_one, 40)
  lu.assertEquals(a, frontier.interval({ { rising } }, at_one, 40))
end

function TestFrontier:test_a_difference_is_taken_seed_by_seed_on_the_same_prompts()
  local high, low = { point(0, 1, 1, 0, 1), point(2, 1, 1, 0, 1) }, { point(0, 0, 0, -1, 0), point(2, 0, 0, -1, 0) }
  -- Wins differ by 1 on every prompt, so the difference has no spread though each side has.
  local got = frontier.difference({ { high }, { high } }, { { low }, { low } }, at_one, 50)
  lu.assertEquals(got, { mean = 1.0, low = 1.0, high = 1.0, seeds = 2 })
  lu.assertNil(frontier.difference({ { high } }, { { point(0, 1, 1, 1, 1) } }, at_one, 50))
  lu.assertNil(frontier.difference({}, {}, at_one))
end

os.exit(lu.LuaUnit.run())
