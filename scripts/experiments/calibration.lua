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
-- With `--only-costs` no run is trained: one table has all costs, of responses of the start (`tasks.costs`).
--
--   perilune scripts/experiments/calibration.lua --task sentiment --only-costs
local perilune = require "perilune"
local cli, options = require "perilune.cli", require "perilune.options"
local opened = require "perilune.align.experiment.opened"
local separated = require "perilune.options.separated"
local settings = require "perilune.align.experiment.settings"
local system, tasks = require "perilune.system", perilune.tasks

local check = tasks.check and options.specs["tasks.check"]
local o = cli.parse(arg, options.spec("calibration", {
  opened.options,
  { "costs", "", "what gold charges for an error of text, separated by commas; the task's own unless given" },
  { "only_costs", false, "only the table of what each cost changes in responses of the start" },
  check,
  { "out", "out/calibration", "folder of the pages", folder = true, smoke = "out/calibration_smoke" },
}), "calibration.lua: the calibration pages of a task")

if o.costs ~= "" and o.cost >= 0 then
  cli.refuse("--cost %g and --costs %s are both given: one of them is enough", o.cost, o.costs)
end
cli.checked(opened.check, o)

--- Writes a text to the folder, named by the task, its cost and its own options that are given.
local function write(task, text, ending)
  local parts, own = { o.task, task.cost and settings.text(task.cost) }, {}
  for name, value in pairs(opened.of_task(o)) do own[#own + 1] = ("%s-%s"):format(name, value) end
  table.sort(own)
  table.move(own, 1, #own, #parts + 1, parts)
  local path = ("%s/%s%s"):format(o.out, table.concat(parts, "-"), ending)
  system.write_file(path, text .. "\n")
  print("page: " .. path)
end

if o.only_costs then
  local task = opened.task(o)
  local given = { seed = o.seed, best_of = o.best_of, start_steps = o.start_steps }
  if o.costs ~= "" then given.costs = o.costs end
  write(task, cli.checked(tasks.costs, task, given).text, "-costs.md")
  return
end

local costs = {}
if o.costs ~= "" then
  for item in separated(o.costs) do
    local cost = tonumber(item)
    if not (cost and cost >= 0) then
      cli.refuse("--costs takes numbers from 0, separated by commas, not '%s'", o.costs)
    end
    costs[#costs + 1] = cost
  end
end

local given = {}
for _, name in ipairs(check:names()) do given[name] = o[name] end
if given.runs == "" then given.runs = o.out .. "/runs" end
for i = 1, math.max(1, #costs) do
  o.cost = costs[i] or o.cost
  cli.checked(opened.check, o)
  local task = opened.task(o)
  write(task, cli.checked(tasks.check, task, given).text, ".txt")
end
