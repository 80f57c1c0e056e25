--- Tasks by name, tasks of a user's own, and tasks from a file of pairs.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local formats = require "perilune.formats"
local system = require "perilune.system"
local tasks = require "perilune.tasks"
local task = require "perilune.tasks.task"

TestNames = {}

function TestNames:test_the_folders_are_the_tasks()
  local names = {}
  for _, entry in ipairs(system.list_folder(support.stdlib .. "/tasks")) do
    local is_task = system.exists(("%s/tasks/%s/init.lua"):format(support.stdlib, entry))
    if is_task then names[#names + 1] = entry end
  end
  lu.assertEquals(tasks.names(), names)
end

--- `records` was among them, which makes tasks of files: `--task records` indexed nothing.
function TestNames:test_every_name_is_of_a_module_that_makes_a_task()
  for _, name in ipairs(tasks.names()) do
    lu.assertEquals(require("perilune.options").is_spec(tasks[name].options), true, name)
    lu.assertEquals(type(tasks[name].new), "function", name)
  end
  local list = table.concat(tasks.names(), ", ")
  support.refuses("unknown task 'records'; it takes " .. list, tasks.open, "records")
end

--- Either was a tie, so that a gold that overflows preferred nothing.
function TestNames:test_a_score_that_is_no_finite_number_is_no_tie()
  for shown, score in pairs { nan = 0 / 0, inf = math.huge, ["-inf"] = -math.huge } do
    local expected <const> = "task.compare: expected two finite numbers as scores of gold, not %s and %s"
    support.refuses(expected:format(shown, 1), task.compare, score, 1)
    support.refuses(expected:format(1, shown), task.compare, 1, score)
  end
  lu.assertEquals({ task.compare(2, 1), task.compare(1, 2), task.compare(1, 1.0) }, { 1, 0, 0.5 })
end

--- `ending = 1e308` gave a gold of NaN, and win rates of one half with no error.
function TestNames:test_a_weight_that_a_sum_of_scores_does_not_hold_is_refused()
  for name, weights in pairs {
    sentiment = { ending = 0, cost = 0 }, refusal = { over = 0, cost = 0 }, arena = { cost = 0 },
    summary = { invention = 0, repetition = 0, cost = 0 },
  } do
    for one, least in pairs(weights) do
      support.refuses(("tasks.%s: option '%s' must be a number from %d to 1000000, not 1e+308"):format(
        name, one, least), tasks[name], { [one] = 1e308 })
    end
  end
  support.refuses(
    "tasks.sentiment: option 'alpha' must be a number above 0 and of at most 1000000, not 1e+308",
    tasks.sentiment, { alpha = 1e308 })
  local largest = tasks.sentiment { ending = 1e6, cost = 1e6, alpha = 1e6 }
  local score = largest:gold_score(largest:prompt("train", 1), largest:response("train", 1))
  lu.assertTrue(score - score == 0)
end

function TestNames:test_an_unknown_task_and_a_missing_path_are_refused_without_a_word_of_the_command_line()
  lu.assertEquals(support.message(tasks.open, "sentimnet"),
    "unknown task 'sentimnet'; did you mean 'sentiment'?")
  for _, name in ipairs { "harmless", "stories", "from_pairs" } do
    lu.assertEquals(support.message(tasks.open, name),
      ("task '%s' needs a path: %s"):format(name, tasks.needs(name)))
  end
  lu.assertNil(tasks.needs "sentiment")
end

--- It was a bad argument of an iterator.
function TestNames:test_options_of_a_task_by_its_name_are_a_table()
  support.refuses("tasks.open: options must be a table, not 5", tasks.open, "sentiment", 5)
  support.refuses("tasks.open: options must be a table, not false", tasks.open, "sentiment", false)
end

--- Of nil, and of a function of the module, it was an index of another value than a table.
function TestNames:test_what_names_no_task_needs_nothing_and_is_refused()
  local function refused(name)
    local line = debug.getinfo(1, "l").currentline + 1
    local _, message = pcall(function() local needs = tasks.needs(name); return needs end)
    local place = ("tasks_test.lua:%d: tasks.needs: "):format(line)
    lu.assertStrContains(message, place)
    return message:sub(select(2, message:find(place, 1, true)) + 1)
  end
  local list = table.concat(tasks.names(), ", ")
  lu.assertEquals(refused(nil), "unknown task nil; it takes " .. list)
  lu.assertEquals(refused "check", "unknown task 'check'; it takes " .. list)
  lu.assertEquals(refused "sentimnt", "unknown task 'sentimnt'; did you mean 'sentiment'?")
end

-- Computed with Python integers modulo 2^64: FNV-1a, then the finaliser of SplitMix64, upper 32 bits.
function TestNames:test_the_hash_of_splits_is_the_same_everywhere()
  lu.assertEquals({ task.hash "", task.hash "abc" }, { 4113176041, 232034377 })
end

--- Utilities of the arena were sums in the order of a table's keys, which differs between processes: equal
-- ones differed in their last bit, so golden labels did, and runs could not be taken up.
function TestNames:test_texts_and_gold_are_the_same_in_every_process()
  local script = support.new_path() .. ".lua"
  system.write_file(script, [[
    local tasks, plain, system = require "perilune".tasks, require "perilune.plain", require "perilune.system"
    for _, name in ipairs { "arena", "refusal", "sentiment", "summary" } do
      local task, parts = tasks[name](), {}
      for i = 1, 100 do
        local prompt = task:prompt("train", i)
        local a, b = task:response("train", i, 0), task:response("train", i, 1)
        local scores = { task:gold_score(prompt, a), task:gold_score(prompt, b) }
        parts[i] = plain.encode { prompt, a, b, scores, task:gold_prefers(prompt, a, b) }
      end
      print(name, system.sha256(table.concat(parts)))
    end]])
  local said = {}
  for i = 1, 3 do
    local pipe <close> = assert(io.popen(("'%s' --threads=1 '%s' 2>&1"):format(system.program(), script)))
    said[i] = pipe:read "a"
  end
  os.remove(script)
  lu.assertEquals(select(2, said[1]:gsub("\n", "")), 4, said[1])
  lu.assertEquals({ said[2], said[3] }, { said[1], said[1] })
end

function TestNames:test_eight_in_ten_texts_are_training_texts()
  local counts = { train = 0, validation = 0, test = 0 }
  for i = 1, 2000 do
    local split = task.split_of(("question %d?"):format(i))
    counts[split] = counts[split] + 1
  end
  lu.assertTrue(counts.train > 1500 and counts.train < 1700, counts.train)
  lu.assertTrue(counts.validation > 140 and counts.test > 140)
end

--- A task on letters: `given` replaces fields, false removes one.
local function letters(given)
  local tokenizer = { eos = 0, vocab_size = 27 }
  function tokenizer.encode(_, text) return { text:byte(1, -1) } end
  function tokenizer.decode(_, ids) return table.concat(ids, ",") end
  local fields = {
    name = "letters", tokenizer = tokenizer, max_prompt = 2, max_response = 4,
    model = { style = "llama", layers = 1, dim = 8, heads = 1, max_length = 8 },
    prompts = function(_, _, count, skip)
      local out = {}
      for i = 1, count do out[i] = { 1, ((skip or 0) + i) % 26 + 1 } end
      return out
    end,
    text = function(_, _, i) return { 1, i % 26 + 1, 0 } end,
    gold_score = function(_, _, response) return -#response end,
  }
  for name, value in pairs(given or {}) do fields[name] = value or nil end
  return fields
end

local function refused(given) return support.message(tasks.define, letters(given)) end

TestDefine = {}

function TestDefine:test_a_table_becomes_a_task_with_what_follows_from_its_fields()
  local made = tasks.define(letters())
  lu.assertEquals(made:gold_prefers({ 1 }, { 2 }, { 2, 3 }), 1)
  lu.assertEquals(made:prompt("train", 3), { 1, 4 })
  lu.assertEquals({ made.stop, made.preference.kind, made.golden.beta }, { { 0 }, "preference", 0.1 })
  lu.assertEquals({ made.runs.steps, made.runs.offline.beta, made.proxy_pairs }, { 480, { 0.05, 0.1 }, 0 })
end

function TestDefine:test_what_is_missing_is_named()
  lu.assertStrContains(refused { prompts = false }, "option 'prompts' is missing; expected a function")
  lu.assertStrContains(refused { gold_score = false }, "gold_score, gold_prefers or gold_pairs is missing")
  lu.assertStrContains(refused { model = false }, "pretrained, or text and model, is missing")
  lu.assertStrContains(refused { tokenizer = { eos = 0 } }, "the tokenizer has no 'encode'")
end

function TestDefine:test_what_a_method_gives_is_checked()
  lu.assertStrContains(refused { prompts = function() return {} end },
    'prompts("train", 1) must give a list of one')
  lu.assertStrContains(refused { prompts = function() return { { 1, 2, 3 } } end },
    "a prompt must be at most 2 ids, not 3")
  lu.assertStrContains(refused { prompts = function() return { { 27 } } end },
    "a prompt must be ids below 27, not 27")
  lu.assertStrContains(refused { text = function() return {} end },
    "a text must be a list of ids, not a table")
  lu.assertStrContains(refused { max_response = 7 },
    "model.max_length is 8, less than a prompt and a response of 9")
end

--- Each was accepted, or compared with a number where it is none.
function TestDefine:test_stop_and_the_tokenizer_are_checked()
  local function of(field, value)
    local tokenizer = letters().tokenizer
    tokenizer[field] = value
    return refused { tokenizer = tokenizer }
  end
  lu.assertEquals(refused { stop = {} }, "tasks.define: stop must be a list of ids, not a table")
  lu.assertEquals(refused { stop = { "x" } }, "tasks.define: stop must be ids below 27, not 'x'")
  lu.assertEquals(refused { stop = { 0, 99 } }, "tasks.define: stop must be ids below 27, not 99")
  lu.assertEquals(refused { labels = { 25, 27 } }, "tasks.define: labels must be ids below 27, not 27")
  lu.assertEquals(of("eos", 99),
    "tasks.define: the tokenizer's 'eos' must be one of the ids below 27, not 99")
  lu.assertEquals(of("decode", 3), "tasks.define: the tokenizer's 'decode' must be a function, not 3")
  for _, size in ipairs { 0 / 0, "x", 0, 2.5, {} } do
    lu.assertStrContains(of("vocab_size", size),
      "tasks.define: the tokenizer's 'vocab_size' must be a whole number of at least 1, not ")
  end
  lu.assertEquals(refused { model = { max_length = "x" } },
    "tasks.define: model.max_length must be a whole number, not 'x'")
  lu.assertEquals(refused { model = { max_length = 0 / 0 } },
    "tasks.define: model.max_length must be a whole number, not nan")
end

function TestDefine:test_tasks_of_other_texts_have_other_settings()
  local other = letters { text = function(_, _, i) return { 1, i % 25 + 2, 0 } end }
  lu.assertEquals(tasks.define(letters()).settings(), tasks.define(letters()).settings())
  lu.assertNotEquals(tasks.define(other).settings(), tasks.define(letters()).settings())
end

--- A task from records.
local function from(records, given)
  local path = os.tmpname()
  formats.save_json_lines(path, records)
  local o = { path = path, vocab_size = 300, cache = false }
  for name, value in pairs(given or {}) do o[name] = value end
  local ok, made = pcall(tasks.from_pairs, o)
  os.remove(path)
  if not ok then error(made, 0) end
  return made
end

--- The texts of the only pair of a task.
local function texts(made)
  for _, split in ipairs(task.splits) do
    local pair = made:pairs(split)[1]
    if pair then
      local decode = function(ids) return made.tokenizer:decode(ids) end
      return { decode(pair.prompt), decode(pair.chosen), decode(pair.rejected) }
    end
  end
end

local function message(role, content) return { role = role, content = content } end

TestPairs = {}

-- The cases of an implicit prompt are those of `extract_prompt` in TRL 1.0 (trl/data_utils.py).
function TestPairs:test_a_prompt_is_explicit_or_what_both_responses_begin_with()
  lu.assertEquals(texts(from { { prompt = "The sky is", chosen = " blue.", rejected = " green." } }),
    { "The sky is", " blue.", " green." })
  lu.assertEquals(texts(from { { chosen = "The sky is blue.", rejected = "The sky is green." } }),
    { "The sky is", " blue.", " green." })
  lu.assertEquals(texts(from { { chosen = "ab", rejected = "ac" } }), { "a", "b", "c" })
end

function TestPairs:test_a_character_of_several_bytes_is_not_divided()
  lu.assertEquals(texts(from { { chosen = "x\u{e9}", rejected = "x\u{e8}" } }), { "x", "\u{e9}", "\u{e8}" })
end

function TestPairs:test_messages_are_turns()
  local question = message("user", "Hi")
  local wanted = { "\n\nHuman: Hi\n\nAssistant:", " Yes.", " No." }
  lu.assertEquals(texts(from { {
    prompt = { question }, chosen = { message("assistant", "Yes.") },
    rejected = { message("assistant", "No.") },
  } }), wanted)
  local implicit = {
    chosen = { question, message("assistant", "Yes.") }, rejected = { question, message("assistant", "No.") },
  }
  lu.assertEquals(texts(from { implicit }), wanted)
  implicit.prompt = "Hi"
  lu.assertEquals(texts(from { implicit }), wanted)
end

function TestPairs:test_a_file_of_comma_separated_values_is_read()
  local path = os.tmpname() .. ".csv"
  system.write_file(path, 'prompt,chosen,rejected\nThe sky is," blue, mostly."," green."\n')
  local made = tasks.from_pairs { path = path, vocab_size = 300, cache = false }
  os.remove(path)
  lu.assertEquals(texts(made), { "The sky is", " blue, mostly.", " green." })
end

function TestPairs:test_what_is_left_out_is_counted()
  local made = from({
    { prompt = "A", chosen = " b", rejected = " c" },
    { prompt = "B", chosen = " b", rejected = " b " },
    { prompt = "C", chosen = "", rejected = " b" },
    { prompt = "qwertyuiopasdfghjkl", chosen = " a", rejected = " b" },
  }, { max_prompt = 8 })
  lu.assertEquals({ made.dropped.responses_equal, made.dropped.responses_empty,
    made.dropped.prompts_too_long },
    { 1, 1, 1 })
  lu.assertEquals(made.settings().task, "from_pairs")
end

function TestPairs:test_a_record_of_another_form_is_named()
  lu.assertStrContains(support.message(from, { { chosen = 1, rejected = "" } }),
    "line 1: 'chosen' must be a text or a list of messages { role, content }, not 1")
  lu.assertStrContains(support.message(from, { { chosen = { message("user", "x"), 7 }, rejected = { } } }),
    "line 1: 'chosen': message 2 must be { role, content }, not 7")
  lu.assertStrContains(support.message(from, { { chosen = "a", rejected = { message("user", "x") } } }),
    "'chosen' and 'rejected' must have the same form")
  lu.assertStrContains(support.message(from, { "x" }), "line 1: must be an object, not 'x'")
end

TestArrays = {}

function TestArrays:test_a_file_of_one_json_array_is_named()
  local path = os.tmpname()
  system.write_file(path, '[{"prompt":"a","chosen":"b","rejected":"c"}]')
  lu.assertEquals(support.message(tasks.from_pairs, { path = path }),
    path .. ": the whole file is one JSON array; give it the ending .json")
  os.remove(path)
end

os.exit(lu.LuaUnit.run())
