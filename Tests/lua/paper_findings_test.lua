--- What the paper's figures make of finished runs: claims and numbers against values worked by hand.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local accuracy = require "perilune.paper.reading.accuracy"
local against = require "perilune.paper.reading.against"
local batches = require "perilune.align.batch"
local claims = require "perilune.align.claims"
local coverage = require "perilune.paper.reading.coverage"
local divergence = require "perilune.paper.reading.divergence"
local exceptions = require "perilune.paper.reading.exceptions"
local fit = require "perilune.paper.reading.fit"
local frequency = require "perilune.paper.reading.frequency"
local golden_pairs = require "perilune.paper.reading.golden_pairs"
local judges = require "perilune.align.judge"
local laws = require "perilune.paper.reading.laws"
local objectives = require "perilune.paper.objectives"
local models = require "perilune.models"
local renewals = require "perilune.paper.reading.renewals"
local sizes = require "perilune.paper.reading.sizes"

--- A point of two prompts, whose halves are one prompt each.
local function point(step, kl, a, b)
  return { step = step, kl = kl, win = (a + b) / 2, wins = { a, b } }
end

local function side(label, ...)
  local by_seed = {}
  for i, run in ipairs { ... } do by_seed[i] = { run, outer = i } end
  return { label = label, by_seed = by_seed }
end

local function judged(claim, sides, findings) return claims.judge({ claim }, sides, findings)[1] end

TestAgainst = {}

--- Chosen on either half the peak is the second point: (0.4 + 0.5) / 2, less the start's 0.1.
function TestAgainst:test_a_peak_over_its_start_and_below_its_writer()
  local run = { point(0, 0, 0.1, 0.1), point(1, 1, 0.5, 0.4), point(2, 2, 0.2, 0.2) }
  local writer = { point(0, 0, 0.1, 0.1), point(2, 3, 0.7, 0.8) }
  local sides = { side("data", run), side("online", writer) }
  lu.assertAlmostEquals(judged(against.start(claims, "data"), sides).mean, 0.35, 1e-12)
  lu.assertAlmostEquals(judged(against.writer(claims, "data", "online"), sides).mean, 0.45 - 0.75, 1e-12)
end

TestGoldenPairs = {}

--- "Not measured" was 0, of which the claim held.
function TestGoldenPairs:test_what_was_not_measured_is_not_chance()
  local sides = { side("online", { point(0, 0, 0.1, 0.1), point(1, 1, 0.5, 0.4) }) }
  local verdict = judged(golden_pairs.own(claims, "online"), sides)
  lu.assertEquals({ verdict.verdict, verdict.text }, { "not measured", nil })
end

--- 3 of 16 and 5 of 16 in two checkpoints: 8 of 32, below chance, which is not better than chance.
function TestGoldenPairs:test_below_chance_is_no_better_than_chance()
  local function run()
    local points = { point(1, 1, 0.5, 0.4), point(2, 2, 0.5, 0.4) }
    points[1].instruments = { ["classifier/own"] = { sum = 3, count = 16 } }
    points[2].instruments = { ["classifier/own"] = { sum = 5, count = 16 } }
    return points
  end
  local verdict = judged(golden_pairs.own(claims, "online"), { side("online", run(), run(), run()) })
  lu.assertEquals({ verdict.verdict, verdict.mean }, { "holds", -0.25 })
end

--- Two seeds of one repetition are one number: (0.7 + 0.9) / 2 - 1/2.
function TestGoldenPairs:test_seeds_of_a_repetition_are_one_number()
  local list = {}
  for i, last in ipairs { 0.7, 0.9, 0.6 } do
    list[i] = { outer = (i + 1) // 2, found = { online = { accuracy = { 0.5, last }, win = { 0.1, 0.2 } } } }
  end
  local claim = golden_pairs.at_end(claims, "online", "accuracy")
  local verdict = judged(claim, { side("online", { point(1, 1, 0.5, 0.4) }) }, list)
  lu.assertEquals(#verdict.values, 2)
  lu.assertAlmostEquals(verdict.values[1], 0.3, 1e-12)
  lu.assertAlmostEquals(verdict.values[2], 0.1, 1e-12)
  lu.assertEquals(#accuracy.correlation(list, { "online" }), 2)
end

TestFrequency = {}

local function renewed(loss, age)
  local points = {}
  for i = 1, 3 do
    points[i] = point(i, i, 0.5 - loss, 0.5 - loss)
    points[i].instruments = { ["ledger/staleness"] = { sum = age, count = 1 } }
  end
  return points
end

--- Every 16 steps lose 0.02, every 60 lose 0.2: in each draw 16 is the rarest that loses below 0.05.
function TestFrequency:test_the_rarest_renewal_that_loses_nothing()
  local sides = {
    side("renewed every 1", renewed(0, 0), renewed(0, 0), renewed(0, 0)),
    side("renewed every 16", renewed(0.02, 0.5), renewed(0.02, 0.5), renewed(0.02, 0.5)),
    side("renewed every 60", renewed(0.2, 4), renewed(0.2, 4), renewed(0.2, 4)),
  }
  local list = renewals.claims(claims, { every = "1,16,60" })
  local verdicts = claims.judge({ list[#list - 2], list[#list - 1], list[#list] }, sides)
  lu.assertEquals({ verdicts[1].mean, verdicts[1].low, verdicts[1].high }, { 15, 15, 15 })
  lu.assertEquals({ verdicts[2].mean, verdicts[2].verdict, verdicts[2].by },
    { 6, "holds", "Lanchantin et al. 2025" })
  lu.assertEquals({ verdicts[3].mean, verdicts[3].verdict }, { 0.5, "holds" })
end

--- "Every 10 to 100 steps costs nothing" held where every 3 steps cost nothing and every 16 did.
function TestFrequency:test_a_renewal_more_often_than_every_10_steps_refutes_10()
  local sides = {
    side("renewed every 1", renewed(0, 0), renewed(0, 0), renewed(0, 0)),
    side("renewed every 3", renewed(0.02, 0.5), renewed(0.02, 0.5), renewed(0.02, 0.5)),
    side("renewed every 16", renewed(0.2, 4), renewed(0.2, 4), renewed(0.2, 4)),
  }
  local list = renewals.claims(claims, { every = "1,3,16" })
  local verdict = judged(list[#list - 1], sides)
  lu.assertEquals({ verdict.mean, verdict.verdict, verdict.by },
    { -7, "does not hold", "Lanchantin et al. 2025" })
  local ten = renewals.claims(claims, { every = "1,10" })
  sides[2].label = "renewed every 10"
  lu.assertEquals(judged(ten[#ten - 1], sides).verdict, "holds")
end

--- Where no rarer renewal reaches 2 nats nothing was measured: that every 10 steps cost nothing was refuted
-- by a number of -9.
function TestFrequency:test_renewals_that_stay_near_the_start_say_nothing()
  local function near()
    local points = renewed(0, 0)
    for i, one in ipairs(points) do one.kl = i / 2 end
    return points
  end
  local sides = {
    side("renewed every 1", renewed(0, 0), renewed(0, 0)),
    side("renewed every 16", near(), near()),
  }
  local list = renewals.claims(claims, { every = "1,16" })
  for i = 0, 2 do
    local verdict = judged(list[#list - i], sides)
    lu.assertEquals(verdict.verdict, "not measured")
    lu.assertStrContains(verdict.missing, "no rarer renewal was measured from 2 nats on")
  end
end

--- Losses of 0.2 every 15 and 59 steps and of 0.04 every 239 gave 239.
function TestFrequency:test_a_rare_renewal_behind_one_that_costs_is_no_answer()
  local function at(steps, loss) return { steps = steps, by = { { loss = loss }, { loss = loss } } } end
  local found = frequency.rarest { at(0, 0), at(15, 0.2), at(59, 0.2), at(239, 0.04) }
  lu.assertEquals({ found.steps.mean, found.steps.high, found.steps.values[1] }, { 0, 0, 0 })
  local unknown = { steps = 15, by = { {}, {} } }
  lu.assertEquals(frequency.rarest({ at(0, 0), unknown, at(59, 0.01), at(239, 0.2) }).steps.mean, 59)
end

--- Of four repetitions one loses: its share among those drawn decides.
function TestFrequency:test_the_interval_is_over_draws_of_repetitions()
  local by = {}
  for i, loss in ipairs { 0, 0, 0, 0.16 } do by[i] = { loss = loss } end
  local found = frequency.rarest { { steps = 1, by = { { loss = 0 } } }, { steps = 8, by = by } }
  lu.assertEquals({ found.steps.low, found.steps.mean, found.steps.high }, { 1, 8, 8 })
  lu.assertEquals(found.steps.values, { 8, 8, 8, 1 })
  lu.assertNil(found.nats)
end

TestDivergence = {}

--- "Their final win rates are similar" was asked of the run without a batch, and of peaks: 0.8 and 0.5 here.
function TestDivergence:test_final_win_rates_are_those_of_the_stream_in_order()
  local o = { task = "arena", data = "", model = "", cost = -1, small = true }
  local function run(win) return { point(0, 0, 0.1, 0.1), point(1, 1, 0.8, 0.8), point(2, 2, win, win) } end
  local function sides(of_order, without)
    return { side("online", run(0.4), run(0.5)), side("in order", run(of_order), run(of_order + 0.1)),
      side("one batch missing", run(without), run(without)) }
  end
  local similar
  for _, claim in ipairs(divergence.claims(claims, o)) do
    if claim.paper:find "final win rates" then
      lu.assertNil(similar)
      similar = claim
    end
  end
  lu.assertEquals(judged(similar, sides(0.4, 0.0)).verdict, "holds")
  local other = judged(similar, sides(0.2, 0.4))
  lu.assertEquals(other.verdict, "does not hold")
  lu.assertAlmostEquals(other.mean, 0.2, 1e-12)
end

TestScale = {}

--- Shuffled data have half of online's best at the small size and 4/5 at the large one; the KL at online's
-- peak doubles.
function TestScale:test_shares_grow_and_peaks_move()
  local function run(kl, win) return { point(0, 0, 0, 0), point(1, kl, win, win) } end
  local sides = {
    side("online tiny", run(1, 0.4)), side("shuffled tiny", run(1, 0.2)), side("offline tiny", run(1, 0.1)),
    side("online large", run(2, 0.5)), side("shuffled large", run(1, 0.4)),
    side("offline large", run(2, 0.2)),
  }
  local found = {}
  for _, verdict in ipairs(claims.judge(sizes.claims(claims, { sizes = "tiny,large" }), sides)) do
    found[verdict.name] = verdict.mean
  end
  local doubled = found["log of the KL at the peak of online large less that of tiny"]
  lu.assertAlmostEquals(doubled, math.log(2), 1e-12)
  lu.assertAlmostEquals(found["offline's share of online's best, large less tiny"], 0.4 - 0.25, 1e-12)
  lu.assertAlmostEquals(found["the share of shuffled data, large less tiny"], 0.8 - 0.5, 1e-12)
  lu.assertAlmostEquals(found["by how much that share grows more than offline's"], 0.3 - 0.15, 1e-12)
end

TestLaws = {}

--- The error of a repetition is that of the other one's law: R = d (0.6 - 0.1 d) is off by 0.2 at d = 2.
function TestLaws:test_the_error_is_of_repetitions_that_were_left_out()
  local curve = { points = { { { 1, 0.5 }, { 2, 0.8 } }, { { 1, 0.5 }, { 2, 1.0 } } } }
  local found = laws.left_out(curve, fit.laws[1])
  lu.assertAlmostEquals(found[2], math.sqrt(0.2 ^ 2 / 2), 1e-12)
  lu.assertEquals(laws.left_out({ points = { curve.points[1] } }, fit.laws[1]), {})
end

--- a / 2b = 3 lies within d up to 4; a straight line has no peak.
function TestLaws:test_a_peak_beyond_what_was_measured_is_none()
  local function parabola(most)
    local points = {}
    for d = 1, most do points[d] = { d, d * (0.6 - 0.1 * d) } end
    return points
  end
  local found = laws.coefficients({ points = { parabola(4), parabola(2) } }, fit.laws[1])
  lu.assertEquals({ #found.a, #found.d }, { 2, 1 })
  lu.assertAlmostEquals(found.d[1], 3, 1e-9)
  lu.assertAlmostEquals(found.r[1], 0.9, 1e-9)
  lu.assertEquals(#laws.coefficients({ points = { { { 1, 0.5 }, { 2, 1 } } } }, fit.laws[1]).d, 0)
  -- R = d (-0.1 - 0.1 d) is highest at d = -0.5.
  lu.assertEquals(#laws.coefficients({ points = { { { 1, -0.2 }, { 2, -0.6 } } } }, fit.laws[1]).d, 0)
end

--- After all training the figure failed where a run had stayed at one KL.
function TestLaws:test_points_of_one_kl_determine_no_law()
  lu.assertNil(fit.law({ { 1e-4, 0.1 }, { 1e-4, 0.2 }, { 1e-4, 0.3 } }, fit.laws[2]))
  lu.assertEquals(laws.coefficients({ points = { { { 1, 0.1 }, { 1, 0.2 } } } }, fit.laws[1]).a, {})
end

TestObjectives = {}

--- Content is the first token, an error each 9. On the golden pair the margins are 2 of content and 1 of
-- text: their sizes. A lead of 3 in content is then 1.5, and two errors more are -2.
function TestObjectives:test_a_sum_weighs_by_size_and_an_order_does_not_trade()
  local task = {}
  function task.gold_parts(_, _, response)
    local errors = 0
    for _, id in ipairs(response) do errors = errors + (id == 9 and 1 or 0) end
    return { content = response[1], errors = errors, unfinished = 0 }
  end
  local golden = batches.of_pairs { { prompt = { 0 }, chosen = { 3 }, rejected = { 1, 9 } } }
  local stage = { task = task, golden_pairs = golden }
  local function asked(judge, a, b)
    return judges.ask(judge, models.rows({ { 0 } }, { a }), models.rows({ { 0 } }, { b }))[1]
  end
  local sum, order = objectives.weighted(stage), objectives.ordered(stage)
  lu.assertEquals({ asked(sum, { 4, 9, 9 }, { 1 }), asked(order, { 4, 9, 9 }, { 1 }) }, { 0, 0 })
  lu.assertEquals({ asked(sum, { 7, 9, 9 }, { 1 }), asked(order, { 7, 9, 9 }, { 1 }) }, { 1, 0 })
  lu.assertEquals({ asked(sum, { 2 }, { 1 }), asked(order, { 2 }, { 1 }), asked(order, { 2 }, { 2 }) },
    { 1, 1, 0.5 })
  lu.assertEquals(sum.name, "content and text, equal weights")
end

TestSupport = {}

--- Half of the answers cost the table 0.5 - 0.1 nats and the linear policy 0.2 - 0.1.
function TestSupport:test_what_missing_answers_cost_is_against_all_answers_of_the_same_policy()
  local sides = {}
  for label, distance in pairs { online = 0, all = 0.1, half = 0.5, ["a quarter"] = 0.9,
    ["linear, online"] = 0, ["linear, all"] = 0.1, ["linear, half"] = 0.2, ["linear, a quarter"] = 0.3 } do
    local run = { point(0, 0, 0.5, 0.5), point(1, 1, 0.5, 0.5) }
    for _, one in ipairs(run) do
      one.distance, one["over all"], one["over a quarter"] = distance, 0.1, 0
    end
    sides[#sides + 1] = side(label, run)
  end
  local verdicts = claims.judge(coverage.claims(claims), sides, {})
  lu.assertAlmostEquals(verdicts[#verdicts].mean, 0.3, 1e-12)
  lu.assertAlmostEquals(verdicts[2].mean, 0.4, 1e-12)
end

TestExceptions = {}

function TestExceptions:test_what_the_paper_found_on_the_arena_is_expected_there()
  local usual = { paper = "far below", margin = 0.1 }
  local found = exceptions.of("arena", "online over shuffled", usual)
  lu.assertEquals({ found.expect, found.margin, usual.expect }, { "equal", 0.1, nil })
  lu.assertEquals(exceptions.of("summary", "online over shuffled", usual), usual)
  local function largest(task)
    return sizes.claims(claims, { sizes = "tiny,large", task = task })[3].expect
  end
  lu.assertEquals({ largest "arena", largest "summary" }, { "equal", "above" })
end

os.exit(lu.LuaUnit.run())
