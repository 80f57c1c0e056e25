--- One page of all figures: the paper's finding and ours side by side.
--
--   local entries, missing = page.read("out/paper", { "fig01_tradeoff" }, { "sentiment" })
--   html.write(entries, missing, "out/paper/paper.html")
local by_task = require "perilune.paper.by_task"
local claims = require "perilune.align.claims"
local options = require "perilune.options"
local page = require "perilune.paper.page"
local reports = require "perilune.report"
local tables = require "perilune.display.tables"

local html = {}

local escaped = tables.escaped

--- The anchor of an entry: "fig01_tradeoff-arena", numbered where several calls of a figure are there.
local function anchor_of(entry, i) return ("%s-%s-%d"):format(entry.name, entry.task, i) end

--- The table at the top: a row a figure, which leads to it.
local function overview(entries)
  local lines = { '<div class="wide"><table><thead><tr>' }
  for _, name in ipairs { "figure", "the paper found", "its findings here", "size" } do
    lines[#lines + 1] = ('<th scope="col">%s</th>'):format(name)
  end
  lines[#lines + 1] = "</tr></thead><tbody>"
  for i, entry in ipairs(entries) do
    lines[#lines + 1] = ('<tr><th scope="row"><a href="#%s">%s</a></th>'):format(
      escaped(anchor_of(entry, i)), escaped(page.title(entry)))
    for _, cell in ipairs { entry.found, page.tally(page.findings { entry }), page.size(entry) } do
      lines[#lines + 1] = ("<td>%s</td>"):format(escaped(cell))
    end
    lines[#lines + 1] = "</tr>"
  end
  lines[#lines + 1] = "</tbody></table></div>"
  return table.concat(lines, "\n")
end

--- Adds what a script's own section showed.
local function add_parts(made, parts)
  for _, part in ipairs(parts) do
    if part.kind == "figure" then
      made:show(part.svg)
      made:text(part.caption)
    elseif part.kind == "table" then
      made:table { header = part.header, rows = part.rows, caption = part.caption }
    else
      made:text(part.text)
    end
  end
end

--- Adds a figure on a task: the question, both findings, how it was made, plots, claims, win rates, and what
-- goes with the curves.
local function add(made, entry, i)
  made:show(('<h2 id="%s">%s</h2>'):format(escaped(anchor_of(entry, i)), escaped(page.title(entry))))
  made:text(entry.question)
  made:text("The paper: " .. entry.found)
  made:text(("Here: of its findings %s."):format(page.tally(page.findings { entry })))
  made:code(entry.command)
  made:text(("%s, %s, %s."):format(page.size(entry), entry.date, entry.processor))
  add_parts(made, entry.parts)
  for _, svg in ipairs(entry.figures) do made:show(svg) end
  if #entry.proxy > 0 then made:text "By the proxy that labels online responses:" end
  for _, svg in ipairs(entry.proxy) do made:show(svg) end
  local columns, cells = claims.cells(entry.verdicts)
  made:table { header = columns, rows = cells }
  if entry.caption then made:text(entry.caption) end
  made:table { header = entry.header, rows = entry.rows }
  if entry.beside then
    made:text "Beside the curves, of the run that has the highest win rate at each KL:"
    made:table { header = entry.beside.header, rows = entry.beside.rows }
  end
  made:show(('<p>All checkpoints, instruments and samples of text: <a href="%s">%s</a></p>'):format(
    escaped(entry.report), escaped(entry.report)))
end

--- Writes the page of entries of `paper.page.read`, of which `missing` names those that are not there, and
-- gives the tally over all findings of Tang et al. Errors: the file cannot be written.
--
--   > local verdict = { paper = "It falls.", name = "the fall", text = "0.2", mean = 0.2, verdict = "holds" }
--   > local entry = { name = "fig01_tradeoff", task = "arena", question = "Q?", found = "F.", size = "quick",
--   >>   outer_seeds = 2, date = "2026-11-29", processor = "AMD EPYC", command = "fig01_tradeoff.lua",
--   >>   header = { "peak" }, rows = { { "0.5" } }, verdicts = { verdict }, parts = {}, figures = {},
--   >>   proxy = {}, report = "fig01_tradeoff/arena/report.html" }
--   > local path = os.tmpname()
--   > require "perilune.paper.html".write({ entry }, { { name = "fig06", task = "arena" } }, path)
--   1 hold, 0 do not, 0 not resolved, 0 not measured
--   > os.remove(path)
--   true
function html.write(entries, missing, path)
  local summary, tally = page.summary(entries)
  local made = reports.new {
    title = "Online and offline preference optimisation: Tang et al. 2024, figure by figure",
    footer = os.date "written on %Y-%m-%d at %H:%M",
  }
  made:text(summary)
  made:text(page.rules)
  if #missing > 0 then made:text(page.not_run(entries, missing)) end
  made:show(overview(entries))
  by_task.walk(entries, function(header, rows, name)
    made:show(("<h2>%s, task by task</h2>"):format(escaped(name)))
    made:table { header = header, rows = rows }
  end, function(entry, i) add(made, entry, i) end)
  made:save(path)
  return tally
end

return options.strict("paper.html", html)
