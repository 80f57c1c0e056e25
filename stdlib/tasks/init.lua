--- Tasks: where prompts and text come from, and which response is better.
--
-- Every task has `name`, `prompts(split, n)`, `text(split, i)`, a `tokenizer`, the ids `labels` that no text
-- contains (a preference model answers with them), the ids `stop` that end a response, `max_prompt` and
-- `max_response` in tokens, and `settings()`. `preference = { kind, options }` says how its judges are
-- trained, `golden` how its golden policy is. `check()` prints the page of its calibration (`tasks.check`).
-- An experiment takes every option of a task as `--task.NAME`. Further fields:
--
--   gold_prefers(prompt, a, b)   the exact rule of which response is better
--   gold_score, gold_parts       the score of a response, and what it is made of, such as `errors` of text
--   shares                       of parts that are of some prompts alone: the part that says which
--   cycles()                     how often a gold's preferences go in a circle
--   scorer                       what that rule compares, where it is a score
--   gold_pairs(split, n)         human-labelled pairs to learn the rule from, where there is none
--   model, sft                   model size and training steps of the start
--   start_settings()             those of settings() that determine the start
--   runs                         settings of the runs of its calibration page (`tasks.check`)
--   proxy_pairs                  golden pairs that its proxy learns from, where not all
--   pretrained(seed)             a start that is read from a file; with `sft` it is trained on the texts
--   content_in_settings          true where settings() changes with every text and token: the cache key of
--                                align.sft does not read them
--
-- Each folder of `tasks` is a task. `tasks.from_pairs` makes a task of a file of pairs, `tasks.define` of a
-- table.
--
--   > tasks.sentiment().name
--   sentiment
--   > #tasks.names() > 3
--   true
local folder = require "perilune.folder"
local options = require "perilune.options"

local tasks = {}

local names <const> = folder.modules "folders"

--- The names of the tasks, sorted.
function tasks.names() return table.move(names, 1, #names, 1, {}) end

--- Refuses what is not the name of a task, pointing at the caller of the function that checks.
local function check(name, where)
  for _, known in ipairs(names) do
    if known == name then return end
  end
  error(("%sunknown task %s; %s"):format(where, options.show(name), options.suggest(name, names)), 3)
end

--- The file that a task reads, as a sentence; nil for a task that reads none. Errors: the task is unknown.
--
--   > tasks.needs "stories"
--   stories260K.bin, with tok512.bin beside it
--   > tasks.needs "sentimnet"
--   tasks.needs: unknown task 'sentimnet'; did you mean 'sentiment'?
function tasks.needs(name)
  check(name, "tasks.needs: ")
  return tasks[name].needs
end

--- A task by its name, for a script whose task is an option. With `smoke` it is small: options that are not
-- given take their smoke values.
--
--   > tasks.open("sentiment", { seed = 2 }).seed
--   2
--   > tasks.open("sentiment", 5)
--   tasks.open: options must be a table, not 5
--   > tasks.open("harmless")
--   task 'harmless' needs a path: hh-rlhf's harmless-base/test.jsonl.gz
function tasks.open(name, given, smoke)
  check(name, "")
  if given ~= nil and type(given) ~= "table" then
    error("tasks.open: options must be a table, not " .. options.show(given), 2)
  end
  local module, filled = tasks[name], {}
  for key, value in pairs(given or {}) do filled[key] = value end
  if module.needs and not filled.path then
    error(("task '%s' needs a path: %s"):format(name, module.needs), 2)
  end
  for _, entry in ipairs(smoke and module.options.list or {}) do
    local has_effect = not options.beside(entry, filled)
    if filled[entry.name] == nil and has_effect then filled[entry.name] = entry.smoke end
  end
  return module(filled)
end

return options.strict("tasks", tasks, folder.modules(),
  function(name) return require("perilune.tasks." .. name) end)
