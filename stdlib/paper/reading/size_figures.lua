--- The figures of `fig10_scale`: best possible performance against the size of the policy.
--
-- Tang et al. 2024, arXiv:2405.08448, figs. 11 and 14.
local bootstrap = require "perilune.align.evaluate.bootstrap"
local interval = require "perilune.align.claims.interval"
local options = require "perilune.options"
local plot = require "perilune.plot"
local sizes = require "perilune.paper.reading.sizes"

local size_figures = {}

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
--   > local size_figures = require "perilune.paper.reading.size_figures"
--   > local sides, counts = {}, {}
--   > for i, label in ipairs { "online tiny", "offline tiny", "shuffled tiny" } do
--   >>   local win = ({ 0.5, 0.3, 0.4 })[i]
--   >>   sides[i] = { label = label, by_seed = { { { { step = 1, kl = 1, win = win } }, outer = 1 } } }
--   >>   counts[label] = 1000
--   >> end
--   > local page = { figure = function() end, text = function(_, text) print(text) end }
--   > function page:table(made) print(table.concat(made.rows[1], " ")) end
--   > size_figures.section(page, sides, { { found = counts } })
--   The largest of 1 sizes has 1 times the parameters of the smallest.
--   tiny 1000 0.500 0.300 0.400 0.600 0.800
function size_figures.section(page, sides, findings)
  local by_label, names, rows = {}, {}, {}
  for _, side in ipairs(sides) do
    by_label[side.label] = side.by_seed
    names[#names + 1] = side.label:match "^online (.+)$"
  end
  local function of(label) return by_label[label] end
  local absolute, relative, counts = curves_of_kinds(), curves_of_kinds(), {}
  for i, size in ipairs(names) do
    counts[i] = sizes.parameters(findings, "online " .. size)
    local x, row, shares = math.log(counts[i], 2), { size, counts[i] }, {}
    for _, kind in ipairs(kinds) do
      local runs = of(kind .. " " .. size)
      row[#row + 1] = added(absolute[kind], x, bootstrap.by_repetition(runs, sizes.best))
      local by = sizes.shares(of, kind, size)
      local text = added(relative[kind], x, sizes.in_order(by))
      if kind ~= "online" then shares[#shares + 1] = text end
    end
    rows[i] = table.move(shares, 1, #shares, #row + 1, row)
  end
  page:figure(drawn("Best possible performance", "90 % quantile of win rates", absolute),
    "Means and 95 % intervals over repetitions, as in the paper's figure 14.")
  page:figure(drawn("Best possible performance relative to online", "share of online's 90 % quantile",
    relative), "The same, online's own being 1, as in the paper's figure 11.")
  page:text(("The largest of %d sizes has %.3g times the parameters of the smallest."):format(
    #names, counts[#counts] / counts[1]))
  page:table {
    header = { "size", "parameters", "online", "offline", "shuffled", "offline / online",
      "shuffled / online" },
    rows = rows, caption = "The 90 % quantile of the win rates of all checkpoints, means over repetitions. "
      .. "Noise raises a quantile, more with more checkpoints.",
  }
end

return options.strict("paper.reading.size_figures", size_figures)
