--- Products of bf16 as an option: of models, starts, runs and experiments. Their numbers are tested in Swift.
local lu = require "luaunit"
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local perilune = require "perilune"
local align, models, optim, system = perilune.align, perilune.models, perilune.optim, perilune.system
local results = require "perilune.align.experiment.results"

local shape <const> = { vocab = 12, dim = 16, layers = 1, heads = 2, max_length = 32, seed = 1 }
local prompts, responses <const> = { { 1, 2 }, { 3 } }, { { 4, 5, 6 }, { 7, 8 } }

local function model_of(precision)
  local o = { precision = precision }
  for name, value in pairs(shape) do o[name] = value end
  return models.transformer(o)
end

local function refuses(words, f, ...) lu.assertStrContains(support.message(f, ...), words) end

local folder

TestPrecision = {}

function TestPrecision.setUp()
  folder = support.new_path()
  system.make_folder(folder)
end

function TestPrecision.tearDown() os.execute(("rm -rf '%s'"):format(folder)) end

function TestPrecision:test_f32_is_the_default_and_another_precision_is_named()
  lu.assertEquals(model_of():config().precision, "f32")
  lu.assertEquals(model_of():hash(), model_of "f32":hash())
  refuses([[option 'precision': expected one of "f32", "bf16", got "f16"]], model_of, "f16")
  refuses([[precision must be "f32" or "bf16", got "half"]], model_of().with_precision, model_of(), "half")
  refuses([[expected one of "f32", "bf16"]], models.load, "nothing", { precision = "int8" })
end

function TestPrecision:test_the_same_weights_give_other_numbers_near_by()
  local whole = model_of()
  local half = whole:with_precision "bf16"
  local a, b = whole:logps(prompts, responses):totable(), half:logps(prompts, responses):totable()
  for i = 1, 2 do
    lu.assertNotEquals(a[i], b[i])
    support.close(b[i], a[i], 1e-2)
  end
  lu.assertNotEquals(half:hash(), whole:hash())
  lu.assertEquals(half:hash { precision = false }, whole:hash())
  lu.assertIs(half:with_precision("f32"):parameters()[1], whole:parameters()[1])
  local rows = half:sample(prompts, { max_new_tokens = 5, seed = 3 })
  for i, sampled in ipairs(rows:column("logps"):totable()) do
    support.close(sampled, half:token_logps(rows):totable()[i], 1e-3)
  end
end

function TestPrecision:test_files_keep_the_precision_and_folders_of_transformers_do_not()
  local half = model_of "bf16"
  half:save(folder .. "/model.safetensors")
  models.save(half, folder .. "/folder")
  lu.assertEquals(models.load(folder .. "/model.safetensors"):hash(), half:hash())
  lu.assertEquals(models.load(folder .. "/folder"):config().precision, "f32")
  lu.assertEquals(models.load(folder .. "/folder", { precision = "bf16" }):hash(), half:hash())
  local whole = models.load(folder .. "/model.safetensors", { precision = "f32" })
  lu.assertEquals(whole:hash(), model_of():hash())
end

function TestPrecision:test_adapters_in_a_file_without_their_base_keep_the_precision()
  model_of():save(folder .. "/base.safetensors")
  local policy = models.load(folder .. "/base.safetensors", { precision = "bf16" }):lora { r = 2 }
  policy:save(folder .. "/adapters.safetensors", { adapters_only = true })
  local back = models.load(folder .. "/adapters.safetensors")
  lu.assertEquals({ back:config().precision, back:base():config().precision }, { "bf16", "bf16" })
  lu.assertEquals(back:hash(), policy:hash())
end

--- Two steps of DPO on fixed pairs.
local function trained(policy, reference, run)
  local list = {}
  for i = 1, 4 do list[i] = { prompt = { 1, i }, chosen = { 3 + i, 2 }, rejected = { 9, i } } end
  return align.train {
    policy = policy, reference = reference, source = align.sources.offline(list, { batch = 2 }),
    loss = align.loss.dpo {}, steps = 2, lr = 1e-2, quiet = true, run = run,
  }
end

function TestPrecision:test_a_run_says_its_precision_and_is_told_apart_by_it()
  local whole = model_of()
  for _, precision in ipairs { "bf16", "f32" } do
    local start = whole:with_precision(precision)
    local run = trained(start:clone(), start, { name = precision, folder = folder })
    lu.assertEquals(run.policy:config().precision, precision)
    local dump = perilune.run.read(precision, folder):dump()
    for _, of in ipairs { "policy", "reference" } do
      lu.assertEquals(dump:match("param\t" .. of .. "_precision\t([^\n]*)"),
        precision ~= "f32" and precision or nil)
    end
  end
  refuses("reference_precision", trained, whole:clone(), whole,
    { name = "bf16", folder = folder, resume = "must" })
end

function TestPrecision:test_the_reference_multiplies_as_the_policy_and_data_keep_both_apart()
  local list = {}
  for i = 1, 4 do list[i] = { prompt = { 1, i }, chosen = { 3 + i, 2 }, rejected = { 9, i } } end
  local start, data = model_of(), align.sources.offline(list, { batch = 4 })
  for _, precision in ipairs { "f32", "bf16", "f32" } do
    local policy = start:with_precision(precision):clone()
    for _, other in ipairs { "f32", "bf16" } do
      local run = align.train { policy = policy:clone(), reference = start:with_precision(other),
        source = data, quiet = true, loss = align.loss.dpo {}, steps = 1, log_every = 1 }
      lu.assertAlmostEquals(run.log[1].loss, math.log(2), 1e-7)
      lu.assertEquals(run.reference:config().precision, precision)
      lu.assertEquals(run.reference_hash, policy:hash())
    end
  end
  lu.assertEquals(start:config().precision, "f32")
end

function TestPrecision:test_a_policy_that_shares_the_weights_of_the_reference_is_refused()
  local start = model_of()
  refuses("'embedding.weight' of the policy is the reference's too", trained,
    start:with_precision "bf16", start)
  trained(start:with_precision("bf16"):lora { r = 2 }, start)
end

function TestPrecision:test_master_weights_gradients_and_moments_are_f32()
  local half = model_of "bf16"
  local adam = optim.adamw(half, { lr = 1e-6 })
  local before = half:parameters()[1]:totable()
  half:logps(prompts, responses):sum():backward()
  local grad = half:parameters()[1]:grad()
  lu.assertEquals({ half:dtype(), grad:dtype() }, { "f32", "f32" })
  adam:step()
  -- A step that a bf16 could not hold: 1e-6 of weights of 0.02.
  local moved = 0
  for i, row in ipairs(half:parameters()[1]:totable()) do
    for k, value in ipairs(row) do moved = moved + (value ~= before[i][k] and 1 or 0) end
  end
  lu.assertTrue(moved > 100, moved)
end

--- A task whose start is trained.
local function task_of()
  local words = require "perilune.tasks.words"
  local tokenizer = words.tokenizer { "a", "b", "c", "d" }
  return {
    name = "mine", tokenizer = tokenizer, model = { dim = 8, layers = 1, heads = 2, max_length = 16 },
    sft = { steps = 3, batch = 2, lr = 1e-2 }, settings = function() return {} end,
    text = function() return tokenizer:encode "a b c d" end,
  }
end

function TestPrecision:test_a_start_is_cached_by_its_precision()
  local own = system.cache_folder
  system.cache_folder = function() return folder end
  local function tune(precision)
    local model, info = align.sft(task_of(), { precision = precision, quiet = true })
    return { model:config().precision, info.cached }
  end
  local ok, problem = pcall(function()
    lu.assertEquals(tune(), { "f32", false })
    lu.assertEquals(tune "bf16", { "bf16", false })
    lu.assertEquals(tune "f32", { "f32", true })
    lu.assertEquals(tune "bf16", { "bf16", true })
  end)
  system.cache_folder = own
  if not ok then error(problem, 0) end
end

function TestPrecision:test_the_models_of_a_stage_have_one_precision()
  require("perilune.progress").quiet(true)
  local stage = align.experiment.stage {
    task = "sentiment", small = true, precision = "bf16", pairs = 32, batch = 8, prompts = 8, judge_steps = 2,
    start_steps = 2, golden_steps = 2, proxy_dim = 16,
  }
  for _, model in ipairs { stage.start, stage.proxy.model, stage.golden } do
    lu.assertEquals(model:config().precision, "bf16")
  end
end

function TestPrecision:test_the_key_of_a_run_has_the_precision_and_none_without_it()
  local key = results.key("title", { steps = 3 })
  lu.assertNotStrContains(key, "precision")
  lu.assertStrContains(results.key("title", { steps = 3, precision = "bf16" }), "precision=bf16")
end

os.exit(lu.LuaUnit.run())
