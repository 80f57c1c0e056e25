--- What a GGUF file is refused for beyond gguf_refusals_test.lua: texts and tokens beyond what is read, and
-- scalings of the rotary frequencies that are not those of Llama 3.1.
local lu = require "luaunit"
local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*$") or "."
local gguf = dofile(here .. "/gguf_made.lua")
local support = dofile(here .. "/support.lua")
local models = require "perilune.models"
local tokenizer = require "perilune.tokenizer"

local path

--- The message of loading the file, without its path.
local function refusal(load) return support.refusal(load, path) end

TestGGUFFaults = {}

function TestGGUFFaults:setUp() path = os.tmpname() end
function TestGGUFFaults:tearDown() os.remove(path) end

local function tokens(more)
  local made = {
    ["tokenizer.ggml.model"] = { "text", "llama" },
    ["tokenizer.ggml.tokens"] = { "text", list = { "a" } },
    ["tokenizer.ggml.scores"] = { "f32", list = { 1 } },
  }
  for name, value in pairs(more) do made["tokenizer.ggml." .. name] = value end
  return made
end

function TestGGUFFaults:test_tokens()
  local most <const> = 1 << 20
  for _, row in ipairs {
    { { tokens = { "text", list = { ("a"):rep(1025) } } },
      "key 'tokenizer.ggml.tokens' has a token of 1025 bytes; the limit is 1024" },
    { { tokens = { "text", count = most + 1, bytes = ("\0"):rep(8 * (most + 1)) } },
      "key 'tokenizer.ggml.tokens' has more than 1048576 tokens" },
    { { model = { "text", ("a"):rep((1 << 24) + 1) } },
      "key 'tokenizer.ggml.model' is a string of 16777217 bytes, at most 16777216 are read" },
  } do
    gguf.write(path, tokens(row[1]))
    lu.assertEquals(refusal(tokenizer.load), row[2])
  end
end

--- A score that is no number has no place among the others.
function TestGGUFFaults:test_a_token_whose_score_is_no_number()
  gguf.write(path, tokens { tokens = { "text", list = { "a", "b" } },
    scores = { "f32", list = { 1, 0 / 0 } } })
  lu.assertStrContains(refusal(tokenizer.load), "model: token 1 has a score that is no number")
end

--- A llama of one layer with other settings. Its head has eight numbers, which turn as four pairs.
local function model(more)
  local made = { ["general.architecture"] = { "text", "llama" } }
  for name, value in pairs {
    block_count = { "u32", 1 }, context_length = { "u32", 8 }, embedding_length = { "u32", 8 },
    feed_forward_length = { "u32", 16 }, ["attention.head_count"] = { "u32", 1 },
    ["attention.head_count_kv"] = { "u32", 1 }, ["attention.layer_norm_rms_epsilon"] = { "f32", 1e-5 },
    ["rope.freq_base"] = { "f32", 10000 }, ["rope.scaling.original_context_length"] = { "u32", 64 },
  } do made["llama." .. name] = value end
  for name, value in pairs(more or {}) do made["llama." .. name] = value end
  return made
end

--- Factors of llama.cpp's rotary scaling that a file can change.
function TestGGUFFaults:test_factors_of_attention()
  for _, name in ipairs { "attn_factor", "yarn_attn_factor", "yarn_ext_factor" } do
    gguf.write(path, model { ["rope.scaling." .. name] = { "f32", 2 } })
    lu.assertEquals(refusal(models.load), ("key 'llama.rope.scaling.%s' is 2.0, expected 1"):format(name))
  end
end

--- As llama.cpp reads it: a factor without a type is of linear scaling.
function TestGGUFFaults:test_a_factor_of_rotary_scaling_without_its_type()
  for _, row in ipairs { { "scale_linear", 4, "linear" }, { "scaling.factor", 2, "linear" },
    { "scaling.factor", 0, "default" }, { "scaling.factor", 1, "default" } } do
    gguf.write(path, model { ["rope." .. row[1]] = { "f32", row[2] } })
    local config = models.describe(path).config
    lu.assertEquals({ config.rope_kind, config.rope_factor }, { row[3], math.max(row[2], 1.0) }, row[1])
  end
end

--- Of two scalings one would be left out.
function TestGGUFFaults:test_divisors_beside_a_factor()
  local divisors <const>, low <const>, high <const> = {}, 0.05, 2
  for i = 0, 3 do
    local turns = 64 / 10000 ^ (i / 4) / (2 * math.pi)
    local place = math.min(math.max((turns - low) / (high - low), 0), 1)
    divisors[i + 1] = 1 / ((1 - place) / 8 + place)
  end
  gguf.write(path, model(), divisors)
  lu.assertEquals(models.describe(path).config.rope_kind, "llama3")
  gguf.write(path, model { ["rope.scale_linear"] = { "f32", 4 } }, divisors)
  lu.assertEquals(refusal(models.load),
    "key 'llama.rope.scaling.factor' is 4.0 beside divisors of each pair: one of them is read")
end

function TestGGUFFaults:test_divisors_of_rotary_frequencies()
  local other <const> = "does not scale the frequencies as Llama 3.1 does"
  for _, row in ipairs {
    { { 1, 2, 4 }, "is F32 of [3], expected F32 of 4, one for each pair of a head" },
    { { 1, 1, 0.5, 8 }, "has divisors that are not from 1 on" },
    { { 1, 1, 0 / 0, 8 }, "has divisors that are not from 1 on" },
    { { 1, 8, 1, 8 }, "has 0 divisors between 1 and 8.0; two or more tell how the frequencies are scaled" },
    -- The ramp falls where it has to rise.
    { { 1, 4, 2, 8 }, other .. "; other scalings are not read" },
  } do
    gguf.write(path, model(), row[1])
    lu.assertEquals(refusal(models.load), "tensor 'rope_freqs.weight' " .. row[2])
  end
  -- The line through the two pairs in the middle does not end at the last one.
  gguf.write(path, model(), { 1, 2, 4, 8 })
  local text = refusal(models.load)
  local pair, given, expected = text:match(
    "^tensor 'rope_freqs.weight' " .. other:gsub("%p", "%%%0") .. ": pair (%d) is divided by ([%d.]+), "
    .. "expected ([%d.]+)$")
  lu.assertEquals({ pair, given }, { "4", "8.0" }, text)
  -- Of 64 positions a pair makes 64 / 10000 ^ (i / 4) / 2 pi turns.
  local turns, places = {}, { 3 / 7, 1 / 7 }
  for i = 1, 3 do turns[i] = 64 / 10000 ^ (i / 4) / (2 * math.pi) end
  local slope = (places[1] - places[2]) / (turns[1] - turns[2])
  local place = places[2] + slope * (turns[3] - turns[2])
  support.close(tonumber(expected), 1 / ((1 - place) / 8 + place), 1e-6)
end

os.exit(lu.LuaUnit.run())
