--- The task's exact rule as a judge, which also has `task`. A task without one is refused.
--
--   judge.gold(require("perilune.tasks").sentiment())
local from_function = require "perilune.align.judge.from_function"

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
  return gold
end
