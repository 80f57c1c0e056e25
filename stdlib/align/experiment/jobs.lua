--- The jobs of an experiment, each what one process trains, and the stage that those of a repetition share.
local cost = require "perilune.align.experiment.cost"
local options = require "perilune.options"
local parallel = require "perilune.parallel"
local record = require "perilune.align.experiment.record"
local results = require "perilune.align.experiment.results"
local settings = require "perilune.align.experiment.settings"
local stages = require "perilune.align.experiment.stage"
local work = require "perilune.align.experiment.work"

local jobs = {}

--- The variants that one process trains one after the other: those that read another's run follow it.
local function groups_of(given)
  if given.together then return { given.variants } end
  local groups, of = {}, {}
  for _, variant in ipairs(given.variants) do
    local group = of[variant.from]
    if not group then
      group = {}
      groups[#groups + 1] = group
    end
    group[#group + 1] = variant
    of[variant.label] = group
  end
  return groups
end

--- The settings of a group of variants: those of its first one, else those of the experiment.
local function settings_of(given, group)
  return group[1].settings or given.settings or settings.list(given.options)
end

--- Refuses settings that are not told apart: a run of one of them would stand for that of the other.
local function check_same(name, one, other)
  for _, key in ipairs { "lr", "beta", "steps" } do
    if one[key] ~= other[key] then
      error(("experiment.compare: two settings are both called '%s': one has %s = %s, the other %s"):format(
        name, key, options.show(one[key]), options.show(other[key])), 0)
    end
  end
end

--- The jobs of a repetition. Groups that begin with one run are one job: it is trained once.
local function jobs_of(given, outer)
  local list, by_run = {}, {}
  for seed = 1, given.options.seeds do
    for _, group in ipairs(groups_of(given)) do
      for _, setting in ipairs(settings_of(given, group)) do
        local run = ("outer seed %d, seed %d, %s"):format(outer, seed, setting.name)
        local name = record.name(run, group[1])
        local job = by_run[name]
        if not job then
          job = { run = run, variants = {}, setting = setting, seed = (outer - 1) * 1000 + seed,
            index = seed, outer = outer }
          by_run[name], list[#list + 1] = job, job
        end
        check_same(setting.name, job.setting, setting)
        table.move(group, 1, #group, #job.variants + 1, job.variants)
      end
    end
  end
  for _, job in ipairs(list) do job.id = ("%s, %s"):format(job.run, results.labels(job.variants)) end
  return list
end

--- The losses of all variants and settings.
local function losses_of(given)
  local list = {}
  for _, group in ipairs(groups_of(given)) do
    for _, setting in ipairs(settings_of(given, group)) do
      for _, variant in ipairs(group) do list[#list + 1] = work.loss(variant, setting) end
    end
  end
  return list
end

--- The stage of a repetition with the point of its start, and the measure of its runs.
local function stage_of(given, outer)
  local losses = losses_of(given)
  local stage = (given.stage or stages.of_options)(given.options, outer, losses, given.record)
  for _, loss in ipairs(losses) do stage:prepare(loss) end
  local measure = given.judge and stage:measure_by(given.judge(stage)) or stage.measure
  stage.start_point = measure(stage.start, 0)
  stage.start_point.labels, stage.start_point.tokens = 0, 0
  return { stage = stage, measure = measure }
end

--- The stages of the repetitions of which some job is missing, by number; says what their runs will cost.
local function stages_of(given, missing)
  local made, all, began = {}, {}, os.clock()
  for _, outer in ipairs(missing) do table.move(outer.jobs, 1, #outer.jobs, #all + 1, all) end
  for i, outer in ipairs(missing) do
    made[outer.number] = stage_of(given, outer.number)
    if i == 1 then
      io.write(given.title, ": ", cost.estimate(made[outer.number].stage, given.options,
        cost.left(given, all), os.clock() - began, #missing - 1), "\n")
    end
  end
  return made
end

--- The jobs of the repetitions `first` to `last` with their results, by the number of the repetition.
-- Repetitions that lack some are made together, so that no core waits for the last run of one of them.
--
-- `given` is what experiment.compare was given, with `key`, `runs` and `record`. A job has `outer`, `index`
-- (its seed), `setting`, `variants`, `run`, and `found` = { points, notes }.
function jobs.done(given, first, last)
  local o, all, missing, items, by_id = given.options, {}, {}, {}, {}
  for outer = first, last do
    local list = jobs_of(given, outer)
    local own = results.items(given.title, given.key, list)
    local is_whole, found = parallel.kept(own, given.runs, given.title)
    for i, job in ipairs(list) do job.found, by_id[job.id] = found[i], job end
    if not is_whole then
      missing[#missing + 1] = { number = outer, jobs = list }
      table.move(own, 1, #own, #items + 1, items)
    end
    all[outer] = list
  end
  if #missing == 0 then return all end
  local made = stages_of(given, missing)
  local found = parallel.map(items, function(item, notify)
    local job = by_id[item.job]
    local of = made[job.outer]
    return { points = work.points(given, of.stage, of.measure, job, notify), notes = of.stage.notes }
  end, { jobs = o.jobs, keep = given.runs, label = given.title })
  for i, item in ipairs(items) do by_id[item.job].found = found[i] end
  return all
end

return options.strict("align.experiment.jobs", jobs)
