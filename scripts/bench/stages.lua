--- What the parts of an experiment cost, and reading a large file: the seconds of each.
--
--     bin/perilune scripts/bench/stages.lua [--what sft,judge] [--task sentiment]
--
-- A line of JSON each: name, seconds of the wall clock, seconds of the processor, which other processes
-- hardly change, and the peak of resident memory so far in MB. Each has the task's own settings, those of
-- `scripts/paper`.
--
--   start        `align.sft`, nothing cached
--   pairs        golden pairs of responses of the start
--   judge        the proxy: a judge that is trained on the pairs
--   golden       the golden policy
--   online, offline   100 steps of IPO, without instruments
--   evaluation   a checkpoint: win rate and KL of 256 prompts
--   json_lines   a file of 100 MB, a record of a prompt and two responses a line
--
-- What needs an earlier part makes it first, from the cache where there is one, outside its own seconds.
-- The line "repetition" adds up the parts above and the runs of both sides with all settings of the sweep.
local perilune = require "perilune"
local align, cli, formats = perilune.align, perilune.cli, perilune.formats
local options, system, tasks = perilune.options, perilune.system, perilune.tasks

local o = cli.parse(arg, options.spec("bench.stages", {
  { "task", "sentiment", "a task without files" },
  { "what", "", "parts, separated by commas; all unless given" },
  { "pairs", 8192, "golden pairs", least = 64, smoke = 64 },
  { "prompts", 256, "prompts of an evaluation", least = 1, smoke = 8 },
  { "steps", 0, "steps of every training; 0 for the task's, 100 of a run", least = 0, smoke = 2 },
  { "megabytes", 100, "size of the file", least = 1, smoke = 1 },
}), "stages.lua: what the parts of an experiment cost")

local peak_mb <const> = dofile((debug.getinfo(1, "S").source:match "^@(.*)/" or ".") .. "/sizes.lua").peak_mb

local took = {}

local function chosen(name)
  return o.what == "" or ("," .. o.what .. ","):find("," .. name .. ",", 1, true)
end

--- The result of `make`, whose seconds are printed where the part was asked for.
local function part(name, make)
  local wall, own = system.clock(), os.clock()
  local result = make()
  wall, took[name] = system.clock() - wall, os.clock() - own
  if chosen(name) then
    print(formats.json_encode { name = name, seconds = wall, processor = took[name], peak_mb = peak_mb() })
    io.stdout:flush()
  end
  return result
end

local task = tasks[o.task] {}
local function steps(own) return o.steps > 0 and o.steps or own end

local start = part("start", function()
  return (align.sft(task, { steps = steps(task.sft.steps), cache = not chosen "start", quiet = true }))
end)
local gold = align.judge.gold(task)

local function draw(split, count, seed)
  return align.sources.sample(start, { task = task, judge = gold, prompts = task:prompts(split, count),
    count = count, seed = seed, quiet = true })
end
local validation = draw("validation", math.min(256, o.pairs), 2)
local pairs_of_gold = part("pairs", function() return draw("train", o.pairs, 1) end)

local proxy = part("judge", function()
  local given = { init = start, data = pairs_of_gold, validation = validation, labels = task.labels,
    eos = task.tokenizer.eos, seed = 1, quiet = true }
  for name, value in pairs(task.preference.options) do given[name] = value end
  if o.steps > 0 then given.steps = o.steps end
  local kinds = { preference = "preference_model", reward = "reward_model" }
  return align.judge[kinds[task.preference.kind]](given)
end)

local prompts = align.sources.prompts(pairs_of_gold)

--- Trains a copy of the start with IPO.
local function trained(source, count, lr, beta)
  return align.train { policy = start:clone(), reference = start, source = source,
    loss = align.loss.ipo { beta = beta }, steps = count, lr = lr, warmup = 0, log_every = count,
    instruments = false, quiet = true }.policy
end

local function online(judge)
  return align.sources.online { task = task, judge = judge, prompts = prompts, seed = 1,
    batch = math.min(32, #prompts) }
end

local golden = part("golden", function()
  return trained(online(gold), steps(task.golden.steps), task.golden.lr, task.golden.beta)
end)

local count <const> = steps(100)
part("online", function() return trained(online(proxy), count, task.runs.lr, task.runs.beta) end)
part("offline", function()
  local source = align.sources.offline(pairs_of_gold, { batch = math.min(32, o.pairs), seed = 1 })
  return trained(source, count, task.runs.lr, task.runs.beta)
end)

local test = task:prompts("train", o.prompts)
local measure = align.evaluate.measure {
  task = task, reference = start, judge = gold, prompts = test, proxy = proxy, seed = 1,
  against = align.evaluate.baseline(golden, { task = task, prompts = test, seed = 1 }),
}
part("evaluation", function() return measure(golden, 1) end)

if chosen "json_lines" then
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  local text = ("It was a glad day \\u00e9 in the garden. "):rep(12)
  local line = formats.json_encode { prompt = text, chosen = text .. "!", rejected = text .. "?" } .. "\n"
  for _ = 1, o.megabytes * 1000000 // #line do file:write(line) end
  file:close()
  part("json_lines", function() return formats.load_json_lines(path) end)
  os.remove(path)
end

if o.what == "" then
  local runs, sweep = task.runs, task.runs.offline
  local checkpoints <const>, settings = 12, #sweep.lr * #sweep.beta
  local sides = runs.steps * (took.online + settings * took.offline) / count
    + (1 + settings) * checkpoints * took.evaluation
  local stage = took.start + took.pairs + took.judge + took.golden + 2 * took.evaluation
  print(formats.json_encode { name = "repetition", processor = stage + sides, stage = stage, runs = sides })
end
