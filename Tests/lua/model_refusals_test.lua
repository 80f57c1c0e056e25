--- What models, rows, files of adapters and files of optimizers refuse.
local lu = require "luaunit"
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local perilune = require "perilune"
local T, models, optim, formats = perilune.tensor, perilune.models, perilune.optim, perilune.formats
local system = perilune.system

local folder

local function tiny(more)
  local o = { style = "llama", vocab = 5, dim = 4, layers = 1, heads = 1, max_length = 8, seed = 1 }
  for key, value in pairs(more or {}) do o[key] = value end
  return models.transformer(o)
end

--- Writes the file again with its header changed by `change(metadata)`; the path of the changed file.
local function rewritten(path, change)
  local file <close> = assert(io.open(path, "rb"))
  local bytes = file:read "a"
  local size = string.unpack("<I8", bytes)
  local header = formats.json_decode(bytes:sub(9, 8 + size))
  change(header.__metadata__)
  local changed = path .. ".changed"
  system.write_file(changed, string.pack("<s8", formats.json_encode(header)) .. bytes:sub(9 + size))
  return changed
end

local refuses <const> = support.refuses

TestModelRefusals = {}

function TestModelRefusals.setUp()
  folder = support.new_path()
  system.make_folder(folder)
end

function TestModelRefusals.tearDown() os.execute(("rm -rf '%s'"):format(folder)) end

local nine <const> = { 1, 1, 1, 1, 1, 1, 1, 1, 1 }

function TestModelRefusals.test_rows()
  local rows = models.rows({ { 1 } }, { { 2, 3 } })
  for _, case in ipairs {
    { function() models.rows({ { 1 } }, { { 1 }, { 2 } }) end,
      "bad argument #2 to 'rows' (2 responses for 1 prompts)" },
    { function() models.rows({ { 1 }, {} }, { { 1 }, { 2 } }) end,
      "bad argument #1 to 'rows' (prompt 2 is empty: a prompt has at least one token, such as bos)" },
    { function() rows:select { 1, 2 } end, "bad argument #1 to 'select' (row 2 is out of 1..1)" },
    { function() rows:select { 0 } end, "bad argument #1 to 'select' (row 0 is out of 1..1)" },
    { function() rows:split(T { 1 }) end,
      "bad argument #1 to 'split' (expected 2 numbers, one a response token, got a tensor of 1)" },
    { function() tiny():sample({ { 1 }, nine }, { max_new_tokens = 1 }) end,
      "sequence 2 has 9 tokens, the model takes at most 8" },
  } do
    refuses(case[2], case[1])
  end
end

function TestModelRefusals.test_settings()
  refuses("the scale of module 'model.layers.0.self_attn.q_proj' is 5e-61, expected a number of f32 but 0",
    function() tiny():lora { r = 2, alpha = 1e-60, targets = { "q_proj" } } end)
  -- A factor whose inverse overflows stretches the positions without end.
  for _, kind in ipairs { "llama3", "yarn" } do
    lu.assertStrContains(
      support.message(tiny, { dim = 16, max_length = 64, rope_kind = kind, rope_factor = 1e-310 }),
      "the rope fields give no frequencies: pair ")
  end
end

--- With these another model would be computed than any that has such settings.
function TestModelRefusals.test_settings_of_rotary_scaling_in_the_wrong_order()
  for _, case in ipairs {
    { { rope_kind = "llama3", rope_low_factor = 8, rope_high_factor = 1 },
      "rope_low_factor must be below rope_high_factor, got 8.0 and 1.0" },
    { { rope_kind = "yarn", rope_beta_slow = 32, rope_beta_fast = 1 },
      "rope_beta_slow must be below rope_beta_fast, got 32.0 and 1.0" },
    { { rope_kind = "yarn", rope_base = 1 }, "rope_base must be above 1 with yarn, got 1.0" },
  } do
    local settings = case[1]
    settings.dim, settings.max_length, settings.rope_factor = 16, 64, 8
    lu.assertStrContains(support.message(tiny, settings), case[2])
  end
end

--- Where an encoder reads the prompts, all rows are sampled together.
function TestModelRefusals.test_an_encoder_and_a_decoder()
  local model = tiny { style = "t5", encoder_layers = 1 }
  refuses("gradient_checkpointing: an encoder-decoder is not computed with it",
    T.gradient_checkpointing, function() return model:logps({ { 1 } }, { { 1 } }) end)
  T.no_grad(function()
    for _, weights in ipairs(model:parameters()) do weights:fill_(0 / 0) end
  end)
  refuses("the logits of token 1 after prompt 1 make no distribution: they hold nan or inf",
    function() model:sample({ { 1 } }, { max_new_tokens = 1 }) end)
end

function TestModelRefusals.test_a_file_without_a_model()
  local path = folder .. "/tensors"
  formats.save_tensors(path, { a = T { 1 } })
  refuses(path .. ": the file does not state the shape of a model: expected metadata as model:save writes "
    .. "them, with format \"perilune-model-1\", got none", models.describe, path)
end

--- Weights that are kept in fewer bits are checked as they are read.
function TestModelRefusals.test_a_weight_that_is_infinite()
  local path, model = folder .. "/model", tiny()
  T.no_grad(function() model:parameters()[1][{ 2, 3 }] = 1 / 0 end)
  model:save(path)
  refuses(path .. ": weight 'embedding.weight' is inf at element 7: the training that wrote it diverged, or "
    .. "the file is damaged", models.load, path, { dtype = "bf16" })
end

function TestModelRefusals.test_a_file_of_adapters()
  local base_path, path = folder .. "/base", folder .. "/policy"
  tiny():save(base_path)
  local base = models.load(base_path)
  base:lora { r = 2 }:save(path, { adapters_only = true })
  refuses(path .. ": its adapters were trained on weights kept as f32, not bf16: leave dtype out, "
    .. "or give \"f32\"", models.load, path, { dtype = "bf16" })
  for _, load in ipairs { models.load, function(changed) return base:load_adapter(changed) end } do
    refuses(path .. ".changed: the file is damaged: its adapters do not have the hash that was written with "
      .. "them", load, rewritten(path, function(m) m.hash = ("0"):rep(64) end))
    refuses(path .. ".changed: the file does not state the shape of a model: expected metadata as model:save "
      .. "writes them, with format \"perilune-model-1\", got format \"perilune-model-9\"",
      load, rewritten(path, function(m) m.format = "perilune-model-9" end))
  end
end

--- An optimizer's file holds, beside a model, the parameters that are not the model's.
function TestModelRefusals.test_a_file_of_an_optimizer()
  local function adam(values) return optim.adamw({ T(values, { requires_grad = true }) }, { lr = 0.5 }) end
  local path = folder .. "/optimizer"
  adam { 1, 2 }:save(path, tiny())
  refuses(path .. ": parameter.1 is f32 2, expected f32 3", function() adam { 1, 2, 3 }:load(path) end)
  for _, steps in ipairs { "1.5", "many", false } do
    refuses(path .. ".changed: no whole number 'steps' in the metadata", function()
      adam { 1, 2 }:load(rewritten(path, function(m) m.steps = steps or nil end))
    end)
  end
end

os.exit(lu.LuaUnit.run())
