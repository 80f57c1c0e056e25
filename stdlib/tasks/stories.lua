--- A task on a pretrained model of children's stories: go on with a story so that it sounds glad.
--
-- Made for stories260K (llama2.c, 260 thousand parameters), but for any model in llama2.c's format that writes English
-- from <bos>.
--
--   task = stories { path = "stories260K/stories260K.bin" }      -- its tokenizer tok512.bin lies beside it
--   policy = task:pretrained()
--
-- A prompt is <bos> and 7 tokens that the model itself sampled after <bos>, so the policy starts on its own
-- ground. There is no corpus: `text` is the model's own writing. Such a model begins the next story with <bos> where
-- others write <eos>, so `task.stop` has both.
--
-- Another sampler may be given: `sample(prompts, how)` returns one list of new ids for each prompt, at temperature 1,
-- where how = { tokens, seed, stream, first }: row k must depend on the prompt, `seed`, `stream` and first + k - 1
-- alone, so that prompt i is the same in any batch.
--
-- Splits use streams of their own and yet share prompts, because the model often opens alike: of 3072 prompts
-- 451 are distinct, 68 % are "Once upon a time, there was", and 88 % of a second stream occur in the first.
-- For a question about unseen prompts use `sentiment`, whose splits share none.
--
-- The gold score is `valence` with its own list of words (`stories_lexicon`) on the decoded response. For
-- stories260K (512 prompts, 16 responses of 64 tokens): mean 0.38, standard deviation 0.30, ties 0.05 %, and best
-- of 2, 4 and 16 reach 0.55, 0.65 and 0.78.
--
--   > table.concat(stories.words("She didn't cry. \"Oh, Tom!\""), " ")
--   she not cry . oh , tom !
local counter = require "perilune.tasks.counter"
local options = require "perilune.options"
local stories_lexicon = require "perilune.tasks.stories_lexicon"
local valence = require "perilune.tasks.valence"

local stories = {}

stories.defaults = {
  path = options.required("string"),                   -- the checkpoint: starting point and reference
  tokenizer_path = options.optional("string"),         -- tok512.bin beside it unless told
  tokenizer = options.optional("table|userdata"),      -- or one with encode, decode, bos, eos, vocab_size
  sample = options.optional("function"),               -- as above; the checkpoint's own unless told
  seed = options.integer(1),
  prompt_tokens = options.integer(7, 1),
  max_response = options.integer(64, 1),
  gold = options.optional("table"),                    -- changes the judge: `valence.defaults`
}

local split_names <const> = { "train", "validation", "test" }

--- Lower-case words and marks of a text; any word in n't becomes "not".
function stories.words(text)
  local out = {}
  for word, mark in text:lower():gsub("\u{2019}", "'"):gmatch("([%a']*)([^%a']?)") do
    word = word:gsub("^'+", ""):gsub("'+$", "")
    if word:find("n't$") then word = "not" end
    if word ~= "" then out[#out + 1] = word end
    if mark:find("[.,!?]") then out[#out + 1] = mark end
  end
  return out
end

local Task = {}
Task.__index = Task

--- Errors point at the caller of the task's method, which calls the helper that calls this.
local function refuse(message, ...) error("tasks.stories: " .. message:format(...), 4) end

local function check_split(split)
  for _, name in ipairs(split_names) do
    if split == name then return end
  end
  refuse("unknown split %s; %s", options.show(split), options.suggest(split, split_names))
end

local function check_count(value, least, what)
  local n = math.type(value) and math.tointeger(value)
  if not n or n < least then refuse("%s must be a whole number from %d, not %s", what, least, options.show(value)) end
  return n
end

local function check_ids(self, ids, what)
  if type(ids) ~= "table" then refuse("%s must be a list of ids, not %s", what, options.show(ids)) end
  local size = self.tokenizer.vocab_size
  for i = 1, #ids do
    local id = math.type(ids[i]) and math.tointeger(ids[i])
    if not id or id < 0 or id >= size then
      refuse("%s has id %s at position %d, which is not in the vocabulary of %d tokens", what, options.show(ids[i]), i, size)
    end
  end
end

local function ask(self, prompts, tokens, stream, first)
  if #prompts == 0 then return {} end
  local out = self.sample(prompts, { tokens = tokens, seed = self.seed, stream = "stories/" .. stream, first = first })
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

local function opening(self, split, first, count)
  local starts = {}
  for i = 1, count do starts[i] = { self.tokenizer.bos } end
  local prompts = ask(self, starts, self.prompt_tokens, split .. "/prompt", first)
  for i, new in ipairs(prompts) do prompts[i] = joined(starts[i], new) end
  return prompts
end

--- Prompt `index` (from 1) of a split.
function Task:prompt(split, index)
  check_split(split)
  index = check_count(index, 1, "a prompt's number")
  return opening(self, split, index, 1)[1]
end

--- The first `count` prompts of a split, or those after `skip`, in one call of the sampler.
function Task:prompts(split, count, skip)
  check_split(split)
  count, skip = check_count(count, 0, "the number of prompts"), check_count(skip or 0, 0, "the number to skip")
  return opening(self, split, skip + 1, count)
end

--- The model's own response to a prompt; `variant` (0 unless told) is another one.
function Task:response(split, index, variant)
  check_split(split)
  index, variant = check_count(index, 1, "a story's number"), check_count(variant or 0, 0, "the variant")
  local prompt = opening(self, split, index, 1)
  return ask(self, prompt, self.max_response, ("%s/response/%d"):format(split, variant), index)[1], prompt[1]
end

--- A whole story: prompt and response.
function Task:text(split, index, variant)
  local response, prompt = self:response(split, index, variant)
  return joined(prompt, response)
end

--- The words that a response adds, up to <eos> or a new <bos>; one that the prompt began belongs to the response.
local function added_words(self, prompt, response)
  local tokenizer, kept = self.tokenizer, {}
  for i = 1, #response do
    if response[i] == tokenizer.eos or response[i] == tokenizer.bos then break end
    kept[i] = response[i]
  end
  local before, all = tokenizer:decode(prompt), tokenizer:decode(joined(prompt, kept))
  if all:sub(1, #before) ~= before then return stories.words(tokenizer:decode(kept)) end
  local rest = all:sub(#before + 1)
  local begun = rest:find("^%a") and before:match("%a*$") or ""
  return stories.words(begun .. rest)
end

--- The gold score of a response, in (-1, 1).
function Task:gold_score(prompt, response)
  check_ids(self, prompt, "the prompt")
  check_ids(self, response, "the response")
  return self.judge(added_words(self, prompt, response))
end

--- 1 when gold prefers `a`, 0 when it prefers `b`, 0.5 for a tie.
function Task:gold_prefers(prompt, a, b)
  check_ids(self, prompt, "the prompt")
  check_ids(self, a, "response a")
  check_ids(self, b, "response b")
  local score_a, score_b = self.judge(added_words(self, prompt, a)), self.judge(added_words(self, prompt, b))
  return score_a > score_b and 1 or score_a < score_b and 0 or 0.5
end

--- The model that takes the place of supervised training: a fresh copy from the file at each call.
function Task:pretrained() return require("perilune.models").load_llama2c(self.path) end

--- A sampler on the checkpoint, which is read at the first call and kept.
local function own_sampler(self)
  local model
  return function(prompts, how)
    model = model or self:pretrained()
    local seeds = {}
    for k = 1, #prompts do
      seeds[k] = counter.mix(counter.mix(how.seed + counter.hash(how.stream)) + how.first + k - 1)
    end
    return model:sample(prompts, { max_new_tokens = how.tokens, seeds = seeds, stop = self.stop }):responses()
  end
end

local function tokenizer_of(o)
  if o.tokenizer then return o.tokenizer end
  if not require("perilune.system").exists(o.path) then error(("tasks.stories: there is no file '%s'"):format(o.path), 0) end
  local folder = o.path:match("^(.*[/\\])") or ""
  return require("perilune.formats").llama2c_tokenizer(o.tokenizer_path or folder .. "tok512.bin")
end

--- A task object; see the file's head.
function stories.new(given)
  local o = options.fill(stories.defaults, given, "tasks.stories")
  local gold = options.fill(valence.defaults, o.gold, "tasks.stories, gold")
  local self = setmetatable({
    name = "stories", path = o.path, seed = o.seed, tokenizer = tokenizer_of(o),
    judge = valence.judge(gold, stories_lexicon), prompt_tokens = o.prompt_tokens,
    max_prompt = o.prompt_tokens + 1, max_response = o.max_response,
  }, Task)
  self.stop = { self.tokenizer.eos, self.tokenizer.bos }
  --- Ids 3 and 4 stand for the bytes 0 and 1, which no story holds.
  self.labels = { 3, 4 }
  --- Judges: as for the sentiment task, whose answers are as long.
  self.judge_kind = "preference"
  self.judge_options = { steps = 700, batch = 64, lr = 6e-4, warmup = 50, evaluate_every = 100, patience = 5 }
  --- The golden policy: online IPO against gold.
  self.golden = { beta = 0.1, lr = 3e-4, steps = 200 }
  self.sample = o.sample or own_sampler(self)
  function self.settings()
    local settings = {
      task = self.name, fingerprint = self.judge.fingerprint(), model = o.path, seed = o.seed,
      prompt_tokens = o.prompt_tokens, max_response = o.max_response,
    }
    for key, value in pairs(gold) do settings["gold_" .. key] = value end
    return settings
  end
  return self
end

return setmetatable(stories, { __call = function(_, given) return stories.new(given) end })
