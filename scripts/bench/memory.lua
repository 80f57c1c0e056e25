--- Memory and time of training a real model on pairs: each way to train in a process of its own.
--
--     bin/perilune scripts/bench/memory.lua --model MODEL [--pairs 8] [--length 256] [--ways lora,full]
--
-- A step is one of align.train with DPO on `pairs` pairs of `length` random tokens, a quarter of them the
-- prompt, and a frozen reference: the base under adapters of rank 16 in all linear maps, or a copy of the
-- model. Memory is the peak of what is resident, loading included; seconds are of the fastest step.
local perilune = require "perilune"
local cli = require "perilune.cli"
local align, models, system, tensor = perilune.align, perilune.models, perilune.system, perilune.tensor

--- The ways to train: whether only adapters do, and what of align.train's options differs.
local ways <const> = {
  { name = "lora", lora = true, options = {} },
  { name = "lora-checkpointing", lora = true, options = { gradient_checkpointing = true } },
  { name = "full", options = {} },
  { name = "full-checkpointing", options = { gradient_checkpointing = true } },
  { name = "full-checkpointing-bf16", options = { gradient_checkpointing = true, moments = "bf16" } },
}

local o = cli.parse(arg, perilune.options.spec("bench.memory", {
  { "model", perilune.options.required "string", "what models.load reads" },
  { "pairs", 8, "pairs of a step", least = 1, smoke = 2 },
  { "length", 256, "tokens of a sequence", least = 4, smoke = 8 },
  { "steps", 3, "steps of each way; the first warms up", least = 2, smoke = 2 },
  { "ways", "all", "names of ways, with commas between" },
  { "here", false, "measure the one way in this process" },
}), "memory.lua: peak memory and seconds a step of training a real model on pairs")

--- `o.length` random tokens for each of `count` sequences, cut after `first`.
local function random_tokens(count, first, vocab, name)
  local heads, tails = {}, {}
  for i = 1, count do
    heads[i], tails[i] = {}, {}
    for k = 1, o.length do
      local id = math.floor(system.uniform(1, name, i * o.length + k) * vocab)
      if k <= first then heads[i][k] = id else tails[i][k - first] = id end
    end
  end
  return heads, tails
end

--- Random pairs; those of all steps are the same, as the time and the memory are.
local function source_of(vocab)
  local first, pairs_of_step = math.max(1, o.length // 4), {}
  local prompts, chosen = random_tokens(o.pairs, first, vocab, "bench/chosen")
  local _, rejected = random_tokens(o.pairs, first, vocab, "bench/rejected")
  for i = 1, o.pairs do
    pairs_of_step[i] = { prompt = prompts[i], chosen = chosen[i], rejected = rejected[i] }
  end
  return { name = "random pairs", batch = function() return pairs_of_step end }
end

local peak_mb <const> = dofile((debug.getinfo(1, "S").source:match "^@(.*)/" or ".") .. "/sizes.lua").peak_mb

--- Trains in one way; prints the seconds of the fastest step and the peak of memory in MB.
local function measure(way)
  local reference = models.load(o.model)
  local policy = way.lora and reference:lora { r = 16, targets = "all-linear" } or reference:clone()
  local best, last = math.huge, nil
  local given = {
    policy = policy, reference = reference, loss = align.loss.dpo {}, steps = o.steps, lr = 1e-5,
    quiet = true, source = source_of(policy:config().vocab), instruments = false, evaluate_every = 1,
    evaluate = function()
      if last then best = math.min(best, system.clock() - last) end
      last = system.clock()
      return {}
    end,
  }
  for name, value in pairs(way.options) do given[name] = value end
  align.train(given)
  print(("%.2f %d %d"):format(best, peak_mb(), tensor.memory().peak // 1000000))
end

local wanted, found = "," .. o.ways .. ",", 0
for _, way in ipairs(ways) do
  if o.ways == "all" or wanted:find("," .. way.name .. ",", 1, true) then
    found = found + 1
    if o.here then
      measure(way)
    else
      local arguments = ("--model '%s' --pairs %d --length %d --steps %d --ways %s --here"):format(
        o.model:gsub("'", "'\\''"), o.pairs, o.length, o.steps, way.name)
      local program = require "perilune.system".program()
      local process <close> = assert(io.popen(("'%s' '%s' %s"):format(program, arg[0], arguments)))
      local seconds, resident, tensors = process:read("n", "n", "n")
      if not seconds then cli.refuse("%s failed", way.name) end
      print(("%-24s %6.1f s a step   %5d MB resident   %5d MB in tensors"):format(
        way.name, seconds, resident, tensors))
    end
  end
end
if found == 0 then cli.refuse("--ways has no way '%s'", o.ways) end
