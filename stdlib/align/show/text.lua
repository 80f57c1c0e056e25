--- Shown responses as text: tokens in columns, with colours, or with letters under them.
local native = require "perilune.native.plot"
local terminal = require "perilune.display.terminal"
local tokens = require "perilune.align.show.tokens"

local function width_of(text) return utf8.len(text) or #text end

local function padded(text, width) return text .. (" "):rep(width - width_of(text)) end

--- The rows of cells of a line of tokens: ids, text where there is a tokenizer, letters where there are no
-- colours.
local function cells_of(line, color)
  local rows, ids, letters = {}, {}, {}
  for i, id in ipairs(line.ids) do
    ids[i] = tostring(id)
    letters[i] = line.values and tokens.letter(line.values[i])
  end
  rows[1] = line.texts or ids
  if line.texts then rows[2] = ids end
  if line.values and not color then rows[#rows + 1] = letters end
  return rows
end

--- Adds a line of tokens, broken where it is wider than `width`.
local function add_line(out, line, color, width)
  local rows, start = cells_of(line, color), 1
  local label = line.label
  repeat
    local stop, used, widths = start, 12, {}
    while stop <= #line.ids do
      local widest = 0
      for _, row in ipairs(rows) do widest = math.max(widest, width_of(row[stop])) end
      if stop > start and used + widest > width then break end
      widths[stop], used, stop = widest, used + widest + 2, stop + 1
    end
    for r, row in ipairs(rows) do
      local cells = {}
      for i = start, stop - 1 do
        local cell = row[i]
        if color and r == 1 and line.values then cell = tokens.colored(cell, line.values[i]) end
        local gap = (" "):rep(i < stop - 1 and widths[i] - width_of(row[i]) + 2 or 0)
        cells[#cells + 1] = color and r == 2 and "\27[2m" .. cell .. "\27[0m" .. gap or cell .. gap
      end
      out[#out + 1] = ("  " .. padded(r == 1 and label or "", 10) .. table.concat(cells)):gsub("%s+$", "")
      label = r == 1 and "" or label
    end
    start = stop
  until start > #line.ids
  if line.note then out[#out + 1] = (" "):rep(12) .. line.note end
end

--- The text of what `align.show` gives.
return function(shown)
  local o, out = shown.options, {}
  local color = o.color
  if color == nil then color = terminal.has_color() end
  local width = o.width or native.columns()
  for _, block in ipairs(shown.blocks) do
    out[#out + 1] = block.title
    for _, line in ipairs(block.lines) do add_line(out, line, color, width) end
  end
  if shown.more > 0 then out[#out + 1] = ("and %d more"):format(shown.more) end
  if shown.what ~= "" then out[#out + 1] = tokens.legend(shown.what, color) end
  return table.concat(out, "\n")
end
