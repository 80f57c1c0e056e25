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

--- The half of the golden pairs of which the proxy is surest.
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

--- The best against the worst of four responses of the start, by gold: half as many pairs, as many responses.
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
