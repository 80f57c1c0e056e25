--- One job of scripts/bench/ranks.lua, a process of it or the only one: waits for turns, as in sizes.lua.
--
-- The job is that of job.lua on the embedded task with a model of the case: 32 pairs a step, offline or
-- online. The first process reads the number of steps of a turn from standard input and prints milliseconds
-- of a step: the time, the processor time of all processes, and what they spent in exchanges.
local perilune = require "perilune"
local align, formats, mpi, system = perilune.align, perilune.formats, perilune.mpi, perilune.system
local folder = debug.getinfo(1, "S").source:match "^@(.*)/" or "."
local sizes = dofile(folder .. "/sizes.lua")

local o = perilune.cli.parse(arg, perilune.options.spec("rank", {
  { "case", "tiny", "size of the model", choices = { "tiny", "small" } },
  { "shards", 8, "shards of a step", least = 1 },
  { "online", false, "fresh responses, in place of fixed pairs" },
}), "rank.lua: a job of scripts/bench/ranks")

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
  local written = align.sources.sample(reference, sampling)
  source = sizes.without_store(align.sources.offline(written, { batch = 32, seed = 1 }))
end
local run = align.train {
  policy = reference:clone(), reference = reference, source = source, loss = align.loss.ipo { beta = 0.1 },
  steps = 2, lr = 3e-4, quiet = true, shards = o.shards, instruments = false,
}

local is_first = mpi.rank() == 0
if is_first then
  print '{"ready": true}'
  io.flush()
end
while true do
  local steps = tonumber(mpi.all_gather(is_first and io.read "l" or "")[1])
  if not steps then break end
  local begun, processor, waited = system.clock(), os.clock(), mpi.waited()
  for _ = 1, steps do run:resume(run.step + 1) end
  local seconds, own = system.clock() - begun, { os.clock() - processor, mpi.waited() - waited }
  local all = { 0, 0 }
  for _, text in ipairs(mpi.all_gather(("%.9f %.9f"):format(own[1], own[2]))) do
    local work, wait = text:match "(%S+) (%S+)"
    all[1], all[2] = all[1] + tonumber(work), all[2] + tonumber(wait)
  end
  if is_first then
    print(formats.json_encode {
      ms = 1e3 * seconds / steps, processor_ms = 1e3 * all[1] / steps, waited_ms = 1e3 * all[2] / steps,
    })
    io.flush()
  end
end
