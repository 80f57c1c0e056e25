--- The laws of over-optimisation fitted to the runs of an experiment, for `overopt`.
local evaluate = require "perilune.align.evaluate"
local fit = require "perilune.paper.reading.fit"
local interval = require "perilune.align.claims.interval"
local judges = require "perilune.align.judge"
local models = require "perilune.models"
local options = require "perilune.options"
local plot = require "perilune.plot"

local laws = {}

local most <const> = 64

--- The win rate of the best of n responses of the start by the proxy, for n = 1, 2, 4 ... 64: a list of
-- { kl, win }. The KL is log n - (n - 1) / n, an upper bound where responses are equal (Beirami et al. 2024,
-- arXiv:2401.01879). Responses are compared one after another, the winner stays. It is `after` of
-- experiment.compare; a job without the run "online" has none.
--
--   > require "perilune.paper.reading.laws".best_of_n({}, { done = {} })
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

-- The algorithms whose runs are fitted: the label of their side, the law that is expected of them, and by
-- whom.
local algorithms <const> = {
  { "online", "The law of reinforcement learning fits online better.", "Gao et al. 2023" },
  { "offline, one setting", "The law of reinforcement learning fits offline better.",
    "Rafailov et al. 2024" },
  { "online by gold" }, { "dpo online" }, { "dpo offline, one setting" }, { "bo2 online" },
  { "bo2 offline, one setting" },
}

local best_of_n <const> = "best of n"

--- The points of every algorithm, a list of { label =, paper =, points = { [outer] = points } }, best-of-n
-- last. Seeds of a repetition are pooled. `sides(label)` are the seeds of a side.
local function curves(sides, findings)
  local list = {}
  local function add(of, outer, points)
    of[outer] = of[outer] or {}
    table.move(points, 1, #points, #of[outer] + 1, of[outer])
  end
  for i, algorithm in ipairs(algorithms) do
    list[i] = { label = algorithm[1], paper = algorithm[2], points = {} }
    for seed, runs in ipairs(sides(algorithm[1])) do
      add(list[i].points, runs.outer or seed, points_of(runs[1]))
    end
  end
  local last = { label = best_of_n, points = {} }
  for _, one in ipairs(findings) do
    if one.found then add(last.points, one.outer, points_of(one.found)) end
  end
  list[#list + 1] = last
  return list
end

--- The numbers of the repetitions of a curve, in order, and all points but those of one.
local function repetitions(curve, but)
  local outers, points = {}, {}
  for outer in pairs(curve.points) do outers[#outers + 1] = outer end
  table.sort(outers)
  for _, outer in ipairs(outers) do
    if outer ~= but then table.move(curve.points[outer], 1, #curve.points[outer], #points + 1, points) end
  end
  return outers, points
end

--- The error of a law on the points of each repetition, with the coefficients of all others: by its number. A
-- single repetition has none, nor one whose others do not determine the law.
--
--   > local laws, fit = require "perilune.paper.reading.laws", require "perilune.paper.reading.fit"
--   > local curve = { points = { { { 1, 0.5 }, { 2, 0.8 } }, { { 1, 0.5 }, { 2, 1.0 } } } }
--   > ("%.3f"):format(laws.left_out(curve, fit.laws[1])[2])
--   0.141
function laws.left_out(curve, law)
  local found = {}
  for _, outer in ipairs((repetitions(curve))) do
    local _, others = repetitions(curve, outer)
    local _, a, b = fit.law(others, law)
    local own = curve.points[outer]
    if a and #own > 0 then found[outer] = fit.error(own, law, a, b) end
  end
  return found
end

--- The left-out error of the first law less that of the second, one number a repetition: above 0 where
-- d (a - b log d) fits better.
local function advantage(curve)
  local first, second, values = laws.left_out(curve, fit.laws[1]), laws.left_out(curve, fit.laws[2]), {}
  for _, outer in ipairs((repetitions(curve))) do
    if first[outer] and second[outer] then values[#values + 1] = first[outer] - second[outer] end
  end
  return values
end

--- Claims on which law fits each algorithm and best-of-n better; `claims` is align.claims. The number is that
-- of `advantage`, in win rates.
--
--   > local list = laws.claims(require "perilune.align.claims")
--   > #list, list[1].expect, list[8].expect
--   8	above	below
function laws.claims(claims)
  local list = {}
  local function add(i, label, given)
    given.margin = 0.005
    local name <const> = "left-out error of d (a - b d) less that of d (a - b log d), %s"
    list[i] = claims.value(name:format(label), function(findings, sides)
      return advantage(curves(sides, findings)[i])
    end, given)
    list[i].missing = "no two repetitions that determine both laws"
  end
  for i, algorithm in ipairs(algorithms) do
    add(i, algorithm[1], { paper = algorithm[2], by = algorithm[3] })
  end
  add(#algorithms + 1, best_of_n,
    { expect = "below", by = "Gao et al. 2023", paper = "The other law fits best-of-n better." })
  return list
end

--- The coefficients of a law in each repetition and its peak: { a =, b =, d =, r = }, lists; a repetition
-- whose peak lies beyond its largest d or below 0, or has none since b is not above 0, has no d and r.
--
--   > local law = require "perilune.paper.reading.fit".laws[1]
--   > local found = laws.coefficients({ points = { { { 1, 0.5 }, { 3, 0.9 }, { 4, 0.8 } } } }, law)
--   > ("%.1f %.1f %.1f %.1f"):format(found.a[1], found.b[1], found.d[1], found.r[1])
--   0.6 0.1 3.0 0.9
--   > #laws.coefficients({ points = { { { 1, 0.5 }, { 2, 1.0 } } } }, law).d
--   0
function laws.coefficients(curve, law)
  local found = { a = {}, b = {}, d = {}, r = {} }
  for _, outer in ipairs((repetitions(curve))) do
    local points, largest = curve.points[outer], 0.0
    for _, point in ipairs(points) do largest = math.max(largest, point[1]) end
    local _, a, b = fit.law(points, law)
    if a then
      table.insert(found.a, a)
      table.insert(found.b, b)
      local peak = b > 0 and law.peak(a, b)
      if peak and peak > 0 and peak <= largest then
        table.insert(found.d, peak)
        table.insert(found.r, fit.value(law, a, b, peak))
      end
    end
  end
  return found
end

--- The mean of numbers, one a repetition, with its interval as text.
local function shown(values)
  local found = interval.of_values(values)
  if not found then return "-" end
  if #values < 2 then return ("%.3f"):format(found.mean) end
  return ("%.3f [%.3f, %.3f]"):format(found.mean, found.low, found.high)
end

--- A peak as text: its KL in nats, d squared, and R, of how many repetitions.
local function shown_peak(found)
  local all, have = #found.a, #found.d
  if all == 0 then return "-" end
  if have == 0 then return "no peak within the measured range" end
  local kls = {}
  for i, d in ipairs(found.d) do kls[i] = d * d end
  return ("KL %s, R %s (%d of %d)"):format(shown(kls), shown(found.r), have, all)
end

--- The figure of a curve: its points, and both laws fitted to all of them.
local function drawn(curve)
  local _, points = repetitions(curve)
  local figure = plot.figure { title = curve.label, xlabel = "d, the square root of the KL in nats",
    ylabel = "gain of win rate over the start" }
  local x, y, largest = {}, {}, 0.0
  for i, point in ipairs(points) do
    x[i], y[i], largest = point[1], point[2], math.max(largest, point[1])
  end
  figure:scatter { x = x, y = y, label = "checkpoints" }
  for _, law in ipairs(fit.laws) do
    local _, a, b = fit.law(points, law)
    if a then
      local at, value = {}, {}
      for i = 1, 41 do
        at[i] = largest * (i - 1) / 40
        value[i] = fit.value(law, a, b, at[i])
      end
      figure:line { x = at, y = value, label = law.name }
    end
  end
  return figure
end

--- Adds to a page the points of each algorithm with both laws through them, and a table of the coefficients
-- and of the peaks that they imply, from the sides and findings of experiment.compare.
--
--   > local page = { figure = function() end }
--   > function page:table(made) print(#made.rows, made.rows[1][4], made.rows[1][5]) end
--   > local run, sides = { { step = 0, kl = 0, win = 0.5 } }, {}
--   > for d = 1, 3 do run[d + 1] = { step = d, kl = d * d, win = 0.5 + d * (0.4 - 0.1 * d) } end
--   > for i, label in ipairs { "online", "offline, one setting", "online by gold", "dpo online",
--   >>   "dpo offline, one setting", "bo2 online", "bo2 offline, one setting" } do
--   >>   sides[i] = { label = label, by_seed = { { run } } }
--   >> end
--   > laws.section(page, sides, {})
--   14	0.400	0.100
function laws.section(page, sides, findings)
  local by_label, rows = {}, {}
  for _, side in ipairs(sides) do by_label[side.label] = side.by_seed end
  for _, curve in ipairs(curves(function(label) return by_label[label] end, findings)) do
    local outers, points = repetitions(curve)
    if #points > 0 then
      page:figure(drawn(curve), ("%s: every checkpoint of every repetition."):format(curve.label))
      for _, law in ipairs(fit.laws) do
        local found, left_out, errors = laws.coefficients(curve, law), laws.left_out(curve, law), {}
        for _, outer in ipairs(outers) do errors[#errors + 1] = left_out[outer] end
        rows[#rows + 1] = { curve.label, law.name, shown(errors), shown(found.a), shown(found.b),
          shown_peak(found) }
      end
    end
  end
  page:table { header = { "runs", "R =", "left-out error", "a", "b", "implied peak" }, rows = rows,
    caption = "R is the gain of win rate over the start. Coefficients are fitted in each repetition; the "
      .. "error is that of a repetition's points with the coefficients of the others." }
end

return options.strict("paper.reading.laws", laws)
