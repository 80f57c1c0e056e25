--- Shown responses as a piece of HTML: the colour of a token is its log-ratio, its title says the number.
--
-- It has no scripts, no style sheet and no addresses; it reads on light and on dark pages.
local spans = require "perilune.align.show.spans"

local function row(line)
  local cells = {}
  for i in ipairs(line.ids) do cells[i] = spans.token(line, i) end
  local small <const> = '<div style="opacity:.7;font-size:85%%">%s</div>'
  local note = line.note and small:format(spans.escaped(line.note)) or ""
  if line.texts then
    local ids = "<details><summary>ids</summary>" .. table.concat(line.ids, " ") .. "</details>"
    note = note .. small:format(ids)
  end
  return ('<tr><th scope="row" style="%s">%s</th><td style="text-align:left">%s%s</td></tr>'):format(
    "text-align:left;vertical-align:top;padding-right:1em;font-weight:normal", line.label,
    table.concat(cells, line.texts and "<wbr>" or " "), note)
end

--- The HTML of what `align.show` gives.
return function(shown)
  local out = { '<div class="shown" style="overflow-x:auto">' }
  for _, block in ipairs(shown.blocks) do
    out[#out + 1] = ('<table style="margin:0 0 1em;font-family:ui-monospace,monospace"><caption style='
      .. '"text-align:left">%s</caption>'):format(spans.escaped(block.title))
    for _, line in ipairs(block.lines) do out[#out + 1] = row(line) end
    out[#out + 1] = "</table>"
  end
  if shown.more > 0 then out[#out + 1] = ("<p>and %d more</p>"):format(shown.more) end
  if shown.what ~= "" then out[#out + 1] = spans.legend(shown.what) end
  out[#out + 1] = "</div>"
  return table.concat(out, "\n")
end
