--- Frozen models: weights kept as bf16 or as a file has them. Their numbers are tested in Swift, bit by bit.
local lu = require "luaunit"
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local perilune = require "perilune"
local align, models, optim, system = perilune.align, perilune.models, perilune.optim, perilune.system

local path <const> = support.root .. "/Tests/Golden/gguf/llama-q8_0.gguf"
local prompts, responses <const> = { { 1, 2 }, { 3 } }, { { 4, 5, 6 }, { 7, 8 } }

local function refuses(words, f, ...) lu.assertStrContains(support.message(f, ...), words) end

--- Runs `body` with the path of a new folder, which is removed.
local function in_folder(body)
  local folder = support.new_path()
  local ok, problem = pcall(body, folder)
  os.execute(("rm -rf '%s'"):format(folder))
  if not ok then error(problem, 0) end
end

TestFrozenModels = {}

function TestFrozenModels:test_dtype_says_how_weights_are_kept()
  local whole, kept = models.load(path), models.load(path, { dtype = "auto" })
  lu.assertEquals(whole:dtype(), "f32")
  lu.assertStrContains(kept:dtype(), "Q8_0")
  lu.assertStrContains(tostring(kept), "Q8_0")
  lu.assertEquals(models.load(path, { dtype = "bf16" }):dtype(), "bf16")
  lu.assertEquals(kept:num_parameters(), whole:num_parameters())
  lu.assertEquals(kept:logps(prompts, responses):totable(), whole:logps(prompts, responses):totable())
  refuses("dtype", models.load, path, { dtype = "int8" })
  refuses("dtpye", models.load, path, { dtpye = "bf16" })
end

function TestFrozenModels:test_a_frozen_model_does_not_train_and_says_what_does()
  local kept = models.load(path, { dtype = "auto" })
  for _, f in ipairs { optim.adamw, kept.requires_grad_ } do refuses("do not train", f, kept) end
  refuses("dtype = \"f32\"", optim.adamw, kept)
  lu.assertTrue(kept:merged():parameters()[1]:requires_grad())
  lu.assertEquals(kept:merged():hash(), models.load(path):hash())
end

--- Two steps of DPO on fixed pairs.
local function trained(policy, reference, more)
  local pairs_ = {}
  for i = 1, 4 do pairs_[i] = { prompt = { 1, i }, chosen = { 3 + i, 2 }, rejected = { 9, i } } end
  local o = { policy = policy, reference = reference, source = align.sources.offline(pairs_, { batch = 2 }),
    loss = align.loss.dpo {}, steps = 2, quiet = true }
  for name, value in pairs(more or {}) do o[name] = value end
  return align.train(o)
end

function TestFrozenModels:test_a_frozen_reference_trains_a_policy_as_one_in_f32_does()
  local whole = models.load(path)
  local with_kept = trained(whole:clone(), models.load(path, { dtype = "auto" }))
  local with_whole = trained(whole:clone(), whole)
  lu.assertEquals(with_kept.policy:hash(), with_whole.policy:hash())
  lu.assertNotEquals(with_kept.policy:hash(), whole:hash())
end

function TestFrozenModels:test_a_frozen_reward_model_judges_as_one_in_f32_does()
  local folder = support.root .. "/Tests/Golden/rewards/llama"
  local whole, kept = models.load(folder), models.load(folder, { dtype = "auto" })
  local texts = { { 1, 2, 3 }, { 4, 5 } }
  lu.assertEquals(kept:scores(texts):totable(), whole:scores(texts):totable())
  local judge = align.judge.from_model { model = kept, eos = 0 }
  lu.assertEquals(type(judge.prefer), "function")
  refuses("do not train", kept.score_head, kept)
end

function TestFrozenModels:test_adapters_train_on_frozen_weights()
  local kept = models.load(path, { dtype = "bf16" })
  local run = trained(kept:lora { r = 2 }, kept, { lr = 0.01 })
  lu.assertNotEquals(run.policy:logps(prompts, responses):totable(), kept:logps(prompts, responses):totable())
  lu.assertEquals(run.policy:merged():dtype(), "f32")
  -- Gradients pass through the blocks as through the same weights in f32.
  local hashes = {}
  for i, dtype in ipairs { "f32", "auto" } do
    local base = models.load(path, { dtype = dtype })
    local policy = base:lora { r = 2, targets = "all-linear" }
    hashes[i] = trained(policy, base, { lr = 0.01 }).policy:merged():hash()
  end
  lu.assertEquals(hashes[2], hashes[1])
end

--- dtype = "f32" was taken for the default, and gave bf16 without a word.
function TestFrozenModels:test_adapters_alone_are_loaded_on_weights_of_the_type_that_is_asked_for()
  in_folder(function(folder)
    system.make_folder(folder)
    local file, again = folder .. "/adapters.safetensors", folder .. "/again.safetensors"
    for kept, name in pairs { bf16 = "bf16", auto = "Q8_0" } do
      local base = models.load(path, { dtype = kept })
      lu.assertEquals(base:dtype(), name)
      local policy = trained(base:lora { r = 2 }, base, { lr = 0.01 }).policy
      policy:save(file, { adapters_only = true })
      local as_it_was, widened = models.load(file), models.load(file, { dtype = "f32" })
      lu.assertEquals({ as_it_was:dtype(), as_it_was:base():dtype() }, { name, name })
      lu.assertEquals({ widened:dtype(), widened:base():dtype() }, { "f32", "f32" })
      -- The numbers are those that the adapters were trained on.
      lu.assertEquals(as_it_was:hash(), policy:hash())
      lu.assertEquals(widened:merged():hash(), policy:merged():hash())
      lu.assertEquals(models.load(file, { dtype = kept }):hash(), policy:hash())
      local other = kept == "auto" and "bf16" or "auto"
      refuses(("trained on weights kept as %s, not %s: leave dtype out, or give \"f32\""):format(kept, other),
        models.load, file, { dtype = other })
      -- The base is still the file's: the adapters alone are written again.
      widened:save(again, { adapters_only = true })
      lu.assertEquals(models.load(again):hash(), policy:hash())
    end
  end)
end

function TestFrozenModels:test_a_run_says_how_its_reference_is_kept()
  local whole = models.load(path)
  in_folder(function(folder)
    for _, dtype in ipairs { "bf16", "f32" } do
      local run = { name = dtype, folder = folder }
      trained(whole:clone(), models.load(path, { dtype = dtype }), { run = run })
      local said = perilune.run.read(dtype, folder):dump():match "param\treference_dtype\t([^\n]*)"
      lu.assertEquals(said, dtype ~= "f32" and dtype or nil)
    end
  end)
end

function TestFrozenModels:test_a_reference_that_moves_must_be_f32()
  local kept = models.load(path, { dtype = "bf16" })
  refuses("sync_ref_model moves the reference, whose weights are kept as bf16", trained, models.load(path),
    kept, { sync_ref_model = true })
end

function TestFrozenModels:test_a_frozen_model_is_written_as_f32()
  in_folder(function(folder)
    local kept = models.load(path, { dtype = "auto" })
    system.make_folder(folder)
    kept:save(folder .. "/model.safetensors")
    models.save(kept, folder .. "/folder")
    for _, name in ipairs { "model.safetensors", "folder" } do
      lu.assertEquals(models.load(folder .. "/" .. name):logps(prompts, responses):totable(),
        kept:logps(prompts, responses):totable())
    end
  end)
end

os.exit(lu.LuaUnit.run())
