--- Answers side by side as a piece of HTML that needs nothing else.
local answers = require "perilune.explore.answers"
local spans = require "perilune.align.show.spans"

local function line_of(line)
  local parts = {}
  for i in ipairs(line.ids) do
    local gap = (not line.texts or line.gaps and line.gaps[i]) and " " or "<wbr>"
    parts[i] = (i > 1 and gap or "") .. spans.token(line, i)
  end
  local text = #parts > 0 and table.concat(parts) or "(empty)"
  if not line.note then return text end
  return ('%s<div style="opacity:.7;font-size:85%%">%s</div>'):format(text, spans.escaped(line.note))
end

--- The HTML of one block of `answers.of`.
local function section(block)
  local heads, cells = {}, {}
  for s, side in ipairs(block.sides) do
    local lines = {}
    for i, line in ipairs(side.lines) do
      lines[i] = '<div style="margin-bottom:.5em">' .. line_of(line) .. "</div>"
    end
    heads[s] = '<th scope="col" style="text-align:left">' .. spans.escaped(side.name) .. "</th>"
    cells[s] = '<td style="text-align:left;vertical-align:top">' .. table.concat(lines) .. "</td>"
  end
  local prompt = line_of(block.prompt)
  local out = {
    ('<p>prompt %d: %s</p>'):format(block.number, prompt),
    '<table style="margin:0 0 .5em;font-family:ui-monospace,monospace"><thead><tr>' .. table.concat(heads)
      .. "</tr></thead><tbody><tr>" .. table.concat(cells) .. "</tr></tbody></table>",
  }
  for _, sentence in ipairs(answers.sentences(block)) do
    out[#out + 1] = "<p>" .. spans.escaped(sentence) .. "</p>"
  end
  return table.concat(out, "\n")
end

--- The HTML of blocks.
return function(blocks)
  local out = { '<div class="explored" style="overflow-x:auto">' }
  for _, block in ipairs(blocks) do out[#out + 1] = section(block) end
  if blocks[1] then out[#out + 1] = spans.legend(blocks[1].what) end
  out[#out + 1] = "</div>"
  return table.concat(out, "\n")
end
