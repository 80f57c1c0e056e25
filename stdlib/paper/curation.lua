--- Offline data that are chosen or weighted, for `nc3_curation`.
local batches = require "perilune.align.batch"
local judges = require "perilune.align.judge"
local models = require "perilune.models"
local options = require "perilune.options"
local sources = require "perilune.align.sources"

local curation = {}

--- How sure the proxy is of each pair: the distance of its probability from 1/2, or of its scores.
local function margins(stage, dataset)
  local first, second = dataset:pair_rows()
  local list = {}
  if type(stage.proxy.probability) == "function" then
    for i, p in ipairs(stage.proxy:probability(first, second)) do list[i] = math.abs(p - 0.5) end
  elseif type(stage.proxy.score) == "function" then
    local a, b = stage.proxy:score(first), stage.proxy:score(second)
    for i = 1, #a do list[i] = math.abs(a[i] - b[i]) end
  else
    error(("paper.curation: judge %s gives no probability and no score"):format(stage.proxy.name), 0)
  end
  return list
end

--- The source of the half of the golden pairs of which the proxy is surest, a batch at least; `stage` and
-- `run` as a variant of experiment.compare gets them. Errors: the proxy gives no probability and no score.
--
--   > local batches, curation = require "perilune.align.batch", require "perilune.paper.curation"
--   > local list = {}
--   > for i = 1, 4 do list[i] = { prompt = { 0 }, chosen = { i }, rejected = { 0 } } end
--   > local stage = { golden_pairs = batches.of_pairs(list), proxy = { name = "last token",
--   >>   score = function(_, rows)
--   >>     local scores = {}
--   >>     for i, response in ipairs(rows:responses()) do scores[i] = response[1] end
--   >>     return scores
--   >>   end } }
--   > #curation.clear(stage, { batch = 1, seed = 1 }).dataset
--   2
function curation.clear(stage, run)
  local dataset = batches.of_pairs(stage.golden_pairs, "paper.curation")
  local sure, order, units = margins(stage, dataset), {}, {}
  for i = 1, #dataset do order[i] = i end
  table.sort(order, function(a, b)
    if sure[a] ~= sure[b] then return sure[a] > sure[b] end
    return a < b
  end)
  for i = 1, math.max(run.batch, #order // 2) do units[i] = order[i] end
  table.sort(units)
  return sources.offline(dataset:select(units), { batch = run.batch, seed = run.seed })
end

--- The source of the best against the worst of four responses of the start, by gold: half as many pairs, as
-- many responses. `stage` and `run` as a variant of experiment.compare gets them.
--
--   > local start = require "perilune.align.policy".table { contexts = { { 0 } }, vocab = 3 }
--   > local judge = require "perilune.align.judge".from_function("larger",
--   >>   function(_, a, b) return a[1] > b[1] and 1 or a[1] < b[1] and 0 or 0.5 end)
--   > local task = { max_response = 1, stop = { 2 }, tokenizer = { eos = 2 }, max_prompt = 1 }
--   > local stage = { task = task, start = start, gold = judge, prompts = { { 0 } },
--   >>   golden_pairs = { {}, {}, {}, {} } }
--   > #curation.best_worst(stage, { batch = 1, seed = 1 }).dataset
--   2
function curation.best_worst(stage, run)
  local source = sources.best_worst {
    task = stage.task, prompts = stage.prompts, judge = stage.gold, responses = 4, seed = run.seed,
    batch = run.batch,
  }
  local parts = {}
  for step = 1, math.max(1, #stage.golden_pairs // 2 // run.batch) do
    parts[step] = source:batch(step, stage.start, "start")
  end
  return sources.offline(batches.concat(parts), { batch = run.batch, seed = run.seed })
end

-- Responses of a draw.
local most <const> = 64

--- The responses of rows with their second half written anew by a policy, in the order of the rows. Halves of
-- one length are drawn together, so that each may grow to the task's longest response.
local function continued(policy, rows, task, seed)
  local by_length, lengths, texts, number = {}, {}, {}, 1
  for i, response in ipairs(rows:responses()) do
    local half = #response // 2
    if not by_length[half] then by_length[half], lengths[#lengths + 1] = {}, half end
    texts[i] = table.move(response, 1, half, 1, {})
    table.insert(by_length[half], i)
  end
  table.sort(lengths)
  for _, half in ipairs(lengths) do
    local places = by_length[half]
    for from = 1, #places, most do
      local prompts, upto = {}, math.min(from + most - 1, #places)
      for k = from, upto do
        local prompt, text = rows:prompt(places[k]), texts[places[k]]
        prompts[#prompts + 1] = table.move(text, 1, half, #prompt + 1, table.move(prompt, 1, #prompt, 1, {}))
      end
      local drawn = policy:sample(prompts, { max_new_tokens = task.max_response - half, stop = task.stop,
        seed = seed, first = number }):responses()
      number = number + #prompts
      for k = from, upto do
        local text = drawn[k - from + 1]
        table.move(text, 1, #text, half + 1, texts[places[k]])
      end
    end
  end
  return texts
end

--- The source of the golden pairs with the second half of each response written by the online run's last
-- policy, and ordered by gold anew: data towards that policy's own distribution that keep their prompts and
-- beginnings. A tie keeps the golden order. `stage` and `run` as a variant from "online" gets them.
--
--   > local rows, batches = require "perilune.models".rows, require "perilune.align.batch"
--   > local longer = require "perilune.align.judge".from_function("longer",
--   >>   function(_, a, b) return #a > #b and 1 or #a < #b and 0 or 0.5 end)
--   > local writer = { sample = function(_, prompts)
--   >>   local responses = {}
--   >>   for i, prompt in ipairs(prompts) do responses[i] = #prompt == 2 and { 2 } or { 1, 2 } end
--   >>   return rows(prompts, responses)
--   >> end }
--   > local pair = { prompt = { 0 }, chosen = { 1, 1, 2 }, rejected = { 1, 3, 3, 2 } }
--   > local stage = { task = { max_response = 4, stop = { 2 } }, gold = longer,
--   >>   golden_pairs = batches.of_pairs { pair } }
--   > local run = { batch = 1, seed = 1, done = { online = { policy = writer } } }
--   > local told = curation.rewritten(stage, run).dataset[1]
--   > table.concat(told.chosen, " "), table.concat(told.rejected, " ")
--   1 3 1 2	1 2
function curation.rewritten(stage, run)
  local dataset, policy = batches.of_pairs(stage.golden_pairs, "paper.curation"), run.done.online.policy
  local first, second = dataset:pair_rows()
  local prompts, list = first:prompts(), {}
  local a = continued(policy, first, stage.task, 2 * run.seed)
  local b = continued(policy, second, stage.task, 2 * run.seed + 1)
  local wins = judges.ask(stage.gold, models.rows(prompts, a), models.rows(prompts, b))
  for i, prompt in ipairs(prompts) do
    local keeps = wins[i] >= 0.5
    list[i] = { prompt = prompt, chosen = keeps and a[i] or b[i], rejected = keeps and b[i] or a[i] }
  end
  return sources.offline(list, { batch = run.batch, seed = run.seed })
end

return options.strict("paper.curation", curation)
