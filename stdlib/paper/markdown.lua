--- The figures as a page of Markdown, which stands in the repository: what `paper.page` shows, without plots.
--
--   local entries = page.read("out/paper", { "fig01_tradeoff" }, { "sentiment" })
--   markdown.write(entries, "scripts/results/paper.md")
--
-- It is made of `verdict.json` alone, so that no number in it was typed.
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

--- What the tables of a script's own section say; its plots are in the report.
local function section(parts)
  local texts = {}
  for _, part in ipairs(parts) do
    if part.kind == "table" then
      texts[#texts + 1] = markdown.table(part.header, part.rows)
      if part.caption then texts[#texts + 1] = part.caption .. "\n" end
    elseif part.kind == "text" then
      texts[#texts + 1] = part.text .. "\n"
    end
  end
  return texts
end

--- The text of one figure on one task.
--
--   > local entry = { name = "fig01_tradeoff", task = "arena", command = "fig01_tradeoff.lua --quick",
--   >>   question = "Q?", found = "F.", date = "2026-11-29", processor = "AMD EPYC", outer_seeds = 2,
--   >>   header = { "peak" }, rows = { { "0.5" } }, verdicts = {}, parts = {} }
--   > print((require "perilune.paper.markdown".of(entry):match "`fig[^\n]+"))
--   `fig01_tradeoff.lua --quick`, 2 repetitions, 2026-11-29, AMD EPYC.
function markdown.of(entry)
  local header, rows = claims.cells(entry.verdicts)
  local texts = {
    ("## %s on `%s`\n"):format(entry.name, entry.task),
    ("%s The paper: %s\n"):format(entry.question, entry.found),
    ("`%s`, %d repetition%s, %s, %s.\n"):format(entry.command, entry.outer_seeds,
      entry.outer_seeds == 1 and "" or "s", entry.date, entry.processor),
    markdown.table(header, rows),
    markdown.table(entry.header, entry.rows),
  }
  if entry.caption then texts[#texts + 1] = entry.caption .. "\n" end
  local own = section(entry.parts)
  table.move(own, 1, #own, #texts + 1, texts)
  return table.concat(texts, "\n")
end

--- Writes the page of entries of `paper.page.read`. Errors: the file cannot be written.
function markdown.write(entries, path)
  local texts = {
    "# The paper's figures, as they were run\n",
    "Made by `bin/perilune scripts/paper.lua --page --markdown FILE` from what the figures' scripts wrote. A "
      .. "bracket is a 95 % interval over repetitions, seeds and prompts, of one repetition over prompts "
      .. "alone. docs/paper.md says what each figure asks, results.md what is to be made of the numbers.\n",
    (page.summary(entries)) .. "\n",
  }
  for _, entry in ipairs(entries) do texts[#texts + 1] = markdown.of(entry) end
  system.write_file(path, table.concat(texts, "\n"))
end

return options.strict("paper.markdown", markdown)
