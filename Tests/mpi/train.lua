-- One process of a sharded job: trains on the toy task and prints hashes of parameters and figures.
-- Arguments: the kind of run, and how many shards.
local align = require("perilune").align
local mpi = require "perilune.mpi"
local plain = require "perilune.plain"
local system = require "perilune.system"
local toy = require "toy"

local kind, shards = arg[1], math.tointeger(arg[2])
local reference = toy.model(5)

local function offline()
  local pairs = align.sources.sample(reference, toy.sampling { count = 40, seed = 9, quiet = true })
  return align.sources.offline(pairs, { batch = 16, seed = 3 })
end

local sources = {
  offline = offline,
  online = function() return align.sources.online(toy.sampling { batch = 16, seed = 3 }) end,
  groups = function()
    return align.sources.groups {
      prompts = toy.prompts, max_new_tokens = 6, stop = { 1 }, batch = 16, responses = 2, seed = 3,
      reward = function(_, response) return toy.sevens(response) end,
    }
  end,
}

if kind == "sft" then
  local task = require("perilune").tasks.open("sentiment", {}, true)
  local model, done = align.sft(task, { steps = 4, batch = 16, shards = shards, cache = false, quiet = true })
  if mpi.rank() == mpi.size() - 1 then print(model:hash():sub(1, 16), ("%.17g"):format(done.loss)) end
  return
end

local run = align.train {
  policy = reference:clone(), reference = reference, source = sources[kind](), shards = shards, steps = 6,
  loss = kind == "groups" and align.loss.grpo {} or align.loss.ipo { beta = 0.1 }, lr = 1e-2, quiet = true,
  evaluate_every = 3,
  evaluate = function(policy)
    return { kl = align.evaluate.kl(policy, reference,
      { prompts = toy.prompts, max_new_tokens = 6, stop = { 1 } }).mean }
  end,
}
if mpi.rank() == mpi.size() - 1 then
  local figures = plain.encode { log = run.log, points = run.points, ledger = run.ledger:list() }
  print(run.policy:hash():sub(1, 16), system.sha256(figures):sub(1, 16))
end
