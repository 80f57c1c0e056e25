--- Can a task show the phenomenon, and at which cost of text off the support?
--
-- Tang et al. 2024 (arXiv:2405.08448, fig. 1): online and offline rise and fall with the KL from the start.
-- The page of each cost says whether there is something to gain, whether the proxy is right on the start's
-- responses and wrong late in the online run, and whether each side passes its own peak. All costs are
-- printed, and their starts are the same. The seed is of calibration alone. Runs are recorded: the same
-- command goes on with what was cut, and makes the pages anew without training.
--
--   perilune scripts/experiments/calibration.lua --task summary
--   perilune scripts/experiments/calibration.lua --task sentiment --costs 0,0.05,0.15,0.3
local perilune = require "perilune"
local cli, options = require "perilune.cli", require "perilune.options"
local system, tasks = require "perilune.system", perilune.tasks

local check = tasks.check and options.specs["tasks.check"]
local o = cli.parse(arg, options.spec("calibration", {
  { "task", "summary", "name of a task that the program writes", choices = { "arena", "refusal", "sentiment",
    "summary" } },
  { "costs", "", "what gold charges for an error of text, separated by commas; the task's own unless given" },
  check,
  { "out", "out/calibration", "folder of the pages", folder = true, smoke = "out/calibration_smoke" },
}), "calibration.lua: the calibration pages of a task")

local costs = {}
for text in o.costs:gmatch "[^,]+" do
  local cost = tonumber(text)
  if not (cost and cost >= 0) then
    cli.refuse("--costs takes numbers from 0, separated by commas, not '%s'", o.costs)
  end
  costs[#costs + 1] = cost
end

local given = {}
for _, name in ipairs(check:names()) do given[name] = o[name] end
if given.runs == "" then given.runs = o.out .. "/runs" end
for i = 1, math.max(1, #costs) do
  local task = tasks.open(o.task, { cost = costs[i] })
  local page = tasks.check(task, given)
  local path = ("%s/%s-%g.txt"):format(o.out, o.task, task.cost)
  system.write_file(path, page.text .. "\n")
  print("page: " .. path)
end
