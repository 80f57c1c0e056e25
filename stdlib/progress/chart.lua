--- The display of a progress bar in a notebook: its line, and a chart of each metric that grows.
--
--   local chart = chart.new()
--   chart:add(step, { loss = 0.69, margin = 0.1 })
--   display(chart:value "sft: 3 of 400", { id = "progress-1" })
local options = require "perilune.options"

local chart = {}

local Chart = {}
Chart.__index = Chart
Chart.__name = "Chart"

-- Points of a curve: twice the pixels of its width. Beyond it, neighbours become one point, their mean.
local points_max = 600
-- Charts beside each other.
local charts_max = 4

--- A chart without points.
--
--   > chart.new():count "loss"
--   0
function chart.new() return setmetatable({ curves = {}, names = {} }, Chart) end

--- The number of points of a figure.
function Chart:count(name) return self.curves[name] and #self.curves[name].x or 0 end

local function halve(curve)
  local x, y = {}, {}
  for i = 1, #curve.x - 1, 2 do
    x[#x + 1], y[#y + 1] = (curve.x[i] + curve.x[i + 1]) / 2, (curve.y[i] + curve.y[i + 1]) / 2
  end
  curve.x, curve.y, curve.each, curve.sums = x, y, curve.each * 2, { x = 0, y = 0, count = 0 }
end

--- Adds the figures of a step, a table of numbers. What is not finite is left out.
--
--   > local c = chart.new()
--   > for step = 1, 2000 do c:add(step, { loss = 1 / step, margin = 0 / 0 }) end
--   > c:count "loss" <= 600, c:count "margin"
--   true	0
function Chart:add(step, figures)
  for name, value in pairs(figures) do
    if type(name) == "string" and type(value) == "number" and value - value == 0 then
      local curve = self.curves[name]
      if not curve then
        curve = { x = {}, y = {}, each = 1, sums = { x = 0, y = 0, count = 0 } }
        self.curves[name] = curve
        table.insert(self.names, name)
        table.sort(self.names)
      end
      local sums = curve.sums
      sums.x, sums.y, sums.count = sums.x + step, sums.y + value, sums.count + 1
      if sums.count == curve.each then
        table.insert(curve.x, sums.x / sums.count)
        table.insert(curve.y, sums.y / sums.count)
        curve.sums = { x = 0, y = 0, count = 0 }
        if #curve.x >= points_max then halve(curve) end
      end
    end
  end
end

--- The charts as SVG, one for each figure with at least two points.
--
--   > local c = chart.new()
--   > for step = 1, 3 do c:add(step, { loss = 1 / step }) end
--   > #c:svgs(), c:svgs()[1]:match "<svg"
--   1	<svg
function Chart:svgs()
  local plot = require "perilune.plot"
  local made = {}
  for _, name in ipairs(self.names) do
    local curve = self.curves[name]
    if #curve.x > 1 and #made < charts_max then
      local fig = plot.figure { title = name, xlabel = "step", width = 340, height = 210 }
      made[#made + 1] = fig:line({ x = curve.x, y = curve.y }):svg()
    end
  end
  return made
end

--- The line and the charts as a value for `display`.
--
--   > require "perilune.display".bundle(chart.new():value "a < b")["text/html"]:match "a &lt; b"
--   a &lt; b
function Chart:value(line)
  if type(line) ~= "string" then
    error("Chart:value: expected the line, a text, got " .. options.show(line), 2)
  end
  return setmetatable({}, { __mime = function()
    local escaped = require "perilune.display.tables".escaped
    local parts = {
      '<div class="perilune-progress"><pre style="margin:0">', escaped(line), "</pre>",
    }
    for _, svg in ipairs(self:svgs()) do
      parts[#parts + 1] = '<div style="display:inline-block">' .. svg .. "</div>"
    end
    parts[#parts + 1] = "</div>"
    return { ["text/plain"] = line, ["text/html"] = table.concat(parts) }
  end })
end

return options.strict("progress.chart", chart)
