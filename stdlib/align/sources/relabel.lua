--- The same pairs in the order that another judge gives them, as a new list.
--
-- Ties are ordered by a coin of `seed`: left in their order, they would count as agreement of the two judges.
-- Fields of a pair that belong to a response (`chosen_...`, `rejected_...`) are swapped with it, the others
-- are copied.
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
  return copy
end

return function(dataset, judge, given)
  local o = spec:fill(given)
  local preferred = judges.of_pairs(judges.as_judge(judge), batches.of_pairs(dataset, "sources.relabel"))
  local relabelled = {}
  for i, p in ipairs(preferred) do
    local is_swapped = p < 0.5
    if p == 0.5 then is_swapped = system.uniform(o.seed, "pairs/relabelled ties", i + 1) < 0.5 end
    relabelled[i] = copied(dataset[i], is_swapped)
  end
  return relabelled
end
