--- Claims: what a paper found, as tests whose rule is set before the numbers are seen.
--
--   local claims = align.claims
--   local list = {
--     claims.peak("online", "offline", { expect = "above", paper = "online's peak is higher" }),
--     claims.at_kl("online", "offline", 4, { expect = "above" }),
--     claims.fall("online", { expect = "above", paper = "online rises and falls" }),
--   }
--   local verdicts = claims.judge(list, sides)
--
-- A claim expects a number to be "above" 0, "below" 0, or "equal" to 0 within its `margin` (0.05). A
-- difference below the margin is none. By its 95 % interval a claim
--
--   "equal"   holds within the margin, and does not hold wholly outside of it
--   "above"   holds above 0, and does not hold below the margin
--   "below"   holds below 0, and does not hold above minus the margin
--
-- and else it is not resolved at this size: the verdict says how many repetitions would resolve it. An
-- interval between 0 and the margin does not hold either.
--
-- Intervals are those of `align.claims.interval`: by the bootstrap over repetitions, seeds and prompts
-- together, widened for few repetitions. With one repetition no claim is resolved. They are not corrected for
-- the number of claims.
local frontier = require "perilune.align.evaluate.frontier"
local interval = require "perilune.align.claims.interval"
local measures = require "perilune.align.compare.measures"
local options = require "perilune.options"
local reading = require "perilune.align.compare.sides"
local rule = require "perilune.align.claims.rule"
local stats = require "perilune.align.evaluate.stats"

local claims = {}

local spec = options.spec("align.claims", {
  { "expect", options.choice("above", { "above", "below", "equal" }), "where the paper expects the number" },
  { "paper", "", "what the paper found, a sentence" },
  { "margin", 0.05, "the size below which a difference is none", above = 0 },
  { "name", "", "the claim in words; unless given, that of its kind" },
  { "unit", "", "the unit of the number, such as \"nats\"; of none for a win rate" },
})

--- A claim of filled options and `estimate(sides, resampling)`, which gives an interval or nil.
local function claim(kind, name, given, estimate)
  local o = spec:fill(given, 2)
  if o.name == "" then o.name = name end
  o.kind, o.estimate = kind, estimate
  return o
end

--- The win rate at the peak, the checkpoint chosen on one half of the prompts and reported on the other, of
-- one side less that of another.
function claims.peak(first, second, given)
  return claim("peak", ("the peak of %s less that of %s"):format(first, second), given,
    function(sides, resampling)
      return interval.of_difference(sides(first), sides(second), measures.peak, resampling.halved)
    end)
end

--- The win rate at a KL of one side less that of another, each the highest of its pooled runs.
function claims.at_kl(first, second, kl, given)
  local measure = measures.at("kl", kl)
  return claim("at_kl", ("%s less %s at %g nat%s"):format(first, second, kl, kl == 1 and "" or "s"), given,
    function(sides, resampling)
      return interval.of_difference(sides(first), sides(second), measure, resampling.whole)
    end)
end

--- The mean win rate over the KLs that both sides reach in every seed, of one side less another.
function claims.on_average(first, second, given)
  return claim("on_average", ("%s less %s on average over the KLs of both"):format(first, second), given,
    function(sides, resampling)
      local low, high = measures.shared { { by_seed = sides(first) }, { by_seed = sides(second) } }
      if not low then return nil end
      return interval.of_difference(sides(first), sides(second), measures.area(low, high), resampling.whole)
    end)
end

--- The win rate at the peak less that of the last checkpoint of the same run: above 0 where the run passes
-- its own peak.
function claims.fall(side, given)
  return claim("fall", ("the peak of %s less its end"):format(side), given, function(sides, resampling)
    return interval.of_side(sides(side), measures.fall, resampling.halved)
  end)
end

--- The win rate at the peak of all pooled runs less the highest one where the KL is at least 1.5 times that
-- of the peak: above 0 where the win rate falls as the KL grows, whichever run goes there.
function claims.past_peak(side, given)
  return claim("past_peak", ("the peak of %s less its best at 1.5 times the KL or more"):format(side), given,
    function(sides, resampling)
      return interval.of_side(sides(side), measures.past_peak, resampling.halved)
    end)
end

--- The fall of one side, as `claims.fall` measures it, less that of another.
function claims.falls(first, second, given)
  return claim("falls", ("the fall of %s less that of %s"):format(first, second), given,
    function(sides, resampling)
      return interval.of_difference(sides(first), sides(second), measures.fall, resampling.halved)
    end)
end

--- What a factor does to a difference of peaks: that of the first two of four sides less that of the last
-- two.
function claims.interaction(four, given)
  local name <const> = "(the peak of %s less that of %s) less (the peak of %s less that of %s)"
  local function measure(runs, win)
    local peaks = {}
    for i = 1, 4 do peaks[i] = measures.peak(runs[i], win) end
    return (peaks[1] - peaks[2]) - (peaks[3] - peaks[4])
  end
  return claim("interaction", name:format(table.unpack(four)), given, function(sides, resampling)
    local items = {}
    for seed, runs in ipairs(sides(four[1])) do
      local item = { runs, outer = runs.outer or seed }
      for i = 2, 4 do item[i] = sides(four[i])[seed] end
      if #item < 4 then break end  -- one of the sides has fewer seeds
      items[seed] = item
    end
    return interval.of_side(items, measure, resampling.halved)
  end)
end

--- The 90 % quantile of the win rates of all checkpoints, of one side less another ("best possible
-- performance", Tang et al. 2024, fig. 11).
function claims.quantile(first, second, given)
  local measure = measures.quantile(0.9)
  return claim("quantile", ("the 90 %% quantile of %s less that of %s"):format(first, second), given,
    function(sides, resampling)
      return interval.of_difference(sides(first), sides(second), measure, resampling.whole)
    end)
end

--- A number of one's own: `values(results, sides)` gives a list, one number a repetition. `results` is what
-- was given to `claims.judge`, such as the findings of an experiment; `sides(label)` are the seeds of a side,
-- and `sides { label, ... }` those of several.
function claims.value(name, values, given)
  return claim("value", name, given, function(sides, _, results)
    return interval.of_values(values(results, sides))
  end)
end

--- The mean over pooled runs of `value(run)`; nil where none has it.
local function mean_of(runs, value)
  local list = {}
  for _, run in ipairs(runs) do list[#list + 1] = value(run) end
  return #list > 0 and stats.summary(list).mean or nil
end

--- A figure of the points of a side, such as the proxy's accuracy, at its last checkpoint less that at the
-- first after the start. `field(point)` gives the number of a point, or nil.
function claims.change(side, name, field, given)
  local function change(run)
    local first = run[1].step == 0 and run[2] or run[1]
    local a, b = first and field(first), field(run[#run])
    return a and b and b - a or nil
  end
  return claim("change", ("%s of %s, the last checkpoint less the first"):format(name, side), given,
    function(sides)
      return interval.of_values(interval.by_repetition(sides(side), function(runs)
        return mean_of(runs, change)
      end))
    end)
end

--- A figure of the points of a side at the last checkpoint less that at the peak of the win rate, of the run
-- that has the peak: what became of it over the span in which the win rate fell. Repetitions whose peak is
-- the last checkpoint have no such span and are left out.
function claims.since_peak(side, name, field, given)
  local function change(runs)
    local best, peak, last
    for _, run in ipairs(runs) do
      for _, point in ipairs(run) do
        if not best or point.win > best then best, peak, last = point.win, point, run[#run] end
      end
    end
    local a, b = field(peak), field(last)
    return peak ~= last and a and b and b - a or nil
  end
  return claim("since_peak", ("%s of %s, the end less the peak of the win rate"):format(name, side), given,
    function(sides) return interval.of_values(interval.by_repetition(sides(side), change)) end)
end

--- A figure of the points at the last checkpoint of one side less that of another, seed by seed.
function claims.at_end(first, second, name, field, given)
  local function last(run) return field(run[#run]) end
  return claim("at_end", ("%s of %s less that of %s at the end"):format(name, first, second), given,
    function(sides)
      return interval.of_values(interval.differences(sides(first), sides(second), function(runs)
        return mean_of(runs, last)
      end))
    end)
end

--- The field of a point that an instrument measured: its sum over its count; nil where it was not measured.
--
--   > claims.instrument "classifier/data" { instruments = { ["classifier/data"] = { sum = 3, count = 4 } } }
--   0.75
function claims.instrument(name)
  return function(point)
    local figure = point.instruments and point.instruments[name]
    return figure and figure.count > 0 and figure.sum / figure.count or nil
  end
end

--- The number and its interval, and of how many of `all` repetitions it is.
local function shown(found, all)
  if #found.values < 2 then return ("%.3f (one repetition)"):format(found.mean) end
  local text = ("%.3f [%.3f, %.3f]"):format(found.mean, found.low, found.high)
  return #found.values < all and ("%s (%d of %d)"):format(text, #found.values, all) or text
end

--- The largest number of repetitions of a side.
local function repetitions(sides)
  local most = 0
  for _, side in ipairs(sides) do
    most = math.max(most, #interval.by_repetition(side.by_seed, function() return 0 end))
  end
  return most
end

--- The bootstrap draws of sides, for whole lists of prompts and for halves of them.
local function resampling_of(sides, draws)
  local whole = frontier.resampling(sides[1].by_seed, draws)
  return { whole = whole, halved = whole:halved() }
end

--- Judges claims by the sides of a comparison: { label =, by_seed = } as in `evaluate.report`. `results` is
-- passed to the claims of `claims.value`. Gives a list of { name, paper, kind, verdict, mean, low, high,
-- seeds, values, text }; the verdict is "holds", "does not hold", "not resolved" or "not measured".
--
-- Errors: a claim names a side that is not there.
--
--   > local function point(step, kl, win) return { step = step, kl = kl, win = win, wins = { win, win } } end
--   > local function run(win) return { point(1, 1, win), point(2, 3, win) } end
--   > local sides = { { label = "online", by_seed = { { run(0.7) }, { run(0.8) } } },
--   >>   { label = "offline", by_seed = { { run(0.5) }, { run(0.6) } } } }
--   > local function kl(at) return at.kl end
--   > local function mine() return { 0.1, 0.2 } end
--   > local list = { claims.peak("online", "offline"), claims.at_kl("online", "offline", 2),
--   >>   claims.on_average("online", "offline"), claims.fall("online", { expect = "equal" }),
--   >>   claims.quantile("online", "offline"), claims.change("online", "KL", kl, { unit = "nats" }),
--   >>   claims.at_end("online", "offline", "KL", kl), claims.value("mine", mine),
--   >>   claims.falls("online", "offline"), claims.since_peak("online", "KL", kl),
--   >>   claims.interaction { "online", "offline", "online", "online" }, claims.past_peak "online" }
--   > local verdicts = claims.judge(list, sides)
--   > verdicts[1].verdict, #verdicts, ("%.1f"):format(verdicts[11].mean)
--   holds	12	0.2
--   > #claims.cells(verdicts)
--   4
function claims.judge(list, sides, results)
  local read, by_label = reading.read(sides, 1), {}
  for _, side in ipairs(read) do by_label[side.label] = side.by_seed end
  local side_of
  function side_of(label)
    if type(label) == "table" then
      local all = {}
      for _, one in ipairs(label) do table.move(side_of(one), 1, #side_of(one), #all + 1, all) end
      return all
    end
    if not by_label[label] then
      error(("align.claims: there is no side '%s'; %s"):format(label, options.suggest(label, by_label)), 0)
    end
    return by_label[label]
  end
  local resampling, verdicts, all = resampling_of(read, 300), {}, repetitions(read)
  for i, o in ipairs(list) do
    local found = o.estimate(side_of, resampling, results)
    local verdict = {
      name = o.name, paper = o.paper, kind = o.kind, expect = o.expect, verdict = "not measured",
    }
    if found then
      verdict.verdict = rule.verdict(o, found)
      verdict.mean, verdict.seeds, verdict.values = found.mean, found.seeds, found.values
      if #found.values > 1 then verdict.low, verdict.high = found.low, found.high end
      verdict.text = shown(found, all) .. (o.unit ~= "" and " " .. o.unit or "")
      if verdict.verdict == "not resolved" then verdict.remedy = rule.remedy(o, found) end
    end
    verdicts[i] = verdict
  end
  return verdicts
end

--- Header and rows of a table of verdicts.
function claims.cells(verdicts)
  local rows = {}
  for i, one in ipairs(verdicts) do
    local verdict = one.verdict
    if one.remedy then verdict = verdict .. " at this size: " .. one.remedy end
    rows[i] = { one.paper ~= "" and one.paper or "-", one.name, one.text or "-", verdict }
  end
  return { "the paper found", "measured", "value, 95 %", "verdict" }, rows
end

return options.strict("align.claims", claims)
