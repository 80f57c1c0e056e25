--- Reports: headings, paragraphs, tables and figures as one HTML file that needs nothing else.
--
-- The methods return the report: `heading(text [, level])`, `text(text)`, `table { header =, rows =, caption
-- =, align = }`, `figure(fig [, caption])`, `code(text)`, `output(text)`, `error(text)`, `footer(text)`,
-- `html()`, `save(path)`.
--
--   > local report = require "perilune.report"
--   > local r = report.new { title = "The gap" }:heading "Win rate":text "Two runs from the same start."
--   > r:table { header = { "method", "win rate" }, rows = { { "online", 0.71 }, { "offline", 0.58 } } }
--   [Report The gap]
--   > r:html():find("<td class=\"right\">0.71</td>", 1, true) ~= nil
--   true
local native = require "perilune.native.report"

local report = {}

--- An empty report with a `title` and, if wanted, a `footer`: date, commit, command.
function report.new(given)
  local ok, made = pcall(native.new, given or {})
  if not ok then error("report.new: " .. (made.reason or made), 2) end
  return made
end

return require "perilune.options".strict("report", report)
