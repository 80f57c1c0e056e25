--- One process of the row "ranks": the last process prints seconds of a training step in shards.
--
-- scripts/bench/ranks starts it alone and in pairs, one thread a process. The job is that of job.lua on the
-- embedded task with a model of the case: 32 pairs a step, offline or online.
local perilune = require "perilune"
local align, mpi, system = perilune.align, perilune.mpi, perilune.system
local folder = debug.getinfo(1, "S").source:match "^@(.*)/" or "."
local sizes = dofile(folder .. "/sizes.lua")

local o = perilune.cli.parse(arg, perilune.options.spec("ranks", {
  { "case", "tiny", "size of the model", choices = { "tiny", "small" } },
  { "shards", 8, "shards of a step", least = 1 },
  { "steps", 8, "timed steps", least = 1 },
  { "online", false, "fresh responses, in place of fixed pairs" },
}), "ranks.lua: the time of a step in shards")

local case, task = sizes.cases[o.case], perilune.tasks.sentiment()
local reference = perilune.models.transformer {
  vocab = task.tokenizer.vocab_size, layers = case.layers, dim = case.dim, heads = case.heads, seed = 1,
  max_length = case.length,
}
local sampling = {
  task = task, judge = align.judge.gold(task), prompts = task:prompts("train", 512), seed = 1,
  max_new_tokens = 32,
}
local source = align.sources.online(sampling)
if not o.online then
  sampling.count, sampling.quiet = 512, true
  source = align.sources.offline(align.sources.sample(reference, sampling), { batch = 32, seed = 1 })
end
local run = align.train {
  policy = reference:clone(), reference = reference, source = source, loss = align.loss.ipo { beta = 0.1 },
  steps = 2, lr = 3e-4, quiet = true, shards = o.shards, instruments = false,
}
local times = {}
for step = 3, 2 + o.steps do
  local begun = system.clock()
  run:resume(step)
  times[#times + 1] = system.clock() - begun
end
if mpi.rank() == mpi.size() - 1 then print(("%.6f"):format(sizes.median(times))) end
