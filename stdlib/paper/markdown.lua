--- The figures as a page of Markdown, with its plots as files beside it.
--
-- It shows what `paper.html` does, and stands in the repository.
--
--   local entries, missing = page.read("out/paper", { "fig01_tradeoff" }, { "sentiment" })
--   markdown.write(entries, missing, "scripts/results/paper.md")
--
-- It is made of what the scripts wrote, so that no number in it was typed.
local by_task = require "perilune.paper.by_task"
local claims = require "perilune.align.claims"
local options = require "perilune.options"
local page = require "perilune.paper.page"
local system = require "perilune.system"

local markdown = {}

--- A table. A cell's bars are escaped, its line ends become spaces.
--
--   > local markdown = require "perilune.paper.markdown"
--   > print((markdown.table({ "KL", "win rate" }, { { "2", "0.5|0.6" } }):gsub("\n$", "")))
--   | KL | win rate |
--   |---|---|
--   | 2 | 0.5\|0.6 |
function markdown.table(header, rows)
  local lines = {}
  local function add(cells)
    local texts = {}
    for i, cell in ipairs(cells) do texts[i] = tostring(cell):gsub("\n", " "):gsub("|", "\\|") end
    lines[#lines + 1] = ("| %s |\n"):format(table.concat(texts, " | "))
  end
  add(header)
  lines[2] = ("|%s\n"):format(("---|"):rep(#header))
  for _, row in ipairs(rows) do add(row) end
  return table.concat(lines)
end

--- What a script's own section shows. `plot(svg)` gives the line of a plot.
local function section(parts, plot)
  local texts = {}
  for _, part in ipairs(parts) do
    if part.kind == "table" then
      texts[#texts + 1] = markdown.table(part.header, part.rows)
    elseif part.kind == "figure" then
      texts[#texts + 1] = plot(part.svg)
    else
      texts[#texts + 1] = part.text .. "\n"
    end
    if part.caption then texts[#texts + 1] = part.caption .. "\n" end
  end
  return texts
end

--- The text of one figure on one task. `plot(svg)` gives the line of a plot, such as one that saves it.
--
--   > local entry = { name = "fig01_tradeoff", task = "arena", command = "fig01_tradeoff.lua --quick",
--   >>   question = "Q?", found = "F.", date = "2026-11-29", processor = "AMD EPYC", outer_seeds = 2,
--   >>   size = "quick", header = { "peak" }, rows = { { "0.5" } }, verdicts = {}, parts = {}, figures = {},
--   >>   proxy = {} }
--   > print((require "perilune.paper.markdown".of(entry, function() end):match "`fig[^\n]+"))
--   `fig01_tradeoff.lua --quick`, --quick, 2 repetitions, 2026-11-29, AMD EPYC.
function markdown.of(entry, plot)
  local header, rows = claims.cells(entry.verdicts)
  local texts = {
    ("## %s\n"):format(page.title(entry)),
    ("%s The paper: %s\n"):format(entry.question, entry.found),
    ("`%s`, %s, %s, %s.\n"):format(entry.command, page.size(entry), entry.date, entry.processor),
  }
  for _, figures in ipairs { entry.figures, entry.proxy } do
    for _, svg in ipairs(figures) do texts[#texts + 1] = plot(svg) end
  end
  texts[#texts + 1] = markdown.table(header, rows)
  texts[#texts + 1] = markdown.table(entry.header, entry.rows)
  if entry.caption then texts[#texts + 1] = entry.caption .. "\n" end
  if entry.beside then
    texts[#texts + 1] = "Beside the curves, of the run that has the highest win rate at each KL:\n"
    texts[#texts + 1] = markdown.table(entry.beside.header, entry.beside.rows)
  end
  local own = section(entry.parts, plot)
  table.move(own, 1, #own, #texts + 1, texts)
  return table.concat(texts, "\n")
end

--- A function that saves the plots of an entry beside the page, and gives the line that shows one.
local function saver(path, entry)
  local folder, count = path:gsub("%.md$", ""), 0
  return function(svg)
    count = count + 1
    local name = ("%s-%s-%d.svg"):format(entry.name, entry.task, count)
    system.make_folder(folder)
    system.write_file(("%s/%s"):format(folder, name), svg)
    return ("![%s](%s/%s)\n"):format(page.title(entry), folder:match "[^/]*$", name)
  end
end

--- Writes the page of entries of `paper.page.read`, of which `missing` names those that are not there, and
-- its plots into the folder beside it that has its name. Errors: a file cannot be written.
--
--   > local verdict = { paper = "It falls.", name = "the fall", text = "0.2", mean = 0.2, verdict = "holds" }
--   > local entry = { name = "fig01_tradeoff", task = "arena", question = "Q?", found = "F.", size = "quick",
--   >>   outer_seeds = 2, date = "2026-11-29", processor = "AMD EPYC", command = "fig01_tradeoff.lua",
--   >>   header = { "peak" }, rows = { { "0.5" } }, verdicts = { verdict }, parts = {}, figures = {},
--   >>   proxy = {}, report = "fig01_tradeoff/arena/report.html" }
--   > local path = os.tmpname()
--   > require "perilune.paper.markdown".write({ entry }, {}, path)
--   > for line in io.lines(path) do if line:find "It falls" then print(line) end end
--   | It falls. | the fall | 0.2 | holds |
--   > os.remove(path)
--   true
function markdown.write(entries, missing, path)
  local texts = {
    "# The paper's figures, as they were run\n",
    "Made by `bin/perilune scripts/paper.lua --page --markdown FILE` from what the figures' scripts wrote. "
      .. "docs/paper.md says what each figure asks, scripts/results.md what is to be made of the numbers.\n",
    (page.summary(entries)) .. "\n",
    page.rules .. "\n",
  }
  if #missing > 0 then texts[#texts + 1] = page.not_run(entries, missing) .. "\n" end
  by_task.walk(entries, function(header, rows, name)
    texts[#texts + 1] = ("## %s, task by task\n\n%s"):format(name, markdown.table(header, rows))
  end, function(entry) texts[#texts + 1] = markdown.of(entry, saver(path, entry)) end)
  system.write_file(path, table.concat(texts, "\n"))
end

return options.strict("paper.markdown", markdown)
