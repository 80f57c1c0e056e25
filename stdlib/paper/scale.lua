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

local best = measures.quantile(0.9)
local function win_of(point) return point.win end

--- The gap of best possible performance at a size, one number a repetition.
local function gaps(sides, size)
  return interval.differences(sides("online " .. size), sides("offline " .. size), function(runs)
    return best(runs, win_of)
  end)
end

--- The parameters of a size name such as "37k".
local function parameters(name) return tonumber((name:gsub("k$", ""))) * 1000 end

--- The slope of the gap by the doubling of parameters, one number a repetition.
local function slopes(sides, sizes)
  local by_size, values = {}, {}
  for i, size in ipairs(sizes) do by_size[i] = gaps(sides, size[1]) end
  local terms = { function() return 1 end, function(x) return x end }
  for outer = 1, #by_size[1] do
    local points = {}
    for i, size in ipairs(sizes) do points[i] = { math.log(parameters(size[1]), 2), by_size[i][outer] } end
    values[outer] = fit.least_squares(points, terms)[2]
  end
  return values
end

function scale.claims(claims, o)
  local sizes, list = sizes_of(o), {}
  for _, size in ipairs(sizes) do
    list[#list + 1] = claims.quantile("online " .. size[1], "offline " .. size[1], {
      name = ("the gap of best possible performance, %s parameters"):format(size[1]),
      paper = size == sizes[#sizes] and "The gap stays at the largest size." or nil,
    })
  end
  local small, large = sizes[1][1], sizes[#sizes][1]
  for _, side in ipairs { "online ", "offline " } do
    list[#list + 1] = claims.peak(side .. large, side .. small,
      { paper = side == "online " and "Larger policies have higher peaks." or nil })
  end
  list[#list + 1] = claims.value("the slope of the gap by doubling of parameters",
    function(_, sides) return slopes(sides, sizes) end,
    { expect = "below", margin = 0.01, paper = "The gap shrinks, but slowly." })
  return list
end

--- Adds the figure of best possible performance against the size, with a line through the gap, and what it
-- says of larger sizes.
function scale.section(page, sides)
  local by_label, curves, order = {}, { online = { x = {}, y = {} }, offline = { x = {}, y = {} } }, {}
  for _, side in ipairs(sides) do by_label[side.label] = side.by_seed end
  for _, side in ipairs(sides) do
    local name, size = side.label:match "^(%a+) (.+)$"
    local values = interval.by_repetition(side.by_seed, function(runs) return best(runs, win_of) end)
    local found = interval.of_values(values)
    table.insert(curves[name].x, math.log(parameters(size), 2))
    table.insert(curves[name].y, found.mean)
    if name == "online" then order[#order + 1] = { size } end
  end
  local figure = plot.figure {
    title = "Best possible performance", xlabel = "log2 of parameters", ylabel = "90 % quantile of win rates",
  }
  for _, name in ipairs { "online", "offline" } do
    figure:line { x = curves[name].x, y = curves[name].y, label = name, marker = "circle" }
  end
  page:figure(figure, "Means over repetitions.")
  if #order < 2 then return end
  local slope = interval.of_values(slopes(function(label) return by_label[label] end, order))
  local bounds = #slope.values > 1 and (" [%.3f, %.3f]"):format(slope.low, slope.high) or ""
  page:text(("The gap changes by %.3f%s with each doubling of the parameters: at this rate by %.2f up to "
    .. "1,000 times the largest size, if the line goes on, which these sizes cannot show."):format(
    slope.mean, bounds, slope.mean * math.log(1000, 2)))
end

return options.strict("paper.scale", scale)
