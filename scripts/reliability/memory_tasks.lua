--- The tasks of memory.lua: functions that give the same result each time, from tables to training.
--
-- Each gets a folder of its own, empty, and gives text, numbers, tensors, models, or tables of them. What it
-- needs is loaded and made before, so that the allocations that are refused are those of its work.
local here = arg[0]:match "^(.*)/scripts/" or "."
local golden = here .. "/Tests/Golden/"
package.path = here .. "/Tests/lua/?.lua;" .. package.path
local perilune = require "perilune"
local toy = require "toy"
local T, models, optim, align = perilune.tensor, perilune.models, perilune.optim, perilune.align
local formats, run, plot = perilune.formats, perilune.run, perilune.plot

local tasks = { names = {} }

--- A task, made where it is run: `make()` gives its function of a folder.
local function task(name, make)
  tasks.names[#tasks.names + 1] = name
  tasks[name] = make
end

local function text(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

-- MARK: Lua

task("tables", function() return function()
  local words, counts = {}, {}
  for word in ("the moon rose, the tide fell; the moon set"):gmatch "%a+" do
    words[#words + 1] = word:upper():rep(3, "-")
    counts[word] = (counts[word] or 0) + 1
  end
  table.sort(words, function(a, b) return a > b end)
  local parts = {}
  for i, word in ipairs(words) do parts[i] = ("%-20s %5.2f %q"):format(word, i / 3, word) end
  local all = table.concat(parts, "\n"):gsub("MOON", { MOON = "SUN" })
  return all, string.pack("z<i4", "moon", 3), counts.moon, { table.unpack(words, 1, 3) }
end end)

task("coroutines", function() return function()
  local said = {}
  local function say(what) said[#said + 1] = what end
  local function each(n)
    return coroutine.wrap(function()
      local _ <close> = setmetatable({}, { __close = function() say("closed " .. n) end })
      for i = 1, n do coroutine.yield(i, { i }) end
    end)
  end
  for i, list in each(3) do say(i + list[1]) end
  local co = coroutine.create(function(...) return select("#", ...), coroutine.yield(...) end)
  say(select(2, assert(coroutine.resume(co, 1, 2))))
  say(select(3, assert(coroutine.resume(co, { 3 })))[1])
  say(select(2, pcall(error, "an error")))
  return said
end end)

task("source", function()
  local source = text(here .. "/stdlib/csv.lua")
  return function()
    local chunk = assert(load(source, "=csv"))
    return string.dump(chunk, true)
  end
end)

--- The library's own modules are loaded again, with what they need.
task("modules", function() return function()
  local kept = {}
  for name, module in pairs(package.loaded) do kept[name] = module end
  local _ <close> = setmetatable({}, { __close = function()
    for name, module in pairs(kept) do package.loaded[name] = module end
  end })
  for name in pairs(kept) do
    if name:find "^perilune%." and not name:find "^perilune%.native" then package.loaded[name] = nil end
  end
  return require "perilune.csv".encode({ { a = 1 } }, { "a" })
end end)

-- MARK: Files

task("json", function()
  local value = formats.load_json(golden .. "models/llama-a/config.json")
  return function(folder)
    formats.save_json_lines(folder .. "/lines.jsonl.gz", { value, { list = { 1, 2.5, "é" } } })
    return formats.json_encode(formats.load_json_lines(folder .. "/lines.jsonl.gz")),
      formats.json_decode '{"a": [1, {"b": null}, "\\u00e9"]}'
  end
end)

task("csv", function()
  local csv = require "perilune.csv"
  return function(folder)
    local records = { { name = "a, b", win = 0.5 }, { name = "c\nd", win = 1 } }
    csv.save(folder .. "/a.csv", records, { "name", "win" })
    return csv.load(folder .. "/a.csv"), text(folder .. "/a.csv")
  end
end)

task("parquet", function() return function()
  return formats.load_parquet(golden .. "parquet/datasets-pairs.parquet")
end end)

task("records", function()
  local data = require "perilune.data"
  return function(folder)
    local lines = {}
    for i = 1, 6 do
      lines[i] = { prompt = "p" .. i, chosen = ("yes "):rep(i), rejected = "no" }
    end
    formats.save_json_lines(folder .. "/pairs.jsonl", lines)
    local set = data.load(folder .. "/pairs.jsonl")
    return set.records, tostring(data.describe(set))
  end
end)

task("tokenizer", function()
  local tokenizer = require "perilune.tokenizer"
  return function()
    local made = tokenizer.load(golden .. "data/tokenizer.json")
    local ids = made:encode "The cat's naïve 42 \u{4F60}\n end"
    local own = formats.train_bpe({ "aa ab aa", "ab b" }, { vocab_size = 260 })
    return ids, made:decode(ids), own:encode "aa ab"
  end
end)

task("template", function()
  local source = "{% for m in messages %}{{ '<' ~ m.role | upper ~ '>' }}{{ m.content | trim }}"
    .. "{% if not loop.last %}|{% endif %}{% endfor %}{% set x = namespace(n=3) %}{{ x.n * 2 }}"
  return function()
    return formats.render_template(source, {
      messages = { { role = "user", content = " hi " }, { role = "assistant", content = "yes" } },
    })
  end
end)

task("weights", function() return function(folder)
  local path = folder .. "/a"
  T.save(path .. ".safetensors", { a = T.arange(0, 11):reshape(3, 4), b = T { 1, 0 }:gt(0) })
  local found = T.load(path .. ".safetensors")
  T.save(path .. ".npy", found.a:double())
  return found.a, found.b, T.load(path .. ".npy"), T.load(golden .. "numpy/packed.npz"),
    models.load(golden .. "gguf/llama-q4_0.gguf"):hash()
end end)

-- MARK: Tensors and models

task("operations", function() return function()
  local x, y = T.randn(7, 5, { seed = 1 }), T.randn(5, { seed = 2, dtype = "f64" })
  local z = (x * y + 1):softmax(2):matmul(x:t())
  local values, places = z:topk(2, 2)
  return z, values, places, tostring(z), z:sum(1), z[{ {}, 2 }], T.cat({ z, z }, 2):std(), x:long():cumsum(1),
    T.svd(x:double()), T.categorical(x, 3, { logits = true, seed = 3 }), x:gt(0):totable()
end end)

task("gradients", function() return function()
  local w, b = T.randn(4, 3, { seed = 1, requires_grad = true }), T.zeros(3, { requires_grad = true })
  local x = T.randn(6, 4, { seed = 2 })
  local loss = (x:matmul(w) + b):tanh():square():mean()
  loss:backward()
  return loss, w:grad(), b:grad()
end end)

local function small(style)
  return models.transformer {
    style = style, vocab = 12, dim = 8, layers = 2, heads = 2, max_length = 16, seed = 1 }
end
local rows = models.rows({ { 2, 3 }, { 4, 5 } }, { { 7, 7, 1 }, { 7, 1 } })

task("model", function() return function(folder)
  local model = small "llama"
  local adam = optim.adamw(model, { lr = 0.01 })
  for _ = 1, 2 do
    adam:zero_grad();
    (-model:logps(rows):mean()):backward()
    adam:step()
  end
  model:save(folder .. "/model.safetensors")
  adam:save(folder .. "/adam.safetensors")
  return models.load(folder .. "/model.safetensors"), model:logps(rows), text(folder .. "/adam.safetensors")
end end)

task("sampling", function()
  local model = small "gpt2"
  local policy = model:lora { r = 2 }
  return function()
    local options = { max_new_tokens = 6, seed = 5, top_k = 4, stop = { 1 } }
    local drawn = policy:sample({ { 2, 3 }, { 4 } }, options)
    return drawn:responses(), drawn:column "logps", model:clone()
  end
end)

-- MARK: Training

local reference, listed = toy.model(1), {}
for i = 1, 8 do
  listed[i] = { prompt = toy.prompts[i], chosen = { 7, 2 + i % 9, 1 }, rejected = { 3, 2 + i % 7, 1 } }
end

local function train(more)
  return align.train(toy.with({
    policy = reference:clone(), reference = reference, loss = align.loss.dpo { beta = 0.1 }, steps = 1,
    lr = 1e-2, quiet = true,
  }, more))
end

local function result_of(done)
  local rows_of_log = {}
  for i, row in ipairs(done.log) do rows_of_log[i] = { row.loss, row.grad_norm, row["rewards/margins"] } end
  return { done.policy, rows_of_log }
end

task("offline training", function() return function()
  return result_of(train { source = align.sources.offline(listed, { batch = 4, seed = 3 }) })
end end)

task("online training", function() return function()
  return result_of(train { source = align.sources.online(toy.sampling { batch = 2, seed = 3 }),
    loss = align.loss.ipo {}, instruments = false })
end end)

task("groups", function() return function()
  return result_of(train {
    source = align.sources.groups {
      prompts = toy.prompts, reward = function(_, response) return toy.sevens(response) end,
      max_new_tokens = 6, stop = { 1 }, batch = 1, responses = 3, seed = 3,
    },
    loss = align.loss.grpo {}, instruments = false,
  })
end end)

task("fine-tuning", function()
  local words = require "perilune.tasks.words"
  local tokenizer = words.tokenizer { "a", "b", "c", "d" }
  local mine = {
    name = "mine", tokenizer = tokenizer, model = { dim = 8, layers = 1, heads = 2, max_length = 16 },
    sft = { steps = 2, batch = 2, lr = 1e-2 }, settings = function() return {} end,
    text = function() return tokenizer:encode "a b c d a b" end,
  }
  return function() return (align.sft(mine, { cache = false, quiet = true })) end
end)

task("evaluation", function()
  local policy = toy.model(2)
  return function()
    local given = { prompts = { { 2, 3 }, { 4, 5 } }, max_new_tokens = 6, stop = { 1 } }
    local kl = align.evaluate.kl(policy, reference, given)
    local won = align.evaluate.head_to_head(policy, reference, toy.with(given, { judge = toy.more_sevens }))
    return kl.mean, kl.se, won.mean, won.low, won.agreement
  end
end)

-- MARK: Runs

task("recorded run", function() return function(folder)
  local model, state = toy.model(1), { notes = { seen = 0 } }
  local adam = optim.adamw(model, { lr = 0.01 })
  local job = run.open {
    name = "own", folder = folder, config = { lr = 0.01 }, checkpoint_every = 1,
    state = { model = model, adam = adam, notes = state.notes },
  }
  for step in job:steps(2) do
    state.notes.seen = state.notes.seen + step
    job:log { seen = state.notes.seen }
    if step == 2 then job:event("evaluated", "at " .. step) end
  end
  local record = run.read("own", folder)
  return record:curve "seen", record.status, #run.runs { folder = folder }
end end)

task("resumed training", function()
  local given = { source = align.sources.offline(listed, { batch = 2, seed = 3 }), loss = align.loss.dpo {},
    reference = reference, instruments = false }
  return function(folder)
    train(toy.with(given, { steps = 1 })):save(folder .. "/saved")
    return result_of(align.runs.load(folder .. "/saved", toy.with(given, { quiet = true })):resume(2))
  end
end)

-- MARK: Pages

task("figures", function() return function()
  local figure = plot.figure { title = "a <figure>" }:line { y = { 1, 4, 2 }, label = "x" }
  return tostring(figure), figure:svg(), figure:csv()
end end)

task("report", function() return function()
  local report = perilune.report.new { title = "A" }
  report:text "some *text*"
  report:table { header = { "a", "b" }, rows = { { 1, "x" }, { 2, "y" } } }
  return report:html()
end end)

task("help", function()
  local help = require "perilune.help"
  return function() return help.page "logsumexp", (help.page "align.loss.dpo") end
end)

task("notebook", function()
  local notebook = require "perilune.notebook"
  return function(folder)
    notebook.convert(golden .. "notebooks/cells.ipynb", folder .. "/cells.lua")
    return text(folder .. "/cells.lua")
  end
end)

task("world", function()
  local worlds = perilune.worlds
  return function()
    local world = worlds.bandit { answers = 4, seed = 1 }
    local best = world:optimum { beta = 0.5 }
    return tostring(world), best, world:kl(best, world.reference)
  end
end)

return tasks
