--- Encoder-decoders in the trainers: the encoder reads the prompt, the decoder the response.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local toy = require "toy"
local perilune = require "perilune"
local models, align = perilune.models, perilune.align
local words = require "perilune.tasks.words"

local function model(more)
  return models.transformer(toy.with({
    style = "t5", vocab = 12, dim = 16, layers = 1, encoder_layers = 2, heads = 2, head_dim = 5,
    max_length = 32, relative_buckets = 8, relative_distance = 12, seed = 3,
  }, more))
end

local reference = model()

local function train(more)
  return align.train(toy.with({
    policy = reference:clone(), reference = reference, loss = align.loss.ipo { beta = 0.1 },
    source = align.sources.online(toy.sampling { batch = 8, seed = 3 }), steps = 12, lr = 1e-2, quiet = true,
  }, more))
end

TestModel = {}

function TestModel:test_style_t5_has_its_choices_and_v1_1_is_two_options()
  local small = models.transformer {
    style = "t5", vocab = 12, dim = 16, layers = 1, heads = 2, max_length = 32 }
  local c = small:config()
  lu.assertEquals({ c.encoder_layers, c.activation, c.norm, c.positions }, { 1, "relu", "rms", "relative" })
  lu.assertEquals({ c.tied, c.attention_scale, c.norm_eps }, { true, 1.0, 1e-6 })
  support.close(c.output_scale, 1 / 4, 1e-12)
  local gated = model { activation = "geglu", tied = false, output_scale = 1 }
  lu.assertStrContains(tostring(gated), "[Model 2 + 1 layers, dim 16")
end

function TestModel:test_a_file_and_a_folder_keep_the_model()
  for _, more in ipairs { {}, { activation = "geglu", tied = false, output_scale = 1 } } do
    local one, path = model(more), support.new_path()
    one:save(path)
    lu.assertEquals(models.load(path):hash(), one:hash())
    lu.assertEquals(models.load(path):config(), one:config())
    os.remove(path)
    models.save(one, path)
    local about = models.describe(path)
    lu.assertEquals({ about.family, about.config.encoder_layers }, { "T5 (Hugging Face)", 2 })
    lu.assertEquals(models.load(path):hash(), one:hash())
    for _, name in ipairs { "config.json", "model.safetensors" } do os.remove(path .. "/" .. name) end
    os.remove(path)
  end
end

function TestModel:test_drawn_logps_are_those_of_the_pass_and_kl_to_itself_is_0()
  local rows = reference:sample(toy.prompts, { max_new_tokens = 6, stop = { 1 }, count = 2 })
  local found = reference:token_logps(rows)
  lu.assertIsTrue((found - rows:column "logps"):abs():max():item() < 1e-5)
  local kl, entropy = reference:kl(reference:clone(), rows)
  lu.assertIsTrue(kl:abs():max():item() < 1e-6 and entropy:min():item() > 0)
end

function TestModel:test_the_prompt_matters_and_its_tokens_have_no_probability()
  local a, b = reference:logps({ { 2, 3 }, { 3, 2 } }, { { 4, 5 }, { 4, 5 } })
  lu.assertNotEquals(a:totable()[1], a:totable()[2])
  lu.assertEquals(b:totable(), { 2, 2 })
  lu.assertStrContains(support.message(reference.outputs, reference, models.rows({ { 2, 3 } }, { { 4 } }),
    { "prompt_logps" }), "prompt_logps: an encoder-decoder")
  lu.assertStrContains(support.message(reference.logits, reference, { { 2, 3 } }), "give Rows")
  lu.assertEquals(reference:last_logits(models.rows({ { 2, 3 } }, { { 4 } })):size(), { 1, 12 })
end

function TestModel:test_adapters_with_a_copied_head_are_saved_merged_and_read()
  local path = support.new_path()
  local adapted = model():lora { r = 2, targets = "all-linear", modules_to_save = { "lm_head" } }
  local rows = models.rows({ { 2, 3 }, { 4 } }, { { 4, 5 }, { 6 } })
  local run = align.train { policy = adapted, reference = reference, loss = align.loss.ipo { beta = 0.1 },
    source = align.sources.online(toy.sampling { batch = 8, seed = 3 }), steps = 3, lr = 1e-2, quiet = true }
  local expected = run.policy:logps(rows)
  lu.assertNotEquals(expected:totable(), reference:logps(rows):totable())
  lu.assertIsTrue((run.policy:merged():logps(rows) - expected):abs():max():item() < 1e-5)
  run.policy:save(path)
  lu.assertEquals(models.load(path):logps(rows):totable(), expected:totable())
  os.remove(path)
end

TestTraining = {}

function TestTraining:test_online_ipo_raises_the_reward()
  local run = train { steps = 60 }
  local function score(policy)
    local sum, rows = 0, policy:sample(toy.prompts, { max_new_tokens = 6, stop = { 1 }, count = 8, seed = 5 })
    for _, answer in ipairs(rows:responses()) do sum = sum + toy.sevens(answer) end
    return sum / #rows
  end
  lu.assertIsTrue(score(run.policy) > 1.3 * score(reference))
end

function TestTraining:test_offline_dpo_prefers_what_the_pairs_prefer()
  local list = {}
  for i, prompt in ipairs(toy.prompts) do
    list[i] = { prompt = prompt, chosen = { 7, 7, 1 }, rejected = { 5, 1 } }
  end
  local source = align.sources.offline(list, { batch = 8 })
  local run = train { source = source, loss = align.loss.dpo {}, steps = 60 }
  local first, last = run.log[1], run.log[#run.log]
  support.close(first.loss, math.log(2), 1e-5)
  lu.assertIsTrue(last.loss < 0.5 * first.loss)
end

function TestTraining:test_pieces_of_a_batch_give_its_step()
  local whole, split = train { steps = 2, optimizer = "sgd" },
    train { steps = 2, optimizer = "sgd", gradient_accumulation_steps = 4 }
  for i, row in ipairs(split.log) do support.close(row.loss, whole.log[i].loss, 2e-5) end
end

function TestTraining:test_sft_trains_one()
  local tokenizer = words.tokenizer { "a", "b", "c", "d" }
  local task = {
    name = "mine", tokenizer = tokenizer, sft = { steps = 200, batch = 4, lr = 1e-2 },
    model = { style = "t5", dim = 16, layers = 1, heads = 2, max_length = 16 },
    settings = function() return {} end,
    text = function(_, _, i)  -- the answer is the prompt's first word
      local ids = tokenizer:encode(({ "a b a", "b c b", "c d c", "d a d" })[(i - 1) % 4 + 1])
      return ids, 2
    end,
  }
  local sft, info = align.sft(task, { quiet = true, cache = false })
  lu.assertIsTrue(info.loss < 0.1)
  local prompts = { tokenizer:encode "c d", tokenizer:encode "d a" }
  local rows = sft:sample(prompts, { max_new_tokens = 1, temperature = 0 })
  lu.assertEquals(rows:responses(), { tokenizer:encode "c", tokenizer:encode "d" })
end

os.exit(lu.LuaUnit.run())
