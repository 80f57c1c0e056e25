--- How far do log-probabilities of rounded models lie from those of the model in f32?
--
--   perilune scripts/bench/rounding.lua [--model SmolLM2-135M-Instruct.Q4_1.gguf]
--
-- The model, by default the start of the task sentiment, samples answers at temperature 1; each of its copies
-- gives their log-probabilities. Prints the mean and the largest difference of a token and of an answer.
local perilune = require "perilune"
local cli, models, options = perilune.cli, perilune.models, perilune.options
local align, system, tensor = perilune.align, perilune.system, perilune.tensor

local o = cli.parse(arg, options.spec("bench.rounding", {
  { "model", "", "what models.load reads; by default the start of the task sentiment" },
  { "answers", 32, "answers that are sampled", least = 1, smoke = 2 },
  { "new", 64, "tokens of an answer at most", least = 1, smoke = 4 },
  { "steps", 800, "steps of the start", least = 1, smoke = 2 },
  { "seed", 1, "seed of prompts and answers" },
}), "rounding.lua: log-probabilities of rounded models beside f32")

--- The model in f32 and its prompts.
local function given()
  local prompts = {}
  if o.model == "" then
    local task = perilune.tasks.sentiment {}
    for i = 1, o.answers do prompts[i] = task:prompt("test", i) end
    return (align.sft(task, { steps = o.steps, cache = false, quiet = true })), prompts
  end
  local model = models.load(o.model)
  local vocab <const> = model:config().vocab
  for i = 1, o.answers do
    prompts[i] = {}
    for k = 1, 32 do
      prompts[i][k] = math.floor(system.uniform(o.seed, "bench/tokens", i * 32 + k) * vocab)
    end
  end
  return model, prompts
end

local model, prompts = given()
local rows = model:sample(prompts, { max_new_tokens = o.new, seed = o.seed })

--- The log-probabilities of the tokens and of the answers, in f64.
local function logps_of(copy)
  return tensor.no_grad(function()
    return copy:token_logps(rows):to "f64", copy:logps(rows):to "f64"
  end)
end

local tokens, sums = logps_of(model)
print "| copy | token, mean | token, largest | answer, mean | answer, largest |"
print "|---|---:|---:|---:|---:|"
for _, copy in ipairs {
  { "products of bf16", function() return model:with_precision "bf16" end },
  { "frozen, bf16", function() return model:frozen { dtype = "bf16" } end },
  { "frozen, Q8_0", function() return model:frozen { dtype = "Q8_0" } end },
} do
  local t, s = logps_of(copy[2]())
  local dt, ds = (t - tokens):abs(), (s - sums):abs()
  print(("| %s | %.2g | %.2g | %.2g | %.2g |"):format(copy[1], dt:mean():item(), dt:max():item(),
    ds:mean():item(), ds:max():item()))
end
