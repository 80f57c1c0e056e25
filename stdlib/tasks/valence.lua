--- How glad a text is: an exact score in (-1, 1) from a lexicon, negation, degree, repeats and position.
--
--   score = S / sqrt(S^2 + alpha),      S = sum over words i of  v_i d_i n_i r_i p_i
--
--   v_i  the valence of the word, -3 to 3; other words give nothing
--   d_i  1.3 after "very" or "so", 0.7 after "rather" and the like (`valence.degrees`), else 1
--   n_i  -0.5 when one of the two words before is a negation: "not happy" is bad, but less than "sad"
--   r_i  repeat^(k-1) for the k-th time the same word comes, with repeat = 1/2
--   p_i  1 + ending * i / T for word i of T: the ending matters more; ending = 0.5
--
-- With `most` = m, S of more than m such words is m times their mean: a longer text does not score more by
-- its length.
--
-- A mark (. , ! ?) ends the reach of a negation and of a degree. The squash is that of VADER's compound score
-- (Hutto and Gilbert, 2014); lexicon, negation and repeats are our own. It scores
-- words and not grammar: a policy can learn to write glad words in broken sentences.
--
--   > valence.score({ "she", "was", "happy", "." })
--   0.4775
--   > valence.score({ "she", "was", "not", "happy", "." })
--   -0.2667
--   > valence.score({}) == 0
--   true
local limits = require "perilune.options.limits"
local options = require "perilune.options"
local task = require "perilune.tasks.task"

local valence = {}

--- The options of a scorer.
valence.options = options.spec("tasks.valence", {
  { "alpha", options.number(40), "squash of the score: larger is flatter",
    above = 0, most = limits.weight },
  { "repeats", 0.5, "factor of each repetition of a word", least = 0, most = 1 },
  { "ending", 0.5, "extra weight of the last word", least = 0, most = limits.weight },
  { "negation", -0.5, "factor of a negated word", least = -1, most = 1 },
  { "most", options.optional("integer", 1),
    "words with a valence that count: of more, S is their mean times this number; all unless given" },
})

--- The options of a scorer among those of a task.
--
--   > local valence = require "perilune.tasks.valence"
--   > local o = valence.among { seed = 1, alpha = 40, most = 5 }
--   > o.most, o.seed
--   5	nil
function valence.among(o)
  local own = {}
  for _, name in ipairs(valence.options:names()) do own[name] = o[name] end
  return own
end

--- A lexicon from a table that gives each value a text of words. Errors: a word has two values.
--
--   > require("perilune.tasks.valence").graded({ [3] = "joy love", [-2] = "sad" }).love
--   3
function valence.graded(levels)
  local lexicon = {}
  for value, text in pairs(levels) do
    for word in text:gmatch("%S+") do
      if lexicon[word] then error(("valence: '%s' has two values"):format(word), 2) end
      lexicon[word] = value
    end
  end
  return lexicon
end

--- The words of the short stories with a valence; all others are neutral.
valence.lexicon = valence.graded {
  [3.0] = "joyful delighted wonderful delicious love joy rejoiced perfect",
  [2.5] = "happy beautiful splendid happily treasure success feast laughed praised hugged",
  [2.0] = [[glad cheerful grateful lovely kind gentle friendly generous gladly warmly kindly danced
    cheered peace luck hope prize]],
  [1.5] = [[proud hopeful bright pleasant brave clever honest smiled sang helped thanked comforted
    welcomed gift rainbow sweet golden]],
  [1.0] = "calm content fine sunny bravely gently flower fresh mended",
  [0.5] = "clear mild found together gave",
  [-0.5] = "grey pale dark freezing lost slow",
  [-1.0] = "tired worried dull poor gloomy frowned sighed scolded trap sour broke lazy",
  [-1.5] = [[upset afraid ashamed nasty stormy grim foolish rude coldly rudely badly shouted trembled
    ignored teased trouble burnt snake]],
  [-2.0] = [[lonely sad ugly greedy selfish mean sadly bitterly angrily cried mocked cheated shame loss
    thief ruin rotten]],
  [-2.5] = "angry dreadful awful cruel wept fear pain wound grave hurt",
  [-3.0] = "miserable hopeless terrible grief",
}

--- Words that change the valence of the next one.
valence.degrees = { very = 1.3, so = 1.3, really = 1.2, most = 1.3, rather = 0.7 }

--- Words that turn the valence of the next two.
valence.negations = { ["not"] = true, never = true, no = true, nobody = true, without = true }

local marks <const> = { ["."] = true, [","] = true, ["!"] = true, ["?"] = true }

--- S of the formula, and the parts of each word that counts when `parts` is a table to fill.
local function sum(words, o, lexicon, parts)
  local total, seen, count, counted = 0.0, {}, #words, 0
  local before, before2                       -- the one and two words back, nil across a mark
  for i = 1, count do
    local word = words[i]
    local value = lexicon[word]
    if value then
      local times = seen[word] or 0
      local negated = valence.negations[before] or valence.negations[before2]
      local part = value * (valence.degrees[before] or 1) * (negated and o.negation or 1)
        * o.repeats ^ times * (1 + o.ending * i / count)
      seen[word], total, counted = times + 1, total + part, counted + 1
      if parts then parts[#parts + 1] = { word = word, at = i, part = part } end
    end
    if marks[word] then before, before2 = nil, nil else before, before2 = word, before end
  end
  if not (o.most and counted > o.most) then return total end
  for _, part in ipairs(parts or {}) do part.part = part.part * o.most / counted end
  return total * o.most / counted
end

local function squash(total, alpha) return total / math.sqrt(total * total + alpha) end

--- "key=value" of each pair, in order of the keys.
local function listed(t)
  local out = {}
  for key, value in pairs(t) do out[#out + 1] = ("%s=%s"):format(key, value) end
  table.sort(out)
  return table.concat(out, " ")
end

--- A scorer: `scorer(words)` is the score of a list of words, `scorer.parts(words)` what each word adds to S.
--
-- `scorer.fingerprint()` is a number that changes with its options and its words, for cache keys.
--
--   > scorer = valence.scorer { alpha = 15 }
--   > scorer({ "joy" }) == valence.score({ "joy" }, { alpha = 15 })
--   true
function valence.scorer(given, lexicon)
  local o = valence.options:fill(given)
  lexicon = lexicon or valence.lexicon
  local function check(words)
    if type(words) == "table" then return end
    error("tasks.valence: expected a list of words, not " .. options.show(words), 3)
  end
  local scorer = { options = o, lexicon = lexicon }
  function scorer.parts(words)
    check(words)
    local parts = {}
    return parts, sum(words, o, lexicon, parts)
  end
  function scorer.fingerprint()
    return task.hash(table.concat(
      { listed(o), listed(lexicon), listed(valence.degrees), listed(valence.negations) }, "\n"))
  end
  return setmetatable(scorer, {
    __call = function(_, words)
      check(words)
      return squash(sum(words, o, lexicon), o.alpha)
    end,
  })
end

--- The score of a list of words by the short stories' lexicon.
function valence.score(words, given)
  return valence.scorer(given)(words)
end

return valence
