--- A run of align.train that lasts: `align.train { ..., run = "name" }`, see `perilune.run`.
--
-- The folder `runs/name` has the rows of run.log and the points as figures by step, and checkpoints that
-- `align.runs.load` reads too. A table in place of the name has the options of run.open; its `config` adds
-- what the run is found by, such as the task and the side.
local files = require "perilune.align.runs.files"
local options = require "perilune.options"
local reference = require "perilune.align.train.reference"
local rule = require "perilune.options.rule"

local recorded = {}

--- Options that do not change what a run computes.
local not_config <const> = {
  run = true, quiet = true, label = true, record = true, live = true, gradient_checkpointing = true,
}

--- The options of a training that a run is told apart by.
function recorded.plain(o)
  local config = files.plain_part(o)
  for name in pairs(not_config) do config[name] = nil end
  return config
end

--- What a run is told apart by: its options, its loss and its source with their options, the models' hashes.
local function config_of(run)
  local config = recorded.plain(run.options)
  local terms = files.identity(run.options.loss)
  if #terms == 1 then
    config.loss = terms[1].options
    config.loss.name = terms[1].name
  else
    config.loss = { name = "sum", terms = terms }
  end
  local source = files.source_identity(run.options.source)
  config.source = source.options
  config.source.kind, config.source.name, config.source.data = source.kind, source.name, source.data
  if #source.parts > 0 then config.source.parts = source.parts end
  config.policy_hash, config.reference_hash = run.policy_hash_at_start, run.reference_hash
  for _, name in ipairs { "policy", "reference" } do
    config[name .. "_dtype"] = reference.dtype(run[name])
    config[name .. "_precision"] = reference.precision(run[name])
  end
  return config
end

--- The run as a part of a job's state.
local Part = {}
Part.__index = Part

function Part:save_state(folder) files.write(self.run, folder) end
function Part:load_state(folder) require "perilune.align.runs".restore(self.run, folder) end

--- The job of a training that has not begun, new or going on where its newest checkpoint was: `state` is then
-- what it was. `given` is a name, options of run.open, or a job that is open, such as that of a row of a
-- sweep.
function recorded.job(given, config, state)
  if rule.class(given) == "RunJob" then
    given:with { state = state }:restore()
    return given
  end
  local open = require "perilune.run".open
  local o = {}
  for name, value in pairs(type(given) == "string" and { name = given } or given) do o[name] = value end
  if o.state then
    error("run.state is what is trained, not " .. options.show(o.state), 0)
  end
  for name, value in pairs(o.config or {}) do config[name] = value end
  o.config, o.state = config, state
  local job = open(o)
  job:restore()
  return job
end

--- The job of a run of align.train.
function recorded.open(run, given)
  return recorded.job(given, config_of(run), { run = setmetatable({ run = run }, Part) })
end

--- The option of everything that can be recorded.
recorded.options = options.spec("align.recorded", {
  { "run", options.optional "string|table|RunJob",
    "recorded in runs/NAME with checkpoints, and resumed: a name, options of run.open, or a job of it" },
})

--- The highest win rate of the points so far; nil where they have none.
local function peak_of(points)
  local peak
  for _, point in ipairs(points) do
    local win = type(point.win) == "table" and point.win.mean or point.win
    if math.type(win) and not (peak and peak >= win) then peak = win end
  end
  return peak
end

--- What a step is recorded as: its row of the log, and its point with the `peak` of the win rate so far.
function recorded.figures(run, step)
  local figures = {}
  for _, list in ipairs { run.log, run.points } do
    local last = list[#list]
    if last and last.step == step then
      for name, value in pairs(last) do figures[name] = value end
      if list == run.points and figures.peak == nil then figures.peak = peak_of(list) end
    end
  end
  figures.step = nil
  return figures
end

return recorded
