--- Comma-separated values (RFC 4180): records from text, text from records.
--
-- The first row is the header; each other row becomes a table by column name. A cell in double quotes may
-- have commas, line ends and doubled quotes. A column whose cells are all numbers is of numbers; an empty
-- cell is nil.
--
--   > local csv = require "perilune.csv"
--   > local records = csv.decode 'name,win\n"a, b",0.5\nc,\n'
--   > records[1].name, records[1].win, records[2].win
--   a, b	0.5	nil
local native = require "perilune.native.report"
local options = require "perilune.options"
local system = require "perilune.system"

local csv = {}

--- The rows of a text: lists of cells.
local function rows_of(text, where)
  local rows, row, at, line = {}, {}, 1, 1
  text = text:gsub("^\u{FEFF}", "")
  if not text:find "\n$" then text = text .. "\n" end
  while at <= #text do
    local cell, stop
    if text:sub(at, at) == '"' then
      stop = at + 1
      while true do
        stop = text:find('"', stop, true)
        if not stop then error(("%s: line %d: a quoted cell is not closed"):format(where, line), 0) end
        if text:sub(stop + 1, stop + 1) ~= '"' then break end
        stop = stop + 2
      end
      cell = text:sub(at + 1, stop - 1)
      line = line + select(2, cell:gsub("\n", ""))
      cell, stop = cell:gsub('""', '"'), stop + 1
    else
      stop = text:find("[,\r\n]", at)
      cell = text:sub(at, stop - 1)
    end
    row[#row + 1] = cell
    local ending = text:match("^\r?\n()", stop)
    if ending then
      if #row > 1 or row[1] ~= "" then rows[#rows + 1] = { cells = row, line = line } end
      row, at, line = {}, ending, line + 1
    elseif text:sub(stop, stop) == "," then
      at = stop + 1
    else
      local found = text:sub(stop, stop) == "\r" and "a line end of \\r alone, expected \\n or \\r\\n"
        or "a quoted cell that no comma follows"
      error(("%s: line %d: %s"):format(where, line, found), 0)
    end
  end
  return rows
end

--- The records of a text. `where` opens the error messages.
--
-- Errors: a quoted cell is not closed; a row has more or fewer cells than the header; a name is in the header
-- twice.
--
--   > require("perilune.csv").decode "a,b\n1\n"
--   csv: line 2: the row has 1 cells, the header 2
function csv.decode(text, where)
  where = where or "csv"
  if type(text) ~= "string" then error("csv.decode: expected a text, not " .. options.show(text), 2) end
  local rows = rows_of(text, where)
  local header, records, is_number = rows[1] and rows[1].cells or {}, {}, {}
  for i, name in ipairs(header) do
    if is_number[name] ~= nil then error(("%s: the header has '%s' twice"):format(where, name), 0) end
    is_number[name] = true
    for r = 2, #rows do
      local cell = rows[r].cells[i]
      if cell and cell ~= "" and not tonumber(cell) then is_number[name] = false end
    end
  end
  for r = 2, #rows do
    local cells, record = rows[r].cells, {}
    if #cells ~= #header then
      error(("%s: line %d: the row has %d cells, the header %d"):format(
        where, rows[r].line, #cells, #header), 0)
    end
    for i, name in ipairs(header) do
      if cells[i] ~= "" then record[name] = is_number[name] and tonumber(cells[i]) or cells[i] end
    end
    records[r - 1] = record
  end
  return records
end

--- The records of a file.
function csv.load(path)
  local file, problem = io.open(path, "rb")
  if not file then error("csv.load: " .. problem, 2) end
  local text, why = file:read "a"
  file:close()
  if not text then error(("csv.load: %s: %s"):format(path, why), 2) end
  return csv.decode(text, path)
end

local is_plain <const> = { ["nil"] = true, boolean = true, number = true, string = true }

--- The text of records, with these columns; a missing value is an empty cell. Text that a spreadsheet would
-- take for a formula (it begins with =, +, - or @ and is no number) is prefixed with an apostrophe. Errors: a
-- cell is no text, number or boolean.
--
--   > local csv = require "perilune.csv"
--   > (csv.encode({ { name = "a, b", win = 0.5 } }, { "name", "win" }):gsub("\r\n", " | "))
--   name,win | "a, b",0.5 |
--   > csv.encode({ { name = "=1+1" } }, { "name" }):match "\n(.-)\r"
--   '=1+1
function csv.encode(records, columns)
  local function refuse(message, ...) error("csv.encode: " .. message:format(...), 3) end
  if type(records) ~= "table" then refuse("expected a list of records, got %s", options.show(records)) end
  if type(columns) ~= "table" then refuse("expected a list of columns, got %s", options.show(columns)) end
  local rows = {}
  for r, record in ipairs(records) do
    if type(record) ~= "table" then refuse("record %d must be a table, not %s", r, options.show(record)) end
    rows[r] = {}
    for i, name in ipairs(columns) do
      local cell = record[name]
      if not is_plain[type(cell)] then
        refuse("record %d, '%s': a cell is a text, number or boolean, not %s", r, name, options.show(cell))
      end
      rows[r][i] = cell
    end
  end
  return native.csv { header = columns, rows = rows }
end

--- Writes records to a file.
--
--   > local path = os.tmpname()
--   > csv.save(path, { { name = "a", win = 0.5 } }, { "name", "win" })
--   > csv.load(path)[1].win
--   0.5
function csv.save(path, records, columns) system.write_file(path, csv.encode(records, columns)) end

return options.strict("csv", csv)
