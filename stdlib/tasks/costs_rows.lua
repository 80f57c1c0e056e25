--- What a cost of text changes in responses that are there: scores, the best of them, labels.
local options = require "perilune.options"
local stats = require "perilune.align.evaluate.stats"
local written = require "perilune.tasks.written"

local rows = {}

--- The correlation of two lists; nil where one of them is constant.
local function correlation(a, b)
  local mean_a, variance_a = stats.moments(a)
  local mean_b, variance_b = stats.moments(b)
  if variance_a == 0 or variance_b == 0 then return nil end
  local sum = 0
  for i = 1, #a do sum = sum + (a[i] - mean_a) * (b[i] - mean_b) end
  return sum / #a / math.sqrt(variance_a * variance_b)
end

--- Rows with what gold sees in them, a list of { prompt, ids, parts, length }.
--
--   > local rows = require "perilune.tasks.costs_rows"
--   > local models = require "perilune.models"
--   > local task = require "perilune.tasks".sentiment()
--   > local prompt, response = task:prompt("train", 1), task:response("train", 1)
--   > rows.seen(task, models.rows({ prompt }, { response }))[1].parts.errors
--   0
function rows.seen(made, drawn)
  local list, prompts = {}, drawn:prompts()
  for i, ids in ipairs(drawn:responses()) do
    list[i] = { prompt = prompts[i], ids = ids, parts = made:parts(prompts[i], ids), length = #ids }
  end
  return list
end

--- A response with its score at a cost in place of that of the task.
local function charged(one, cost)
  return setmetatable({ score = written.score(one.parts, cost) }, { __index = one.parts })
end

--- The mean of f over a list.
local function mean_of(list, f)
  local values = {}
  for i, one in ipairs(list) do values[i] = f(one) end
  return stats.summary(values).mean
end

--- Errors of a response, share with errors, share unfinished and tokens, in the mean over responses.
--
--   > local rows = require "perilune.tasks.costs_rows"
--   > local one = { parts = { errors = 2, unfinished = 0 }, length = 4 }
--   > local other = { parts = { errors = 0, unfinished = 1 }, length = 7 }
--   > local shape = rows.shape { one, other }
--   > shape.errors, shape.with_errors, shape.unfinished, shape.length
--   1.0	0.5	0.5	5.5
function rows.shape(list)
  return {
    errors = mean_of(list, function(one) return one.parts.errors end),
    with_errors = mean_of(list, function(one) return one.parts.errors > 0 and 1 or 0 end),
    unfinished = mean_of(list, function(one) return one.parts.unfinished end),
    length = mean_of(list, function(one) return one.length end),
  }
end

--- The row of a cost, see tasks.costs. `drawn` are n responses to each prompt, those to one prompt adjacent;
-- `others` one more to each.
--
--   > local rows = require "perilune.tasks.costs_rows"
--   > local function one(content, errors, length)
--   >>   return { parts = { content = content, errors = errors, unfinished = 0 }, length = length }
--   >> end
--   > local task = { prefers = function(a, b) return a.score > b.score and 1 or 0 end }
--   > local row = rows.row(task, { one(1, 3, 9), one(0.75, 0, 5) }, { one(0.5, 0, 6) }, 0.25)
--   > row.score, row.best_score, row.best.length, row.wins.mean, row.turned
--   0.5	0.75	5.0	1.0	1.0
function rows.row(made, drawn, others, cost)
  local n, scores, lengths, best, wins, turned = #drawn // #others, {}, {}, {}, {}, {}
  for i, one in ipairs(drawn) do
    local k = (i - 1) // n + 1
    scores[i], lengths[i] = written.score(one.parts, cost), one.length
    if not best[k] or scores[i] > written.score(best[k].parts, cost) then best[k] = one end
  end
  local function prefers(a, b, at)
    return made.prefers(charged(a, at), charged(b, at), a.prompt, a.ids, b.ids)
  end
  for k, other in ipairs(others) do
    wins[k] = prefers(best[k], other, cost)
    local first = drawn[(k - 1) * n + 1]
    turned[k] = prefers(first, other, cost) ~= prefers(first, other, 0) and 1 or 0
  end
  return {
    cost = cost, score = stats.summary(scores).mean, wins = stats.summary(wins), best = rows.shape(best),
    best_score = mean_of(best, function(one) return written.score(one.parts, cost) end),
    turned = stats.summary(turned).mean, correlation = correlation(lengths, scores),
  }
end

return options.strict("tasks.costs_rows", rows)
