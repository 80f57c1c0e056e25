--- A table of means with intervals, by two settings of runs.
local csv = require "perilune.csv"
local student = require "perilune.align.evaluate.student"

local Table = { __name = "RunTable" }
Table.__index = Table

function Table.new(o) return setmetatable({ options = o, rows = {}, cols = {}, cells = {} }, Table) end

local function key_of(value) return value == nil and "" or value end

local function keep(list, value)
  for _, known in ipairs(list) do
    if known == value then return end
  end
  list[#list + 1] = value
  table.sort(list, function(a, b)
    if type(a) == "number" and type(b) == "number" then return a < b end
    return tostring(a) < tostring(b)
  end)
end

--- Adds a value to a cell; `unit` tells independent values apart.
function Table:add(row, col, unit, value)
  row, col, unit = key_of(row), key_of(col), key_of(unit)
  keep(self.rows, row)
  keep(self.cols, col)
  self.cells[row] = self.cells[row] or {}
  local cell = self.cells[row][col] or { units = {}, order = {} }
  self.cells[row][col] = cell
  if not cell.units[unit] then
    cell.units[unit] = { sum = 0, count = 0 }
    cell.order[#cell.order + 1] = unit
  end
  local one = cell.units[unit]
  one.sum, one.count = one.sum + value, one.count + 1
end

--- A cell: { mean, low, high, count }, the interval of Student of 95 %, NaN for one value. Nil where there is
-- no run.
function Table:cell(row, col)
  local cell = self.cells[row] and self.cells[row][key_of(col)]
  if not cell then return nil end
  local n, sum, squares = #cell.order, 0, 0
  for _, unit in ipairs(cell.order) do sum = sum + cell.units[unit].sum / cell.units[unit].count end
  local mean = sum / n
  for _, unit in ipairs(cell.order) do
    squares = squares + (cell.units[unit].sum / cell.units[unit].count - mean) ^ 2
  end
  local half = n > 1 and student.quantile(0.975, n - 1) * math.sqrt(squares / (n - 1) / n) or 0 / 0
  return { mean = mean, low = mean - half, high = mean + half, count = n }
end

--- Writes a row for each cell: the two settings, mean, low, high, count.
function Table:csv(path)
  local o, records = self.options, {}
  for _, row in ipairs(self.rows) do
    for _, col in ipairs(self.cols) do
      local cell = self:cell(row, col)
      if cell then
        cell[o.rows] = row
        if o.cols then cell[o.cols] = col end
        records[#records + 1] = cell
      end
    end
  end
  local columns = { o.rows, "mean", "low", "high", "count" }
  if o.cols then table.insert(columns, 2, o.cols) end
  csv.save(path, records, columns)
end

local function shown(cell)
  if not cell then return "" end
  if cell.count == 1 then return ("%.3f (1)"):format(cell.mean) end
  return ("%.3f [%.3f, %.3f] (%d)"):format(cell.mean, cell.low, cell.high, cell.count)
end

--- Header and rows as texts.
local function lines_of(self)
  local o = self.options
  local lines = { { o.cols and ("%s \\ %s"):format(o.rows, o.cols) or o.rows } }
  for _, col in ipairs(self.cols) do table.insert(lines[1], o.cols and tostring(col) or o.value) end
  for _, row in ipairs(self.rows) do
    local line = { tostring(row) }
    for _, col in ipairs(self.cols) do line[#line + 1] = shown(self:cell(row, col)) end
    lines[#lines + 1] = line
  end
  return lines
end

function Table:__mime()
  local lines = lines_of(self)
  local rows = table.move(lines, 2, #lines, 1, {})
  return { ["text/html"] = require "perilune.display.tables".of_cells(lines[1], rows) }
end

--- Mean, interval and, in brackets, the number of independent runs.
function Table:__tostring()
  local lines = lines_of(self)
  local widths, text = {}, {}
  for _, line in ipairs(lines) do
    for i, cell in ipairs(line) do widths[i] = math.max(widths[i] or 0, utf8.len(cell) or #cell) end
  end
  for i, line in ipairs(lines) do
    local parts = {}
    for k, cell in ipairs(line) do parts[k] = cell .. (" "):rep(widths[k] - (utf8.len(cell) or #cell)) end
    text[i] = (table.concat(parts, "  "):gsub(" +$", ""))
  end
  return table.concat(text, "\n")
end

return Table
