--- Data sets in the forms of TRL: read, turned into the same ids, described.
--
-- Tests/Golden/data is made by scripts/golden/trl_data.py: the rows are those of TRL's trainers.
local lu = require "luaunit"
local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*$") or "."
local support = dofile(here .. "/support.lua")
local data = require "perilune.data"
local formats = require "perilune.formats"
local system = require "perilune.system"
local tasks = require "perilune.tasks"

local folder = support.root .. "/Tests/Golden/data/"
local golden = formats.load_json_lines(folder .. "trl.json.gz")[1]
local tok = require("perilune.tokenizer").load((folder:gsub("/$", "")))

local paths = {}
local function written(text, ending)
  local path = os.tmpname()
  paths[#paths + 1] = path
  path = path .. (ending or ".jsonl")
  paths[#paths + 1] = path
  system.write_file(path, text)
  return path
end

local function remove()
  for _, path in ipairs(paths) do os.remove(path) end
  paths = {}
end

TestTRL = { tearDown = remove }

local function joined(a, b) return table.move(b, 1, #b, #a + 1, table.move(a, 1, #a, 1, {})) end

--- A row here as the row of TRL's trainer: SFT has all ids, and labels of -100 where nothing is learnt.
local function as_trl(row, wanted)
  if not wanted.input_ids then return row end
  local ids, labels = row.input_ids or joined(row.prompt_ids, row.completion_ids), {}
  for i, id in ipairs(ids) do
    local is_learnt = row.assistant_masks == nil or row.assistant_masks[i] == 1
    if row.prompt_ids then is_learnt = i > #row.prompt_ids end
    labels[i] = is_learnt and id or -100
  end
  return { input_ids = ids, labels = labels }
end

function TestTRL:test_every_form_has_the_ids_of_the_trainers()
  lu.assertEquals(#golden.cases, 11)
  for _, case in ipairs(golden.cases) do
    local rows, counts = data.tokenize(data.load(written(case.lines)), { tokenizer = tok })
    lu.assertEquals(#rows, #case.rows, case.name)
    for i, wanted in ipairs(case.rows) do
      local row = as_trl(rows[i], wanted)
      for key, value in pairs(wanted) do
        lu.assertEquals(row[key], value, ("%s, record %d, %s"):format(case.name, i, key))
      end
    end
    for why in pairs(counts) do lu.assertEquals(why, "prompt not the beginning of the whole", case.name) end
  end
end

TestFiles = { tearDown = remove }

local two <const> = '{"prompt": "a", "chosen": "b", "rejected": "c"}\n'
  .. '{"prompt": "d", "chosen": "e", "rejected": "f"}'

function TestFiles:test_line_ends_marks_and_packing_make_no_difference()
  local packed = os.tmpname() .. ".gz"
  paths[#paths + 1] = packed
  formats.save_json_lines(packed, { formats.json_decode(two:match "^[^\n]+") })
  local once = io.open(packed, "rb"):read "a"
  local forms = {
    { two, ".jsonl" }, { two .. "\n", ".jsonl" }, { "\u{FEFF}" .. two:gsub("\n", "\r\n") .. "\r\n",
      ".jsonl" },
    { "\n\n" .. two:gsub("\n", "\n \n"), ".jsonl" }, { "[" .. two:gsub("\n", ",") .. "]", ".json" },
    { " [\n" .. two:gsub("\n", ",\n") .. "]\n", ".json" }, { two, ".json" }, { once .. once, ".jsonl.gz" },
    { "prompt,chosen,rejected\na,b,c\nd,e,f\n", ".csv" },
  }
  for i, form in ipairs(forms) do
    local set = data.load(written(form[1], form[2]))
    lu.assertEquals({ #set, set.kind, set.records[1].prompt, set.records[1].rejected }, { 2, "preference",
      "a", "c" },
      "form " .. i)
  end
end

function TestFiles:test_a_line_of_many_megabytes_is_read()
  local text = ("word "):rep(6000000)
  local set = data.load(written(('{"text": "%s"}\n{"text": "b"}'):format(text)))
  lu.assertEquals({ #set, #set.records[1].text }, { 2, #text })
end

function TestFiles:test_packed_lines_of_100_MB_are_streamed()
  local path = os.tmpname() .. ".jsonl.gz"
  paths[#paths + 1] = path
  do
    local long = ("word "):rep(20000000)
    formats.save_json_lines(path, { { text = "a" }, { text = long }, { text = long }, { text = "z" } })
  end
  local before, list = support.peak_from_here(), data.load(path).records
  lu.assertEquals({ #list, #list[2].text, #list[3].text, list[4].text }, { 4, 100000000, 100000000, "z" })
  if not before then lu.skip "the peak of memory is not known" end
  -- The two texts, the buffer of a line, and a text on its way to Lua.
  lu.assertTrue(support.status "VmHWM" - before < 460000, support.status "VmHWM" - before)
end

function TestFiles:test_what_is_wrong_is_named_by_its_record()
  local function message(text, ending) return support.message(data.load, written(text, ending)) end
  lu.assertStrContains(message '{"prompt": "a"}\n{"text": "b"}',
    "line 2 is language modeling data, the first is prompt-only: all records of a file have one form")
  lu.assertStrContains(message('\n{"prompt": "a", "chosen": "b", "rejected": "c"}\n\nnull\n{"text": "b"}'),
    ".jsonl: line 5 is language modeling data, the first is preference")
  lu.assertStrContains(message('[{"prompt": "a"}, {"text": "b"}]', ".json"),
    ".json: record 2 is language modeling")
  lu.assertStrContains(message '{"prompt": [{"rol": 1}], "completion": "x"}',
    "line 1: 'prompt': message 1 must be { role, content }")
  lu.assertStrContains(message '{"prompt": "a", "completion": "x", "label": "yes"}',
    "'label' must be true or false, not 'yes'")
  lu.assertStrContains(message '{"prompt": "a", "completions": ["x"], "labels": []}',
    "lists of the same length")
  lu.assertStrContains(message '{"question": "a"}',
    "has none of messages, text, prompt, chosen and rejected, but question")
  lu.assertStrContains(message '{"prompt": "a", "completion": [{"role": "user", "content": ""}]}',
    "must have the same form")
  lu.assertStrContains(message '{"a": 1\n', "line 1")
  lu.assertStrContains(message "", "the file has no records")
end

--- Of a CSV of another encoding it was "element [1] is not valid UTF-8", of a content that is a number
-- "template: 'int' object is not iterable (line 3)", both without a file.
function TestFiles:test_a_content_that_is_no_text_and_a_text_that_is_not_utf_8_are_named_by_file_and_record()
  local function refused(text, ending, expected)
    local path = written(text, ending)
    support.refuses(path .. ": " .. expected, data.load, path)
    support.refuses(path .. ": " .. expected, tasks.from_pairs, { path = path, cache = false })
  end
  refused("prompt,chosen,rejected\na, b, c\nol\xE9, b, c\n", ".csv",
    "record 2: 'prompt' is not UTF-8 at byte 3; expected a file saved as UTF-8")
  local record <const> = '{"chosen": [{"role": "user", "content": "a"}, '
    .. '{"role": "assistant", "content": %s}], "rejected": [{"role": "user", "content": "a"}, '
    .. '{"role": "assistant", "content": "c"}]}'
  for content, shown in pairs {
    ["5"] = "5", ["false"] = "false", ['["b"]'] = "'b'", ['{"text": "b"}'] = "a table",
  } do
    refused(record:format '"b"' .. "\n" .. record:format(content), ".jsonl", "line 2: 'chosen': content of "
      .. "message 2 must be a text or a list of parts { type, text }, not " .. shown)
  end
  local path = written(record:format '[{"type": "text", "text": "b"}]')
  lu.assertEquals(#data.load(path).records, 1)
end

function TestFiles:test_an_implicit_prompt_is_never_all_of_a_response()
  local forms = require "perilune.data.forms"
  lu.assertEquals({ forms.extract_prompt("ab", "abc") }, { "a", "b", "bc" })
  lu.assertEquals({ forms.extract_prompt("a b", "a c") }, { "a", " b", " c" })
  lu.assertEquals({ forms.extract_prompt("xé", "xè") }, { "x", "é", "è" })
  lu.assertEquals({ forms.extract_prompt("é", "éa") }, { "", "é", "éa" })
end

TestTokens = { tearDown = remove }

function TestTokens:test_what_does_not_fit_is_left_out_and_counted_or_cut_when_asked()
  local records = {}
  for i = 1, 10 do records[i] = { prompt = ("q "):rep(i), chosen = (" a"):rep(i), rejected = " b" } end
  local set = data.of(records)
  local rows, counts = data.tokenize(set, { tokenizer = tok, max_response = 5 })
  lu.assertEquals(#rows + counts["response longer than max_response"], 10)
  lu.assertTrue(#rows > 0 and #rows < 10)
  for _, row in ipairs(rows) do lu.assertTrue(#row.chosen_ids <= 5) end
  rows, counts = data.tokenize(set, { tokenizer = tok, max_response = 5, max_prompt = 3, cut = true })
  lu.assertEquals(#rows, 10)
  lu.assertTrue(counts.cut > 0)
  local last = rows[10]
  lu.assertEquals({ #last.prompt_ids, #last.chosen_ids }, { 3, 5 })
end

function TestTokens:test_steps_are_rows_of_a_process_reward_model()
  local set = data.of { { prompt = "1 + 1", completions = { "is 2", "done" }, labels = { true, false } } }
  local row = data.tokenize(set, { tokenizer = tok })[1]
  lu.assertEquals({ #row.completions_ids, row.labels }, { 2, { true, false } })
  lu.assertEquals(tok:decode(row.completions_ids[1]), "is 2\n")
end

TestDescribe = { tearDown = remove }

function TestDescribe:test_overlaps_equal_pairs_and_length_bias_are_shown()
  local train = data.of({
    { prompt = "a", chosen = "long answer", rejected = "short" }, { prompt = "a", chosen = "short",
      rejected = "long answer" },
    { prompt = "b", chosen = "x", rejected = "x" }, { prompt = "b", chosen = "x", rejected = "x" },
  }, "train")
  local text = data.describe(train, { splits = { test = data.of { { prompt = "b", chosen = "y",
    rejected = "z" } } } })
  lu.assertStrContains(text, "pairs: 2 with equal responses, 1 twice, 1 also the other way round")
  lu.assertStrContains(text, "length bias: the longer response is chosen in 50 % of 2 pairs")
  lu.assertStrContains(text, "overlap: 1 of 1 prompts of 'test' are here too")
end

function TestDescribe:test_messages_have_the_tokens_of_the_chat_template()
  local function turn(role, content) return { role = role, content = content } end
  local set = data.of({ { prompt = { turn("user", "the sky") }, chosen = { turn("assistant",
    "blue and green") },
    rejected = { turn("assistant", "blue") } } }, "chat")
  local row = data.tokenize(set, { tokenizer = tok })[1]
  local function column(text, name) return tonumber(text:match("\n" .. name .. "%s+([%d.]+)")) end
  local text = data.describe(set, { tokenizer = tok })
  for _, name in ipairs { "prompt", "chosen", "rejected" } do
    lu.assertEquals(column(text, name), #row[name .. "_ids"], name)
  end
  local content = #tok:encode "blue and green"
  local plain = data.describe(set, { tokenizer = tok, template = "{% for m in messages %}{{ m.content "
    .. "}}{% endfor %}" })
  lu.assertEquals(column(plain, "chosen"), content)
  lu.assertTrue(#row.chosen_ids > content)
end

TestFromPairs = { tearDown = remove }

local function pairs_file(count, turns)
  local lines = {}
  for i = 1, count do
    local question = ("What is %d + 1?"):format(i)
    local function answer(n) return turns and { { role = "assistant",
      content = tostring(n) } } or " " .. n end
    lines[i] = formats.json_encode {
      prompt = turns and { { role = "user", content = question } } or question, chosen = answer(i + 1),
        rejected = answer(i),
    }
  end
  return written(table.concat(lines, "\n"))
end

function TestFromPairs:test_a_given_tokenizer_has_the_ids_of_trl()
  local path = pairs_file(60, true)
  local task = tasks.from_pairs { path = path, tokenizer = tok, cache = false }
  local rows = data.tokenize(data.load(path), { tokenizer = tok })
  local by_prompt = {}
  for _, row in ipairs(rows) do by_prompt[table.concat(row.prompt_ids, " ")] = row end
  local count = 0
  for _, split in ipairs { "train", "validation", "test" } do
    for _, pair in ipairs(task:pairs(split)) do
      local row = by_prompt[table.concat(pair.prompt, " ")]
      -- The line end that the template writes after <|im_end|> is no part of a response.
      lu.assertEquals(joined(pair.chosen, { row.chosen_ids[#row.chosen_ids] }), row.chosen_ids)
      lu.assertEquals(pair.chosen[#pair.chosen], tok.eos)
      count = count + 1
    end
  end
  lu.assertEquals(count, 60)
  lu.assertEquals(task.tokenizer, tok)
  lu.assertEquals(#task.labels, 2)
end

function TestFromPairs:test_an_experiment_takes_a_file_alone()
  local experiment = require "perilune.align.experiment"
  local path = pairs_file(60)
  local o = experiment.parse({ "--smoke", "--data", path, "--out", os.tmpname() .. ".report" }, "example")
  lu.assertEquals(o.task, "from_pairs")
  lu.assertEquals(experiment.parse({ "--smoke", "--out", os.tmpname() .. ".report" }, "example").task,
    "sentiment")
end

function TestFromPairs:test_an_experiment_refuses_too_few_pairs_in_a_line()
  local out = os.tmpname()
  local pipe <close> = assert(io.popen(("'%s' '%s/scripts/experiments/gap.lua' --smoke --data '%s' --out "
    .. "'%s.report' 2>&1; "
    .. "echo status $?"):format(system.program(), support.root, pairs_file(3), out)))
  lu.assertStrMatches(pipe:read "a", "data: %S+ has 3 prompts, with 2 pairs to train with, 1 to validate "
    .. "with and 0 to test with; some of each are needed[^\n]+\nstatus 1\n")
  os.execute(("rm -rf '%s' '%s.report'"):format(out, out))
end

--- Start, judges and golden policy were trained, then `batches` told that prompts do not fill a batch.
function TestFromPairs:test_an_experiment_refuses_fewer_training_prompts_than_a_batch()
  local opened = require "perilune.align.experiment.opened"
  local function o(count, batch, pairs_of_stage)
    return { task = "from_pairs", data = pairs_file(count), model = "", cost = -1, batch = batch,
      pairs = pairs_of_stage }
  end
  local few = o(40, 32, 8192)
  local n = opened.task(few).counts
  lu.assertTrue(n.train.pairs < 36 and n.train.pairs == n.train.prompts)
  support.refuses(("data: a batch of 36 is more than the %d prompts, with %d pairs, to train with: %s has 40 "
    .. "prompts, with %d pairs to train with, %d to validate with and %d to test with; some of each are "
    .. "needed. Prompts are drawn for them, about 8 : 1 : 1: give pairs of at least 58 prompts, or a smaller "
    .. "batch"):format(n.train.pairs, n.train.pairs, few.data, n.train.pairs, n.validation.pairs,
    n.test.pairs), opened.check_data, { task = few.task, data = few.data, model = "", cost = -1, batch = 36,
      pairs = 8192 })
  lu.assertStrContains(support.message(opened.check_data, o(40, 8, 7)),
    "a batch of 8 is more than the 7 prompts")
  opened.check_data(o(40, 8, 96))
end

--- A default of --beta and --loss.beta of the command line were refused as two of one.
function TestFromPairs:test_gap_takes_a_loss_with_options_of_its_own()
  local out = os.tmpname()
  local pipe <close> = assert(io.popen(("'%s' '%s/scripts/experiments/gap.lua' --smoke --loss dpo "
    .. "--loss.beta 0.2 --out '%s.report' 2>&1; echo status $?"):format(system.program(), support.root, out)))
  lu.assertStrContains(pipe:read "a", "\nstatus 0\n")
  os.execute(("rm -rf '%s' '%s.report'"):format(out, out))
end

function TestFromPairs:test_a_file_of_one_prompt_is_named_where_it_has_no_text_to_train_with()
  local path = written(formats.json_encode {
    prompt = "Rosa and Maya hurried to the wooden", chosen = " hut", rejected = " sky",
  })
  local task = tasks.from_pairs { path = path, cache = false }
  lu.assertEquals(task.counts.train.texts, 0)
  lu.assertStrContains(support.message(require "perilune.align".sft, task, { steps = 2, cache = false }),
    ("tasks.from_pairs: split 'train' has no text: %s has 1 prompt, with 0 pairs to train with"):format(path))
end

--- Unpaired records are the same pairs as preference records of their completions, in texts and in messages:
-- a good and a bad completion of equal prompts, whichever comes first. One without another is counted.
function TestFromPairs:test_unpaired_records_of_equal_prompts_are_pairs()
  for _, turns in ipairs { false, true } do
    local path, lines, count, row = pairs_file(40, turns), {}, 0, nil
    for line in io.lines(path) do
      row, count = formats.json_decode(line), count + 1
      local labels = count % 2 == 0 and { true, false } or { false, true }
      for _, label in ipairs(labels) do
        lines[#lines + 1] = formats.json_encode {
          prompt = row.prompt, completion = label and row.chosen or row.rejected, label = label,
        }
      end
    end
    lines[#lines + 1] = formats.json_encode { prompt = row.prompt, completion = row.chosen, label = 1 }
    local unpaired = written(table.concat(lines, "\n"))
    local task = tasks.from_pairs { path = unpaired, tokenizer = tok, cache = false }
    local same = tasks.from_pairs { path = path, tokenizer = tok, cache = false }
    local function all_of(one)
      local list = {}
      for _, split in ipairs { "train", "validation", "test" } do
        for _, pair in ipairs(one:pairs(split)) do
          list[#list + 1] = table.concat({ table.concat(pair.prompt, " "), table.concat(pair.chosen, " "),
            table.concat(pair.rejected, " ") }, "|")
        end
      end
      table.sort(list)
      return list
    end
    lu.assertEquals(#all_of(task), 40)
    lu.assertEquals(all_of(task), all_of(same))
    lu.assertEquals(task.dropped.halves, 1)
    lu.assertStrContains(task.report, "without one of the other label to the same prompt: 1")
  end
end

function TestFromPairs:test_long_pairs_are_cut_only_when_asked()
  local path = written(formats.json_encode { prompt = ("long "):rep(40), chosen = " yes", rejected = " no" })
  lu.assertStrContains(support.message(tasks.from_pairs, { path = written '{"text": "a"}' }),
    "is language modeling data; pairs have chosen and rejected")
  local o = { path = path, tokenizer = tok, max_prompt = 8, cache = false }
  local message = support.message(tasks.from_pairs, o)
  lu.assertStrContains(message, "is left: from_pairs: 1 records")
  lu.assertStrContains(message, "1 with a prompt longer than 8 tokens")
  o.cut = true
  local task = tasks.from_pairs(o)
  lu.assertEquals({ task.dropped.prompts_too_long, task.shortened }, { 0, 1 })
end

os.exit(lu.LuaUnit.run())
