--- The laws of over-optimisation fitted to the runs of an experiment, for `overopt`.
local evaluate = require "perilune.align.evaluate"
local fit = require "perilune.paper.fit"
local judges = require "perilune.align.judge"
local models = require "perilune.models"
local options = require "perilune.options"

local laws = {}

local most <const> = 64

--- The win rate of the best of n responses of the start by the proxy, for n = 1, 2, 4 ... 64: a list of
-- { kl, win }. The KL is log n - (n - 1) / n, an upper bound where responses are equal (Beirami et al. 2024,
-- arXiv:2401.01879). Responses are compared one after another, the winner stays. It is `after` of
-- experiment.compare; a job without the run "online" has none.
--
--   > require "perilune.paper.laws".best_of_n({}, { done = {} })
--   nil
function laws.best_of_n(stage, run)
  if not run.done.online then return nil end
  local prompts = table.move(stage.test, 1, math.min(128, #stage.test), 1, {})
  local drawn = stage.start:sample(prompts, { count = most, max_new_tokens = stage.task.max_response,
    stop = stage.task.stop, seed = run.seed }):responses()
  local against = evaluate.baseline(stage.golden, { task = stage.task, prompts = prompts, seed = run.seed })
  local best, found = {}, {}
  for k = 1, most do
    local these = {}
    for i = 1, #prompts do these[i] = drawn[(i - 1) * most + k] end
    if k == 1 then
      best = these
    else
      local wins = judges.ask(judges.as_judge(stage.proxy), models.rows(prompts, these),
        models.rows(prompts, best))
      for i, p in ipairs(wins) do best[i] = p > 0.5 and these[i] or best[i] end
    end
    if k & (k - 1) == 0 then
      local win = evaluate.compare(stage.gold, models.rows(prompts, best), against).mean
      found[#found + 1] = { kl = math.log(k) - (k - 1) / k, win = win }
    end
  end
  return found
end

--- The points { d, R } of a run after the start: R is the win rate less that of the start.
local function points_of(run)
  local points = {}
  for i = 2, #run do
    if run[i].kl > 0 then points[#points + 1] = { math.sqrt(run[i].kl), run[i].win - run[1].win } end
  end
  return points
end

--- The errors of both laws on points: two numbers, and the coefficients of each.
local function errors_of(points)
  local list = {}
  for i, law in ipairs(fit.laws) do list[i] = { fit.law(points, law) } end
  return list
end

--- What there is to fit: online, offline, and best-of-n, each with the points of a repetition.
local function curves(sides, findings)
  local list = {}
  for _, label in ipairs { "online", "offline, one setting" } do
    local points = {}
    for i, runs in ipairs(sides(label)) do points[i] = points_of(runs[1]) end
    list[#list + 1] = { label = label, points = points }
  end
  local points = {}
  for _, one in ipairs(findings) do
    if one.found then points[#points + 1] = points_of(one.found) end
  end
  list[#list + 1] = { label = "best of n", points = points }
  return list
end

--- The root mean squared error of the first law less that of the second, one number a repetition: above 0
-- where d (a - b log d) fits better.
local function advantage(curve)
  local values = {}
  for _, points in ipairs(curve.points) do
    if #points >= 3 then
      local found = errors_of(points)
      values[#values + 1] = found[1][1] - found[2][1]
    end
  end
  return values
end

--- Claims on which law fits online, offline and best-of-n better; `claims` is align.claims. The number is
-- that of `advantage`, in win rates.
--
--   > local list = laws.claims(require "perilune.align.claims")
--   > #list, list[1].expect, list[3].expect
--   3	above	below
function laws.claims(claims)
  local function of(i, label, o)
    return claims.value(("error of d (a - b d) less that of d (a - b log d), %s"):format(label),
      function(findings, sides) return advantage(curves(sides, findings)[i]) end, o)
  end
  return {
    of(1, "online", { margin = 0.005, paper = "The law of reinforcement learning fits online." }),
    of(2, "offline", { margin = 0.005, paper = "The same law fits offline (Rafailov et al. 2024)." }),
    of(3, "best of n", { margin = 0.005, expect = "below", paper = "The other law fits best-of-n." }),
  }
end

--- Adds the coefficients of both laws to a page, means over repetitions, from the sides and findings of
-- experiment.compare. Runs of fewer than three points after the start are left out.
--
--   > local page = { table = function(_, made) print(#made.rows, made.rows[1][1], made.rows[1][5]) end }
--   > local run = { { step = 0, kl = 0, win = 0.5 } }
--   > for d = 1, 3 do run[d + 1] = { step = d, kl = d * d, win = 0.5 + d * (0.4 - 0.1 * d) } end
--   > local sides = { { label = "online", by_seed = { { run } } },
--   >>   { label = "offline, one setting", by_seed = { { run } } } }
--   > laws.section(page, sides, {})
--   4	online	0.100
function laws.section(page, sides, findings)
  local by_label, rows = {}, {}
  for _, side in ipairs(sides) do by_label[side.label] = side.by_seed end
  for _, curve in ipairs(curves(function(label) return by_label[label] end, findings)) do
    local sums, count = { { 0, 0, 0 }, { 0, 0, 0 } }, 0
    for _, points in ipairs(curve.points) do
      if #points >= 3 then
        count = count + 1
        for i, found in ipairs(errors_of(points)) do
          for k = 1, 3 do sums[i][k] = sums[i][k] + found[k] end
        end
      end
    end
    for i, law in ipairs(count > 0 and fit.laws or {}) do
      rows[#rows + 1] = { curve.label, law.name, ("%.4f"):format(sums[i][1] / count),
        ("%.3f"):format(sums[i][2] / count), ("%.3f"):format(sums[i][3] / count) }
    end
  end
  page:table { header = { "runs", "R =", "error", "a", "b" }, rows = rows,
    caption = "Fitted to the gain of win rate over the start, means over repetitions." }
end

return options.strict("paper.laws", laws)
