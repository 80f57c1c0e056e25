--- One page of all figures: the paper's finding and ours side by side.
--
--   local entries = page.read("out/paper", { "fig01_tradeoff" }, { "sentiment" })
--   page.write(entries, "out/paper/paper.html")
--
-- It is made of what the figures' scripts wrote, `verdict.json` and the panels of `frontier.svg` and
-- `proxy.svg`; nothing is trained.
local claims = require "perilune.align.claims"
local options = require "perilune.options"
local panels = require "perilune.align.evaluate.panels"
local plain = require "perilune.plain"
local reports = require "perilune.report"
local system = require "perilune.system"

local page = {}

local function text_of(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

--- What the scripts of `names` wrote for `tasks` into `folder`: a list of { name, task, question, found,
-- verdicts, parts, size, outer_seeds, date, figures, proxy, report }, and the names of those that are not
-- there. `figures` and `proxy` are the texts of SVGs.
function page.read(folder, names, tasks)
  local entries, missing = {}, {}
  for _, name in ipairs(names) do
    for _, task in ipairs(tasks) do
      local path = ("%s/%s/%s/verdict.json"):format(folder, name, task)
      if system.exists(path) then
        local entry = plain.decode(text_of(path))
        local own = ("%s/%s/%s"):format(folder, name, task)
        entry.parts = entry.parts or {}  -- a report from before they were written
        entry.processor = entry.processor or "processor not recorded"
        entry.command = entry.command or ("bin/perilune scripts/paper/%s.lua --task %s"):format(name, task)
        entry.figures, entry.proxy = panels.read(own, "frontier"), panels.read(own, "proxy")
        entry.report = ("%s/%s/report.html"):format(name, task)
        entries[#entries + 1] = entry
      else
        missing[#missing + 1] = ("%s on %s"):format(name, task)
      end
    end
  end
  return entries, missing
end

--- How often each verdict was given, as a clause: "7 hold, 2 do not, 5 not resolved".
--
--   > local page = require "perilune.paper.page"
--   > page.tally { { verdict = "holds" }, { verdict = "not resolved" }, { verdict = "holds" } }
--   2 hold, 0 do not, 1 not resolved, 0 not measured
function page.tally(verdicts)
  local counts = {}
  for _, one in ipairs(verdicts) do counts[one.verdict] = (counts[one.verdict] or 0) + 1 end
  return ("%d hold, %d do not, %d not resolved, %d not measured"):format(counts["holds"] or 0,
    counts["does not hold"] or 0, counts["not resolved"] or 0, counts["not measured"] or 0)
end

--- The findings of Tang et al. 2024 among the verdicts of entries, each once: figures that share runs test
-- one finding by one number. One with another number, or on another task, is another one.
--
--   > local one = { paper = "It falls.", by = "Tang et al.", mean = 0.2, verdict = "holds" }
--   > local of_others = { paper = "It falls.", by = "Gao et al. 2023", mean = 0.2, verdict = "holds" }
--   > local first = { task = "arena", verdicts = { one, of_others } }
--   > #page.findings { first, first, { task = "summary", verdicts = { one } } }
--   2
function page.findings(entries)
  local list, seen = {}, {}
  for _, entry in ipairs(entries) do
    for _, one in ipairs(entry.verdicts) do
      local number = one.mean and ("%.3f"):format(one.mean) or "-"
      local key = table.concat({ entry.task, one.paper, number }, "\n")
      if claims.is_of_paper(one) and not seen[key] then seen[key], list[#list + 1] = true, one end
    end
  end
  return list
end

--- A sentence on the findings of Tang et al. among the verdicts of entries, and their tally.
--
--   > local one = { paper = "It falls.", mean = 0.2, verdict = "holds" }
--   > (page.summary { { task = "arena", verdicts = { one } } }:match "^[^:]+")
--   Of 1 findings of Tang et al. that were tested, each counted once
function page.summary(entries)
  local list = page.findings(entries)
  local tally = page.tally(list)
  return ("Of %d findings of Tang et al. that were tested, each counted once: %s. A finding that is not "
    .. "resolved needs more repetitions than were run; its row says how many. Rows on findings of others "
    .. "begin with their names."):format(#list, tally), tally
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

--- The table at the top: a row a figure and task.
local function overview(entries)
  local rows = {}
  for i, entry in ipairs(entries) do
    rows[i] = { entry.name, entry.task, entry.found, page.tally(page.findings { entry }),
      ("%s, %d repetitions"):format(entry.size, entry.outer_seeds) }
  end
  return { "figure", "task", "the paper found", "its claims here", "size" }, rows
end

--- Writes the page of entries, and gives its tally over all findings of Tang et al. Errors: the file cannot
-- be written.
function page.write(entries, path)
  local summary, tally = page.summary(entries)
  local made = reports.new {
    title = "Online and offline preference optimisation: Tang et al. 2024, figure by figure",
    footer = os.date "written on %Y-%m-%d at %H:%M",
  }
  made:text(summary)
  local header, rows = overview(entries)
  made:table { header = header, rows = rows }
  for _, entry in ipairs(entries) do
    made:heading(("%s, %s"):format(entry.name, entry.task))
    made:text(entry.question)
    made:text("The paper: " .. entry.found)
    made:text(("Here: of its findings %s."):format(page.tally(page.findings { entry })))
    add_parts(made, entry.parts)
    for _, figures in ipairs { entry.figures, entry.proxy } do
      for _, svg in ipairs(figures) do made:show(svg) end
    end
    local columns, cells = claims.cells(entry.verdicts)
    made:table { header = columns, rows = cells }
    if entry.caption then made:text(entry.caption) end
    made:table { header = entry.header, rows = entry.rows }
    made:text(("%d repetition%s, %s. The proxy's accuracy, length, the share unfinished, errors of text and "
      .. "samples beside the curves are in %s."):format(entry.outer_seeds,
      entry.outer_seeds == 1 and "" or "s", entry.date, entry.report))
  end
  made:save(path)
  return tally
end

return options.strict("paper.page", page)
