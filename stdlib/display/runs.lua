--- Runs as HTML: settings, figures, and a curve by step.
local identity = require "perilune.run.identity"
local native = require "perilune.native.plot"
local options = require "perilune.options"
local tables = require "perilune.display.tables"

local runs = {}

--- Figures that are drawn, where a run has them; else the first by name.
local preferred <const> = { "win", "loss", "rewards/margins", "rewards/accuracies" }

--- The names of the figures to draw among those that are keys of `last`, at most two.
local function drawn_of(last)
  local names, all = {}, {}
  for _, name in ipairs(preferred) do
    if type(last[name]) == "number" and #names < 2 then names[#names + 1] = name end
  end
  for name, value in pairs(last) do
    if type(value) == "number" and name ~= "step" then all[#all + 1] = name end
  end
  table.sort(all)
  return #names > 0 and names or { all[1] }
end

--- Name and value of a table, sorted, as a table of two columns.
local function pairs_table(values, title)
  local names, rows = {}, {}
  for name in pairs(values) do names[#names + 1] = tostring(name) end
  table.sort(names)
  for i, name in ipairs(names) do rows[i] = { name = name, value = values[name] } end
  if #rows == 0 then return "" end
  return tables.new(rows, { title = title, columns = { "name", "value" } }):html()
end

--- `curve(name)` gives steps and values.
local function bundle(head, parts, last, curve)
  local out = { "<p>" .. tables.escaped(head) .. "</p>" }
  for _, part in ipairs(parts) do out[#out + 1] = part end
  local figure, is_drawn = native.figure { xlabel = "step", height = 300 }, false
  for _, name in ipairs(drawn_of(last)) do
    local steps, values = curve(name)
    if #steps > 1 then
      figure:line { x = steps, y = values, label = name }
      is_drawn = true
    end
  end
  if is_drawn then out[#out + 1] = figure:svg():gsub("^<%?xml.-%?>%s*", "") end
  return { ["text/html"] = table.concat(out, "\n") }
end

--- The bundle of a run of `perilune.run`.
function runs.of_record(record)
  local parts = {
    pairs_table(identity.flat(record.config), "settings"), pairs_table(record.last, "last figures"),
  }
  return bundle(tostring(record), parts, record.last, function(name) return record:curve(name, 400) end)
end

--- The bundle of a run of `align.train`.
function runs.of_training(run)
  local last = run.log[#run.log] or {}
  return bundle(tostring(run), { pairs_table(last, "last row of the log") }, last, function(name)
    local steps, values = {}, {}
    for _, row in ipairs(run.log) do
      if type(row[name]) == "number" then
        steps[#steps + 1], values[#values + 1] = row.step, row[name]
      end
    end
    return steps, values
  end)
end

return options.strict("display.runs", runs)
