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

--- The mean over the pairs of seeds of a repetition; nil where none has a value.
local function mean_over(pairs_of, value)
  local list = {}
  for _, pair in ipairs(pairs_of) do list[#list + 1] = value(pair) end
  return #list > 0 and stats.summary(list).mean or nil
end

--- What a side loses at equal KL against the most frequent renewal, by repetition, and the age of its data:
-- { [outer] = { loss =, nats =, drawn = } }, nil where it was not measured. `first` and `side` are the seeds
-- of the two, as `align.compare` reads them; `drawn` has the loss in each draw of prompts, with `resampling`
-- over halves of them.
--
--   > local function point(step, kl, win)
--   >>   return { step = step, kl = kl, halves = { { win = win }, { win = win } } }
--   >> end
--   > local function side(win) return { { { point(1, 2, win), point(2, 4, win) } } } end
--   > frequency.by_repetition(side(0.5), side(0.25))[1].loss
--   0.25
function frequency.by_repetition(first, side, resampling)
  local low, high = measures.shared { { by_seed = first }, { by_seed = side } }
  if not low or high <= frequency.from then return {} end
  local area, found = measures.area(math.max(low, frequency.from), high), {}
  for outer, pairs_of in pairs(frontier.by_outer(first, side)) do
    local function loss(win)
      return mean_over(pairs_of, function(pair)
        local a, b = area(pair[1], win, pair[2]), area(pair[2], win, pair[1])
        return a and b and a - b or nil
      end)
    end
    local one = { loss = loss(win_of) }
    one.nats = mean_over(pairs_of, function(pair) return frequency.age(pair[2]) end)
    if one.loss and resampling then
      one.drawn = {}
      for draw = 1, resampling.draws do
        one.drawn[draw] = loss(function(half) return resampling:means(half.wins)[draw] end)
      end
    end
    found[outer] = one
  end
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

--- The mean of a field over some repetitions of one renewal, of a loss in a draw of prompts where there are
-- draws; nil where none has it.
local function mean_of(renewal, outers, name, draw)
  local sum, count = 0.0, 0
  for _, outer in ipairs(outers) do
    local one = renewal.by[outer] or {}
    local value = one[name]
    if name == "loss" and draw and one.drawn then value = one.drawn[1 + (draw - 1) % #one.drawn] end
    if value then sum, count = sum + value, count + 1 end
  end
  return count > 0 and sum / count or nil
end

--- The rarest renewal before the first one whose mean loss over these repetitions reaches the margin: a rarer
-- one that loses less again is noise, or a run that ended early. One without a loss decides nothing.
local function rarest(renewals, outers, draw)
  local found = renewals[1]
  for _, renewal in ipairs(renewals) do
    local loss = mean_of(renewal, outers, "loss", draw)
    if loss and loss >= frequency.margin then break end
    if loss then found = renewal end
  end
  return found
end

--- The rarest renewal that loses nothing, as all more frequent ones: { steps =, nats = }, each { mean, low,
-- high, values, seeds }, where `mean` is the median over draws of repetitions with replacement and of
-- prompts, and `values` have a number a repetition in which a rarer renewal than the first was measured.
-- `renewals` is a list of { steps, by = frequency.by_repetition }, in order of steps; nil where no repetition
-- is left, and no `nats` where the age was not measured.
--
--   > local function at(steps, a, b) return { steps = steps, by = { { loss = a, nats = steps / 10 },
--   >>   { loss = b, nats = steps / 10 } } } end
--   > local found = frequency.rarest { at(1, 0, 0), at(16, 0.01, 0.02), at(60, 0.01, 0.3) }
--   > found.steps.mean, found.steps.low, found.steps.high, found.nats.mean
--   16.0	16.0	60.0	1.6
function frequency.rarest(renewals)
  local outers, seen = {}, {}
  for i = 2, #renewals do
    for outer, one in pairs(renewals[i].by) do
      if one.loss and not seen[outer] then outers[#outers + 1], seen[outer] = outer, true end
    end
  end
  if #outers == 0 then return nil end
  table.sort(outers)
  local lists, own = { steps = {}, nats = {} }, { steps = {}, nats = {} }
  local function add(to, chosen, draw)
    local found = rarest(renewals, chosen, draw)
    table.insert(to.steps, found.steps + 0.0)
    table.insert(to.nats, mean_of(found, chosen, "nats"))
  end
  for _, outer in ipairs(outers) do add(own, { outer }) end
  for draw = 1, draws do
    local chosen = {}
    for i = 1, #outers do
      chosen[i] = outers[1 + math.floor(system.uniform(draw, "paper/frequency", i) * #outers)]
    end
    add(lists, chosen, draw)
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
