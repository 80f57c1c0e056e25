--- The calibration page of a task: whether the phenomenon can show in it, with figures.
--
-- Tang et al. 2024 (arXiv:2405.08448) see online and offline runs rise and fall with the KL from the start. A
-- task can only show that where there is something to gain, where the proxy is right on the start's responses
-- and wrong on those of a run that follows it, and where both sides pass their own peak. The page says which
-- of these hold. Its seed is of calibration alone: experiments count their seeds from 1.
--
--   local page = tasks.check "summary"
--   print(page.text)
--   tasks.summary({ cost = 0 }):check { steps = 240 }
--
-- The page begins with what the task's help page says of it: what it is an analogue of, where its dynamics
-- come from and what it shows. It has the table of `tasks.costs` too, where gold charges for errors of text,
-- and how often majorities go in a circle, where a task has `cycles()`.
--
-- A task names the settings of its runs in `task.runs`: { beta, lr, steps } of the online run, and `offline`
-- = { beta = {...}, lr = {...}, steps }, all combinations of which are pooled. Offline runs have as many
-- steps as the online run unless they have their own.
--
--   > local tasks = require "perilune.tasks"
--   > tasks.check "sentimnt"
--   unknown task 'sentimnt'; did you mean 'sentiment'?
local best_of = require "perilune.tasks.best_of"
local costs = require "perilune.tasks.costs"
local limits = require "perilune.options.limits"
local options = require "perilune.options"
local placement = require "perilune.align.experiment.placement"
local plain = require "perilune.plain"

local spec = options.spec("tasks.check", {
  { "seed", 901, "seed of the whole pipeline", least = 1 },
  { "steps", 0, "steps of each run; 0 for the task's", least = 0, most = limits.steps, smoke = 6 },
  { "pairs", 8192, "golden pairs", least = 1, most = limits.rows, smoke = 96 },
  { "prompts", 256, "prompts of win rate and KL", least = 2, most = limits.rows, smoke = 16 },
  placement.options,
  { "best_of", 64, "responses of which gold takes the best", least = 2, most = limits.rows, smoke = 4 },
  { "proxy_pairs", 0, "golden pairs that the proxy learns from; 0 for the task's, or all",
    least = 0, most = limits.rows },
  { "judge_steps", 0, "steps of the proxy, at most; 0 for the task's",
    least = 0, most = limits.steps, smoke = 6 },
  { "start_steps", 0, "steps of supervised fine-tuning; 0 for the task's",
    least = 0, most = limits.steps, smoke = 10 },
  { "golden_steps", 0, "steps of the golden policy; 0 for the task's",
    least = 0, most = limits.steps, smoke = 6 },
  { "jobs", 0, "runs at the same time; 0 for one a core", least = 0, most = limits.processes },
  { "runs", "", "folder where the runs are recorded, and found again by the same call; none unless given" },
  { "quiet", false, "the page is not printed" },
})

--- What a page needs of a task, besides a start.
local needed <const> = {
  "runs.beta", "runs.lr", "runs.steps", "runs.offline.beta", "runs.offline.lr", "golden.beta", "golden.lr",
  "golden.steps", "preference.kind", "preference.options",
}

--- The settings that a task lacks, as names with dots.
local function lacking(task)
  local names = table.move(needed, 1, #needed, 1, {})
  if not task.pretrained then names[#names + 1] = "model" end
  for _, name in ipairs(task.pretrained and not task.sft and {} or { "steps", "batch", "lr" }) do
    names[#names + 1] = "sft." .. name
  end
  if (task.preference or {}).kind == "preference" then names[#names + 1] = "labels" end
  local absent = {}
  for _, name in ipairs(names) do
    local value = task
    for part in name:gmatch "[^.]+" do value = type(value) == "table" and value[part] or nil end
    if value == nil then absent[#absent + 1] = name end
  end
  return absent
end

--- The name of the sweep's list that is no list of numbers, and what it is instead; nil where both are.
local function no_list(task)
  for _, name in ipairs { "beta", "lr" } do
    local list = task.runs.offline[name]
    local is_empty = type(list) == "table" and #list == 0
    if is_empty then return name, "an empty one" end
    if type(list) ~= "table" then return name, options.show(list) end
    for _, number in ipairs(list) do
      if type(number) ~= "number" then return name, "one with " .. options.show(number) end
    end
  end
end

--- The runs of the page: online by the proxy, online by gold, and offline with each setting.
local function runs_of(task)
  local how, list = task.runs, {}
  for _, label in ipairs { "online", "online by gold" } do
    list[#list + 1] = { label = label, beta = how.beta, lr = how.lr }
  end
  for _, beta in ipairs(how.offline.beta) do
    for _, lr in ipairs(how.offline.lr) do
      list[#list + 1] = { label = "offline", beta = beta, lr = lr, steps = how.offline.steps }
    end
  end
  return list
end

--- What a run is called: its side and its setting.
local function name_of(run) return ("%s, beta %g, lr %g"):format(run.label, run.beta, run.lr) end

--- The records of the runs of a page: the option `run` of a training by name and steps, and the sentence that
-- names them. Nothing where no folder of runs is given.
local function recorded(task, o, runs)
  if o.runs == "" then return {} end
  local record = require "perilune.align.experiment.record"
  local settings = {
    task = task.name,
    of_task = plain.encode {
      settings = task:settings(), model = task.model, sft = task.sft, golden = task.golden,
      runs = task.runs, preference = task.preference, proxy_pairs = task.proxy_pairs,
    },
  }
  for name, value in pairs(o) do
    if name ~= "runs" and name ~= "quiet" then settings[name] = value end
  end
  local title, names = "calibration of " .. task.name, {}
  local key = require "perilune.align.experiment.results".key(title, settings)
  for i, run in ipairs(runs) do names[i] = name_of(run) end
  return { run = record.new(o.runs, title, key), note = record.note(o.runs, title, key, names) }
end

--- Trains one run and gives its points, the start first.
local function train(stage, o, run, steps, notify)
  local align, batch = require "perilune.align", stage.task.golden.batch or 32
  local source = run.label == "offline"
    and align.sources.offline(stage.golden_pairs, {
      batch = math.min(batch, #stage.golden_pairs), seed = o.seed,
    })
    or align.sources.online {
      task = stage.task, judge = run.label == "online" and stage.proxy or stage.gold, prompts = stage.prompts,
      batch = math.min(batch, #stage.prompts), seed = o.seed,
    }
  local made = stage.options.record
  local trained = align.train {
    run = made and made(name_of(run), steps, { side = run.label, seed = o.seed }),
    policy = stage.start:clone(), reference = stage.start, source = source,
    loss = align.loss.ipo { beta = run.beta }, lr = run.lr, steps = steps,
    warmup = math.min(20, steps // 4), log_every = steps, quiet = true,
    instruments = false, label = run.label, evaluate_every = placement.of(stage, o.checkpoints, steps),
    evaluate = function(policy, step)
      notify(step / steps)
      return stage.measure(policy, step)
    end,
  }
  return { stage.start_point, table.unpack(trained.points) }
end

--- How often preferences go in a circle: on triples of the corpus, and on those of the start's responses,
-- whose pairs are what labels are of. `drawn` are n adjacent responses to each prompt.
local function cycles_of(task, drawn, o)
  local triples, n = {}, o.best_of
  local responses = drawn:responses()
  for first = 1, #drawn, n do
    for a = first, first + n - 3, 3 do
      triples[#triples + 1] = { drawn:prompt(first), responses[a], responses[a + 1], responses[a + 2] }
    end
  end
  local list = { task:cycles(nil, math.min(1000, 4 * o.prompts)) }
  list[1].of = "the corpus"
  if #triples > 0 then
    list[2] = task:cycles(triples)
    list[2].of = "responses of the start"
  end
  return list
end

local function check(task, given)
  local o = spec:fill(given)
  if type(task) == "string" then task = require "perilune.tasks".open(task) end
  if type(task) ~= "table" or type(task.settings) ~= "function" then
    -- A task's own `check` that is called with a dot gets its options, or nothing, for the task.
    local hint = (task == nil or type(task) == "table") and "; call it as task:check()" or ""
    error("tasks.check: expected a task, or its name, not " .. options.show(task) .. hint, 2)
  end
  local absent = lacking(task)
  if #absent > 0 then
    error(("tasks.check: the task '%s' lacks %s"):format(task.name, table.concat(absent, ", ")), 2)
  end
  local name, found_there = no_list(task)
  if name then
    error(("tasks.check: runs.offline.%s of the task '%s' must be a list of numbers, not %s"):format(
      name, task.name, found_there), 2)
  end
  local align, page = require "perilune.align", require "perilune.tasks.check_page"
  local runs = runs_of(task)
  local records = recorded(task, o, runs)
  local stage = align.experiment.stage {
    made = task, task = "sentiment", seed = o.seed, pairs = o.pairs, prompts = o.prompts,
    proxy_pairs = o.proxy_pairs, judge_steps = o.judge_steps, start_steps = o.start_steps,
    golden_steps = o.golden_steps, record = records.run,
  }
  stage.start_point = stage.measure(stage.start, 0)
  local prompts = table.move(stage.test, 1, math.min(64, #stage.test), 1, {})
  local drawn = stage.start:sample(prompts, {
    count = o.best_of, max_new_tokens = task.max_response, stop = task.stop, seed = o.seed,
  })
  local best = best_of(drawn, o.best_of, stage.gold)
  local function against(policy)
    local rows = align.evaluate.baseline(policy, { task = task, prompts = prompts, seed = o.seed })
    return align.evaluate.compare(stage.gold, best, rows)
  end
  local found = {
    task = task, options = o, runs = runs, steps = o.steps > 0 and o.steps or task.runs.steps,
    start = stage.start_point, best_of_start = against(stage.start), best_of_golden = against(stage.golden),
    proxy = align.judge.accuracy(stage.proxy, stage.held_out), notes = stage.notes,
    cycles = task.cycles and cycles_of(task, drawn, o),
    costs = task.cost and costs(task, {
      start = stage.start, seed = o.seed, prompts = #prompts, best_of = o.best_of, quiet = true,
    }),
  }
  local points = require "perilune.parallel".map(found.runs, function(run, notify)
    return train(stage, o, run, o.steps == 0 and run.steps or found.steps, notify)
  end, { jobs = o.jobs, label = "calibration of " .. task.name, quiet = o.quiet })
  for i, run in ipairs(found.runs) do run.points = points[i] end
  found.holds, found.text = page(found)
  if records.note then found.text = found.text .. "\n" .. records.note end
  if not o.quiet then print(found.text) end
  return found
end

--- Makes the page of a task, or of the task of this name; prints it unless `quiet`. Gives `text`, `holds`
-- (which requirement holds, by name), `runs` (each { label, beta, lr, points }), `proxy`, `best_of_start` and
-- `best_of_golden` (figures { mean, se, count }), `costs` (what tasks.costs gives) and `cycles`, a list of
-- what `task:cycles` gives of the corpus and of the start's responses, `of` which it says. Errors: an option
-- is unknown or out of range; the task lacks a setting, such as `runs.lr`, `golden.steps` or `sft.lr`.
--
--   > check "sentimnet"
--   unknown task 'sentimnet'; did you mean 'sentiment'?
--   > check()
--   tasks.check: expected a task, or its name, not nil; call it as task:check()
return check
