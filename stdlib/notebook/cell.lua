--- Cells of a notebook as lines of a script, with their markers, and back.
--
--   > local cell = require "perilune.notebook.cell"
--   > local lines, told = cell.lines({ kind = "code", source = "x = 1", metadata = { n = 1 } })
--   > table.concat(lines, "|"), told.metadata.n
--   -- %% n=1|x = 1|	1
local cell_text = require "perilune.notebook.cell_text"
local json = require "perilune.notebook.json"
local marker = require "perilune.notebook.marker"
local options = require "perilune.options"
local system = require "perilune.system"

local cell = {}

--- The mark of a text, by which what is kept of it is found again.
--
--   > #cell.hash "text"
--   12
function cell.hash(text) return system.sha256(text):sub(1, 12) end

--- The number of the last line of a cell before the blank ones that separate it from the next, and how many
-- of these jupytext notes.
local function separation(lines, is_last)
  local count = #lines
  local function blank(i) return lines[i]:match "^%s*$" ~= nil end
  local stop = count
  if count >= 3 and blank(count) and blank(count - 1) and not blank(count - 2) then
    stop = count - 2
  elseif lines[count] == "" then
    stop = count - 1
  end
  local gap = count - stop + (is_last and 1 or 0)
  if is_last and stop == count then gap = 1 end
  return stop, gap ~= 1 and gap or nil
end

--- The marker line of a cell, and what it says. Metadata that would make it another kind of cell, or more
-- than a line, is left out, the title first.
local function marker_of(kind, metadata, is_json)
  local left, names = {}, {}
  for name, value in pairs(metadata) do
    left[name], names[#names + 1] = value, name
  end
  table.sort(names, function(a, b) return b == "title" and a ~= b or a ~= "title" and a < b end)
  while true do
    local line = marker.write(kind, left, is_json)
    local said = not line:find "[\r\n]" and marker.read(line)
    if said and said.kind == kind then return line, said.metadata end
    left[table.remove(names)] = nil
  end
end

local function is_same(a, b) return a ~= nil and b ~= nil and json.encode(a) == json.encode(b) end

--- The source in the lines of a cell, and how many blank lines jupytext notes after it.
local function parsed(kind, lines, has_marker, is_last)
  local stop, gap = separation(lines, is_last)
  return cell_text.read(kind, table.move(lines, has_marker and 2 or 1, stop, 1, {})), gap
end

--- The lines of a cell in a script, as jupytext writes them; the metadata that they say, and the names of
-- what they say and the cell does not have. `is_json`: the metadata is written as JSON. `is_last`: no cell
-- comes after it.
function cell.lines(given, is_json, is_last)
  local kind, source, wanted = given.kind, given.source, given.metadata
  local line, said = marker_of(kind, wanted, is_json)
  local body = cell_text.write(kind, source)
  local gap = math.max(0, math.min(math.tointeger(wanted.lines_to_next_cell) or 1, 1000))
  local function whole()
    local indent = kind == "code" and source:match "^([ \t]*)[^%s]" or ""
    local lines = { indent .. line }
    table.move(source == "" and kind == "code" and {} or body, 1, #body, 2, lines)
    for _ = 1, gap do lines[#lines + 1] = "" end
    local read = table.move(lines, 1, is_last and gap > 0 and #lines - 1 or #lines, 1, {})
    return lines, parsed(kind, read, true, is_last)
  end
  local lines, back, noted = whole()
  if back ~= source then  -- more blank lines than are read as a gap
    gap = 1
    lines, back, noted = whole()
  end
  if back ~= source then
    cell_text.hold_last(body, source)
    lines, back, noted = whole()
  end
  said.lines_to_next_cell = back == source and noted or nil
  local told, wrong = {}, json.list {}
  for name, value in pairs(said) do
    if is_same(value, wanted[name]) then told[name] = value end
    if wanted[name] == nil then wrong[#wrong + 1] = name end
  end
  table.sort(wrong)
  return lines, { metadata = told, wrong = wrong }
end

--- The cell of its lines in a script, with `said` of its marker; nil for the first lines without one.
function cell.read(lines, said, is_last)
  local metadata, kind = said and said.metadata or {}, said and said.kind or "code"
  local source, gap = parsed(kind, lines, said ~= nil, is_last)
  metadata.lines_to_next_cell = gap
  return { kind = kind, source = source, metadata = metadata }
end

--- Notes at a cell the text that a script has for it, where it is not the one that is written.
function cell.note(given, written, text)
  if written ~= text then given.metadata.perilune = { script = text, of = cell.hash(written) } end
end

--- The text of a cell in the script that it comes from, if the cell has not changed since; else `written`.
function cell.original(given, written)
  local noted = given.metadata.perilune
  local is_there = type(noted) == "table" and type(noted.script) == "string"
  return is_there and noted.of == cell.hash(written) and noted.script or written
end

return options.strict("notebook.cell", cell)
