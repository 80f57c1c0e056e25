--- The questions and answers of the task `arena`.
--
-- A question is "what is the best way to clean an old lamp ?"; an answer has one to five sentences: tools
-- that fit the verb or do not, details, warmth, caution and boasts, drawn without regard to each other.
local errors = require "perilune.tasks.errors"
local random_of = require "perilune.tasks.random"
local slots = require "perilune.tasks.slots"

local text = {}

text.limits = { prompt_least = 11, prompt_most = 11, response_least = 5, response_most = 32 }

local list <const> = slots.list
text.verbs = list "clean mend carry store paint open lift dry"
local ways <const> = list "best quickest cheapest safest simplest usual"
local ages <const> = list "big heavy wet broken dirty small new round"
local things <const> = list "lamp table boat kite drum clock basket coat piano window bottle statue"
text.tools = list [[soap glue cart box brush key rope towel sponge nail wagon shelf roller wire pulley fan]]
local numbers <const> = list "two five ten twenty thirty"
local adverbs <const> = list "slowly gently firmly twice daily"

--- The sentences of each feature that raters see.
text.sentences = {
  tool = { "use a {tool} .", "take a {tool} first .", "a {tool} works well ." },
  detail = { "it takes {number} minutes .", "do it {adverb} ." },
  warm = { "great question !", "happy to help !", "good luck with it !" },
  careful = { "it may not always work .", "please ask somebody to watch ." },
  bold = { "it never fails !", "this is the only way ." },
}

--- Two tools that fit each verb.
text.fitting = {}
for i, verb in ipairs(text.verbs) do
  text.fitting[verb] = { [text.tools[i]] = true, [text.tools[i + 8]] = true }
end

text.classes = errors.classes {
  verb = text.verbs, way = ways, age = ages, thing = things, tool = text.tools, number = numbers,
  adverb = adverbs,
}

local question <const> = "what is the {way} way to {verb} a {age} {thing} ?"

--- The verb of a question.
function text.verb(words) return words[7] end

--- The features and their shares among the sentences of the corpus.
local shares <const> = {
  { "tool", 0.42 }, { "detail", 0.16 }, { "warm", 0.16 }, { "careful", 0.13 }, { "bold", 0.13 },
}

local function feature_of(random)
  local at = random()
  for _, share in ipairs(shares) do
    at = at - share[2]
    if at < 0 then return share[1] end
  end
  return "tool"
end

local function answer(random, verb, words)
  local fitting = {}
  for i, known in ipairs(text.verbs) do
    if known == verb then fitting = { text.tools[i], text.tools[i + 8] } end
  end
  for _ = 1, random(5) do
    slots.fill(words, slots.pick(random, text.sentences[feature_of(random)]), function(slot)
      if slot == "tool" then return slots.pick(random, random() < 0.5 and fitting or text.tools) end
      return slots.pick(random, slot == "number" and numbers or adverbs)
    end)
  end
end

--- Text `index` of `seed`, its answer being number `variant`: { words, prompt_length }. `accept(words)` says
-- which questions may be used.
function text.story(seed, index, variant, accept)
  local random = random_of(seed, index, 0)
  local words
  local classes = { way = ways, verb = text.verbs, age = ages, thing = things }
  repeat
    words = slots.fill({}, question, function(slot) return slots.pick(random, classes[slot]) end)
  until not accept or accept(words)
  local prompt_length = #words
  answer(random_of(seed, index, 1 + (variant or 0)), text.verb(words), words)
  return { words = words, prompt_length = prompt_length }
end

--- Every word of the task, sorted.
function text.vocabulary()
  return slots.words {
    question, text.sentences, text.verbs, ways, ages, things, text.tools, numbers, adverbs,
  }
end

--- What an answer has: { right, wrong, detail, warm, careful, bold, repeated, long }. All but `long` (its
-- words) count sentences, `repeated` those made before.
--
--   > local text, list = require "perilune.tasks.arena.text", require "perilune.tasks.slots".list
--   > local seen = text.features("clean", list "use a soap . use a glue . great question ! use a soap .")
--   > seen.right, seen.wrong, seen.warm, seen.repeated, seen.long
--   1	1	1	1	15
function text.features(verb, words)
  local out = { long = #words, repeated = 0 }
  for _, name in ipairs { "right", "wrong", "detail", "warm", "careful", "bold" } do out[name] = 0 end
  local seen, sentence = {}, {}
  for _, word in ipairs(words) do
    sentence[#sentence + 1] = word
    if word == "." or word == "!" then
      local whole = table.concat(sentence, " ")
      local feature = text.feature(sentence)
      if seen[whole] then
        out.repeated = out.repeated + 1
      elseif feature == "tool" then
        for _, part in ipairs(sentence) do
          if text.classes(part) == "{tool}" then
            local kind = text.fitting[verb][part] and not seen[part] and "right" or "wrong"
            out[kind], seen[part] = out[kind] + 1, true
          end
        end
      elseif feature then
        out[feature] = out[feature] + 1
      end
      seen[whole], sentence = true, {}
    end
  end
  return out
end

local templates = {}
for feature, sentences in pairs(text.sentences) do
  for _, sentence in ipairs(sentences) do templates[sentence] = feature end
end

--- The feature of a sentence; nil when it is none of the corpus's sentences.
--
--   > text.feature { "use", "a", "rope", "." }, text.feature { "use", "rope", "." }
--   tool	nil
function text.feature(sentence)
  local classes = {}
  for i, word in ipairs(sentence) do classes[i] = text.classes(word) end
  return templates[table.concat(classes, " ")]
end

return text
