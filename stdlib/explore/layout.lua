--- Answers side by side as lines of text, with colours, or with letters under the tokens.
local answers = require "perilune.explore.answers"
local native = require "perilune.native.plot"
local tokens = require "perilune.align.show.tokens"

local layout = {}

--- Columns narrower than this are put below one another.
local column_min <const> = 24

local width_of = native.text_width

--- A line of a column: its text, and the columns that it takes.
local function plain(text, width)
  text = native.text_cut(text, width)
  return { text = text, width = width_of(text) }
end

--- The pieces of a token that is wider than a column.
local function pieces_of(text, width)
  if width_of(text) <= width then return { text } end
  local pieces, piece = {}, ""
  for _, code in utf8.codes(text) do
    local letter = utf8.char(code)
    if piece ~= "" and width_of(piece .. letter) > width then
      pieces[#pieces + 1], piece = piece, ""
    end
    piece = piece .. letter
  end
  pieces[#pieces + 1] = piece
  return pieces
end

--- The tokens of a line as cells { text, id, value, width }; with `ids` a cell is as wide as its id, and one
-- more.
local function cells_of(line, width, ids)
  local cells = {}
  for i, id in ipairs(line.ids) do
    local text = line.texts and line.texts[i] or tostring(id)
    for n, piece in ipairs(pieces_of(text, width)) do
      local cell = { text = piece, id = n == 1 and tostring(id) or "" }
      cell.value = line.values and line.values[i]
      cell.gap = n == 1 and line.gaps and line.gaps[i] and not ids and 1 or 0
      cell.width = width_of(piece)
      if ids or not line.texts then cell.width = math.min(math.max(cell.width, #cell.id) + 1, width) end
      cell.is_end = line.texts and not ids and text:sub(-2) == "\\n"
      cells[#cells + 1] = cell
    end
  end
  return cells
end

local function padded(text, width, used) return text .. (" "):rep(width - (used or width_of(text))) end

--- Adds the lines of a row of cells: texts, ids, letters.
local function add_row(out, cells, view)
  local text, ids, letters, used = {}, {}, {}, 0
  for i, cell in ipairs(cells) do
    local own, gap = width_of(cell.text), (" "):rep(cell.gap)
    local shown = view.color and cell.value and tokens.colored(cell.text, cell.value) or cell.text
    text[i], used = gap .. padded(shown, cell.width, own), used + cell.width + cell.gap
    ids[i] = gap .. padded(cell.id, cell.width)
    letters[i] = gap .. padded(cell.value and tokens.letter(cell.value):sub(1, cell.width) or "", cell.width)
  end
  out[#out + 1] = { text = table.concat(text), width = used }
  if view.ids and cells.has_texts then
    local line = table.concat(ids)
    out[#out + 1] = { text = view.color and "\27[2m" .. line .. "\27[0m" or line, width = used }
  end
  if not view.color and cells[1].value then out[#out + 1] = { text = table.concat(letters), width = used } end
end

--- Adds a line of tokens, broken at `width`.
local function add_tokens(out, line, width, view)
  local row, used = {}, 0
  local function flush()
    if #row > 0 then add_row(out, row, view) end
    row, used = { has_texts = line.texts ~= nil }, 0
  end
  flush()
  for _, cell in ipairs(cells_of(line, width, view.ids)) do
    if used + cell.width + cell.gap > width then flush() end
    if used == 0 then cell.gap = 0 end
    row[#row + 1], used = cell, used + cell.width + cell.gap
    if cell.is_end then flush() end
  end
  flush()
  if #line.ids == 0 then out[#out + 1] = plain("(empty)", width) end
end

--- Adds a text, broken between words.
local function add_words(out, text, width)
  local line = ""
  for word in text:gmatch "%S+" do
    if line ~= "" and width_of(line) + 1 + width_of(word) > width then
      out[#out + 1], line = plain(line, width), ""
    end
    line = line == "" and word or line .. " " .. word
  end
  if line ~= "" then out[#out + 1] = plain(line, width) end
end

--- The lines of one side.
local function column(side, width, view)
  local name = plain(side.name, width)
  if view.color then name.text = "\27[1m" .. name.text .. "\27[0m" end
  local out = { name }
  for i, line in ipairs(side.lines) do
    if #side.lines > 1 then out[#out + 1] = plain(("%d of %d"):format(i, #side.lines), width) end
    add_tokens(out, line, width, view)
    add_words(out, line.note, width)
  end
  return out
end

--- Adds columns beside one another.
local function add_columns(out, columns, width)
  local gap, height = native.is_unicode() and " \u{2502} " or " | ", 0
  for _, lines in ipairs(columns) do height = math.max(height, #lines) end
  for i = 1, height do
    local cells = {}
    for c, lines in ipairs(columns) do
      local line = lines[i] or { text = "", width = 0 }
      cells[c] = c == #columns and line.text or padded(line.text, width, line.width)
    end
    out[#out + 1] = (table.concat(cells, gap):gsub("%s+$", ""))
  end
end

--- The lines of a block of `answers.of`. `view` has `width`, `color`, `ids` (tokens with their ids) and
-- `shown`, the sides that are shown by number.
--
--   > local line = { ids = { 5, 6 }, values = { 0.5, -2 }, note = "2 tokens" }
--   > local side = { name = "online", lines = { line } }
--   > local block = { prompt = { ids = { 4 } }, verdicts = {}, sides = { side } }
--   > print(table.concat(layout.lines(block, { width = 40 }), "\n"))
--   prompt: 4
--   online
--   5 6
--   B c
--   2 tokens
function layout.lines(block, view)
  local out, sides, parts = {}, {}, {}
  local prompt, lines = block.prompt, {}
  for i, side in ipairs(block.sides) do
    if not view.shown or view.shown[i] then sides[#sides + 1] = side end
  end
  add_tokens(lines, { ids = prompt.ids, texts = prompt.texts, gaps = prompt.gaps }, view.width - 8, view)
  for i, line in ipairs(lines) do
    out[i] = ((i == 1 and "prompt: " or (" "):rep(8)) .. line.text):gsub("%s+$", "")
  end
  local beside = math.max(1, math.min(#sides, (view.width + 3) // (column_min + 3)))
  local width = (view.width - 3 * (beside - 1)) // beside
  for i, side in ipairs(sides) do
    parts[#parts + 1] = column(side, width, view)
    if #parts == beside or i == #sides then
      add_columns(out, parts, width)
      parts = {}
    end
  end
  for _, sentence in ipairs(answers.sentences(block, view.shown)) do
    out[#out + 1] = native.text_cut(sentence, view.width)
  end
  return out
end

return layout
