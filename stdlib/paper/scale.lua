--- The gap against the size of the policy: variants, claims and the figure of `fig10_scale`.
--
-- Tang et al. 2024, arXiv:2405.08448, sec. 5.5, figs. 10, 11 and 14.
local fit = require "perilune.paper.fit"
local interval = require "perilune.align.claims.interval"
local measures = require "perilune.align.compare.measures"
local options = require "perilune.options"
local plot = require "perilune.plot"
local stages = require "perilune.paper.stages"

local scale = {}

--- The sizes that the options ask for, in the order of `paper.stages`. Errors: there is no such size.
local function sizes_of(o)
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

--- An online and an offline variant of each size of `o.sizes`, names of `paper.stages` separated by commas;
-- `make` is that of `paper.variants`. Errors: there is no such size.
--
--   > local scale, stages = require "perilune.paper.scale", require "perilune.paper.stages"
--   > local made = { online = function() return {} end, offline_one = function() return {} end }
--   > local list = scale.variants(made, { sizes = "small,tiny" })
--   > #list, list[1].label, list[4].label
--   4	online tiny	offline small
function scale.variants(make, o)
  local list = {}
  for _, size in ipairs(sizes_of(o)) do
    local stage = stages.sized(size[2])
    for _, side in ipairs { "online", "offline" } do
      local variant = side == "online" and make.online() or make.offline_one()
      variant.label, variant.stage = ("%s %s"):format(side, size[1]), stage
      variant.run = variant.label
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

--- The parameters of a side's policy, as the jobs found them.
local function parameters(findings, label)
  for _, one in ipairs(findings) do
    if one.found[label] then return one.found[label] end
  end
end

local best = measures.quantile(0.9)
local function best_of(runs) return best(runs, function(point) return point.win end) end

--- The gap of best possible performance at a size, by the number of the repetition.
local function gaps(sides, size)
  local found = {}
  for _, pair in ipairs(interval.pairs(sides("online " .. size), sides("offline " .. size))) do
    local of = found[pair.outer] or { outer = pair.outer }
    found[pair.outer], of[#of + 1] = of, pair
  end
  for outer, of in pairs(found) do
    found[outer] = interval.by_repetition(of, function(pair)
      local a, b = best_of(pair[1]), best_of(pair[2])
      return a and b and a - b or nil
    end)[1]
  end
  return found
end

--- The slope of the gap by the doubling of parameters, one number a repetition that has every size.
--
--   > local function run(win) return { { { step = 1, kl = 1, win = win } }, outer = 2 } end
--   > local by = { ["online tiny"] = run(0.5), ["offline tiny"] = run(0.3), ["online small"] = run(0.6),
--   >>   ["offline small"] = run(0.2) }
--   > local found = { { found = { ["online tiny"] = 1000, ["online small"] = 4000 } } }
--   > local slopes = scale.slopes(function(label) return { by[label] } end, { "tiny", "small" }, found)
--   > ("%.2f"):format(slopes[1]), #slopes
--   0.10	1
function scale.slopes(sides, sizes, findings)
  local terms = { function() return 1 end, function(x) return x end }
  local by_outer, order, values = {}, {}, {}
  for _, size in ipairs(sizes) do
    local x = math.log(parameters(findings, "online " .. size), 2)
    for outer, gap in pairs(gaps(sides, size)) do
      if not by_outer[outer] then by_outer[outer], order[#order + 1] = {}, outer end
      table.insert(by_outer[outer], { x, gap })
    end
  end
  table.sort(order)
  for _, outer in ipairs(order) do
    if #by_outer[outer] == #sizes then
      values[#values + 1] = fit.least_squares(by_outer[outer], terms)[2]
    end
  end
  return values
end

--- The claims of `fig10_scale`: the gap at each size, the peaks of the largest and the smallest size, and the
-- slope of the gap where there are two sizes. `make` is align.claims.
--
--   > #scale.claims(require "perilune.align.claims", { sizes = "tiny,large" })
--   5
function scale.claims(make, o)
  local sizes, list = sizes_of(o), {}
  for i, size in ipairs(sizes) do
    sizes[i] = size[1]
    list[#list + 1] = make.quantile("online " .. size[1], "offline " .. size[1], {
      name = ("the gap of best possible performance, %s"):format(size[1]),
      paper = i == #sizes and "The gap stays at the largest size." or nil,
    })
  end
  if #sizes < 2 then return list end
  for _, side in ipairs { "online ", "offline " } do
    list[#list + 1] = make.peak(side .. sizes[#sizes], side .. sizes[1],
      { paper = side == "online " and "Larger policies have higher peaks." or nil })
  end
  list[#list + 1] = make.value("the slope of the gap by doubling of parameters",
    function(findings, sides) return scale.slopes(sides, sizes, findings) end,
    { expect = "below", margin = 0.01, paper = "The gap shrinks, but slowly." })
  return list
end

--- Adds the figure of best possible performance against the size to a page, with the slope of the gap within
-- the sizes that were trained. `sides` and `findings` are those of experiment.compare.
--
--   > local sides, counts = {}, {}
--   > for i, label in ipairs { "online tiny", "offline tiny", "online small", "offline small" } do
--   >>   local win, count = ({ 0.5, 0.3, 0.6, 0.2 })[i], i < 3 and 1000 or 4000
--   >>   sides[i] = { label = label, by_seed = { { { { step = 1, kl = 1, win = win } }, outer = 1 } } }
--   >>   counts[label] = count
--   >> end
--   > local page = { figure = function() end, text = function(_, text) print(text) end }
--   > scale.section(page, sides, { { found = counts } })
--   The gap changes by 0.100 with each doubling of the parameters, from 1000 to 4000.
function scale.section(page, sides, findings)
  local by_label, curves, order = {}, { online = { x = {}, y = {} }, offline = { x = {}, y = {} } }, {}
  for _, side in ipairs(sides) do
    by_label[side.label] = side.by_seed
    local name, size = side.label:match "^(%a+) (.+)$"
    local found = interval.of_values(interval.by_repetition(side.by_seed, best_of))
    table.insert(curves[name].x, math.log(parameters(findings, side.label), 2))
    table.insert(curves[name].y, found.mean)
    if name == "online" then order[#order + 1] = size end
  end
  local figure = plot.figure {
    title = "Best possible performance", xlabel = "log2 of parameters", ylabel = "90 % quantile of win rates",
  }
  for _, name in ipairs { "online", "offline" } do
    figure:line { x = curves[name].x, y = curves[name].y, label = name, marker = "circle" }
  end
  page:figure(figure, "Means over repetitions.")
  if #order < 2 then return end
  local slope = interval.of_values(
    scale.slopes(function(label) return by_label[label] end, order, findings))
  if not slope then return end
  local bounds = #slope.values > 1 and (" [%.3f, %.3f]"):format(slope.low, slope.high) or ""
  page:text(("The gap changes by %.3f%s with each doubling of the parameters, from %d to %d."):format(
    slope.mean, bounds, parameters(findings, "online " .. order[1]),
    parameters(findings, "online " .. order[#order])))
end

return options.strict("paper.scale", scale)
