--- The lines of a cell in a script: so that the script is Lua, and the cell comes back as it was.
--
-- A command of a notebook (`%time f()`) is a comment in a script, one sign deeper, as jupytext writes it.
-- What else a script cannot hold is a comment that begins with `-- %line`, line by line: a command that
-- jupytext does not know (`!ls`, `?name`), a line of a text that looks like a marker, an expression at the
-- end of a cell, a cell that is no Lua. A line with a carriage return, which ends a comment of Lua, is
-- `-- %line: ` and the line as a text of JSON. Lines within long strings and long comments are left alone.
--
--   > local cell_text = require "perilune.notebook.cell_text"
--   > local lines = cell_text.write("code", "x = 1\n%time f(x)\n!ls\nx + 1")
--   > print(table.concat(lines, "\n"))
--   x = 1
--   -- %time f(x)
--   -- %line !ls
--   -- %line x + 1
--   > cell_text.read("code", lines) == "x = 1\n%time f(x)\n!ls\nx + 1"
--   true
local attempt = require "perilune.attempt"
local json = require "perilune.notebook.json"
local marker = require "perilune.notebook.marker"
local options = require "perilune.options"
local scan = require "perilune.notebook.scan"
local script = require "perilune.notebook.script"
local trimmed = require "perilune.trimmed"

local cell_text = {}

--- Whether a line is a command that jupytext writes as a comment, or such a comment.
local function is_magic(line)
  local rest = line:match "^%s*(.*)$"
  local bare = rest
  while bare:match "^%-%-" do bare = bare:gsub("^%-%- ?", "") end
  return bare:match "^%%%%?%%?%a" ~= nil and not rest:match "%-%-%s*noescape"
end

--- Whether a line is a command of the prompt that jupytext does not know.
local function is_command(line)
  local text = trimmed(line)
  return text:match "^%?" or text:match "^![^=]" or text:match "^!$" or text:match "^%$%s"
    or text:match "^[%a_][%w_.:]*%s*%?[?%s]*$"
end

--- The numbers of the lines that begin within a string or a long comment, as a set. A command is no Lua: a
-- quote or bracket in it opens nothing.
local function inner_lines(lines)
  local inner, from = {}, 1
  while from <= #lines do
    local text = table.concat(lines, "\n", from)
    local tokens, line, start, after = scan.tokens(text), from, 1, nil
    local k = 1
    while lines[line] and not after do
      while tokens[k] and tokens[k].to < start do k = k + 1 end
      local token = tokens[k]
      if token and token.from < start then
        inner[line] = true
      elseif is_magic(lines[line]) or is_command(lines[line]) then
        after = line + 1
      end
      start = start + #lines[line] + 1
      line = line + 1
    end
    from = after or #lines + 1
  end
  return inner
end

--- A line that a script cannot hold, as a comment. A carriage return would end the comment.
local function held(line)
  if line:find "\r." then return "-- %line: " .. json.quoted(line) end
  return line == "" and "-- %line" or "-- %line " .. line
end

--- The line that a comment holds; nil where it is another comment, or none.
local function holds(text)
  if text == "-- %line" then return "" end
  local quoted = text:match '^%-%- %%line: (".*")$'
  local ok, line = attempt.call(json.decode, quoted or "null")
  if quoted and ok then return line end
  return text:match "^%-%- %%line (.*)$"
end

--- The line of a cell of that in a script, where it does not begin within a string or long comment.
local function read_line(is_code, text)
  local line = holds(text)
  if line then return line end
  if not is_code then return text:match "^%-%- (.*)$" or text:match "^%-%-(.*)$" or text end
  if not is_magic(text) then return text end
  local indent, rest = text:match "^(%s*)(.*)$"
  return indent .. rest:gsub("^%-%- ?", "")
end

--- Whether a text can stand among the statements of a script, as a `return` cannot. A carriage return within
-- a line would be a line end to Lua alone.
local function is_lua(text)
  return not text:find "\r[^\n]" and attempt.load(text .. "\nlocal _", "=cell") ~= nil
end

--- How many lines at the end of a cell are looked through for an expression.
local tail_max <const> = 200

--- The number of the first line of the expression, or `return`, that ends a cell; 1 where the cell is no Lua
-- without it either.
local function tail_start(lines)
  for from = #lines, math.max(1, #lines - tail_max), -1 do
    local tail = table.concat(lines, "\n", from)
    local is_tail = attempt.load("return " .. tail, "=cell") or attempt.load(tail, "=cell")
    if is_tail and is_lua(table.concat(lines, "\n", 1, from - 1)) then return from end
  end
  return 1
end

local function code_lines(source)
  local inner, lines = inner_lines(source), {}
  for i, line in ipairs(source) do
    lines[i] = line
    if not inner[i] then
      local indent, rest = line:match "^(%s*)(.*)$"
      if is_magic(line) then lines[i] = indent .. "-- " .. rest end
      local is_told = lines[i]:find "^%s*%-%-" and lines[i]:find "\r."
      if is_command(line) or marker.rest(line) or is_told or read_line(true, lines[i]) ~= line then
        lines[i] = held(line)
      end
    end
  end
  if is_lua(table.concat(lines, "\n")) then return lines end
  for i = tail_start(lines), #lines do lines[i] = held(source[i]) end
  return lines
end

--- The lines of a cell's source in a script.
function cell_text.write(kind, source)
  local lines = script.lines(source .. "\n")
  if kind == "code" then
    local written = code_lines(lines)
    if cell_text.read(kind, written) == source then return written end
  end
  for i, line in ipairs(lines) do
    local written = line == "" and "--" or "-- " .. line
    local is_plain = kind ~= "code" and not marker.rest(written) and not written:find "\r."
      and read_line(false, written) == line
    lines[i] = is_plain and written or held(line)
  end
  return lines
end

--- The text in a long comment that the lines are; nil where they are something else.
local function long_comment(lines)
  local level, inside = table.concat(lines, "\n"):match "^%s*%-%-%[(=*)%[(.*)$"
  local stop = level and inside:find("]" .. level .. "]", 1, true)
  if not stop or not inside:match("^%s*$", stop + 2 + #level) then return nil end
  return (inside:sub(1, stop - 1):gsub("^\n", ""):gsub("\n$", ""))
end

--- The source of a cell of its lines in a script, those below the marker. Markdown may be one long comment.
--
--   > cell_text.read("markdown", { "-- # Title", "--", "-- text" }) == "# Title\n\ntext"
--   true
function cell_text.read(kind, lines)
  local is_code, source = kind == "code", {}
  local whole = not is_code and long_comment(lines)
  if whole then return whole end
  local inner = is_code and inner_lines(lines) or {}
  for i, line in ipairs(lines) do source[i] = inner[i] and line or read_line(is_code, line) end
  return table.concat(source, "\n")
end

--- The lines of a cell with its last line held: blank lines at the end of a cell belong to no cell.
--
--   > cell_text.hold_last({ "x = 1", "" }, "x = 1\n")[2]
--   -- %line
function cell_text.hold_last(lines, source)
  lines[#lines] = held(source:match "^.*\n(.*)$" or source)
  return lines
end

return options.strict("notebook.cell_text", cell_text)
