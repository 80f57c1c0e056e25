--- Tokens as pieces of HTML: the colour of a token is its log-ratio, its title says the number.
local tokens = require "perilune.align.show.tokens"

local spans = {}

--- A text for HTML.
spans.escaped = require "perilune.display.tables".escaped

--- The background of a number: blue where the policy raised the token, orange where it lowered it.
function spans.background(value)
  local class = tokens.class(value)
  if class == 0 or value ~= value then return "" end
  local color = class > 0 and "51,136,221" or "230,126,34"
  return ("background:rgba(%s,%.2f)"):format(color, math.abs(class) * 0.15)
end

--- Token i of a line of `tokens.line`.
function spans.token(line, i)
  local id, value = line.ids[i], line.values and line.values[i]
  local title = ("id %d"):format(id) .. (value and (", %+.3f nats"):format(value) or "")
  local color = value and spans.background(value) or ""
  local style = "padding:0 2px;border-radius:2px;white-space:pre;" .. color
  return ('<span title="%s" style="%s">%s</span>'):format(title, style,
    spans.escaped(line.texts and line.texts[i] or tostring(id)))
end

--- A paragraph that says what the colours mean; `what` is the number of a token.
function spans.legend(what)
  local parts = {}
  for _, sign in ipairs(what == "log pi/pi_ref" and { -1, 1 } or { -1 }) do
    local order = sign < 0 and { 5, 4, 3, 2, 1 } or { 1, 2, 3, 4, 5 }
    for _, i in ipairs(order) do
      local value = sign * tokens.bounds[i]
      parts[#parts + 1] = ('<span style="padding:0 4px;%s">%+g</span>'):format(spans.background(value), value)
    end
  end
  return ('<p style="opacity:.8;font-size:85%%">%s of a token, from nats: %s</p>'):format(
    spans.escaped(what), table.concat(parts))
end

return spans
