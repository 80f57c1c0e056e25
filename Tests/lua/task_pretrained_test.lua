--- Tasks of human preferences that begin from a pretrained model: made here, with a tokenizer and a template.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"

local align, formats, models = require "perilune.align", require "perilune.formats", require "perilune.models"
local system, tasks = require "perilune.system", require "perilune.tasks"

local template <const> = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}"
  .. "{% if add_generation_prompt %}<|assistant|>{% endif %}"

--- 60 pairs of short dialogues, of two turns before the response.
local function records()
  local list = {}
  for i = 1, 60 do
    local prompt = ("\n\nHuman: Hi there\n\nAssistant: Hello\n\nHuman: May I ask %d?\n\nAssistant:"):format(i)
    list[i] = { chosen = prompt .. " Yes, do.", rejected = prompt .. " No." }
  end
  return list
end

--- A folder with a small model, its tokenizer and a template, and a file of pairs.
local function files()
  local folder = os.tmpname() .. ".model"
  local texts = {}
  for i, record in ipairs(records()) do texts[i] = record.chosen end
  local tokenizer = formats.train_bpe(texts, {
    vocab_size = 320, specials = { "<pad>", "<bos>", "<eos>", "<|user|>", "<|assistant|>" },
  })
  local model = models.transformer {
    style = "llama", vocab = 320, dim = 16, layers = 1, heads = 2, max_length = 512, seed = 5,
  }
  models.save(model, folder)
  tokenizer:save(folder .. "/tokenizer.json")
  system.write_file(folder .. "/tokenizer_config.json", formats.json_encode {
    tokenizer_class = "PreTrainedTokenizerFast", chat_template = template, eos_token = "<eos>",
    bos_token = "<bos>", pad_token = "<pad>",
  })
  local path = os.tmpname() .. ".jsonl"
  formats.save_json_lines(path, records())
  return folder, path
end

local folder, path = files()

TestPretrained = {}

function TestPretrained:test_the_template_writes_the_turns_of_a_dialogue()
  local task = tasks.harmless { path = path, model = folder }
  local tokenizer = task.tokenizer
  local pair = task:pairs("train", 1)[1]
  local prompt = tokenizer:decode(pair.prompt, { skip_special_tokens = false })
  lu.assertStrMatches(prompt,
    "<|user|>Hi there\n<|assistant|>Hello\n<|user|>May I ask %d+%?\n<|assistant|>")
  lu.assertEquals(tokenizer:decode(pair.chosen), "Yes, do.")
  lu.assertEquals(pair.chosen[#pair.chosen], tokenizer.eos)
  local ids, count = task:text("train", 1)
  lu.assertStrMatches(tokenizer:decode(table.move(ids, 1, count, 1, {}), { skip_special_tokens = false }),
    ".*<|assistant|>")
end

function TestPretrained:test_the_start_is_the_model_of_the_file()
  local task = tasks.harmless { path = path, model = folder }
  lu.assertEquals(task:pretrained():hash(), models.load(folder):hash())
  lu.assertNil(task.model)
end

function TestPretrained:test_fine_tuning_trains_adapters_and_keeps_the_weights_under_them()
  local task = tasks.from_pairs { path = path, model = folder, lora = { r = 4, targets = "all-linear" } }
  local seed = tonumber(system.sha256(os.tmpname()):sub(1, 7), 16)  -- no run before has left it in the cache
  local start, about = align.sft(task, { steps = 3, batch = 4, quiet = true, seed = seed })
  lu.assertFalse(about.cached)
  lu.assertEquals(start:base():hash(), models.load(folder):hash())
  lu.assertNotEquals(start:merged():hash(), models.load(folder):hash())
  local again, read = align.sft(task, { steps = 3, batch = 4, quiet = true, seed = seed })
  lu.assertTrue(read.cached)
  lu.assertEquals(again:hash(), start:hash())
  lu.assertEquals(start:clone():base():hash(), start:base():hash())
  lu.assertFalse(select(2, align.sft(task, { steps = 3, batch = 4, quiet = true, seed = seed + 1 })).cached)
end

function TestPretrained:test_other_texts_or_another_template_are_not_read_from_the_cache()
  local function start(file, model)
    local task = tasks.from_pairs { path = file, model = model, lora = { r = 2 } }
    return select(2, align.sft(task, { steps = 2, batch = 4, quiet = true, seed = 11 }))
  end
  start(path, folder)
  lu.assertTrue(start(path, folder).cached)
  local other, list = os.tmpname() .. ".jsonl", records()
  for i, record in ipairs(list) do
    record.chosen = record.chosen .. " " .. system.sha256(other .. i):sub(1, 4)
  end
  formats.save_json_lines(other, list)
  lu.assertFalse(start(other, folder).cached)
end

function TestPretrained:test_a_changed_model_makes_other_runs_and_no_other_start()
  local results = require "perilune.align.experiment.results"
  local copy = os.tmpname() .. ".copy"
  os.execute(("cp -r '%s' '%s'"):format(folder, copy))
  local function key() return results.key("title", { model = copy }) end
  local before = key()
  lu.assertEquals(key(), before)
  local task = tasks.harmless { path = path, model = copy }
  system.write_file(copy .. "/tokenizer_config.json",
    formats.json_encode { chat_template = template .. " " })
  lu.assertNotEquals(key(), before)
  before = key()
  models.save(models.transformer {
    style = "llama", vocab = 320, dim = 16, layers = 2, heads = 2, max_length = 512, seed = 6,
  }, copy)
  lu.assertNotEquals(key(), before)
  lu.assertStrContains(support.message(task.pretrained, task),
    "has other weights than when the task was made")
end

function TestPretrained:test_cached_adapters_are_put_on_the_model_of_the_task()
  local moved = os.tmpname() .. ".moved"
  os.execute(("cp -r '%s' '%s'"):format(folder, moved))
  local task = tasks.from_pairs { path = path, model = moved, lora = { r = 2 } }
  local o = { steps = 2, batch = 4, quiet = true, seed = 12 }
  local first = align.sft(task, o)
  os.execute(("rm -rf '%s'"):format(moved))
  local again, about = align.sft(task, o)
  lu.assertTrue(about.cached)
  lu.assertEquals(again:hash(), first:hash())
end

function TestPretrained:test_all_weights_train_without_adapters()
  local task = tasks.harmless { path = path, model = folder }
  local start = align.sft(task, { steps = 2, batch = 4, quiet = true, cache = false })
  lu.assertNil(start:base())
  lu.assertNotEquals(start:hash(), models.load(folder):hash())
end

function TestPretrained:test_judges_and_policies_of_a_stage_are_adapters_on_the_model_of_the_file()
  local stage = align.experiment.stage {
    task = "harmless", data = path, model = folder, lora = true, lora_r = 2,
    lora_targets = "q_proj,down_proj", batch = 4, pairs = 16, prompts = 8,
    judge_steps = 2, start_steps = 2, golden_steps = 2,
  }
  for _, model in ipairs { stage.start, stage.gold.model, stage.proxy.model, stage.golden } do
    lu.assertEquals(model:base():hash(), models.load(folder):hash())
  end
  lu.assertNotEquals(stage.golden:hash(), stage.start:hash())
  lu.assertTrue(stage.measure(stage.golden, 2).kl >= 0)
end

function TestPretrained:test_what_does_not_fit_is_refused_by_name()
  local function refused(given)
    given.path = path
    return support.message(tasks.harmless, given)
  end
  lu.assertStrContains(refused { lora = { r = 2 } },
    "tasks.harmless: lora needs a pretrained model, as the option 'model'")
  lu.assertStrContains(refused { model = folder, max_prompt = 420 },
    "reads 512 tokens, a prompt with two responses has 616: give a smaller max_prompt or max_response")
  lu.assertStrContains(refused { model = folder, lora = { r = 2, targets = { "nothing" } } }, "nothing")
  lu.assertStrContains(refused { model = "/no/such" }, "/no/such")
  local function stage(given)
    given.task = given.task or "harmless"
    given.data = given.data or path
    return support.message(align.experiment.stage, given)
  end
  lu.assertStrContains(stage { lora = true }, "lora: adapters need a pretrained model under them")
  lu.assertStrContains(stage { model = folder, lora_r = 4 },
    "lora_r is of adapters, which `lora` asks for")
  lu.assertStrContains(stage { model = "/no/such" }, "model: there is no '/no/such'")
  lu.assertStrContains(stage { task = "sentiment", data = "", model = folder },
    "model: the task 'sentiment' takes no pretrained model")
  lu.assertStrContains(stage { task = "sentiment", data = "", max_prompt = 9 },
    "max_prompt: the task 'sentiment' writes its texts itself")
  lu.assertStrContains(stage { model = path },
    ("model: '%s' is a file of records, which `data` takes; expected a file or folder of models.load"):format(
      path))
  lu.assertStrContains(stage { model = support.root .. "/README.md" }, "model: ")
end

function TestPretrained:test_options_of_a_model_that_is_trained_here_are_refused_beside_another()
  for name, value in pairs { vocab_size = 300, layers = 2, dim = 32 } do
    lu.assertEquals(support.message(tasks.harmless, { path = path, model = folder, [name] = value }),
      ("tasks.harmless: option '%s' has no effect beside 'model'"):format(name))
  end
  lu.assertEquals(support.message(tasks.from_pairs, { path = path, tokenizer = folder, vocab_size = 300 }),
    "tasks.from_pairs: option 'vocab_size' has no effect beside 'tokenizer'")
  -- A small task takes no values of a size that have no effect.
  lu.assertEquals(tasks.open("harmless", { path = path, model = folder }, true).tokenizer.vocab_size, 320)
end

function TestPretrained:test_targets_and_alpha_of_adapters_are_names_and_a_number_of_use()
  local experiment, cli = align.experiment, require "perilune.cli"
  local function refused(...)
    local spec = require "perilune.options".spec("example", { experiment.options })
    local o = cli.read({ "--task", "harmless", "--data", path, "--model", folder, "--lora", ... }, spec)
    experiment.check(o)
  end
  for _, targets in ipairs { "q_proj,,v_proj", "q_proj,", ",", "q_proj,all-linear", "q_proj,q_proj" } do
    lu.assertEquals(support.message(refused, "--lora-targets", targets), ("lora_targets takes names of "
      .. "modules, separated by commas, each once, or all-linear, not '%s'"):format(targets))
  end
  lu.assertEquals(support.message(refused, "--lora-alpha", "1e30"),
    "--lora-alpha must be a number above 0 and of at most 65536, not 1e+30")
  lu.assertEquals(support.message(refused, "--lora-alpha", "-1"),
    "--lora-alpha must be a number above 0 and of at most 65536, not -1")
  refused("--lora-targets", "q_proj, down_proj")
  local model = models.load(folder)
  lu.assertStrContains(support.message(model.lora, model, { alpha = 1e30 }), "65536")
  lu.assertStrContains(support.message(model.lora, model, { alpha_pattern = { q_proj = 1e30 } }), "65536")
end

function TestPretrained:test_an_experiment_takes_the_longest_prompt_and_response()
  local opened = require "perilune.align.experiment.opened"
  local o = align.experiment.parse({
    "--task", "harmless", "--data", path, "--model", folder, "--max-prompt", "200", "--max-response", "20",
    "--out", os.tmpname() .. ".report",
  }, "example")
  local task = opened.task(o)
  lu.assertEquals({ task.max_prompt, task.max_response }, { 200, 20 })
  lu.assertTrue(opened.task(o) == task, "the task is opened once")
  formats.save_json_lines(path, records())  -- the same bytes
  lu.assertTrue(opened.task(o) == task)
  local other = records()
  other[1].chosen = other[1].chosen .. " Please."
  formats.save_json_lines(path, other)
  lu.assertFalse(opened.task(o) == task, "another file is another task")
  formats.save_json_lines(path, records())
end

function TestPretrained:test_ids_that_only_the_model_has_stand_for_no_text()
  local wide = os.tmpname() .. ".wide"
  os.execute(("cp -r '%s' '%s'"):format(folder, wide))
  models.save(models.transformer {
    style = "llama", vocab = 328, dim = 16, layers = 1, heads = 2, max_length = 512, seed = 5,
  }, wide)
  local tokenizer = tasks.harmless { path = path, model = wide }.tokenizer
  lu.assertEquals(tokenizer.vocab_size, 328)
  -- As transformers 5.24's decode([ids beyond len(tokenizer)]) and convert_ids_to_tokens give "" and None.
  lu.assertEquals({ tokenizer:decode { 320, 327 }, tokenizer:name(327) }, { "", "" })
  local stream, ids, text = tokenizer:decode_stream(), tokenizer:encode "Hi there", ""
  table.insert(ids, 2, 325)
  for _, id in ipairs(ids) do text = text .. stream:step(id) end
  lu.assertEquals({ text, tokenizer:decode(ids) }, { "Hi there", "Hi there" })
  for _, id in ipairs { 328, -1 } do
    local message = ("id %d is not a token id: expected 0..327 (vocab 328)"):format(id)
    lu.assertStrContains(support.message(tokenizer.decode, tokenizer, { id }), message)
    lu.assertStrContains(support.message(stream.step, stream, id), message)
    lu.assertStrContains(support.message(tokenizer.name, tokenizer, id), message)
  end
  for _, case in ipairs {
    { 5, "bad argument #2 to 'decode' (table expected, got number)" },
    { { "five" }, "element [1] is a string, expected an integer" },
    { { 1, 1.5 }, "element [2] is 1.5, expected an integer" },
  } do
    lu.assertEquals(support.message(tokenizer.decode, tokenizer, case[1]), case[2])
  end
  lu.assertEquals(support.message(stream.step, stream, "five"),
    "bad argument #2 to 'step' (number expected, got string)")
  lu.assertEquals(support.message(tokenizer.decode, { 1 }),
    "bad argument #1 to 'decode' (Tokenizer expected, got table)")
  lu.assertStrContains(support.message(tokenizer.padded, tokenizer, 327), "expected 328")
end

function TestPretrained:test_a_record_that_the_template_refuses_is_named()
  local strict = os.tmpname() .. ".strict"
  os.execute(("cp -r '%s' '%s'"):format(folder, strict))
  system.write_file(strict .. "/tokenizer_config.json", formats.json_encode {
    tokenizer_class = "PreTrainedTokenizerFast", eos_token = "<eos>", pad_token = "<pad>",
    chat_template = "{% for m in messages %}{% if 'odd' in m.content %}{{ raise_exception('no odd words') }}"
      .. "{% endif %}" .. template:gsub("^{%% for m in messages %%}", ""),
  })
  local turns, message = {}, function(role, content) return { role = role, content = content } end
  for i = 1, 5 do
    turns[i] = { prompt = { message("user", i == 4 and "an odd word" or "word " .. i) },
      chosen = { message("assistant", "Yes.") }, rejected = { message("assistant", "No.") } }
  end
  local file = os.tmpname() .. ".jsonl"
  formats.save_json_lines(file, turns)
  lu.assertStrMatches(support.message(tasks.from_pairs, { path = file, model = strict }),
    ("tasks.from_pairs: %s: line 4: .*no odd words.*"):format(file:gsub("%p", "%%%0")))
  local dialogues = records()
  dialogues[7].chosen = dialogues[7].chosen:gsub("May I", "May the odd one")
  dialogues[7].rejected = dialogues[7].rejected:gsub("May I", "May the odd one")
  formats.save_json_lines(file, dialogues)
  lu.assertStrMatches(support.message(tasks.harmless, { path = file, model = strict }),
    ("tasks.harmless: %s: line 7: the tokenizer's chat template: .*no odd words.*"):format(
      file:gsub("%p", "%%%0")))
end

os.exit(lu.LuaUnit.run())
