--- What a GGUF file is refused for by its metadata, as a model and as a tokenizer.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local gguf = require "gguf_made"
local support = require "support"
local models = require "perilune.models"
local tokenizer = require "perilune.tokenizer"

local path

--- The pairs of a model of an architecture, with others of `more` under its name.
local function model_of(architecture, more)
  local made = {
    ["general.architecture"] = { "text", architecture },
  }
  local own = {
    block_count = { "u32", 1 }, context_length = { "u32", 8 }, embedding_length = { "u32", 8 },
    feed_forward_length = { "u32", 16 }, ["attention.head_count"] = { "u32", 2 },
    ["attention.head_count_kv"] = { "u32", 2 }, ["attention.layer_norm_rms_epsilon"] = { "f32", 1e-5 },
    vocab_size = { "u32", 12 }, ["rope.freq_base"] = { "f32", 10000 },
    ["attention.sliding_window"] = { "u32", 4 },
  }
  if architecture == "llama" then own["attention.sliding_window"] = nil end
  for name, value in pairs(more) do own[name] = value end
  for name, value in pairs(own) do made[architecture .. "." .. name] = value end
  return made
end

local function refusal(pairs_of, load)
  gguf.write(path, pairs_of)
  return support.refusal(load, path)
end

TestRefusals = {}

function TestRefusals:setUp() path = os.tmpname() end
function TestRefusals:tearDown() os.remove(path) end

local models_refused <const> = {
  { "llama", "attention.layer_norm_rms_epsilon", { "text", "x" }, "is a string, expected a float" },
  { "llama", "attention.head_count", { "text", "x" }, "is a string, expected an integer" },
  { "llama", "embedding_length", { "u32", 0 }, "is 0, expected at least 1" },
  { "llama", "attention.value_length", { "u32", 3 }, "is 3, expected the length of keys, 4" },
  { "llama", "rope.dimension_count", { "u32", 2 }, "is 2 of 4: a head that turns in part is not read" },
  { "llama", "rope.scaling.type", { "text", "ntk" }, "is 'ntk', expected none, linear or yarn" },
  { "llama", "expert_count", { "u32", 8 }, "is 8: such models are not read" },
  { "llama", "residual_scale", { "f32", 2 }, "says something about the model that is not known here; a model "
    .. "without it would be another one" },
  { "gemma2", "attention.sliding_window_pattern", { "bool", list = { 1, 0 } }, "has 2 flags for 1 layers" },
  { "gemma2", "attention.sliding_window_pattern", { "u32", 100 }, "is 100, expected 1 to 64" },
}

function TestRefusals:test_models()
  for _, row in ipairs(models_refused) do
    local architecture, name, value, text = table.unpack(row)
    lu.assertEquals(refusal(model_of(architecture, { [name] = value }), models.load),
      ("key '%s.%s' %s"):format(architecture, name, text))
  end
  lu.assertEquals(refusal({ ["general.architecture"] = { "u32", 3 } }, models.load),
    "key 'general.architecture' is uint32, expected a string")
  lu.assertEquals(refusal(model_of("llama", {}), models.load),
    "the file has no tensor 'blk.0.attn_norm.weight'")
end

local tokenizers_refused <const> = {
  { "scores", { "u32", list = { 1 } }, "is an array of 1 uint32, expected an array of float32" },
  { "tokens", { "u32", list = { 1 } }, "is an array of 1 uint32, expected an array of strings" },
  { "token_type", { "text", list = { "x" } }, "is an array of 1 string, expected an array of integers" },
  { "add_bos_token", { "u32", 1 }, "is uint32, expected a bool" },
  { "bos_token_id", { "u32", 9 }, "is 9, expected 0 to 0" },
  { "model", { "text", "nope" }, "is 'nope', which is not read; read are gpt2 (BPE) and llama (SPM)" },
}

function TestRefusals:test_tokenizers()
  for _, row in ipairs(tokenizers_refused) do
    local made = {
      ["tokenizer.ggml.model"] = { "text", "llama" },
      ["tokenizer.ggml.tokens"] = { "text", list = { "a" } },
      ["tokenizer.ggml.scores"] = { "f32", list = { 1 } },
    }
    made["tokenizer.ggml." .. row[1]] = row[2]
    lu.assertEquals(refusal(made, tokenizer.load), ("key 'tokenizer.ggml.%s' %s"):format(row[1], row[3]))
  end
end

os.exit(lu.LuaUnit.run())
