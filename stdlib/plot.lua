--- Figures under matplotlib's names, drawn in the terminal and written as SVG, PNG and PDF.
--
-- Numbers come as lists or as tensors. A figure's methods return the figure; `tostring` draws it in letters,
-- as wide as the terminal; `:save` writes .svg, .png, .pdf, .csv (the numbers behind it) or .txt.
--
-- `plot.terminal` says how `fig:show()` and the prompt draw: "auto" (the default) asks the terminal for the
-- graphics of kitty, of iTerm2 and for sixels, and draws braille where it has none, and letters where the
-- locale is not UTF-8. "kitty", "iterm", "sixel", "braille" and "letters" draw so without asking;
-- $PERILUNE_GRAPHICS does the same for a shell. Output that is no terminal gets text. See docs/plots.md.
--
--   plot.line { y = losses, label = "loss", title = "SFT", xlabel = "step" }
--   plot.figure { title = "Win rate" }:line { x = kl, y = win }:hline { y = 0.5 }:save "win.svg"
--
--   > local plot = require "perilune.plot"
--   > local fig = plot.figure { title = "Two runs", xlabel = "step" }
--   > fig = fig:line { y = { 0.5, 0.6, 0.7 }, label = "online" }
--   > fig = fig:line { x = { 1, 2, 3 }, y = { 0.5, 0.5, 0.4 }, label = "offline" }
--   > select(2, fig:csv():gsub("\n", ""))
--   7
--   > plot.figure { tilte = "x" }
--   plot.figure: unknown option 'tilte'; did you mean 'title'?
--
--   > plot.scatter { x = { 1, 2 }, y = { 3, 4 } }:csv():match "scatter"
--   scatter
--   > plot.bars { labels = { "a", "b" }, values = { 1, 2 } }:csv():match "bars"
--   bars
--   > plot.heatmap { matrix = { { 1, 2 }, { 3, 4 } } }:csv():match "heatmap"
--   heatmap
--   > plot.errorbar { x = { 1, 2 }, y = { 3, 4 }, yerr = { 1, 1 } }:csv():match "errorbar"
--   errorbar
--   > plot.hist { values = { 1, 2, 2 } }:csv():match "hist"
--   hist
--   > plot.band { x = { 1, 2 }, lower = { 0, 1 }, upper = { 2, 3 } }:csv():match "band"
--   band
local frontier = require "perilune.align.evaluate.frontier"
local native = require "perilune.native.plot"
local options = require "perilune.options"

local plot = { colors = native.colors, markers = native.markers, styles = native.styles }

--- Calls a native function for the public one named `name`: an error names the public function and points at
-- its caller.
local function rename_errors(name, f, ...)
  local ok, result = pcall(f, ...)
  if ok then return result end
  local message = type(result) == "userdata" and result.kind ~= "interrupted" and result.reason
  if not message then error(result, 0) end
  if message:sub(1, #name + 2) == name .. ": " then message = message:sub(#name + 3) end
  -- A series knows its own options only; the option may have been meant for the figure.
  local unknown = message:match "unknown option '([^']*)'$"
  local near = unknown and require("perilune.native.help").nearest(unknown, native.figure_options)
  error(("plot.%s: %s%s"):format(name, message, near and ("; did you mean '%s'?"):format(near) or ""), 3)
end

-- Help shows the options that the native functions declare: those of a series and those of the figure.
local of_figure = options.native "native.plot.figure"
options.spec("plot.figure", { of_figure })
for _, kind in ipairs { "line", "scatter", "errorbar", "band", "hist", "heatmap", "bars" } do
  options.spec("plot." .. kind, { options.native("Figure:" .. kind), of_figure })
end

--- An empty figure. Its options except the size are also methods: `fig:title "Win rate"`, `fig:xlim(0, 8)`.
function plot.figure(settings)
  local fig = rename_errors("figure", native.figure, settings or {})
  return fig
end

local figure_options = {}
for _, name in ipairs(native.figure_options) do figure_options[name] = true end

--- What a series of each kind needs, as an example.
local examples <const> = {
  band = "{ lower = { 1, 2 }, upper = { 3, 4 } }", hist = "{ values = { 1, 2, 3 } }",
  bars = "{ values = { 1, 2, 3 } }", heatmap = "{ matrix = { { 1, 2 }, { 3, 4 } } }",
}

--- A figure of one series: what belongs to the figure goes to it, the rest to the series.
local function alone(kind, given)
  if type(given) ~= "table" then
    error(("plot.%s: options must be a table, such as %s, got %s"):format(
      kind, examples[kind] or "{ y = { 1, 2, 3 } }", type(given)), 2)
  end
  local settings, series = {}, {}
  for name, value in pairs(given) do (figure_options[name] and settings or series)[name] = value end
  local fig = rename_errors(kind, native.figure, settings)
  fig = rename_errors(kind, fig[kind], fig, series)
  return fig
end

--- A line through points.
function plot.line(given) return alone("line", given) end

--- Points.
function plot.scatter(given) return alone("scatter", given) end

--- Points with error bars.
function plot.errorbar(given) return alone("errorbar", given) end

--- The area between two lines.
function plot.band(given) return alone("band", given) end

--- A histogram with bins of equal width.
function plot.hist(given) return alone("hist", given) end

--- A matrix as colours, the first row at the top.
function plot.heatmap(given) return alone("heatmap", given) end

--- A bar for each value.
function plot.bars(given) return alone("bars", given) end

--- The mean and standard error of a figure that is a number or `{ mean =, se = }`.
local function figure_of(value, se)
  if type(value) == "table" then return value.mean, se or value.se end
  return value, se
end

--- Points of one run as { step, kl, win, se }.
local function read(points, where)
  local out = {}
  for i, point in ipairs(points) do
    local kl = figure_of(point.kl)
    local win, se = figure_of(point.win, point.se)
    if type(kl) ~= "number" or type(win) ~= "number" then
      error(("plot.frontier: point %d of %s has no %s"):format(
        i, where, type(kl) ~= "number" and "kl" or "win"), 4)
    end
    out[i] = { step = point.step, kl = kl, win = win, se = se }
  end
  return out
end

-- `count` is the number of KLs of a line, evenly spaced in nats: a log axis shows the smallest ones widely.
local scales = {
  linear = { kl = function(x) return x end, axis = "linear", label = "KL(policy || SFT), nats", count = 61 },
  log = { kl = function(x) return x end, axis = "log", label = "KL(policy || SFT), nats (log)", count = 241 },
  sqrt = {
    kl = function(x) return x >= 0 and math.sqrt(x) or 0 / 0 end, axis = "linear",
    label = "sqrt KL(policy || SFT)", count = 61,
  },
}

local function label_of(entry, i)
  local o = entry.options
  local given = o and (o.label ~= "" and o.label or o.source and o.source.name)
  return entry.label or given or ("run %d"):format(i)
end

--- The seeds of an argument, each a list of runs.
local function seeds_of(entry, label)
  local by_seed = entry.by_seed
  if not by_seed then
    by_seed = {}
    for i, run in ipairs(entry.runs or { entry.points or entry }) do by_seed[i] = { run } end
  end
  local seeds = {}
  for s, runs in ipairs(by_seed) do
    seeds[s] = { outer = runs.outer }
    for r, run in ipairs(runs) do seeds[s][r] = read(run.points or run, ("'%s'"):format(label)) end
  end
  if #seeds == 0 then error(("plot.frontier: '%s' has no runs"):format(label), 3) end
  return seeds
end

--- The pieces of a curve between the KLs that were left out: each { x, y, lower, upper, has_band }.
local function pieces_of(curve, x_of)
  local pieces = {}
  for i, point in ipairs(curve) do
    if i == 1 or point.gap then pieces[#pieces + 1] = { x = {}, y = {}, lower = {}, upper = {} } end
    local piece, win = pieces[#pieces], point.win
    local n = #piece.x + 1
    piece.x[n], piece.y[n] = x_of(point.kl), win
    -- No rate lies outside of 0 to 1; the interval of two seeds would.
    piece.lower[n] = math.max(math.min(0, win), win - point.half)
    piece.upper[n] = math.min(math.max(1, win), win + point.half)
    piece.has_band = piece.has_band or point.half > 0
  end
  return pieces
end

--- Win rate against KL, a curve for each argument (Tang et al. 2024, fig. 1).
--
-- An argument is a run of `align.train`, `{ label =, points = }` with points `{ kl =, win =, se = }` in the
-- order of steps, `{ label =, runs = }` with such lists of several seeds, or `{ label =, by_seed = }` with a
-- list of pooled runs for each seed, whose `outer` numbers the repetition that it belongs to. It may have a
-- `color`, a `marker` and a `style`. Points are checkpoints. The line is the mean over repetitions of the
-- win rate at equal KL, by the rules of `align.evaluate.frontier`; it is drawn where every seed has
-- checkpoints on both sides of the KL, near it on one. The band is the 95 % interval of that mean; of one
-- repetition it is over prompts alone. `xscale` is "linear", "log" (the paper's axis; a point at KL 0 cannot
-- be on it) or "sqrt"; the other settings are those of a figure.
--
--   > local plot = require "perilune.plot"
--   > local points = { { kl = 0, win = 0.5 }, { kl = 4, win = 0.7 } }
--   > local fig = plot.frontier { { label = "online", points = points }, xscale = "sqrt" }
--   > fig:csv():match("online,line,2,([%d.]+)")
--   0.7
function plot.frontier(given)
  if type(given) ~= "table" then error("plot.frontier: expected a list of runs, got " .. type(given), 2) end
  local settings = {}
  for name, value in pairs(given) do
    if type(name) == "string" then settings[name] = value end
  end
  local scale = scales[settings.xscale or "linear"]
  if not scale then
    error(("plot.frontier: xscale must be \"linear\", \"log\" or \"sqrt\", got %s"):format(
      tostring(settings.xscale)), 2)
  end
  settings.xscale = scale.axis
  settings.xlabel = settings.xlabel or scale.label
  settings.ylabel = settings.ylabel or "win rate"
  local fig = rename_errors("frontier", native.figure, settings)
  for i, entry in ipairs(given) do
    local label = label_of(entry, i)
    local seeds, loose_x, loose_y = seeds_of(entry, label), {}, {}
    for _, runs in ipairs(seeds) do
      for _, run in ipairs(runs) do
        for _, point in ipairs(run) do
          loose_x[#loose_x + 1], loose_y[#loose_y + 1] = scale.kl(point.kl), point.win
        end
      end
    end
    local pieces = pieces_of(frontier.curve(seeds, scale.count), scale.kl)
    for _, piece in ipairs(pieces) do
      if piece.has_band then
        fig:band {
          x = piece.x, lower = piece.lower, upper = piece.upper, label = label, color = entry.color,
        }
      end
    end
    fig:scatter { x = loose_x, y = loose_y, label = label, marker = entry.marker, color = entry.color }
    for _, piece in ipairs(pieces) do
      fig:line {
        x = piece.x, y = piece.y, label = label,
        color = entry.color, marker = entry.marker, style = entry.style,
      }
    end
  end
  return fig
end

local Figure = getmetatable(native.figure {}).__index

--- Shows the figure: in a notebook, as a picture in a terminal that shows pictures, else as text through
-- `print`. Returns nothing, so that the prompt does not show it again.
function Figure.show(fig)
  local display = require "perilune.display"
  if rawget(display, "front") then return display(fig) end
  if not require "perilune.display.terminal".draw(fig) then print(fig) end
end

--- A figure that is redrawn in place while numbers arrive. See `perilune.plot.live`.
function plot.live(given) return require "perilune.plot.live".new(given) end

options.strict("plot", plot, { "terminal" }, native.terminal)

-- `plot.terminal` is read anew each time, and checked when it is set.
local meta = getmetatable(plot)
local unknown = meta.__index
function meta.__index(self, name)
  if name == "terminal" then return native.terminal() end
  return unknown(self, name)
end

function meta.__newindex(self, name, value)
  if name ~= "terminal" then return rawset(self, name, value) end
  local ok, problem = pcall(native.set_terminal, value)
  if not ok then error(problem.reason or problem, 2) end
end

return plot
