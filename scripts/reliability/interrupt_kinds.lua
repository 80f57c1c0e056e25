--- Work without an end, which scripts/reliability/interrupts.py interrupts.
-- Each kind is a function, `kinds[name]()`.
--
-- `setups[name]` is called once before the first moment of a kind, and makes what it works on. `state()`
-- tells whether the session is as it was: its tables, its tensors and the parts of a training that must not
-- be changed.
-- luacheck: globals kinds setups state
local folder = assert(arg[1], "a folder for files is needed")
local perilune = require "perilune"
local T, align, models = perilune.tensor, perilune.align, perilune.models
local formats, system, plot = perilune.formats, require "perilune.system", perilune.plot

kinds, setups = {}, {}
local made = {}

local function forever(f) return function() while true do f() end end end
local function kind(name, f, setup) kinds[name], setups[name] = forever(f), setup end

-- Lua
kind("lua loop", function() for _ = 1, 1e9 do end end)
kind("coroutine", function() coroutine.wrap(function() for _ = 1, 1e9 do end end)() end)
kind("pcall loop", function() pcall(function() while true do end end) end)
kind("coroutine in pcall", function()
  pcall(function() coroutine.wrap(function() while true do pcall(error) end end)() end)
end)
kind("strings", function()
  local parts = {}
  for i = 1, 100 do parts[i] = ("x"):rep(1e5) end
  return #table.concat(parts)
end)
local function shuffled(n) return system.permutation(n, 1, "interrupts", 0) end
kind("table.sort", function() table.sort(shuffled(2e6)) end)
kind("table.sort, comparator", function() table.sort(shuffled(5e5), function(a, b) return a > b end) end)

-- tensors
local function with_matrix(n, double)
  return function()
    made.a = T.randn(n, n)
    if double then made.a = made.a:double() end
  end
end
kind("matmul", function() made.a:matmul(made.a) end, with_matrix(3000))
kind("matmul, double", function() made.a:matmul(made.a) end, with_matrix(2000, true))
kind("matmul, batches", function() made.a:matmul(made.a) end, function() made.a = T.randn(32, 512, 512) end)
local function heads() made.x = T.randn(4096, 3 * 256):requires_grad_(true) end
kind("attention", function() made.x:attention({ 4096 }, 4) end, heads)
kind("attention, backward", function()
  made.x:attention({ 4096 }, 4):sum():backward()
end, heads)
local function long(n) return function() made.x = T.randn(n) end end
kind("sort", function() made.x:sort() end, long(1e7))
kind("argsort, rows", function() made.x:argsort(1) end, function() made.x = T.randn(2000, 5000) end)
kind("topk", function() made.x:topk(1000) end, long(1e7))
kind("permutation", function() system.permutation(1e7, 1, "interrupts", 0) end)
kind("randperm", function() T.randperm(2e7) end)
kind("randn", function() T.randn(5e7) end)
kind("cumsum", function() made.x:cumsum(1) end, long(5e7))
kind("elementwise", function() made.x:exp():tanh() end, long(5e7))
kind("softmax", function() made.x:softmax(2) end, function() made.x = T.randn(5000, 8000) end)
kind("transpose", function() made.x:t():contiguous() end, function() made.x = T.randn(7000, 7000) end)
kind("unique", function() made.x:unique() end, long(1e7))
kind("conv1d", function() made.x:conv1d(made.w) end, function()
  made.x, made.w = T.randn(8, 64, 20000), T.randn(64, 64, 9)
end)
kind("svd", function() made.a:svd() end, with_matrix(700, true))
kind("eigh", function() (made.a + made.a:t()):eigh() end, with_matrix(900, true))
kind("inverse", function() made.a:inverse() end, with_matrix(1200, true))
kind("from a list", function() T(made.list) end, function() made.list = shuffled(5e6) end)
kind("to a list", function() made.x:totable() end, long(5e6))

-- files
local tensors, lines, table_file = folder .. "/x.safetensors", folder .. "/x.jsonl", folder .. "/x.csv"
kind("load tensors", function() formats.load_tensors(tensors) end, function()
  formats.save_tensors(tensors, { w = T.randn(5e7) })
end)
kind("JSON lines", function() formats.load_json_lines(lines) end, function()
  local list = {}
  for i = 1, 2e5 do list[i] = { prompt = ("word "):rep(20), response = { i, i + 1 }, score = i / 7 } end
  formats.save_json_lines(lines, list)
end)
kind("JSON of a text", function() formats.json_decode(made.text) end, function()
  local list = {}
  for i = 1, 2e5 do list[i] = { i, tostring(i), { a = i / 3 } } end
  made.text = formats.json_encode(list)
end)
kind("JSON written", function() formats.json_encode(made.list) end, function()
  made.list = {}
  for i = 1, 5e5 do made.list[i] = { i, tostring(i), { a = i / 3 } } end
end)
kind("CSV", function() perilune.csv.load(table_file) end, function()
  system.write_file(table_file, "a,b\n" .. ("1.5,\"text\"\n"):rep(5e5))
end)
kind("sha256", function() system.sha256_file(tensors) end, function() setups["load tensors"]() end)

-- figures
local function matrix(n) return function() made.m = T.randn(n, n) end end
kind("heatmap, text", function() plot.figure {}:heatmap { matrix = made.m }:text() end, matrix(2500))
kind("heatmap, SVG", function() plot.figure {}:heatmap { matrix = made.m }:svg() end, matrix(700))
kind("figure saved", function()
  plot.figure {}:scatter { x = made.x, y = made.y }:save(folder .. "/x.svg")
end, function() made.x, made.y = T.randn(3e5), T.randn(3e5) end)
kind("histogram", function() plot.figure {}:hist { values = made.x }:text() end, long(5e6))

-- models and training
local toy = {}
local function model(dim, layers)
  return models.transformer {
    vocab = 64, dim = dim, layers = layers, heads = 4, max_length = 256, style = "llama", seed = 1 }
end
local function prompts(n)
  local list = {}
  for i = 1, n do list[i] = { 2 + i % 60, 2 + i // 60 % 60 } end
  return list
end
kind("sampling", function() made.model:sample(made.prompts, { max_new_tokens = 200 }) end, function()
  made.model, made.prompts = model(128, 4), prompts(512)
end)
local function sampled(_, a, b) return #a > #b and 1 or #a < #b and 0 or 0.5 end
kind("training", function()
  local run = align.train {
    policy = made.policy, reference = made.reference, steps = 1e5, loss = align.loss.ipo {}, quiet = true,
    source = align.sources.online {
      judge = sampled, prompts = made.prompts, max_new_tokens = 24, stop = { 1 } },
  }
  -- What was trained is kept: a row of the log a finished step, and parameters that are finite.
  toy.run = run
  assert(#run.log == run.step and run.status == "interrupted", "the history is not whole")
  error("interrupted!", 0)
end, function()
  made.reference, made.prompts = model(64, 2), prompts(256)
  made.policy = made.reference:clone()
end)
kind("judge", function()
  align.judge.reward_model {
    init = made.model, data = made.pairs, steps = 1e5, eos = 1, quiet = true, evaluate_every = 1e5 }
  error("interrupted!", 0)
end, function()
  made.model, made.pairs = model(64, 2), {}
  for i, prompt in ipairs(prompts(512)) do
    made.pairs[i] = { prompt = prompt, chosen = { 5 + i % 40, 7, 9 }, rejected = { 6 + i % 40, 8 } }
  end
end)

-- runs
kind("runs listed", function() perilune.run.runs {} end, function()
  os.execute(("mkdir -p '%s/runs'"):format(folder))
  for i = 1, 40 do
    local job = perilune.run.open { name = "r" .. i, config = { i = i } }
    for _ = 1, 3 do job:log { loss = i } end
    job:finish()
  end
end)

local kept = { numbers = { 1, 2, 3 }, tensor = T { 1, 2, 3 }, count = 0 }

--- "ok", or what is not as it was.
function state()
  kept.count = kept.count + 1
  if #kept.numbers ~= 3 or kept.tensor:sum():item() ~= 6 then return "the session changed" end
  if coroutine.isyieldable() then return "in a coroutine" end
  if debug.gethook() then return "a hook is left" end
  if toy.run then
    local run = toy.run
    if #run.log ~= run.step then return "the history is not whole" end
    for _, p in pairs(run.policy:parameters()) do
      if not p:isfinite():all() then return "a parameter is not finite" end
    end
  end
  return "ok"
end
