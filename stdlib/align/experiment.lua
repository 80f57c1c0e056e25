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
local errors = require "perilune.errors"
local attempt = require "perilune.attempt"
local identity = require "perilune.run.identity"
local jobs = require "perilune.align.experiment.jobs"
local opened = require "perilune.align.experiment.opened"
local limits = require "perilune.options.limits"
local options = require "perilune.options"
local record = require "perilune.align.experiment.record"
local placement = require "perilune.align.experiment.placement"
local report = require "perilune.align.evaluate.report"
local results = require "perilune.align.experiment.results"
local settings = require "perilune.align.experiment.settings"
local sides = require "perilune.align.experiment.sides"
local stages = require "perilune.align.experiment.stage"
local system = require "perilune.system"

local experiment = { stage = stages.stage }

--- Options of every experiment script. `experiment.parse` adds those of a script, which may change a default.
experiment.options = options.spec("align.experiment", {
  stages.options,
  { "loss", "ipo", "a loss of align.loss; --loss.beta 0.2 and the like are its own options",
    options_of = function(name) return settings.loss(name).spec end },
  { "lr", "3e-4", "learning rates, separated by commas; a side pools all rates and betas" },
  { "beta", "", "strengths of the regularisation, separated by commas; unless given the loss's own, "
    .. "and 0.05 for ipo" },
  { "steps", 480, "optimiser steps of each run", least = 1, most = limits.steps, smoke = 6 },
  placement.options,
  { "seeds", 1, "runs of each setting in each repetition", least = 1, most = limits.repetitions },
  { "outer_seeds", 3, "repetitions of the whole pipeline: start, golden pairs, proxy, golden policy",
    least = 1, most = limits.repetitions, smoke = 1, pretrained = 1 },
  { "instruments", "default",
    "what runs measure besides win rate and KL; all: also regret, the cosine of online and offline gradients",
    choices = { "none", "default", "all" }, smoke = "all", pretrained = "none" },
  { "jobs", 0, "runs at the same time; 0 for one a core", least = 0, most = limits.processes },
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

--- The options of a script from its command line, and their spec. A file as `--data` without `--task` is one
-- of preference pairs (`tasks.from_pairs`). `more` lists entries of its own, or entries of
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
--   > experiment.check {}
--   experiment.check: option 'proxy' is missing; expected all options, as experiment.parse gives them
--   > experiment.parse {}
--   experiment.parse: expected the list of arguments and a text about the script, not a table and nil
--   > experiment.stage { batches = 1 }
--   experiment.stage: unknown option 'batches'; did you mean 'batch'?
function experiment.parse(arguments, about, more, without)
  if type(arguments) ~= "table" or type(about) ~= "string" then
    error(("experiment.parse: expected the list of arguments and a text about the script, not %s and %s")
      :format(options.show(arguments), options.show(about)), 2)
  end
  local name, shared, left_out = about:match "^[%w_.]+" or "experiment", {}, {}
  for _, one in ipairs(without or {}) do left_out[one] = true end
  for _, one in ipairs(experiment.options:names()) do
    if not left_out[one] then shared[#shared + 1] = one end
  end
  local spec = options.spec(name, { experiment.options:only(shared), table.unpack(more or {}) })
  local o = cli.parse(spec.by_name.data and completed(arguments) or arguments, spec, about)
  cli.checked(experiment.check, o)
  cli.checked(opened.check_data, o)
  return o, spec
end

--- Refuses options that would fail only after the stage is made: an unknown loss, proxy or task, checkpoints
-- that are no steps, a batch larger than the golden pairs, a repetition beyond the last one.
function experiment.check(o)
  local has = type(o) == "table" and o or {}
  if has.loss then settings.list(o) end
  if has.checkpoints then placement.count(o.checkpoints, o.steps) end
  stages.check(o)
  if o.batch > o.pairs then error(
    ("a batch of %d is larger than all %d golden pairs"):format(o.batch, o.pairs), 0) end
  experiment.repetitions(o)
end

--- The first and the last repetition that a call trains: all, or that of the option `repetition`. Errors:
-- there is no such repetition.
--
--   > local experiment = require "perilune.align.experiment"
--   > experiment.repetitions { outer_seeds = 5 }
--   1	5
--   > experiment.repetitions { outer_seeds = 5, repetition = 6 }
--   --repetition 6: there are 5 (--outer-seeds)
function experiment.repetitions(o)
  local one = o.repetition or 0
  if one == 0 then return 1, o.outer_seeds end
  if one > o.outer_seeds then
    error(("--repetition %d: there are %d (--outer-seeds)"):format(one, o.outer_seeds), 0)
  end
  return one, one
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
  { "folder", options.optional "function",
    "function() giving the folder of the report, when all runs are there; unless given the option `out`" },
  { "tolerant", false, "a run that fails ends with its last checkpoint, and the report says so" },
  { "notes", options.optional "table", "sentences for the report" },
})

--- Refuses variants that cannot be told apart or trained.
local function check_variants(variants)
  local seen = {}
  for i, variant in ipairs(variants) do
    if type(variant) ~= "table" or type(variant.label) ~= "string" or type(variant.source) ~= "function" then
      error(("experiment.compare: variant %d needs a text `label` and a function `source`"):format(i), 3)
    elseif seen[variant.label] then
      error(("experiment.compare: variants %d and %d are both called '%s'"):format(
        seen[variant.label], i, variant.label), 3)
    end
    if variant.from and not seen[variant.from] then
      error(("experiment.compare: variant '%s' is from '%s', which is not before it"):format(
        variant.label, variant.from), 3)
    end
    seen[variant.label] = i
  end
  if #variants == 0 then error("experiment.compare: no variants", 3) end
end

--- Refuses claims about sides that are not there, and a function that gives no list of them. One that reads
-- the findings may fail without them: then its claims are checked when they are judged.
local function check_claims(all)
  local ok, list = true, all.claims
  if type(list) == "function" then ok, list = attempt.call(list, {}) end
  if not ok or all.claims == nil then return end
  if type(list) ~= "table" then
    error(("experiment.compare: the function `claims` gave %s, expected a list of claims"):format(
      options.show(list)), 3)
  end
  local labels = {}
  for i, variant in ipairs(all.variants) do labels[i] = variant.label end
  claims.check(list, labels)
end

--- What the runs of a script's own sources are told apart by: the script and its own options, which a source
-- may read.
local function script_of(o)
  local script, own = identity.script(), results.own(o, experiment.options.by_name)
  return own == "" and script or system.sha256(script .. "\n" .. own)
end

-- The error of failed runs, a line each, without a traceback of this process.
local Failed = { __name = "experiment.Failed" }
Failed.__index = Failed

function Failed:__tostring() return self.message end

--- Says where finished runs are kept, and raises the error of a run.
local function stop(all, problem)
  if system.exists(all.runs) then
    local kept_in <const> = "finished runs are kept in %s; the same command trains the others\n"
    io.stderr:write(kept_in:format(all.runs))
  end
  if errors.is_refusal(problem) then system.refused(errors.message(problem)) end
  local lines = type(problem) == "string" and problem:match "parallel%.map: (item %d+: .*)$"
  if lines then
    lines = ("\n" .. lines):gsub("\nitem %d+: ", "\n"):sub(2)
    error(setmetatable({ message = lines }, Failed), 0)
  end
  error(problem, 0)
end

--- The notes of a report: those given, and those of the stages.
local function notes_of(all, done)
  local notes = table.move(all.notes or {}, 1, #(all.notes or {}), 1, {})
  for outer = 1, #done do
    for _, note in ipairs(done[outer][1].found.notes) do
      notes[#notes + 1] = ("Repetition %d: %s"):format(outer, note)
    end
  end
  return table.move(stages.notes, 1, #stages.notes, #notes + 1, notes)
end

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
-- the library makes its source, so that all scripts of the family share the runs (those of other variants
-- are told apart by the script, the modules it has loaded, and its own options), `record = true`, so that its
-- stream can be read later, `checkpoint_every(steps)`, `stage(stage)`, a stage of its own made from that
-- of the repetition, such as one with a larger start, and `panel`, the name of the figure that it is in
-- beside the first variant.
--
-- Gives what evaluate.report gives, and `sides`, `findings` (what `after` gave, by job) and `verdicts`. With
-- `options.repetition` only that repetition is trained, for an array of jobs; without a report it gives nil.
--
-- Errors: an option is missing or unknown; there is no variant, one has no label or source, two have one
-- label, or one is `from` a variant that is not before it; a claim names a side that is not there, or
-- `claims` gives no list; there is no such repetition; what align.train refuses.
function experiment.compare(given)
  local all = spec:fill(given)
  local o, started = all.options, system.clock()
  check_variants(all.variants)
  check_claims(all)
  experiment.check(o)
  local first, last = experiment.repetitions(o)
  all.key = results.key(all.title, o)
  local key, of = all.key, all.title
  if all.family ~= "" and not all.stage then
    key, of = results.key(all.family, experiment.shared(o), "family"), all.family
    local script = script_of(o)
    for _, variant in ipairs(all.variants) do variant.of = not variant.shared and script or nil end
  end
  all.runs = all.family ~= "" and o.runs or o.out .. "/runs"
  all.record = record.new(all.runs, of, key)
  local ok, done = pcall(jobs.done, all, first, last)
  if not ok then stop(all, done) end
  if (o.repetition or 0) > 0 then
    local text <const> = "%s: repetition %d of %d is trained; "
      .. "the same call without --repetition makes the report\n"
    io.write(text:format(all.title, first, o.outer_seeds))
    return nil
  end
  local notes = notes_of(all, done)
  notes[#notes + 1] = record.note(all.runs, of, key, sides.run_names(done))
  local list, findings = sides.of(all.variants, done, notes), sides.findings(done)
  local to_judge = type(all.claims) == "function" and all.claims(findings) or all.claims
  local verdicts = to_judge and claims.judge(to_judge, list, findings)
  local out = all.folder and all.folder() or o.out
  local made = report {
    title = all.title, sides = list, out = out, notes = notes, verdicts = verdicts,
    section = all.section and function(page) all.section(page, list, findings) end,
    settings = cli.settings(o, { minutes = ("%.1f"):format((system.clock() - started) / 60) }),
  }
  made.sides, made.findings, made.verdicts = list, findings, verdicts
  return made
end

return options.strict("align.experiment", experiment)
