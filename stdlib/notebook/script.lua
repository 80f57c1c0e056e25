--- Scripts with cells: where the cells of a Lua text are.
--
-- A cell begins at a line `-- %%`, where a statement may begin: in a string, a long comment, a block or
-- brackets such a line is none. What is before the first is a cell of its own. A header (`#!` line, coding
-- comment, YAML between two lines `-- ---`) belongs to no cell.
--
--   > local script = require "perilune.notebook.script"
--   > local s = script.read "x = 1\n-- %% Sum\nprint(x)\n"
--   > #s.cells, s.cells[2].title, s.cells[2].first, s.cells[2].last
--   2	Sum	3	3
local attempt = require "perilune.attempt"
local marker = require "perilune.notebook.marker"
local options = require "perilune.options"
local scan = require "perilune.notebook.scan"

local script = {}

--- The lines of a text without their ends, and whether the last one has an end.
--
--   > local lines, ended = script.lines "a\n\nb"
--   > #lines, ended
--   3	false
function script.lines(text)
  local lines, at = {}, 1
  for stop in text:gmatch "()\n" do
    lines[#lines + 1], at = text:sub(at, stop - 1), stop + 1
  end
  local rest = text:sub(at)
  if rest ~= "" then lines[#lines + 1] = rest end
  return lines, rest == ""
end

--- The positions where lines begin.
local function starts_of(text)
  local starts, at = { 1 }, 1
  while true do
    at = text:find("\n", at, true)
    if not at then return starts end
    at = at + 1
    starts[#starts + 1] = at
  end
end

--- The numbers of the lines that are markers, as a set. `tokens` are those of the text. In a text that is no
-- Lua, blocks and brackets may never end, so that they do not count.
local function marker_lines(text, tokens)
  local starts, found, line, depth = starts_of(text), {}, 1, 0
  local code = text:gsub("^\u{FEFF}", ""):gsub("^#[^\n]*", "")
  local is_lua = attempt.load(code, "=script") ~= nil
  for _, token in ipairs(tokens) do
    if token.kind == "comment" then
      while starts[line + 1] and starts[line + 1] <= token.from do line = line + 1 end
      local before = text:sub(starts[line], token.from - 1)
      local counts = (depth == 0 or not is_lua) and before:match "^%s*$"
      if counts and marker.rest(before .. text:sub(token.from, token.to)) then
        found[line] = true
      end
    else
      depth = math.max(0, depth + scan.step(token))
    end
  end
  return found
end

--- How many lines the header has, and its parts: `executable`, `encoding`, and the lines of the `yaml`.
local function header_of(lines)
  local header = { count = 0 }
  for i, line in ipairs(lines) do
    line = line:gsub("\r$", "")
    if i == 1 then line = line:gsub("^\u{FEFF}", "") end
    if i == 1 and line:sub(1, 2) == "#!" then
      header.executable, header.count = line:sub(3), 1
    elseif i <= 2 and header.count == i - 1 and line:match "^%s*%-%-.-coding[:=]%s*[-_.%w]+" then
      header.encoding, header.count = line, i
    else
      local text = line:match "^%-%- ([^\r]*)$" or line:match "^%-%-([^\r]*)$"
      if not text or not header.open and text:match "%S" and not text:match "^%-%-%-%s*$" then break end
      if text:match "^%-%-%-%s*$" then
        if header.open then
          header.yaml, header.count = header.open, i
          break
        end
        header.open = {}
      elseif header.open then
        table.insert(header.open, text)
      end
    end
  end
  header.open = nil
  return header
end

--- The cells of a script: `header`, `lines`, `cells` with `marker` (the number of its line, nil for the
-- first cell without one), `first` and `last` line of the text, `kind`, `title` and `metadata`.
function script.read(text)
  local lines = script.lines(text)
  local tokens = scan.tokens(text)
  local found, header, cells = marker_lines(text, tokens), header_of(lines), {}
  local function begin(line, said)
    cells[#cells + 1] = {
      marker = said and line, first = said and line + 1 or line, kind = said and said.kind or "code",
      title = said and said.title or "", metadata = said and said.metadata or {},
      is_json = said and said.is_json,
    }
  end
  for line = header.count + 1, #lines do
    if found[line] or #cells == 0 then
      begin(line, found[line] and marker.read((lines[line]:gsub("^\u{FEFF}", ""))) or nil)
    end
    cells[#cells].last = line
  end
  return { text = text, lines = lines, header = header, cells = cells, tokens = tokens }
end

--- The text of lines `first` to `last` without blank lines at both ends, and the number of its first line.
--
--   > script.body({ "", "x = 1", "" }, 1, 3)
--   x = 1	2
function script.body(lines, first, last)
  while first <= last and lines[first]:match "^%s*$" do first = first + 1 end
  while last >= first and lines[last]:match "^%s*$" do last = last - 1 end
  return (table.concat(lines, "\n", first, last):gsub("\r", "")), first
end

return options.strict("notebook.script", script)
