--- The built-in task: continue a short story so that it sounds glad.
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
-- No prompt is in two splits, for any seed: the split of a story is given by a hash of its first six words
-- (no prompt is shorter), 80 : 10 : 10. So no test prompt, nor the start of one, is a training prompt.
local options = require "perilune.options"
local task = require "perilune.tasks.task"
local text = require "perilune.tasks.sentiment.text"
local valence = require "perilune.tasks.valence"
local words = require "perilune.tasks.words"

local check = task.checks "tasks.sentiment"

local spec = options.spec("tasks.sentiment", {
  { "seed", 1, "seed of the stories" },
  { "gold", options.optional "table", "options of the gold score, see tasks.valence" },
})

--- The number before the first story of each split.
local base <const> = { train = 0, validation = 1 << 40, test = 2 << 40 }

--- Whether the first sentence of a story puts it into the split.
local accept = {}
for _, split in ipairs(task.splits) do
  accept[split] = function(first)
    return task.split_of(table.concat(first, " ", 1, text.limits.prompt_least)) == split
  end
end

local Task = {}
Task.__index = Task

local function story(self, split, index, variant)
  return text.story(self.seed, base[split] + index, variant or 0, accept[split])
end

local function ids_of(self, list, first, last, out)
  for i = first, last do out[#out + 1] = self.tokenizer.ids[list[i]] end
  return out
end

--- The words of a response up to its first <eos>, without padding.
local function words_of(self, ids)
  local tokenizer, out = self.tokenizer, {}
  for i = 1, #ids do
    local id = math.tointeger(ids[i])
    if id == tokenizer.eos then break end
    if id ~= tokenizer.pad then out[#out + 1] = tokenizer.words[id] end
  end
  return out
end

local function prompt_of(self, split, index)
  local s = story(self, split, index)
  return ids_of(self, s.words, 1, s.prompt_length, { self.tokenizer.bos })
end

--- Prompt `index` (from 1) of a split: <bos> and the first 6 to 10 words of that story.
function Task:prompt(split, index)
  check.split(split)
  return prompt_of(self, split, check.whole(index, 1, "a story's number"))
end

--- The first `count` prompts of a split, or those after `skip`.
function Task:prompts(split, count, skip)
  check.split(split)
  count = check.whole(count, 0, "the number of prompts")
  skip = check.whole(skip or 0, 0, "the number to skip")
  local out = {}
  for i = 1, count do out[i] = prompt_of(self, split, skip + i) end
  return out
end

--- A whole story for supervised training: <bos>, prompt, continuation, <eos>. `variant` (0) is another
-- continuation of the same prompt.
function Task:text(split, index, variant)
  check.split(split)
  index = check.whole(index, 1, "a story's number")
  local s = story(self, split, index, check.whole(variant or 0, 0, "a variant's number"))
  local ids = ids_of(self, s.words, 1, #s.words, { self.tokenizer.bos })
  ids[#ids + 1] = self.tokenizer.eos
  return ids
end

--- The corpus's own response to a prompt: the continuation and <eos>.
function Task:response(split, index, variant)
  check.split(split)
  index = check.whole(index, 1, "a story's number")
  local s = story(self, split, index, check.whole(variant or 0, 0, "a variant's number"))
  local ids = ids_of(self, s.words, s.prompt_length + 1, #s.words, {})
  ids[#ids + 1] = self.tokenizer.eos
  return ids
end

--- The gold score of a response, in (-1, 1). An empty response scores 0.
function Task:gold_score(prompt, response)
  check.ids(prompt, self.tokenizer.vocab_size, "the prompt")
  check.ids(response, self.tokenizer.vocab_size, "the response")
  return self.scorer(words_of(self, response))
end

--- 1 when gold prefers `a`, 0 when it prefers `b`, 0.5 for a tie.
function Task:gold_prefers(prompt, a, b)
  check.ids(prompt, self.tokenizer.vocab_size, "the prompt")
  check.ids(a, self.tokenizer.vocab_size, "response a")
  check.ids(b, self.tokenizer.vocab_size, "response b")
  return task.compare(self.scorer(words_of(self, a)), self.scorer(words_of(self, b)))
end

--- A number that changes with the grammar, its vocabulary and the scorer: part of every cache key.
local function fingerprint(self)
  local parts = { self.tokenizer.vocab_size, table.unpack(text.vocabulary()) }
  parts[#parts + 1] = tostring(self.scorer.fingerprint())
  for i = 1, 64 do parts[#parts + 1] = text.join(text.story(self.seed, i)) end
  return task.hash(table.concat(parts, " "))
end

--- A task; see the head of the file.
local function new(given)
  local o = spec:fill(given)
  local scorer = valence.scorer(valence.options:fill(o.gold))
  local limits = text.limits
  local self = setmetatable({
    name = "sentiment", seed = o.seed, scorer = scorer, tokenizer = words.tokenizer(text.vocabulary()),
    labels = { table.unpack(words.labels) }, max_prompt = limits.prompt_most + 1,
    max_response = limits.response_most,
    preference = task.preference(), content_in_settings = true,
  }, Task)
  self.stop = { self.tokenizer.eos }
  --- Recommended transformer: 172 thousand parameters with tied embeddings, RMSNorm, rotary positions and
  -- SwiGLU. The window fits a prompt and two responses, each between its label and an <eos>, as a preference
  -- model reads them.
  self.model = {
    style = "llama", layers = 3, dim = 64, heads = 4, hidden = 172,
    max_length = self.max_prompt + 2 * (self.max_response + 2),
  }
  --- Recommended supervised training: 45 s of processor time on two cores, to 1.31 nats a token on validation
  -- text. The samples score as the corpus does (mean 0.03 over 512 test prompts), and 96 % end with <eos>.
  self.sft = { steps = 400, batch = 32, lr = 5e-3 }
  --- The golden policy, with which every policy is compared: online IPO against gold. It reaches 7 nats.
  self.golden = { beta = 0.1, lr = 1e-3, steps = 240 }
  function self.settings()
    local settings = { task = self.name, seed = self.seed, fingerprint = fingerprint(self) }
    for key, value in pairs(scorer.options) do settings["gold_" .. key] = value end
    return settings
  end
  return self
end

return task.module { options = spec, new = new }
