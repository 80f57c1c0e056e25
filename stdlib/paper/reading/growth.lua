--- The gap against the size of the policy as a curve, and what it says of larger ones, for `oq2_gap_vs_size`.
--
-- Tang et al. 2024, arXiv:2405.08448, sec. 5.5 and fig. 11: the gap shrinks slowly with size, and may level
-- off. The curves are fitted in each repetition to the gaps of best possible performance by the logarithm of
-- the parameters, so that a number read from them has an interval over repetitions.
local fit = require "perilune.paper.reading.fit"
local frontier = require "perilune.align.evaluate.frontier"
local interval = require "perilune.align.claims.interval"
local measures = require "perilune.align.compare.measures"
local options = require "perilune.options"
local plot = require "perilune.plot"
local scale = require "perilune.paper.scale"
local sizes = require "perilune.paper.reading.sizes"

local quantile = measures.quantile(0.9)

local function win_of(point) return point.win end

local growth = {}

--- The curves by name: terms of x, the doublings of the parameters since the largest size. The value at the
-- largest size comes first, then the slope there.
local curves <const> = {
  { name = "line", terms = { function() return 1 end, function(x) return x end } },
  { name = "parabola", terms = {
    function() return 1 end, function(x) return x end, function(x) return x * x end,
  } },
}

--- How many times as large as the largest size the curves are read.
growth.factors = { 4, 16, 64 }

--- The labels of the sides of sizes: online and offline of each.
local function labels_of(names)
  local labels = {}
  for i, size in ipairs(names) do labels[2 * i - 1], labels[2 * i] = "online " .. size, "offline " .. size end
  return labels
end

--- The points { x, gap } of one seed, whose runs are in the order of the labels; nil where a size has none.
local function points_of(item, win, labels, findings)
  local largest, list = sizes.parameters(findings, labels[#labels - 1]), {}
  for i = 1, #labels / 2 do
    local online, offline = quantile(item[2 * i - 1], win), quantile(item[2 * i], win)
    if not online or not offline then return nil end
    list[i] = { math.log(sizes.parameters(findings, labels[2 * i - 1]) / largest, 2), online - offline }
  end
  return list
end

--- The points of a repetition: the mean gaps of its seeds.
local function mean_of(of_seeds)
  local list = {}
  for i, point in ipairs(of_seeds[1]) do
    local sum = 0.0
    for _, one in ipairs(of_seeds) do sum = sum + one[i][2] end
    list[i] = { point[1], sum / #of_seeds }
  end
  return list
end

--- The points { x, gap } of each repetition that has every size, a list: x is in doublings of the parameters
-- since the largest size. `names` are the names in the order of size; `sides` and `findings` as claims.value
-- gives them.
--
--   > local growth = require "perilune.paper.reading.growth"
--   > local function run(win) return { { { step = 1, kl = 1, win = win } }, outer = 2 } end
--   > local by = { ["online tiny"] = run(0.5), ["offline tiny"] = run(0.3), ["online small"] = run(0.6),
--   >>   ["offline small"] = run(0.2) }
--   > local found = { { found = { ["online tiny"] = 1000, ["online small"] = 4000 } } }
--   > local function sides(label) return { by[label] } end
--   > local points = growth.points(sides, { "tiny", "small" }, found)
--   > #points, points[1][1][1], ("%.1f"):format(points[1][1][2])
--   1	-2.0	0.2
--   > ("%.2f"):format(growth.slopes(points)[1]), ("%.1f"):format(growth.at(points, "line", 4)[1])
--   0.10	0.6
function growth.points(sides, names, findings)
  local labels, by_side, found = labels_of(names), {}, {}
  for i, label in ipairs(labels) do by_side[i] = sides(label) end
  for outer, items in pairs(frontier.by_outer(table.unpack(by_side))) do
    local of_seeds = {}
    for _, item in ipairs(items) do of_seeds[#of_seeds + 1] = points_of(item, win_of, labels, findings) end
    found[outer] = #of_seeds > 0 and mean_of(of_seeds) or nil
  end
  return sizes.in_order(found)
end

--- The curve of a name.
local function curve_of(name)
  for _, curve in ipairs(curves) do
    if curve.name == name then return curve end
  end
end

--- The slope of the line, by doubling of the parameters, one number a repetition of two sizes or more.
function growth.slopes(points)
  local values = {}
  for _, list in ipairs(points) do
    if #list > 1 then values[#values + 1] = fit.least_squares(list, curve_of "line".terms)[2] end
  end
  return values
end

--- The gap at `factor` times the largest size by the curve of a name, "line" or "parabola", one number a
-- repetition. A repetition of fewer points than the curve has terms has none.
function growth.at(points, name, factor)
  local values, terms, x = {}, curve_of(name).terms, math.log(factor, 2)
  for _, list in ipairs(points) do
    if #list >= #terms then
      local sum, coefficients = 0.0, fit.least_squares(list, terms)
      for k, term in ipairs(terms) do sum = sum + coefficients[k] * term(x) end
      values[#values + 1] = sum
    end
  end
  return values
end

--- The claims of `oq2_gap_vs_size` for the options `o`; `make` is align.claims.
--
--   > #growth.claims(require "perilune.align.claims", { sizes = "tiny,small,large" })
--   5
function growth.claims(make, o)
  local labels = labels_of(scale.names(o))
  local function of(name, values, more)
    return make.measure(name, labels, function(item, win, findings)
      local points = points_of(item, win, labels, findings)
      return points and values({ points })[1]
    end, more)
  end
  local list = {
    of("the slope of the gap by doubling of parameters", growth.slopes,
      { expect = "below", margin = 0.01, paper = "The gap shrinks, but slowly." }),
    of("the gap at the largest size, on the line",
      function(points) return growth.at(points, "line", 1) end, { paper = "The gap stays." }),
  }
  for _, factor in ipairs(growth.factors) do
    list[#list + 1] = of(("the gap at %d times the largest size, on the line"):format(factor),
      function(points) return growth.at(points, "line", factor) end)
  end
  return list
end

--- Adds the gaps with the line through them to a page, and the table of what both curves say of larger sizes.
-- `sides` and `findings` are those of experiment.compare.
function growth.section(page, sides, findings)
  local by_label, names = {}, {}
  for _, side in ipairs(sides) do
    by_label[side.label] = side.by_seed
    names[#names + 1] = side.label:match "^online (.+)$"
  end
  local points = growth.points(function(label) return by_label[label] end, names, findings)
  if #points == 0 or #names < 2 then return end
  local largest = sizes.parameters(findings, "online " .. names[#names])
  local x, y, error_of, line = {}, {}, {}, {}
  for i in ipairs(names) do
    local values = {}
    for k, list in ipairs(points) do values[k] = list[i][2] end
    local found = interval.of_values(values)
    x[i], y[i] = math.log(largest, 2) + points[1][i][1], found.mean
    error_of[i] = #values > 1 and found.high - found.mean or 0
    line[i] = interval.of_values(growth.at(points, "line", 2 ^ points[1][i][1])).mean
  end
  local figure = plot.figure { title = "The gap against size", xlabel = "log2 of parameters",
    ylabel = "gap of the 90 % quantiles of win rates" }
  figure:errorbar { x = x, y = y, yerr = error_of, label = "gap" }
  figure:line { x = x, y = line, label = "line" }
  page:figure(figure, "Means and 95 % intervals over repetitions.")
  local rows = {}
  for _, factor in ipairs { 1, table.unpack(growth.factors) } do
    rows[#rows + 1] = { ("%.3g M"):format(factor * largest / 1e6), ("%d"):format(factor),
      interval.text(interval.of_values(growth.at(points, "line", factor))),
      interval.text(interval.of_values(growth.at(points, "parabola", factor))) }
  end
  page:table { header = { "parameters", "times the largest", "gap by a line", "gap by a parabola" },
    rows = rows, caption = "Beyond the largest size nothing was trained: where the two curves differ, or an "
      .. "interval holds 0, these sizes say nothing of it." }
end

return options.strict("paper.reading.growth", growth)
