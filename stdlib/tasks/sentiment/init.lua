--- The built-in task: continue a short story so that it sounds glad.
--
-- An analogue of controlled sentiment: continue the beginning of a film review gladly, judged by a classifier
-- that stands for people (Ziegler et al. 2019, arXiv:1909.08593; Rafailov et al. 2023, arXiv:2305.18290, sec.
-- 6.1). Among the tasks of Tang et al. 2024 helpfulness is the nearest: a quality that responses have in
-- degrees and that many words decide, most of which a judge learns to see.
--
-- A prompt is the first 6 to 10 words of a story, a response its continuation of 24 to 48 tokens with <eos>.
-- The stories come from a grammar (`text`), the gold judge scores the words of the response (`valence`):
-- corpus and truth are exact, unlimited, and part of the program. The words of the prompt are not scored.
--
--   > task = sentiment { seed = 1 }
--   > task.tokenizer:decode(task:prompt("train", 2))
--   Rosa and Maya hurried to the wooden field with
--   > a, b = task:response("train", 2, 0), task:response("train", 2, 1)
--   > task:gold_prefers(task:prompt("train", 2), a, b) + task:gold_prefers(task:prompt("train", 2), b, a)
--   1
--
-- Figures of the corpus: no two equal among 200,000 stories; score mean 0.04, standard deviation 0.60, from
-- -0.85 to 0.88 for nine in ten, no tie in 32,000 pairs; best of 2, 4 and 16 continuations 0.38, 0.63 and
-- 0.86.
--
-- Gold adds up words, and charges `cost` for errors of text and for a missing end (`tasks.written`): the
-- start has 0.85 errors a response, the corpus 0.00. With `cost = 0` it notices no text that lies off the
-- support of the start, and no gap was found with three repetitions (scripts/results.md).
--
-- Where the dynamics come from: the proxy is right on 70 to 86 % of the start's pairs and on 50 to 70 % at
-- the end of the online run, which writes what it takes for glad; offline runs leave the support, to 2.6
-- errors a response beyond their peak (calibration, scripts/results.md).
--
-- What it shows instead of two falls: offline's alone. Online with one setting still rises after 720 steps in
-- four repetitions of five, at 9 to 12 nats. Its own fall is seen on `arena`.
--
-- Length does not pay by itself: over 4,096 responses of the start its correlation with the score is -0.10.
-- Among glad stories it pays a little: of 4,100 of the corpus that score above 0, those of 24 to 31 tokens
-- score 0.49 in the mean, those of more than 40 0.56. `most = 5` (`--task.most 5` of an experiment) takes
-- this away, to 0.48 and 0.50: of more than five words with a valence the mean counts, times five. It is off,
-- as in the published figures.
--
-- The start learns from one response to each prompt, unlike the other tasks and the paper: the published
-- figures are of that start. `responses = 2` (`--task.responses 2`) is the paper's.
--
-- The split of a story is given by a hash of its first six words (no prompt is shorter): no test prompt, nor
-- the start of one, is a training prompt.
local errors = require "perilune.tasks.errors"
local grammar = require "perilune.tasks.sentiment.grammar"
local limits = require "perilune.options.limits"
local options = require "perilune.options"
local task = require "perilune.tasks.task"
local text = require "perilune.tasks.sentiment.text"
local valence = require "perilune.tasks.valence"
local written = require "perilune.tasks.written"

local spec = options.spec("tasks.sentiment", {
  written.options,
  valence.options,
  { "responses", 1, "responses of the corpus to each prompt that the start learns from; 1 as in the "
    .. "published figures, the paper has 2", least = 1, most = limits.rows },
})

--- The classes of words: those of the slots, whatever the tone.
local function classes()
  local lists = { she = grammar.names.she, he = grammar.names.he, degree = { "very", "really", "rather" } }
  for name, list in pairs(grammar.plain) do lists[name] = list end
  for name, tones in pairs(grammar.moody) do
    lists[name] = {}
    for _, list in pairs(tones) do table.move(list, 1, #list, #lists[name] + 1, lists[name]) end
  end
  return errors.classes(lists)
end

local texts <const> = {
  story = text.story, vocabulary = text.vocabulary, limits = text.limits, classes = classes(),
}

--- A task; see the head of the file.
local function new(given)
  local o = spec:fill(given)
  local scorer = valence.scorer(valence.among(o))
  local self = written.task {
    name = "sentiment", noun = "story", options = o, texts = texts,
    learns_prompt = true, corpus = 6000, split_words = text.limits.prompt_least,
    content = function(_, words) return scorer(words) end,
    --- Recommended transformer: 172 thousand parameters with tied embeddings, RMSNorm, rotary positions and
    -- SwiGLU.
    model = { style = "llama", layers = 3, dim = 64, heads = 4, hidden = 172 },
    --- Recommended supervised training: 45 s of processor time on two cores, to 1.31 nats a token on
    -- validation text. The samples score as the corpus does (mean 0.03 over 512 test prompts), and 96 % end
    -- with <eos>.
    sft = { steps = 400, batch = 32, lr = 5e-3 },
    preference = task.preference(),
    --- The golden policy, with which every policy is compared: online IPO against gold. It reaches 7 nats.
    golden = { beta = 0.1, lr = 1e-3, steps = 240 },
    --- With a cost of text of 0.15 offline's pooled peak is that of 0.05; 0.02 goes on to 30 nats and falls.
    runs = task.runs { steps = 720, offline = { beta = { 0.02, 0.05, 0.1 }, lr = { 1e-4, 3e-4 } } },
  }
  local shared = self.settings
  self.scorer = scorer
  function self.settings()
    local settings = shared()
    settings.scorer = scorer.fingerprint()
    return settings
  end
  return self
end

return task.module { options = spec, new = new }
