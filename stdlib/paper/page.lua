--- What the figures' scripts wrote, read for a page of all of them, and the tally of the paper's findings.
--
--   local entries, missing = page.read("out/paper", { "fig01_tradeoff" }, { "sentiment" })
--   require "perilune.paper.html".write(entries, missing, "out/paper/paper.html")
--
-- It is `verdict.json` and the panels of `frontier.svg` and `proxy.svg`; nothing is trained.
local checkpoints = require "perilune.align.evaluate.checkpoints"
local claims = require "perilune.align.claims"
local entry = require "perilune.paper.entry"
local options = require "perilune.options"
local system = require "perilune.system"

local page = {}

--- The folders of a script's reports on a task: that of the task, those of calls with other options beside
-- it, and that of an experiment with a place of its own, whatever the task.
local function folders_of(folder, name, task)
  local own, list = ("%s/%s"):format(folder, name), {}
  if not system.exists(own) then return list end
  for _, one in ipairs(system.list_folder(own)) do
    local is_beside = one:sub(1, #task + 1) == task .. "-" and one:sub(#task + 2):match "^%x%x%x%x%x%x$"
    if (one == task or is_beside or one == page.no_task)
      and system.exists(("%s/%s/verdict.json"):format(own, one)) then list[#list + 1] = one end
  end
  return list
end

-- The folder of an experiment with a place of its own, such as small worlds, in place of a task's.
page.no_task = "no_task"

--- Those of `tasks` on which the scripts of `names` wrote a report into `folder`, in their order.
--
--   > local page = require "perilune.paper.page"
--   > #page.tasks("/no/such/folder", { "fig01_tradeoff" }, { "arena" })
--   0
function page.tasks(folder, names, tasks)
  local list = {}
  for _, task in ipairs(tasks) do
    local is_there = false
    for _, name in ipairs(names) do
      for _, one in ipairs(folders_of(folder, name, task)) do is_there = is_there or one ~= page.no_task end
    end
    if is_there then list[#list + 1] = task end
  end
  return list
end

--- What the scripts of `names` wrote for `tasks` into `folder`: a list of { name, task, question, found,
-- verdicts, parts, size, outer_seeds, date, figures, proxy, report }, a list of { name, task } of those that
-- are not there, and what is wrong with files that are damaged. `figures` and `proxy` are the texts of SVGs.
--
--   > local entries, missing = page.read("/no/such/folder", { "fig01_tradeoff" }, { "arena" })
--   > #entries, missing[1].name, missing[1].task
--   0	fig01_tradeoff	arena
function page.read(folder, names, tasks)
  local entries, missing, damaged, seen = {}, {}, {}, {}
  for _, name in ipairs(names) do
    for _, task in ipairs(tasks) do
      local own = folders_of(folder, name, task)
      for _, one in ipairs(own) do
        local place = ("%s/%s"):format(name, one)
        local made, problem
        if not seen[place] then made, problem = entry.read(("%s/%s"):format(folder, place)) end
        seen[place] = true
        if problem then
          local text <const> = "%s on %s: %s/%s/verdict.json is damaged: %s"
          damaged[#damaged + 1] = text:format(name, task, folder, place, problem)
        end
        if made and made.damaged then
          damaged[#damaged + 1] = ("%s on %s: %s"):format(name, task, made.damaged)
        elseif made and not made.place and #made.figures == 0 then
          local text <const> = "%s on %s: %s/%s/frontier.svg is missing"
          damaged[#damaged + 1] = text:format(name, task, folder, place)
        end
        if made then
          made.report = place .. "/report.html"
          entries[#entries + 1] = made
        end
      end
      if #own == 0 then missing[#missing + 1] = { name = name, task = task } end
    end
  end
  return entries, missing, damaged
end

--- How often each verdict was given, as a clause: "7 hold, 2 do not, 5 not resolved".
--
--   > page.tally { { verdict = "holds" }, { verdict = "not resolved" }, { verdict = "holds" } }
--   2 hold, 0 do not, 1 not resolved, 0 not measured
function page.tally(verdicts)
  local counts = {}
  for _, one in ipairs(verdicts) do counts[one.verdict] = (counts[one.verdict] or 0) + 1 end
  if #verdicts == 0 then return "none" end
  return ("%d hold, %d do not, %d not resolved, %d not measured"):format(counts["holds"] or 0,
    counts["does not hold"] or 0, counts["not resolved"] or 0, counts["not measured"] or 0)
end

--- Where an entry was run, as its heading says: "fig01_tradeoff on arena"; experiments that have a place of
-- their own, such as small worlds, name it.
--
--   > page.title { name = "fig01_tradeoff", task = "arena" }
--   fig01_tradeoff on arena
--   > page.title { name = "support", task = "arena", place = "small worlds" }
--   support in small worlds
function page.title(made)
  if made.place then return ("%s in %s"):format(made.name, made.place) end
  return ("%s on %s"):format(made.name, made.task)
end

--- The size of an entry as words: "default size, 5 repetitions".
--
--   > page.size { size = "quick", outer_seeds = 1 }
--   --quick, 1 repetition
function page.size(made)
  return ("%s, %d repetition%s"):format(made.size == "default" and "default size" or "--" .. made.size,
    made.outer_seeds, made.outer_seeds == 1 and "" or "s")
end

-- What every page says once.
page.rules = "A bracket is a 95 % interval over repetitions, seeds and prompts, of one repetition over "
  .. "prompts alone; of a number that is no win rate it is over repetitions alone. The checkpoint of a peak, "
  .. "and the best setting at a KL, are chosen on one half of the "
  .. "prompts and reported on the other: a peak may lie below a point of the curve. Figures have lines of "
  .. "means over repetitions at equal KL, bands of their 95 % intervals, and all checkpoints as points. An "
  .. ("interval that stays below %g is no difference in a verdict. "):format(claims.margin)
  .. checkpoints.columns_are

--- The entries that count in a tally: of a figure with several sets of options on a task the one with the
-- most repetitions, the first of equals. An entry without a name counts by itself.
local function counted(entries)
  local list, place = {}, {}
  for _, made in ipairs(entries) do
    local figure = made.name and ("%s on %s"):format(made.name, made.task)
    local at = figure and place[figure] or #list + 1
    if not list[at] or (made.outer_seeds or 0) > (list[at].outer_seeds or 0) then list[at] = made end
    if figure then place[figure] = at end
  end
  return list
end

--- The findings of Tang et al. 2024 among the verdicts of entries, each number once on a task: figures that
-- share runs test findings by one number, of the same name and interval.
--
--   > local one = { name = "the fall", paper = "It falls.", by = "Tang et al.", text = "0.2" }
--   > local of_others = { name = "the fall", paper = "It falls.", by = "Gao et al. 2023", text = "0.2" }
--   > local first = { task = "arena", verdicts = { one, of_others } }
--   > #page.findings { first, first, { task = "summary", verdicts = { one } } }
--   2
--   > local again = { name = "the fall", paper = "It passes its peak.", by = "Tang et al.", text = "0.2" }
--   > #page.findings { { name = "fig01", task = "arena", verdicts = { one } },
--   >>   { name = "fig13", task = "arena", verdicts = { again } } }
--   1
function page.findings(entries)
  local list, seen = {}, {}
  for _, made in ipairs(counted(entries)) do
    for _, one in ipairs(made.verdicts) do
      local key = table.concat({ made.task, tostring(one.name), one.text or "-" }, "\n")
      if claims.is_of_paper(one) and not seen[key] then seen[key], list[#list + 1] = true, one end
    end
  end
  return list
end

--- What was not run, in sentences by task; of a task with few figures, those that were. `missing` is as in
-- `page.read`.
--
--   > local entries = { { name = "fig01", task = "summary" } }
--   > page.not_run(entries, { { name = "fig06", task = "arena" }, { name = "fig04", task = "summary" },
--   >>   { name = "fig06", task = "summary" } })
--   Not run on arena: fig06. Run on summary: fig01 alone.
function page.not_run(entries, missing)
  local tasks, absent, there = {}, {}, {}
  for _, what in ipairs(missing) do
    local task = what.task
    if not absent[task] then tasks[#tasks + 1], absent[task], there[task] = task, {}, {} end
    table.insert(absent[task], what.name)
  end
  for _, made in ipairs(entries) do
    if there[made.task] and made.name then table.insert(there[made.task], made.name) end
  end
  for i, task in ipairs(tasks) do
    local few = #there[task] > 0 and #there[task] < #absent[task]
    tasks[i] = (few and "Run on %s: %s alone." or "Not run on %s: %s."):format(
      task, table.concat(few and there[task] or absent[task], ", "))
  end
  return table.concat(tasks, " ")
end

--- A sentence on the findings of Tang et al. among the verdicts of entries, and their tally.
--
--   > local one = { paper = "It falls.", mean = 0.2, verdict = "holds" }
--   > (page.summary { { task = "arena", verdicts = { one } } }:match "^[^:]+")
--   Of 1 tests of findings of Tang et al., each number on a task counted once
function page.summary(entries)
  local list = page.findings(entries)
  local tally = page.tally(list)
  return ("Of %d tests of findings of Tang et al., each number on a task counted once: %s. Intervals are not "
    .. "corrected for their number. A finding that is not resolved needs more repetitions or prompts than "
    .. "were run, and its row says how many. Rows on findings of others begin with their names; a number "
    .. "that nobody has found before is above 0, below 0, or not found."):format(#list, tally), tally
end

return options.strict("paper.page", page)
