--- How long does it take to add the gradients of all processes? Seconds by the number of parameters.
--
--   mpirun -n 2 bin/perilune --threads=1 scripts/bench/exchange.lua
--
-- The gradients of 8 shards are added in the fixed tree and exchanged, as in a training step with
-- `shards = 8`. Medians over rounds of the slowest process, for which a step waits.
local perilune = require "perilune"
local mpi, optim, system, T = perilune.mpi, perilune.optim, perilune.system, perilune.tensor
local folder = debug.getinfo(1, "S").source:match "^@(.*)/" or "."
local sizes = dofile(folder .. "/sizes.lua")

local o = perilune.cli.parse(arg, perilune.options.spec("exchange", {
  { "parameters", "100000,1000000,10000000", "numbers of parameters, separated by commas", counts = true },
  { "rounds", 7, "timed sums of each", least = 1 },
}), "exchange.lua: the time of a sum over processes")

for _, count in ipairs(perilune.cli.counts("parameters", o.parameters)) do
  local w = T.zeros({ count }, { requires_grad = true })
  local optimizer, times = optim.sgd { w }, {}
  for round = 1, o.rounds do
    local sum = mpi.shard_sum(optimizer, 8)
    local first, last = sum:own()
    for shard = first, last do
      optimizer:zero_grad()
      local loss = (w * shard):sum()
      loss:backward()
      sum:add(shard)
    end
    mpi.all_gather ""
    local begun = system.clock()
    sum:finish()
    local slowest = 0
    for _, text in ipairs(mpi.all_gather(tostring(system.clock() - begun))) do
      slowest = math.max(slowest, tonumber(text))
    end
    times[round] = slowest
  end
  if mpi.rank() == mpi.size() - 1 then
    print(("processes %d, parameters %d: %.3f ms"):format(mpi.size(), count, 1e3 * sizes.median(times)))
  end
end
