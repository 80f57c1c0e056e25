--- The data of a loss in an experiment: its own source online, and the same information fixed offline.
--
-- A loss says which source it reads online (`source` of `loss.define`). Pairs are labelled by the proxy,
-- groups scored by it. Offline, a loss on pairs reads the golden pairs (a loss on labelled rows reads their
-- halves as good and bad), a loss on triples the best, second best and worst of four responses of the start,
-- and a loss on rewards responses of the start, scored by the golden judge: as many labels as there are
-- golden pairs.
local batches = require "perilune.align.batch"
local dealt = require "perilune.align.batches"
local options = require "perilune.options"
local sources = require "perilune.align.sources"

local feeds = {}

-- Responses to a prompt that a stage scores, for losses with one response or a group.
local responses <const> = 4

--- Whether a source reads rewards.
local function has_rewards(name)
  local make = sources[name]
  local spec = type(make) == "function" and rawget(options.specs, "sources." .. name)
  return spec and spec.by_name.reward ~= nil, spec
end

--- Whether a loss needs scores of its judges rather than preferences.
--
--   > local loss = require "perilune.align.loss"
--   > feeds.needs_scores(loss.ipo {})
--   false
function feeds.needs_scores(loss) return (has_rewards(loss.source.name)) end

--- Fresh data of the policy for the loss of a run. A step has as many responses as a batch of pairs: of 32
-- pairs, 64 of one response a prompt, 16 groups of 4. `more` overrides options of the source.
function feeds.online(stage, run, more)
  local wanted = run.loss.source
  local rewarded, spec = has_rewards(wanted.name)
  local given = { batch = run.batch, seed = run.seed }
  local function give(name, value)
    if spec.by_name[name] then given[name] = value end
  end
  give("task", stage.task)
  give("prompts", stage.prompts)
  give("judge", stage.proxy)
  give("reward", stage.proxy)
  give("pairs", stage.golden_pairs)
  for name, value in pairs(wanted) do
    if name ~= "name" then given[name] = value end
  end
  if rewarded then
    local count = given.responses or spec.by_name.responses.default
    given.batch = math.min(math.max(1, 2 * run.batch // count), #stage.prompts)
  end
  for name, value in pairs(more or {}) do given[name] = value end
  return sources[wanted.name](given)
end

--- Groups of responses of the start, scored by the golden judge, one for each prompt as long as the labels
-- of the golden pairs last.
local function groups_of(stage)
  local count = math.max(1, math.min(#stage.prompts, #stage.golden_pairs // responses))
  local size, parts, group = math.min(64, count), {}, {}
  local source = sources.groups {
    task = stage.task, prompts = table.move(stage.prompts, 1, count, 1, {}), reward = stage.gold,
    batch = size, responses = responses, seed = stage.options.seed * 10000 + 7,
  }
  for step = 1, count // size do
    parts[step] = source:batch(step, stage.writer or stage.start, "start")
    for row = 1, size * responses do group[#group + 1] = (step - 1) * size + (row - 1) // responses + 1 end
  end
  local all = batches.concat(parts)
  all:set("group", group)
  local rewards, of_start = all.reward:totable(), {}
  for _, unit in ipairs(all:units()) do
    local list = {}
    for k, row in ipairs(unit) do list[k] = rewards[row] end
    for _, row in ipairs(unit) do of_start[row] = list end
  end
  all:set("reference_rewards", of_start)
  return all
end

--- Whether a loss reads a gold response besides the pair.
local function reads_gold(loss)
  for _, name in ipairs(loss.reads) do
    if name == "gold" then return true end
  end
  return false
end

--- Triples of responses of the start, ordered by the golden judge: the best, the second best and the worst.
local function triples_of(stage)
  local count = math.max(1, math.min(#stage.prompts, #stage.golden_pairs // responses))
  return sources.best_worst({
    task = stage.task, prompts = stage.prompts, judge = stage.gold, gold = true, batch = count,
    responses = responses, seed = stage.options.seed * 10000 + 7,
  }):batch(1, stage.writer or stage.start, "start")
end

--- Draws what offline runs of a loss read and is not there yet; a stage does so before its runs.
function feeds.prepare(stage, loss)
  if feeds.needs_scores(loss) and not stage.groups then stage.groups = groups_of(stage) end
  if reads_gold(loss) and not stage.triples then stage.triples = triples_of(stage) end
end

--- The rows with the highest reward of each group.
local function best_of(groups)
  local best, reward = {}, groups.reward:totable()
  for i, unit in ipairs(groups:units()) do
    best[i] = unit[1]
    for _, row in ipairs(unit) do
      if reward[row] > reward[best[i]] then best[i] = row end
    end
  end
  return groups:at_rows(best)
end

--- A source of the units of a fixed batch, in a new order each epoch; a unit used `each` labels.
local function fixed(data, size, seed, each)
  local count = #data:units()
  local batch = math.min(size, count)
  local numbers = dealt(count, batch, seed, "pairs/offline")
  return {
    name = "offline groups", kind = "offline groups", options = { batch = batch, seed = seed },
    batch = function(_, step) return data:select(numbers(step)) end,
    labels = function(_, steps) return math.min(steps * batch, count) * each end,
  }
end

--- The rows of groups, each alone.
local function single(groups)
  local rows = groups:view()
  rows.columns.group = nil
  return rows
end

--- The fixed data that stand for the loss's source offline.
function feeds.offline(stage, run)
  local source = run.loss.source
  feeds.prepare(stage, run.loss)
  if reads_gold(run.loss) then
    return sources.offline(stage.triples, { batch = math.min(run.batch, #stage.triples), seed = run.seed })
  elseif not feeds.needs_scores(run.loss) then
    return sources.offline(stage.golden_pairs, { batch = run.batch, seed = run.seed })
  elseif source.name == "groups" and source.responses == 1 then
    return fixed(single(stage.groups), 2 * run.batch, run.seed, 1)
  end
  local data = source.name == "groups" and stage.groups or best_of(stage.groups)
  return fixed(data, math.max(1, 2 * run.batch // responses), run.seed, responses)
end

return options.strict("align.experiment.feeds", feeds)
