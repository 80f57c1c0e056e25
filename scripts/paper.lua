--- Runs every figure of Tang et al. 2024 (arXiv:2405.08448) and builds one page of them.
--
--   perilune scripts/paper.lua --quick                      every figure on one task, 5 minutes each
--   perilune scripts/paper.lua --tasks sentiment,arena      at the default size; --full is overnight
--   perilune scripts/paper.lua --with "--precision bf16"    with these options of the figures
--   perilune scripts/paper.lua --page                       the page alone, of what is there on all tasks
--   perilune scripts/paper.lua --page --markdown paper.md   the same as Markdown
--
-- Killed at any moment, the same call goes on where it was: runs are recorded and shared between figures.
local perilune = require "perilune"
local cli, options, system, tasks = perilune.cli, perilune.options, perilune.system, perilune.tasks
local command = require "perilune.sweep.command"
local html = require "perilune.paper.html"
local markdown = require "perilune.paper.markdown"
local page = require "perilune.paper.page"
local separated = require "perilune.options.separated"

local names <const> = {
  "fig01_tradeoff", "fig04_coverage", "fig05_quality", "fig06_proxy", "fig07_accuracy_vs_winrate",
  "fig08_discrimination", "fig09_bo2", "fig10_scale", "fig10_proxy", "fig12_datasets", "fig13_shuffle",
  "appF_tandem", "oq1_gold", "oq2_gap_vs_size", "oq3_refresh", "lit1_losses", "lit2_drift", "lit3_warm_up",
  "support", "lit5_labels", "lit6_online_kl", "lit7_selection", "nc1_rewards", "nc2_hybrid",
  "nc3_curation", "overopt",
}

local spec = options.spec("paper", {
  { "tasks", "sentiment", "tasks, separated by commas", smoke = "sentiment" },
  { "figures", table.concat(names, ","), "names of scripts in scripts/paper, separated by commas",
    smoke = "fig01_tradeoff,fig04_coverage", quick = table.concat(names, ","),
    full = table.concat(names, ",") },
  { "page", false, "the page alone" },
  { "markdown", "", "file for the page as Markdown, with its plots in a folder of the same name" },
  { "with", "", "further options of every figure, such as '--precision bf16'" },
  { "data", "", "file of those tasks that read one; alone, a file of preference pairs of your own" },
  { "out", "out/paper", "folder of the reports", folder = true, smoke = "out/paper_smoke" },
})
local o = cli.parse(arg, spec, "paper.lua: every figure of the paper, and one page of them")

--- The names in a text, each once; `known` are those that there are.
local function list_of(flag, text, known)
  if text == "" then cli.refuse("%s is empty; %s", flag, options.suggest(text, known)) end
  if not utf8.len(text) then cli.refuse("%s is no UTF-8", flag) end
  local list, seen, is_known = {}, {}, {}
  for _, name in ipairs(known) do is_known[name] = true end
  for name in separated(text) do
    if not is_known[name] then cli.refuse("%s has no '%s'; %s", flag, name, options.suggest(name, known)) end
    if seen[name] then cli.refuse("%s has %s twice", flag, name) end
    seen[name], list[#list + 1] = true, name
  end
  return list
end

local program, here = system.program(), arg[0]:match "^(.*)/[^/]*$" or "."

local function script_of(name) return ("%s/paper/%s.lua"):format(here, name) end

--- Whether a flag is on the command line.
local function is_given(flag)
  for _, word in ipairs(arg) do
    if word == flag or word:sub(1, #flag + 1) == flag .. "=" then return true end
  end
  return false
end

-- Flags that figures take from this script alone, besides its own options, and those of a figure that is
-- called by itself.
local not_with <const> = { task = true, runs = true, repetition = true, help = true }
for _, size in ipairs(options.sizes) do not_with[size.name] = not size.implied end
for word in o.with:gmatch "%S+" do
  local flag = word:match "^%-%-[%w_.-]+"
  local name = flag and flag:sub(3):gsub("-", "_")
  if name and (not_with[name] or spec.by_name[name]) then
    cli.refuse("--with takes further options of every figure, not %s: that is one of paper.lua itself, or "
      .. "of a single figure", flag)
  end
end

-- A file alone is one of preference pairs of the user.
if o.data ~= "" and not is_given "--tasks" then o.tasks = "from_pairs" end
local figures = list_of("--figures", o.figures, names)
-- A page of what is there is one of all tasks that are there.
if o.page and not is_given "--tasks" then
  local there = page.tasks(o.out, figures, tasks.names())
  if #there > 0 then o.tasks = table.concat(there, ",") end
end
local chosen, readers = list_of("--tasks", o.tasks, tasks.names()), 0
for _, task in ipairs(chosen) do
  local needs = tasks.needs(task)
  if needs and o.data == "" and not o.page then
    cli.refuse("the task '%s' needs its file as --data: %s", task, needs)
  end
  readers = readers + (needs and 1 or 0)
end
if o.data ~= "" and readers == 0 then cli.refuse("--data: none of the tasks %s reads a file", o.tasks) end

--- The words of the command that runs a figure on a task.
local function words_of(name, task)
  local words = { program, script_of(name), "--task", task, "--out", o.out .. "/" .. name, "--runs",
    o.out .. "/runs" }
  if o.size ~= "default" then words[#words + 1] = "--" .. o.size end
  for word in o.with:gmatch "%S+" do words[#words + 1] = word end
  if o.data ~= "" and tasks.needs(task) then table.move({ "--data", o.data }, 1, 2, #words + 1, words) end
  return words
end

-- What the shell says of a program that Ctrl-C ended, and of one that ended itself after it.
local interrupted <const> = { signal = 2, exit = 130 }

local failed = {}
for _, task in ipairs(o.page and {} or chosen) do
  for i, name in ipairs(figures) do
    print(("== %s on %s, %d of %d"):format(name, task, i, #figures))
    local ok, how, status = os.execute(command.line(words_of(name, task)))
    if status == interrupted[how] then os.exit(130) end
    if not ok then failed[#failed + 1] = ("%s on %s"):format(name, task) end
  end
end

local entries, missing, damaged = page.read(o.out, figures, chosen)
for _, what in ipairs(missing) do io.stderr:write("not there: " .. page.title(what) .. "\n") end
for _, what in ipairs(damaged) do io.stderr:write(what .. "\n") end
if #entries > 0 then
  local tally = html.write(entries, missing, o.out .. "/paper.html")
  if o.markdown ~= "" then markdown.write(entries, missing, o.markdown) end
  print(("the paper's findings: %s\npage: %s/paper.html"):format(tally, o.out))
else
  io.stderr:write(("%s has no report of these figures, so there is no page\n"):format(o.out))
end
for _, what in ipairs(failed) do io.stderr:write("failed: " .. what .. "\n") end
if #failed > 0 or #damaged > 0 or #entries == 0 then os.exit(1) end
