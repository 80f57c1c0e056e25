--- The policy as a classifier beside the policy as a writer.
--
-- Tang et al. 2024, arXiv:2405.08448, sec. 5.3.2 and 5.3.3, figs. 7 and 8.
local batches = require "perilune.align.batch"
local evaluate = require "perilune.align.evaluate"
local findings = require "perilune.paper.reading.findings"
local options = require "perilune.options"
local plot = require "perilune.plot"

local accuracy = {}

--- Pearson's correlation of two lists of equal length; nil where one of them does not vary.
--
--   > local accuracy = require "perilune.paper.reading.accuracy"
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

--- The correlation of accuracy and win rate over all checkpoints of some labels in the findings of
-- `accuracy.after`, one number a repetition. A repetition whose numbers do not vary has none.
--
--   > local one = { accuracy = { 0.9, 0.8, 0.7 }, win = { 0.1, 0.2, 0.3 } }
--   > ("%.1f"):format(accuracy.correlation({ { outer = 1, found = { online = one } } }, { "online" })[1])
--   -1.0
function accuracy.correlation(list, labels)
  local order, lists = {}, {}
  for _, one in ipairs(list) do
    local outer = one.outer
    if not lists[outer] then lists[outer], order[#order + 1] = { {}, {} }, outer end
    for _, label in ipairs(labels) do
      local of = one.found[label]
      table.move(of.accuracy, 1, #of.accuracy, #lists[outer][1] + 1, lists[outer][1])
      table.move(of.win, 1, #of.win, #lists[outer][2] + 1, lists[outer][2])
    end
  end
  local values = {}
  for _, outer in ipairs(order) do
    values[#values + 1] = accuracy.pearson(lists[outer][1], lists[outer][2])
  end
  return values
end

--- Gives `section` of experiment.compare for these labels: a scatter of win rate against accuracy on the
-- golden pairs, a point for each checkpoint of the findings of `accuracy.after`, a colour for each label.
--
--   > local page = { figure = function(_, _, caption) print(caption) end }
--   > local one = { accuracy = { 0.9, 0.8 }, win = { 0.1, 0.2 } }
--   > accuracy.scatter { "online" }(page, nil, { { outer = 1, found = { online = one } } })
--   Every checkpoint that was kept, of every repetition.
function accuracy.scatter(labels)
  return function(page, _, list)
    local figure = plot.figure {
      title = "Win rate against accuracy", xlabel = "accuracy on the golden pairs", ylabel = "win rate",
    }
    for _, label in ipairs(labels) do
      local x, y = {}, {}
      for _, one in ipairs(list) do
        local of = one.found[label]
        table.move(of.accuracy, 1, #of.accuracy, #x + 1, x)
        table.move(of.win, 1, #of.win, #y + 1, y)
      end
      figure:scatter { x = x, y = y, label = label }
    end
    page:figure(figure, "Every checkpoint that was kept, of every repetition.")
  end
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
  local dataset = batches.of_pairs(stage.golden_pairs, "paper.reading.accuracy"):select(units)
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

--- The win rates of a run at some steps: those of its checkpoints, measured by the stage where it was not
-- measured then.
local function wins_of(stage, run, steps)
  local at, wins = {}, {}
  for _, point in ipairs(run.points or {}) do at[point.step] = point.win end
  for i, step in ipairs(steps) do
    wins[i] = at[step] or stage.measure(run.checkpoints[step] or run.policy, step).win
  end
  return wins
end

--- Gives `after` of experiment.compare: by label what `accuracy.of_checkpoints` finds of `count` pairs, and
-- `win`, the win rates at the same steps, where `with_wins` is set.
--
--   > local policies, batches = require "perilune.align.policy", require "perilune.align.batch"
--   > local start = policies.table { contexts = { { 0 } }, vocab = 2 }
--   > local pairs_of = batches.of_pairs { { prompt = { 0 }, chosen = { 1 }, rejected = { 0 } } }
--   > local run = { checkpoints = {}, step = 5, policy = start, points = { { step = 5, win = 0.25 } } }
--   > local stage = { start = start, golden_pairs = pairs_of }
--   > local found = accuracy.after({ "online" }, 256, true)(stage, { done = { online = run } })
--   > found.online.accuracy[1], found.online.win[1]
--   0.5	0.25
function accuracy.after(labels, count, with_wins)
  return function(stage, run)
    local found = {}
    for _, label in ipairs(labels) do
      local of = accuracy.of_checkpoints(stage, run.done[label], count)
      if with_wins then of.win = wins_of(stage, run.done[label], of.steps) end
      found[label] = of
    end
    return found
  end
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

return options.strict("paper.reading.accuracy", accuracy)
