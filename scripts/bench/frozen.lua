--- How fast does a real model sample as its GGUF file has it, and as f32? One row of scripts/bench/run.
--
--   perilune scripts/bench/frozen.lua --what quantized16 --model SmolLM2-135M-Instruct.Q4_1.gguf --seconds 5
--
--   quantized16, quantized64   64 new tokens after 16 or 64 prompts of 32 random tokens at once, temperature
--                              1, with every token's log-probability; weights as in the file
--   f32_16, f32_64             the same with f32 weights
--
-- Prints what core.lua prints. Without --model (--smoke) a small random model is written and read.
local folder = debug.getinfo(1, "S").source:match "^@(.*)/" or "."
local sizes = dofile(folder .. "/sizes.lua")
local perilune = require "perilune"
local models, system = perilune.models, perilune.system

local prompt <const>, new <const> = 32, 64

local function load(o, dtype)
  if o.model ~= "" then return models.load(o.model, { dtype = dtype }) end
  local path = os.tmpname()
  models.transformer { vocab = 64, dim = 32, layers = 1, heads = 2, max_length = prompt + new }:save(path)
  local model = models.load(path, { dtype = dtype })
  os.remove(path)
  return model
end

local function sampling(count, dtype)
  return function(o)
    local model, prompts = load(o, dtype), {}
    local vocab <const> = model:config().vocab
    for i = 1, count do
      prompts[i] = {}
      for k = 1, prompt do
        prompts[i][k] = math.floor(system.uniform(1, "bench/tokens", i * prompt + k) * vocab)
      end
    end
    local step = 0
    sizes.run(o, count * new, function()
      step = step + 1
      model:sample(prompts, { max_new_tokens = new, temperature = 1, seed = 1, step = step })
    end, 1)
  end
end

sizes.main(perilune.cli.parse(arg, sizes.options, "frozen.lua: one row of scripts/bench"), {
  quantized16 = sampling(16, "auto"), quantized64 = sampling(64, "auto"),
  f32_16 = sampling(16, "f32"), f32_64 = sampling(64, "f32"),
})
