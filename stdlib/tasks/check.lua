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
-- A task names the settings of its runs in `task.runs`: { beta, lr, steps } of the online run, and `offline`
-- = { beta = {...}, lr = {...}, steps }, all combinations of which are pooled. Offline runs have as many
-- steps as the online run unless they have their own.
--
--   > local tasks = require "perilune.tasks"
--   > tasks.check "sentimnt"
--   unknown task 'sentimnt'; did you mean 'sentiment'?
local options = require "perilune.options"
local placement = require "perilune.align.experiment.placement"
local plain = require "perilune.plain"

local spec = options.spec("tasks.check", {
  { "seed", 901, "seed of the whole pipeline", least = 1 },
  { "steps", 0, "steps of each run; 0 for the task's", least = 0, smoke = 6 },
  { "pairs", 8192, "golden pairs", least = 1, smoke = 96 },
  { "prompts", 256, "prompts of win rate and KL", least = 2, smoke = 16 },
  placement.options,
  { "best_of", 64, "responses of which gold takes the best", least = 2, smoke = 4 },
  { "proxy_pairs", 0, "golden pairs that the proxy learns from; 0 for the task's, or all", least = 0 },
  { "judge_steps", 0, "steps of the proxy, at most; 0 for the task's", least = 0, smoke = 6 },
  { "start_steps", 0, "steps of supervised fine-tuning; 0 for the task's", least = 0, smoke = 10 },
  { "golden_steps", 0, "steps of the golden policy; 0 for the task's", least = 0, smoke = 6 },
  { "jobs", 0, "runs at the same time; 0 for one a core", least = 0 },
  { "runs", "", "folder where the runs are recorded, and found again by the same call; none unless given" },
  { "quiet", false, "the page is not printed" },
})

--- The best of n responses of the start to each prompt, by gold: by its scores, or by a knock-out where it
-- has none.
local function best_of(stage, n, prompts)
  local models = require "perilune.models"
  local drawn = stage.start:sample(prompts, {
    count = n, max_new_tokens = stage.task.max_response, stop = stage.task.stop, seed = stage.options.seed,
  }):responses()
  local best, scores = {}, {}
  for k = 1, n do
    local these = {}
    for i = 1, #prompts do these[i] = drawn[(i - 1) * n + k] end
    local rows = models.rows(prompts, these)
    local new = stage.gold.score and stage.gold:score(rows)
    local wins = k > 1 and not new and stage.gold:prefer(rows, models.rows(prompts, best))
    for i = 1, #prompts do
      if k == 1 or new and new[i] > scores[i] or wins and wins[i] == 1 then
        best[i], scores[i] = these[i], new and new[i]
      end
    end
  end
  return models.rows(prompts, best)
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
    task = task.name, cost = task.cost, of_task = plain.encode { task.model, task.golden, task.runs },
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
  local align = require "perilune.align"
  local source = run.label == "offline"
    and align.sources.offline(stage.golden_pairs, { batch = 32, seed = o.seed })
    or align.sources.online {
      task = stage.task, judge = run.label == "online" and stage.proxy or stage.gold, prompts = stage.prompts,
      seed = o.seed,
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

local function check(task, given)
  local o = spec:fill(given)
  if type(task) == "string" then task = require "perilune.tasks".open(task) end
  if type(task) ~= "table" or not task.runs then
    local what <const> = "tasks.check: expected a task with settings of its runs, or its name, not "
    error(what .. options.show(task), 2)
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
  local best = best_of(stage, o.best_of, prompts)
  local function against(policy)
    local rows = align.evaluate.baseline(policy, { task = task, prompts = prompts, seed = o.seed })
    return align.evaluate.compare(stage.gold, best, rows)
  end
  local found = {
    task = task, options = o, runs = runs, steps = o.steps > 0 and o.steps or task.runs.steps,
    start = stage.start_point, best_of_start = against(stage.start), best_of_golden = against(stage.golden),
    proxy = align.judge.accuracy(stage.proxy, stage.held_out), notes = stage.notes,
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
-- `best_of_golden` (figures { mean, se, count }). Errors: an option is unknown or out of range; the task has
-- no settings of its runs.
--
--   > check "sentimnet"
--   unknown task 'sentimnet'; did you mean 'sentiment'?
return check
