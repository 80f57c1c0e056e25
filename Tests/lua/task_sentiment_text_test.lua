--- The stories: pure functions of seed and number, within their limits, many and coherent.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local grammar = require "perilune.tasks.sentiment.grammar"
local random_of = require "perilune.tasks.random"
local stories = require "perilune.tasks.sentiment.text"
local words = require "perilune.tasks.words"

local function text(...) return stories.join(stories.story(...)) end

TestRandom = {}

function TestRandom:test_a_stream_is_a_pure_function_of_its_numbers()
  local a, b = random_of(1, 2, 3), random_of(1, 2, 3)
  for _ = 1, 100 do lu.assertEquals(a(), b()) end
  lu.assertNotEquals(random_of(1, 2, 3)(), random_of(1, 2, 4)())
  lu.assertNotEquals(random_of(1, 2, 3)(), random_of(1, 3, 2)())
  lu.assertNotEquals(random_of(1, 2, 3)(), random_of(2, 1, 3)())
end

function TestRandom:test_draws_are_even_within_five_standard_errors()
  local random, counts, n = random_of(5, 0), {}, 60000
  for _ = 1, n do
    local k = random(6)
    counts[k] = (counts[k] or 0) + 1
  end
  lu.assertEquals(#counts, 6)
  for k = 1, 6 do lu.assertTrue(math.abs(counts[k] - n / 6) < 5 * math.sqrt(n * 5 / 36), k) end
  for _ = 1, 1000 do
    local u = random()
    lu.assertTrue(u >= 0 and u < 1)
  end
end

TestStories = {}

function TestStories:test_a_story_does_not_depend_on_the_stories_made_before_it()
  local alone = text(3, 41)
  for i = 1, 40 do text(3, i) end
  lu.assertEquals(text(3, 41), alone)
  lu.assertNotEquals(text(3, 42), alone)
  lu.assertNotEquals(text(4, 41), alone)
end

function TestStories:test_math_random_is_not_used()
  math.randomseed(1)
  local a = text(1, 1)
  math.randomseed(2)
  lu.assertEquals(text(1, 1), a)
end

function TestStories:test_this_seed_and_number_give_this_story_for_ever()
  lu.assertEquals(text(1, 10), "Tess and Ivy walked to the wooden bridge with a fox every evening . "
    .. "she had a nasty kite . there was no shame at the bridge , and she felt delighted . "
    .. "she lost the kite and shouted . Tess and Ivy were patient together .")
end

function TestStories:test_variants_keep_the_first_sentence_and_change_the_rest()
  local distinct = {}
  for variant = 0, 15 do
    local s = stories.story(1, 9, variant)
    lu.assertEquals(s.prompt_length, stories.story(1, 9).prompt_length)
    distinct[stories.join(s)] = true
    lu.assertEquals(stories.join(s):match("^[^.]*%."), text(1, 9):match("^[^.]*%."))
  end
  local count = 0
  for _ in pairs(distinct) do count = count + 1 end
  lu.assertEquals(count, 16)
end

function TestStories:test_lengths_stay_within_the_limits()
  local limits = stories.limits
  for i = 1, 3000 do
    local s = stories.story(1, i)
    local response = #s.words - s.prompt_length + 1
    lu.assertTrue(s.prompt_length >= limits.prompt_least and s.prompt_length <= limits.prompt_most)
    lu.assertTrue(response >= limits.response_least and response <= limits.response_most, response)
  end
end

function TestStories:test_an_opening_is_longer_than_any_prompt_and_has_no_moody_slot()
  for _, opening in ipairs(grammar.openings) do
    local count = 0
    for token in opening[1]:gmatch("%S+") do
      count = count + 1
      lu.assertNil(grammar.moody[token:match("^{[%-~]?(%l+)}$") or ""], token)
    end
    lu.assertTrue(count > stories.limits.prompt_most, opening[1])
  end
end

function TestStories:test_the_hero_keeps_one_pronoun()
  for i = 1, 2000 do
    local story = " " .. text(1, i) .. " "
    local she = story:find(" she ", 1, true) or story:find(" her ", 1, true)
    local he = story:find(" he ", 1, true) or story:find(" him ", 1, true) or story:find(" his ", 1, true)
    lu.assertFalse((she and he) and true or false, story)
  end
end

function TestStories:test_an_article_fits_the_next_word()
  for i = 1, 2000 do
    local story = " " .. text(1, i)
    lu.assertNil(story:find(" a [aeio]"), story)
    lu.assertNil(story:find(" an [^aeiouh]") or story:find(" an us") or story:find(" a u[^s]"), story)
  end
end

-- With N equally likely stories, 20000 draws collide 2e8 / N times on average: none at all means that
-- N is above 6e7 (at 95 %), far over the 100000 that the task needs.
function TestStories:test_twenty_thousand_stories_are_all_distinct()
  local seen = {}
  for i = 1, 20000 do
    local story = text(1, i)
    lu.assertNil(seen[story], story)
    seen[story] = i
  end
end

function TestStories:test_an_acceptance_that_never_holds_is_an_error_and_not_a_hang()
  lu.assertEquals(support.message(stories.story, 1, 1, 0, function() return false end),
    "tasks.sentiment.text: no opening in 10000 was accepted")
end

TestWords = {}

local tokenizer = words.tokenizer(stories.vocabulary())

function TestWords:test_the_vocabulary_fits_in_512_with_the_special_ids()
  lu.assertTrue(tokenizer.vocab_size <= 512 and tokenizer.vocab_size > 300)
  lu.assertEquals({ tokenizer.pad, tokenizer.bos, tokenizer.eos, tokenizer.unk }, { 0, 1, 2, 3 })
end

function TestWords:test_every_word_of_every_story_is_in_the_vocabulary_and_comes_back()
  local used = {}
  for i = 1, 3000 do
    local s = stories.story(2, i)
    local ids = tokenizer:encode(stories.join(s))
    lu.assertEquals(#ids, #s.words)
    for k, id in ipairs(ids) do
      lu.assertEquals(tokenizer:word(id), s.words[k])
      used[id] = true
    end
    lu.assertEquals(tokenizer:encode(tokenizer:decode(ids)), ids)
  end
  for _, label in ipairs { 4, 5 } do lu.assertNil(used[label], "a label is written") end
  for id = 6, tokenizer.vocab_size - 1 do
    lu.assertTrue(used[id], tokenizer:word(id) .. " is never written")
  end
end

function TestWords:test_decoding_reads_as_prose()
  local ids = tokenizer:encode("Lily was not sad , but glad . she smiled .")
  lu.assertEquals(tokenizer:decode(ids), "Lily was not sad, but glad. She smiled.")
  lu.assertEquals(tokenizer:encode("Lily was not sad, but glad. She smiled."), ids)
end

function TestWords:test_special_ids_and_edges()
  lu.assertEquals(tokenizer:decode {}, "")
  lu.assertEquals(tokenizer:encode "", {})
  lu.assertEquals(tokenizer:encode "zebra <eos> <a> <b>", { 3, 3, 3, 3 })
  local sad = tokenizer:id "sad"
  lu.assertEquals(tokenizer:decode { 1, sad, 0, sad, 2, sad }, "Sad sad")
  lu.assertStrContains(support.message(tokenizer.decode, tokenizer, { 1, 512 }),
    "id 512 is not in the vocabulary")
  lu.assertStrContains(support.message(tokenizer.decode, tokenizer, { 1, -1 }),
    "id -1 is not in the vocabulary")
  lu.assertStrContains(support.message(tokenizer.decode, tokenizer, { 1.5 }),
    "id 1.5 is not in the vocabulary")
  lu.assertStrContains(support.message(tokenizer.encode, tokenizer, 5), "encode takes a string, not 5")
  lu.assertStrContains(support.message(words.tokenizer, { "Rose", "rose" }), "'Rose' and 'rose'")
end

os.exit(lu.LuaUnit.run())
