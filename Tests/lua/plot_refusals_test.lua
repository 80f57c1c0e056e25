--- What a figure refuses: its texts, its axes and its ends, as options and as methods.
local lu = require "luaunit"
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local plot = require "perilune.plot"

local places <const> =
  [["best", "upper left", "upper right", "lower left", "lower right", "outside", "none"]]

-- What is evaluated with a figure `fig`, and the message without its place.
local cases = {
  { "fig:title(5)", "bad argument #1 to 'title' (expected a string, got 5)" },
  { "fig:note()", "bad argument #1 to 'note' (expected a string, got nil)" },
  { "fig:xscale 'lin'", [[bad argument #1 to 'xscale' (expected one of "linear", "log", got "lin")]] },
  { "fig:legend 'top'", "bad argument #1 to 'legend' (expected one of " .. places .. [[, got "top")]] },
  { "plot.figure { legend = 'top' }",
    "plot.figure: option 'legend': expected one of " .. places .. [[, got "top"]] },
  { "fig:grid 'yes'", [[bad argument #1 to 'grid' (expected true or false, got "yes")]] },
  { "plot.figure { xlim = 5 }", "plot.figure: option 'xlim': expected { lower, upper }, got 5" },
  { "fig:xlim(0, 'a')", [[bad argument #1 to 'xlim' (expected { lower, upper } of numbers, got "a")]] },
  { "fig:line { y = { 1, 'a' } }",
    "bad argument #1 to 'line' (option 'y': element [2] is a string, expected a number)" },
  { "fig:heatmap { matrix = { { 1 } }, rows = 'a' }",
    [[bad argument #1 to 'heatmap' (option 'rows': expected a list of strings, got "a")]] },
}

TestPlotRefusals = {}

function TestPlotRefusals.test_every_message()
  for _, case in ipairs(cases) do
    local run = assert(load("local plot, fig = ... return " .. case[1], "=case", "t"))
    lu.assertEquals(support.message(run, plot, plot.figure {}), case[2], case[1])
  end
end

--- An axis without an end has no place for the points.
function TestPlotRefusals.test_an_infinite_end_is_refused_when_the_figure_is_drawn()
  local fig = plot.figure { xlim = { 0, math.huge } }:line { y = { 1, 2 } }
  lu.assertStrContains(support.message(fig.svg, fig), "has inf, which cannot be drawn")
end

os.exit(lu.LuaUnit.run())
