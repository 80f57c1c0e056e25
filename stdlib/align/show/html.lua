--- Shown responses as a piece of HTML: the colour of a token is its log-ratio, its title says the number.
--
-- It has no scripts, no style sheet and no addresses; it reads on light and on dark pages.
local tokens = require "perilune.align.show.tokens"

local escapes <const> = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function escaped(text) return (text:gsub('[&<>"]', escapes)) end

--- The background of a number: blue where the policy raised the token, orange where it lowered it.
local function background(value)
  local class = tokens.class(value)
  if class == 0 or value ~= value then return "" end
  local color = class > 0 and "51,136,221" or "230,126,34"
  return ("background:rgba(%s,%.2f)"):format(color, math.abs(class) * 0.15)
end

local function token(line, i)
  local id, value = line.ids[i], line.values and line.values[i]
  local title = ("id %d"):format(id) .. (value and (", %+.3f nats"):format(value) or "")
  local style = "padding:0 2px;border-radius:2px;white-space:pre;" .. (value and background(value) or "")
  return ('<span title="%s" style="%s">%s</span>'):format(title, style,
    escaped(line.texts and line.texts[i] or tostring(id)))
end

local function row(line)
  local cells = {}
  for i in ipairs(line.ids) do cells[i] = token(line, i) end
  local small <const> = '<div style="opacity:.7;font-size:85%%">%s</div>'
  local note = line.note and small:format(escaped(line.note)) or ""
  if line.texts then
    local ids = "<details><summary>ids</summary>" .. table.concat(line.ids, " ") .. "</details>"
    note = note .. small:format(ids)
  end
  return ('<tr><th scope="row" style="%s">%s</th><td style="text-align:left">%s%s</td></tr>'):format(
    "text-align:left;vertical-align:top;padding-right:1em;font-weight:normal", line.label,
    table.concat(cells, line.texts and "<wbr>" or " "), note)
end

local function legend(what)
  local parts = {}
  for _, sign in ipairs(what == "log pi/pi_ref" and { -1, 1 } or { -1 }) do
    local order = sign < 0 and { 5, 4, 3, 2, 1 } or { 1, 2, 3, 4, 5 }
    for _, i in ipairs(order) do
      local value = sign * tokens.bounds[i]
      parts[#parts + 1] = ('<span style="padding:0 4px;%s">%+g</span>'):format(background(value), value)
    end
  end
  return ('<p style="opacity:.8;font-size:85%%">%s of a token, from nats: %s</p>'):format(
    escaped(what), table.concat(parts))
end

--- The HTML of what `align.show` gives.
return function(shown)
  local out = { '<div class="shown" style="overflow-x:auto">' }
  for _, block in ipairs(shown.blocks) do
    out[#out + 1] = ('<table style="margin:0 0 1em;font-family:ui-monospace,monospace"><caption style='
      .. '"text-align:left">%s</caption>'):format(escaped(block.title))
    for _, line in ipairs(block.lines) do out[#out + 1] = row(line) end
    out[#out + 1] = "</table>"
  end
  if shown.more > 0 then out[#out + 1] = ("<p>and %d more</p>"):format(shown.more) end
  if shown.what ~= "" then out[#out + 1] = legend(shown.what) end
  out[#out + 1] = "</div>"
  return table.concat(out, "\n")
end
