--- The sentiment task: interface, separate splits, and scores far above the mean that a policy can reach.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local sentiment = require "perilune.tasks.sentiment"

local task = sentiment { seed = 1 }
-- Its gold adds up words alone.
local of_words = sentiment { seed = 1, cost = 0 }
local tokenizer = task.tokenizer

local function ids(text) return tokenizer:encode(text) end
local function refused(method, ...) return support.message(task[method], task, ...) end

--- Mean and standard deviation.
local function spread(list)
  local mean, square = 0, 0
  for _, x in ipairs(list) do mean = mean + x / #list end
  for _, x in ipairs(list) do square = square + (x - mean) ^ 2 / (#list - 1) end
  return mean, math.sqrt(square)
end

--- Gold scores of `k` corpus responses to each of `n` prompts.
local function scores(n, k)
  local out = {}
  for i = 1, n do
    local prompt = task:prompt("train", i)
    out[i] = {}
    for variant = 0, k - 1 do
      out[i][variant + 1] = task:gold_score(prompt, task:response("train", i, variant))
    end
  end
  return out
end

TestInterface = {}

function TestInterface:test_a_text_is_its_prompt_and_its_response()
  for i = 1, 300 do
    local prompt, response = task:prompt("train", i), task:response("train", i, 2)
    local joined = table.move(response, 1, #response, #prompt + 1, table.move(prompt, 1, #prompt, 1, {}))
    lu.assertEquals(task:text("train", i, 2), joined)
    lu.assertEquals(prompt[1], tokenizer.bos)
    lu.assertEquals(response[#response], tokenizer.eos)
    lu.assertTrue(#prompt >= 7 and #prompt <= task.max_prompt)
    lu.assertTrue(#response >= 24 and #response <= task.max_response)
    lu.assertTrue(#joined <= task.model.max_length)
  end
end

function TestInterface:test_prompts_are_the_prompts_one_by_one()
  lu.assertEquals(task:prompts("test", 3), { task:prompt("test", 1), task:prompt("test", 2),
    task:prompt("test", 3) })
  lu.assertEquals(task:prompts("test", 1, 2), { task:prompt("test", 3) })
  lu.assertEquals(task:prompts("test", 0), {})
end

function TestInterface:test_two_tasks_of_one_seed_are_equal_and_of_two_seeds_are_not()
  local same, other = sentiment { seed = 1 }, sentiment { seed = 2 }
  lu.assertEquals(same:text("validation", 7), task:text("validation", 7))
  lu.assertNotEquals(other:text("validation", 7), task:text("validation", 7))
  lu.assertEquals(same.settings(), task.settings())
  lu.assertNotEquals(other.settings(), task.settings())
  lu.assertEquals(other.tokenizer.words, tokenizer.words)
end

function TestInterface:test_settings_are_plain_and_tell_scorers_apart()
  for key, value in pairs(task.settings()) do
    lu.assertEquals(type(key), "string")
    lu.assertTrue(type(value) == "number" or type(value) == "string", key)
  end
  lu.assertNotEquals(sentiment({ alpha = 10 }).settings(), task.settings())
end

-- The published figures are of a start of one response to each prompt; the paper's has two.
function TestInterface:test_the_start_learns_from_one_response_unless_two_are_asked_for()
  local both = sentiment { seed = 1, responses = 2 }
  lu.assertEquals(task:text("train", 2), task:text("train", 2, 0))
  for k = 0, 1 do lu.assertEquals(both:text("train", 3 + k), task:text("train", 2, k)) end
  lu.assertNil(task.start_settings().responses, "starts of the published figures keep their key")
  lu.assertEquals(both.start_settings().responses, 2)
  lu.assertEquals(sentiment({ responses = 1 }).start_settings(), task.start_settings())
end

function TestInterface:test_the_gold_is_no_part_of_the_start()
  local capped = sentiment { seed = 1, most = 5 }
  lu.assertEquals(capped.start_settings(), task.start_settings())
  lu.assertNotEquals(capped.settings(), task.settings())
end

-- Tied embeddings, four attention matrices and the three of a gated feed-forward.
function TestInterface:test_the_recommended_model_has_one_to_three_hundred_thousand_parameters()
  local m = task.model
  local count = tokenizer.vocab_size * m.dim + m.layers * (4 * m.dim ^ 2 + 3 * m.dim * m.hidden)
  lu.assertTrue(count > 1e5 and count < 3e5, count)
end

TestSplits = {}

function TestSplits:test_no_prompt_of_one_split_is_or_begins_a_prompt_of_another()
  local owner, distinct = {}, {}
  for _, split in ipairs { "train", "validation", "test" } do
    distinct[split] = 0
    local seen = {}
    for _, prompt in ipairs(task:prompts(split, 3000)) do
      local start, all = table.concat(prompt, " ", 1, 7), table.concat(prompt, " ")
      lu.assertTrue((owner[start] or split) == split, start)
      owner[start] = split
      if not seen[all] then seen[all], distinct[split] = true, distinct[split] + 1 end
    end
  end
  print(("# distinct prompts of 3000: train %d, validation %d, test %d; shared between splits: 0"):format(
    distinct.train, distinct.validation, distinct.test))
  for split, count in pairs(distinct) do lu.assertTrue(count > 2000, split) end
end

function TestSplits:test_another_seed_keeps_the_same_split_of_openings()
  local train = {}
  for _, prompt in ipairs(task:prompts("train", 3000)) do train[table.concat(prompt, " ", 1, 7)] = true end
  for _, prompt in ipairs(sentiment({ seed = 99 }):prompts("test", 1000)) do
    lu.assertNil(train[table.concat(prompt, " ", 1, 7)])
  end
end

TestGold = {}

function TestGold:test_the_score_reads_the_response_alone_and_stops_at_eos()
  local glad = ids "Lily was happy ."
  local long = table.move(glad, 1, #glad, 1, {})
  for _, id in ipairs { tokenizer.eos, ids("grief")[1], tokenizer.pad } do long[#long + 1] = id end
  lu.assertEquals(of_words:gold_score({ 1 }, long), of_words:gold_score({ 1 }, glad))
  lu.assertEquals(of_words:gold_score(task:prompt("train", 3), glad), of_words:gold_score({ 1 }, glad))
  local padded = table.move(glad, 1, #glad, 1, {})
  padded[#padded + 1] = tokenizer.pad
  lu.assertEquals(of_words:gold_score({ 1 }, padded), of_words:gold_score({ 1 }, glad))
end

-- By hand: six words of valence 3 at places 1 to 6 without weight of the ending add 18, and five count:
-- 15 / sqrt(15^2 + 40) = 0.9214; all six 18 / sqrt(18^2 + 40) = 0.9435.
function TestGold:test_more_glad_words_than_most_gain_nothing()
  local words = ids "joyful delighted wonderful delicious love joy"
  local function score(most)
    return sentiment({ cost = 0, ending = 0, most = most }):gold_score({ 1 }, words)
  end
  lu.assertAlmostEquals(score(5), 15 / math.sqrt(265), 1e-12)
  lu.assertAlmostEquals(score(nil), 18 / math.sqrt(364), 1e-12)
end

function TestGold:test_errors_and_a_missing_end_cost_by_default()
  local prompt, whole = task:prompt("train", 1), task:response("train", 1)
  lu.assertEquals(task:gold_score(prompt, whole), of_words:gold_score(prompt, whole))
  local cut = table.move(whole, 1, #whole - 1, 1, {})
  local charged = of_words:gold_score(prompt, cut) - task:gold_score(prompt, cut)
  lu.assertAlmostEquals(charged, 2 * 0.15, 1e-12)
  local broken = table.move(whole, 1, #whole, 1, {})
  table.insert(broken, 1, ids("the")[1])
  table.insert(broken, 1, ids("the")[1])
  charged = of_words:gold_score(prompt, broken) - task:gold_score(prompt, broken)
  lu.assertTrue(charged >= 0.15, charged)
end

function TestGold:test_preference_is_the_sign_of_the_difference_and_mirrors()
  local prompt = task:prompt("train", 1)
  lu.assertEquals(task:gold_prefers(prompt, ids "joy .", ids "grief ."), 1)
  lu.assertEquals(task:gold_prefers(prompt, ids "grief .", ids "joy ."), 0)
  lu.assertEquals(task:gold_prefers(prompt, ids "joy .", ids "joy ."), 0.5)
  for i = 1, 500 do
    local a, b = task:response("train", i, 0), task:response("train", i, 1)
    lu.assertEquals(task:gold_prefers(prompt, a, b) + task:gold_prefers(prompt, b, a), 1)
  end
end

function TestGold:test_a_preference_rests_on_many_words()
  local counted, decided, n = 0, 0, 1000
  for i = 1, n do
    local words = {}
    for _, id in ipairs(task:response("train", i)) do words[#words + 1] = tokenizer:word(id) end
    local parts, total = task.scorer.parts(words)
    counted = counted + #parts / n
    local largest = 0
    for _, part in ipairs(parts) do largest = math.max(largest, math.abs(part.part)) end
    if largest > math.abs(total) then decided = decided + 1 / n end
  end
  print(("# words with a valence in a response: %.2f; responses whose sign one word turns: %.0f %%"):format(
    counted, 100 * decided))
  lu.assertTrue(counted > 4.5)
end

function TestGold:test_ties_are_rare_and_scores_are_spread_evenly_about_zero()
  local ties, flat = 0, {}
  for _, list in ipairs(scores(2000, 2)) do
    if list[1] == list[2] then ties = ties + 1 end
    flat[#flat + 1], flat[#flat + 2] = list[1], list[2]
  end
  local mean, deviation = spread(flat)
  table.sort(flat)
  print(("# score: mean %.3f, standard deviation %.3f, quantiles 5/25/50/75/95 %%: "
    .. "%.2f %.2f %.2f %.2f %.2f; ties %.2f %%"):format(
    mean, deviation, flat[200], flat[1000], flat[2000], flat[3000], flat[3800], 100 * ties / 2000))
  lu.assertTrue(ties / 2000 < 0.02)
  lu.assertTrue(math.abs(mean) < 0.15 and deviation > 0.45 and deviation < 0.75)
end

function TestGold:test_the_best_of_sixteen_is_far_above_the_mean_of_the_corpus()
  local n, means = 500, { [1] = 0, [2] = 0, [4] = 0, [16] = 0 }
  for _, list in ipairs(scores(n, 16)) do
    local best = -1
    for k, score in ipairs(list) do
      best = math.max(best, score)
      if means[k] then means[k] = means[k] + best / n end
    end
  end
  print(("# mean %.3f, best of 2 %.3f, of 4 %.3f, of 16 %.3f"):format(
    means[1], means[2], means[4], means[16]))
  lu.assertTrue(means[2] - means[1] > 0.25)
  lu.assertTrue(means[16] - means[1] > 0.7 and means[16] < 0.95)
end

TestEdges = {}

function TestEdges:test_empty_and_very_long_responses_have_scores()
  lu.assertEquals(of_words:gold_score({ 1 }, {}), 0)
  lu.assertEquals(of_words:gold_score({ 1 }, { tokenizer.eos }), 0)
  lu.assertEquals(of_words:gold_score({ 1 }, { tokenizer.unk, tokenizer.bos }), 0)
  lu.assertEquals(task:gold_prefers({ 1 }, {}, {}), 0.5)
  local long, happy = {}, ids("happy")[1]
  for i = 1, 100000 do long[i] = happy end
  local score = of_words:gold_score({ 1 }, long)
  lu.assertTrue(score == score and score > 0 and score < 1)
end

function TestEdges:test_ids_outside_the_vocabulary_are_named()
  local size = tokenizer.vocab_size
  lu.assertEquals(refused("gold_score", { 1 }, { 5, size }),
    ("tasks.sentiment: the response has id %d at position 2, which is not in the vocabulary of %d "
      .. "tokens"):format(size, size))
  lu.assertStrContains(refused("gold_score", { 1 }, { -1 }), "the response has id -1 at position 1")
  lu.assertStrContains(refused("gold_score", { 1 }, { 2.5 }), "id 2.5 at position 1")
  lu.assertStrContains(refused("gold_score", { 1 }, { "happy" }), "id 'happy' at position 1")
  lu.assertStrContains(refused("gold_score", { 1e9 }, {}), "the prompt has id")
  lu.assertStrContains(refused("gold_prefers", { 1 }, {}, { size }), "response b has id")
  lu.assertEquals(refused("gold_score", { 1 }, "text"),
    "tasks.sentiment: the response must be a list of ids, not 'text'")
  lu.assertEquals(refused("gold_score", { 1 }),
    "tasks.sentiment: the response must be a list of ids, not nil")
  lu.assertEquals(task:gold_score({ 1.0 }, { 5.0 }), task:gold_score({ 1 }, { 5 }))
end

function TestEdges:test_wrong_splits_numbers_and_options_are_refused()
  lu.assertEquals(refused("prompt", "valid", 1),
    "tasks.sentiment: unknown split 'valid'; did you mean 'validation'?")
  lu.assertEquals(refused("prompt", nil, 1),
    "tasks.sentiment: unknown split nil; it takes train, validation, test")
  for _, bad in ipairs { 0, -1, 1.5, "1", 2 ^ 60 } do
    lu.assertStrContains(refused("prompt", "train", bad), "a story's number must be a whole number from 1")
  end
  lu.assertStrContains(refused("text", "train", 1, -1),
    "a variant's number must be a whole number from 0, not -1")
  lu.assertStrContains(refused("prompts", "train", -1),
    "the number of prompts must be a whole number from 0, not -1")
  lu.assertEquals(support.message(sentiment, { sed = 1 }),
    "tasks.sentiment: unknown option 'sed'; did you mean 'seed'?")
  lu.assertEquals(support.message(sentiment, { alfa = 1 }),
    "tasks.sentiment: unknown option 'alfa'; did you mean 'alpha'?")
end

os.exit(lu.LuaUnit.run())
