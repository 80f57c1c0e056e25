--- The runs of the folder as they go on: in the terminal, redrawn each second, or as a page of HTML.
--
--   perilune --runs                     in the terminal, until Ctrl-C
--   perilune --runs-html=runs.html      a page that needs nothing else
local native = require "perilune.native.run"
local drawing = require "perilune.native.plot"
local plot = require "perilune.plot"
local report = require "perilune.report"
local run = require "perilune.run"
local system = require "perilune.system"
local List = require "perilune.run.list"
local identity = require "perilune.run.identity"

--- Figures that a view draws first, where runs have them.
local preferred <const> = { "win", "win_rate", "rewards/accuracies", "loss" }

--- Runs in a view, points of a curve in it, and bytes of a setting.
local most_runs <const>, most_points <const>, most_bytes <const> = 12, 200, 24

--- The last runs of a folder, the newest first.
local function latest(folder)
  local list, records = List.find(folder, {}), {}
  for i = #list, math.max(1, #list - most_runs + 1), -1 do records[#records + 1] = list[i] end
  return records, list
end

local function age(seconds)
  if seconds < 120 then return ("%.0f s"):format(math.max(0, seconds)) end
  if seconds < 7200 then return ("%.0f min"):format(seconds / 60) end
  if seconds < 172800 then return ("%.1f h"):format(seconds / 3600) end
  return ("%.1f days"):format(seconds / 86400)
end

--- The figure to draw: the first preferred one that a run has, else the first of the first run.
local function figure_of(records)
  for _, name in ipairs(preferred) do
    for _, one in ipairs(records) do
      if one.last[name] then return name end
    end
  end
  local names = {}
  for name in pairs(records[1] and records[1].last or {}) do names[#names + 1] = name end
  table.sort(names)
  return names[1]
end

--- The short settings that differ between runs that have them, sorted: those of one kind of run, and hashes,
-- tell runs apart no better than their names.
local function differing(records)
  local first, paths = {}, {}
  for _, one in ipairs(records) do
    for path, value in pairs(identity.flat(one.config)) do
      if first[path] == nil then first[path] = value end
      if first[path] ~= value then paths[path] = paths[path] ~= false and #tostring(value) <= most_bytes end
    end
  end
  local sorted = {}
  for path, is_short in pairs(paths) do
    if is_short then sorted[#sorted + 1] = path end
  end
  table.sort(sorted)
  return sorted
end

local function rows_of(records, name)
  local rows, now, paths = {}, os.time(), differing(records)
  for i, one in ipairs(records) do
    local flat, settings = identity.flat(one.config), {}
    for _, path in ipairs(paths) do
      if flat[path] ~= nil then settings[#settings + 1] = ("%s=%s"):format(path, tostring(flat[path])) end
    end
    local value = name and one.last[name]
    rows[i] = { one.id, one.status, one.step, age(now - one.beat), value and ("%.4g"):format(value) or "",
      table.concat(settings, " ") }
  end
  return rows
end

--- The curves of a figure in one plot; nil where there is none of two points.
local function curves(records, name)
  local figure = plot.figure { title = name, xlabel = "step" }
  local drawn = false
  for _, one in ipairs(records) do
    local steps, values = native.curve(one.path, name, most_points)
    if #steps > 1 then
      figure:line { x = steps, y = values, label = one.id }
      drawn = true
    end
  end
  return drawn and figure or nil
end

local function header(name) return { "run", "status", "step", "last sign", name or "", "settings" } end

--- Rows as lines, each column as wide as it must be, cut at the width of a terminal.
local function lines_of(rows)
  local widths, lines = {}, {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, #tostring(cell)) end
  end
  for i, row in ipairs(rows) do
    local cells = {}
    for k, cell in ipairs(row) do
      local gap = (" "):rep(widths[k] - #tostring(cell))
      cells[k] = math.type(cell) and gap .. cell or cell .. gap
    end
    lines[i] = table.concat(cells, "  "):gsub(" +$", "")
    if system.is_terminal(1) then lines[i] = lines[i]:sub(1, drawing.columns()) end
  end
  return lines
end

--- The text of one drawing.
local function text(folder)
  if not system.exists(folder) then return "no runs in " .. folder end
  local records, list = latest(folder)
  local problems = table.concat(list.problems, "\n")
  if #records == 0 then return "no runs in " .. folder .. (problems ~= "" and "\n" .. problems or "") end
  local name = figure_of(records)
  local rows = rows_of(records, name)
  table.insert(rows, 1, header(name))
  local parts = { ("%s: %d runs"):format(folder, #list), table.concat(lines_of(rows), "\n") }
  if problems ~= "" then parts[#parts + 1] = problems end
  local figure = name and curves(records, name)
  if figure then parts[#parts + 1] = "\n" .. tostring(figure) end
  return table.concat(parts, "\n")
end

local function page(folder, path)
  local records, list = latest(folder)
  local title = ("Runs in %s"):format(folder)
  local document = report.new { title = title, footer = os.date "%Y-%m-%d %H:%M" }
  local name = figure_of(records)
  document:heading(("The last %d of %d runs"):format(#records, #list)):table {
    header = header(name), rows = rows_of(records, name),
  }
  for _, problem in ipairs(list.problems) do document:text(problem) end
  local names = {}
  for _, one in ipairs(records) do
    for figure in pairs(one.last) do names[figure] = true end
  end
  local sorted = {}
  for figure in pairs(names) do sorted[#sorted + 1] = figure end
  table.sort(sorted)
  for _, figure in ipairs(sorted) do
    local drawn = curves(records, figure)
    if drawn then document:figure(drawn, figure) end
  end
  document:save(path)
end

--- Draws the runs until Ctrl-C, once where the output is no terminal; with a path, writes the page instead.
return function(path, folder)
  folder = folder or run.folder()
  if path then return page(folder, path) end
  if not system.is_terminal(1) then return print(text(folder)) end
  local ok, problem = pcall(function()
    while true do
      io.write("\27[H\27[2J", text(folder), "\n")
      io.flush()
      system.sleep(1)
    end
  end)
  if not ok and not system.is_interrupt(problem) then error(problem, 0) end
end
