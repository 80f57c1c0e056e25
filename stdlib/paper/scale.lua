--- The size of the policy: variants, claims and the figure of `fig10_scale`.
--
-- Tang et al. 2024, arXiv:2405.08448, sec. 5.5, figs. 10, 11 and 14.
local bootstrap = require "perilune.align.evaluate.bootstrap"
local exceptions = require "perilune.paper.exceptions"
local frontier = require "perilune.align.evaluate.frontier"
local interval = require "perilune.align.claims.interval"
local measures = require "perilune.align.compare.measures"
local options = require "perilune.options"
local plot = require "perilune.plot"
local stages = require "perilune.paper.stages"

local scale = {}

--- The option `steps` of the scripts on sizes: fewer than the task's, as in the paper.
scale.steps = { "steps", 480, "optimiser steps of each run", least = 1, smoke = 6, quick = 240 }

--- The sizes that the options ask for, in the order of `paper.stages`. Errors: there is no such size; a
-- pretrained model is given, which has one.
local function sizes_of(o)
  if (o.model or "") ~= "" then
    error("model: this figure trains starts of several sizes, it takes no pretrained model", 0)
  end
  local wanted, list, known = {}, {}, {}
  for name in o.sizes:gmatch "[^,]+" do wanted[name] = true end
  for _, size in ipairs(stages.sizes) do
    known[#known + 1] = size[1]
    if wanted[size[1]] then list[#list + 1] = size end
    wanted[size[1]] = nil
  end
  local unknown = next(wanted)
  if unknown then
    error(("sizes: there is no '%s'; %s"):format(unknown, options.suggest(unknown, known)), 0)
  end
  return list
end

--- The variants of each size of `o.sizes`, names of `paper.stages` separated by commas: online, offline, and
-- with `shuffled` the data of the online run in another order. `make` is that of `paper.variants`. Errors:
-- there is no such size.
--
--   > local scale, stages = require "perilune.paper.scale", require "perilune.paper.stages"
--   > local function new() return {} end
--   > local made = { online = new, offline_one = new, replay = new }
--   > local list = scale.variants(made, { sizes = "small,tiny" })
--   > #list, list[1].label, list[4].label
--   4	online tiny	offline small
--   > scale.variants(made, { sizes = "tiny" }, true)[3].label
--   shuffled tiny
function scale.variants(make, o, shuffled)
  local list = {}
  for _, size in ipairs(sizes_of(o)) do
    local stage = stages.sized(size[2])
    for _, side in ipairs { "online", "offline", shuffled and "shuffled" or nil } do
      local variant = side == "online" and make.online() or side == "offline" and make.offline_one()
        or make.replay("all", "online " .. size[1])
      variant.label, variant.stage = ("%s %s"):format(side, size[1]), stage
      variant.run, variant.panel = variant.label, size[1]
      list[#list + 1] = variant
    end
  end
  return list
end

--- What `after` of the experiment finds in a job: the parameters of each of its policies, by label.
--
--   > local toy = { num_parameters = function() return 8 end }
--   > scale.after(nil, { done = { ["online tiny"] = { policy = toy } } })["online tiny"]
--   8
function scale.after(_, run)
  local found = {}
  for label, trained in pairs(run.done) do found[label] = trained.policy:num_parameters() end
  return found
end

--- The names of the sizes that the options ask for, in the order of size.
--
--   > table.concat(scale.names { sizes = "small,tiny" }, " ")
--   tiny small
function scale.names(o)
  local names = {}
  for i, size in ipairs(sizes_of(o)) do names[i] = size[1] end
  return names
end

--- The parameters of a side's policy, as the jobs found them.
--
--   > scale.parameters({ { found = { ["online tiny"] = 8 } } }, "online tiny")
--   8
function scale.parameters(findings, label)
  for _, one in ipairs(findings) do
    if one.found[label] then return one.found[label] end
  end
end

local best = measures.quantile(0.9)
local function win_of(point) return point.win end
local function best_of(runs) return best(runs, win_of) end

--- `of(a, b)` of the best possible performances of two sides, by the number of the repetition, whose seeds
-- are averaged.
local function of_best(first, second, of)
  local items, found = {}, {}
  for _, pair in ipairs(frontier.paired(first, second)) do
    items[pair.outer] = items[pair.outer] or {}
    table.insert(items[pair.outer], pair)
  end
  for outer, list in pairs(items) do
    found[outer] = bootstrap.by_repetition(list, function(pair)
      local a, b = best_of(pair[1]), best_of(pair[2])
      return a and b and of(a, b) or nil
    end)[1]
  end
  return found
end

local function less(a, b) return a - b end

--- The gap of best possible performance at a size, by the number of the repetition.
--
--   > local function seeds(win) return { { { { step = 1, kl = 1, win = win } }, outer = 2 } } end
--   > local by = { ["online tiny"] = seeds(0.5), ["offline tiny"] = seeds(0.25) }
--   > scale.gaps(function(label) return by[label] end, "tiny")[2]
--   0.25
function scale.gaps(sides, size)
  return of_best(sides("online " .. size), sides("offline " .. size), less)
end

--- The share of online's best possible performance that another kind of data has at a size, by the number of
-- the repetition (fig. 11). A share of nothing is none.
--
--   > local function seeds(win) return { { { { step = 1, kl = 1, win = win } }, outer = 2 } } end
--   > local by = { ["online tiny"] = seeds(0.5), ["shuffled tiny"] = seeds(0.25) }
--   > scale.shares(function(label) return by[label] end, "shuffled", "tiny")[2]
--   0.5
function scale.shares(sides, kind, size)
  return of_best(sides(kind .. " " .. size), sides("online " .. size),
    function(a, b) return b > 0 and a / b or nil end)
end

--- The values of the repetitions that both tables have, `of(a, b)`, in the order of their numbers.
local function both(first, second, of)
  local outers, values = {}, {}
  for outer in pairs(first) do outers[#outers + 1] = second[outer] and outer end
  table.sort(outers)
  for i, outer in ipairs(outers) do values[i] = of(first[outer], second[outer]) end
  return values
end

--- The values of a table by the number of the repetition, in order.
local function in_order(by) return both(by, by, function(value) return value end) end

--- By how much the share of a kind of data grows from one size to another, by the number of the repetition.
local function of_growth(sides, kind, small, large)
  local found, before = {}, scale.shares(sides, kind, small)
  for outer, share in pairs(scale.shares(sides, kind, large)) do
    found[outer] = before[outer] and share - before[outer]
  end
  return found
end

--- The logarithm of the KL at the peak of a seed's runs, the checkpoint chosen on each half of the prompts.
local function log_kl_at_peak(runs)
  local sum = 0.0
  for half = 1, 2 do
    local best_point
    for _, run in ipairs(runs) do
      for _, point in ipairs(run) do
        local win = point.halves[half].win
        if point.kl > 0 and (not best_point or win > best_point.halves[half].win) then best_point = point end
      end
    end
    if not best_point then return nil end
    sum = sum + math.log(best_point.kl) / 2
  end
  return sum
end

--- The claims of `fig10_scale`: the gap at each size to offline and to shuffled data; the peaks of the
-- largest and the smallest size, their KLs, and the falls after them; and how the shares of online's best
-- possible performance grow with size. `make` is align.claims.
--
--   > local list = scale.claims(require "perilune.align.claims", { sizes = "tiny,large", task = "arena" })
--   > #list, list[3].expect, list[3].paper
--   13	equal	On the arena offline is about as good as online at the largest size.
function scale.claims(make, o)
  local sizes, list = scale.names(o), {}
  local small, large = sizes[1], sizes[#sizes]
  local function add(claim) list[#list + 1] = claim end
  for _, size in ipairs(sizes) do
    local given = size == large and exceptions.of(o.task, "the gap at the largest size",
      { paper = "The gap stays at the largest size." }) or {}
    given.name = ("the gap of best possible performance, %s"):format(size)
    add(make.quantile("online " .. size, "offline " .. size, given))
    add(make.quantile("online " .. size, "shuffled " .. size,
      { name = ("the gap to the online run's data in another order, %s"):format(size) }))
  end
  if #sizes < 2 then return list end
  for _, side in ipairs { "online ", "offline " } do
    add(make.peak(side .. large, side .. small,
      { paper = side == "online " and "Larger policies have higher peaks." or nil }))
    add(make.value(("log of the KL at the peak of %s%s less that of %s"):format(side, large, small),
      function(_, sides)
        return interval.differences(sides(side .. large), sides(side .. small), log_kl_at_peak)
      end, { expect = "equal", margin = 0.4, paper = "Peaks come at similar KL, here to a factor of 1.5." }))
    add(make.fall(side .. large, { paper = "Over-optimisation remains at the largest size." }))
  end
  add(make.value(("offline's share of online's best, %s less %s"):format(large, small),
    function(_, sides) return in_order(of_growth(sides, "offline", small, large)) end,
    { paper = "The gap to offline shrinks, slowly." }))
  add(make.value(("the share of shuffled data, %s less %s"):format(large, small),
    function(_, sides) return in_order(of_growth(sides, "shuffled", small, large)) end,
    { paper = "The gap to shuffled data shrinks, on two tasks of three." }))
  add(make.value("by how much that share grows more than offline's", function(_, sides)
    return both(of_growth(sides, "shuffled", small, large), of_growth(sides, "offline", small, large), less)
  end, { paper = "It shrinks quicker than that to offline." }))
  return list
end

--- The names of the sides of a size, in the order of their columns.
local kinds <const> = { "online", "offline", "shuffled" }

--- A figure of a line with intervals for each kind of data.
local function drawn(title, ylabel, curves)
  local figure = plot.figure { title = title, xlabel = "log2 of parameters", ylabel = ylabel }
  for _, kind in ipairs(kinds) do
    local curve = curves[kind]
    if #curve.x > 0 then
      figure:errorbar { x = curve.x, y = curve.y, yerr = curve.half, label = kind }
    end
  end
  return figure
end

--- Adds numbers, one a repetition, to a curve at x; gives them as text with their interval.
local function added(curve, x, values)
  local found = interval.of_values(values)
  if not found then return "-" end
  local half = #values > 1 and found.high - found.mean or 0
  table.insert(curve.x, x)
  table.insert(curve.y, found.mean)
  table.insert(curve.half, half)
  return #values > 1 and ("%.3f ± %.3f"):format(found.mean, half) or ("%.3f"):format(found.mean)
end

local function curves_of_kinds()
  local curves = {}
  for _, kind in ipairs(kinds) do curves[kind] = { x = {}, y = {}, half = {} } end
  return curves
end

--- Adds the figures of best possible performance against the size to a page (figs. 11 and 14), with 95 %
-- intervals over repetitions. `sides` and `findings` are those of experiment.compare.
--
--   > local sides, counts = {}, {}
--   > for i, label in ipairs { "online tiny", "offline tiny", "shuffled tiny" } do
--   >>   local win = ({ 0.5, 0.3, 0.4 })[i]
--   >>   sides[i] = { label = label, by_seed = { { { { step = 1, kl = 1, win = win } }, outer = 1 } } }
--   >>   counts[label] = 1000
--   >> end
--   > local page = { figure = function() end, text = function(_, text) print(text) end }
--   > function page:table(made) print(table.concat(made.rows[1], " ")) end
--   > scale.section(page, sides, { { found = counts } })
--   The largest of 1 sizes has 1 times the parameters of the smallest.
--   tiny 1000 0.500 0.300 0.400 0.600 0.800
function scale.section(page, sides, findings)
  local by_label, sizes, rows = {}, {}, {}
  for _, side in ipairs(sides) do
    by_label[side.label] = side.by_seed
    sizes[#sizes + 1] = side.label:match "^online (.+)$"
  end
  local function of(label) return by_label[label] end
  local absolute, relative, counts = curves_of_kinds(), curves_of_kinds(), {}
  for i, size in ipairs(sizes) do
    counts[i] = scale.parameters(findings, "online " .. size)
    local x, row, shares = math.log(counts[i], 2), { size, counts[i] }, {}
    for _, kind in ipairs(kinds) do
      local runs = of(kind .. " " .. size)
      row[#row + 1] = added(absolute[kind], x, bootstrap.by_repetition(runs, best_of))
      local by = scale.shares(of, kind, size)
      local text = added(relative[kind], x, in_order(by))
      if kind ~= "online" then shares[#shares + 1] = text end
    end
    rows[i] = table.move(shares, 1, #shares, #row + 1, row)
  end
  page:figure(drawn("Best possible performance", "90 % quantile of win rates", absolute),
    "Means and 95 % intervals over repetitions, as in the paper's figure 14.")
  page:figure(drawn("Best possible performance relative to online", "share of online's 90 % quantile",
    relative), "The same, online's own being 1, as in the paper's figure 11.")
  page:text(("The largest of %d sizes has %.3g times the parameters of the smallest."):format(
    #sizes, counts[#counts] / counts[1]))
  page:table {
    header = { "size", "parameters", "online", "offline", "shuffled", "offline / online",
      "shuffled / online" },
    rows = rows, caption = "The 90 % quantile of the win rates of all checkpoints, means over repetitions. "
      .. "Noise raises a quantile, more with more checkpoints.",
  }
end

return options.strict("paper.scale", scale)
