--- What old data cost: claims and sections of `oq3_refresh` and `lit2_drift`.
local accuracy = require "perilune.paper.reading.accuracy"
local frequency = require "perilune.paper.reading.frequency"
local frontier = require "perilune.align.evaluate.frontier"
local interval = require "perilune.align.claims.interval"
local measures = require "perilune.align.compare.measures"
local options = require "perilune.options"
local plot = require "perilune.plot"
local reading = require "perilune.align.compare.sides"
local refresh = require "perilune.paper.refresh"
local variants = require "perilune.paper.variants"

local renewals = {}

local function win_of(point) return point.win end

--- A claim on the rarest renewal that loses nothing: `of` is "steps", less `than`, or "nats", the age of its
-- data.
local function rarest_claim(make, o, of, than, name, given)
  local claim, every = make.value(name, function() end, given), refresh.every(o)
  claim.missing = ("no rarer renewal was measured from %g nats on"):format(frequency.from)
  if of == "nats" then claim.missing = claim.missing .. ", or the age of its data was not" end
  function claim.estimate(sides, resampling)
    local list, first = {}, sides(variants.renewed(every[1]))
    for i, one in ipairs(every) do
      local by = frequency.by_repetition(first, sides(variants.renewed(one)), resampling.halved)
      list[i] = { steps = refresh.steps(o, one) - than, by = by }
    end
    local found = frequency.rarest(list)
    return found and found[of]
  end
  return claim
end

-- Steps between renewals that cost nothing in Lanchantin et al. 2025, arXiv:2506.21495: on
-- mathematics 100 cost nothing either, on chat they are unstable.
local free <const> = 10

--- Claims on how far renewal every s steps is from the most frequent one, at the peak and at equal KL: equal,
-- or for "never" below; and on the rarest renewal that loses nothing, in steps and in nats, whose number is
-- the median over draws of repetitions and prompts. `make` is align.claims, `o` the options.
--
--   > local renewals = require "perilune.paper.reading.renewals"
--   > local list = renewals.claims(require "perilune.align.claims", { every = "never,1,16" })
--   > #list, list[1].expect, list[3].expect
--   7	equal	above
function renewals.claims(make, o)
  local every, list = refresh.every(o), {}
  for i = 2, #every do
    local first, label = variants.renewed(every[1]), variants.renewed(every[i])
    local is_rare = every[i] == "never"
    local expect = is_rare and "above" or "equal"
    list[#list + 1] = make.peak(first, label, { expect = expect,
      paper = is_rare and "Without renewal it is offline, which is below." or nil })
    list[#list + 1] = make.on_average(first, label, { expect = expect })
  end
  local rarest = ("the rarest renewal that loses less than %g at equal KL from %g nats on"):format(
    frequency.margin, frequency.from)
  list[#list + 1] = rarest_claim(make, o, "steps", every[1], ("%s: steps beyond %s"):format(rarest, every[1]),
    { unit = "steps", margin = 1 })
  list[#list + 1] = rarest_claim(make, o, "steps", free, ("%s: steps less %d"):format(rarest, free),
    { expect = "not below", unit = "steps", margin = 1, by = "Lanchantin et al. 2025",
      paper = ("Renewal every %d steps costs nothing."):format(free) })
  list[#list + 1] = rarest_claim(make, o, "nats", 0, rarest .. ": the age of its data",
    { unit = "nats", margin = 0.1 })
  return list
end

--- Pearson's correlation of what a run loses at its peak, over the most frequent renewal at its rate, with
-- the logarithm of `age(every, runs)`, by repetition, over all renewals and both rates; none of
-- fewer than three points, or of points that are all the same.
local function correlation(sides, every, age)
  local lists = {}
  for _, share in ipairs { false, refresh.slow } do
    local first = sides(variants.renewed(every[1], share or nil))
    for i = 2, #every do
      for _, pair in ipairs(frontier.paired(first, sides(variants.renewed(every[i], share or nil)))) do
        local old = age(every[i], pair[2])
        lists[pair.outer] = lists[pair.outer] or { {}, {} }
        if old and old > 0 then
          table.insert(lists[pair.outer][1], math.log(old))
          table.insert(lists[pair.outer][2], measures.peak(pair[1], win_of) - measures.peak(pair[2], win_of))
        end
      end
    end
  end
  local values = {}
  for outer, list in pairs(lists) do
    values[outer] = #list[1] > 2 and accuracy.pearson(list[1], list[2]) or nil
  end
  return values
end

--- The claims of `lit2_drift` for the options `o`; `make` is align.claims.
--
--   > #renewals.claims_of_drift(require "perilune.align.claims", { every = "1,16,60" })
--   5
function renewals.claims_of_drift(make, o)
  local every = refresh.every(o)
  local function steps(s) return refresh.steps(o, s) end
  local function nats(_, runs) return frequency.age(runs) end
  local list = {
    make.value("correlation of the loss at the peak with age in nats, less that with age in steps",
      function(_, sides)
        local of_nats, of_steps = correlation(sides, every, nats), correlation(sides, every, steps)
        local outers, differences = {}, {}
        for outer in pairs(of_nats) do outers[#outers + 1] = of_steps[outer] and outer end
        table.sort(outers)
        for i, outer in ipairs(outers) do differences[i] = of_nats[outer] - of_steps[outer] end
        return differences
      end, { margin = 0.1 }),
  }
  for _, share in ipairs { false, refresh.slow } do
    local first = variants.renewed(every[1], share or nil)
    for i = 2, #every do
      list[#list + 1] = make.peak(first, variants.renewed(every[i], share or nil), { expect = "equal" })
    end
  end
  return list
end

--- The renewals of sides of experiment.compare by what follows the number in the label, the share of the
-- rate: a list of { name, { label, by_seed }... }, the most frequent one first.
local function groups_of(sides)
  local groups, by_name = {}, {}
  for _, side in ipairs(reading.read(sides, 1)) do
    local rest = side.label:match "^renewed every %d+(.*)$" or side.label:match "^never renewed(.*)$"
    if rest and not by_name[rest] then
      by_name[rest] = { name = rest == "" and "the rate of the task" or rest:gsub("^, ", "") }
      groups[#groups + 1] = by_name[rest]
    end
    if rest then table.insert(by_name[rest], side) end
  end
  return groups
end

--- The mean of numbers, one a repetition, as text with its interval, and as numbers.
local function shown(values)
  local found = interval.of_values(values)
  if not found then return "-" end
  return interval.text(found), found.mean, #values < 2 and 0 or found.high - found.mean
end

--- Adds to a page what each renewal loses at equal KL against the most frequent one, by the age of its data
-- in nats: a figure and a table. `sides` are those of experiment.compare.
--
--   > local page = { figure = function() end }
--   > function page:table(made) print(made.rows[2][1], made.rows[2][2], made.rows[2][3]) end
--   > local function run(win, age)
--   >>   local points = {}
--   >>   for i = 1, 2 do
--   >>     points[i] = { step = i, kl = 2 * i, win = win, wins = { win, win },
--   >>       instruments = { ["ledger/staleness"] = { sum = age, count = 1 } } }
--   >>   end
--   >>   return points
--   >> end
--   > local sides = { { label = "renewed every 1", by_seed = { { run(0.5, 0) } } },
--   >>   { label = "renewed every 16", by_seed = { { run(0.25, 2) } } } }
--   > renewals.section(page, sides)
--   renewed every 16	2.000 (one repetition)	0.250 (one repetition)
function renewals.section(page, sides)
  local rows, drawn = {}, 0
  local figure = plot.figure { title = "What old data cost", xlabel = "age of the data, nats",
    ylabel = "loss of win rate at equal KL" }
  for _, group in ipairs(groups_of(sides)) do
    local x, y, error_of = {}, {}, {}
    for _, side in ipairs(group) do
      local ages, losses = {}, {}
      for _, one in frequency.in_order(frequency.by_repetition(group[1].by_seed, side.by_seed)) do
        ages[#ages + 1], losses[#losses + 1] = one.nats, one.loss
      end
      local age_text, age = shown(ages)
      local loss_text, loss, half = shown(losses)
      rows[#rows + 1] = { side.label, age_text, loss_text }
      if age and loss then x[#x + 1], y[#y + 1], error_of[#error_of + 1] = age, loss, half end
    end
    if #x > 0 then figure:errorbar { x = x, y = y, yerr = error_of, label = group.name } end
    drawn = drawn + #x
  end
  if drawn > 0 then
    page:figure(figure, "Means and 95 % intervals over repetitions; losses are against the most frequent.")
  end
  page:table { header = { "data", "age in nats", "loss at equal KL" }, rows = rows,
    caption = "The age is the KL of the policy from the one that wrote the batch, a mean over checkpoints." }
end

return options.strict("paper.reading.renewals", renewals)
