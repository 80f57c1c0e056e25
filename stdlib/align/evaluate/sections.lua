--- Sections of a report: the figures beside each curve, jumps of the KL, samples, settings, points.
local frontier = require "perilune.align.evaluate.frontier"
local options = require "perilune.options"
local plot = require "perilune.plot"
local stats = require "perilune.align.evaluate.stats"

local sections = {}

local function number(format, value) return value and format:format(value) or "-" end

--- The settings of a side in the order of their first run, each with its runs, one a seed.
local function by_setting(side)
  local order, runs_of = {}, {}
  for _, runs in ipairs(side.by_seed) do
    for _, run in ipairs(runs) do
      local name = run.setting or ""
      if not runs_of[name] then
        runs_of[name] = {}
        order[#order + 1] = name
      end
      table.insert(runs_of[name], run)
    end
  end
  return order, runs_of
end

--- One line for every jump of the KL between neighbouring checkpoints.
function sections.jumps(sides)
  local lines = {}
  for _, side in ipairs(sides) do
    for seed, runs in ipairs(side.by_seed) do
      for _, run in ipairs(runs) do
        for _, jump in ipairs(frontier.jumps(run)) do
          lines[#lines + 1] = ("%s, seed %d%s: KL %.1f at step %d, %.1f at step %d"):format(side.label, seed,
            run.setting and ", " .. run.setting or "", jump.from.kl, jump.from.step, jump.to.kl, jump.to.step)
        end
      end
    end
  end
  return lines
end

--- The mean over seeds of a field of the points of one step, or nil if a point lacks it.
local function mean_of(points, key)
  local values = {}
  for i, point in ipairs(points) do values[i] = point[key] end
  return #values == #points and stats.summary(values).mean or nil
end

--- A row a setting and checkpoint: the figures other than the win rate, means over seeds.
local function checkpoints_of(side)
  local rows = {}
  local order, runs_of = by_setting(side)
  for _, setting in ipairs(order) do
    local runs = runs_of[setting]
    for i = 1, #runs[1] do
      local points = {}
      for _, run in ipairs(runs) do points[#points + 1] = run[i] end
      if #points == #runs then
        rows[#rows + 1] = {
          setting, points[1].step, number("%.2f", mean_of(points, "kl")),
            number("%.2f", mean_of(points, "kl_se")),
          number("%.3f", mean_of(points, "win")), number("%.3f", mean_of(points, "proxy_win")),
          number("%.3f", mean_of(points, "proxy_accuracy")), number("%.1f", mean_of(points, "entropy")),
          number("%.1f", mean_of(points, "length")), number("%.2f", mean_of(points, "unfinished")),
        }
      end
    end
  end
  return rows
end

local columns <const> = {
  "setting", "step", "KL", "SE of KL", "win rate", "proxy's win rate", "proxy's accuracy", "entropy",
    "tokens", "unfinished",
}

--- The proxy's own win rate against KL, where the points have it: its rise over a fall of the judge's is
-- over-optimisation.
local function proxy_figure(sides)
  local curves = { title = "The proxy's own win rate", ylabel = "win rate by the proxy" }
  for i, side in ipairs(sides) do
    local by_seed = {}
    for s, runs in ipairs(side.by_seed) do
      by_seed[s] = {}
      for r, run in ipairs(runs) do
        by_seed[s][r] = {}
        for p, point in ipairs(run) do
          if not point.proxy_win then return nil end
          by_seed[s][r][p] = { step = point.step, kl = point.kl, win = point.proxy_win }
        end
      end
    end
    curves[i] = { label = side.label, by_seed = by_seed }
  end
  return plot.frontier(curves)
end

local function add_samples(page, side)
  local _, point = frontier.peak(side.by_seed[1])
  if not point.samples or #point.samples == 0 then return end
  page:text(("%s, at the peak of seed 1 (step %d, KL %.1f):"):format(side.label, point.step, point.kl))
  for _, sample in ipairs(point.samples) do page:output(sample[1] .. " | " .. sample[2]) end
end

--- Adds the figures beside each curve, the jumps and samples of text to a page.
function sections.add(page, sides, jumps)
  local figure = proxy_figure(sides)
  if figure then page:figure(
    figure, "The same checkpoints, judged by the proxy that labels online responses.") end
  page:heading "Jumps of the KL"
  if #jumps == 0 then
    page:text "No two neighbouring checkpoints where the KL doubles or halves by 4 nats or more."
  end
  for _, line in ipairs(jumps) do page:text(line) end
  page:heading "Checkpoints"
  page:text "Means over seeds. The proxy's accuracy is its agreement with the judge on fresh pairs."
  for _, side in ipairs(sides) do
    page:table { header = columns, rows = checkpoints_of(side), caption = side.label }
  end
  page:heading "Samples of text"
  for _, side in ipairs(sides) do add_samples(page, side) end
end

--- Rows { name, value } of a table of settings, in the order of the names.
function sections.settings(settings)
  local names, rows = {}, {}
  for name in pairs(settings) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do rows[i] = { name, tostring(settings[name]) } end
  return rows
end

--- The columns of `sections.points`.
sections.columns = {
  "side", "seed", "run", "setting", "step", "labels", "tokens", "kl", "kl_se", "win", "se", "entropy",
  "length", "unfinished", "proxy_win", "proxy_accuracy", "prompts",
}

--- All points as records with these columns.
function sections.points(sides)
  local records = {}
  for _, side in ipairs(sides) do
    for seed, runs in ipairs(side.by_seed) do
      for r, run in ipairs(runs) do
        for _, point in ipairs(run) do
          local record = { side = side.label, seed = seed, run = r, setting = run.setting,
            prompts = #point.wins }
          for _, name in ipairs(sections.columns) do
            local value = point[name]
            if math.type(value) == "float" then value = ("%.6f"):format(value) end
            record[name] = record[name] or value
          end
          records[#records + 1] = record
        end
      end
    end
  end
  return records
end

return options.strict("align.evaluate.sections", sections)
