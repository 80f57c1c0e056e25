--- A sweep of 24 rows that only adds numbers, for tests of how sweeps are run.
--
--   SWEEP_PAUSE     seconds of a step
--   SWEEP_FAIL      a row of this rate and seed 2 on side b fails at step 7
--   SWEEP_RATES     rates, separated by commas, instead of four
--   SWEEP_SEEDS     seeds, instead of three
local perilune = require "perilune"
local sweep, system = perilune.sweep, perilune.system

local pause, fails = tonumber(os.getenv "SWEEP_PAUSE" or 0), tonumber(os.getenv "SWEEP_FAIL" or -1)
local rates = {}
for rate in (os.getenv "SWEEP_RATES" or "0.1,0.2,0.5,1"):gmatch "[^,]+" do
  rates[#rates + 1] = tonumber(rate)
end

local s = sweep {
  name = "toy", seeds = math.tointeger(os.getenv "SWEEP_SEEDS" or 3), quiet = true,
  grid = { rate = rates, side = { "a", "b" } },
}
local runs = s:each(function(c, job)
  local sum = { value = 0 }
  for step in job:with({ state = { sum = sum }, checkpoint_every = 5 }):steps(20) do
    if step == 7 and c.rate == fails and c.side == "b" and c.seed == 2 then error("no luck at step 7", 0) end
    sum.value = sum.value + c.rate * system.uniform(c.seed, c.side, step)
    job:log { value = sum.value }
    if pause > 0 then system.sleep(pause) end
  end
  return { final = sum.value }
end)
local found = runs:table { rows = "side", cols = "rate", value = "final", by = "seed" }
print(#runs, found:cell("a", rates[1]).count)
