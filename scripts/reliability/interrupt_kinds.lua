--- Work without an end, which scripts/reliability/interrupts.py interrupts.
--
-- Each kind is a function, `kinds[name]()`, that repeats an operation, or the operations of a group in
-- turn, from another one each time. `prepare(name)` makes what it works on before its first moment and
-- gives the seconds of an operation, or those after which one of a group is interrupted at most. `state()`
-- tells whether the session is as it was: its tables, its tensors and the parts of a training that must
-- not be changed; `doing()` names the operation that runs or ran last.
-- luacheck: globals kinds prepare state doing
local folder = assert(arg[1], "a folder for files is needed")
local perilune = require "perilune"
local T, align, models = perilune.tensor, perilune.align, perilune.models
local formats, system, plot = perilune.formats, require "perilune.system", perilune.plot

kinds = {}
local made, setups, once, lasts = {}, {}, {}, {}

local function kind(name, f, setup)
  once[name], setups[name] = f, setup
  kinds[name] = function() while true do f() end end
end

-- A kind that does not end by itself.
local function endless(name, f, setup)
  kind(name, f, setup)
  lasts[name] = 0.2
end

-- Operations as "NAME: CODE" lines, which see `made` and the modules.
local function group(name, setup, text)
  local list, turn = {}, 0
  local seen = setmetatable({
    T = T, made = made, models = models, formats = formats, system = system, plot = plot, perilune = perilune,
  }, { __index = _G })
  for line in text:gmatch "[^\n]+" do
    local title, code = line:match "^%s*(.-): (.*)$"
    list[#list + 1] = { title, assert(load(code, "=" .. title, "t", seen)) }
  end
  kinds[name] = function()
    while true do
      turn = turn % #list + 1
      made.doing = list[turn][1]
      list[turn][2]()
    end
  end
  setups[name], lasts[name] = setup, 0.6
end

function doing() return made.doing or "" end

function prepare(name)
  if setups[name] then setups[name]() end
  if lasts[name] then return lasts[name] end
  local from = system.clock()
  once[name]()
  return system.clock() - from
end

-- Lua
endless("lua loop", function() for _ = 1, 1e9 do end end)
endless("coroutine", function() coroutine.wrap(function() for _ = 1, 1e9 do end end)() end)
endless("pcall loop", function() pcall(function() while true do end end) end)
endless("coroutine in pcall", function()
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
group("elementwise operations", function() made.x, made.y = T.rand(2e7), T.rand(2e7) + 0.5 end, [[
  add: return made.x + made.y
  div, double: return made.x:double() / 3
  pow: return made.x ^ made.y
  log: return made.x:log()
  sin: return made.x:sin()
  erf: return made.x:erf()
  gelu: return made.x:gelu()
  sigmoid: return made.x:sigmoid()
  fmod: return made.x:fmod(made.y)
  gt: return made.x:gt(made.y)
  where: return T.where(made.x:gt(0.5), made.x, made.y)
  clamp: return made.x:clamp(0.1, 0.2)
  isfinite: return made.x:isfinite()
  long: return made.x:long()
  logaddexp: return made.x:logaddexp(made.y)
  dropout: return made.x:dropout(0.1)
  clone: return made.x:clone()
  zeros: return T.zeros(5e7)
  full: return T.full({ 5e7 }, 1.5)
  arange: return T.arange(0, 5e7)
  linspace: return T.linspace(0, 1, 5e7)
]])
group("reductions", function() made.x, made.m = T.rand(2e7), T.rand(4000, 5000) end, [[
  sum: return made.x:sum()
  sum of columns: return made.m:sum(1)
  mean: return made.m:mean(2)
  var: return made.m:var(1)
  prod: return made.m:prod(2)
  norm: return made.x:norm()
  max: return made.m:max(1)
  argmax: return made.m:argmax(2)
  logsumexp: return made.m:logsumexp(1)
  median: return made.x:median()
  quantile: return made.m:quantile(0.3, 2)
  any: return made.x:gt(2):any()
  allclose: return made.x:allclose(made.x)
  histc: return made.x:histc(100, 0, 1)
  bincount: return (made.x * 1000):long():bincount()
  cumprod: return made.m:cumprod(2)
  cumsum of columns: return made.m:cumsum(1)
  cumsum of whole numbers: return made.x:long():cumsum(1)
  segments: return made.x:segment_sum({ 1e7, 1e7 })
  equal: return made.x:equal(made.x)
]])
group("positions", function()
  made.x, made.m, made.ids = T.rand(2e7), T.rand(4000, 5000), T.randint(1, 4000, { 1e7 })
end, [[
  cat: return T.cat({ made.x, made.x }, 1)
  stack: return T.stack({ made.m, made.m }, 3)
  repeat_interleave: return made.x:repeat_interleave(2)
  tile: return made.m:tile(1, 2)
  flip: return made.m:flip(2)
  roll: return made.m:roll(7, 1)
  triu: return made.m:triu()
  masked_select: return made.x:masked_select(made.x:gt(0.5))
  masked_fill: return made.x:masked_fill(made.x:gt(0.5), 1)
  nonzero: return made.x:gt(0.5):nonzero()
  index_select: return made.m:index_select(1, made.ids:narrow(1, 1, 5000))
  gather: return made.x:gather(1, made.ids)
  scatter_add: return made.x:scatter_add(1, made.ids, made.x:narrow(1, 1, 10000000))
  index_add: return made.m:index_add(1, made.ids:narrow(1, 1, 4000), made.m)
  embedding: return made.m:embedding(made.ids:narrow(1, 1, 4000) - 1)
  one_hot: return made.ids:narrow(1, 1, 5000):one_hot(4001)
  searchsorted: return T.arange(0, 1e6):searchsorted(made.x)
  unfold: return made.m:unfold(2, 5, 2):contiguous()
  permute: return made.m:reshape(40, 100, 5000):permute(3, 1, 2):contiguous()
  expand: return T.rand(5000):expand(4000, 5000):contiguous()
  outer: return made.m:select(1, 1):outer(made.m:select(1, 2))
  written: made.m:clone()[{ {}, 3 }] = 5
  rand_like: return T.rand_like(made.m)
  bernoulli: return T.bernoulli(0.5, { 4000, 5000 })
  categorical: return T.categorical(made.m, 3)
]])
group("layers", function()
  made.x, made.w, made.ids = T.randn(4000, 2000), T.randn(2000, 2000), T.randint(0, 1999, { 4000 })
end, [[
  linear: return made.x:linear(made.w)
  matmul, whole numbers: return made.w:narrow(1, 1, 600):long():matmul(made.w:narrow(2, 1, 600):long())
  einsum: return T.einsum("ij,kj->ik", { made.x, made.w })
  layer_norm: return made.x:layer_norm(T.ones(2000), T.zeros(2000))
  rms_norm: return made.x:rms_norm(T.ones(2000))
  log_softmax: return made.x:log_softmax(2)
  softmax of columns: return made.x:softmax(1)
  cross_entropy: return made.x:cross_entropy(made.ids)
  token_logps: return made.x:token_logps(made.w, made.ids)
  mv: return made.w:mv(made.w:select(1, 1))
  backward: return made.x:clone():requires_grad_(true):linear(made.w):gelu():sum():backward()
  double: return made.x:double():matmul(made.w:double())
]])
group("decompositions", function()
  made.a = T.randn(1500, 1500):double()
  made.p = made.a:matmul(made.a:t()) + T.eye(1500):double() * 1500
  made.s = T.randn(300, 40, 40)
end, [[
  cholesky: return made.p:cholesky()
  qr: return made.a:qr()
  solve: return made.a:solve(made.p)
  solve_triangular: return made.a:tril():solve_triangular(made.p, false)
  inverse, float: return made.p:float():inverse()
  logdet: return made.p:logdet()
  slogdet: return made.a:slogdet()
  svd, batch: return made.s:svd()
  eigh, batch: return made.s:matmul(made.s:transpose(2, 3)):eigh()
  inverse, batch: return made.s:inverse()
]])
kind("inverse, 2000", function() made.a:inverse() end, with_matrix(2000, true))
kind("from a list", function() T(made.list) end, function() made.list = shuffled(5e6) end)
kind("to a list", function() made.x:totable() end, long(5e6))
group("lists", function()
  made.x, made.m, made.rows, made.flags, made.list = T.rand(3e6), T.rand(3000, 1000), {}, {}, shuffled(3e6)
  for i = 1, 3000 do made.rows[i] = shuffled(1000) end
  for i = 1, 3e6 do made.flags[i] = i % 2 == 0 end
end, [[
  to rows: return made.m:totable()
  to whole numbers: return made.x:long():totable()
  to booleans: return made.x:gt(0.5):totable()
  from rows: return T(made.rows)
  from booleans: return T(made.flags)
  from whole numbers: return T(made.list, "i64")
  as text: return tostring(made.m)
  segments: return T.zeros(3e6):segment_sum(T.ones_like(made.x):long():totable())
]])

-- texts
local function texts()
  made.words = {}
  for i = 1, 3e5 do made.words[i] = ("w%xq"):format(i * 7919 % 1000003) end
  made.text = table.concat(made.words, " ")
end
group("patterns", texts, [[
  find: return (("a"):rep(40) .. "b"):find(("a*"):rep(30) .. "c")
  match: return ("a"):rep(3e5):match(".-.-.-b")
  gmatch: for _ in made.text:gmatch "()(%x+)()" do made.n = 1 end
  gsub: return made.text:gsub("%w", "%0%0")
]])
kind("tokenizer training", function() formats.train_bpe({ made.text }, { vocab_size = 3000 }) end, texts)
group("tokenizer", function()
  texts()
  made.tok = formats.train_bpe({ made.text:sub(1, 30000) }, { vocab_size = 600 })
  made.ids = made.tok:encode(made.text)
  made.long = ("ab"):rep(3e5)
end, [[
  encode: return made.tok:encode(made.text)
  encode a long word: return made.tok:encode(made.long)
  decode: return made.tok:decode(made.ids)
]])

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
group("files written", function()
  made.x = T.randn(3e7)
  made.records = {}
  for i = 1, 1e5 do made.records[i] = { name = "a" .. i, score = i / 7, text = ("w,"):rep(20) } end
  made.big = ("x"):rep(2e8)
  formats.save_json_lines(folder .. "/z.jsonl.gz", made.records)
end, ([[
  tensors: return formats.save_tensors("%s/y.safetensors", { w = made.x })
  JSON lines: return formats.save_json_lines("%s/y.jsonl", made.records)
  JSON lines, gzip: return formats.save_json_lines("%s/y.jsonl.gz", made.records)
  JSON lines of gzip: return formats.load_json_lines("%s/z.jsonl.gz")
  CSV: return perilune.csv.save("%s/y.csv", made.records, { "name", "score", "text" })
  a string: return system.write_file("%s/y.txt", made.big)
  sha256 of a string: return system.sha256(made.big)
]]):gsub("%%s", folder))

-- figures
local function matrix(n) return function() made.m = T.randn(n, n) end end
kind("heatmap, text", function() plot.figure {}:heatmap { matrix = made.m }:text() end, matrix(2500))
kind("heatmap, SVG", function() plot.figure {}:heatmap { matrix = made.m }:svg() end, matrix(700))
kind("figure saved", function()
  plot.figure {}:scatter { x = made.x, y = made.y }:save(folder .. "/x.svg")
end, function() made.x, made.y = T.randn(3e5), T.randn(3e5) end)
kind("histogram", function() plot.figure {}:hist { values = made.x }:text() end, long(5e6))
group("figures", function()
  made.x, made.y = T.randn(3e5):cumsum(1), T.randn(3e5)
  made.labels, made.values = {}, shuffled(3000)
  for i = 1, 3000 do made.labels[i] = "b" .. i end
end, ([[
  line, SVG: return plot.line { y = made.x }:svg()
  line, text: return plot.line { y = made.x }:text()
  line, PNG: return plot.line { y = made.x }:save "%s/x.png"
  line, PDF: return plot.line { y = made.x }:save "%s/x.pdf"
  band: return plot.band { x = made.y:cumsum(1), lower = made.x - 1, upper = made.x + 1 }:svg()
  scatter, text: return plot.scatter { x = made.x, y = made.y }:text()
  bars: return plot.bars { labels = made.labels, values = made.values }:svg()
  CSV: return plot.scatter { x = made.x, y = made.y }:csv()
]]):gsub("%%s", folder))

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
--- Whether each finished step has its row: the one that Ctrl-C came within gets it when the run goes on.
local function is_whole(run) return #run.log == run.step - (run.loop:is_pending() and 1 or 0) end
endless("training", function()
  local run = align.train {
    policy = made.policy, reference = made.reference, steps = 1e5, loss = align.loss.ipo {}, quiet = true,
    source = align.sources.online {
      judge = sampled, prompts = made.prompts, max_new_tokens = 24, stop = { 1 } },
  }
  -- What was trained is kept: a row of the log a finished step, and parameters that are finite.
  toy.run = run
  assert(is_whole(run) and run.status == "interrupted", "the history is not whole")
  error("interrupted!", 0)
end, function()
  made.reference, made.prompts = model(64, 2), prompts(256)
  made.policy = made.reference:clone()
end)
endless("judge", function()
  align.judge.reward_model {
    init = made.model, data = made.pairs, labels = { 62, 63 }, eos = 1, steps = 1e5, quiet = true,
    evaluate_every = 1e5,
  }
  error("interrupted!", 0)
end, function()
  made.model, made.pairs = model(64, 2), {}
  for i, prompt in ipairs(prompts(512)) do
    made.pairs[i] = { prompt = prompt, chosen = { 5 + i % 40, 7, 9 }, rejected = { 6 + i % 40, 8 } }
  end
end)
group("model", function()
  made.model = model(256, 6)
  local rows, answers = prompts(128), prompts(128)
  for i = 1, #answers do
    for k = 3, 60 do answers[i][k] = 2 + k end
  end
  made.rows = models.rows(rows, answers)
  made.model:save(folder .. "/n.safetensors")
end, ([[
  logps: return made.model:logps(made.rows)
  kl: return made.model:kl(made.model, made.rows)
  save: return made.model:save "%s/m.safetensors"
  load: return models.load "%s/n.safetensors"
  clone: return made.model:clone()
]]):gsub("%%s", folder))

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
    if not is_whole(run) then return "the history is not whole" end
    for _, p in pairs(run.policy:parameters()) do
      if not p:isfinite():all() then return "a parameter is not finite" end
    end
  end
  return "ok"
end
