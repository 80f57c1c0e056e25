--- The interval over repetitions, seeds and prompts: how often it holds the number it is about.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local bootstrap = require "perilune.align.evaluate.bootstrap"
local stats = require "perilune.align.evaluate.stats"
local student = require "perilune.align.evaluate.student"
local system = require "perilune.system"

local function measure(point, win) return win(point) end

--- Experiments of five repetitions whose expected win rate is 0.5, which differ by `between` from repetition
-- to repetition and by `of_prompt` from prompt to prompt: the share of `trials` whose interval holds 0.5, and
-- the mean half width over that of Student's t of the five numbers.
local function simulated(between, of_prompt, trials)
  local prompts <const>, repetitions <const> = 64, 5
  local drawn = 0
  local function uniform()
    drawn = drawn + 1
    return system.uniform(3, "simulated", drawn)
  end
  local function normal()
    return math.sqrt(-2 * math.log(1 - uniform())) * math.cos(2 * math.pi * uniform())
  end
  local draws = stats.resampling { prompts = prompts, clusters = repetitions, draws = 100 }
  local held, width = 0, 0.0
  for _ = 1, trials do
    local hardness, items = {}, {}
    for i = 1, prompts do hardness[i] = of_prompt * normal() end
    for r = 1, repetitions do
      local own, wins, sum = between * normal(), {}, 0
      for i = 1, prompts do
        wins[i] = uniform() < 0.5 + own + hardness[i] and 1 or 0
        sum = sum + wins[i]
      end
      items[r] = { wins = wins, win = sum / prompts }
    end
    local found = bootstrap.interval(items, measure, draws)
    if found.low <= 0.5 and 0.5 <= found.high then held = held + 1 end
    width = width + (found.high - found.low) / 2
      / (student.quantile(0.975, repetitions - 1) * stats.summary(found.values).se) / trials
  end
  return held / trials, width
end

TestBootstrap = {}

--- Of 400 trials a share of 0.95 has a standard error of 0.011.
function TestBootstrap:test_ninety_five_of_a_hundred_intervals_hold_the_mean()
  for _, case in ipairs { { 0.05, 0 }, { 0.1, 0.15 }, { 0, 0.25 } } do
    local held = simulated(case[1], case[2], 400)
    lu.assertTrue(held >= 0.915 and held <= 0.99, ("%g %g: %g"):format(case[1], case[2], held))
  end
end

--- Where repetitions have no prompt's hardness in common, the interval is about that of Student's t.
function TestBootstrap:test_noise_of_prompts_is_not_counted_twice()
  local _, width = simulated(0.1, 0, 100)
  lu.assertTrue(width >= 1 and width < 1.12, ("%g"):format(width))
end

--- By hand: the prompts' win rates are 0 and 1 in both repetitions, so each has the variance 0.25 / 2 over
-- draws of two prompts, the mean of both has it too, and v is 0.125 but for the noise of 4,000 draws.
function TestBootstrap:test_the_variance_of_prompts_that_repetitions_share()
  local draws = stats.resampling { prompts = 2, clusters = 2, draws = 4000 }
  local function item() return { wins = { 0, 1 }, win = 0.5 } end
  local found = bootstrap.interval({ item(), item() }, measure, draws)
  support.close(found.of_prompts, 0.125, 0.006)
  support.close(found.high - found.low, 2 * 1.96 * math.sqrt(found.of_prompts), 1e-9)
end

function TestBootstrap:test_repetitions_are_in_the_order_of_their_numbers()
  local items = { { 3, outer = 9 }, { 1, outer = 2 }, { 5, outer = 9 }, { outer = 1 } }
  lu.assertEquals(bootstrap.by_repetition(items, function(item) return item[1] end), { 1.0, 4.0 })
end

os.exit(lu.LuaUnit.run())
