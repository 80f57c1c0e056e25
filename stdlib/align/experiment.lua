--- Experiments: a stage made once for each repetition, variants trained from it, and a report.
--
--   local o = experiment.parse(arg, "gap.lua: online and offline")
--   experiment.compare {
--     title = "online against offline", options = o,
--     variants = {
--       { label = "online", source = function(stage, run) return stage:online(run) end },
--       { label = "offline", source = function(stage, run) return stage:offline(run) end },
--     },
--   }
--
-- A variant differs from the others in its source of data, its loss, or both. It is trained once for each
-- setting (each learning rate and beta) and seed; the settings of a seed are pooled in the report, as Tang et
-- al. 2024 pool their offline runs. `--outer-seeds` repeats the whole pipeline: start, golden pairs, proxy
-- and golden policy are functions of the outer seed, so the intervals include their spread.
--
-- A variant that reads what another run wrote, such as its stream, says so by `from`: it is trained after it,
-- with the same setting and seed. Experiments of one `family` share their runs: what one has trained the next
-- one reads.
local claims = require "perilune.align.claims"
local cli = require "perilune.cli"
local cost = require "perilune.align.experiment.cost"
local errors = require "perilune.errors"
local identity = require "perilune.run.identity"
local opened = require "perilune.align.experiment.opened"
local options = require "perilune.options"
local record = require "perilune.align.experiment.record"
local placement = require "perilune.align.experiment.placement"
local parallel = require "perilune.parallel"
local report = require "perilune.align.evaluate.report"
local results = require "perilune.align.experiment.results"
local settings = require "perilune.align.experiment.settings"
local stages = require "perilune.align.experiment.stage"
local system = require "perilune.system"
local work = require "perilune.align.experiment.work"

local experiment = { stage = stages.stage }

--- Options of every experiment script. `experiment.parse` adds those of a script, which may change a default.
experiment.options = options.spec("align.experiment", {
  stages.options,
  { "loss", "ipo", "a loss of align.loss; --loss.beta 0.2 and the like are its own options",
    options_of = function(name) return settings.loss(name).spec end },
  { "lr", "3e-4", "learning rates, separated by commas; a side pools all rates and betas" },
  { "beta", "", "strengths of the regularisation, separated by commas; unless given the loss's own, "
    .. "and 0.05 for ipo" },
  { "steps", 480, "optimiser steps of each run", least = 1, smoke = 6 },
  placement.options,
  { "seeds", 1, "runs of each setting in each repetition", least = 1 },
  { "outer_seeds", 3, "repetitions of the whole pipeline: start, golden pairs, proxy, golden policy",
    least = 1, smoke = 1, pretrained = 1 },
  { "instruments", "default",
    "what runs measure besides win rate and KL; all: also regret, the cosine of online and offline gradients",
    choices = { "none", "default", "all" }, smoke = "all", pretrained = "none" },
  { "jobs", 0, "runs at the same time; 0 for one a core", least = 0 },
  { "out", "out/experiment", "folder of the report", folder = true, smoke = "out/experiment_smoke" },
})

--- The arguments with the task that they mean: a file without `--task` is one of preference pairs.
local function completed(arguments)
  local has_file, has_task = false, false
  for i, word in ipairs(arguments) do
    word = tostring(word)
    local text = word == "--data" and arguments[i + 1] or word:match "^%-%-data=(.*)"
    has_file = has_file or (text or "") ~= ""
    has_task = has_task or word == "--task" or word:find "^%-%-task=" ~= nil
  end
  if not has_file or has_task then return arguments end
  return { "--task", "from_pairs", table.unpack(arguments) }
end

--- The options of a script from its command line. A file as `--data` without `--task` is one of preference
-- pairs (`tasks.from_pairs`). `more` lists entries of its own, or entries of
-- `experiment.options` with another default; `without` are names of those that the script does not have. A
-- wrong option, loss, rate or proxy ends the script with status 1 before anything is trained.
--
--   > local experiment = require "perilune.align.experiment"
--   > local folder = os.tmpname() .. ".report"
--   > local o = experiment.parse({ "--smoke", "--loss", "dpo", "--out", folder }, "an example")
--   > o.loss, o.smoke
--   dpo	true
--   > experiment.check(o)
--   > type(experiment.shared(o))
--   table
--   > experiment.compare {}
--   experiment.compare: option 'title' is missing; expected a string
--   > experiment.stage { batches = 1 }
--   experiment.stage: unknown option 'batches'; did you mean 'batch'?
function experiment.parse(arguments, about, more, without)
  local name, shared, left_out = about:match "^[%w_.]+" or "experiment", {}, {}
  for _, one in ipairs(without or {}) do left_out[one] = true end
  for _, one in ipairs(experiment.options:names()) do
    if not left_out[one] then shared[#shared + 1] = one end
  end
  local spec = options.spec(name, { experiment.options:only(shared), table.unpack(more or {}) })
  local o = cli.parse(spec.by_name.data and completed(arguments) or arguments, spec, about)
  cli.checked(experiment.check, o)
  cli.checked(opened.check_data, o)
  return o
end

--- Refuses options that would fail only after the stage is made: an unknown loss, proxy or task, a batch
-- larger than the golden pairs.
function experiment.check(o)
  if o.loss then settings.list(o) end
  stages.check(o)
  if o.batch > o.pairs then error(
    ("a batch of %d is larger than all %d golden pairs"):format(o.batch, o.pairs), 0) end
end

--- The options that determine a run of a family: those of the stage and of the training. Rates, betas and
-- steps are part of the runs' own names.
function experiment.shared(o)
  local left_out <const>, shared = { lr = true, beta = true, steps = true }, {}
  for _, name in ipairs(experiment.options:names()) do
    if not left_out[name] then shared[name] = o[name] end
  end
  for name, value in pairs(o) do
    if name:find "^loss%." or name:find "^task%." then shared[name] = value end
  end
  return shared
end

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

--- The jobs of a repetition. Groups that begin with one run are one job: it is trained once.
local function jobs_of(given, outer)
  local jobs, by_run = {}, {}
  for seed = 1, given.options.seeds do
    for _, group in ipairs(groups_of(given)) do
      for _, setting in ipairs(settings_of(given, group)) do
        local run = ("outer seed %d, seed %d, %s"):format(outer, seed, setting.name)
        local name = record.name(run, group[1])
        local job = by_run[name]
        if not job then
          job = { run = run, variants = {}, setting = setting, seed = (outer - 1) * 1000 + seed,
            index = seed, outer = outer }
          by_run[name], jobs[#jobs + 1] = job, job
        end
        table.move(group, 1, #group, #job.variants + 1, job.variants)
      end
    end
  end
  for _, job in ipairs(jobs) do job.id = ("%s, %s"):format(job.run, results.labels(job.variants)) end
  return jobs
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
  local made, jobs, began = {}, {}, os.clock()
  for _, outer in ipairs(missing) do table.move(outer.jobs, 1, #outer.jobs, #jobs + 1, jobs) end
  for i, outer in ipairs(missing) do
    made[outer.number] = stage_of(given, outer.number)
    if i == 1 then
      io.write(given.title, ": ", cost.estimate(made[outer.number].stage, given.options,
        cost.left(given, jobs), os.clock() - began, #missing - 1), "\n")
    end
  end
  return made
end

--- The jobs of all repetitions with their results. Repetitions that lack some are made together, so that no
-- core waits for the last run of one of them.
local function repetitions(given)
  local o, all, missing, items, by_id = given.options, {}, {}, {}, {}
  for outer = 1, o.outer_seeds do
    local jobs = jobs_of(given, outer)
    local own = results.items(given.title, given.key, jobs)
    local is_whole, found = parallel.kept(own, given.runs, given.title)
    for i, job in ipairs(jobs) do job.found, by_id[job.id] = found[i], job end
    if not is_whole then
      missing[#missing + 1] = { number = outer, jobs = jobs }
      table.move(own, 1, #own, #items + 1, items)
    end
    all[outer] = jobs
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

--- What `after` found in the jobs, a list of { outer, seed, setting, found }.
local function findings_of(o, jobs)
  local list = {}
  for outer = 1, o.outer_seeds do
    for _, job in ipairs(jobs[outer]) do
      local found = job.found.points[work.found]
      if found then
        list[#list + 1] = { outer = outer, seed = job.index, setting = job.setting.name, found = found }
      end
    end
  end
  return list
end

--- The sides of the report from the finished runs; failures are added to the notes.
local function sides_of(given, jobs, notes)
  local sides = {}
  for i, variant in ipairs(given.variants) do
    local side = { label = variant.label, panel = variant.panel, by_seed = {} }
    for outer = 1, given.options.outer_seeds do
      local seeds = {}
      for _, job in ipairs(jobs[outer]) do
        local found = job.found.points
        local points, failure = found[variant.label], found[work.failed(variant.label)]
        if failure then
          notes[#notes + 1] = ("%s, %s, failed: %s"):format(variant.label, job.setting.name, failure)
        end
        if points then
          points.setting = job.setting.name
          seeds[job.index] = seeds[job.index] or { outer = outer }
          table.insert(seeds[job.index], points)
        end
      end
      table.move(seeds, 1, #seeds, #side.by_seed + 1, side.by_seed)
    end
    sides[i] = side
  end
  return sides
end

--- The names of the runs of all jobs.
local function run_names(o, jobs)
  local names = {}
  for outer = 1, o.outer_seeds do
    for _, job in ipairs(jobs[outer]) do
      for _, variant in ipairs(job.variants) do names[#names + 1] = record.name(job.run, variant) end
    end
  end
  return names
end

local spec = options.spec("experiment.compare", {
  { "title", options.required "string", "title of the report" },
  { "options", options.required "table", "the options, as experiment.parse gives them" },
  { "variants", options.required "table",
    "list of { label =, source = function(stage, run), loss = function(setting), settings =, from = }" },
  { "family", "", "experiments of one family share their runs, whatever their titles" },
  { "claims", options.optional "table|function",
    "claims of align.claims that the report judges, or a function(findings) giving them" },
  { "after", options.optional "function",
    "function(stage, run) giving plain data of a job, whose runs are run.done by label" },
  { "section", options.optional "function", "function(page, sides, findings): adds to the page" },
  { "together", false, "variants run one after the other; run.done[label] is an earlier one, recorded" },
  { "judge", options.optional "function",
    "function(stage) giving the judge of win rates against the start; default: gold, the golden policy" },
  { "stage", options.optional "function", "function(o, outer, losses) giving the stage, such as a world's" },
  { "settings", options.optional "table",
    "settings in place of those of the options: list of { lr =, name = }; each variant then has its loss" },
  { "tolerant", false, "a run that fails ends with its last checkpoint, and the report says so" },
  { "notes", options.optional "table", "sentences for the report" },
})

--- Trains every variant with every setting and seed, and writes the report. Differences are from the first
-- variant.
--
-- Runs are recorded in `out`/runs, see `perilune.run`, and so are the points of each job, as `parallel.map`
-- keeps them. After Ctrl-C, an error in one run or kill -9 the same call goes on from the last checkpoints,
-- and ends with the same report; what is finished is not trained again, so that the report is made anew from
-- the runs alone. Other options, code or data make other runs.
--
-- `source(stage, run)` gives the source of data; `run` has `seed`, `batch`, `loss`, `setting` = { lr, beta,
-- loss, offline, name } and `done`. A variant may also have `check(trained, done)`, called after its
-- training, `settings` of its own, `run`, a name for its runs in place of the label, `shared = true`, where
-- the library makes its source, so that all scripts of the family share the runs, `record = true`, so that
-- its stream can be read later, `checkpoint_every(steps)`, `stage(stage)`, a stage of its own made from that
-- of the repetition, such as one with a larger start, and `panel`, the name of the figure that it is in
-- beside the first variant.
--
-- Gives what evaluate.report gives, and `sides`, `findings` (what `after` gave, by job) and `verdicts`.
-- Errors: an option is missing or unknown; there is no variant, one has no label or source, two have one
-- label, or one is `from` a variant that is not before it; what align.train refuses.
function experiment.compare(given)
  local all = spec:fill(given)
  local o, started = all.options, system.clock()
  local seen = {}
  for i, variant in ipairs(all.variants) do
    if type(variant) ~= "table" or type(variant.label) ~= "string" or type(variant.source) ~= "function" then
      error(("experiment.compare: variant %d needs a text `label` and a function `source`"):format(i), 2)
    elseif seen[variant.label] then
      error(("experiment.compare: variants %d and %d are both called '%s'"):format(
        seen[variant.label], i, variant.label), 2)
    end
    if variant.from and not seen[variant.from] then
      error(("experiment.compare: variant '%s' is from '%s', which is not before it"):format(
        variant.label, variant.from), 2)
    end
    seen[variant.label] = i
  end
  if #all.variants == 0 then error("experiment.compare: no variants", 2) end
  experiment.check(o)
  all.key = results.key(all.title, o)
  local key, of = all.key, all.title
  if all.family ~= "" and not all.stage then
    key, of = results.key(all.family, experiment.shared(o), "family"), all.family
    for _, variant in ipairs(all.variants) do variant.of = not variant.shared and identity.script() or nil end
  end
  all.runs = all.family ~= "" and o.runs or o.out .. "/runs"
  all.record = record.new(all.runs, of, key)
  local notes = table.move(all.notes or {}, 1, #(all.notes or {}), 1, {})
  local ok, jobs = pcall(repetitions, all)
  if not ok then
    if system.exists(all.runs) then
      local kept_in <const> = "finished runs are kept in %s; the same command trains the others\n"
      io.stderr:write(kept_in:format(all.runs))
    end
    if errors.is_refusal(jobs) then system.refused(errors.message(jobs)) end
    error(jobs, 0)
  end
  for outer = 1, o.outer_seeds do
    for _, note in ipairs(jobs[outer][1].found.notes) do
      notes[#notes + 1] = ("Repetition %d: %s"):format(outer, note)
    end
  end
  table.move(stages.notes, 1, #stages.notes, #notes + 1, notes)
  notes[#notes + 1] = record.note(all.runs, of, key, run_names(o, jobs))
  local sides, findings = sides_of(all, jobs, notes), findings_of(o, jobs)
  local list = type(all.claims) == "function" and all.claims(findings) or all.claims
  local verdicts = list and claims.judge(list, sides, findings)
  local made = report {
    title = all.title, sides = sides, out = o.out, notes = notes, verdicts = verdicts,
    section = all.section and function(page) all.section(page, sides, findings) end,
    settings = cli.settings(o, { minutes = ("%.1f"):format((system.clock() - started) / 60) }),
  }
  made.sides, made.findings, made.verdicts = sides, findings, verdicts
  return made
end

return options.strict("align.experiment", experiment)
