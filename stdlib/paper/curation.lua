--- Offline data that are chosen or weighted, for `nc3_curation`.
local batches = require "perilune.align.batch"
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

return options.strict("paper.curation", curation)
