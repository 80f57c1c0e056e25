--- Training in less memory: layers computed again, logits in parts, moments in bfloat16, checkpoints of
-- adapters without their base.
local lu = require "luaunit"
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local perilune = require "perilune"
local align, models, optim, system, T = perilune.align, perilune.models, perilune.optim, perilune.system,
  perilune.tensor

--- A model of several layers whose weights are no longer those it was made with.
local function model_of(more)
  return models.transformer(toy.with({
    style = "llama", vocab = 12, dim = 32, layers = 6, heads = 4, kv_heads = 2, max_length = 64, seed = 3,
  }, more))
end

local function ids(count, name)
  local list = {}
  for k = 1, count do list[k] = math.floor(system.uniform(1, name, k) * 12) end
  return list
end

--- Eight pairs of 48 tokens.
local source = { name = "pairs", batch = function()
  local pairs_of_step = {}
  for i = 1, 8 do
    pairs_of_step[i] = {
      prompt = ids(8, "prompt" .. i), chosen = ids(40, "chosen" .. i), rejected = ids(40, "rejected" .. i),
    }
  end
  return pairs_of_step
end }

local function train(policy, more)
  return align.train(toy.with({
    policy = policy, source = source, loss = align.loss.simpo {}, steps = 2, lr = 1e-3, quiet = true,
    instruments = false,
  }, more))
end

--- The peak of tensors within f(), in bytes above what there was before.
local function peak(f, ...)
  collectgarbage()
  collectgarbage()
  local before = T.memory().live
  T.reset_peak()
  f(...)
  return T.memory().peak - before
end

TestCheckpointing = {}

function TestCheckpointing.test_a_step_has_the_same_bits_and_less_memory_in_every_trainer()
  local base = model_of()
  local function lora() return base:lora { r = 2, targets = "all-linear" } end
  local function full() return base:clone() end
  for _, make in ipairs { full, lora } do
    for _, more in ipairs {
      {}, { reference = base, loss = align.loss.dpo {}, gradient_accumulation_steps = 2 },
    } do
      local found = {}
      for _, on in ipairs { false, true } do
        local policy = make()
        local bytes = peak(train, policy, toy.with(more, { gradient_checkpointing = on }))
        found[on] = { bytes = bytes, hash = policy:hash() }
      end
      lu.assertEquals(found[true].hash, found[false].hash)
      lu.assertTrue(found[true].bytes < 0.6 * found[false].bytes, ("%d of %d bytes"):format(
        found[true].bytes, found[false].bytes))
    end
  end
end

function TestCheckpointing.test_fine_tuning_has_the_same_bits_and_one_place_in_the_cache()
  local words = require "perilune.tasks.words"
  local tokenizer = words.tokenizer { "a", "b", "c", "d" }
  local task = {
    name = "mine", tokenizer = tokenizer, model = { dim = 16, layers = 4, heads = 2, max_length = 64 },
    sft = { steps = 2, batch = 4, lr = 1e-2 },
    settings = function() return {} end,
    text = function() return tokenizer:encode(("a b c d "):rep(12)) end,
  }
  local own, folder = system.cache_folder, support.new_path()
  system.make_folder(folder)
  system.cache_folder = function() return folder end
  local done, problem = pcall(function()
    local function tune(more) return align.sft(task, toy.with({ quiet = true }, more)) end
    local plain = tune { cache = false }
    lu.assertEquals(tune { cache = false, gradient_checkpointing = true }:hash(), plain:hash())
    tune { gradient_checkpointing = true }
    local _, info = tune {}
    lu.assertTrue(info.cached)
    _, info = tune { moments = "bf16" }
    lu.assertFalse(info.cached)
    local function bytes(on) return peak(tune, { cache = false, gradient_checkpointing = on }) end
    lu.assertTrue(bytes(true) < 0.7 * bytes(false))
  end)
  system.cache_folder = own
  os.execute(("rm -r '%s'"):format(folder))
  if not done then error(problem, 0) end
end

TestHead = {}

--- A vocabulary of 2^20: 128 MB are the logits of 32 states, and 80 are read.
function TestHead.test_logits_of_a_batch_are_never_whole()
  local wide = models.transformer { style = "gpt2", vocab = 1 << 20, dim = 2, layers = 1, heads = 1,
    max_length = 96, seed = 1 }
  local rows = models.rows({ { 1 } }, { ids(80, "wide") })
  local part = 32 * (1 << 20) * 4
  for _, name in ipairs { "logps", "entropy", "log_collision" } do
    wide:zero_grad()
    local function backward() wide:outputs(rows, { name })[name]:sum():backward() end
    lu.assertTrue(peak(backward) < 1.5 * part, name)
    lu.assertTrue(peak(T.no_grad, wide.outputs, wide, rows, { name }) < 1.5 * part, name)
  end
end

--- A frozen head gets no gradient: not even for a moment.
function TestHead.test_gradients_of_frozen_weights_are_never_made()
  local base = models.transformer { style = "gpt2", vocab = 1 << 16, dim = 32, layers = 1, heads = 1,
    max_length = 16, seed = 1 }
  local table_bytes = (1 << 16) * 32 * 4
  local policy = base:lora { r = 2 }
  local rows = models.rows({ { 1 } }, { { 2, 3, 4, 5 } })
  local function backward(model) model:token_logps(rows):sum():backward() end
  lu.assertTrue(peak(backward, policy) < table_bytes / 2)
  lu.assertTrue(peak(backward, base:clone()) > table_bytes)
  for i, tensor in ipairs(policy:base():parameters()) do lu.assertNil(tensor:grad(), i) end
end

TestMoments = {}

--- 300 steps of a small model to its end: the loss with moments in bfloat16 follows that with f32.
function TestMoments.test_training_follows_that_with_f32()
  local rows = models.rows({ { 1 }, { 2 }, { 3 } }, { ids(20, "x"), ids(20, "y"), ids(20, "z") })
  local function losses(moments)
    local model, list = model_of { layers = 2 }, {}
    local adam = optim.adamw(model, { lr = 3e-3, moments = moments })
    for step = 1, 300 do
      list[step] = optim.step(adam, -model:token_logps(rows):mean(), { max_grad_norm = 1 })
    end
    return list
  end
  local half, full = losses "bf16", losses "f32"
  lu.assertTrue(full[300] < 0.05 * full[1])
  lu.assertNotEquals(half[300], full[300])
  for _, step in ipairs { 1, 10, 50, 100 } do
    support.close(half[step], full[step], 0.03, "loss of step " .. step)
  end
  lu.assertTrue(half[300] < 1.25 * full[300] + 1e-3)
end

function TestMoments.test_half_the_memory_and_a_file_from_which_the_same_bits_follow()
  local model = model_of()
  local function optimizer(of, moments) return optim.adamw(of, { lr = 1e-2, moments = moments }) end
  support.close(peak(optimizer, model, "bf16") / peak(optimizer, model, "f32"), 0.5, 0.05)
  local rows = models.rows({ { 1 }, { 2 } }, { ids(9, "x"), ids(9, "y") })
  local function step(of, adam) optim.step(adam, -of:token_logps(rows):mean()) end
  local adam = optimizer(model, "bf16")
  for _ = 1, 3 do step(model, adam) end
  local path, copy = os.tmpname(), model:clone()
  adam:save(path)
  local again = optimizer(copy, "bf16")
  again:load(path)
  lu.assertEquals(again:steps(), 3)
  for _ = 1, 3 do
    step(model, adam)
    step(copy, again)
  end
  lu.assertEquals(copy:hash(), model:hash())
  local about = perilune.formats.load_tensors(path)
  lu.assertEquals(about["exp_avg.1"]:dtype(), "f32")
  lu.assertTrue(#assert(io.open(path, "rb")):read "a" < 2.2 * 2 * model:num_parameters())
  local wide = optimizer(copy, "f32")
  wide:load(path)
  step(copy, wide)
  wide:save(path)
  lu.assertStrContains(support.message(again.load, again, path), "expected moments in bf16")
  os.remove(path)
end

function TestMoments.test_only_adamw_has_them()
  lu.assertStrContains(support.message(train, model_of(), { optimizer = "sgd", moments = "bf16" }),
    "sgd has no option 'moments'")
  lu.assertStrContains(support.message(train, model_of(), { moments = "f16" }),
    "option 'moments' must be one of")
end

TestAdapters = {}

local function remove(path) os.execute(("rm -rf '%s'"):format(path)) end

function TestAdapters.test_a_file_of_adapters_names_its_base()
  local folder = support.new_path()
  system.make_folder(folder)
  local base_path, path = folder .. "/base.safetensors", folder .. "/policy.safetensors"
  model_of():save(base_path)
  local base = models.load(base_path)
  local policy = base:lora { r = 2, targets = "all-linear" }
  T.no_grad(function() for _, t in ipairs(policy:parameters()) do
    if t:requires_grad() then t:copy_(T.randn(t:size(), { seed = 1 })) end
  end end)
  local function size() return #assert(io.open(path, "rb")):read "a" end
  policy:save(path)
  local whole = size()
  policy:save(path, { adapters_only = true })
  lu.assertTrue(size() < whole / 3)
  lu.assertEquals(models.describe(path).stated.base_hash, base:hash())
  for _, again in ipairs { models.load(path), base:load_adapter(path) } do
    lu.assertEquals({ again:hash(), again:base():hash() }, { policy:hash(), base:hash() })
  end
  lu.assertStrContains(support.message(base.load_adapter, base, base_path), "expected adapters alone")
  lu.assertStrContains(support.message(base.load_adapter, model_of { seed = 4 }, path),
    "its weights are others than when the adapters were written")
  -- A base that is no longer what its file holds is written with the adapters.
  T.no_grad(function() base:parameters()[1]:mul_(2) end)
  policy:save(path .. ".2", { adapters_only = true })
  lu.assertEquals(models.load(path .. ".2"):hash(), policy:hash())
  system.write_file(base_path, assert(io.open(path, "rb")):read "a")
  lu.assertStrContains(support.message(models.load, path), "it holds adapters alone itself")
  model_of { seed = 5 }:save(base_path)
  lu.assertStrContains(support.message(models.load, path),
    "its weights are others than when the adapters were written")
  os.remove(base_path)
  lu.assertStrContains(support.message(models.load, path), "its adapters belong to the model")
  remove(folder)
end

function TestAdapters.test_a_run_is_saved_without_the_base_and_goes_on()
  local folder = support.new_path()
  system.make_folder(folder)
  local base_path, saved = folder .. "/base.safetensors", folder .. "/saved"
  model_of { vocab = 512, layers = 2 }:save(base_path)
  local base = models.load(base_path)
  local dpo, options = align.loss.dpo {}, { checkpoint_every = 1, moments = "bf16" }
  local given = { source = source, loss = dpo, reference = base, quiet = true }
  local function run(steps)
    return train(base:lora { r = 2 }, toy.with(options, toy.with(given, { steps = steps })))
  end
  run(2):save(saved)
  local function bytes(name) return #assert(io.open(saved .. "/" .. name, "rb")):read "a" end
  for _, name in ipairs { "policy.safetensors", "checkpoint-1.safetensors" } do
    lu.assertTrue(bytes(name) < 0.25 * 4 * base:num_parameters(), name)
  end
  local again = align.runs.load(saved, given)
  lu.assertEquals(again.options.moments, "bf16")
  lu.assertEquals(again:resume(4).policy:hash(), run(4).policy:hash())
  -- Without the model at hand it is read from its file.
  local alone = { source = source, loss = dpo, reference = model_of { vocab = 512, layers = 2, seed = 9 } }
  lu.assertStrContains(support.message(align.runs.load, saved, alone), "the reference is not the model")
  os.remove(base_path)
  lu.assertStrContains(support.message(align.runs.load, saved, alone), "its adapters belong to the model")
  remove(folder)
end

function TestAdapters.test_a_job_that_is_cut_goes_on_from_adapters()
  local folder = support.new_path()
  system.make_folder(folder)
  model_of { vocab = 512, layers = 2 }:save(folder .. "/base.safetensors")
  local base = models.load(folder .. "/base.safetensors")
  local function run(steps, more)
    local given = { loss = align.loss.dpo {}, reference = base, steps = steps }
    return train(base:lora { r = 2 }, toy.with(given, more))
  end
  run(2, { run = { name = "r", folder = folder } })
  local newest = require "perilune.native.run".newest(folder .. "/r")
  lu.assertTrue(#assert(io.open(newest .. "/policy.safetensors", "rb")):read "a" < base:num_parameters())
  lu.assertEquals(models.load(newest .. "/policy.safetensors"):base():hash(), base:hash())
  remove(folder)
end

TestRefusals = {}

--- Calls f() with each of its allocations of Lua's heap refused once: a memory error, or the right result.
local function each_refused(f)
  local expected, first = f(), 1
  while true do
    local refused, ok, found = system.refuse_memory(f, first, 2, "lua")
    if refused == 0 then break end
    if ok then
      lu.assertEquals(found, expected, "allocation " .. first)
    else
      lu.assertTrue(system.is_out_of_memory(found), tostring(found))
    end
    first = first + 1
  end
  lu.assertTrue(first > 2)
end

--- Each of these asked by pcall, and took a lack of memory for an answer.
function TestRefusals.test_a_lack_of_memory_is_no_answer()
  local files, plain = require "perilune.align.runs.files", require "perilune.plain"
  local identity = require "perilune.run.identity"
  local values = { beta = 0.1, name = "dpo", list = { 1, 2 }, f = print }
  each_refused(function() return plain.encode(files.plain_part(values)) end)
  each_refused(function() return (identity.of({ lr = 0.1, model = { dim = 8 } }, "test")) end)
  local marker = require "perilune.notebook.marker"
  each_refused(function() return marker.read("-- %% x a=1 b=2").metadata.b end)
  each_refused(function() return perilune.help.page "align.loss.dpo" end)
end

function TestRefusals.test_an_attempt_raises_a_lack_of_memory_and_ctrl_c_again()
  local attempt = require "perilune.attempt"
  lu.assertEquals({ attempt.call(error, "no", 0) }, { false, "no" })
  lu.assertEquals(support.message(attempt.call, error, "not enough memory", 0), "not enough memory")
  local ok, problem = pcall(attempt.call, system.interrupt, "enough")
  lu.assertFalse(ok)
  lu.assertTrue(system.is_interrupt(problem))
  local function loaded() return attempt.load "return 1" end
  local refused, done, why = system.refuse_memory(loaded, 1, nil, "lua")
  lu.assertTrue(refused > 0)
  lu.assertFalse(done)
  lu.assertTrue(system.is_out_of_memory(why))
  lu.assertFalse(system.is_out_of_memory "no number")
end

function TestRefusals.test_a_checkpoint_that_fails_leaves_nothing()
  local folder = support.new_path()
  system.make_folder(folder)
  local job = perilune.run.open {
    name = "r", folder = folder, config = {}, checkpoint_every = 10,
    state = { model = model_of(), more = { list = ids(20, "x") } },
  }
  for _ in job:steps(3) do
    local first = 1
    repeat
      local refused, ok = system.refuse_memory(function() job:checkpoint() end, first, nil, "all")
      local path = folder .. "/r/checkpoints"
      for _, name in ipairs(system.exists(path) and system.list_folder(path) or {}) do
        lu.assertTrue(name:find "^step%-" ~= nil, ("%s after allocation %d, %s"):format(name, first, ok))
      end
      first = first + 7
    until refused == 0
  end
  os.execute(("rm -r '%s'"):format(folder))
end

function TestRefusals.test_what_is_refused_is_checked()
  local refuse = system.refuse_memory
  lu.assertStrContains(support.message(refuse, print, 0), "expected 1 or more, got 0")
  lu.assertStrContains(support.message(refuse, print, 1, 1, "disk"),
    "expected lua, tensors or all, got 'disk'")
  lu.assertEquals({ refuse(function() return 7 end, 1, 1, "tensors") }, { 0, true, 7 })
end

os.exit(lu.LuaUnit.run())
