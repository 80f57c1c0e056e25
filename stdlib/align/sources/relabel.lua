--- The same pairs in the order that another judge gives them, as a new list.
--
-- Ties are ordered by a coin of `seed`: left in their order, they would count as agreement of the two judges.
-- Fields of a pair that belong to a response (`chosen_...`, `rejected_...`) are swapped with it, the others
-- are copied. Of a judge with faults the field `true_label` says whether the chosen response is better: 1, 0
-- or 1/2.
--
--   align.sources.relabel(pairs, align.judge.gold(task))
--
--   > local one = { { prompt = { 1 }, chosen = { 2, 3 }, rejected = { 2 } } }
--   > #relabel(one, function(prompt, a, b) return #a < #b end)[1].chosen
--   1
local options = require "perilune.options"
local batches = require "perilune.align.batch"
local judges = require "perilune.align.judge"
local system = require "perilune.system"

local spec = options.spec("sources.relabel", { { "seed", 0, "seed of the coin that orders ties" } })

--- A copy of a pair, with the fields of its responses swapped if `is_swapped`.
local function copied(pair, is_swapped)
  local copy = {}
  for name, value in pairs(pair) do
    if is_swapped and type(name) == "string" then
      local part, rest = name:match "^(chosen)(.*)"
      if not part then part, rest = name:match "^(rejected)(.*)" end
      if part then name = (part == "chosen" and "rejected" or "chosen") .. rest end
    end
    copy[name] = value
  end
  if is_swapped and copy.true_label then copy.true_label = 1 - copy.true_label end
  return copy
end

--- What the judge says of each pair as it is given. A judge with faults, which may be about places, is shown
-- a pair with the rejected response first where a coin says so.
local function asked(judge, batch, seed)
  if not judge.truth then return judges.of_pairs(judge, batch) end
  local shown, is_turned = {}, {}
  for i = 1, #batch do
    is_turned[i] = system.uniform(seed, "pairs/relabelled order", i) < 0.5
    shown[i] = copied(batch[i], is_turned[i])
  end
  local preferred = judges.of_pairs(judge, batches.of_pairs(shown, "sources.relabel"))
  for i, p in ipairs(preferred) do preferred[i] = is_turned[i] and 1 - p or p end
  return preferred
end

return function(dataset, judge, given)
  local o = spec:fill(given)
  local batch, relabelled = batches.of_pairs(dataset, "sources.relabel"), {}
  judge = judges.as_judge(judge)
  local preferred = asked(judge, batch, o.seed)
  local truth = judge.truth and judges.of_pairs(judge.truth, batch)
  for i, p in ipairs(preferred) do
    local is_swapped = p < 0.5
    if p == 0.5 then is_swapped = system.uniform(o.seed, "pairs/relabelled ties", i + 1) < 0.5 end
    relabelled[i] = copied(dataset[i], is_swapped)
    if truth then relabelled[i].true_label = is_swapped and 1 - truth[i] or truth[i] end
  end
  return relabelled
end
