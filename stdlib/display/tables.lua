--- Records as tables: aligned columns as text, a table whose columns sort by a click as HTML.
--
-- Numbers are aligned to the right and have four digits. A text wider than the terminal is cut, and columns
-- that have no place are named below the table.
--
--   > print(tables.new { { run = "a", kl = 1.23456 }, { run = "long name", kl = 10 } })
--   run           kl
--   a          1.235
--   long name     10
local native = require "perilune.native.plot"
local options = require "perilune.options"

local tables = {}

local Table = { __name = "Table" }
Table.__index = Table

local spec = options.spec("display.table", {
  { "columns", options.optional "table", "names of the columns, in order; by default all, sorted by name" },
  { "title", "", "line above the table" },
  { "rows", 60, "rows of text that are shown; HTML has all", least = 1 },
  { "width", options.optional "integer", "columns of text; by default those of the terminal", least = 20 },
})

local escapes <const> = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

--- A text for HTML.
function tables.escaped(text) return (text:gsub('[&<>"]', escapes)) end

--- The text of HTML: without tags, scripts and styles, with the five common entities read.
--
--   > tables.without_tags "a<br>b <i>c</i> &amp; d"
--   a
--   b c & d
function tables.without_tags(html)
  local text = html:gsub("<script.->.-</script>", ""):gsub("<style.->.-</style>", "")
  text = text:gsub("<br ?/?>", "\n"):gsub("</p>", "\n"):gsub("</tr>", "\n"):gsub("</t[dh]>", "  ")
  text = text:gsub("<[^>]*>", ""):gsub("&lt;", "<"):gsub("&gt;", ">"):gsub("&quot;", '"'):gsub("&#39;", "'")
  return (text:gsub("&amp;", "&"):gsub("%s+$", ""))
end

--- Columns that come first in a table whose order is not given.
local first <const> = {
  id = 1, name = 2, run = 3, label = 4, side = 5, step = 6, seed = 7,
  loss = 8, reward = 9, kl = 10,
}

local function is_cell(value)
  local kind = type(value)
  if kind == "table" or kind == "userdata" then
    return rawget(debug.getmetatable(value) or {}, "__tostring") ~= nil
  end
  return kind == "number" or kind == "string" or kind == "boolean"
end

local function is_record(value)
  if type(value) ~= "table" or next(value) == nil then return false end
  local meta = debug.getmetatable(value)
  if meta and (rawget(meta, "__tostring") or rawget(meta, "__mime")) then return false end
  for key, cell in next, value do
    if type(key) ~= "string" or not is_cell(cell) then return false end
  end
  return true
end

--- Whether a value is a list of records: tables of numbers, texts and booleans by name.
--
--   > tables.is_records { { a = 1 } }, tables.is_records { { 1 } }, tables.is_records {}
--   true	false	false
function tables.is_records(value)
  if type(value) ~= "table" or rawlen(value) == 0 then return false end
  local count = 0
  for _ in next, value do count = count + 1 end
  if count ~= rawlen(value) then return false end
  for i = 1, count do
    if not is_record(rawget(value, i)) then return false end
  end
  return true
end

--- The names of all columns of records, sorted: those of `first`, then the others, then those that most
-- records lack, such as the figures of the evaluations in the log of a run.
local function columns_of(rows)
  local names, counts = {}, {}
  for _, row in ipairs(rows) do
    for name in next, row do
      if type(name) == "string" then
        if not counts[name] then names[#names + 1] = name end
        counts[name] = (counts[name] or 0) + 1
      end
    end
  end
  local function rank(name) return first[name] or (2 * counts[name] < #rows and 100 or 99) end
  table.sort(names, function(a, b)
    local ra, rb = rank(a), rank(b)
    if ra ~= rb then return ra < rb end
    return a < b
  end)
  return names
end

local function refuse(who, message, ...) error(("%s: "):format(who) .. message:format(...), 4) end

--- A table of records; `who` is what an error calls the function.
--
-- Errors: `rows` is no list of tables; a column is no text; a column is in no record.
--
--   > require("perilune.display").table({ { loss = 1 } }, { columns = { "lose" } })
--   display.table: no record has 'lose'; did you mean 'loss'?
function tables.new(rows, given, who)
  who = who or "display.table"
  local o = spec:fill(given, 2)
  if type(rows) ~= "table" then refuse(who, "expected a list of records, got %s", options.show(rows)) end
  local list = {}
  for i = 1, #rows do
    if type(rows[i]) ~= "table" then
      refuse(who, "record %d must be a table, not %s", i, options.show(rows[i]))
    end
    list[i] = rows[i]
  end
  if #list == 0 and next(rows) ~= nil then
    refuse(who, "expected a list of records, got a table without position 1")
  end
  local known = columns_of(list)
  for i, name in ipairs(o.columns or {}) do
    if type(name) ~= "string" then refuse(who, "column %d must be a text, not %s", i, options.show(name)) end
    local found = #list == 0
    for _, row in ipairs(list) do found = found or row[name] ~= nil end
    if not found then refuse(who, "no record has '%s'; %s", name, options.suggest(name, known)) end
  end
  local columns = {}
  for c, name in ipairs(o.columns or known) do columns[c] = { key = name, name = name } end
  return setmetatable({ rows = list, columns = columns, options = o }, Table)
end

--- The HTML of a table whose header and rows are lists of texts, a column sorts by a click.
--
--   > tables.of_cells({ "at", "win" }, { { "KL 1", "0.6" } }):match "<td[^>]*>(KL 1)</td>"
--   KL 1
function tables.of_cells(header, rows)
  local columns = {}
  for c, name in ipairs(header) do columns[c] = { key = c, name = name } end
  return setmetatable({ rows = rows, columns = columns, options = spec:fill() }, Table):html()
end

--- The text of a cell.
local function cell_text(value)
  if value == nil then return "" end
  if math.type(value) == "float" then
    if value ~= value then return "nan" end
    return (("%.4g"):format(value))
  end
  if type(value) == "table" and not is_cell(value) then
    value = require "perilune.display.text"(value)
  end
  return (tostring(value):gsub("%c", " "))
end

--- The names, texts, widths and sides of the columns for the first `count` rows.
local function measured(self, count)
  local columns = {}
  for c, given in ipairs(self.columns) do
    local column = { key = given.key, name = cell_text(given.name), texts = {}, is_number = true }
    column.width = native.text_width(column.name)
    for r = 1, count do
      local value = self.rows[r][column.key]
      if value ~= nil and type(value) ~= "number" then column.is_number = false end
      column.texts[r] = cell_text(value)
      column.width = math.max(column.width, native.text_width(column.texts[r]))
    end
    columns[c] = column
  end
  return columns
end

--- Narrows columns of text until the table fits, then leaves out columns at the right; returns their names.
local function fit(columns, width)
  local left_out = {}
  local function total()
    local sum = 2 * (#columns - 1)
    for _, column in ipairs(columns) do sum = sum + column.width end
    return sum
  end
  while total() > width do
    local widest
    for _, column in ipairs(columns) do
      if not column.is_number and column.width > 12 and (not widest or column.width > widest.width) then
        widest = column
      end
    end
    if widest then
      widest.width = math.max(12, widest.width - (total() - width))
    elseif #columns > 1 then
      table.insert(left_out, 1, table.remove(columns).name)
    else
      columns[1].width = width
    end
  end
  return left_out
end

local function placed(text, column, is_last)
  text = native.text_cut(text, column.width)
  local gap = (" "):rep(column.width - native.text_width(text))
  if column.is_number then return gap .. text end
  return is_last and text or text .. gap
end

function Table:__tostring()
  local count = math.min(#self.rows, self.options.rows)
  if #self.columns == 0 then return ("(%d records without columns)"):format(#self.rows) end
  local width = self.options.width or native.columns()
  local columns, lines = measured(self, count), {}
  local left_out = fit(columns, width)
  if self.options.title ~= "" then lines[1] = self.options.title end
  for r = 0, count do
    local cells = {}
    for c, column in ipairs(columns) do
      cells[c] = placed(r == 0 and column.name or column.texts[r], column, c == #columns)
    end
    lines[#lines + 1] = (table.concat(cells, "  "):gsub(" +$", ""))
  end
  local more = {}
  if count < #self.rows then more[1] = ("%d rows"):format(#self.rows - count) end
  if #left_out > 0 then more[#more + 1] = ("columns %s"):format(table.concat(left_out, ", ")) end
  if #more > 0 then lines[#lines + 1] = native.text_cut("and " .. table.concat(more, " and "), width) end
  return table.concat(lines, "\n")
end

--- What a click on a header does: sorts by its column, up and down in turn; cells without a value stay last.
local sorting <const> = "var h=event.target.closest('th');if(!h)return;var b=h.closest('table').tBodies[0],"
  .. "i=h.cellIndex,d=h.getAttribute('aria-sort')=='ascending'?-1:1;"
  .. "h.parentNode.querySelectorAll('th').forEach(function(x){x.removeAttribute('aria-sort')});"
  .. "h.setAttribute('aria-sort',d>0?'ascending':'descending');"
  .. "function v(r){var c=r.cells[i];return c.dataset.v===undefined?c.textContent:+c.dataset.v}"
  .. "function e(x){return x===''||x!==x}"
  .. "Array.from(b.rows).sort(function(p,q){p=v(p);q=v(q);if(e(p)||e(q))return e(p)-e(q);"
  .. "return d*(typeof p=='number'&&typeof q=='number'?p-q:String(p).localeCompare(String(q)))})"
  .. ".forEach(function(r){b.appendChild(r)})"

--- The table as a piece of HTML that needs nothing else; a click on a column's name sorts by it.
function Table:html()
  local count = #self.rows
  local columns, out = measured(self, count), { '<table class="records">' }
  local title = self.options.title
  if title ~= "" then out[2] = "<caption>" .. tables.escaped(title) .. "</caption>" end
  local heads = {}
  for c, column in ipairs(columns) do
    heads[c] = ('<th scope="col" style="cursor:pointer;text-align:%s" title="sort">%s</th>'):format(
      column.is_number and "right" or "left", tables.escaped(column.name))
  end
  out[#out + 1] = ('<thead><tr onclick="%s">%s</tr></thead><tbody>'):format(
    tables.escaped(sorting), table.concat(heads))
  for r = 1, count do
    local cells = {}
    for c, column in ipairs(columns) do
      local value = self.rows[r][column.key]
      local key = type(value) == "number" and (' data-v="%s"'):format(
        value ~= value and "NaN" or math.abs(value) == math.huge and (value > 0 and "Infinity" or "-Infinity")
          or ("%.17g"):format(value)) or ""
      cells[c] = ('<td style="text-align:%s"%s>%s</td>'):format(
        column.is_number and "right" or "left", key, tables.escaped(column.texts[r]))
    end
    out[#out + 1] = "<tr>" .. table.concat(cells) .. "</tr>"
  end
  out[#out + 1] = "</tbody></table>"
  return table.concat(out, "\n")
end

function Table:__mime() return { ["text/plain"] = tostring(self), ["text/html"] = self:html() } end

return options.strict("display.tables", tables)
