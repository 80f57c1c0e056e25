--- Reports: headings, paragraphs, tables and figures as one HTML file that needs nothing else.
--
-- The methods return the report: `heading(text [, level])`, `text(text)`, `table { header =, rows =, caption
-- =, align = }`, `figure(fig [, caption])`, `show(shown)`, `code(text)`, `output(text)`, `error(text)`,
-- `footer(text)`, `html()`, `save(path)`.
--
--   > local report = require "perilune.report"
--   > local r = report.new { title = "The gap" }:heading "Win rate":text "Two runs from the same start."
--   > r:table { header = { "method", "win rate" }, rows = { { "online", 0.71 }, { "offline", 0.58 } } }
--   [Report The gap]
--   > r:html():find("<td class=\"right\">0.71</td>", 1, true) ~= nil
--   true
local native = require "perilune.native.report"
local options = require "perilune.options"
local system = require "perilune.system"

local report = {}

--- An empty report with a `title` and, if wanted, a `footer`: date, commit, command.
function report.new(given)
  local ok, made = pcall(native.new, given or {})
  if not ok then error("report.new: " .. (made.reason or made), 2) end
  return made
end

local Report = getmetatable(native.new {}).__index
local native_html, native_save = Report.html, Report.save

--- The pieces of HTML of each report, by their number.
local pieces = setmetatable({}, { __mode = "k" })

--- What stands for piece `number` until the report is written, in characters that no text has.
local function mark(number) return ("\u{10fffd}%d\u{10fffd}"):format(number) end

--- Adds what `align.show` gives, or its `html()`. Errors: it is neither.
--
--   > local page = report.new { title = "Pairs" }:show "<b>one</b>"
--   > page:html():find("<b>one</b>", 1, true) ~= nil
--   true
--   > page:show(3)
--   report:show: expected what align.show gives, or its html(), got 3
function Report.show(page, shown)
  local html = shown
  if type(shown) == "table" and type(shown.html) == "function" then html = shown:html() end
  if type(html) ~= "string" then
    error("report:show: expected what align.show gives, or its html(), got " .. options.show(shown), 2)
  end
  pieces[page] = pieces[page] or {}
  table.insert(pieces[page], html)
  return page:output(mark(#pieces[page]))
end

function Report.html(page)
  local text = native_html(page)
  for number, html in ipairs(pieces[page] or {}) do
    local from, to = text:find(('<pre class="output">%s</pre>'):format(mark(number)), 1, true)
    text = text:sub(1, from - 1) .. html .. text:sub(to + 1)
  end
  return text
end

function Report.save(page, path)
  if not pieces[page] then return native_save(page, path) end
  system.write_file(path, page:html())
  return page
end

local page_spec = options.spec("report.page", {
  { "title", "Report", "title of the page and first heading" },
  { "body", "", "HTML below the heading" },
  { "style", "", "more CSS" },
  { "script", "", "JavaScript at the end of the page" },
  { "head", "", "more HTML in the head" },
})

--- The HTML of a page in the style of the reports around a body of HTML.
--
--   > local html = report.page { title = "a < b", body = "<p>one</p>", style = "p { margin: 0 }" }
--   > html:find("<title>a &lt; b</title>", 1, true) ~= nil, html:find("<p>one</p>", 1, true) ~= nil
--   true	true
function report.page(given)
  local o = page_spec:fill(given)
  local html = native_html(native.new { title = o.title })
  local function put(before, text)
    local at = html:find(before, 1, true)
    html = html:sub(1, at - 1) .. text .. html:sub(at)
  end
  put("</style>", o.style)
  put("</head>", o.head)
  put("</main>", o.body .. "\n")
  if o.script ~= "" then put("</body>", "<script>\n" .. o.script .. "</script>\n") end
  return html
end

return options.strict("report", report)
