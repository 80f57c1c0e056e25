--- Prints a hash for each part of the laboratory: two builds, two thread counts or two runs must print the
-- same lines.
--
--   bin/perilune Tests/lua/bits.lua [threads]
--
-- scripts/same_bits compares the builds, numbers of threads and kernels.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local toy = require "toy"
local T, system = require "perilune.tensor", require "perilune.system"
local models, align = require "perilune.models", require "perilune.align"

if arg[1] then system.threads(tonumber(arg[1])) end

--- Every bit of a list of tensors, lists and numbers.
local function hash(...)
  local bytes = {}
  local function add(x)
    if type(x) == "number" then bytes[#bytes + 1] = string.pack("<n", x)
    elseif type(x) == "table" then for _, value in ipairs(x) do add(value) end
    elseif type(x) == "boolean" then bytes[#bytes + 1] = tostring(x)
    else add(x:dtype() == "bool" and x:to("i64"):flatten():totable() or x:flatten():totable()) end
  end
  add { ... }
  return system.sha256(table.concat(bytes))
end

local function say(name, ...) print(("%-28s %s"):format(name, hash(...):sub(1, 32))) end

-- Operations and their gradients, of both floating types, at a size that is cut among threads and is no
-- multiple of a vector.
for _, dtype in ipairs { "f32", "f64" } do
  local function leaf(seed, ...) return T.randn(..., { seed = seed, dtype = dtype, requires_grad = true }) end
  local function both(name, f, ...)
    local y = f(...)
    y:backward(T.randn(y:size(), { seed = 99, dtype = dtype }))
    local grads = {}
    for i, x in ipairs { ... } do grads[i] = x:grad() end
    say(name .. " " .. dtype, y, grads)
  end
  for _, name in ipairs {
    "exp", "expm1", "sin", "cos", "tanh", "erf", "sigmoid", "log_sigmoid", "softplus", "gelu", "silu",
    "square", "sinh", "atan",
  } do
    both(name, function(x) return x[name](x) end, leaf(1, { 41, 1003 }))
  end
  for _, name in ipairs { "log", "log2", "log10", "log1p", "sqrt", "rsqrt" } do
    local x = T.no_grad(function() return leaf(2, { 41, 1003 }):abs() + 0.1 end)
    both(name, function() return x[name](x) end, x:requires_grad_())
  end
  for _, name in ipairs { "div", "logaddexp", "maximum", "remainder" } do
    both(name, function(x, y) return x[name](x, y) end, leaf(3, { 41, 1003 }), leaf(4, { 1003 }))
  end
  for _, name in ipairs { "sum", "mean", "var", "std", "logsumexp", "norm" } do
    local f = T[name]
    both(name, function(x) return name == "norm" and f(x, 2, { 2 }) or f(x, { 2 }) end, leaf(5, { 41, 1003 }))
    both(name .. " of all", function(x) return f(x) end, leaf(5, { 41, 1003 }))
  end
  for _, name in ipairs { "softmax", "log_softmax", "cumsum", "cumprod" } do
    both(name, function(x) return x[name](x, 2) end, leaf(6, { 41, 301 }))
  end
  both("matmul", function(x, y) return x:matmul(y) end, leaf(7, { 67, 131 }), leaf(8, { 131, 45 }))
  both("conv1d", function(x, w) return T.conv1d(x, w) end, leaf(9, { 2, 3, 50 }), leaf(10, { 4, 3, 5 }))
  both("solve", function(a, b) return T.solve(a + 8 * T.eye(8, dtype), b) end, leaf(11, { 8, 8 }),
    leaf(12, { 8, 3 }))
  say("svd " .. dtype, T.svd(leaf(13, { 9, 6 })))
  say("random " .. dtype, T.rand(1001, { seed = 1, dtype = dtype }),
    T.randn(1001, { seed = 1, dtype = dtype }))
end
say("ids", T.categorical(T.randn(7, 50, { seed = 2 }), 40, { logits = true, seed = 3 }),
  T.randperm(1001, { seed = 4 }),
  system.permutation(1001, 1, "bits", 2))

-- Sampling and training of both styles, with products of f32 and of bf16.
for _, kind in ipairs { "gpt2", "llama", "gpt2 bf16", "llama bf16" } do
  local style, precision = kind:match "^(%w+) ?(%w*)$"
  local policy = models.transformer {
    style = style, vocab = 67, dim = 40, layers = 2, heads = 4, kv_heads = style == "llama" and 2 or nil,
    max_length = 48, seed = 1, precision = precision ~= "" and precision or nil,
  }
  say(kind .. " weights", policy:hash():byte(1, -1))
  local prompts = {}
  for i = 1, 9 do prompts[i] = { i, 2 * i, 60 - i } end
  for _, way in ipairs { { "plain" }, { "cut", temperature = 0.7, top_k = 20, top_p = 0.9 },
    { "greedy", temperature = 0 } } do
    local options = { max_new_tokens = 20, seed = 5, temperature = way.temperature, top_k = way.top_k,
      top_p = way.top_p }
    local rows = policy:sample(prompts, options)
    local function lists(name)
      local all = rows:split(rows:column(name))
      for i, part in ipairs(all) do all[i] = part:totable() end
      return all
    end
    say(kind .. " sample " .. way[1], rows:responses(), lists "logps", lists "sampling_logps")
  end
  local answers = policy:sample(prompts, { max_new_tokens = 20, seed = 6 })
  local adam = require("perilune.optim").adamw(policy, { lr = 1e-2, weight_decay = 0.01 })
  local losses = {}
  for step = 1, 8 do
    local loss = -policy:logps(answers):mean()
    losses[step] = loss:item()
    loss:backward()
    adam:step()
  end
  say(kind .. " losses", losses)
  say(kind .. " trained", policy:hash():byte(1, -1))
end

-- Weights as a file has them: of each type of block, in a pass and in sampling.
for _, name in ipairs { "bf16", "f16", "k", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0" } do
  local path = ("%s/../Golden/gguf/llama-%s.gguf"):format(arg[0]:match "^(.*)/[^/]*$" or ".", name)
  local kept = models.load(path, { dtype = "auto" })
  local rows = kept:sample({ { 1, 2, 3 }, { 4 } }, { max_new_tokens = 8, seed = 7 })
  say("stored " .. name, rows:responses(), kept:logps(rows))
end

-- Online IPO as the experiments run it: samples, judges, trains.
local reference = toy.model(5)
local on = align.train {
  policy = reference:clone(), reference = reference,
  source = align.sources.online(toy.sampling { batch = 8, seed = 3 }),
  loss = align.loss.ipo { beta = 0.1 }, steps = 12, lr = 1e-2, quiet = true,
}
say("online policy", on.policy:hash():byte(1, -1))
local figures = {}
for i, row in ipairs(on.log) do figures[i] = { row.loss, row.grad_norm, row["rewards/margins"] } end
say("online figures", figures)
