--- The jobs of an experiment, and what tells their results apart.
local identity = require "perilune.run.identity"
local models = require "perilune.models"
local options = require "perilune.options"
local pretrained = require "perilune.tasks.pretrained"
local settings = require "perilune.align.experiment.settings"
local system = require "perilune.system"

local results = {}

--- The labels of variants as one text.
function results.labels(variants)
  local labels = {}
  for i, variant in ipairs(variants) do labels[i] = variant.label end
  return table.concat(labels, "; ")
end

-- What of the library tells of runs and makes none: a change of it leaves the runs as they are.
local telling <const> = {
  "csv.lua", "display", "display.lua", "doctest.lua", "explore", "explore.lua", "help", "help.lua",
  "notebook", "plot", "plot.lua", "progress", "progress.lua", "report.lua", "session", "testing",
  "testing.lua", "align/claims", "align/compare", "align/power.lua", "align/experiment/cost.lua",
  "align/evaluate/bootstrap.lua", "align/evaluate/checkpoints.lua", "align/evaluate/frontier.lua",
  "align/evaluate/grid.lua", "align/evaluate/head_to_head.lua", "align/evaluate/needed.lua",
  "align/evaluate/panels.lua", "align/evaluate/ranking.lua", "align/evaluate/report.lua",
  "align/evaluate/sections.lua", "align/evaluate/student.lua", "align/evaluate/text_table.lua",
  "align/evaluate/win_table.lua",
  "paper/by_task.lua", "paper/entry.lua", "paper/html.lua", "paper/markdown.lua", "paper/page.lua",
  "paper/place.lua",
  "tasks/about.lua", "tasks/check_page.lua", "tasks/costs.lua", "tasks/costs_of.lua", "tasks/costs_rows.lua",
}

-- What the figures of the paper make of finished runs: claims, sections, fits. What chooses variants, sources
-- and stages is not among them.
local figures <const> = { "paper/init.lua", "paper/reading" }

-- Options of the machine: where things lie, and what part of the work a process does.
local of_the_machine <const> = { out = true, runs = true, jobs = true, repetition = true }

-- How often a run is repeated.
local of_repetition <const> = { seeds = true, outer_seeds = true }

--- The options of `o` that `is_left_out(name)` leaves, as a list of texts in the order of their names.
local function texts_of(o, is_left_out)
  local list = {}
  for name in pairs(o) do
    if not is_left_out(name) then list[#list + 1] = name end
  end
  table.sort(list)
  for i, name in ipairs(list) do list[i] = name .. "=" .. settings.text_of(o[name]) end
  return list
end

-- What cli.read adds to the options.
local of_the_size <const> = { size = true, smoke = true, help = true }

--- Whether a report is the same for every value of an option: it is one of the machine, or the name of a
-- size, whose values are options of their own.
--
--   > local results = require "perilune.align.experiment.results"
--   > results.is_of_call "jobs", results.is_of_call "seeds"
--   true	false
function results.is_of_call(name) return (of_the_machine[name] or of_the_size[name]) == true end

--- The options of a script itself as one text, "" where it has none: those of `o` that `shared`, a table by
-- name, does not have, without those of the machine and the size.
--
--   > local results = require "perilune.align.experiment.results"
--   > local shared = { lr = true, loss = true }
--   > results.own({ lr = "1e-4", ["loss.beta"] = 0.1, prefer = "long", jobs = 2 }, shared)
--   prefer=long
function results.own(o, shared)
  local list = texts_of(o, function(name)
    return results.is_of_call(name) or of_repetition[name] or shared[name:match "^[^.]*"] ~= nil
  end)
  return table.concat(list, "\n")
end

--- What determines a run, as one text: the title, the code, the file of the task, the weights of a proxy and
-- of a pretrained model with its tokenizer, and every option but those of the machine, such as its folders,
-- and the number of repetitions.
--
-- The code is that of the library without what only tells of runs, and the script. Runs of a family (`of` is
-- "family") are not told apart by the script: its scripts share them.
function results.key(title, o, of)
  local names = texts_of(o, function(name) return of_the_machine[name] or of_repetition[name] end)
  if (o.data or "") ~= "" then names[#names + 1] = "data has " .. system.sha256_file(o.data) end
  if (o.proxy or ""):find("/", 1, true) and system.exists(o.proxy) then
    names[#names + 1] = "proxy has " .. models.load(o.proxy):hash()
  end
  if (o.model or "") ~= "" then names[#names + 1] = "model has " .. pretrained.fingerprint(o.model) end
  local apart = table.move(telling, 1, #telling, 1, {})
  if of == "family" then table.move(figures, 1, #figures, #apart + 1, apart) end
  local code = identity.code(apart) .. (of == "family" and "" or identity.script())
  return title .. "\n" .. code .. "\n" .. table.concat(names, "\n")
end

--- The jobs of an experiment as items of parallel.map: what determines the result of each, by the key above.
function results.items(title, key, jobs)
  local items, hash = {}, system.sha256(key):sub(1, 12)
  for i, job in ipairs(jobs) do items[i] = { experiment = title, options = hash, job = job.id } end
  return items
end

return options.strict("align.experiment.results", results)
