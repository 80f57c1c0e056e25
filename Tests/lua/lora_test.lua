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

-- scripts/golden/adapters.py: PEFT 0.21.2, torch 2.15.0, transformers 5.24.0.
local folders_of_peft <const> = {
  "gpt2", "gpt2-pattern", "llama", "gemma3", "qwen2-head", "qwen2-embedding", "qwen3-both", "gemma3-norm",
  "gpt2-copies", "reward-llama", "reward-gpt2",
}
local golden <const> = support.root .. "/Tests/Golden/"

--- The logits of a text of a model, or its score.
local function outputs(model, tokens)
  if model:config().head == "score" then return model:scores { tokens } end
  return model:logits { tokens }
end

local function opened(name)
  local folder = golden .. "adapters/" .. name
  local expected = formats.load_json(folder .. "/expected.json")
  return folder, expected, models.load(golden .. "models/" .. expected.base)
end

function TestLora:test_folders_of_peft()
  for _, name in ipairs(folders_of_peft) do
    local folder, expected, base = opened(name)
    local policy = base:load_adapter(folder)
    local logits = T(expected.logits)
    close(outputs(policy, expected.tokens), logits, 2e-5)
    close(outputs(policy:merged(), expected.tokens), logits, 2e-5)
    lu.assertTrue((outputs(base, expected.tokens) - logits):abs():max():item() > 0.01)
    local copy = support.new_path()
    policy:save_adapter(copy)
    lu.assertEquals(base:load_adapter(copy):hash(), policy:hash())
    local stored = formats.load_tensors(copy .. "/adapter_model.safetensors")
    for key, tensor in pairs(formats.load_tensors(folder .. "/adapter_model.safetensors")) do
      local found = stored[key]
      lu.assertNotNil(found, name .. " " .. key)
      -- Gemma's norms are stored as 1 less, which rounds.
      local bound = key:find "norm" and 1e-7 or 0
      lu.assertTrue((found - tensor):abs():max():item() <= bound, name .. " " .. key)
      stored[key] = nil
    end
    lu.assertNil(next(stored), name)
    os.execute("rm -r " .. copy)
  end
end

--- Sums of squared gradients of all that PEFT trains, and of nothing else.
function TestLora:test_gradients_are_those_of_peft()
  for _, name in ipairs(folders_of_peft) do
    local folder, expected, base = opened(name)
    local policy = base:load_adapter(folder)
    local first, rest = { expected.tokens[1] }, table.move(expected.tokens, 2, #expected.tokens, 1, {})
    local loss = policy:config().head == "score" and policy:scores { expected.tokens }:sum()
      or -policy:logps({ first }, { rest }):sum()
    loss:backward()
    local own = named(policy)
    for key, wanted in pairs(expected.gradient_squares) do
      local tensor = own[key:gsub("^base_model%.model%.", ""):gsub("%.default", "")]
      lu.assertNotNil(tensor, name .. " " .. key)
      support.close(tensor:grad():to "f64":square():sum():item() / wanted, 1, 1e-3, name .. " " .. key)
      own[key:gsub("^base_model%.model%.", ""):gsub("%.default", "")] = nil
    end
    for key, tensor in pairs(own) do lu.assertNil(tensor:grad(), name .. " " .. key) end
  end
end

--- Copies begin as what they replace, train beside the adapters, and leave the base as it is.
function TestLora:test_modules_to_save()
  for style, saved in pairs {
    llama = { "lm_head", "embed_tokens", "model.norm", "o_proj" },
    gpt2 = { "wte", "wpe", "ln_f", "mlp.c_proj" },
  } do
    local base = base_of(style)
    local before = base:hash()
    local policy = base:lora { r = 2, modules_to_save = saved }
    lu.assertEquals(policy:logits(prompts):totable(), base:logits(prompts):totable())
    lu.assertFalse(policy:config().tied)
    lu.assertTrue(policy:base():config().tied)
    local optimizer = optim.adamw(policy, { lr = 0.1 })
    for _ = 1, 2 do optim.step(optimizer, -policy:logps(prompts, responses):sum()) end
    lu.assertEquals(base:hash(), before)
    local by_name, moved = named(policy), 0
    for name, tensor in pairs(by_name) do
      if name:find "%.modules_to_save%." then
        moved = moved + 1
        lu.assertTrue(tensor:grad():abs():max():item() > 0, name)
      end
    end
    lu.assertEquals(moved, style == "llama" and 5 or 8)
    for _, other in ipairs { policy:clone(), policy:merged() } do
      close(other:logits(prompts), policy:logits(prompts), 1e-5)
      lu.assertEquals(other:sample(prompts, { max_new_tokens = 5, temperature = 0 }):response(1),
        policy:sample(prompts, { max_new_tokens = 5, temperature = 0 }):response(1))
    end
    lu.assertEquals(policy:clone():hash(), policy:hash())
    local path = support.new_path()
    policy:save(path)
    local again = models.load(path)
    lu.assertEquals(again:hash(), policy:hash())
    lu.assertEquals(again:base():hash(), before)
    lu.assertEquals(again:logits(prompts):totable(), policy:logits(prompts):totable())
    os.remove(path)
    if style == "llama" then
      local folder = support.new_path()
      models.save(policy, folder)
      close(models.load(folder):logits(prompts), policy:logits(prompts), 1e-5)
      os.execute("rm -r " .. folder)
    end
  end
end

--- As in PEFT, whose SEQ_CLS saves `score` without being asked.
function TestLora:test_a_reward_model_trains_its_head_beside_the_adapters()
  local reward = base_of "llama":score_head { seed = 5 }
  local policy = reward:lora { r = 2 }
  lu.assertTrue(named(policy)["score.modules_to_save.weight"]:requires_grad())
  lu.assertFalse(named(policy)["score.weight"]:requires_grad())
  lu.assertEquals(policy:scores(prompts):totable(), reward:scores(prompts):totable())
  local folder = support.new_path()
  policy:save_adapter(folder)
  lu.assertEquals(formats.load_json(folder .. "/adapter_config.json").task_type, "SEQ_CLS")
  lu.assertEquals(reward:load_adapter(folder):hash(), policy:hash())
  refuses("the base has no score head", reward.load_adapter, base_of "llama", folder)
  os.execute("rm -r " .. folder)
end

function TestLora:test_adapters_that_are_refused_by_name()
  local base = models.load(golden .. "models/gpt2-a")
  local folder = support.new_path()
  base:load_adapter(golden .. "adapters/gpt2"):save_adapter(folder)
  local config = formats.load_json(folder .. "/adapter_config.json")
  for key, change in pairs {
    use_dora = true, modules_to_save = "lm_head", peft_type = "IA3", bias = "all", r = 0,
    trainable_token_indices = { 1 }, exclude_modules = { "c_proj" }, layers_to_transform = { 0 },
    target_parameters = { "x" }, use_qalora = true, lora_bias = true, ensure_weight_tying = true,
    kasa_config = { beta = 1 }, megatron_config = { x = 1 }, a_field_of_later = 1,
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
  for _, initial in ipairs { "mica", "lora_ga", "olora", "corda", "loftq" } do
    local changed = {}
    for k, v in pairs(config) do changed[k] = v end
    changed.init_lora_weights = initial
    save(folder .. "/adapter_config.json", formats.json_encode(changed))
    refuses(("init_lora_weights \"%s\""):format(initial), base.load_adapter, base, folder)
  end
  save(folder .. "/adapter_config.json", formats.json_encode(config))
  refuses("no module matches the targets \"c_attn\", \"c_proj\"", base.load_adapter,
    models.load(golden .. "models/llama-a"), folder)
  config.target_modules = { "c_attn", "c_proj", "c_fc" }
  save(folder .. "/adapter_config.json", formats.json_encode(config))
  refuses("has no tensor 'h.0.mlp.c_fc.lora_A.weight'", base.load_adapter, base, folder)
  config.target_modules = { "c_attn", "wte" }
  save(folder .. "/adapter_config.json", formats.json_encode(config))
  refuses("adapters of 'transformer.wte' (lora_embedding_A", base.load_adapter, base, folder)
  config.target_modules, config.modules_to_save = { "c_attn", "c_proj" }, { "wpe" }
  save(folder .. "/adapter_config.json", formats.json_encode(config))
  refuses("has no tensor 'wpe.weight'", base.load_adapter, base, folder)
  config.modules_to_save = nil
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
  refuses("no module matches the targets \"c_attn\"; the modules are down_proj, gate_proj, k_proj",
    function() base:lora { targets = { "c_attn" } } end)
  for words, given in pairs {
    ['"vproj" matches no module; the modules are down_proj'] = { targets = { "q_proj", "vproj" } },
    ['"lmhead" matches no module'] = { modules_to_save = { "lmhead", "lm_head" } },
    ['"up_proj" matches no module'] = { rank_pattern = { up_proj = 2 } },
    ['"k_proj" matches no module'] = { alpha_pattern = { k_proj = 2 } },
    ["adapters of 'model.embed_tokens'"] = { targets = { "q_proj", "embed_tokens" } },
    ["adapters of 'lm_head'"] = { targets = { "q_proj", "lm_head" } },
    ["'model.layers.0.self_attn.q_proj' is a part of one weight"] = { modules_to_save = { "q_proj" },
      targets = { "v_proj" } },
    ["option 'modules_to_save'"] = { modules_to_save = 3 },
  } do
    refuses(words, base.lora, base, given)
  end
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
