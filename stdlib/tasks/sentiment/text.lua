--- Short stories of our own: a random grammar of sentences whose mood wanders.
--
-- A story has a hero with a name and a pronoun, a friend, an animal, a place, and at most one thing that is
-- lost and found or broken and mended. Its sentiment comes from three layers, each only leaning on the last:
--
--   mood  of the story    bad, mixed or good; a sentence keeps it with probability 0.6, else draws another
--   tone  of a sentence   bad, plain or good, given the mood (table `lean`)
--   word  of a slot       of the tone with 0.76, plain with 0.16, of the opposite tone with 0.08
--
-- So no word decides a story, good and bad are mirror images, and a policy may turn a story by many small
-- choices. Story i of a seed is a pure function of both, made without the stories before it.
--
--   > s = text.story(1, 5)
--   > #s.words > 24
--   true
--   > text.join(s) == text.join(text.story(1, 5))
--   true
local grammar = require "perilune.tasks.sentiment.grammar"
local random_of = require "perilune.tasks.random"

local text = {}

--- The shortest and longest prompt and response in tokens; a response counts its <eos>.
text.limits = { prompt_least = 6, prompt_most = 10, response_least = 24, response_most = 48 }

--- How often a mood gives a good, a plain and a bad sentence.
text.lean = { good = { 0.7, 0.14, 0.16 }, mixed = { 0.43, 0.14, 0.43 }, bad = { 0.16, 0.14, 0.7 } }

local keep_mood <const>, keep_tone <const>, plain_word <const> = 0.6, 0.76, 0.16
local moods <const> = { "bad", "mixed", "good" }
local opposite <const> = { good = "bad", bad = "good", plain = "plain" }
local limits <const> = text.limits

local function pick(random, list) return list[random(#list)] end

local function pick_weighted(random, list, weight)
  local total, last = 0, nil
  for _, item in ipairs(list) do total = total + weight(item) end
  local at = random() * total
  for _, item in ipairs(list) do
    local share = weight(item)
    at, last = at - share, share > 0 and item or last
    if at < 0 and share > 0 then return item end
  end
  return last
end

local function tone_of(random, mood)
  local lean, at = text.lean[mood], random()
  return at < lean[1] and "good" or at < lean[1] + lean[2] and "plain" or "bad"
end

local function word_of(random, class, tone)
  local words, at = grammar.moody[class], random()
  if tone == "plain" then
    return pick(random, at < keep_tone and words.plain or at < (1 + keep_tone) / 2 and words.good
      or words.bad)
  end
  return pick(random, words[at < keep_tone and tone or at < keep_tone + plain_word and "plain"
    or opposite[tone]])
end

--- Slots that come from the story's state. A friend and an animal are introduced once.
local slots = {}

for _, key in ipairs { "name", "thing", "animal", "time" } do
  slots[key] = function(story) return story[key] end
end
for class, list in pairs(grammar.plain) do
  slots[class] = slots[class] or function(_, random) return pick(random, list) end
end
for degree, list in pairs(grammar.degree) do
  slots[degree] = function(_, random) return pick_weighted(
    random, list, function(entry) return entry[2] end)[1] end
end

function slots.she(story) return story.she and "she" or "he" end
function slots.her(story) return story.she and "her" or "him" end
function slots.who(story, random) return random() < 0.3 and story.name or slots.she(story) end
function slots.place(story, random)
  return random() < 0.5 and story.place or pick(random, grammar.plain.place)
end

function slots.friend(story)
  if story.known.friend then return story.friend end
  story.known.friend = true
  return story.she and "her" or "his", "friend", story.friend
end

function slots.pet(story)
  local article = story.known.animal and "the" or "a"
  story.known.animal = true
  return article, story.animal
end

--- Adds words, without the empty one, and makes "a" into "an" where a vowel is heard next.
local function emit(words, ...)
  for _, word in ipairs { ... } do
    local vowel = word:find("^[aeiou]") and not word:find("^us") or word == "honest"
    if vowel and words[#words] == "a" then words[#words] = "an" end
    if word ~= "" then words[#words + 1] = word end
  end
end

local function turn(random, mood, tone, sign)
  if sign == "-" then return opposite[tone] end
  return sign == "~" and tone_of(random, mood) or tone
end

--- Writes one sentence and carries its consequences for the story's thing.
local function write(story, random, sentence, words)
  local tone = sentence.tone or tone_of(random, story.mood)
  for item in (sentence.knows or ""):gmatch("%S+") do story.known[item] = true end
  for token in sentence[1]:gmatch("%S+") do
    local sign, slot = token:match("^{([%-~]?)(%l+)}$")
    if not slot then
      emit(words, token)
    elseif grammar.moody[slot] then
      emit(words, word_of(random, slot, turn(random, story.mood, tone, sign)))
    else
      emit(words, slots[slot](story, random))
    end
  end
  story.state = sentence.sets or story.state
end

--- A sentence of the body that fits the story's thing, and was not the one before.
local function next_sentence(story, random, before)
  return pick_weighted(random, grammar.body, function(sentence)
    local fits = (not sentence.needs or sentence.needs == story.state) and sentence ~= before
    return fits and (sentence.weight or 1) or 0
  end)
end

local function new_story(random)
  local she = random(2) == 1
  local friends = grammar.names[random(2) == 1 and "she" or "he"]
  local story = { she = she, known = {}, state = "none", mood = "mixed",
    name = pick(random, grammar.names[she and "she" or "he"]) }
  repeat story.friend = pick(random, friends) until story.friend ~= story.name
  for _, key in ipairs { "thing", "animal", "place", "time" } do
    story[key] = pick(random, grammar.plain[key])
  end
  return story
end

--- The first sentence, drawn again until `accept(words)` holds for it.
local function open(random, accept)
  for _ = 1, 10000 do
    local story, words = new_story(random), {}
    write(story, random, pick(random, grammar.openings), words)
    if not accept or accept(words) then return story, words end
  end
  error("tasks.sentiment.text: no opening in 10000 was accepted", 3)
end

--- Body and closing after the opening; nil when the response came out too short or too long.
local function continue(opening, first, random, prompt_length)
  local story = setmetatable({ known = setmetatable({}, { __index = opening.known }) }, { __index = opening })
  local words = table.move(first, 1, #first, 1, {})
  local aim, before = random(17) + 25, nil
  story.mood = pick(random, moods)
  while #words - prompt_length < aim - 9 do
    before = next_sentence(story, random, before)
    write(story, random, before, words)
    if random() > keep_mood then story.mood = pick(random, moods) end
  end
  write(story, random, pick(random, grammar.closings), words)
  local response = #words - prompt_length + 1
  return response >= limits.response_least and response <= limits.response_most and words or nil
end

--- Story `index` of `seed`: { words, prompt_length }, the prompt being the first words.
--
-- `variant` (0) changes everything after the first sentence: it gives many responses to one prompt.
-- `accept(words)` says which first sentences may be used.
function text.story(seed, index, variant, accept)
  local random = random_of(seed, index, 0)
  local opening, first = open(random, accept)
  local prompt_length = limits.prompt_least - 1 + random(limits.prompt_most - limits.prompt_least + 1)
  random = random_of(seed, index, 1 + (variant or 0))
  local words
  repeat words = continue(opening, first, random, prompt_length) until words
  return { words = words, prompt_length = prompt_length }
end

--- The words of a story with spaces between.
function text.join(story) return table.concat(story.words, " ") end

--- Every word the grammar can write, sorted: the vocabulary without the special ids.
function text.vocabulary()
  local seen, words = { [""] = true }, {}
  local function add(word)
    if not seen[word] then seen[word], words[#words + 1] = true, word end
  end
  local function add_all(list) for _, word in ipairs(list) do add(word) end end
  add_all(grammar.glue)
  for _, list in pairs(grammar.names) do add_all(list) end
  for _, list in pairs(grammar.plain) do add_all(list) end
  for _, class in pairs(grammar.moody) do
    for _, list in pairs(class) do add_all(list) end
  end
  for _, entries in pairs(grammar.degree) do
    for _, entry in ipairs(entries) do add(entry[1]) end
  end
  for _, sentences in ipairs { grammar.openings, grammar.body, grammar.closings } do
    for _, sentence in ipairs(sentences) do
      for token in sentence[1]:gmatch("%S+") do
        if not token:find("{", 1, true) then add(token) end
      end
    end
  end
  table.sort(words)
  return words
end

return text
