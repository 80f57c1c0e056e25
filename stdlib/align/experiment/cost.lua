--- What an experiment will cost, told before its runs begin.
local losses = require "perilune.align.loss"
local native = require "perilune.native.run"
local options = require "perilune.options"
local placement = require "perilune.align.experiment.placement"
local record = require "perilune.align.experiment.record"
local system = require "perilune.system"
local training = require "perilune.align.train"

local cost = {}

--- The runs of jobs that are not finished in the folder of `given`: { runs, steps, checkpoints, there };
-- `there` counts those that are.
function cost.left(given, jobs)
  local left, seen = { runs = 0, steps = 0, checkpoints = 0, there = 0 }, {}
  for _, job in ipairs(jobs) do
    for _, variant in ipairs(job.variants) do
      local name, steps = record.name(job.run, variant), job.setting.steps or given.options.steps
      local kept = given.record(name, steps)
      if not seen[name] then
        local is_done = kept.resume == "must" and native.about(kept.folder .. "/" .. kept.name).status
          == "finished"
        seen[name] = true
        left.there = left.there + (is_done and 1 or 0)
        left.runs = left.runs + (is_done and 0 or 1)
        left.steps = left.steps + (is_done and 0 or steps)
        local count = placement.count(given.options.checkpoints, steps)
        left.checkpoints = left.checkpoints + (is_done and 0 or count)
      end
    end
  end
  return left
end

-- Steps that are timed, after one that is not.
local timed <const> = 3

--- The processor seconds of an online step of a stage and of a checkpoint. The policy is a copy, nothing of
-- it is kept.
local function measured(stage, o)
  local policy, loss = stage.start:clone(), losses.ipo { beta = 0.1 }
  local source = stage:online { batch = o.batch, seed = 1, loss = loss }
  local function train(steps)
    local began = os.clock()
    training { policy = policy, reference = stage.start, source = source, loss = loss, steps = steps,
      lr = 1e-5, warmup = 0, log_every = steps, instruments = false, quiet = true }
    return os.clock() - began
  end
  train(1)
  local a_step, began = train(timed) / timed, os.clock()
  stage.measure(stage.start, 0)
  return a_step, os.clock() - began
end

--- A number of seconds in words.
--
--   > local cost = require "perilune.align.experiment.cost"
--   > cost.words(42), cost.words(600)
--   42 s	10 min
function cost.words(seconds)
  return seconds < 120 and ("%.0f s"):format(seconds) or ("%.0f min"):format(seconds / 60)
end

--- The sentence on what is left to do, `cost.left`, by the times of three online steps and a checkpoint of
-- the stage: other losses and sizes take another time, offline steps less. `seconds` are what the stage took,
-- `stages` how many are still to be made.
function cost.estimate(stage, o, left, seconds, stages)
  local a_step, a_checkpoint = measured(stage, o)
  local cores = o.jobs > 0 and o.jobs or system.threads()
  local all = left.steps * a_step + left.checkpoints * a_checkpoint + stages * seconds
  return ("%d runs to train, %d there: about %s of processor time, %s on %d cores (%.3f s a step, %.1f s a "
    .. "checkpoint, %s a repetition's start)"):format(left.runs, left.there, cost.words(all),
    cost.words(all / cores), cores, a_step, a_checkpoint, cost.words(seconds))
end

return options.strict("align.experiment.cost", cost)
