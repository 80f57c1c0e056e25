--- Can a task show the phenomenon, and at which cost of text off the support?
--
-- Tang et al. 2024 (arXiv:2405.08448, fig. 1): online and offline rise and fall with the KL from the start.
-- The page of each cost says whether there is something to gain, whether the proxy is right on the start's
-- responses and wrong late in the online run, and whether each side passes its own peak. All costs are
-- printed, and their starts are the same. The seed is of calibration alone. Runs are recorded: the same
-- command goes on with what was cut, and makes the pages anew without training.
--
--   perilune scripts/experiments/calibration.lua --task summary
--   perilune scripts/experiments/calibration.lua --task sentiment --task.most 5 --costs 0,0.05,0.15,0.3
--   perilune scripts/experiments/calibration.lua --task harmless --data test.jsonl.gz
--
-- A page is named by task, cost and own options of the task; other settings that are not the default make six
-- digits of its name, so that pages of other settings lie beside each other.
--
-- With `--only-costs` no run is trained: one table has all costs, of responses of the start (`tasks.costs`).
--
--   perilune scripts/experiments/calibration.lua --task sentiment --only-costs
local perilune = require "perilune"
local cli, options = require "perilune.cli", require "perilune.options"
local costs_of = require "perilune.tasks.costs_of"
local opened = require "perilune.align.experiment.opened"
local results = require "perilune.align.experiment.results"
local settings = require "perilune.align.experiment.settings"
local system, tasks = require "perilune.system", perilune.tasks

local check = tasks.check and options.specs["tasks.check"]
local spec = options.spec("calibration", {
  opened.options,
  { "costs", "", "what gold charges for an error of text, separated by commas; the task's own unless given" },
  { "only_costs", false, "only the table of what each cost changes in responses of the start" },
  check,
  { "out", "out/calibration", "folder of the pages", folder = true, smoke = "out/calibration_smoke" },
})
local o = cli.parse(arg, spec, "calibration.lua: the calibration pages of a task")

if o.costs ~= "" and o.cost >= 0 then
  cli.refuse("--cost %g and --costs %s are both given: one of them is enough", o.cost, o.costs)
end
cli.checked(opened.check, o)

-- What the name of a page says otherwise, or what does not change it.
local named <const> = { task = true, cost = true, only_costs = true, quiet = true }

--- The settings of a page that its name does not say in words, as one text: those that are not the default.
local function unsaid(own)
  local other = {}
  for name, entry in pairs(spec.by_name) do
    if o[name] ~= entry.default then other[name] = o[name] end
  end
  if not o.only_costs then other.costs = nil end
  -- A file is told by what it holds, wherever it lies.
  if o.data ~= "" then other.data = system.sha256_file(o.data) end
  for name, value in pairs(own) do other["of " .. name] = value end
  return results.own(other, named)
end

--- Writes a text to the folder, named by the task, its cost, its own options that are given and the other
-- settings. An option that a file's name does not hold is among the others.
local function write(task, text, ending)
  local parts, own, unfit = { o.task, task.cost and settings.text(task.cost) }, {}, {}
  for name, value in pairs(opened.of_task(o)) do
    local word = ("%s-%s"):format(name, value)
    if word:find "[^%w._-]" or #word > 40 then unfit[name] = value else own[#own + 1] = word end
  end
  table.sort(own)
  table.move(own, 1, #own, #parts + 1, parts)
  local others = unsaid(unfit)
  if others ~= "" then parts[#parts + 1] = system.sha256(others):sub(1, 6) end
  local path = ("%s/%s%s"):format(o.out, table.concat(parts, "-"), ending)
  system.write_file(path, text .. "\n")
  print("page: " .. path)
end

if o.only_costs then
  local task = cli.checked(opened.task, o)
  local given = { seed = o.seed, best_of = o.best_of, start_steps = o.start_steps }
  if o.costs ~= "" then given.costs = o.costs end
  write(task, cli.checked(tasks.costs, task, given).text, "-costs.md")
  return
end

local costs = o.costs == "" and {} or cli.checked(costs_of, o.costs, "--costs")

local given = {}
for _, name in ipairs(check:names()) do given[name] = o[name] end
if given.runs == "" then given.runs = o.out .. "/runs" end
local made = {}
for i = 1, math.max(1, #costs) do
  o.cost = costs[i] or o.cost
  cli.checked(opened.check, o)
  made[i] = cli.checked(opened.task, o)
end
for _, task in ipairs(made) do
  write(task, cli.checked(tasks.check, task, given).text, ".txt")
end
