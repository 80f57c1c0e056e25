--- The formats that fuzz.lua damages: whose figure they are, the files they begin from, and their reader.
local formats = { names = {} }

local here = debug.getinfo(1, "S").source:match "^@(.*)scripts/reliability/" .. "."
local golden = here .. "/Tests/Golden/"

local function text(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

--- A function that gives the texts of files.
local function files(...)
  local names = { ... }
  return function()
    local list = {}
    for i, name in ipairs(names) do list[i] = text(golden .. name) end
    return list
  end
end

--- Errors of Lua itself within the library: a reader has taken what it should have refused.
local own <const> = { "attempt to ", "stack overflow", "bad argument #",
  "number has no integer representation",
  "invalid value %(", "string length overflow", "table index is" }

--- What is bad of an error that a reader ended in; nil where it is a refusal.
function formats.problem_of(message)
  if type(message) ~= "table" and type(message) ~= "string" and type(message) ~= "userdata" then
    return "an error of type " .. type(message)
  end
  local said = tostring(message)
  for _, words in ipairs(own) do
    if said:find(words) then return said:sub(1, 300) end
  end
end

local function format(name, made)
  formats.names[#formats.names + 1] = name
  formats[name] = made
end

format("safetensors", {
  id = "R6", ending = ".safetensors",
  seeds = files("adapters/gpt2/adapter_model.safetensors", "adapters/gpt2-pattern/adapter_model.safetensors",
    "models/llama-a/logits.safetensors", "runs/reference.safetensors"),
  reader = function()
    local tensor = require "perilune.tensor"
    return function(path) for _, x in pairs(tensor.load(path)) do x:max() end end
  end,
})

format("models", {
  id = "R6", ending = ".safetensors", head = 2000, seeds = files("runs/reference.safetensors"),
  reader = function()
    local models = require "perilune.models"
    return function(path) models.load(path):hash() end
  end,
})

format("numpy", {
  id = "R6", ending = ".npy",
  seeds = files("numpy/bool.npy", "numpy/f2.npy", "numpy/f4_big.npy", "numpy/f8_fortran.npy", "numpy/i8.npy"),
  reader = function()
    local tensor = require "perilune.tensor"
    return function(path) tostring(tensor.load(path)) end
  end,
})

format("zip", {
  id = "R6", ending = ".npz",
  seeds = files("numpy/packed.npz", "numpy/stored.npz"),
  reader = function()
    local tensor = require "perilune.tensor"
    return function(path) for _, x in pairs(tensor.load(path)) do tostring(x) end end
  end,
})

format("gguf", {
  id = "R7", ending = ".gguf", head = 4000,
  seeds = files("gguf/llama-q4_0.gguf", "gguf/llama-q5_1.gguf", "gguf/llama-q8_0.gguf",
    "gguf/llama-bf16.gguf",
    "gguf/qwen2.gguf"),
  reader = function()
    local models = require "perilune.models"
    return function(path) models.load(path) end
  end,
})

format("vocabularies", {
  id = "R7", ending = ".gguf", head = 15000,
  seeds = files("gguf/vocab/llama-bpe.gguf", "gguf/vocab/gpt-2.gguf", "gguf/vocab/llama-spm.gguf"),
  reader = function()
    local tokenizer = require "perilune.tokenizer"
    return function(path) tokenizer.load(path):encode "The cat sat." end
  end,
})

format("json", {
  id = "R8", ending = ".json",
  seeds = files("models/llama-a/config.json", "adapters/llama/adapter_config.json",
    "runs/trained/checkpoints/step-00000004/run.json", "tokenizers/classes.json"),
  reader = function()
    local json = require "perilune.formats"
    return function(path) json.json_encode(json.load_json(path)) end
  end,
})

local turns <const> = '{"prompt": [{"role": "user", "content": "b\\u00e9"}], "chosen": [{"role": '
  .. '"assistant", "content": '
  .. '"c"}], "rejected": [{"role": "assistant", "content": "d"}]}\r\n\nnull\n'

format("lines", {
  id = "R8", ending = ".jsonl",
  seeds = function() return { turns .. turns, '{"text": "a"}\n{"text": "b"}' } end,
  reader = function()
    local data = require "perilune.data"
    return function(path) data.describe(data.load(path)) end
  end,
})

format("gzip", {
  id = "R8", ending = ".jsonl.gz",
  seeds = function()
    local json, path = require "perilune.formats", os.tmpname()
    json.save_json_lines(path .. ".gz", { { text = "a" }, { text = ("b c "):rep(500) } })
    local packed = text(path .. ".gz")
    os.remove(path)
    os.remove(path .. ".gz")
    return { packed, packed .. packed }
  end,
  reader = function()
    local json = require "perilune.formats"
    return function(path) json.load_json_lines(path) end
  end,
})

format("tokenizer", {
  id = "R8", ending = ".json", head = 4000,
  seeds = function()
    local json = require "perilune.formats"
    local list = { text(golden .. "data/tokenizer.json") }
    for _, name in ipairs { "bert", "albert", "t5", "mistral", "gpt2" } do
      list[#list + 1] = json.json_encode(json.load_json(golden .. "tokenizers/" .. name .. ".json").file)
    end
    return list
  end,
  reader = function()
    local tokenizer = require "perilune.tokenizer"
    return function(path)
      local tok = tokenizer.load(path)
      tok:decode(tok:encode "The cat's naïve 42 \u{4F60}\u{597D} \u{1F600}\n\n  end")
    end
  end,
})

format("templates", {
  id = "R8", ending = ".jinja", head = 100000, may_refuse = true,
  seeds = function()
    local list = {}
    for _, case in ipairs(require("perilune.formats").load_json_lines(golden
      .. "templates/cases.json.gz")[1].own) do
      if #case.template > 0 then list[#list + 1] = case.template end
    end
    return list
  end,
  reader = function()
    local json = require "perilune.formats"
    local variables = { messages = { { role = "user", content = "hi" }, { role = "assistant",
      content = "yes" } },
      add_generation_prompt = true, bos_token = "<s>" }
    return function(path)
      local template = text(path)
      if not utf8.len(template) then error("no UTF-8", 0) end
      json.render_template(template, variables)
    end
  end,
})

format("parquet", {
  id = "R8", ending = ".parquet", head = 200,
  seeds = files("parquet/datasets-pairs.parquet", "parquet/numbers.parquet", "parquet/deltas-v1.parquet",
    "parquet/deltas-v2.parquet", "parquet/two-levels.parquet", "parquet/datasets-types.parquet",
      "parquet/split.parquet",
    "parquet/long.parquet", "parquet/empty.parquet"),
  reader = function()
    local json = require "perilune.formats"
    return function(path) json.load_parquet(path) end
  end,
})

format("notebooks", {
  id = "R8", ending = ".ipynb", head = 2000,
  seeds = files("notebooks/cells.ipynb", "notebooks/plain.ipynb"),
  reader = function()
    local notebook = require "perilune.notebook"
    return function(path) notebook.convert(path, path .. ".lua") end
  end,
})

local step <const> = "/trained/checkpoints/step-00000004"
local parts <const> = { "instruments.json", "manifest.json", "optimizer.safetensors", "policy.safetensors",
  "run.json",
  "run.sha256" }

format("checkpoints", {
  id = "R8", ending = ".part", head = 2000,
  seeds = function()
    local list = {}
    for i, name in ipairs(parts) do list[i] = text(golden .. "runs" .. step .. "/" .. name) end
    return list
  end,
  --- Reads a checkpoint with file `which` damaged.
  reader = function()
    local align, models = require "perilune.align", require "perilune.models"
    package.path = here .. "/Tests/lua/?.lua;" .. package.path
    local toy = require "toy"
    local reference = models.load(golden .. "runs/reference.safetensors")
    local place
    local function load()
      return align.runs.load(place .. step, {
        reference = reference, loss = align.loss.dpo { beta = 0.1 },
        source = align.sources.online(toy.sampling { batch = 4, seed = 3, max_new_tokens = 4 }), quiet = true,
      })
    end
    local function write(target, bytes)
      local file <close> = assert(io.open(target, "wb"))
      file:write(bytes)
    end
    local whole = {}
    return function(path, which)
      local bytes, name = text(path), parts[which]
      if not place then
        place = path .. ".runs"
        os.execute(("rm -rf '%s' && cp -r '%s' '%s'"):format(place, golden .. "runs", place))
        for _, part in ipairs(parts) do whole[part] = text(place .. step .. "/" .. part) end
      end
      write(place .. step .. "/" .. name, bytes)
      local ok, problem = pcall(load)
      write(place .. step .. "/" .. name, whole[name])
      if not ok then error(problem, 0) end
    end
  end,
})

format("store", {
  id = "R8", ending = ".sqlite", head = 2000, seeds = files("runs/own/run.sqlite"),
  reader = function()
    local run, system = require "perilune.run", require "perilune.system"
    return function(path)
      local folder = path .. ".runs"
      -- A store that was opened has files beside it.
      for _, name in ipairs(system.exists(folder .. "/own") and system.list_folder(folder .. "/own") or {}) do
        os.remove(folder .. "/own/" .. name)
      end
      system.make_folder(folder .. "/own")
      local file <close> = assert(io.open(folder .. "/own/run.sqlite", "wb"))
      file:write(text(path))
      file:close()
      run.read("own", folder):dump()
    end
  end,
})

return formats
