--- How fast are training, log-probabilities of pairs and sampling? One row of scripts/bench/run.
--
--   perilune scripts/bench/core.lua --case tiny --what train --seconds 5
--
--   train         forward, cross-entropy of every position, backward, AdamW
--   logprob_pair  IPO on `batch` pairs with a frozen reference, whose log-probabilities are computed in
--                 every step; log-probabilities of every position, of which those of the answers (the second
--                 halves) are summed
--   logprob_pair_answers   the same, and the head computes log-probabilities of the answers alone
--   logps         log-probabilities of every position without a gradient, as of a reference whose weights are
--                 kept as --kept says
--   sample        `new` tokens after a prompt, temperature 1, with every token's log-probability
--   sample_shared the same, four answers to each prompt, which is read once
--   sgemm         2048 x 2048 times 2048 x 2048
--   call, op      a method that does almost nothing, and an addition of two numbers, each 10,000 times
--   read, write   an element by its position, t[i]:item() and t[i] = 1.5, each 10,000 times
--
-- Prints a JSON line: tokens a second, milliseconds of the median step, steps, and the peak of resident
-- memory in MB. With --steps it does that many steps without timing, for counting allocations.
local folder = debug.getinfo(1, "S").source:match "^@(.*)/" or "."
local sizes = dofile(folder .. "/sizes.lua")
local perilune = require "perilune"
local models, optim, system, tensor = perilune.models, perilune.optim, perilune.system, perilune.tensor

local function case(o)
  local c = sizes.cases[o.case]
    or error(("unknown case '%s': it takes tiny, small or gpt2"):format(o.case), 0)
  return c, math.max(c.length, c.prompt + c.new)
end

local function model_of(o, c, positions)
  return models.transformer {
    style = "gpt2", vocab = c.vocab, dim = c.dim, layers = c.layers, heads = c.heads, max_length = positions,
    seed = 1, precision = o.precision,
  }
end

--- `rows` sequences of `length` random tokens, cut after `first` tokens.
local function random_tokens(rows, length, first, vocab)
  local heads, tails, at = {}, {}, 0
  for i = 1, rows do
    heads[i], tails[i] = {}, {}
    for k = 1, length do
      at = at + 1
      local id = math.floor(system.uniform(1, "bench/tokens", at) * vocab)
      if k <= first then heads[i][k] = id else tails[i][k - first] = id end
    end
  end
  return heads, tails
end

local function update(optimizer, loss)
  loss:backward()
  optimizer:step()
  optimizer:zero_grad()  -- its memory is that of the next pass forward
end

local rows = {}

function rows.train(o)
  local c, positions = case(o)
  local model = model_of(o, c, positions)
  local optimizer = optim.adamw(model, { lr = 1e-4, weight_decay = 0.01, moments = o.moments })
  local first, rest = random_tokens(c.batch, c.length, 1, c.vocab)
  sizes.run(o, c.batch * c.length, function() update(optimizer, -(model:token_logps(first, rest):mean())) end)
end

--- Steps of IPO; `logps(model, prompts, answers)` gives the answers' log-probabilities, the chosen ones
-- first.
local function pair_steps(o, logps, first)
  local c, positions = case(o)
  local model = model_of(o, c, positions)
  local reference = model:clone()
  local optimizer = optim.adamw(model, { lr = 1e-4, weight_decay = 0.01 })
  local prompts, answers = random_tokens(2 * c.batch, c.length, first or c.length // 2 + 1, c.vocab)
  local ipo = perilune.align.loss.ipo { beta = 0.1 }
  sizes.run(o, 2 * c.batch * c.length, function()
    local ref = tensor.no_grad(logps, reference, prompts, answers)
    local w = logps(model, prompts, answers)
    update(optimizer, ipo({
      chosen = w:narrow(1, 1, c.batch), rejected = w:narrow(1, c.batch + 1, c.batch),
      ref_chosen = ref:narrow(1, 1, c.batch), ref_rejected = ref:narrow(1, c.batch + 1, c.batch),
    }):mean())
  end)
end

function rows.logprob_pair(o)
  local c = case(o)
  local half = c.length // 2
  pair_steps(o, function(model, prompts, answers)
    local all = model:token_logps(prompts, answers):reshape(2 * c.batch, c.length - 1) -- [rows, positions]
    return all:narrow(2, half + 1, c.length - 1 - half):sum(2)
  end, 1)
end

function rows.logprob_pair_answers(o)
  pair_steps(o, function(model, prompts, answers) return (model:logps(prompts, answers)) end)
end

function rows.logps(o)
  local c, positions = case(o)
  local model = model_of(o, c, positions)
  if o.kept ~= "f32" then model = model:frozen { dtype = o.kept } end
  local first, rest = random_tokens(c.batch, c.length, 1, c.vocab)
  sizes.run(o, c.batch * c.length, function() tensor.no_grad(model.token_logps, model, first, rest) end)
end

--- Samples answers, `each` to every prompt.
local function sample_steps(o, each)
  local c, positions = case(o)
  local model = model_of(o, c, positions)
  local count = math.max(c.batch, 8)
  local distinct, prompts = random_tokens(count // each, c.prompt, c.prompt, c.vocab), {}
  for i = 1, count do prompts[i] = distinct[(i - 1) // each + 1] end
  local step = 0
  sizes.run(o, count * c.new, function()
    step = step + 1
    model:sample(prompts, { max_new_tokens = c.new, temperature = 1, seed = 1, step = step })
  end, 1)
end

function rows.sample(o) sample_steps(o, 1) end

function rows.sample_shared(o) sample_steps(o, 4) end

function rows.sgemm(o)
  local a, b = tensor.randn(2048, 2048), tensor.randn(2048, 2048)
  sizes.run(o, 1, function() tensor.matmul(a, b) end)
end

function rows.call(o)
  local a = tensor.ones(1)
  sizes.run(o, 10000, function()
    for _ = 1, 10000 do a:numel() end
  end)
end

function rows.op(o)
  local a, b = tensor.ones(1), tensor.ones(1)
  sizes.run(o, 10000, function()
    for _ = 1, 10000 do local _ = a + b end
  end)
end

function rows.read(o)
  local t = tensor.zeros(10000)
  sizes.run(o, 10000, function()
    local sum = 0
    for i = 1, 10000 do sum = sum + t[i]:item() end
    assert(sum == 0)
  end)
end

function rows.write(o)
  local t = tensor.zeros(10000)
  sizes.run(o, 10000, function()
    for i = 1, 10000 do t[i] = 1.5 end
  end)
end

sizes.main(perilune.cli.parse(arg, sizes.options, "core.lua: one row of scripts/bench"), rows)
