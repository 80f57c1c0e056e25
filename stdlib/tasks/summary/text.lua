--- The reports and summaries of the task `summary`.
--
-- A report is a sentence with a fact in each of its places: who did what, as whom, where and when. A summary
-- has one to four short sentences, each of which states one fact. The corpus's summaries are careless on
-- purpose: a sentence states a fact of the report (0.6), changes one of its words into another of the class
-- (0.28), or repeats a sentence (0.12).
--
--   > local text = require "perilune.tasks.summary.text"
--   > #text.story(1, 3).words > 18
--   true
local errors = require "perilune.tasks.errors"
local random_of = require "perilune.tasks.random"
local slots = require "perilune.tasks.slots"

local text = {}

text.limits = { prompt_least = 14, prompt_most = 14, response_least = 6, response_most = 25 }

local list <const> = slots.list
local lists <const> = {
  name = list "Lily Mia Rosa Anna Nora Ivy Clara Ruth Tom Ben Leo Max Finn Omar Hugo Paul",
  role = list "baker sailor farmer painter teacher miller singer tailor",
  place = list "harbour village forest market river garden school bridge",
  verb = list "sold lost found made hid painted saw wanted",
  thing = list "map boat hat lamp key drum kite book coat ring",
  time = list "morning evening night spring winter",
}

text.classes = errors.classes(lists)

local report <const> = "{name} the {role} {verb} a {thing} at the {place} in the {time} ."

--- The sentences of a summary, and what each of them counts when it is right.
text.sentences = {
  { "{name} {verb} a {thing} .", 2 }, { "{name} was a {role} .", 1 }, { "it was at the {place} .", 1 },
  { "it was in the {time} .", 1 },
}

--- A sentence about the facts; with `wrong`, one of its words is another of its class.
local function sentence_of(random, template, facts, wrong)
  local count = select(2, template:gsub("{", ""))
  local at, i = wrong and random(count) or 0, 0
  return slots.fill({}, template, function(slot)
    i = i + 1
    if i ~= at then return facts[slot] end
    local other
    repeat other = slots.pick(random, lists[slot]) until other ~= facts[slot]
    return other
  end)
end

local function summary(random, facts, words)
  local left, said = {}, {}
  for i, sentence in ipairs(text.sentences) do left[i] = sentence[1] end
  for _ = 1, random(4) do
    local at = random()
    if at < 0.12 and #said > 0 then
      said[#said + 1] = slots.pick(random, said)
    else
      said[#said + 1] = sentence_of(random, table.remove(left, random(#left)), facts, at > 0.72)
    end
  end
  for _, sentence in ipairs(said) do table.move(sentence, 1, #sentence, #words + 1, words) end
end

--- Text `index` of `seed`, its summary being number `variant`: { words, prompt_length }. `accept(words)` says
-- which reports may be used.
function text.story(seed, index, variant, accept)
  local random = random_of(seed, index, 0)
  local words, facts
  repeat
    facts = {}
    words = slots.fill({}, report, function(slot)
      facts[slot] = slots.pick(random, lists[slot])
      return facts[slot]
    end)
  until not accept or accept(words)
  local prompt_length = #words
  summary(random_of(seed, index, 1 + (variant or 0)), facts, words)
  return { words = words, prompt_length = prompt_length }
end

--- Every word of the task, sorted.
function text.vocabulary()
  return slots.words { report, text.sentences, lists }
end

local template_of, weight_of = {}, {}
for _, sentence in ipairs(text.sentences) do
  template_of[sentence[1]], weight_of[sentence[1]] = sentence[1], sentence[2]
end

--- The facts of a report by slot, from its words.
local function facts_of(words)
  local facts, i = {}, 0
  for token in report:gmatch "%S+" do
    i = i + 1
    local slot = token:match "^{(.+)}$"
    if slot then facts[slot] = words[i] end
  end
  return facts
end

--- What a summary states about a report: its covered weight, and the numbers of invented and of repeated
-- statements.
--
--   > local text, list = require "perilune.tasks.summary.text", require "perilune.tasks.slots".list
--   > local report = list "Lily the baker sold a map at the harbour in the morning ."
--   > text.statements(report, list "Lily sold a map . Lily was a sailor . Lily sold a map .")
--   2	1	1
function text.statements(prompt, words)
  local facts, seen, sentence = facts_of(prompt), {}, {}
  local covered, invented, repeated = 0, 0, 0
  for _, word in ipairs(words) do
    sentence[#sentence + 1] = word
    if word == "." then
      local classes, is_right = {}, true
      for i, part in ipairs(sentence) do
        classes[i] = text.classes(part)
        local slot = classes[i]:match "^{(.+)}$"
        is_right = is_right and (not slot or facts[slot] == part)
      end
      local whole, template = table.concat(sentence, " "), template_of[table.concat(classes, " ")]
      if seen[whole] then
        repeated = repeated + 1
      elseif template and is_right then
        covered = covered + weight_of[template]
      elseif template then
        invented = invented + 1
      end
      seen[whole], sentence = true, {}
    end
  end
  return covered, invented, repeated
end

return text
