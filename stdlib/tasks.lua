--- The tasks: where prompts and text come from, and what counts as good.
--
-- Every task has `name`, `prompts(split, n)`, `text(split, i)`, a `tokenizer`, the ids `labels` that no text holds (what a
-- preference model answers with), the ids `stop` that end a response, `max_prompt`, `max_response` and `settings()`. Then:
--
--   gold_prefers(prompt, a, b)   the exact rule of what is better        sentiment, stories
--   gold_pairs(split, n)         human-labelled pairs to learn it from   harmless
--   golden                       beta, lr and steps of the golden policy
--   model, sft                   sizes and steps to train a start with   sentiment, harmless
--   pretrained()                 a start that is given                   stories
--
--   > local tasks = require "perilune.tasks"
--   > tasks.sentiment().name
--   sentiment
local tasks = {}

local names <const> = { "harmless", "sentiment", "stories" }

--- What a task reads, where it needs a path.
local needs <const> = { harmless = "hh-rlhf's harmless-base/test.jsonl.gz", stories = "stories260K.bin, with tok512.bin beside it" }

--- A task by its name, for scripts whose task is an option. Options that are nil or absent keep their defaults.
--
--   > tasks.open("sentiment", { seed = 2 }).seed
--   2
--   > tasks.open("harmless")
--   task 'harmless' needs --data PATH: hh-rlhf's harmless-base/test.jsonl.gz
function tasks.open(name, given)
  local options = require "perilune.options"
  local found = false
  for _, known in ipairs(names) do found = found or known == name end
  if not found then
    error(("unknown task %s; %s"):format(options.show(name), options.suggest(name, names)), 2)
  elseif needs[name] and not (given and given.path) then
    error(("task '%s' needs --data PATH: %s"):format(name, needs[name]), 2)
  end
  return tasks[name](given)
end

return require "perilune.options".strict("tasks", tasks, names, function(name) return require("perilune.tasks." .. name) end)
