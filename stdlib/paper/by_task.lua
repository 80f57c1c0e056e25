--- A figure on several tasks side by side: a row a number, a column a task.
local claims = require "perilune.align.claims"
local options = require "perilune.options"

local by_task = {}

--- The first entry of each task among those of a figure, in their order. Calls with other options, and what
-- has a place of its own in place of a task, are left out.
local function tasks_of(entries, name)
  local list, seen = {}, {}
  for _, made in ipairs(entries) do
    if made.name == name and not made.place and not seen[made.task] then
      seen[made.task], list[#list + 1] = true, made
    end
  end
  return list
end

--- Findings in words: that of the paper, or those of tasks of which it found different things.
local function joined(findings)
  local list, seen = {}, {}
  for _, text in ipairs(findings) do
    if text ~= "-" and not seen[text] then seen[text], list[#list + 1] = true, text end
  end
  return #list > 0 and table.concat(list, " / ") or "-"
end

--- Header and rows of the table of a figure, from entries as `paper.page.read` gives them: what was found,
-- the number, and on each task its value and verdict. nil where it was run on one task.
--
--   > local function on(task, text, verdict)
--   >>   return { name = "fig01", task = task, verdicts = {
--   >>     { name = "the gap", paper = "It is there.", text = text, verdict = verdict, low = 0.1 } } }
--   >> end
--   > local by_task = require "perilune.paper.by_task"
--   > local entries = { on("arena", "0.2", "holds"), on("summary", "0.3", "holds") }
--   > local header, rows = by_task.of(entries, "fig01")
--   > table.concat(header, " | ", 3), table.concat(rows[1], " | ")
--   arena | summary	It is there. | the gap | 0.2: holds | 0.3: holds
--   > by_task.of({ on("arena", "0.2", "holds") }, "fig01")
--   nil
function by_task.of(entries, name)
  local tasks = tasks_of(entries, name)
  if #tasks < 2 then return nil end
  local header, rows, by_name, findings = nil, {}, {}, {}
  for i, made in ipairs(tasks) do
    local columns, cells = claims.cells(made.verdicts)
    header = header or { columns[1], columns[2] }
    header[2 + i] = made.task
    for k, cell in ipairs(cells) do
      local found, number, value, words = table.unpack(cell)
      local row = by_name[number]
      if not row then
        row = { found, number }
        for column = 3, 2 + #tasks do row[column] = "-" end
        by_name[number], findings[number], rows[#rows + 1] = row, {}, row
      end
      local one = made.verdicts[k]
      local verdict = one.remedy and claims.called(one) or words
      row[2 + i] = value == "-" and verdict or ("%s: %s"):format(value, verdict)
      table.insert(findings[number], found)
    end
  end
  for _, row in ipairs(rows) do row[1] = joined(findings[row[2]]) end
  return header, rows
end

--- Calls `visit(header, rows)` before the first entry of each figure that was run on several tasks, and
-- `each(entry, i)` for every entry.
--
--   > local function on(task) return { name = "a", task = task, verdicts = {} } end
--   > local entries, by_task = { on "arena", on "summary" }, require "perilune.paper.by_task"
--   > by_task.walk(entries, function(header) print(#header) end, function(made) print(made.task) end)
--   4
--   arena
--   summary
function by_task.walk(entries, visit, each)
  local seen = {}
  for i, made in ipairs(entries) do
    if not seen[made.name] then
      seen[made.name] = true
      local header, rows = by_task.of(entries, made.name)
      if header then visit(header, rows, made.name) end
    end
    each(made, i)
  end
end

return options.strict("paper.by_task", by_task)
