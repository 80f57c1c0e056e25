--- Judges of two objectives, for `nc1_rewards`: a weighted sum, and one objective before the other.
--
-- Where the task's gold has parts (`tasks.written`), the two are the content of a response and its text, free
-- of errors and with an end; elsewhere they are gold's preference and brevity. An objective is a function of
-- two Rows that gives a number a pair, above 0 where it prefers the first.
local judges = require "perilune.align.judge"
local options = require "perilune.options"
local batches = require "perilune.align.batch"

local objectives = {}

--- The difference of `value(prompt, response)` of two Rows, pair by pair.
local function difference_of(value)
  return function(first, second)
    local prompts, a, b, list = first:prompts(), first:responses(), second:responses(), {}
    for i, prompt in ipairs(prompts) do list[i] = value(prompt, a[i]) - value(prompt, b[i]) end
    return list
  end
end

--- The two objectives of a stage, each { name =, margins = }.
--
--   > local objectives, task = require "perilune.paper.objectives", require "perilune.tasks".sentiment {}
--   > local two = objectives.of { task = task }
--   > two[1].name, two[2].name
--   content	text
function objectives.of(stage)
  local task, gold = stage.task, stage.gold
  if type(task.gold_parts) == "function" then
    local function part(value)
      return difference_of(function(prompt, response) return value(task:gold_parts(prompt, response)) end)
    end
    return {
      { name = "content", margins = part(function(parts) return parts.content end) },
      { name = "text", margins = part(function(parts) return -(parts.errors + 2 * parts.unfinished) end) },
    }
  end
  local function preferred(first, second)
    local list = judges.ask(gold, first, second)
    for i, p in ipairs(list) do list[i] = p - 0.5 end
    return list
  end
  return {
    { name = "gold", margins = preferred },
    { name = "brevity", margins = difference_of(function(_, response) return -#response end) },
  }
end

--- A judge that prefers where `margin(i)` of two Rows is above 0.
local function judge_of(name, margins_of)
  return judges.named { name = name, prefer = function(_, first, second)
    local list = margins_of(first, second)
    for i, margin in ipairs(list) do list[i] = margin > 0 and 1 or margin < 0 and 0 or 0.5 end
    return list
  end }
end

--- The root of the mean square of an objective's margins on the first golden pairs; 1 where all are 0.
local function scale_of(objective, dataset)
  local sum, margins = 0.0, objective.margins(dataset:pair_rows())
  for _, margin in ipairs(margins) do sum = sum + margin * margin end
  return sum > 0 and math.sqrt(sum / #margins) or 1.0
end

-- Golden pairs that tell how large the margins are.
local measured <const> = 256

--- A judge of the sum of both objectives with equal weights: each is divided by the size of its margins on
-- golden pairs of the stage.
--
--   > local rows, batches = require "perilune.models".rows, require "perilune.align.batch"
--   > local gold = require "perilune.align.judge".from_function("first token",
--   >>   function(_, a, b) return a[1] > b[1] and 1 or a[1] < b[1] and 0 or 0.5 end)
--   > local pairs_of = batches.of_pairs { { prompt = { 0 }, chosen = { 2, 2, 2 }, rejected = { 1, 1 } } }
--   > local stage = { task = {}, gold = gold, golden_pairs = pairs_of }
--   > local function at(...) return rows({ { 0 } }, { { ... } }) end
--   > objectives.weighted(stage):prefer(at(2, 2, 2), at(1, 1))[1]
--   0.5
--   > objectives.weighted(stage):prefer(at(2, 2, 2, 2), at(1, 1))[1]
--   0
function objectives.weighted(stage)
  local two, units = objectives.of(stage), {}
  for i = 1, math.min(measured, #stage.golden_pairs) do units[i] = i end
  local dataset = batches.of_pairs(stage.golden_pairs, "paper.objectives"):select(units)
  local first_scale, second_scale = scale_of(two[1], dataset), scale_of(two[2], dataset)
  return judge_of(("%s and %s, equal weights"):format(two[1].name, two[2].name), function(first, second)
    local list, others = two[1].margins(first, second), two[2].margins(first, second)
    for i, margin in ipairs(list) do list[i] = margin / first_scale + others[i] / second_scale end
    return list
  end)
end

--- A judge by the second objective, and by the first among pairs that are equal in it.
--
--   > local rows = require "perilune.models".rows
--   > local gold = require "perilune.align.judge".from_function("first token",
--   >>   function(_, a, b) return a[1] > b[1] and 1 or 0 end)
--   > local function at(...) return rows({ { 0 } }, { { ... } }) end
--   > local judge = objectives.ordered { task = {}, gold = gold }
--   > judge:prefer(at(1), at(2, 2))[1], judge:prefer(at(1), at(2))[1]
--   1	0
function objectives.ordered(stage)
  local two = objectives.of(stage)
  return judge_of(("%s, then %s"):format(two[2].name, two[1].name), function(first, second)
    local list, others = two[2].margins(first, second), two[1].margins(first, second)
    for i, margin in ipairs(list) do list[i] = margin ~= 0 and margin or others[i] end
    return list
  end)
end

return options.strict("paper.objectives", objectives)
