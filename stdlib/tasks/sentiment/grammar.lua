--- The words and sentences of the short stories: data only, read by `text`.
--
-- A sentence is a template of words and slots. Slots in plain braces come from the story's own state (who it
-- is about, where, with what) or from a neutral class. Slots of a moody class have a sign for their tone:
--
--   {feeling}    follows the tone of the sentence: good, plain or bad
--   {-feeling}   the opposite tone: after "not", "no", "never", "without", and where a story turns
--   {~feeling}   a tone of its own: after "but" and the like, where a story may turn
--
-- A body sentence may need a state of the story's one thing (`needs`), leave another (`sets`), and have a
-- tone that it always has (`tone`); `weight` (1) is its share among those that fit.
--
--   > #grammar.openings
--   6
local grammar = {}

local function list(text)
  local out = {}
  for word in text:gmatch("%S+") do out[#out + 1] = word end
  return out
end

grammar.names = {
  she = list "Lily Mia Rosa Anna Nora Ivy Clara Ruth Ella Maya Tess June",
  he = list "Tom Ben Leo Max Finn Omar Hugo Paul Sam Ali Noah Emil",
}

--- Neutral classes: one word of the list, with equal chances.
grammar.plain = {
  role = list [[baker sailor farmer painter teacher miller fisher gardener tailor student singer doctor
    shepherd potter]],
  trait = list "young old tall quiet busy small shy thin",
  place = list "harbour village forest market river garden hill mill school bridge field island",
  ground = list "little narrow wide green long northern stone sandy wooden high",
  time = list "morning evening afternoon night day",
  weather = list "windy cloudy snowy misty rainy foggy warm cold autumn winter spring summer",
  thing = list "kite book ring hat boat letter drum lamp coat basket map clock",
  animal = list "dog cat pony goat duck fox bird donkey",
  went = list "walked ran rode sailed hurried came",
  food = list "bread soup fruit tea pie fish",
}

--- Moody classes: good, plain and bad words, which fit the same places.
grammar.moody = {
  feeling = {
    good = list "happy glad cheerful proud calm hopeful grateful joyful delighted content",
    plain = list "curious awake sleepy thoughtful patient surprised",
    bad = list "sad angry afraid lonely worried tired upset ashamed miserable hopeless",
  },
  quality = {
    good = list "lovely bright wonderful beautiful pleasant splendid perfect fine",
    plain = list "strange usual big short ordinary round",
    bad = list "terrible ugly dull awful dreadful gloomy nasty poor",
  },
  sky = {
    good = list "sunny clear mild golden",
    plain = list "white pale grey",
    bad = list "stormy dark freezing grim",
  },
  person = {
    good = list "kind brave clever honest gentle friendly generous",
    plain = list "slow serious careful silent",
    bad = list "lazy mean selfish foolish rude cruel greedy",
  },
  manner = {
    good = list "happily gently kindly warmly gladly bravely",
    plain = list "slowly quietly quickly softly suddenly again",
    bad = list "sadly angrily coldly badly rudely bitterly",
  },
  did = {
    good = list "smiled laughed sang danced cheered rejoiced",
    plain = list "waited nodded sat paused listened",
    bad = list "cried frowned shouted sighed wept trembled",
  },
  act = {
    good = list "helped hugged thanked praised comforted welcomed",
    plain = list "followed watched called met asked",
    bad = list "hurt scolded ignored teased cheated mocked",
  },
  find = {
    good = list "treasure gift flower rainbow prize feast",
    plain = list "path door shadow tree wall",
    bad = list "snake wound thief ruin trap grave",
  },
  thought = {
    good = list "hope joy peace love luck success",
    plain = list "rain noise money rest silence",
    bad = list "grief fear pain trouble loss shame",
  },
  taste = {
    good = list "sweet delicious fresh",
    plain = list "salty hot",
    bad = list "sour rotten burnt",
  },
}

--- Optional words before a describing word: after "a", and after "was". "" is none.
grammar.degree = {
  very = { { "", 12 }, { "very", 4 }, { "really", 2 }, { "rather", 2 } },
  so = { { "", 11 }, { "so", 3 }, { "very", 3 }, { "really", 2 }, { "rather", 1 } },
}

--- First sentences, all without a tone: their first tokens are the prompt, so each has more than ten.
grammar.openings = {
  { "{name} was a {trait} {role} who lived near the {ground} {place} with a {animal} .", knows = "animal" },
  { "one {weather} {time} , {name} and {friend} {went} to the {ground} {place} together .",
    knows = "friend" },
  { "at the {ground} {place} , {name} the {trait} {role} was looking for a {thing} .", sets = "lost" },
  { "{name} and {friend} {went} to the {ground} {place} with a {animal} every {time} .",
    knows = "friend animal" },
  { "on a {weather} {time} , a {trait} {role} called {name} took a {thing} to the {place} .",
    sets = "whole" },
  { "the {trait} {role} {name} had a {trait} {animal} at the {ground} {place} .", knows = "animal" },
}

--- Sentences in the middle.
grammar.body = {
  { "{who} felt {so} {feeling} .", weight = 2 },
  { "{who} was {so} {feeling} and {did} {manner} .", weight = 2 },
  { "{who} was not {-feeling} , and {she} {did} {manner} ." },
  { "at first {she} was {feeling} , but then {friend} {-act} {her} .", weight = 2 },
  { "{who} had never been so {feeling} ." },
  { "{pet} looked {feeling} , and {she} {did} too ." },
  { "it was a {very} {quality} {time} and the sky was {sky} .", weight = 2 },
  { "the {place} looked {so} {quality} in the {sky} light ." },
  { "{friend} came and {act} {her} {manner} .", weight = 2 },
  { "{friend} {act} {name} {manner} , so {she} {did} ." },
  { "{friend} said that {name} was {so} {person} ." },
  { "{who} met a {very} {person} {role} , who {act} {her} ." },
  { "{who} found a {quality} {find} near the {place} .", weight = 2 },
  { "{who} thought of {thought} and {did} {manner} ." },
  { "there was {thought} at the {place} , but {friend} was {~feeling} ." },
  { "there was no {-thought} at the {place} , and {she} felt {feeling} ." },
  { "the {food} tasted {so} {taste} , but nobody {~did} ." },
  { "they ate {quality} {food} and talked {manner} ." },
  { "{who} worked without {-thought} and was {feeling} ." },
  -- The story's one thing: it is had, lost, found, broken and mended, in that order.
  { "{who} had a {very} {quality} {thing} .", needs = "none", sets = "whole", weight = 4 },
  { "{who} lost the {thing} and {did} .", needs = "whole", sets = "lost", tone = "bad", weight = 3 },
  { "the {thing} broke , and {friend} {did} .", needs = "whole", sets = "broken", tone = "bad", weight = 3 },
  { "{friend} gave {her} a {quality} {find} for the {thing} .", needs = "whole", sets = "gone", weight = 2 },
  { "{friend} found the {thing} , so {she} was {feeling} .", needs = "lost", sets = "whole", tone = "good",
    weight = 5 },
  { "nobody could find the {thing} , and {she} {did} .", needs = "lost", sets = "gone", tone = "bad",
    weight = 5 },
  { "{friend} mended the {thing} {manner} .", needs = "broken", sets = "whole", tone = "good", weight = 5 },
  { "the {thing} was {quality} for ever .", needs = "broken", sets = "gone", tone = "bad", weight = 5 },
}

--- Last sentences.
grammar.closings = {
  { "in the end {she} was {so} {feeling} ." },
  { "{name} went home {manner} and was {feeling} ." },
  { "it was the most {quality} {time} of all ." },
  { "{name} and {friend} were {feeling} together ." },
  { "that {time} {she} dreamed of {thought} ." },
  { "from then on {friend} was {so} {person} to {her} ." },
  { "{she} never felt {-feeling} again ." },
  { "and so {name} {did} , and {friend} {~did} too ." },
}

--- Words that the slots put in by themselves.
grammar.glue = list "she he her him his friend a an the"

return grammar
