--- The harmless task: made dialogues, and the first 200 records of hh-rlhf's test file where it is there.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"

local dialogues = require "perilune.tasks.harmless.dialogues"
local formats = require "perilune.formats"
local harmless = require "perilune.tasks.harmless"
local system = require "perilune.system"
local splits <const> = { "train", "validation", "test" }

--- A task on these records; the tokenizer is small and not saved.
local function make(records, given)
  local path = os.tmpname() .. ".jsonl"
  formats.save_json_lines(path, records)
  local o = { path = path, vocab_size = 300, cache = false }
  for key, value in pairs(given or {}) do o[key] = value end
  local ok, task = pcall(harmless, o)
  os.remove(path)
  if not ok then error(task, 0) end
  return task
end

local function dialogue(turns)
  local out = {}
  for i, turn in ipairs(turns) do out[i] = (i % 2 == 1 and "\n\nHuman: " or "\n\nAssistant: ") .. turn end
  return table.concat(out)
end

--- 60 pairs of short dialogues whose questions differ.
local function synthetic()
  local records = {}
  for i = 1, 60 do
    records[i] = {
      chosen = dialogue { ("May I ask %d?"):format(i), "Yes, do." },
      rejected = dialogue { ("May I ask %d?"):format(i), "No." },
    }
  end
  return records
end

local function ids_text(ids) return table.concat(ids, " ") end

local function check(task)
  local owner = {}
  for _, split in ipairs(splits) do
    for _, prompt in ipairs(task:prompts(split)) do
      local text = ids_text(prompt)
      lu.assertNil(owner[text], "a prompt occurs twice")
      owner[text] = split
      lu.assertEquals(prompt[1], task.tokenizer.bos)
      lu.assertTrue(#prompt <= task.max_prompt)
    end
  end
  for _, split in ipairs(splits) do
    for _, pair in ipairs(task:pairs(split)) do
      lu.assertEquals(owner[ids_text(pair.prompt)], split)
      for _, response in ipairs { pair.chosen, pair.rejected } do
        lu.assertTrue(#response <= task.max_response)
        lu.assertEquals(response[#response], task.tokenizer.eos)
        lu.assertTrue(#pair.prompt + 2 * (#response + 1) <= task.model.max_length)
      end
    end
  end
  for i = 1, task.counts.train.texts do
    local text = task:text("train", i)
    for k, id in ipairs(text) do
      lu.assertTrue(id ~= task.labels[1] and id ~= task.labels[2])
      lu.assertTrue((id == task.tokenizer.bos) == (k == 1) and (id == task.tokenizer.eos) == (k == #text))
    end
  end
end

TestHarmless = {}

function TestHarmless:test_every_pair_gives_a_prompt_two_texts_and_a_labelled_pair()
  local task = make(synthetic())
  local total = { prompts = 0, pairs = 0, texts = 0 }
  for _, split in ipairs(splits) do
    for what, count in pairs(task.counts[split]) do total[what] = total[what] + count end
  end
  lu.assertEquals(total, { prompts = 60, pairs = 60, texts = 120 })
  check(task)
  local pair = task:pairs("train", 1)[1]
  lu.assertEquals(task.tokenizer:decode(pair.chosen), " Yes, do.")
  lu.assertEquals(task.tokenizer:decode(pair.rejected), " No.")
  lu.assertStrMatches(task.tokenizer:decode(pair.prompt), "\n\nHuman: May I ask %d+%?\n\nAssistant:")
  lu.assertEquals(task:gold_pairs("train", 1), { pair })
  lu.assertNil(task.gold_prefers)
end

function TestHarmless:test_labels_never_come_out_of_text()
  local task = make(synthetic())
  lu.assertEquals(task.labels, { 3, 4 })
  for _, id in ipairs(task.tokenizer:encode "<a><b> <a> <b> <eos>\0\1\2\3\4") do lu.assertTrue(id > 4) end
end

function TestHarmless:test_texts_come_again_in_another_order()
  local task = make(synthetic())
  local n, orders = task.counts.train.texts, { {}, {} }
  for epoch, order in ipairs(orders) do
    for i = 1, n do order[i] = ids_text(task:text("train", (epoch - 1) * n + i)) end
  end
  lu.assertNotEquals(orders[1], orders[2])
  for _, order in ipairs(orders) do table.sort(order) end
  lu.assertEquals(orders[1], orders[2])
  lu.assertEquals(make(synthetic()):text("train", n + 3), task:text("train", n + 3))
  lu.assertNotEquals(make(synthetic(), { seed = 2 }):prompts("train"), task:prompts("train"))
end

function TestHarmless:test_a_long_dialogue_keeps_the_last_turns_that_fit_and_is_counted()
  local long, records = ("so "):rep(60), synthetic()
  records[61] = {
    chosen = dialogue { long, "Go on.", "And you?", "Well." },
    rejected = dialogue { long, "Go on.", "And you?", "Ill." },
  }
  local task = make(records, { max_prompt = 48 })
  lu.assertEquals(task.shortened, 1)
  check(task)
  local found = false
  for _, split in ipairs(splits) do
    for _, prompt in ipairs(task:prompts(split)) do
      found = found or task.tokenizer:decode(prompt) == "\n\nHuman: And you?\n\nAssistant:"
    end
  end
  lu.assertTrue(found)
end

function TestHarmless:test_what_does_not_fit_is_refused_and_reported()
  local long, records = ("so "):rep(60), synthetic()
  records[61] = { chosen = dialogue { long, "Well." }, rejected = dialogue { long, "Ill." } }
  records[62] = { chosen = dialogue { "And you?", long }, rejected = dialogue { "And you?", "Ill." } }
  records[63] = { chosen = dialogue { "A?", "Well." }, rejected = dialogue { "B?", "Ill." } }
  local task = make(records, { max_prompt = 48, max_response = 40 })
  lu.assertEquals(task.dropped,
    { null = 0, prompts_differ = 1, responses_empty = 0, responses_equal = 0, prompts_too_long = 1,
      responses_too_long = 1, pairs_too_long = 1, halves = 0 })
  lu.assertStrContains(task.report,
    "63 records; left out: 0 null, 1 with differing prompts, 0 with an empty response")
  lu.assertStrContains(task.report, "1 with a prompt longer than 48 tokens")
  lu.assertStrContains(task.report, "1 longer than 40 tokens left out, with 1 pairs")
  check(task)
end

--- One pair more than the synthetic ones; what the task says of it.
local function with(chosen, rejected)
  local records = synthetic()
  records[61] = { chosen = chosen, rejected = rejected }
  return make(records)
end

function TestHarmless:test_a_response_that_runs_on_into_a_human_turn_is_cut_there_and_counted()
  local task = with(dialogue { "And you?", "Well.", "Bye" }, dialogue { "And you?", "Ill." })
  lu.assertEquals(task.cut, 1)
  lu.assertStrContains(task.report, "1 responses cut")
  local found = false
  for _, split in ipairs(splits) do
    for _, pair in ipairs(task:pairs(split)) do
      found = found or task.tokenizer:decode(pair.chosen) == " Well."
    end
  end
  lu.assertTrue(found)
end

function TestHarmless:test_a_pair_with_an_empty_response_is_left_out_and_counted()
  for _, empty in ipairs { "", " ", "\n" } do
    local task = with(dialogue { "And you?", empty }, dialogue { "And you?", "Ill." })
    lu.assertEquals(task.dropped.responses_empty, 1)
    lu.assertStrContains(task.report, "1 with an empty response")
  end
end

function TestHarmless:test_a_pair_whose_responses_are_equal_after_trimming_is_left_out_and_counted()
  local task = with(dialogue { "And you?", "Well. " }, dialogue { "And you?", "Well." })
  lu.assertEquals(task.dropped.responses_equal, 1)
  lu.assertStrContains(task.report, "1 with equal responses")
end

function TestHarmless:test_records_after_a_null_are_read_and_the_null_is_counted()
  local lines = {}
  for i, record in ipairs(synthetic()) do lines[i] = formats.json_encode(record) end
  table.insert(lines, 6, "null")
  local path = os.tmpname()
  system.write_file(path, table.concat(lines, "\n"))
  local task = harmless { path = path, vocab_size = 300, cache = false }
  os.remove(path)
  local count = 0
  for _, split in ipairs(splits) do count = count + task.counts[split].pairs end
  lu.assertEquals({ count, task.dropped.null }, { 60, 1 })
  lu.assertStrContains(task.report, "61 records; left out: 1 null")
end

-- A line of 240 KB took 23 s and 1 GB when every end of the dialogue was encoded.
function TestHarmless:test_a_dialogue_of_many_turns_takes_memory_in_proportion_to_its_length()
  local records, turns = synthetic(), ("\n\nHuman: a"):rep(24000) .. "\n\nAssistant:"
  records[61] = { chosen = turns .. " Yes.", rejected = turns .. " No." }
  local before, task = support.peak_from_here(), make(records)
  lu.assertEquals(task.shortened, 1)
  if not before then lu.skip "the peak of memory is not known" end
  lu.assertTrue(support.status "VmHWM" - before < 100000, support.status "VmHWM" - before)
end

function TestHarmless:test_the_first_records_alone_make_a_smaller_task()
  local task = make(synthetic(), { records = 20 })
  local count = 0
  for _, split in ipairs(splits) do count = count + task.counts[split].pairs end
  lu.assertEquals(count, 20)
end

function TestHarmless:test_the_tokenizer_is_learnt_from_the_training_part_alone_and_kept()
  local records = synthetic()
  local function words(split_wanted)
    local changed = {}
    for i, record in ipairs(records) do
      local prompt = dialogues.split(record.chosen)
      local mine = require("perilune.tasks.task").split_of(dialogues.last_turn(prompt)) == split_wanted
      changed[i] = { chosen = record.chosen .. (mine and " zyzzyva zyzzyva" or ""),
        rejected = record.rejected }
    end
    return changed
  end
  local plain = make(records).settings().tokenizer
  lu.assertEquals(make(words "test").settings().tokenizer, plain)
  lu.assertNotEquals(make(words "train").settings().tokenizer, plain)
  local first, second = make(records, { cache = true }), make(records, { cache = true })
  lu.assertEquals(second:pairs("train"), first:pairs("train"))
  lu.assertEquals(first:pairs("train"), make(records):pairs("train"))
  lu.assertEquals({ second.tokenizer.pad, second.tokenizer.bos, second.tokenizer.eos }, { 0, 1, 2 })
end

function TestHarmless:test_more_than_there_is_and_wrong_names_are_refused()
  local task = make(synthetic())
  local n = task.counts.train.prompts
  local function refused(method, ...) return support.message(task[method], task, ...) end
  lu.assertEquals(refused("prompts", "train", n + 1),
    ("tasks.harmless: split 'train' has %d prompts, not %d"):format(n, n + 1))
  lu.assertEquals(refused("prompts", "train", n, 1),
    ("tasks.harmless: split 'train' has %d prompts, not %d after 1"):format(n, n))
  lu.assertEquals(refused("pairs", "dev"),
    "tasks.harmless: unknown split 'dev'; it takes train, validation, test")
  lu.assertEquals(refused("text", "train", 0),
    "tasks.harmless: a text's number must be a whole number from 1, not 0")
  lu.assertEquals(refused("prompts", "train", 1.5),
    "tasks.harmless: the number of prompts must be a whole number from 0, not 1.5")
  lu.assertEquals(#task:prompts("train", 2, 3), 2)
  lu.assertEquals(task:prompt("train", 4), task:prompts("train", 1, 3)[1])
end

TestFiles = {}

function TestFiles:test_a_missing_file_other_keys_and_broken_lines_are_named()
  local missing = support.message(harmless, { path = "/nowhere/test.jsonl.gz" })
  lu.assertStrContains(missing, "/nowhere/test.jsonl.gz")
  lu.assertStrContains(support.message(make, { { prompt = "a" } }),
    "line 1 has no text 'chosen' (it is nil)")
  lu.assertStrContains(support.message(make, { { chosen = 5 } }), "line 1 has no text 'chosen' (it is 5)")
  lu.assertStrContains(support.message(make, { 7 }), "line 1 has no text 'chosen' (it is 7)")
  lu.assertStrContains(support.message(make, { { chosen = "Hi", rejected = "Hi" } }),
    "line 1, 'chosen', has no turn that starts with a blank line and \"Assistant:\"")
  lu.assertEquals(support.message(harmless, {}),
    "tasks.harmless: option 'path' is missing; expected a string")
  local path = os.tmpname()
  local file = io.open(path, "w")
  file:write('{"chosen": "a"}\nnot json\n')
  file:close()
  local message = support.message(harmless, { path = path })
  os.remove(path)
  lu.assertStrContains(message, path .. ": ")
  lu.assertStrContains(message, "line 2")
end

TestRecords = {}

function TestRecords:test_two_hundred_real_records()
  local path = support.need "hh-rlhf/harmless-base/test.jsonl.gz"
  local records = table.move(formats.load_json_lines(path), 1, 200, 1, {})
  local task = make(records, { vocab_size = 1024, max_prompt = 128, max_response = 96 })
  check(task)
  lu.assertEquals(task.tokenizer.vocab_size, 1024)
  for _, record in ipairs(records) do
    lu.assertEquals(task.tokenizer:decode(task.tokenizer:encode(record.chosen)), record.chosen)
  end
  print("# " .. task.report:gsub("\n", "\n# "))
  lu.assertTrue(task.counts.train.pairs > 50)
end

os.exit(lu.LuaUnit.run())
