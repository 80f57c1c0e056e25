--- Sizes, options and turns of a process of the bench; peers/turns.py is the same for the peers.
--
-- Alone, a process times one turn. With --turns it prints {"ready": true} when it is warm, then reads the
-- number of seconds of each turn from standard input, until an empty line.
local cli = require "perilune.cli"
local system = require "perilune.system"
local options = require "perilune.options"
local tensor = require "perilune.tensor"

local sizes = {}

--- Layers, width, heads, vocabulary, batch, length; prompt and new tokens of sampling: as in peers/turns.py.
sizes.cases = {
  tiny = { layers = 4, dim = 128, heads = 4, vocab = 512, batch = 32, length = 64, prompt = 16, new = 48 },
  small = { layers = 6, dim = 384, heads = 6, vocab = 4096, batch = 16, length = 256, prompt = 32, new = 64 },
  gpt2 = { layers = 12, dim = 768, heads = 12, vocab = 50257, batch = 1, length = 256, prompt = 32,
    new = 32 },
}

--- The operations of a training step: six for each weight of a product and each position, and attention to
-- the earlier positions.
function sizes.train_flops(c)
  local positions = c.length - 1
  return c.batch * (6 * positions * (
    12 * c.layers * c.dim ^ 2 + c.vocab * c.dim) + 6 * c.layers * positions ^ 2 * c.dim)
end

--- The options that every measuring script takes.
sizes.options = options.spec("bench.row", {
  { "case", "tiny", "size of the model", choices = { "tiny", "small", "gpt2" } },
  { "what", "train", "the row" },
  { "seconds", 5.0, "length of a turn", least = 0, smoke = 0 },
  { "threads", 2, "cores", least = 1 },
  options.native("models.transformer"):only { "precision" },
  options.native("optim.adamw"):only { "moments" },
  { "kept", "f32", "weights of the row logps", choices = { "f32", "bf16", "Q8_0" } },
  { "data", "", "stories260K.bin, with tok512.bin beside it" },
  { "model", "", "a GGUF file, for the rows of frozen models" },
  { "folder", "", "a folder of transformers, for the row lora" },
  { "steps", 0, "number of steps, without timing; 0 for turns", least = 0 },
  { "embedded", false, "the embedded task with a new model where --data is missing" },
  { "turns", false, "wait for turns on standard input" },
})

--- The peak of resident memory of this process, in MB.
function sizes.peak_mb()
  for line in io.lines "/proc/self/status" do
    local kb = line:match "^VmHWM:%s+(%d+)"
    if kb then return math.floor(kb / 1024 + 0.5) end
  end
end

--- The same source without a store of the reference's log-probabilities: every step computes them.
function sizes.without_store(source)
  return { name = source.name, batch = function(_, ...)
    local drawn = source:batch(...)
    drawn:forget_parent()
    return drawn
  end }
end

--- The median of a list of numbers.
function sizes.median(list)
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted)
  local middle = #sorted // 2
  return #sorted % 2 == 1 and sorted[middle + 1] or (sorted[middle] + sorted[middle + 1]) / 2
end

local function line(text, ...)
  io.write(text:format(...), "\n")
  io.flush()
end

local function turn(o, tokens, step, seconds)
  local times, finish = {}, system.clock() + seconds
  while system.clock() < finish or #times < 3 do
    local begun = system.clock()
    step()
    times[#times + 1] = system.clock() - begun
  end
  local count, s = #times, sizes.median(times)
  line('{"case": "%s", "what": "%s", "tokens_per_s": %.1f, "ms": %.6f, "steps": %d, "peak_rss_mb": %d}',
    o.case, o.what, tokens / s, s * 1e3, count, sizes.peak_mb())
end

--- Warms up, then times `step`, which processes `tokens`, for each turn, three times at least.
--
-- Steps that are counted collect Lua's garbage now and then: the collector's first cycle may lie beyond the
-- last step, and until then each step's tensors are new ones.
function sizes.run(o, tokens, step, warm)
  if o.steps > 0 then
    for i = 1, o.steps do
      step()
      if i % 20 == 0 then collectgarbage() end
    end
    local memory = tensor.memory()
    return line('{"steps": %d, "buffers_taken": %d, "buffers_fresh": %d}', o.steps, memory.taken,
      memory.fresh)
  end
  for _ = 1, warm or 3 do step() end
  if not o.turns then return turn(o, tokens, step, o.seconds) end
  line '{"ready": true}'
  for seconds in io.lines() do
    if seconds == "" then return end
    turn(o, tokens, step, tonumber(seconds))
  end
end

--- Runs the row `o.what` of `rows`, functions of the options; with --smoke a short turn of every row.
function sizes.main(o, rows)
  system.threads(o.threads)
  if o.smoke then
    local names = {}
    for name in pairs(rows) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do
      o.what = name
      rows[name](o)
    end
  elseif rows[o.what] then
    rows[o.what](o)
  else
    cli.refuse("--what has no row '%s'", o.what)
  end
end

return sizes
