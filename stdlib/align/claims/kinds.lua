--- The kinds of claims: what each measures of the sides of a comparison.
--
-- Each gives a claim, a table of the options below with `estimate(sides, resampling, results)`, which
-- `claims.judge` calls. `claims` has them under the same names.
local bootstrap = require "perilune.align.evaluate.bootstrap"
local check = require "perilune.align.claims.check"
local frontier = require "perilune.align.evaluate.frontier"
local interval = require "perilune.align.claims.interval"
local measures = require "perilune.align.compare.measures"
local options = require "perilune.options"
local rule = require "perilune.align.claims.rule"
local stats = require "perilune.align.evaluate.stats"

local kinds = {}

local spec = options.spec("align.claims", {
  { "expect", options.choice("above", rule.expectations), "where the paper expects the number" },
  { "paper", "", "what the paper found, a sentence" },
  { "by", "Tang et al.", "who found it" },
  { "margin", 0.05, "the size below which a difference is none", above = 0 },
  { "name", "", "the claim in words; unless given, that of its kind" },
  { "unit", "", "the unit of the number, such as \"nats\"; of none for a win rate" },
})

--- A claim of filled options about the sides of these labels, and `estimate(sides, resampling)`, which gives
-- an interval or nil; `missing` says why there may be none.
local function claim(kind, about, name, given, estimate, missing)
  local o = spec:fill(given, 2)
  if o.name == "" then o.name = name end
  o.kind, o.about, o.estimate, o.missing = kind, about, estimate, missing
  return o
end

--- The name of a claim about sides; several that are pooled are told as one.
local function named(text, ...)
  local sides = table.pack(...)
  for i, side in ipairs(sides) do
    if type(side) == "table" then sides[i] = table.concat(side, " and ") end
  end
  return text:format(table.unpack(sides, 1, sides.n))
end

-- What differences of win rates lie within.
local differences <const> = { -1, 1 }

--- The estimate of a measure of one side.
local function of_side(side, measure)
  return function(sides, resampling)
    return frontier.interval(sides(side), measure, resampling.halved, differences)
  end
end

--- The estimate of a measure of one side less that of another.
local function of_two(first, second, measure)
  return function(sides, resampling)
    return frontier.difference(sides(first), sides(second), measure, resampling.halved, differences)
  end
end

--- The win rate at the peak, the checkpoint chosen on one half of the prompts and reported on the other, of
-- one side less that of another.
function kinds.peak(first, second, given)
  check.labels("peak", first, second)
  return claim("peak", { first, second }, named("the peak of %s less that of %s", first, second), given,
    of_two(first, second, measures.peak))
end

--- As `peak`, over equally many checkpoints: the side that has more of them in a repetition, as one that
-- pools several settings, keeps as many as the other one has, evenly by the rank of their KL.
function kinds.even_peak(first, second, given)
  check.labels("even_peak", first, second)
  local name = named("the peak of %s less that of %s, over equally many checkpoints", first, second)
  return claim("even_peak", { first, second }, name, given, of_two(first, second, measures.even_peak))
end

--- The win rate at a KL of one side less that of another, each that of the best of its pooled runs, chosen on
-- one half of the prompts and reported on the other.
function kinds.at_kl(first, second, kl, given)
  check.labels("at_kl", first, second)
  check.kl("at_kl", kl)
  local name = named("%s less %s at %g nat%s", first, second, kl, kl == 1 and "" or "s")
  return claim("at_kl", { first, second }, name, given, of_two(first, second, measures.at("kl", kl)),
    "no repetition of both was measured near it")
end

--- The mean win rate over log KL, from 0.25 nats to what both sides reach in every seed (the area under the
-- curve, AUC, over its width), of one side less another. KLs at which one of a pair of seeds was not measured
-- are left out, and the number says how many.
function kinds.on_average(first, second, given)
  check.labels("on_average", first, second)
  local name = named("%s less %s on average over log KL", first, second)
  return claim("on_average", { first, second }, name, given,
    function(sides, resampling)
      local a, b = sides(first), sides(second)
      local low, high = measures.shared { { by_seed = a }, { by_seed = b } }
      if not low then return nil end
      local found = frontier.difference(a, b, measures.area(low, high), resampling.halved, differences)
      if found then
        local measured = bootstrap.by_repetition(frontier.paired(a, b), function(pair)
          return measures.measured(pair[1], pair[2], low, high)
        end)
        local share = stats.summary(measured).mean
        found.note = (", %.2g to %.2g nats"):format(low, high)
          .. (share < 1 and (", %.0f %% of them measured"):format(100 * share) or "")
      end
      return found
    end, "no KL is reached by both in every repetition")
end

-- Why a fall has no number: whatever is expected of it, such a run tells nothing of it.
local no_fall <const> = "still rising at the end, or never above the start"

--- The win rate at the peak less that of the last checkpoint of the same run: above 0 where the run passes
-- its own peak. Repetitions that are still rising at their end, or never rise above the start, are left out.
function kinds.fall(side, given)
  check.labels("fall", side)
  return claim("fall", { side }, named("the peak of %s less its end", side), given,
    of_side(side, measures.fall), no_fall)
end

--- The win rate at the peak of all pooled runs less the highest one where the KL is at least 1.5 times that
-- of the peak: above 0 where the win rate falls as the KL grows, whichever run goes there. Repetitions that
-- never rise above the start are left out.
function kinds.past_peak(side, given)
  check.labels("past_peak", side)
  local name <const> = "the peak of %s less its best at %g times the KL or more"
  return claim("past_peak", { side }, named(name, side, measures.beyond), given,
    of_side(side, measures.past_peak),
    ("no run goes on to %g times the KL of a peak above the start"):format(measures.beyond))
end

--- The estimate of `measure(runs, others, win)` of the seeds that two sides share; what it lies within.
local function of_pairs(first, second, range, measure)
  return function(sides, resampling)
    return frontier.interval(frontier.paired(sides(first), sides(second)), function(pair, win)
      return measure(pair[1], pair[2], win)
    end, resampling.halved, range)
  end
end

--- What one side loses from the step of the peak of another to its end: above 0 where it falls too. Seeds in
-- which the other one still rises at its end are left out, whatever the first one does.
function kinds.meanwhile(side, other, given)
  check.labels("meanwhile", side, other)
  local name = named("%s at the step of the peak of %s less its end", side, other)
  return claim("meanwhile", { side, other }, name, given,
    of_pairs(side, other, differences, function(runs, others, win)
      return measures.meanwhile(runs, win, others)
    end), named("no repetition of both in which %s passes a peak above its start", other))
end

--- The fall of one side, as `claims.fall` measures it, less what another side loses over the same steps,
-- which is below 0 where that one rises. Seeds in which the first one still rises at its end are left out.
function kinds.falls(first, second, given)
  check.labels("falls", first, second)
  local name = named("the fall of %s less that of %s over the same steps", first, second)
  return claim("falls", { first, second }, name, given,
    of_pairs(first, second, { -2, 2 }, function(runs, others, win)
      local own = measures.fall(runs, win)
      return own and own - measures.meanwhile(others, win, runs)
    end), named("no repetition of both in which %s passes a peak above its start", first))
end

--- What choosing the highest of all checkpoints and settings on all prompts would add to the peak of a side:
-- the bias of pooling, of which all other claims are free.
function kinds.pooling(side, given)
  check.labels("pooling", side)
  return claim("pooling", { side }, named("the highest of all points of %s less its peak", side), given,
    of_side(side, measures.pooling))
end

--- What a factor does to a difference of peaks: that of the first two of four sides less that of the last
-- two.
function kinds.interaction(four, given)
  check.four("interaction", four)
  check.labels("interaction", table.unpack(four))
  local name <const> = "(the peak of %s less that of %s) less (the peak of %s less that of %s)"
  local function measure(runs, win)
    local peaks = {}
    for i = 1, 4 do peaks[i] = measures.peak(runs[i], win) end
    return (peaks[1] - peaks[2]) - (peaks[3] - peaks[4])
  end
  return claim("interaction", four, named(name, table.unpack(four)), given, function(sides, resampling)
    local items = frontier.paired(sides(four[1]), sides(four[2]), sides(four[3]), sides(four[4]))
    return frontier.interval(items, measure, resampling.halved, { -2, 2 })
  end)
end

--- The 90 % quantile of the win rates of all checkpoints, of one side less another ("best possible
-- performance", Tang et al. 2024, fig. 11). Noise of the win rates raises it, on both sides alike where they
-- have as many checkpoints.
function kinds.quantile(first, second, given)
  check.labels("quantile", first, second)
  local measure = measures.quantile(0.9)
  local name = named("the 90 %% quantile of %s less that of %s", first, second)
  return claim("quantile", { first, second }, name, given,
    function(sides, resampling)
      return frontier.difference(sides(first), sides(second), measure, resampling.whole, differences)
    end)
end

--- A number of one's own: `values(results, sides)` gives a list, one number a repetition. Its interval is
-- over repetitions alone. `results` is what was given to `claims.judge`, such as the findings of an
-- experiment; `sides(label)` are the seeds of a side, and `sides { label, ... }` those of several.
function kinds.value(name, values, given)
  check.name("value", name)
  check.callable("value", "values", values)
  return claim("value", {}, name, given, function(sides, _, results)
    return interval.of_values(values(results, sides), name)
  end)
end

--- A number of one's own that is made of win rates: `measure(item, win, results)` gives that of a seed, or
-- nil. `item` has the runs of the sides of these labels, in their order; `win(point)` is the win rate of a
-- point or of one half of it, `point.halves[1]`. So the interval has the choice of prompts in it, unlike that
-- of `claims.value`. `results` is as there.
function kinds.measure(name, labels, measure, given)
  check.name("measure", name)
  check.list_of_labels("measure", labels)
  check.labels("measure", table.unpack(labels))
  check.callable("measure", "measure", measure)
  return claim("measure", labels, name, given, function(sides, resampling, results)
    local by_side = {}
    for i, label in ipairs(labels) do by_side[i] = sides(label) end
    return frontier.interval(frontier.paired(table.unpack(by_side)), function(item, win)
      -- A whole point has the mean of its halves' win rates, from the same draw of prompts.
      local function win_of(point)
        if not point.halves then return win(point) end
        return (win(point.halves[1]) + win(point.halves[2])) / 2
      end
      local value = measure(item, win_of, results)
      if value then check.values(name, { value }) end
      return value
    end, resampling.halved)
  end)
end

--- The mean over pooled runs of `value(run)`; nil where none has it.
local function mean_of(runs, value)
  local list = {}
  for _, run in ipairs(runs) do list[#list + 1] = value(run) end
  return #list > 0 and stats.summary(list).mean or nil
end

--- The estimate of numbers of a side that are no win rates: `value(runs)` of each seed; errors call them
-- `name`.
local function of_values(side, name, value)
  return function(sides) return interval.of_values(bootstrap.by_repetition(sides(side), value), name) end
end

--- A figure of the points of a side, such as the proxy's accuracy, at its last checkpoint less that at the
-- first after the start. `field(point)` gives the number of a point, or nil.
function kinds.change(side, name, field, given)
  check.labels("change", side)
  check.name("change", name)
  check.callable("change", "field", field)
  local read = check.reader(name, field)
  local function change(run)
    local first = run[1].step == 0 and run[2] or run[1]
    local a, b = first and read(first), read(run[#run])
    return a and b and b - a or nil
  end
  return claim("change", { side }, named("%s of %s, the last checkpoint less the first", name, side), given,
    of_values(side, name, function(runs) return mean_of(runs, change) end))
end

--- A figure of the points of a side at the last checkpoint less that at the peak of the win rate, of the run
-- that has the peak: what became of it over the span in which the win rate fell. Repetitions whose peak is
-- the last checkpoint, or the start, have no such span and are left out.
function kinds.since_peak(side, name, field, given)
  check.labels("since_peak", side)
  check.name("since_peak", name)
  check.callable("since_peak", "field", field)
  local read = check.reader(name, field)
  local function change(runs)
    local _, peak, is_last, run = frontier.peak(runs)
    local a, b = read(peak), read(run[#run])
    return not is_last and peak.step ~= 0 and a and b and b - a or nil
  end
  return claim("since_peak", { side }, named("%s of %s, the end less the peak of the win rate", name, side),
    given, of_values(side, name, change))
end

--- A figure of the points of a side at the highest win rate where the KL is at least 1.5 times that of the
-- peak, less that at the peak: what became of it over the span that `claims.past_peak` measures. Repetitions
-- whose peak is the start are left out, as there.
function kinds.beyond_peak(side, name, field, given)
  check.labels("beyond_peak", side)
  check.name("beyond_peak", name)
  check.callable("beyond_peak", "field", field)
  local read = check.reader(name, field)
  local function change(runs)
    local _, peak = frontier.peak(runs)
    if peak.step == 0 then return nil end
    local beyond = {}
    for i, one in ipairs(measures.points_beyond(runs, peak)) do beyond[i] = one.point end
    local _, best = frontier.peak { beyond }
    local a, b = read(peak), best and read(best)
    return a and b and b - a or nil
  end
  local text <const> = "%s of %s, its best at %g times the KL of the peak or more less the peak"
  return claim("beyond_peak", { side }, named(text, name, side, measures.beyond), given,
    of_values(side, name, change))
end

--- A figure of the points at the last checkpoint of one side less that of another, seed by seed.
function kinds.at_end(first, second, name, field, given)
  check.labels("at_end", first, second)
  check.name("at_end", name)
  check.callable("at_end", "field", field)
  local read = check.reader(name, field)
  local function last(run) return read(run[#run]) end
  local text = named("%s of %s less that of %s at the end", name, first, second)
  return claim("at_end", { first, second }, text, given,
    function(sides)
      return interval.of_values(interval.differences(sides(first), sides(second), function(runs)
        return mean_of(runs, last)
      end), name)
    end)
end

--- The field of a point that an instrument measured: its sum over its count; nil where it was not measured.
--
--   > kinds.instrument "classifier/data" { instruments = { ["classifier/data"] = { sum = 3, count = 4 } } }
--   0.75
function kinds.instrument(name)
  check.name("instrument", name)
  return function(point)
    local figure = point.instruments and point.instruments[name]
    return figure and figure.count > 0 and figure.sum / figure.count or nil
  end
end

return options.strict("align.claims.kinds", kinds)
