--- The run that the parts of scripts/reliability kill, cut and starve.
--
--     bin/perilune scripts/reliability/job.lua KIND FOLDER STEPS EVERY
--
-- KIND is
--
--   own                           a loop of a user's own on perilune.run
--   offline, online, refreshed    align.train with `run`, DPO on pairs
--   groups                        align.train with `run`, GRPO on groups of responses
--   sft                           align.sft with `run`
--   in_place                      a state that is written where it is: the control
--   writer-N                      one of many runs of a folder: figures of sin(step)
--   holder                        a run that is held until the process is killed
--
-- FOLDER is an absolute path; the run is FOLDER/runs/KIND. A run that is there goes on. Prints "from N", the
-- step of the checkpoint that it began with, and at the end the hash of the parameters. A name mark-N is
-- removed once the checkpoint of step N is promised, for the log of faults.c.
package.path = (arg[0]:match "^(.*)/scripts/" or ".") .. "/Tests/lua/?.lua;" .. package.path
local perilune = require "perilune"
local toy = require "toy"
local align, models, optim = perilune.align, perilune.models, perilune.optim
local run, system = perilune.run, perilune.system

local kind, folder, steps, every = arg[1], arg[2], math.tointeger(arg[3]), math.tointeger(arg[4])

local rows = models.rows({ { 2, 3 }, { 4, 5 } }, { { 7, 7, 1 }, { 7, 1 } })

local function promise(what) os.remove(("%s/mark-%s"):format(folder, what)) end

local function take_step(model, adam)
  adam:zero_grad()
  local loss = -model:logps(rows):mean()
  loss:backward()
  adam:step()
  return loss:item()
end

local kinds = {}

local reference, listed = toy.model(1), {}
for i = 1, 10 do
  listed[i] = { prompt = toy.prompts[i], chosen = { 7, 2 + i % 9, 1 }, rejected = { 3, 2 + i % 7, 1 } }
end

local function online(more)
  return align.sources.online(toy.sampling(toy.with({ batch = 4, seed = 3 }, more)))
end

local sources = {
  offline = function() return align.sources.offline(listed, { batch = 4, seed = 3 }) end,
  online = online,
  refreshed = function() return online { refresh = 3, lag = 2 } end,
  groups = function()
    local function sevens(_, response) return toy.sevens(response) end
    return align.sources.groups {
      prompts = toy.prompts, reward = sevens, max_new_tokens = 6, stop = { 1 }, batch = 2, responses = 4,
      seed = 3,
    }
  end,
}

local function trained()
  local is_first = true
  local done = align.train {
    policy = reference:clone(), reference = reference, source = sources[kind](), steps = steps, lr = 1e-2,
    loss = kind == "groups" and align.loss.grpo {} or align.loss.dpo { beta = 0.1 },
    quiet = true, evaluate_every = 1,
    evaluate = function(policy, step, of)
      if is_first then print("from", step - 1) end
      is_first = false
      if of.job.saved_step then promise(of.job.saved_step) end
      return { hash = policy:hash(), share = step / steps }
    end,
    run = { name = kind, folder = folder .. "/runs", resume = "allow", checkpoint_every = every },
  }
  promise(steps)
  print("hash", done.policy:hash())
end

function kinds.own()
  local model, notes = toy.model(1), { seen = 0 }
  local adam = optim.adamw(model, { lr = 0.01 })
  local job = run.open {
    name = "own", folder = folder .. "/runs", config = { lr = 0.01 }, resume = "allow",
    checkpoint_every = every, state = { model = model, adam = adam, notes = notes },
  }
  promise "made"
  local is_first = true
  for step in job:steps(steps) do
    if is_first then print("from", step - 1) end
    is_first = false
    if job.saved_step then promise(job.saved_step) end
    local loss = take_step(model, adam)
    notes.seen = notes.seen + step
    job:log { loss = loss, seen = notes.seen }
    if step % 3 == 0 then job:event("evaluated", "at " .. step) end
  end
  promise(steps)
  print("hash", model:hash())
end

function kinds.sft()
  local model = align.sft(perilune.tasks.open "sentiment", {
    model = { dim = 8, layers = 1, heads = 2 }, steps = steps, batch = 4, cache = false, quiet = true,
    run = { name = "sft", folder = folder .. "/runs", resume = "allow", checkpoint_every = every },
  })
  promise(steps)
  print("hash", model:hash())
end

--- The state with its SHA-256 before it, written over the old one.
function kinds.in_place()
  local path = folder .. "/state"
  for step = 1, steps do
    local text = ("%d "):format(step):rep(20000)
    local file <close> = assert(io.open(path, "wb"))
    file:write(system.sha256(text), text)
    file:close()
    promise(step)
  end
end

local function writer()
  local number = math.tointeger(kind:match "%d+")
  local job = run.open {
    name = kind, folder = folder .. "/runs", config = { number = number }, checkpoint_every = every,
    state = { notes = {} },
  }
  for step in job:steps(steps) do
    job:log { wave = math.sin(step), number = number }
    os.execute "sleep 0.01"
  end
end

function kinds.holder()
  local job = run.open { name = "own", folder = folder .. "/runs", config = { lr = 0.01 }, resume = "allow" }
  system.write_file(folder .. "/held", job.id)
  os.execute "sleep 600"
end

for name in pairs(sources) do kinds[name] = trained end

(kinds[kind] or writer)()
