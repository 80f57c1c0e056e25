--- The gold scorer: its formula by hand, negation, degree, repeats, position and squash.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local grammar = require "perilune.tasks.sentiment.grammar"
local sentiment_text = require "perilune.tasks.sentiment.text"
local valence = require "perilune.tasks.valence"

local function words(text)
  local out = {}
  for word in text:gmatch("%S+") do out[#out + 1] = word end
  return out
end

local scorer = valence.scorer()
local function score(text) return scorer(words(text)) end
local function sum(text) return select(2, scorer.parts(words(text))) end
local function near(a, b) lu.assertAlmostEquals(a, b, 1e-12) end

TestValence = {}

-- All expected sums are worked out by hand from the formula: v d n r p, with p = 1 + i / (2 T).
function TestValence:test_one_word_is_its_valence_times_its_position()
  near(sum("she was happy ."), 2.5 * (1 + 3 / 8))
  near(score("she was happy ."), 3.4375 / math.sqrt(3.4375 ^ 2 + 40))
  near(sum("happy"), 2.5 * 1.5)
end

function TestValence:test_words_add_up()
  near(sum("joy and grief"), 3 * (1 + 1 / 6) - 3 * 1.5)
end

function TestValence:test_the_end_weighs_more_than_the_beginning()
  lu.assertTrue(score("sad but happy") > 0)
  lu.assertTrue(score("happy but miserable") < 0)
end

function TestValence:test_negation_turns_and_damps_within_two_words()
  near(sum("not happy"), 2.5 * -0.5 * 1.5)
  near(sum("not so happy"), 2.5 * 1.3 * -0.5 * 1.5)
  near(sum("not at all happy"), 2.5 * 1.5)
  near(sum("no grief"), 3 * 0.5 * 1.5)
  for negation in pairs(valence.negations) do lu.assertTrue(score(negation .. " happy") < 0, negation) end
  lu.assertTrue(score("not happy") > score("sad"))
end

function TestValence:test_two_negations_are_one()
  near(sum("never not happy"), 2.5 * -0.5 * 1.5)
end

function TestValence:test_a_mark_ends_the_reach_of_negation_and_degree()
  near(sum("not , happy"), 2.5 * 1.5)
  near(sum("so . happy"), 2.5 * 1.5)
end

function TestValence:test_degree_scales_only_the_next_word()
  near(sum("very happy"), 1.3 * 2.5 * 1.5)
  near(sum("rather sad"), 0.7 * -2 * 1.5)
  near(sum("very old happy"), 2.5 * 1.5)
  near(sum("very very happy"), 1.3 * 2.5 * 1.5)
end

function TestValence:test_each_repeat_counts_half_of_the_one_before()
  near(sum("joy joy joy"), 3 * (1 + 1 / 6) + 1.5 * (1 + 2 / 6) + 0.75 * 1.5)
  local long = {}
  for i = 1, 200 do long[i] = "happy" end
  local total = select(2, scorer.parts(long))
  lu.assertTrue(total < 2 * 2.5 * 1.5, "repeating for ever is worth less than two words")
  lu.assertTrue(score("happy joy love treasure laughed .") > scorer(long),
    "five glad words beat two hundred times one")
end

function TestValence:test_a_repeated_sad_word_is_damped_too()
  near(sum("sad sad"), -2 * 1.25 - 1 * 1.5)
end

function TestValence:test_neutral_and_empty_texts_score_zero()
  lu.assertEquals(scorer {}, 0)
  lu.assertEquals(score("the dog saw a tree ."), 0)
  lu.assertEquals(score("<unk> zebra"), 0)
end

function TestValence:test_scores_stay_inside_minus_one_and_one()
  local good, bad = {}, {}
  for word, value in pairs(valence.lexicon) do
    local list = value > 0 and good or bad
    list[#list + 1] = word
  end
  lu.assertTrue(scorer(good) < 1 and scorer(good) > 0.99)
  lu.assertTrue(scorer(bad) > -1 and scorer(bad) < -0.99)
end

function TestValence:test_parts_add_up_to_the_sum()
  local parts, total = scorer.parts(words("she was not sad but very happy and then sad again ."))
  local again = 0
  for _, part in ipairs(parts) do again = again + part.part end
  lu.assertEquals(#parts, 3)
  near(again, total)
end

function TestValence:test_options_change_the_formula_and_unknown_ones_are_refused()
  local plain = valence.scorer { alpha = 1, ending = 0, repeats = 1, negation = -1 }
  near(plain(words "not joy and joy"), 0)
  lu.assertEquals(support.message(valence.scorer, { alfa = 1 }),
    "tasks.valence: unknown option 'alfa'; did you mean 'alpha'?")
  lu.assertEquals(support.message(valence.scorer, { repeats = 2 }),
    "tasks.valence: option 'repeats' must be a number from 0 to 1, not 2")
  lu.assertEquals(support.message(scorer, "happy"), "tasks.valence: expected a list of words, not 'happy'")
  lu.assertEquals(support.message(valence.graded, { [1] = "a", [2] = "a" }), "valence: 'a' has two values")
end

TestLexicon = {}

function TestLexicon:test_it_agrees_in_sign_with_the_good_and_bad_words_of_the_grammar()
  for _, class in pairs(grammar.moody) do
    for _, word in ipairs(class.good) do lu.assertTrue((valence.lexicon[word] or 0) > 0, word) end
    for _, word in ipairs(class.bad) do lu.assertTrue((valence.lexicon[word] or 0) < 0, word) end
    for _, word in ipairs(class.plain) do lu.assertTrue(math.abs(valence.lexicon[word] or 0) <= 0.5, word) end
  end
end

function TestLexicon:test_it_holds_only_words_of_the_vocabulary_with_values_up_to_three()
  local known = {}
  for _, word in ipairs(sentiment_text.vocabulary()) do known[word] = true end
  for word, value in pairs(valence.lexicon) do
    lu.assertTrue(known[word], word)
    lu.assertTrue(math.abs(value) <= 3 and value ~= 0, word)
  end
end

os.exit(lu.LuaUnit.run())
