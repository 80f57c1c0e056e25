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
-- of align.claims give them.
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

--- Adds a scatter of win rate against accuracy on the golden pairs to a page.
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
-- lists; `chosen` and `rejected` are mean log-ratios to the start in nats.
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

--- The last element of a list of each finding under `label`, one number a repetition.
function accuracy.last(list, label, name)
  return findings.values(list, function(found) return found[label][name][#found[label][name]] end)
end

--- Adds the figures of the findings to a page: accuracy, and log-ratios of chosen and rejected, by step.
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
