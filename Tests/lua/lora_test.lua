--- Low-rank adapters: against the identities of their definition, and against the model under them.
local lu = require "luaunit"
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local perilune = require "perilune"
local T, models, optim, formats = perilune.tensor, perilune.models, perilune.optim, perilune.formats

local styles <const> = {
  gpt2 = { "c_attn", "c_proj", "c_fc" },
  llama = { "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj" },
}

local function base_of(style)
  return models.transformer { style = style, vocab = 13, dim = 12, layers = 2, heads = 3, kv_heads = 1,
    max_length = 16, seed = 3 }
end

local function named(model)
  local tensors, names = model:parameters()
  local by_name = {}
  for i, name in ipairs(names) do by_name[name] = tensors[i] end
  return by_name
end

--- Gives every B random values, since they begin at 0.
local function trained(model)
  for name, tensor in pairs(named(model)) do
    if name:find "lora_B" then
      T.no_grad(function() tensor:copy_(T.randn(tensor:size(), { seed = #name }) * 0.3) end)
    end
  end
  return model
end

local prompts, responses <const> = { { 1, 2 }, { 3 }, { 4, 5, 6 } }, { { 7, 8, 9 }, { 10, 11 }, { 12 } }

--- Fails unless two tensors agree within `tolerance` of the largest element.
local function close(actual, expected, tolerance)
  local largest = math.max(1, expected:detach():abs():max():item())
  support.close((actual - expected):detach():abs():max():item() / largest, 0, tolerance)
end

local function save(path, text)
  local file <close> = assert(io.open(path, "wb"))
  file:write(text)
end

local function refuses(words, f, ...) lu.assertStrContains(support.message(f, ...), words) end

TestLora = {}

function TestLora:test_begins_as_its_base_and_shares_its_weights()
  for style in pairs(styles) do
    local base = base_of(style)
    local before = base:logits(prompts)
    local policy = base:lora { r = 2, targets = "all-linear" }
    lu.assertEquals(policy:logits(prompts):totable(), before:totable())
    lu.assertEquals(policy:base():hash(), base:hash())
    T.no_grad(function() base:parameters()[1]:mul_(2) end)
    lu.assertEquals(policy:parameters()[1]:totable(), base:parameters()[1]:totable())
  end
end

function TestLora:test_merged_computes_the_same_and_so_do_sampling_and_clone()
  for style, targets in pairs(styles) do
    for _, some in ipairs { targets, { targets[1] }, { targets[1], targets[#targets] } } do
      local policy = trained(base_of(style):lora { r = 3, alpha = 5, targets = some, rslora = #some == 1 })
      local merged = policy:merged()
      close(policy:logits(prompts), merged:logits(prompts), 1e-5)
      close(policy:logps(prompts, responses), merged:logps(prompts, responses), 1e-5)
      lu.assertTrue((policy:logits(prompts) - policy:base():logits(prompts)):abs():max():item() > 1e-5)
      local options = { max_new_tokens = 8, temperature = 0 }
      local drawn, wanted = policy:sample(prompts, options), merged:sample(prompts, options)
      lu.assertEquals(drawn:response(1), wanted:response(1))
      lu.assertEquals(policy:clone():hash(), policy:hash())
      lu.assertEquals(policy:clone():logits(prompts):totable(), policy:logits(prompts):totable())
    end
  end
end

--- d loss / dA = s B^T dW and d loss / dB = s dW A^T, with dW the gradient of the merged weight.
function TestLora:test_gradients_are_those_of_the_merged_weight()
  local policy = trained(base_of "llama":lora {
    r = 3, alpha = 6, targets = { "q_proj", "v_proj", "down_proj" },
  })
  local merged = policy:merged()
  for _, model in ipairs { policy, merged } do model:logps(prompts, responses):sum():backward() end
  local own, whole = named(policy), named(merged)
  local qkv = whole["layers.1.attention.qkv.weight"]:grad()
  for module, dw in pairs {
    ["model.layers.1.self_attn.q_proj"] = qkv:narrow(1, 1, 12),
    ["model.layers.1.self_attn.v_proj"] = qkv:narrow(1, 17, 4),
    ["model.layers.1.mlp.down_proj"] = whole["layers.1.mlp.down.weight"]:grad(),
  } do
    local a, b = own[module .. ".lora_A.weight"], own[module .. ".lora_B.weight"]
    close(a:grad(), b:detach():t():matmul(dw) * 2, 1e-4)
    close(b:grad(), dw:matmul(a:detach():t()) * 2, 1e-4)
  end
  lu.assertNil(own["layers.1.attention.qkv.weight"]:grad())
end

function TestLora:test_saved_and_loaded()
  local path = os.tmpname()
  local policy = trained(base_of "llama":lora {
    r = 3, alpha = 5, targets = { "q_proj", "up_proj" }, rslora = true,
  })
  policy:save(path)
  local loaded = models.load(path)
  lu.assertEquals(loaded:hash(), policy:hash())
  lu.assertEquals(loaded:logits(prompts):totable(), policy:logits(prompts):totable())
  lu.assertEquals(loaded:base():hash(), policy:base():hash())
  os.remove(path)
end

function TestLora:test_only_adapters_train_and_only_they_change()
  local base = base_of "gpt2"
  local before = base:hash()
  local policy = base:lora { r = 2 }
  local optimizer = optim.adamw(policy, { lr = 0.1 })
  lu.assertEquals(#optimizer:parameters(), 4)
  for _ = 1, 3 do
    local loss = -policy:logps(prompts, responses):sum()
    optim.step(optimizer, loss)
  end
  lu.assertEquals(base:hash(), before)
  lu.assertNotEquals(policy:merged():hash(), before)
end

function TestLora:test_ranks_and_alphas_of_some_modules()
  local policy = base_of "llama":lora {
    r = 2, targets = [[model\.layers\.\d\.self_attn\.[qk]_proj]],
    rank_pattern = { k_proj = 3, ["0.self_attn.q_proj"] = 1 },
  }
  local by_name = named(policy)
  local ranks = { ["0.self_attn.q_proj"] = 1, ["1.self_attn.q_proj"] = 2, ["1.self_attn.k_proj"] = 3 }
  for name, rank in pairs(ranks) do
    lu.assertEquals(by_name["model.layers." .. name .. ".lora_A.weight"]:size(1), rank)
  end
  lu.assertNil(by_name["model.layers.0.self_attn.v_proj.lora_A.weight"])
end

--- Logits of PEFT 0.21.2: scripts/golden/adapters.py.
function TestLora:test_folders_of_peft()
  local golden = support.root .. "/Tests/Golden/"
  for _, name in ipairs { "gpt2", "gpt2-pattern", "llama", "gemma3" } do
    local folder = golden .. "adapters/" .. name
    local expected = formats.load_json(folder .. "/expected.json")
    local base = models.load(golden .. "models/" .. expected.base)
    local policy = base:load_adapter(folder)
    local logits = T(expected.logits)
    close(policy:logits { expected.tokens }, logits, 2e-5)
    close(policy:merged():logits { expected.tokens }, logits, 2e-5)
    lu.assertTrue((base:logits { expected.tokens } - logits):abs():max():item() > 0.01)
    local copy = support.new_path()
    policy:save_adapter(copy)
    lu.assertEquals(base:load_adapter(copy):hash(), policy:hash())
    local stored = formats.load_tensors(copy .. "/adapter_model.safetensors")
    for key, tensor in pairs(formats.load_tensors(folder .. "/adapter_model.safetensors")) do
      lu.assertEquals(stored[key]:totable(), tensor:totable())
    end
    os.execute("rm -r " .. copy)
  end
end

function TestLora:test_adapters_that_are_refused_by_name()
  local golden = support.root .. "/Tests/Golden/"
  local base = models.load(golden .. "models/gpt2-a")
  local folder = support.new_path()
  base:load_adapter(golden .. "adapters/gpt2"):save_adapter(folder)
  local config = formats.load_json(folder .. "/adapter_config.json")
  for key, change in pairs {
    use_dora = true, modules_to_save = { "lm_head" }, peft_type = "IA3", bias = "all", r = 0,
    lora_alpha = "x", target_modules = 3, init_lora_weights = "pissa_niter_4", use_rslora = 1,
    layer_replication = { { 0, 1 } }, rank_pattern = { c_attn = "x" },
  } do
    local changed = {}
    for k, v in pairs(config) do changed[k] = v end
    changed[key] = change
    save(folder .. "/adapter_config.json", formats.json_encode(changed))
    refuses(key, base.load_adapter, base, folder)
  end
  save(folder .. "/adapter_config.json", formats.json_encode(config))
  refuses("no module matches the targets", base.load_adapter, models.load(golden .. "models/llama-a"), folder)
  config.target_modules = { "c_attn", "c_proj", "c_fc" }
  save(folder .. "/adapter_config.json", formats.json_encode(config))
  refuses("has no tensor 'h.0.mlp.c_fc.lora_A.weight'", base.load_adapter, base, folder)
  config.target_modules = { "c_attn" }
  save(folder .. "/adapter_config.json", formats.json_encode(config))
  refuses("no weight for the tensor 'base_model.model.transformer.h.0.attn.c_proj.lora_A.weight'",
    base.load_adapter, base, folder)
  os.execute("rm -r " .. folder)
end

function TestLora:test_regular_expressions_that_would_not_end()
  local base = base_of "llama"
  for pattern, words in pairs {
    ["(?<=a{1000}{1000}{1000}{1000}{1000}{1000}{1000})"] = "no one length",
    ["a" .. ("{1}"):rep(100000)] = "more than 8 repetitions",
    ["(?:(?:(?:(?:){1000}){1000}){1000}){1000}"] = "no module matches",
    [("a|"):rep(20000) .. "q"] = "too long",
  } do
    refuses(words, base.lora, base, { targets = pattern })
  end
end

function TestLora:test_refusals()
  local base = base_of "llama"
  refuses("no module matches the targets; the modules are down_proj, gate_proj, k_proj",
    function() base:lora { targets = { "c_attn" } } end)
  refuses("rank 5 for module 'model.layers.0.self_attn.k_proj', expected 1 to 4",
    function() base:lora { r = 5, targets = { "k_proj" } } end)
  refuses("option 'targets': expected a list", function() base:lora { targets = 3 } end)
  refuses("the model has adapters already", function() base:lora { r = 2 }:lora { r = 2 } end)
  local policy = base:lora { r = 2 }
  refuses("shared with the base and stay frozen", policy.requires_grad_, policy, true, "layers.*")
  policy:requires_grad_(true)
  lu.assertFalse(policy:parameters()[1]:requires_grad())
end

os.exit(lu.LuaUnit.run())
