--- The report of a notebook as Markdown, with its figures as files beside it.
--
-- `gap.md` has its figures in the folder `gap_files`.
local marker = require "perilune.notebook.marker"
local options = require "perilune.options"
local page = require "perilune.notebook.page"
local record = require "perilune.notebook.record"
local system = require "perilune.system"
local native = require "perilune.native.notebook"

local markdown = {}

-- The fence of a running cell is longer than output is likely to have.
local live_fence <const> = ("`"):rep(12)

markdown.page = {
  mark = record.mark, escape = "text", between = "\n",
  out = live_fence .. "text\n", err = live_fence .. "text\n", close = "\n" .. live_fence .. "\n",
}

--- A text in a fence that is longer than any run of backticks in it.
--
--   > (markdown.fenced("x = 1", "lua"):gsub("`", "'"))
--   '''lua
--   x = 1
--   '''
function markdown.fenced(text, language)
  local longest = 2
  for run in text:gmatch "`+" do longest = math.max(longest, #run) end
  local fence = ("`"):rep(longest + 1)
  text = native.escape(text, "text")
  return ("%s%s\n%s%s%s"):format(fence, language, text, text:sub(-1) == "\n" and "" or "\n", fence)
end

--- A text for a line of Markdown: what has a meaning there is escaped.
--
--   > markdown.text "a_b <c>"
--   a\_b \<c\>
function markdown.text(text)
  return (native.escape(text, "text"):gsub("%s+", " "):gsub("[\\`*_{}%[%]<>#|~]", "\\%0"))
end

local extension <const> = { ["image/svg+xml"] = "svg", ["image/png"] = "png" }

--- A figure as a file, and the line that shows it.
local function figure(bundle, kind, name, report)
  local folder = report.path:gsub("%.[^./]*$", "") .. "_files"
  local file = ("%s/%s.%s"):format(folder, name, extension[kind])
  report.written = report.written or {}
  if report.written[file] ~= bundle[kind] then
    system.make_folder(folder)
    system.write_file(file, bundle[kind])
    report.written[file] = bundle[kind]
  end
  local address = file:match "[^/]*/[^/]*$":gsub("[^%w._/-]", function(c)
    return ("%%%02X"):format(c:byte())
  end)
  return ("![%s](%s)"):format(name, address)
end

local function output_of(output, name, report)
  if output.kind == "stream" then return markdown.fenced(output.text, "text") end
  if output.kind == "error" then
    local parts = { output.message, output.source, output.traceback }
    local texts = {}
    for i = 1, 3 do
      if parts[i] and parts[i] ~= "" then texts[#texts + 1] = parts[i] end
    end
    return markdown.fenced(table.concat(texts, "\n\n"), "text")
  end
  local bundle = output.bundle
  for _, kind in ipairs { "image/svg+xml", "image/png" } do
    if bundle[kind] then return figure(bundle, kind, name, report) end
  end
  return bundle["text/markdown"] or markdown.fenced(bundle["text/plain"], "text")
end

local function code_cell(cell, number, report, add)
  if cell.title ~= "" then add("### " .. markdown.text(cell.title)) end
  local is_hidden = marker.has_tag(cell, "hide-input") or marker.has_tag(cell, "remove-input")
  if cell.source ~= "" and not is_hidden then
    add(markdown.fenced(cell.source, "lua"))
  end
  for _, line in ipairs(cell.notes or {}) do add(markdown.fenced(line, "text")) end
  if marker.has_tag(cell, "remove-output") then return end
  for i, output in ipairs(cell.outputs) do
    add(output_of(output, ("cell-%d-%d"):format(number, i), report))
  end
  if cell.dropped then add(("*%d more outputs left out*"):format(cell.dropped)) end
  if cell.status == "running" then add(record.mark) end
  if cell.seconds then add(("*%s*"):format(page.seconds(cell.seconds))) end
end

--- The Markdown of a record; figures are written beside `report.path`.
function markdown.render(self, report)
  local parts = {}
  local function add(text) parts[#parts + 1] = text end
  local first = self.cells[1]
  if not (first and first.kind == "markdown" and first.source:match "^# ") then
    add("# " .. markdown.text(self.title))
  end
  local rows = { "| environment | |", "|---|---|" }
  for _, entry in ipairs(self.environment) do
    rows[#rows + 1] = ("| %s | %s |"):format(markdown.text(entry[1]), markdown.text(entry[2]))
  end
  local environment = table.concat(rows, "\n")
  for number, cell in ipairs(self.cells) do
    if cell.kind == "markdown" then
      add(cell.source)
    elseif cell.kind == "raw" then
      add(markdown.fenced(cell.source, "text"))
    else
      code_cell(cell, number, report, add)
    end
    if number == 1 then add(environment) end
  end
  if #self.cells == 0 then add(environment) end
  if self.status ~= "running" then
    add(("*%s after %s*"):format(self.status == "done" and "done" or "ended (" .. self.status .. ")",
      page.seconds(self:seconds())))
  end
  return table.concat(parts, "\n\n") .. "\n"
end

return options.strict("notebook.markdown", markdown)
