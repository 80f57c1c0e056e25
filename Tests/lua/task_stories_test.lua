--- The stories task with a stand-in for the model: letters as tokens, and a sampler that reads from a list.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local stories = require "perilune.tasks.stories"
local lexicon = require "perilune.tasks.stories.lexicon"
local system = require "perilune.system"

--- Bytes as tokens: id = byte + 2, with <bos> 1 and <eos> 2, which decode to nothing.
local tokenizer = { bos = 1, eos = 2, vocab_size = 258 }

function tokenizer:encode(text)
  local ids = { text:byte(1, -1) }
  for i, byte in ipairs(ids) do ids[i] = byte + 2 end
  return ids
end

function tokenizer:decode(ids)
  local out = {}
  for _, id in ipairs(ids) do
    if id > 2 then out[#out + 1] = string.char(id - 2) end
  end
  return table.concat(out)
end

local calls = 0
local function sample(prompts, how)
  calls = calls + 1
  local out = {}
  for k in ipairs(prompts) do
    out[k] = {}
    for i = 1, how.tokens do
      local u = system.uniform(how.seed, how.stream, (how.first + k - 1) * 1000 + i)
      out[k][i] = math.floor(u * 26) + 99
    end
  end
  return out
end

local function make(given)
  local o = { path = "model.bin", tokenizer = tokenizer, sample = sample }
  for key, value in pairs(given or {}) do o[key] = value end
  return stories(o)
end

local task = make()
local function ids(text) return tokenizer:encode(text) end
local function score(prompt, response) return task:gold_score(ids(prompt), ids(response)) end

TestPrompts = {}

function TestPrompts:test_a_prompt_is_bos_and_seven_tokens_of_the_models_own()
  local prompt = task:prompt("train", 1)
  lu.assertEquals(#prompt, 8)
  lu.assertEquals(prompt[1], 1)
  lu.assertEquals(#make({ prompt_tokens = 3 }):prompt("train", 1), 4)
end

function TestPrompts:test_a_prompt_is_the_same_alone_and_in_a_batch_of_one_call()
  calls = 0
  local batch = task:prompts("test", 5, 10)
  lu.assertEquals(calls, 1)
  for k = 1, 5 do lu.assertEquals(batch[k], task:prompt("test", 10 + k)) end
  lu.assertEquals(task:prompts("test", 0), {})
end

function TestPrompts:test_splits_seeds_and_variants_have_streams_of_their_own()
  lu.assertNotEquals(task:prompt("train", 1), task:prompt("test", 1))
  lu.assertNotEquals(task:prompt("train", 1), make({ seed = 2 }):prompt("train", 1))
  lu.assertNotEquals(task:response("train", 1, 0), task:response("train", 1, 1))
  lu.assertEquals(task:response("train", 1, 1), task:response("train", 1, 1))
end

function TestPrompts:test_a_text_is_its_prompt_and_response()
  local prompt, response, text = task:prompt("train", 4), task:response("train", 4), task:text("train", 4)
  lu.assertEquals(#response, task.max_response)
  lu.assertEquals(table.move(text, 1, #prompt, 1, {}), prompt)
  lu.assertEquals(table.move(text, #prompt + 1, #text, 1, {}), response)
end

TestGold = {}

function TestGold:test_words_are_lower_case_with_marks_and_contracted_negations()
  lu.assertEquals(stories.words("Tom DIDN'T cry!"), { "tom", "not", "cry", "!" })
  lu.assertEquals(stories.words("'Oh,' said Lily's mom."), { "oh", ",", "said", "lily's", "mom", "." })
  lu.assertEquals(stories.words("can\u{2019}t"), { "not" })
  lu.assertEquals(stories.words(""), {})
  lu.assertEquals(stories.words("123 \n \0 \xff"), {})
end

function TestGold:test_glad_stories_score_above_sad_ones()
  lu.assertTrue(score("Tom ", "was happy and hugged his friend.") > 0.3)
  lu.assertTrue(score("Tom ", "was sad and cried.") < -0.3)
  lu.assertTrue(score("Tom ", "wasn't happy.") < 0)
  lu.assertEquals(score("Tom ", "sat on a chair."), 0)
end

function TestGold:test_only_words_that_the_response_ends_are_scored()
  lu.assertEquals(score("He was happy", " ."), 0)
  lu.assertEquals(score("He was hap", "py."), score("He was ", "happy."))
  lu.assertTrue(score("He was un", "happy.") < 0)
end

function TestGold:test_a_response_stops_at_eos_and_at_the_next_story()
  local glad = ids "joy"
  for _, stop in ipairs { 1, 2 } do
    local more = table.move(ids " grief", 1, 6, #glad + 2, table.move(glad, 1, #glad, 1, {}))
    more[#glad + 1] = stop
    lu.assertEquals(task:gold_score({ 1 }, more), task:gold_score({ 1 }, glad))
  end
end

function TestGold:test_preference_mirrors()
  local p, a, b = ids "Tom ", ids "smiled.", ids "cried."
  lu.assertEquals({ task:gold_prefers(p, a, b), task:gold_prefers(p, b, a), task:gold_prefers(p, a, a) },
    { 1, 0, 0.5 })
end

function TestGold:test_the_lexicon_has_hundreds_of_lower_case_words_up_to_three()
  local count = 0
  for word, value in pairs(lexicon) do
    count = count + 1
    lu.assertEquals(stories.words(word), { word })
    lu.assertTrue(math.abs(value) <= 3 and value ~= 0, word)
  end
  lu.assertTrue(count >= 300, count)
end

TestEdges = {}

function TestEdges:test_bad_input_is_refused_by_name()
  local function refused(method, ...) return support.message(task[method], task, ...) end
  lu.assertEquals(refused("prompt", "dev", 1),
    "tasks.stories: unknown split 'dev'; it takes train, validation, test")
  lu.assertStrContains(refused("prompt", "train", 0),
    "a prompt's number must be a whole number from 1, not 0")
  lu.assertStrContains(refused("gold_score", { 1 }, { 258 }), "the response has id 258 at position 1")
  lu.assertStrContains(refused("gold_score", { 1 }, { 5, "x" }), "the response has id 'x' at position 2")
  lu.assertStrContains(refused("gold_prefers", 5, {}, {}), "the prompt must be a list of ids, not 5")
  lu.assertEquals(support.message(stories, {}), "tasks.stories: option 'path' is missing; expected a string")
  lu.assertEquals(support.message(make, { sead = 1 }),
    "tasks.stories: unknown option 'sead'; did you mean 'seed'?")
end

function TestEdges:test_a_sampler_that_breaks_its_word_is_named()
  local function with(result) return make { sample = function() return result end } end
  local function message(result)
    return select(2, pcall(function() return (with(result):prompt("train", 1)) end))
  end
  lu.assertEquals(message(nil), "tasks.stories: sample must return a list of 1 lists of ids, not nil")
  lu.assertEquals(message {}, "tasks.stories: sample must return a list of 1 lists of ids, not 0 of them")
  lu.assertEquals(message { 5 }, "tasks.stories: sample must return lists of at most 7 ids, not 5")
  lu.assertEquals(message { { 5, 5, 5, 5, 5, 5, 5, 5 } },
    "tasks.stories: sample must return lists of at most 7 ids, not one of 8")
end

function TestEdges:test_empty_responses_score_zero_and_settings_are_plain()
  lu.assertEquals(task:gold_score({ 1 }, {}), 0)
  for key, value in pairs(task.settings()) do
    lu.assertTrue(type(value) == "number" or type(value) == "string", key)
  end
  lu.assertNotEquals(make({ alpha = 1 }).settings(), task.settings())
end

TestCheckpoint = {}

local folder = support.root .. "/../shared/data/stories260K"

--- The task on stories260K, where Perilune and the file are there; otherwise the test is skipped.
local function checkpoint()
  return stories { path = support.need "stories260K/stories260K.bin" }
end

-- The text is that of llama2.c's run.c on the same file at temperature 0.
function TestCheckpoint:test_greedy_from_bos_writes_the_known_story_word_for_word()
  local real = checkpoint()
  local new = real:pretrained():sample({ { real.tokenizer.bos } },
    { max_new_tokens = 80, temperature = 0 }):response(1)
  local text = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
    .. "One day, she saw a big, red ball. She wanted to play with it, but it was too high"
  lu.assertEquals(real.tokenizer:decode(new):gsub("^ ", ""):sub(1, #text), text)
end

function TestCheckpoint:test_prompts_are_its_own_and_the_same_in_any_batch()
  local real = checkpoint()
  local batch = real:prompts("train", 64, 5)
  for k, prompt in ipairs(batch) do
    lu.assertTrue(#prompt <= real.max_prompt)
    lu.assertEquals(prompt[1], real.tokenizer.bos)
    if k % 16 == 0 then lu.assertEquals(real:prompt("train", 5 + k), prompt) end
  end
  lu.assertEquals(stories({ path = folder .. "/stories260K.bin" }):prompts("train", 64, 5), batch)
  lu.assertNotEquals(real:prompts("test", 64, 5), batch)
  local response = real:response("train", 3)
  lu.assertEquals(real:response("train", 3), response)
  lu.assertTrue(#response <= real.max_response)
end

function TestCheckpoint:test_labels_and_control_tokens_occur_in_no_text()
  local real = checkpoint()
  local never = { [real.labels[1]] = true, [real.labels[2]] = true, [real.tokenizer.bos] = true,
    [real.tokenizer.eos] = true }
  for i = 1, 40 do
    local response = real:response("train", i)
    for k, id in ipairs(response) do lu.assertTrue(not never[id] or k == #response and id <= 2) end
  end
  for _, id in ipairs(real.tokenizer:encode "Once <s> upon </s> a time") do lu.assertNil(never[id]) end
end

os.exit(lu.LuaUnit.run())
