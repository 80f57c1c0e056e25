--- The policy as a classifier beside the policy as a writer.
--
-- Tang et al. 2024, arXiv:2405.08448, sec. 5.3.2 and 5.3.3, figs. 7 and 8.
local batches = require "perilune.align.batch"
local claims = require "perilune.align.claims"
local evaluate = require "perilune.align.evaluate"
local findings = require "perilune.paper.findings"
local frontier = require "perilune.align.evaluate.frontier"
local options = require "perilune.options"
local plot = require "perilune.plot"

local accuracy = {}

--- Pearson's correlation of two lists of equal length; nil where one of them does not vary.
--
--   > local accuracy = require "perilune.paper.accuracy"
--   > ("%.2f"):format(accuracy.pearson({ 1, 2, 3 }, { 2, 4, 6 }))
--   1.00
function accuracy.pearson(a, b)
  local mean_a, mean_b = 0.0, 0.0
  for i = 1, #a do mean_a, mean_b = mean_a + a[i] / #a, mean_b + b[i] / #b end
  local both, var_a, var_b = 0.0, 0.0, 0.0
  for i = 1, #a do
    local x, y = a[i] - mean_a, b[i] - mean_b
    both, var_a, var_b = both + x * y, var_a + x * x, var_b + y * y
  end
  if var_a == 0 or var_b == 0 then return nil end
  return both / math.sqrt(var_a * var_b)
end

--- The correlation of a field of the points with the win rate over all checkpoints after the start, one
-- number a repetition. `seeds` are those of one side, or of several, as `sides(label)` and `sides { labels }`
-- of align.claims give them. A repetition whose numbers do not vary has none.
--
--   > local run = { { step = 0, kl = 0, win = 0.5 } }
--   > for i = 1, 3 do run[i + 1] = { step = i, kl = i, win = i / 10, accuracy = 1 - i / 10 } end
--   > accuracy.correlation({ { run } }, function(point) return point.accuracy end)[1]
--   -1.0
function accuracy.correlation(seeds, field)
  local order, lists = {}, {}
  frontier.each_point(seeds, function(point, place)
    local x, outer = point.step ~= 0 and field(point), place.outer
    if not lists[outer] then lists[outer], order[#order + 1] = { {}, {} }, outer end
    if x then
      table.insert(lists[outer][1], x)
      table.insert(lists[outer][2], point.win)
    end
  end)
  local values = {}
  for _, outer in ipairs(order) do
    values[#values + 1] = accuracy.pearson(lists[outer][1], lists[outer][2])
  end
  return values
end

--- Adds a scatter of win rate against accuracy on the golden pairs to a page: a point for each checkpoint
-- after the start that has the instrument classifier/data, a colour for each side of experiment.compare.
--
--   > local page = { figure = function(_, _, caption) print(caption) end }
--   > local point = { step = 1, kl = 1, win = 0.5,
--   >>   instruments = { ["classifier/data"] = { sum = 3, count = 4 } } }
--   > accuracy.scatter(page, { { label = "online", by_seed = { { { point } } } } })
--   Every checkpoint of every repetition.
function accuracy.scatter(page, sides)
  local figure = plot.figure {
    title = "Win rate against accuracy", xlabel = "accuracy on the golden pairs", ylabel = "win rate",
  }
  local field = claims.instrument "classifier/data"
  for _, side in ipairs(sides) do
    local x, y = {}, {}
    frontier.each_point(side.by_seed, function(point)
      local value = point.step ~= 0 and field(point)
      if value then x[#x + 1], y[#y + 1] = value, point.win end
    end)
    if #x > 0 then figure:scatter { x = x, y = y, label = side.label } end
  end
  page:figure(figure, "Every checkpoint of every repetition.")
end

--- What a run's checkpoints make of the first `count` golden pairs: { steps, accuracy, chosen, rejected },
-- lists; `chosen` and `rejected` are mean log-ratios to the start in nats. `stage` is that of an experiment,
-- `run` a run of align.train that kept its checkpoints.
--
--   > local policies, batches = require "perilune.align.policy", require "perilune.align.batch"
--   > local start = policies.table { contexts = { { 0 } }, vocab = 2 }
--   > local pairs_of = batches.of_pairs { { prompt = { 0 }, chosen = { 1 }, rejected = { 0 } } }
--   > local stage = { start = start, golden_pairs = pairs_of }
--   > local found = accuracy.of_checkpoints(stage, { checkpoints = {}, step = 5, policy = start:clone() }, 1)
--   > found.steps[1], found.chosen[1], found.accuracy[1]
--   5	0.0	0.5
function accuracy.of_checkpoints(stage, run, count)
  local found = { steps = {}, accuracy = {}, chosen = {}, rejected = {} }
  local units = {}
  for i = 1, math.min(count, #stage.golden_pairs) do units[i] = i end
  local dataset = batches.of_pairs(stage.golden_pairs, "paper.accuracy"):select(units)
  local steps = {}
  for step in pairs(run.checkpoints) do steps[#steps + 1] = step end
  table.sort(steps)
  if steps[#steps] ~= run.step then steps[#steps + 1] = run.step end
  for i, step in ipairs(steps) do
    local policy = run.checkpoints[step] or run.policy
    local ratios = evaluate.log_ratios(policy, stage.start, dataset)
    found.steps[i], found.chosen[i], found.rejected[i] = step, ratios.chosen.mean, ratios.rejected.mean
    found.accuracy[i] = evaluate.accuracy(policy, stage.start, dataset).mean
  end
  return found
end

--- The last element of the list `name` of each finding under `label`, one number a repetition.
--
--   > local list = { { outer = 1, found = { online = { accuracy = { 0.5, 0.75 } } } } }
--   > accuracy.last(list, "online", "accuracy")[1]
--   0.75
function accuracy.last(list, label, name)
  return findings.values(list, function(found) return found[label][name][#found[label][name]] end)
end

--- Gives `section` of experiment.compare for these labels: it adds the figures of the findings to a page,
-- accuracy and log-ratios of chosen and rejected by step.
--
--   > local one = { steps = { 1, 2 }, accuracy = { 0.5, 0.6 }, chosen = { 0, -1 }, rejected = { 0, -2 } }
--   > local page = { figure = function(_, _, caption) print(caption) end }
--   > accuracy.section { "online" }(page, nil, { { outer = 1, found = { online = one } } })
--   Means over repetitions.
--   Means over repetitions.
function accuracy.section(labels)
  return function(page, _, list)
    for _, what in ipairs {
      { "Accuracy on the golden pairs", "share", { "accuracy" } },
      { "Log-ratio of the golden pairs to the start", "nats", { "chosen", "rejected" } },
    } do
      local figure = plot.figure { title = what[1], xlabel = "step", ylabel = what[2] }
      for _, label in ipairs(labels) do
        for _, name in ipairs(what[3]) do
          local x = list[1].found[label].steps
          local y = findings.means(list, #x, function(found) return found[label][name] end)
          local full = #what[3] == 1 and label or ("%s, %s"):format(label, name)
          figure:line { x = x, y = y, label = full, marker = "circle" }
        end
      end
      page:figure(figure, "Means over repetitions.")
    end
  end
end

return options.strict("paper.accuracy", accuracy)
