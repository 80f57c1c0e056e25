--- A task on a pretrained model of children's stories: continue a story so that it sounds glad.
--
-- It is made for stories260K (llama2.c, 260 thousand parameters), and takes any model of llama2.c's format
-- that writes English from <bos>.
--
--   task = stories { path = "stories260K/stories260K.bin" }      -- with its tokenizer tok512.bin beside it
--   policy = task:pretrained()
--
-- A prompt is <bos> and 7 tokens that the model itself sampled after <bos>. There is no corpus: `text` is
-- sampled from the model. Such a model begins the next story with <bos> where others write <eos>, so
-- `task.stop` has both.
--
-- The option `sample` replaces the sampler: `sample(prompts, how)` returns a list of new ids for each prompt,
-- at temperature 1, where how = { tokens, seed, stream, first }. Row k must depend on the prompt, `seed`,
-- `stream` and first + k - 1 alone, so that prompt i is the same in any batch.
--
-- Splits use streams of their own and yet share prompts, because the model often opens alike: of 3072 prompts
-- 451 are distinct, 68 % are "Once upon a time, there was", and 88 % of a second stream occur in the first.
-- For a question about unseen prompts use `sentiment`, whose splits share none.
--
-- The gold score is `valence` with a lexicon of its own on the decoded response. For stories260K (512
-- prompts, 16 responses of 64 tokens): mean 0.38, standard deviation 0.30, ties 0.05 %, and best of 2, 4 and
-- 16 reach 0.55, 0.65 and 0.78.
--
--   > table.concat(stories.words("She didn't cry. \"Oh, Tom!\""), " ")
--   she not cry . oh , tom !
local lexicon = require "perilune.tasks.stories.lexicon"
local limits = require "perilune.options.limits"
local options = require "perilune.options"
local task = require "perilune.tasks.task"
local valence = require "perilune.tasks.valence"

local check = task.checks "tasks.stories"

local spec = options.spec("tasks.stories", {
  { "path", options.required "string", "the checkpoint: starting point and reference" },
  { "tokenizer_path", options.optional "string",
    "the tokenizer; tok512.bin in the folder of the checkpoint unless given" },
  { "tokenizer", options.optional "table|Tokenizer",
    "a tokenizer with encode, decode, bos, eos and vocab_size instead" },
  { "sample", options.optional "function",
    "the sampler of prompts and texts; the checkpoint's own unless given" },
  { "seed", 1, "seed of prompts and texts" },
  { "prompt_tokens", 7, "sampled tokens of a prompt", least = 1, most = limits.tokens },
  { "max_response", 64, "tokens of a response at most", least = 1, most = limits.tokens },
  valence.options,
})

local Task = {}
Task.__index = Task

function Task:__tostring() return ("[Task %s]"):format(self.name) end

--- Lower-case words and marks of a text; any word in n't becomes "not".
--
--   > #stories.words "Tom can't swim."
--   4
local function words(text)
  local out = {}
  for word, mark in text:lower():gsub("\u{2019}", "'"):gmatch("([%a']*)([^%a']?)") do
    word = word:gsub("^'+", ""):gsub("'+$", "")
    if word:find("n't$") then word = "not" end
    if word ~= "" then out[#out + 1] = word end
    if mark:find("[.,!?]") then out[#out + 1] = mark end
  end
  return out
end

local function ask(self, prompts, tokens, stream, first)
  if #prompts == 0 then return {} end
  local how = { tokens = tokens, seed = self.seed, stream = "stories/" .. stream, first = first }
  local out = self.sample(prompts, how)
  if type(out) ~= "table" or #out ~= #prompts then
    error(("tasks.stories: sample must return a list of %d lists of ids, not %s"):format(#prompts,
      type(out) == "table" and #out .. " of them" or options.show(out)), 0)
  end
  for _, new in ipairs(out) do
    if type(new) ~= "table" or #new > tokens then
      error(("tasks.stories: sample must return lists of at most %d ids, not %s"):format(tokens,
        type(new) == "table" and "one of " .. #new or options.show(new)), 0)
    end
  end
  return out
end

local function joined(a, b) return table.move(b, 1, #b, #a + 1, table.move(a, 1, #a, 1, {})) end

local function openings(self, split, first, count)
  local starts = {}
  for i = 1, count do starts[i] = { self.tokenizer.bos } end
  local prompts = ask(self, starts, self.prompt_tokens, split .. "/prompt", first)
  for i, new in ipairs(prompts) do prompts[i] = joined(starts[i], new) end
  return prompts
end

--- Prompt `index` (from 1) of a split.
function Task:prompt(split, index)
  check.split(split)
  return openings(self, split, check.whole(index, 1, "a prompt's number"), 1)[1]
end

--- The first `count` prompts of a split, or those after `skip`, in one call of the sampler.
function Task:prompts(split, count, skip)
  check.split(split)
  count = check.whole(count, 0, "the number of prompts")
  return openings(self, split, check.whole(skip or 0, 0, "the number to skip") + 1, count)
end

--- The model's own response to a prompt, and the prompt; `variant` (0) is another response.
function Task:response(split, index, variant)
  check.split(split)
  index = check.whole(index, 1, "a story's number")
  variant = check.whole(variant or 0, 0, "a variant's number")
  local prompt = openings(self, split, index, 1)
  local stream = ("%s/response/%d"):format(split, variant)
  return ask(self, prompt, self.max_response, stream, index)[1], prompt[1]
end

--- A whole story: prompt and response.
function Task:text(split, index, variant)
  local response, prompt = self:response(split, index, variant)
  return joined(prompt, response)
end

--- The words of a response, up to <eos> or a new <bos>. A word that the prompt began belongs to the response.
local function words_of(self, prompt, response)
  local tokenizer, ids = self.tokenizer, {}
  for i = 1, #response do
    if response[i] == tokenizer.eos or response[i] == tokenizer.bos then break end
    ids[i] = response[i]
  end
  local before, all = tokenizer:decode(prompt), tokenizer:decode(joined(prompt, ids))
  if all:sub(1, #before) ~= before then return words(tokenizer:decode(ids)) end
  local rest = all:sub(#before + 1)
  local begun = rest:find("^%a") and before:match("%a*$") or ""
  return words(begun .. rest)
end

--- The gold score of a response, in (-1, 1).
function Task:gold_score(prompt, response)
  check.ids(prompt, self.tokenizer.vocab_size, "the prompt")
  check.ids(response, self.tokenizer.vocab_size, "the response")
  return self.scorer(words_of(self, prompt, response))
end

--- 1 when gold prefers `a`, 0 when it prefers `b`, 0.5 for a tie.
function Task:gold_prefers(prompt, a, b)
  check.ids(prompt, self.tokenizer.vocab_size, "the prompt")
  check.ids(a, self.tokenizer.vocab_size, "response a")
  check.ids(b, self.tokenizer.vocab_size, "response b")
  return task.compare(self.scorer(words_of(self, prompt, a)), self.scorer(words_of(self, prompt, b)))
end

Task.check = task.check

--- The model that takes the place of supervised training: a new copy from the file at each call.
function Task:pretrained() return require("perilune.models").load(self.path) end

--- A sampler of the checkpoint, which is read at the first call.
local function own_sampler(self)
  local model
  return function(prompts, how)
    model = model or self:pretrained()
    local seed = task.hash(("%s/%d"):format(how.stream, how.seed))
    local drawn = model:sample(prompts, {
      max_new_tokens = how.tokens, seed = seed, first = how.first, stop = self.stop,
    })
    return drawn:responses()
  end
end

local function tokenizer_of(o)
  if o.tokenizer then return o.tokenizer end
  if not require("perilune.system").exists(o.path) then
    error(("tasks.stories: there is no file '%s'"):format(o.path), 0)
  end
  local folder = o.path:match("^(.*[/\\])") or ""
  return require("perilune.formats").llama2c_tokenizer(o.tokenizer_path or folder .. "tok512.bin")
end

--- A task; see the head of the file.
local function new(given)
  local o = spec:fill(given)
  local gold = valence.among(o)
  local self = setmetatable({
    name = "stories", path = o.path, seed = o.seed, tokenizer = tokenizer_of(o),
    scorer = valence.scorer(gold, lexicon), prompt_tokens = o.prompt_tokens, max_prompt = o.prompt_tokens + 1,
    max_response = o.max_response, preference = task.preference(),
    --- The golden policy: online IPO against gold.
    golden = { beta = 0.1, lr = 3e-4, steps = 200 },
    runs = task.runs { beta = 0.1, steps = 200 },
  }, Task)
  self.stop = { self.tokenizer.eos, self.tokenizer.bos }
  --- Ids 3 and 4 are the bytes 0 and 1, which no story contains.
  self.labels = { 3, 4 }
  self.sample = o.sample or own_sampler(self)
  function self.settings()
    local settings = {
      task = self.name, fingerprint = self.scorer.fingerprint(), model = o.path, seed = o.seed,
      prompt_tokens = o.prompt_tokens, max_response = o.max_response,
    }
    for key, value in pairs(gold) do settings["gold_" .. key] = value end
    return settings
  end
  return self
end

return task.module { options = spec, needs = "stories260K.bin, with tok512.bin beside it", new = new,
  words = words }
