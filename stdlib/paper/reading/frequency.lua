--- How rarely data may be renewed before it costs, for `oq3_refresh` and `lit2_drift`.
--
-- What each renewal loses against the most frequent one, how old its data are, and the rarest renewal that
-- loses nothing.
local claims = require "perilune.align.claims"
local frontier = require "perilune.align.evaluate.frontier"
local measures = require "perilune.align.compare.measures"
local options = require "perilune.options"
local stats = require "perilune.align.evaluate.stats"
local system = require "perilune.system"

local frequency = {}

local function win_of(point) return point.win end

-- A loss of win rate below this is none, from this KL on: below it no side has left the start by much, and a
-- mean that has it would tell of nothing else. And how often repetitions are drawn anew.
frequency.margin, frequency.from = 0.05, 2
local draws <const> = 1000

--- The age of the data of a seed's runs in nats, a mean over their checkpoints: the KL of the policy from the
-- one that wrote the batch, by the instrument ledger/staleness. nil where it was not measured.
--
--   > local frequency = require "perilune.paper.reading.frequency"
--   > local point = { instruments = { ["ledger/staleness"] = { sum = 2, count = 4 } } }
--   > frequency.age { { point, {} } }, frequency.age { { {} } }
--   0.5	nil
function frequency.age(runs)
  local list, field = {}, claims.instrument "ledger/staleness"
  for _, run in ipairs(runs) do
    for _, point in ipairs(run) do list[#list + 1] = field(point) end
  end
  return #list > 0 and stats.summary(list).mean or nil
end

--- What a side loses at equal KL against the most frequent renewal, by repetition, and the age of its data:
-- { [outer] = { loss =, nats = } }. `first` and `side` are the seeds of the two, as `align.compare` reads
-- them.
function frequency.by_repetition(first, side)
  local low, high = measures.shared { { by_seed = first }, { by_seed = side } }
  if not low or high <= frequency.from then return {} end
  local area, found = measures.area(math.max(low, frequency.from), high), {}
  for _, pair in ipairs(frontier.paired(first, side)) do
    local a, b = area(pair[1], win_of, pair[2]), area(pair[2], win_of, pair[1])
    local of = found[pair.outer] or { losses = {}, ages = {} }
    found[pair.outer] = of
    if a and b then of.losses[#of.losses + 1] = a - b end
    of.ages[#of.ages + 1] = frequency.age(pair[2])
  end
  local function mean(list) return #list > 0 and stats.summary(list).mean or nil end
  for outer, of in pairs(found) do found[outer] = { loss = mean(of.losses), nats = mean(of.ages) } end
  return found
end

--- What was found of the repetitions, in the order of their numbers: for i, one in frequency.in_order(by).
--
--   > local by = { [7] = { loss = 0.5 }, [2] = { loss = 0.25 } }
--   > for i, one in frequency.in_order(by) do print(i, one.loss) end
--   1	0.25
--   2	0.5
function frequency.in_order(by)
  local outers, list = {}, {}
  for outer in pairs(by) do outers[#outers + 1] = outer end
  table.sort(outers)
  for i, outer in ipairs(outers) do list[i] = by[outer] end
  return ipairs(list)
end

--- The mean of a field over some repetitions of one renewal; nil where none has it.
local function mean_of(renewal, outers, name)
  local sum, count = 0.0, 0
  for _, outer in ipairs(outers) do
    local value = renewal.by[outer] and renewal.by[outer][name]
    if value then sum, count = sum + value, count + 1 end
  end
  return count > 0 and sum / count or nil
end

--- The rarest renewal before the first one whose mean loss over these repetitions reaches the margin: a rarer
-- one that loses less again is noise, or a run that ended early. One without a loss decides nothing.
local function rarest(renewals, outers)
  local found = renewals[1]
  for _, renewal in ipairs(renewals) do
    local loss = mean_of(renewal, outers, "loss")
    if loss and loss >= frequency.margin then break end
    if loss then found = renewal end
  end
  return found
end

--- The rarest renewal that loses nothing, as all more frequent ones: { steps =, nats = }, each { mean, low,
-- high, values, seeds }, where `mean` is the median over draws of repetitions with replacement, and `values`
-- have a number a repetition.
-- `renewals` is a list of { steps, by = frequency.by_repetition }, in order of steps; nil where there are no
-- repetitions, and no `nats` where the age was not measured.
--
--   > local function at(steps, a, b) return { steps = steps, by = { { loss = a, nats = steps / 10 },
--   >>   { loss = b, nats = steps / 10 } } } end
--   > local found = frequency.rarest { at(1, 0, 0), at(16, 0.01, 0.02), at(60, 0.01, 0.3) }
--   > found.steps.mean, found.steps.low, found.steps.high, found.nats.mean
--   16.0	16.0	60.0	1.6
function frequency.rarest(renewals)
  local outers, seen = {}, {}
  for _, renewal in ipairs(renewals) do
    for outer in pairs(renewal.by) do
      if not seen[outer] then outers[#outers + 1], seen[outer] = outer, true end
    end
  end
  if #outers == 0 then return nil end
  table.sort(outers)
  local lists, own = { steps = {}, nats = {} }, { steps = {}, nats = {} }
  local function add(to, chosen)
    local found = rarest(renewals, chosen)
    table.insert(to.steps, found.steps + 0.0)
    table.insert(to.nats, mean_of(found, chosen, "nats"))
  end
  for _, outer in ipairs(outers) do add(own, { outer }) end
  for draw = 1, draws do
    local chosen = {}
    for i = 1, #outers do
      chosen[i] = outers[1 + math.floor(system.uniform(draw, "paper/frequency", i) * #outers)]
    end
    add(lists, chosen)
  end
  local made = {}
  for name, list in pairs(lists) do
    if #list > 0 then
      table.sort(list)
      local low, high = stats.percentiles(list, 0.95)
      made[name] = { mean = list[(#list + 1) // 2], low = low, high = high, values = own[name],
        seeds = #own[name] }
    end
  end
  return made
end

return options.strict("paper.reading.frequency", frequency)
