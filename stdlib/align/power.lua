--- How many repetitions of the whole pipeline a stated difference needs.
--
-- The test is the two-sided paired t-test over outer seeds: both sides of a repetition share start, data,
-- proxy and golden policy, so their difference is what is tested, and `sd` is the standard deviation of these
-- differences. Cohen 1988, "Statistical Power Analysis for the Behavioral Sciences", ch. 2.
--
--   > local power = require "perilune.align.power"
--   > power { effect = 0.05, sd = 0.1 }
--   34
--   > power { differences = { 0.02, 0.11, 0.05, 0.14, 0.03 }, effect = 0.05 }
--   11
--
-- With `seeds` it gives the chance to find the difference with so many repetitions instead.
--
--   > ("%.2f"):format(power { effect = 0.05, sd = 0.1, seeds = 5 })
--   0.14
--
-- Errors: neither `sd` nor two `differences` are given; a difference, or their spread, is not finite; an
-- option is unknown or out of range; more than 100,000 repetitions would be needed.
local options = require "perilune.options"
local stats = require "perilune.align.evaluate.stats"
local student = require "perilune.align.evaluate.student"

local spec = options.spec("align.power", {
  { "effect", options.required "number", "the difference to be found, in the unit of `sd`" },
  { "sd", options.optional("number"), "standard deviation of the differences", above = 0 },
  { "differences", options.optional "table", "measured differences, one a repetition, in place of `sd`" },
  { "power", 0.8, "the chance to find it", above = 0.05, below = 1 },
  { "level", 0.05, "level of the test", above = 0, below = 0.5 },
  { "seeds", options.optional("integer", 2, student.most),
    "repetitions: gives the chance to find the effect with these" },
})

--- The standard deviation of measured differences.
local function deviation(differences)
  stats.check(differences, "align.power: differences", 2)
  local found = stats.summary(differences)
  local sd = found.se * math.sqrt(found.count)
  if sd - sd ~= 0 then
    error("align.power: differences: they are too far apart for a standard deviation", 3)
  end
  return sd
end

return function(given)
  local o = spec:fill(given)
  if not o.sd and not (o.differences and #o.differences >= 2) then
    error("align.power: give `sd`, or `differences` of at least two repetitions", 2)
  end
  if o.sd and o.differences then error("align.power: give `sd` or `differences`, not both", 2) end
  local sd = o.sd or deviation(o.differences)
  if o.effect == 0 then error("align.power: option 'effect' must not be 0", 2) end
  if o.seeds then return student.power(o.effect, sd, o.seeds, o.level) end
  local wanted = student.repetitions(o.effect, sd, o.power, o.level)
  if not wanted then
    error(("align.power: a difference of %g with a standard deviation of %g needs more than %d repetitions")
      :format(o.effect, sd, student.most), 2)
  end
  return wanted
end
