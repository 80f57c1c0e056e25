--- The task's exact rule as a judge, with `task`, and `score(rows)` where the task has a score.
--
-- A task without a rule is refused.
--
--   judge.gold(require("perilune.tasks").sentiment())
--
--   > local task = require "perilune.tasks".sentiment()
--   > local gold = require "perilune.align.judge".gold(task)
--   > local prompt = task:prompts("test", 1)[1]
--   > local response = task:response("test", 1)
--   > local rows = require "perilune.models".rows({ prompt }, { response })
--   > gold:prefer(rows, rows)[1]
--   0.5
local from_function = require "perilune.align.judge.from_function"
local from_score = require "perilune.align.judge.from_score"

return function(task)
  if type(task) ~= "table" then error("judge.gold: expected a task, got " .. type(task), 2) end
  if not task.gold_prefers then
    local advice = "train a preference_model on task:gold_pairs(\"train\")"
    error(("judge.gold: task '%s' has no exact rule; %s"):format(tostring(task.name), advice), 2)
  end
  local gold = from_function("gold " .. task.name, function(prompt, a, b)
    return task:gold_prefers(prompt, a, b)
  end)
  gold.task = task
  if task.gold_score then
    gold.score = from_score(gold.name, function(prompt, response)
      return task:gold_score(prompt, response)
    end).score
  end
  return gold
end
