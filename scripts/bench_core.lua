--- How fast are training, log-probabilities of pairs and sampling? One row of `scripts/bench`, which has the peers.
--
--   perilune scripts/bench_core.lua --case tiny --what train --seconds 5
--
--   train         forward, cross-entropy of every position, backward, AdamW
--   logprob_pair  IPO on `batch` pairs with a frozen reference, whose log-probabilities are computed anew every step
--   sample        `new` tokens after a prompt, temperature 1, with every token's log-probability
--   sgemm         2048 x 2048 times 2048 x 2048
--   call, op      a method that does nothing much, and an addition of two numbers, each 10,000 times
--
-- Prints a JSON line: tokens a second, milliseconds of the median step, steps, and the peak of resident memory in MB.
local folder = arg[0]:match "^(.*)[/\\]" or "."
local turns = dofile(folder .. "/peers/turns.lua")
local perilune = require "perilune"
local models, system, tensor = perilune.models, perilune.system, perilune.tensor

local cases = {
  tiny = { layers = 4, dim = 128, heads = 4, vocab = 512, batch = 32, length = 64, prompt = 16, new = 48 },
  small = { layers = 6, dim = 384, heads = 6, vocab = 4096, batch = 16, length = 256, prompt = 32, new = 64 },
  gpt2 = { layers = 12, dim = 768, heads = 12, vocab = 50257, batch = 1, length = 256, prompt = 32, new = 32 },
}

local function case(o)
  local c = cases[o.case] or error(("unknown case '%s': it takes tiny, small or gpt2"):format(o.case), 0)
  return c, math.max(c.length, c.prompt + c.new)
end

local function model_of(c, positions)
  return models.transformer {
    style = "gpt2", vocab = c.vocab, dim = c.dim, layers = c.layers, heads = c.heads, max_length = positions, seed = 1,
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
  optimizer:zero_grad()
  loss:backward()
  optimizer:step()
end

local rows = {}

function rows.train(o)
  local c, positions = case(o)
  local model = model_of(c, positions)
  local optimizer = models.adamw(model, { lr = 1e-4, weight_decay = 0.01 })
  local first, rest = random_tokens(c.batch, c.length, 1, c.vocab)
  turns.run(o, c.batch * c.length, function() update(optimizer, -(model:token_logps(first, rest):mean())) end)
end

function rows.logprob_pair(o)
  local c, positions = case(o)
  local model = model_of(c, positions)
  local reference = model:clone()
  local optimizer = models.adamw(model, { lr = 1e-4, weight_decay = 0.01 })
  local prompts, answers = random_tokens(2 * c.batch, c.length, c.length // 2 + 1, c.vocab)
  local ipo = perilune.align.loss.ipo { beta = 0.1 }
  turns.run(o, 2 * c.batch * c.length, function()
    local held = tensor.no_grad(function() return (reference:logps(prompts, answers)) end)
    local logps = model:logps(prompts, answers)
    update(optimizer, ipo({
      chosen = logps:narrow(1, 1, c.batch), rejected = logps:narrow(1, c.batch + 1, c.batch),
      ref_chosen = held:narrow(1, 1, c.batch), ref_rejected = held:narrow(1, c.batch + 1, c.batch),
    }):mean())
  end)
end

function rows.sample(o)
  local c, positions = case(o)
  local model = model_of(c, positions)
  local count = math.max(c.batch, 8)
  local prompts = random_tokens(count, c.prompt, c.prompt, c.vocab)
  local step = 0
  turns.run(o, count * c.new, function()
    step = step + 1
    model:sample(prompts, { max_new_tokens = c.new, temperature = 1, seed = 1, step = step })
  end, 1)
end

function rows.sgemm(o)
  local a, b = tensor.randn(2048, 2048), tensor.randn(2048, 2048)
  turns.run(o, 1, function() tensor.matmul(a, b) end)
end

function rows.call(o)
  local a = tensor.ones(1)
  turns.run(o, 10000, function()
    for _ = 1, 10000 do a:numel() end
  end)
end

function rows.op(o)
  local a, b = tensor.ones(1), tensor.ones(1)
  turns.run(o, 10000, function()
    for _ = 1, 10000 do local _ = a + b end
  end)
end

turns.main(perilune.cli.parse(arg, turns.options, "bench_core.lua: one row of scripts/bench"), rows)
