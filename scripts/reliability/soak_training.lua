--- What the soak trains.
--
-- Round after round in one process: a recorded run with checkpoints, and an online run that is saved, read
-- back and resumed.
--
--     bin/perilune scripts/reliability/soak_training.lua FOLDER SECONDS REST
--
-- Rests REST times as long as each round took. A line for each round: its number and the steps so far.
local root = arg[0]:match "^(.*)/scripts/" or "."
package.path = root .. "/Tests/lua/?.lua;" .. package.path
local perilune = require "perilune"
local toy = require "toy"
local align, optim, run, system = perilune.align, perilune.optim, perilune.run, perilune.system

local folder, seconds, rest = arg[1], tonumber(arg[2]), tonumber(arg[3])
local reference = toy.model(5)

local function recorded(round)
  local model = toy.model(round)
  local rows = perilune.models.rows({ { 2, 3 }, { 4, 5 } }, { { 7, 7, 1 }, { 7, 1 } })
  local adam = optim.adamw(model, { lr = 0.01 })
  local job = run.open {
    name = "recorded", folder = folder, config = { round = round }, checkpoint_every = 5,
    state = { model = model, adam = adam },
  }
  for step in job:steps(20) do
    adam:zero_grad()
    local loss = -model:logps(rows):mean()
    loss:backward()
    adam:step()
    job:log { loss = loss:item() }
    if step % 10 == 0 then job:event("evaluated", tostring(step)) end
  end
  assert(#run.runs { folder = folder, round = round } == 1)
  assert(#run.read(job.id, folder):curve "loss" == 20)
  run.remove(job.id, folder)
  return 20
end

local function online(round)
  local sampling = toy.sampling { batch = 8, seed = round }
  local function source() return align.sources.online(sampling) end
  local loss = align.loss.ipo { beta = 0.1 }
  local trained = align.train {
    policy = reference:clone(), reference = reference, source = source(), loss = loss, steps = 6, lr = 1e-2,
    quiet = true,
  }
  trained:save(folder .. "/saved")
  local again = align.runs.load(folder .. "/saved",
    { source = source(), loss = loss, reference = reference, quiet = true })
  again:resume(8)
  return 8
end

local start, steps, round = system.clock(), 0, 0
repeat
  local from = system.clock()
  round = round + 1
  steps = steps + recorded(round) + online(round)
  collectgarbage()
  print(round, steps)
  io.stdout:flush()
  local pause = (system.clock() - from) * rest
  if pause > 0 then os.execute(("sleep %.3f"):format(pause)) end
until system.clock() - start > seconds
