--- The tasks: where prompts and text come from, and what counts as good.
--
-- A task has `prompts(split, n)`, `text(split, i)`, `tokenizer`, `gold_score(prompt, response)` and sizes for a model.
--
--   > local tasks = require "perilune.tasks"
--   > tasks.sentiment().name
--   sentiment
local names = { sentiment = true, stories = true, harmless = true }

return setmetatable({}, {
  __index = function(self, name)
    if not names[name] then return nil end
    local task = require("perilune.tasks." .. name)
    rawset(self, name, task)
    return task
  end,
})
