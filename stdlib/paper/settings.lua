--- The settings of the paper's runs: one for online, a sweep for offline, both of the task.
--
-- Tang et al. 2024, arXiv:2405.08448, sec. 4: online has one setting, offline is pooled over learning rates,
-- betas and steps. The task's `runs` has both, as its calibration chose them; `--lr`, `--beta` and `--steps`
-- replace them.
--
-- Pooling over steps is in the checkpoints: at a constant rate after the warm-up a checkpoint is the end of a
-- shorter run. A task may still list `runs.offline.steps`; then each combination is run as often.
local losses = require "perilune.align.experiment.settings"
local opened = require "perilune.align.experiment.opened"
local options = require "perilune.options"

local settings = {}

--- The `runs` of the task of the options: those of `experiment.opened`, see `tasks.check`.
--
--   > local settings = require "perilune.paper.settings"
--   > settings.runs({ task = "sentiment", data = "", cost = -1, small = false }).steps
--   720
function settings.runs(o) return opened.task(o).runs end

--- The text of a list of numbers, as `--lr` takes it.
local function joined(list)
  local texts = {}
  for i, number in ipairs(list) do texts[i] = losses.text(number) end
  return table.concat(texts, ",")
end

--- The settings of rates and betas, each with its steps in its name: runs of different length are different.
-- `loss` names another loss than that of the options, such as "bo2"; one without beta has a setting a rate.
-- `steps` is a number or a list of them.
local function list_of(o, lr, beta, steps, loss)
  local given = { loss = loss or o.loss, lr = lr, beta = beta }
  if not loss then
    for name, value in pairs(o) do
      if name:find "^loss%." then given[name] = value end
    end
  end
  local all = {}
  for _, count in ipairs(type(steps) == "table" and steps or { steps }) do
    for _, setting in ipairs(losses.list(given)) do
      setting.steps = count
      setting.name = ("%s, %d steps"):format(setting.name, count)
      if loss then setting.name = ("%s, %s"):format(loss, setting.name) end
      all[#all + 1] = setting
    end
  end
  return all
end

local function steps_of(o, own) return o.steps > 0 and o.steps or own end

--- Puts the task's settings into options that are not given, `lr` and `beta` of "", `steps` of 0: the rates
-- and betas of its sweep, and the steps of its online run. A loss other than ipo, or with a `loss.beta`,
-- keeps its own beta.
--
--   > local o = { task = "sentiment", data = "", cost = -1, loss = "dpo", lr = "", beta = "", steps = 0 }
--   > settings.fill(o)
--   > o.lr, o.beta, o.steps
--   0.0001,0.0003		720
function settings.fill(o)
  local runs = settings.runs(o)
  if o.lr == "" then o.lr = joined(runs.offline.lr) end
  if o.beta == "" and o.loss == "ipo" and o["loss.beta"] == nil then o.beta = joined(runs.offline.beta) end
  o.steps = steps_of(o, runs.steps)
end

--- The one setting of online runs: a list of one. `loss` names another loss than that of the options.
--
--   > local o = { task = "sentiment", data = "", cost = -1, loss = "ipo", lr = "", beta = "0.2", steps = 9 }
--   > settings.one(o)[1].name, settings.one(o, "bo2")[1].name
--   lr 0.0003, beta 0.2, 9 steps	bo2, lr 0.0003, 9 steps
function settings.one(o, loss)
  local runs = settings.runs(o)
  local lr, beta = o.lr, o.beta
  if lr == "" then lr = losses.text(runs.lr) end
  if beta == "" then beta = losses.text(runs.beta) end
  return { list_of(o, lr, beta, steps_of(o, runs.steps), loss)[1] }
end

--- The options `o` with a share of the rate of online runs, for those that want smaller steps: runs with data
-- of an old writer, or of a loss without a KL term. Of rates that were given it takes the first one. The
-- share is rounded to six digits, and the runs have the rounded rate: 0.0003 / 6 is 0.00005.
--
--   > local o = { task = "sentiment", data = "", cost = -1, loss = "ipo", lr = "", beta = "", steps = 0 }
--   > settings.slower(o, 0.5).lr
--   0.00015
function settings.slower(o, share)
  local own = {}
  for name, value in pairs(o) do own[name] = value end
  own.lr = ("%g"):format(share * settings.one(o)[1].lr)
  return own
end

--- The sweep of offline runs, a list: all combinations of rates, betas and steps. A smoke run has
-- the setting of online runs alone, a quick one its rate and the first two betas.
--
--   > local o = { task = "sentiment", data = "", cost = -1, loss = "ipo", lr = "", beta = "", steps = 0 }
--   > #settings.sweep(o)
--   6
--   > o.size = "quick"
--   > #settings.sweep(o), settings.sweep(o)[1].name
--   2	lr 0.0003, beta 0.02, 720 steps
function settings.sweep(o, loss)
  if o.size == "smoke" then return settings.one(o, loss) end
  local runs = settings.runs(o)
  local sweep = runs.offline
  local lr, beta = o.lr, o.beta
  if lr == "" then lr = o.size == "quick" and losses.text(runs.lr) or joined(sweep.lr) end
  if beta == "" then beta = joined(o.size == "quick" and { table.unpack(sweep.beta, 1, 2) } or sweep.beta) end
  return list_of(o, lr, beta, steps_of(o, sweep.steps or runs.steps), loss)
end

return options.strict("paper.settings", settings)
