--- Reward models with a score head: as judges, in training, in experiments, and what is refused.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local lu = require "luaunit"
local perilune = require "perilune"
local models, optim, formats = perilune.models, perilune.optim, perilune.formats
local judge = require "perilune.align.judge"
local reward_loss = require "perilune.align.reward_loss"

-- scripts/golden/rewards.py: transformers 5.24.0, torch 2.15.0.
local names <const> = {
  "gpt2", "llama", "llama-unpadded", "mistral", "qwen2", "qwen2-older", "qwen3", "gemma2", "gemma3",
}

local function golden(name)
  local folder = support.root .. "/Tests/Golden/rewards/" .. name
  return folder, formats.load_json(folder .. "/expected.json")
end

--- Fails unless a list of numbers is within `tolerance` of another.
local function close(found, wanted, tolerance, name)
  lu.assertEquals(#found, #wanted)
  for i, value in ipairs(wanted) do support.close(found[i], value, tolerance, name .. " " .. i) end
end

--- Rows of texts: the first id is the prompt.
local function rows_of(texts)
  local prompts, responses = {}, {}
  for i, text in ipairs(texts) do
    prompts[i], responses[i] = { text[1] }, table.move(text, 2, #text, 1, {})
  end
  return models.rows(prompts, responses)
end

TestFolders = {}

function TestFolders:test_scores_of_a_judge_are_those_of_transformers()
  for _, name in ipairs(names) do
    local folder, expected = golden(name)
    for _, batch in ipairs { 1, 4, 32 } do
      local made = judge.from_model { model = folder, batch = batch }
      close(made:score(rows_of(expected.texts)), expected.scores, 2e-5, name)
    end
  end
end

--- One step of AdamW on the mean loss of Bradley and Terry, by PyTorch.
function TestFolders:test_a_training_step_is_that_of_pytorch()
  for _, name in ipairs(names) do
    local folder, expected = golden(name)
    local model, o = models.load(folder), expected.adamw
    local before = model:scores(expected.texts)
    local chosen, rejected = {}, {}
    for i = 1, #expected.texts, 2 do
      chosen[#chosen + 1], rejected[#rejected + 1] = expected.texts[i], expected.texts[i + 1]
    end
    local losses = reward_loss.of(model:scores(chosen), model:scores(rejected), nil, {})
    close(losses:totable(), expected.losses, 2e-5, name)
    local optimizer = optim.adamw(model, {
      lr = o.lr, beta1 = o.betas[1], beta2 = o.betas[2], eps = o.eps, weight_decay = o.weight_decay,
    })
    losses:mean():backward()
    optimizer:step()
    local after = model:scores(expected.texts)
    close(after:totable(), expected.after, 1e-4, name)
    lu.assertTrue((after - before):abs():max():item() > 0.01)
  end
end

TestTraining = {}

local eos <const> = 1
local init = models.transformer {
  vocab = 14, dim = 32, layers = 1, heads = 2, max_length = 32, style = "llama", seed = 1,
}

--- Pairs of which the chosen one has an id 7.
local function some_pairs(count, seed)
  local list = {}
  for i = 1, count do
    local with, without = {}, {}
    for k = 1, 4 do
      with[k] = 2 + (i * 7 + k * 3 + seed) % 5
      without[k] = 2 + (i * 5 + k * 11 + seed) % 5
    end
    with[1 + i % 4] = 7
    list[i] = { prompt = toy.prompts[i % 48 + 1], chosen = with, rejected = without }
  end
  return list
end

local function fit(more)
  return judge.reward_model(toy.with({
    init = init:score_head { pad_token_id = 0, seed = 2 }, data = some_pairs(400, 1), eos = eos, steps = 60,
    batch = 32, lr = 3e-3, warmup = 5, quiet = true,
  }, more))
end

function TestTraining:test_a_score_head_learns_and_its_folder_is_the_same_judge()
  local made = fit()
  lu.assertTrue(judge.accuracy(made, some_pairs(200, 3)).mean > 0.95)
  local folder = support.new_path()
  models.save(made.model, folder)
  local config = formats.load_json(folder .. "/config.json")
  lu.assertEquals(config.architectures, { "LlamaForSequenceClassification" })
  lu.assertEquals(config.pad_token_id, 0)
  local again = judge.from_model { model = folder, eos = eos }
  local rows = models.rows({ { 2, 3 }, { 4 } }, { { 5, 7 }, { 6, eos } })
  close(again:score(rows), made:score(rows), 1e-7, "row")
  close(again:score(rows), made.model:scores({ { 2, 3, 5, 7, eos }, { 4, 6, eos } }):totable(), 1e-7, "row")
  os.execute("rm -r " .. folder)
end

function TestTraining:test_only_the_head_trains_where_the_rest_is_frozen()
  local model = init:score_head {}
  model:requires_grad_(false):requires_grad_(true, "score.*")
  local made = fit { init = model, steps = 2 }
  local tensors, all = made.model:parameters()
  for i, tensor in ipairs(tensors) do
    local is_same = (tensor - model:parameters()[i]):abs():max():item() == 0
    lu.assertEquals(is_same, all[i] ~= "score.weight", all[i])
  end
end

function TestTraining:test_encode_says_what_the_model_reads()
  local model = init:score_head { seed = 4 }
  local made = judge.from_model {
    model = model, encode = function(prompt, response) return { response[1], prompt[1] } end,
  }
  lu.assertEquals(made:score(models.rows({ { 2 } }, { { 3 } })), model:scores({ { 3, 2 } }):totable())
end

TestRefusals = {}

function TestRefusals:test_heads_of_the_other_kind()
  local reward = init:score_head {}
  local function refuses(words, f, ...) lu.assertStrContains(support.message(f, ...), words) end
  refuses("model has no score head", judge.from_model, { model = init })
  refuses("eos must be a token id of the model, 0..13, not 14", judge.from_model,
    { model = reward, eos = 14 })
  local few = some_pairs(2, 1)
  refuses("option 'labels' is missing", judge.reward_model, { init = init, data = few, eos = 1 })
  refuses("init has a score head", judge.preference_model, {
    init = reward, data = few, eos = 1, labels = { 12, 13 },
  })
  refuses("gives no probabilities of tokens", reward.logps, reward, { { 1 } }, { { 2 } })
  refuses("the model has no score head", init.scores, init, { { 1 } })
end

--- A folder of the golden files with settings changed.
local function changed(name, settings)
  local folder, copy = golden(name), support.new_path()
  os.execute(("cp -r %s %s"):format(folder, copy))
  local config = formats.load_json(copy .. "/config.json")
  for key, value in pairs(settings) do config[key] = value ~= "nil" and value or nil end
  local file <close> = assert(io.open(copy .. "/config.json", "wb"))
  file:write(formats.json_encode(config))
  return copy
end

function TestRefusals:test_labels_other_than_one()
  for words, settings in pairs {
    ["'id2label' has 3 labels"] = { id2label = { ["0"] = "a", ["1"] = "b", ["2"] = "c" } },
    ["'num_labels' is not given, which is 2 labels"] = { id2label = "nil", num_labels = "nil" },
    ["'num_labels' has 2 labels"] = { id2label = "nil", num_labels = 2 },
    ["'pad_token_id' must be"] = { pad_token_id = "x" },
  } do
    local folder = changed("llama", settings)
    lu.assertStrContains(support.message(models.load, folder), words)
    os.execute("rm -r " .. folder)
  end
  local folder = changed("llama", { id2label = "nil", num_labels = 1 })
  lu.assertEquals(models.load(folder):config().head, "score")
  os.execute("rm -r " .. folder)
end

function TestRefusals:test_a_score_head_that_is_not_there_is_not_drawn()
  local folder = changed("llama", {})
  local tensors = formats.load_tensors(folder .. "/model.safetensors")
  tensors["score.weight"] = nil
  formats.save_tensors(folder .. "/model.safetensors", tensors)
  lu.assertStrContains(support.message(models.load, folder), "no tensor 'score.weight'")
  os.execute("rm -r " .. folder)
end

--- A part of a model that was not copied is named, not the first tensor that it held.
function TestRefusals:test_a_missing_part_of_a_folder_is_named()
  local part = "model-00002-of-00002.safetensors"
  for _, index in ipairs { "", "/model.safetensors.index.json" } do
    local copy = support.new_path()
    os.execute(("cp -r %s/Tests/Golden/models/mistral-a %s"):format(support.root, copy))
    os.remove(copy .. "/" .. part)
    if index ~= "" then os.remove(copy .. index) end
    lu.assertStrContains(support.message(models.load, copy), ("the file %s is missing"):format(part))
    os.execute("rm -r " .. copy)
  end
end

os.exit(lu.LuaUnit.run())
