--- What the cost of text changes in a gold: a table by cost, made of responses of the start.
--
-- No run is trained and no judge: every cost scores the same responses, of a start that is the same for all
-- costs. It says what there is to gain at a cost (the best of n by gold against another response), what it is
-- gained by (errors, length), and how many labels the cost decides.
--
--   print(tasks.costs("sentiment").text)
--   tasks.costs(tasks.sentiment { most = 5 }, { costs = "0,0.15" })
--   perilune scripts/experiments/calibration.lua --task sentiment --only-costs
--
--   > local tasks = require "perilune.tasks"
--   > tasks.costs("sentiment", { best_of = 1 })
--   tasks.costs: option 'best_of' must be a whole number from 2 to 16777216, not 1
local limits = require "perilune.options.limits"
local options = require "perilune.options"
local costs_of = require "perilune.tasks.costs_of"
local rows = require "perilune.tasks.costs_rows"
local text_table = require "perilune.align.evaluate.text_table"

local spec = options.spec("tasks.costs", {
  { "costs", "0,0.05,0.15,0.3", "costs of an error of text, separated by commas; the task's own is added" },
  { "best_of", 64, "responses of which gold takes the best", least = 2, most = limits.rows, smoke = 4 },
  { "prompts", 64, "training prompts", least = 2, most = limits.rows, smoke = 8 },
  { "seed", 901, "seed of the start, whose own is one less, and of its responses", least = 1 },
  { "start", options.optional "Model", "the start; trained, or read from the cache, unless given" },
  { "start_steps", 0, "steps of supervised fine-tuning; 0 for the task's",
    least = 0, most = limits.steps, smoke = 10 },
  { "quiet", false, "the table is not printed" },
})

--- The numbers of a list of costs and the task's own, in order.
local function listed(text, own)
  local list, seen = {}, {}
  local function add(cost)
    if not seen[cost] then list[#list + 1], seen[cost] = cost, true end
  end
  for _, cost in ipairs(costs_of(text, "tasks.costs: costs", 3)) do add(cost) end
  add(own + 0.0)
  table.sort(list)
  return list
end

local function shown(value) return value and ("%.2f"):format(value) or "-" end

--- The cells of a row of a Markdown table.
local function marked(cells)
  for i, cell in ipairs(cells) do cells[i] = "| " .. cell end
  cells[#cells + 1] = "|"
  return cells
end

--- The table, as Markdown, below a sentence on the start.
local function text_of(made, o, found)
  local start, lines, rule = found.start, {}, {}
  local names = { "cost", "score", "length and score", "labels turned",
    ("score of the best of %d"):format(o.best_of), "it wins", "its errors", "with errors", "unfinished",
    "tokens" }
  for i = 1, #names do rule[i] = i == 1 and "|---" or "|---:" end
  rule[#names + 1] = "|"
  lines[1] = rule
  for _, row in ipairs(found.rows) do
    local best = row.best
    lines[#lines + 1] = marked {
      ("%g"):format(row.cost), shown(row.score), shown(row.correlation), shown(row.turned),
      shown(row.best_score), ("%.2f (se %.2f)"):format(row.wins.mean, row.wins.se), shown(best.errors),
      shown(best.with_errors), shown(best.unfinished), ("%.1f"):format(best.length),
    }
  end
  local head <const> = "Costs of text in %s: %d responses of the start to each of %d prompts, seed %d. Of "
    .. "the start %.2f errors a response, %.2f of the responses with errors, %.2f unfinished, %.1f tokens."
  return head:format(made.name, o.best_of, #found.prompts, o.seed, start.errors, start.with_errors,
    start.unfinished, start.length) .. "\n\n" .. text_table(marked(names), lines)
end

--- Makes the table for a task whose texts the program writes, or for the task of this name; prints it unless
-- `quiet`. Gives `text`, `start` and `rows`; of each row
--
--   cost, score                 the mean score of the start's responses
--   correlation                 of length and score over them; nil where one is constant
--   turned                      the share of pairs of the start whose preference is not that of cost 0
--   best_score, wins            of the best of n by gold: its score; { mean, se, count } against another one
--   best                        its errors, with_errors and unfinished (shares), length in tokens
--
-- `start` has the figures of `best` for all responses.
--
-- Errors: an option is unknown or out of range; gold charges nothing for errors of text.
--
--   > local tasks = require "perilune.tasks"
--   > tasks.costs({})
--   tasks.costs: expected a task whose gold charges for errors of text, or its name, not a table
return function(given_task, given)
  local o = spec:fill(given)
  local made = type(given_task) == "string" and require "perilune.tasks".open(given_task) or given_task
  if type(made) ~= "table" or type(made.cost) ~= "number" or type(made.prefers) ~= "function" then
    error("tasks.costs: expected a task whose gold charges for errors of text, or its name, not "
      .. (type(made) == "table" and made.name or options.show(made)), 2)
  end
  local list, align = listed(o.costs, made.cost), require "perilune.align"
  local steps = o.start_steps > 0 and o.start_steps or nil
  local start = o.start or align.sft(made, { steps = steps, cache = not steps, seed = o.seed - 1 })
  local prompts = made:prompts("train", o.prompts)
  local drawn = rows.seen(made, start:sample(prompts, {
    count = o.best_of, max_new_tokens = made.max_response, stop = made.stop, seed = o.seed,
  }))
  local others = rows.seen(made,
    align.evaluate.baseline(start, { task = made, prompts = prompts, seed = o.seed }))
  local found = { rows = {}, start = rows.shape(drawn), prompts = prompts }
  for i, cost in ipairs(list) do found.rows[i] = rows.row(made, drawn, others, cost) end
  found.text = text_of(made, o, found)
  if not o.quiet then print(found.text) end
  return found
end
