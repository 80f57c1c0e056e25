--- How does a training step grow with batch, length, width and vocabulary?
--
--   perilune scripts/bench/growth.lua --seconds 1
--
-- Each is doubled several times around tiny's. Prints a JSON line for each shape and round: the axis, its
-- size, milliseconds of the median step, and the arithmetic of the step in GFLOP. Rounds go over all shapes,
-- so that a slow minute is not one axis alone. A width has heads of 32.
local folder = debug.getinfo(1, "S").source:match "^@(.*)/" or "."
local sizes = dofile(folder .. "/sizes.lua")
local perilune = require "perilune"
local models, optim, system = perilune.models, perilune.optim, perilune.system

local o = perilune.cli.parse(arg, perilune.options.spec("bench.growth", {
  { "seconds", 1.0, "time of each shape; three steps at least", least = 0, smoke = 0 },
  { "rounds", 3, "how often every shape has its turn", least = 1 },
  { "threads", 2, "cores", least = 1 },
}), "growth.lua: step time against the arithmetic")
system.threads(o.threads)

local axes = {
  { "batch", { 8, 16, 32, 64, 128 } }, { "length", { 16, 32, 64, 128, 256 } },
  { "dim", { 32, 64, 128, 256, 512 } },
  { "vocab", { 128, 256, 512, 1024, 2048, 4096 } },
}

--- tiny's shape with one size changed.
local function shape(axis, size)
  local c = {}
  for name, value in pairs(sizes.cases.tiny) do c[name] = value end
  c[axis] = size
  if axis == "dim" then c.heads = size // 32 end
  return c
end

--- The median step in seconds.
local function measure(c)
  local model = models.transformer {
    style = "gpt2", vocab = c.vocab, dim = c.dim, layers = c.layers, heads = c.heads, max_length = c.length,
    seed = 1,
  }
  local optimizer = optim.adamw(model, { lr = 1e-4, weight_decay = 0.01 })
  local heads, tails = {}, {}
  for i = 1, c.batch do
    heads[i], tails[i] = { i % c.vocab }, {}
    for k = 1, c.length - 1 do tails[i][k] = (i * 7919 + k * k * 104729) % c.vocab end
  end
  local function step()
    local loss = -(model:token_logps(heads, tails):mean())
    optimizer:zero_grad()
    loss:backward()
    optimizer:step()
  end
  for _ = 1, 2 do step() end
  local times, finish = {}, system.clock() + o.seconds
  while system.clock() < finish or #times < 3 do
    local begun = system.clock()
    step()
    times[#times + 1] = system.clock() - begun
  end
  return sizes.median(times)
end

for _ = 1, o.rounds do
  for _, entry in ipairs(axes) do
    local axis, list = entry[1], entry[2]
    for i, size in ipairs(list) do
      if o.smoke and i > 2 then break end
      local c = shape(axis, size)
      io.write(('{"axis": "%s", "size": %d, "ms": %.6f, "gflop": %.6f}'):format(
        axis, size, measure(c) * 1e3, sizes.train_flops(c) / 1e9), "\n")
      io.flush()
      collectgarbage()
    end
  end
end
