--- Data that are renewed every s steps: variants, claims and sections of `oq3_refresh` and `lit2_drift`.
local accuracy = require "perilune.paper.accuracy"
local frequency = require "perilune.paper.frequency"
local frontier = require "perilune.align.evaluate.frontier"
local interval = require "perilune.align.claims.interval"
local measures = require "perilune.align.compare.measures"
local options = require "perilune.options"
local plot = require "perilune.plot"
local reading = require "perilune.align.compare.sides"
local settings = require "perilune.paper.settings"
local variants = require "perilune.paper.variants"

local refresh = {}

local function win_of(point) return point.win end

--- The numbers of steps of the options in order, "never" last. Errors: one is none, or is there twice.
local function list_of(o)
  local list, seen = {}, {}
  for text in o.every:gmatch "[^,]+" do
    local every = text == "never" and text or math.tointeger(tonumber(text))
    if not every or every ~= "never" and every < 1 then
      local expected <const> = "every takes whole numbers from 1 and \"never\", separated by commas, not '%s'"
      error(expected:format(o.every), 0)
    end
    if seen[every] then error(("every has %s twice: '%s'"):format(text, o.every), 0) end
    seen[every], list[#list + 1] = true, every
  end
  table.sort(list, function(a, b)
    if a == "never" or b == "never" then return b == "never" and a ~= "never" end
    return a < b
  end)
  return list
end

--- A variant of `make`, that of `paper.variants`, for each number of steps of `o.every`, in order, "never"
-- last. Errors: one is no whole number from 1 and not "never", or is there twice.
--
--   > local refresh = require "perilune.paper.refresh"
--   > local make = { refreshed = function(every) return every end }
--   > table.concat(refresh.variants(make, { every = "never,16,1" }), " ")
--   1 16 never
--   > refresh.variants(make, { every = "0" })
--   every takes whole numbers from 1 and "never", separated by commas, not '0'
function refresh.variants(make, o)
  local list = {}
  for i, every in ipairs(list_of(o)) do list[i] = make.refreshed(every) end
  return list
end

--- The number of steps between renewals: those of the run for "never".
local function steps_of(o, every) return every == "never" and settings.one(o)[1].steps or every end

--- The claim on the rarest renewal that loses nothing: `of` is "steps", less those of the most frequent one,
-- or "nats", the age of its data.
local function rarest_claim(make, o, of, name, given)
  local claim, every = make.value(name, function() end, given), list_of(o)
  claim.missing = of == "nats" and "no instrument ledger" or nil
  function claim.estimate(sides)
    local renewals, first = {}, sides(variants.renewed(every[1]))
    for i, one in ipairs(every) do
      local by = frequency.by_repetition(first, sides(variants.renewed(one)))
      renewals[i] = { steps = steps_of(o, one) - every[1], by = by }
    end
    local found = frequency.rarest(renewals)
    return found and found[of]
  end
  return claim
end

--- Claims on how far renewal every s steps is from the most frequent one, at the peak and at equal KL: equal,
-- or for "never" below; and on the rarest renewal that loses nothing, in steps and in nats, whose number is
-- the median over draws of repetitions. `make` is align.claims, `o` the options.
--
--   > local list = refresh.claims(require "perilune.align.claims", { every = "never,1,16" })
--   > #list, list[1].expect, list[3].expect
--   6	equal	above
function refresh.claims(make, o)
  local every, list = list_of(o), {}
  for i = 2, #every do
    local first, label = variants.renewed(every[1]), variants.renewed(every[i])
    local is_rare = every[i] == "never"
    local expect = is_rare and "above" or "equal"
    list[#list + 1] = make.peak(first, label, { expect = expect,
      paper = is_rare and "Without renewal it is offline, which is below." or nil })
    list[#list + 1] = make.on_average(first, label, { expect = expect })
  end
  local rarest = ("the rarest renewal that loses less than %g at equal KL"):format(frequency.margin)
  list[#list + 1] = rarest_claim(make, o, "steps", ("%s: steps beyond %s"):format(rarest, every[1]),
    { unit = "steps", margin = 1, paper = "Every 10 to 100 steps costs nothing (Lanchantin et al.)." })
  list[#list + 1] = rarest_claim(make, o, "nats", rarest .. ": the age of its data",
    { unit = "nats", margin = 0.1 })
  return list
end

-- The share of the learning rate of the slow runs.
local slow <const> = 1 / 3

--- A variant for each number of steps of `o.every` at the task's learning rate and at a third of it.
--
--   > local both = { refreshed = function(every, share) return { every, share } end }
--   > local list = refresh.at_two_rates(both, { every = "1,16" })
--   > #list, list[2][1], list[2].panel, list[3].panel
--   4	16	the rate of the task	a third of the rate
function refresh.at_two_rates(make, o)
  local list = {}
  for _, share in ipairs { false, slow } do
    for _, every in ipairs(list_of(o)) do
      local variant = make.refreshed(every, share or nil)
      variant.panel = share and "a third of the rate" or "the rate of the task"
      list[#list + 1] = variant
    end
  end
  return list
end

--- Pearson's correlation of what a run loses at its peak, over the most frequent renewal at its rate, with
-- the logarithm of `age(every, runs)`, by repetition, over all renewals and both rates; none of
-- fewer than three points, or of points that are all the same.
local function correlation(sides, every, age)
  local lists = {}
  for _, share in ipairs { false, slow } do
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
--   > #refresh.claims_of_drift(require "perilune.align.claims", { every = "1,16,60" })
--   5
function refresh.claims_of_drift(make, o)
  local every = list_of(o)
  local function steps(s) return steps_of(o, s) end
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
      end, { margin = 0.1, paper = "Drift, not steps, would make both papers right." }),
  }
  for _, share in ipairs { false, slow } do
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
--   >>     points[i] = { step = i, kl = i, win = win, wins = { win, win },
--   >>       instruments = { ["ledger/staleness"] = { sum = age, count = 1 } } }
--   >>   end
--   >>   return points
--   >> end
--   > local sides = { { label = "renewed every 1", by_seed = { { run(0.5, 0) } } },
--   >>   { label = "renewed every 16", by_seed = { { run(0.25, 2) } } } }
--   > refresh.section(page, sides)
--   renewed every 16	2.000 (one repetition)	0.250 (one repetition)
function refresh.section(page, sides)
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

return options.strict("paper.refresh", refresh)
