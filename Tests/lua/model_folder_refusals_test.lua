--- What config.json of a model and adapter_config.json of an adapter are refused for, by file and key.
local lu = require "luaunit"
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local formats = require "perilune.formats"
local models = require "perilune.models"
local system = require "perilune.system"

local golden <const> = support.root .. "/Tests/Golden/"
local folder

--- Copies files of a folder of Tests/Golden, the settings among them changed by `change(settings)`.
local function copy(from, settings, weights, change)
  local config = formats.json_decode(support.read(golden .. from .. "/" .. settings))
  change(config)
  system.write_file(folder .. "/" .. settings, formats.json_encode(config))
  system.write_file(folder .. "/" .. weights, support.read(golden .. from .. "/" .. weights))
end

TestFolderRefusals = {}

function TestFolderRefusals.setUp()
  folder = support.new_path()
  system.make_folder(folder)
end

function TestFolderRefusals.tearDown() os.execute(("rm -rf '%s'"):format(folder)) end

-- The folder, what is changed, and the message after the path of config.json.
local settings = {
  { "llama-a", function(c) c.rope_parameters = 5 end, "'rope_parameters' must be an object, got 5" },
  { "llama-a", function(c) c.hidden_size = nil end,
    "'hidden_size' must be a whole number from 0 to 16777216, got none" },
  -- Both spellings are in files that several versions of transformers shall read.
  { "llama-a", function(c) c.rope_scaling = { type = "linear" } end,
    "'rope_scaling' must be no other settings than those of 'rope_parameters', got {\"type\":\"linear\"}" },
  { "llama-a", function(c) c.rope_parameters.partial_rotary_factor = 0.5 end,
    "rope_parameters: 'partial_rotary_factor' must be 1: heads that rotate in part are not computed here, "
      .. "got 0.5" },
  { "gemma3-a", function(c) c.rope_parameters.sliding_attention.rope_type = "linear" end,
    "rope_parameters: sliding_attention: 'rope_type' must be \"default\" in sliding layers, got \"linear\"" },
  { "gemma3-a", function(c) c.sliding_window_pattern = 0 end,
    "'sliding_window_pattern' must be from 1 to 4096, got 0" },
  { "gemma3-a", function(c) c.sliding_window_pattern = 4097 end,
    "'sliding_window_pattern' must be from 1 to 4096, got 4097" },
}

function TestFolderRefusals.test_settings_of_a_model()
  for _, case in ipairs(settings) do
    local name, change, message = table.unpack(case)
    copy("models/" .. name, "config.json", "model.safetensors", change)
    lu.assertEquals(support.message(models.load, folder), folder .. "/config.json: " .. message)
  end
end

function TestFolderRefusals.test_patterns_of_an_adapter()
  local base = models.load(golden .. "models/llama-a")
  for _, case in ipairs {
    { "rank_pattern", 3, "3" }, { "rank_pattern", { "q_proj" }, "[\"q_proj\"]" },
    { "alpha_pattern", { q_proj = "x" }, "{\"q_proj\":\"x\"}" },
  } do
    local key, value, shown = table.unpack(case)
    copy("adapters/llama", "adapter_config.json", "adapter_model.safetensors", function(c) c[key] = value end)
    lu.assertEquals(support.message(base.load_adapter, base, folder),
      ("%s/adapter_config.json: '%s' is %s, expected numbers by names of modules"):format(folder, key, shown))
  end
end

--- An adapter with a scale of 0 would never change what the model computes.
function TestFolderRefusals.test_a_scale_of_0()
  local base = models.load(golden .. "models/llama-a")
  copy("adapters/llama", "adapter_config.json", "adapter_model.safetensors",
    function(c) c.alpha_pattern = { q_proj = 0 } end)
  lu.assertEquals(support.message(base.load_adapter, base, folder),
    "the scale of module 'model.layers.0.self_attn.q_proj' is 0.0, expected a number of f32 but 0")
end

os.exit(lu.LuaUnit.run())
