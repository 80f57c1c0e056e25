--- Data that are renewed every s steps: variants, claims and sections of `oq3_refresh` and `lit2_drift`.
local accuracy = require "perilune.paper.accuracy"
local claims = require "perilune.align.claims"
local frontier = require "perilune.align.evaluate.frontier"
local interval = require "perilune.align.claims.interval"
local measures = require "perilune.align.compare.measures"
local options = require "perilune.options"
local plot = require "perilune.plot"
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

--- Claims on how far renewal every s steps is from the most frequent one, at the peak and at equal KL: equal,
-- or for "never" below. `make` is align.claims, `o` the options.
--
--   > local list = refresh.claims(require "perilune.align.claims", { every = "never,1,16" })
--   > #list, list[1].expect, list[3].expect
--   4	equal	above
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
  return list
end

-- The share of the learning rate of the slow runs.
local slow <const> = 1 / 3

--- A variant for each number of steps of `o.every` at the task's learning rate and at a third of it.
--
--   > local both = { refreshed = function(every, share) return every .. (share and " slow" or "") end }
--   > table.concat(refresh.at_two_rates(both, { every = "1,16" }), ", ")
--   1, 16, 1 slow, 16 slow
function refresh.at_two_rates(make, o)
  local list = {}
  for _, share in ipairs { false, slow } do
    for _, every in ipairs(list_of(o)) do list[#list + 1] = make.refreshed(every, share or nil) end
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
      for _, pair in ipairs(interval.pairs(first, sides(variants.renewed(every[i], share or nil)))) do
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

--- The age of the data of a seed's runs in nats, a mean over their checkpoints; nil where it is not measured.
local function drift_of(runs)
  local sum, count, field = 0.0, 0, claims.instrument "ledger/staleness"
  for _, run in ipairs(runs) do
    for _, point in ipairs(run) do
      local nats = field(point)
      if nats then sum, count = sum + nats, count + 1 end
    end
  end
  return count > 0 and sum / count or nil
end

--- The claims of `lit2_drift` for the options `o`; `make` is align.claims.
--
--   > #refresh.claims_of_drift(require "perilune.align.claims", { every = "1,16,60" })
--   5
function refresh.claims_of_drift(make, o)
  local every = list_of(o)
  local function steps(s) return s == "never" and settings.one(o)[1].steps or s end
  local function nats(_, runs) return drift_of(runs) end
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

--- Adds how old the data are in nats to a page, by the renewal: the instrument ledger/staleness of all
-- checkpoints of the sides of experiment.compare. A side without it is left out.
--
--   > local page = { figure = function(_, _, caption) print(#caption > 0) end }
--   > local point = { step = 1, kl = 1, instruments = { ["ledger/staleness"] = { sum = 2, count = 4 } } }
--   > refresh.section(page, { { label = "never renewed", by_seed = { { { point } } } } })
--   true
function refresh.section(page, sides)
  local names, ages = {}, {}
  local field = claims.instrument "ledger/staleness"
  for _, side in ipairs(sides) do
    local sum, count = 0.0, 0
    frontier.each_point(side.by_seed, function(point)
      local age = field(point)
      if age then sum, count = sum + age, count + 1 end
    end)
    if count > 0 then names[#names + 1], ages[#ages + 1] = side.label, sum / count end
  end
  if #names == 0 then return end
  page:figure(plot.bars { values = ages, labels = names, title = "Age of the data", ylabel = "nats" },
    "KL of the policy from the one that wrote the batch, mean over checkpoints and repetitions.")
end

return options.strict("paper.refresh", refresh)
