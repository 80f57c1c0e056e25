--- The runs of an experiment: what one process trains and measures.
local errors = require "perilune.errors"
local options = require "perilune.options"
local placement = require "perilune.align.experiment.placement"
local record = require "perilune.align.experiment.record"
local system = require "perilune.system"
local training = require "perilune.align.train"

local work = {}

--- The loss of a variant in a setting.
function work.loss(variant, setting) return variant.loss and variant.loss(setting) or setting.loss end

--- The stage of a variant: that of the repetition, or one made from it.
function work.stage(variant, stage) return variant.stage and variant.stage(stage) or stage end

--- Trains one variant with one setting; gives the run of align.train.
local function train(given, stage, variant, run, measure, notify)
  local o = given.options
  local loss, reference, steps = run.loss, stage:reference(run.loss), run.setting.steps or o.steps
  local source = variant.source(stage, run)
  local kept = given.record(record.name(run.name, variant), steps, {
    side = variant.run or variant.label, setting = run.setting.name, seed = run.seed, outer_seed = run.outer,
  })
  local trained = training {
    run = kept, policy = stage.start:clone(), reference = reference, source = source, loss = loss,
    instruments = stage:instruments(run, source, o.instruments),
    steps = steps, lr = run.setting.lr, warmup = math.min(20, steps // 4), label = variant.label,
    log_every = steps, record = given.together or variant.record,
    evaluate_every = placement.of(stage, o.checkpoints, steps),
    checkpoint_every = variant.checkpoint_every and variant.checkpoint_every(steps),
    evaluate = function(policy, step)
      notify(step / steps)
      return measure(policy, step)
    end,
  }
  assert(trained.policy_hash_at_start == stage.start:hash() and trained.reference_hash == reference:hash(),
    "the policy must begin as the start, bit for bit")
  return trained
end

--- The key of the message of a run that failed, beside the points of its label.
function work.failed(label) return "failed: " .. label end

--- The key of what `after` found, beside the points by label.
work.found = "found: after"

--- The message of a run that failed, and what it has measured. Ctrl-C is raised again, and so is an error
-- unless the experiment is tolerant.
local function failure(given, problem)
  if not given.tolerant or system.is_interrupt(problem) then error(problem, 0) end
  local run = type(problem) == "table" and problem.run
  if run and run.status == "interrupted" then error(problem, 0) end
  return tostring(problem), run and run.points or {}
end

--- The points by label of one job. `at.label` names the variant that is training.
local function points_of(given, stage, measure, job, notify, at)
  local points, done = {}, {}
  for i, variant in ipairs(job.variants) do
    at.label = variant.label
    local run = {
      setting = job.setting, seed = job.seed, batch = given.options.batch, done = done,
      loss = work.loss(variant, job.setting), name = job.run, outer = job.outer,
    }
    local own = work.stage(variant, stage)
    local measured_by = own == stage and measure or own.measure
    local ok, trained = pcall(train, given, own, variant, run, measured_by, function(share)
      notify((i - 1 + share) / #job.variants)
    end)
    if ok then
      done[variant.label] = trained
      if variant.check then variant.check(trained, done) end
      points[variant.label] = { own.start_point, table.unpack(trained.points) }
    else
      local message, measured = failure(given, trained)
      points[work.failed(variant.label)] = message
      points[variant.label] = { own.start_point, table.unpack(measured) }
    end
  end
  if given.after then
    local run = { setting = job.setting, seed = job.seed, outer = job.outer, done = done }
    points[work.found] = given.after(stage, run)
  end
  return points
end

--- The points by label of one job: one variant, or all of them one after the other where they build on each
-- other. Errors: those of a run, which name its side, repetition, seed and setting.
function work.points(given, stage, measure, job, notify)
  local at = {}
  local ok, result = pcall(points_of, given, stage, measure, job, notify, at)
  if ok then return result end
  if system.is_interrupt(result) or errors.is_refusal(result) then error(result, 0) end
  local run = type(result) == "table" and result.run
  if run and run.status == "interrupted" then error(result, 0) end
  error(("%s, %s: %s"):format(at.label, job.run, errors.message(result)), 0)
end

return options.strict("align.experiment.work", work)
