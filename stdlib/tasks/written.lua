--- Tasks whose texts the program writes, with a gold that reads content and text.
--
--   score(y | x) = content(y | x) - cost errors(x, y) - 2 cost [y is not finished]
--
-- `errors` are three neighbouring word classes that no text of the corpus has (`tasks.errors`). The cost is
-- the same number in every such task; with `cost = 0` the gold notices nothing that lies off the support of
-- the corpus. A response is finished where it ends with <eos>.
--
-- No prompt is in two splits, for any seed: the split is a hash of the prompt's words, 80 : 10 : 10.
--
--   > local task = require "perilune.tasks".sentiment()
--   > local prompt, response = task:prompt("test", 1), task:response("test", 1)
--   > #task:prompts("test", 3), #task:text("test", 1) > #response
--   3	true
--   > task:gold_score(prompt, response) == task:gold_parts(prompt, response).score
--   true
--   > task:gold_prefers(prompt, response, response)
--   0.5
--   > type(task:parts(prompt, response))
--   table
--   > task:check { steps = -1 }
--   tasks.check: option 'steps' must be a whole number from 0 to 1000000000, not -1
local errors = require "perilune.tasks.errors"
local largest = require "perilune.options.limits"
local options = require "perilune.options"
local task = require "perilune.tasks.task"
local words = require "perilune.tasks.words"

local written = {}

--- The options that these tasks share.
written.options = options.spec("tasks.written", {
  { "seed", 1, "seed of the texts" },
  { "cost", 0.15, "what gold charges for an error of text; twice that for a response without an end",
    least = 0, most = largest.weight },
  { "responses", 2, "responses of the corpus to each prompt that the start learns from; the paper has two",
    least = 1, most = largest.rows },
})

--- The score of parts { content, errors, unfinished } at a cost.
--
--   > require "perilune.tasks.written".score({ content = 1, errors = 1, unfinished = 1 }, 0.25)
--   0.25
function written.score(parts, cost) return parts.content - cost * (parts.errors + 2 * parts.unfinished) end

--- The number before the first text of each split.
local base <const> = { train = 0, validation = 1 << 40, test = 2 << 40 }

local Task = {}
Task.__index = Task

function Task:__tostring() return ("[Task %s]"):format(self.name) end

local function item_of(self, split, index, variant)
  return self.texts.story(self.seed, base[split] + index, variant or 0, self.accept[split])
end

local function ids_of(self, list, first, last, out)
  for i = first, last do out[#out + 1] = self.tokenizer.ids[list[i]] end
  return out
end

--- The words of ids up to the first <eos>, without <bos> and padding, and whether there is an <eos>.
local function words_of(self, ids)
  local tokenizer, out = self.tokenizer, {}
  for i = 1, #ids do
    local id = math.tointeger(ids[i])
    if id == tokenizer.eos then return out, true end
    if id ~= tokenizer.pad and id ~= tokenizer.bos then out[#out + 1] = tokenizer.words[id] end
  end
  return out, false
end

local function number_of(self, index)
  return self.checks.whole(index, 1, ("a %s's number"):format(self.noun))
end

local function prompt_of(self, split, index)
  local item = item_of(self, split, index)
  return ids_of(self, item.words, 1, item.prompt_length, { self.tokenizer.bos })
end

--- Prompt `index` (from 1) of a split: <bos> and its words.
function Task:prompt(split, index)
  self.checks.split(split)
  return prompt_of(self, split, number_of(self, index))
end

--- The first `count` prompts of a split, or those after `skip`.
function Task:prompts(split, count, skip)
  self.checks.split(split)
  count = self.checks.whole(count, 0, "the number of prompts")
  skip = self.checks.whole(skip or 0, 0, "the number to skip")
  local out = {}
  for i = 1, count do out[i] = prompt_of(self, split, skip + i) end
  return out
end

--- The text of a prompt and a response of the corpus, from word `first`, ended.
local function ended(self, split, index, variant, with_prompt)
  local item = item_of(self, split, index, self.checks.whole(variant, 0, "a variant's number"))
  local from = with_prompt and 1 or item.prompt_length + 1
  local ids = ids_of(self, item.words, from, #item.words, with_prompt and { self.tokenizer.bos } or {})
  ids[#ids + 1] = self.tokenizer.eos
  return ids, self.learns_prompt and 1 or item.prompt_length + 1
end

--- A whole text for supervised training: <bos>, prompt, response, <eos>. Text `index` answers prompt
-- ceil(index / responses) with one of its responses in turn, `responses` being the task's; `variant` asks for
-- that response to prompt `index` instead. The second result is the number of tokens that are not learned.
function Task:text(split, index, variant)
  self.checks.split(split)
  index = number_of(self, index)
  if variant then return ended(self, split, index, variant, true) end
  return ended(self, split, (index - 1) // self.responses + 1, (index - 1) % self.responses, true)
end

--- The corpus's own response to a prompt, with <eos>; `variant` (0) is another one to the same prompt.
function Task:response(split, index, variant)
  self.checks.split(split)
  return (ended(self, split, number_of(self, index), variant or 0, false))
end

--- What gold sees in a response: { score, content, errors, unfinished } and the parts of the task's content.
function Task:gold_parts(prompt, response)
  self.checks.ids(prompt, self.tokenizer.vocab_size, "the prompt")
  self.checks.ids(response, self.tokenizer.vocab_size, "the response")
  return self:parts(prompt, response)
end

--- gold_parts of ids that are known to be right.
function Task:parts(prompt, response)
  local before, list, finished = words_of(self, prompt), words_of(self, response)
  local content, parts = self.content(before, list)
  parts = parts or {}
  parts.content, parts.unfinished = content, finished and 0 or 1
  parts.errors = self.count_errors(before, list, finished)
  parts.score = written.score(parts, self.cost)
  return parts
end

--- The gold score of a response.
function Task:gold_score(prompt, response)
  self.checks.ids(prompt, self.tokenizer.vocab_size, "the prompt")
  self.checks.ids(response, self.tokenizer.vocab_size, "the response")
  return self:parts(prompt, response).score
end

--- 1 when gold prefers `a`, 0 when it prefers `b`, 0.5 for a tie.
function Task:gold_prefers(prompt, a, b)
  self.checks.ids(prompt, self.tokenizer.vocab_size, "the prompt")
  self.checks.ids(a, self.tokenizer.vocab_size, "response a")
  self.checks.ids(b, self.tokenizer.vocab_size, "response b")
  return self.prefers(self:parts(prompt, a), self:parts(prompt, b), prompt, a, b)
end

Task.check = task.check

--- A number that changes with the corpus and its vocabulary: part of every cache key.
local function fingerprint(self)
  local parts = { self.tokenizer.vocab_size, table.unpack(self.texts.vocabulary()) }
  for i = 1, 64 do parts[#parts + 1] = table.concat(self.texts.story(self.seed, i, i % 2).words, " ") end
  return task.hash(table.concat(parts, " "))
end

local spec = options.spec("tasks.written.task", {
  { "name", options.required "string", "name of the task" },
  { "options", options.required "table", "its filled options" },
  { "texts", options.required "table",
    "{ story(seed, index, variant, accept) = { words, prompt_length }, vocabulary(), classes, limits }" },
  { "content", options.required "function",
    "content(prompt, response): a number, and its parts; both are lists of words" },
  { "prefers", function(a, b) return task.compare(a.score, b.score) end,
    "prefers(parts_a, parts_b, prompt, a, b): 1, 0 or 0.5" },
  { "shares", {}, "parts that are of some prompts alone, with the part whose mean is the share of those" },
  { "learns_prompt", false, "whether the start learns to write prompts too" },
  { "split_words", options.optional("integer", 1), "words of a prompt that its split is the hash of; all" },
  { "noun", "text", "what a text is called in errors" },
  { "corpus", 4000, "texts that know every right three of word classes", least = 1, most = largest.rows },
  { "model", options.required "table", "sizes of the start; max_length is added" },
  { "sft", options.required "table", "training of the start" },
  { "preference", options.required "table", "training of its judges" },
  { "golden", options.required "table", "training of the golden policy" },
  { "proxy_pairs", 0, "golden pairs that its proxy learns from; 0 for all", least = 0, most = largest.rows },
  { "runs", options.required "table", "settings of its experiments, see tasks.check" },
})

--- A task of these fields. `options` must have those of written.options; all of them are part of the cache
-- key.
--
--   > local written = require "perilune.tasks.written"
--   > written.task {}
--   tasks.written.task: option 'name' is missing; expected a string
function written.task(given)
  local fields = spec:fill(given)
  local o, texts = fields.options, fields.texts
  local tokenizer, limits = words.tokenizer(texts.vocabulary()), texts.limits
  local self = setmetatable(fields, Task)
  self.seed, self.cost, self.responses, self.tokenizer = o.seed, o.cost, o.responses, tokenizer
  self.checks = task.checks("tasks." .. self.name)
  self.labels, self.stop = { table.unpack(words.labels) }, { tokenizer.eos }
  self.max_prompt, self.max_response = limits.prompt_most + 1, limits.response_most
  -- A preference model reads a prompt and two responses, each between its label and an <eos>.
  self.model.max_length = self.max_prompt + 2 * (self.max_response + 2)
  self.content_in_settings, self.accept = true, {}
  for _, split in ipairs(task.splits) do
    self.accept[split] = function(list)
      return task.split_of(table.concat(list, " ", 1, math.min(self.split_words or #list, #list))) == split
    end
  end
  local function corpus(i) return texts.story(0, i, 0).words end
  self.count_errors = errors.counter { class = texts.classes, text = corpus, size = self.corpus }
  --- What determines the texts, and so the start: gold is no part of it, nor is the usual number of
  -- responses, so that starts of it are found under the key that they have had.
  function self.start_settings()
    local usual = (options.specs["tasks." .. self.name] or written.options).by_name.responses.default
    return { task = self.name, seed = self.seed, learns_prompt = self.learns_prompt,
      fingerprint = fingerprint(self), responses = o.responses ~= usual and o.responses or nil }
  end
  function self.settings()
    local settings = { task = self.name, fingerprint = fingerprint(self) }
    for key, value in pairs(o) do
      if type(value) ~= "table" then settings[key] = value end
    end
    return settings
  end
  return self
end

return options.strict("tasks.written", written)
