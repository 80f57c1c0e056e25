--- The built-in task: go on with a short story so that it sounds glad.
--
-- A prompt is the first 6 to 10 words of a story, the response its continuation of 24 to 48 tokens with <eos>.
-- Stories come from a grammar (`sentiment_text`) and the gold judge scores the response (`valence`), so corpus
-- and truth are exact, free and without end; there is nothing to download. The prompt's own words are not scored.
--
--   > task = sentiment { seed = 1 }
--   > task.tokenizer:decode(task:prompt("train", 2))
--   Rosa and Maya hurried to the wooden field with
--   > a, b = task:response("train", 2, 0), task:response("train", 2, 1)
--   > task:gold_prefers(task:prompt("train", 2), a, b) + task:gold_prefers(task:prompt("train", 2), b, a)
--   1
--
-- Figures of the corpus: no equal pair in 200,000 stories; score mean 0.04, standard deviation 0.60, from -0.85 to
-- 0.88 for nine in ten, no tie in 32,000 pairs; best of 2, 4 and 16 continuations 0.38, 0.63 and 0.86.
--
-- Splits share no prompt, for any seed: a hash of a story's first six words (no prompt is shorter) says which
-- split it belongs to, 80 : 10 : 10. So no test prompt, nor the start of one, is ever a training prompt.
local counter = require "perilune.tasks.counter"
local options = require "perilune.options"
local sentiment_text = require "perilune.tasks.sentiment_text"
local valence = require "perilune.tasks.valence"
local words = require "perilune.tasks.words"

local sentiment = {}

--- Options: `seed` picks the stories, `gold` changes the judge (`valence.defaults`).
sentiment.defaults = { seed = options.integer(1), gold = options.optional("table") }

--- Each split's range of story numbers starts at `base`; of every ten openings it owns `from` to `to`.
local splits <const> = {
  train = { base = 0, from = 0, to = 7 },
  validation = { base = 1 << 40, from = 8, to = 8 },
  test = { base = 2 << 40, from = 9, to = 9 },
}
local split_names <const> = { "train", "validation", "test" }

for _, split in pairs(splits) do
  function split.accept(first)
    local bucket = counter.hash(table.concat(first, " ", 1, sentiment_text.limits.prompt_least)) % 10
    return bucket >= split.from and bucket <= split.to
  end
end

local Task = {}
Task.__index = Task

--- Errors point at the caller of the task's method, which calls the helper that calls this.
local function refuse(message, ...) error("tasks.sentiment: " .. message:format(...), 4) end

local function is_whole(value, least)
  local n = math.type(value) and math.tointeger(value)
  return n and n >= least and n < 1 << 40
end

local function count_of(value, what)
  if not is_whole(value, 0) then refuse("%s must be a whole number from 0, not %s", what, options.show(value)) end
  return math.tointeger(value)
end

local function story(self, split, index, variant)
  local at = splits[split]
  if not at then
    refuse("unknown split %s; %s", options.show(split), options.suggest(split, split_names))
  elseif not is_whole(index, 1) then
    refuse("stories are numbered by whole numbers from 1, not %s", options.show(index))
  elseif not is_whole(variant or 0, 0) then
    refuse("variants are numbered by whole numbers from 0, not %s", options.show(variant))
  end
  return sentiment_text.story(self.seed, at.base + math.tointeger(index), math.tointeger(variant or 0), at.accept)
end

local function ids_of(self, list, first, last, out)
  for i = first, last do out[#out + 1] = self.tokenizer.ids[list[i]] end
  return out
end

--- The words of a response up to its first <eos>; padding is left out.
local function words_of(self, ids, what)
  if type(ids) ~= "table" then refuse("%s must be a list of ids, not %s", what, options.show(ids)) end
  local tokenizer, out = self.tokenizer, {}
  for i = 1, #ids do
    local id = math.type(ids[i]) and math.tointeger(ids[i])
    local word = id and tokenizer.words[id]
    if not word then
      refuse("%s has id %s at position %d, which is not in the vocabulary of %d words", what, options.show(ids[i]), i,
        tokenizer.vocab_size)
    end
    if id == tokenizer.eos then break end
    if id ~= tokenizer.pad then out[#out + 1] = word end
  end
  return out
end

--- Prompt `index` (from 1) of a split: <bos> and the first 6 to 10 words of that story.
function Task:prompt(split, index)
  local s = story(self, split, index)
  return ids_of(self, s.words, 1, s.prompt_length, { self.tokenizer.bos })
end

--- The first `count` prompts of a split, or those after `skip`.
function Task:prompts(split, count, skip)
  count, skip = count_of(count, "the number of prompts"), count_of(skip or 0, "the number to skip")
  local out = {}
  for i = 1, count do
    local s = story(self, split, skip + i)
    out[i] = ids_of(self, s.words, 1, s.prompt_length, { self.tokenizer.bos })
  end
  return out
end

--- A whole story for supervised training: <bos>, prompt, continuation, <eos>.
--
-- `variant` (0 unless told) is another continuation of the same prompt.
function Task:text(split, index, variant)
  local s = story(self, split, index, variant)
  local ids = ids_of(self, s.words, 1, #s.words, { self.tokenizer.bos })
  ids[#ids + 1] = self.tokenizer.eos
  return ids
end

--- The corpus's own response to a prompt: the continuation and <eos>.
function Task:response(split, index, variant)
  local s = story(self, split, index, variant)
  local ids = ids_of(self, s.words, s.prompt_length + 1, #s.words, {})
  ids[#ids + 1] = self.tokenizer.eos
  return ids
end

--- The gold score of a response, in (-1, 1). An empty response scores 0.
function Task:gold_score(prompt, response)
  words_of(self, prompt, "the prompt")
  return self.judge(words_of(self, response, "the response"))
end

--- 1 when gold prefers `a`, 0 when it prefers `b`, 0.5 for a tie.
function Task:gold_prefers(prompt, a, b)
  words_of(self, prompt, "the prompt")
  local score_a = self.judge(words_of(self, a, "response a"))
  local score_b = self.judge(words_of(self, b, "response b"))
  return score_a > score_b and 1 or score_a < score_b and 0 or 0.5
end

--- A number that changes when the grammar, its vocabulary or the judge does: part of every cache key.
local function fingerprint(self)
  local parts = { self.tokenizer.vocab_size, table.unpack(sentiment_text.vocabulary()) }
  parts[#parts + 1] = tostring(self.judge.fingerprint())
  for i = 1, 64 do parts[#parts + 1] = sentiment_text.text(sentiment_text.story(self.seed, i)) end
  return counter.hash(table.concat(parts, " "))
end

--- A task object; see the file's head. `task.settings()` is all that determines it.
function sentiment.new(given)
  local o = options.fill(sentiment.defaults, given, "tasks.sentiment")
  local gold = options.fill(valence.defaults, o.gold, "tasks.sentiment, gold")
  local limits = sentiment_text.limits
  local self = setmetatable({
    name = "sentiment", seed = o.seed, judge = valence.judge(gold),
    tokenizer = words.tokenizer(sentiment_text.vocabulary()), labels = { table.unpack(words.labels) },
    max_prompt = limits.prompt_most + 1, max_response = limits.response_most,
  }, Task)
  self.stop = { self.tokenizer.eos }
  --- Recommended transformer: 172 thousand parameters with tied embeddings, RMSNorm, rotary positions and SwiGLU. The
  -- window holds a prompt and two answers, each between its label and an <eos>, as a preference model reads them.
  self.model = {
    style = "llama", layers = 3, dim = 64, heads = 4, hidden = 172,
    max_length = self.max_prompt + 2 * (self.max_response + 2),
  }
  --- Recommended supervised training: 45 s of processor time, shared by two cores, to 1.31 nats a token on validation
  -- text. The samples score as the corpus does (mean 0.03 over 512 test prompts), and 96 % end with <eos>.
  self.sft = { steps = 400, batch = 32, lr = 5e-3 }
  --- Judges: a pairwise preference model leaves its plateau after some 300 steps and agrees with gold on 0.86 to 0.90
  -- of held-out pairs after 700.
  self.judge_kind = "preference"
  self.judge_options = { steps = 700, batch = 64, lr = 6e-4, warmup = 50, evaluate_every = 100, patience = 5 }
  --- The golden policy, with which every policy is compared: online IPO against gold. It reaches 7 nats.
  self.golden = { beta = 0.1, lr = 1e-3, steps = 240 }
  function self.settings()
    local settings = { task = self.name, seed = self.seed, fingerprint = fingerprint(self) }
    for key, value in pairs(self.judge.options) do settings["gold_" .. key] = value end
    return settings
  end
  return self
end

return setmetatable(sentiment, { __call = function(_, given) return sentiment.new(given) end })
