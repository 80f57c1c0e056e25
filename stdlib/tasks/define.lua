--- Makes a task of a table, and says what is missing.
local limits = require "perilune.options.limits"
local options = require "perilune.options"
local system = require "perilune.system"
local task = require "perilune.tasks.task"

local spec = options.spec("tasks.define", {
  { "name", options.required "string", "name of the task, part of every cache key" },
  { "tokenizer", options.required "table|Tokenizer", "with encode, decode, eos and vocab_size" },
  { "prompts", options.required "function", "prompts(task, split, count, skip): a list of lists of ids" },
  { "text", options.optional "function", "text(task, split, i): ids to train a start on" },
  { "pretrained", options.optional "function", "pretrained(task): a start, instead of text and model" },
  { "model", options.optional "table", "sizes of the start, as models.transformer takes them" },
  { "sft", options.optional "table", "training of the start, as align.sft takes it" },
  { "gold_score", options.optional "function", "gold_score(task, prompt, response): a number" },
  { "gold_prefers", options.optional "function", "gold_prefers(task, prompt, a, b): 1, 0 or 0.5" },
  { "gold_pairs", options.optional "function",
    "gold_pairs(task, split, count, skip): labelled pairs of ids" },
  { "max_prompt", options.integer(nil, 1, limits.tokens), "tokens of a prompt at most" },
  { "max_response", options.integer(nil, 1, limits.tokens), "tokens of a response at most" },
  { "stop", options.optional "table", "ids that end a response; the tokenizer's eos unless given" },
  { "labels", options.optional "table", "two ids that no text contains, for preference models" },
  { "counts", options.optional "table", "counts[split] = { prompts, pairs }, where they are limited" },
  { "preference", options.optional "table", "{ kind, options } of learned judges" },
  { "golden", options.optional "table", "beta, lr and steps of the golden policy" },
  { "runs", options.optional "table", "settings of its runs, see tasks.check" },
  { "proxy_pairs", options.integer(0, 0, limits.rows), "golden pairs that its proxy learns from; 0 for all" },
  { "settings", options.optional "function",
    "settings(): plain values that determine the task; by content unless given" },
})

--- What is missing of the fields that only together make a task; nil when all is there.
local function missing(o)
  if not (o.gold_score or o.gold_prefers or o.gold_pairs) then
    return "gold_score, gold_prefers or gold_pairs is missing: it says which response is better"
  elseif not o.pretrained and not (o.text and o.model) then
    return "pretrained, or text and model, is missing: the start is read or trained"
  end
end

--- A whole number as an integer; nil for any other value.
local function whole(value) return type(value) == "number" and math.tointeger(value) or nil end

--- What is wrong with a list of ids, in words; nil when it is right.
local function wrong_ids(ids, vocab_size, most)
  if type(ids) ~= "table" or #ids == 0 then return ("a list of ids, not %s"):format(options.show(ids)) end
  if most and #ids > most then return ("at most %d ids, not %d"):format(most, #ids) end
  for i = 1, #ids do
    local id = whole(ids[i])
    if not id or id < 0 or id >= vocab_size then
      return ("ids below %d, not %s"):format(vocab_size, options.show(ids[i]))
    end
  end
end

--- What is wrong with a tokenizer, in words; nil when it is right.
local function wrong_tokenizer(tokenizer)
  for _, name in ipairs { "encode", "decode", "eos", "vocab_size" } do
    if tokenizer[name] == nil then return ("the tokenizer has no '%s'"):format(name) end
  end
  for _, name in ipairs { "encode", "decode" } do
    if type(tokenizer[name]) ~= "function" then
      return ("the tokenizer's '%s' must be a function, not %s"):format(name, options.show(tokenizer[name]))
    end
  end
  local size = tokenizer.vocab_size
  if not whole(size) or size < 1 then
    return ("the tokenizer's 'vocab_size' must be a whole number of at least 1, not %s"):format(
      options.show(size))
  end
  local problem = wrong_ids({ tokenizer.eos }, size)
  return problem and ("the tokenizer's 'eos' must be one of the %s"):format(problem)
end

--- What is wrong with the length of the model, in words; nil when it is right, or the task's own.
local function wrong_length(model, longest)
  local length = model and model.max_length
  if length == nil then return nil end
  if not whole(length) then
    return ("model.max_length must be a whole number, not %s"):format(options.show(length))
  elseif length < longest then
    return ("model.max_length is %d, less than a prompt and a response of %d tokens"):format(length, longest)
  end
end

--- A hash of the first prompts and texts, as ids and as the tokenizer reads them.
local function content(self)
  local parts = { tostring(self.tokenizer.vocab_size) }
  local function add(ids)
    parts[#parts + 1] = table.concat(ids, " ")
    parts[#parts + 1] = self.tokenizer:decode(ids)
  end
  for i = 1, self.text and 64 or 0 do add(self:text("train", i)) end
  local count = math.min(64, self.counts and self.counts.train.prompts or 64)
  for _, prompt in ipairs(self:prompts("train", count)) do add(prompt) end
  return system.sha256(table.concat(parts, "\0"))
end

--- A task from its fields, checked; other functions and methods may be added to the result.
--
--   local task = tasks.define {
--     name = "letters", tokenizer = tokenizer, max_prompt = 4, max_response = 8,
--     prompts = function(self, split, count, skip) ... end,
--     text = function(self, split, i) ... end, model = { style = "llama", layers = 2, dim = 32, heads = 2 },
--     gold_score = function(self, prompt, response) return -#response end,
--   }
--
-- The methods are called once, for the first prompt and text of "train". Errors: a field is missing or of
-- another type; the tokenizer lacks a method, a size or an eos within it; `stop` or `labels` has no ids; a
-- prompt and a response are longer than the model reads; a method gives something else than is said.
--
--   > local define = require "perilune.tasks.define"
--   > define { name = "letters", tokenizer = {}, prompts = print, max_prompt = 4, max_respones = 8 }
--   tasks.define: unknown option 'max_respones'; did you mean 'max_response'?
--   > define { name = "letters", tokenizer = {}, prompts = print, max_prompt = 4, max_response = 8 }
--   tasks.define: gold_score, gold_prefers or gold_pairs is missing: it says which response is better
return function(given)
  local self = spec:fill(given)
  local function refuse(message, ...) error("tasks.define: " .. message:format(...), 3) end
  local problem = missing(self) or wrong_tokenizer(self.tokenizer)
  if problem then refuse("%s", problem) end
  local vocab_size = self.tokenizer.vocab_size
  problem = wrong_length(self.model, self.max_prompt + self.max_response)
  if problem then refuse("%s", problem) end
  self.stop = self.stop or { self.tokenizer.eos }
  for _, name in ipairs { "stop", "labels" } do
    problem = self[name] and wrong_ids(self[name], vocab_size)
    if problem then refuse("%s must be %s", name, problem) end
  end
  self.preference = self.preference or task.preference()
  self.runs = task.runs(self.runs)
  self.golden = self.golden or { beta = 0.1, lr = 3e-4, steps = 200 }
  self.gold_prefers = self.gold_prefers or self.gold_score and function(t, prompt, a, b)
    return task.compare(t:gold_score(prompt, a), t:gold_score(prompt, b))
  end
  self.check = task.check
  self.prompt = function(t, split, index) return t:prompts(split, 1, index - 1)[1] end
  local prompts = self:prompts("train", 1)
  if type(prompts) ~= "table" or #prompts ~= 1 then
    refuse("prompts(\"train\", 1) must give a list of one prompt, not %s", options.show(prompts))
  end
  problem = wrong_ids(prompts[1], vocab_size, self.max_prompt)
  if problem then refuse("a prompt must be %s", problem) end
  problem = self.text and wrong_ids(self:text("train", 1), vocab_size)
  if problem then refuse("a text must be %s", problem) end
  self.settings = self.settings or function() return { task = self.name, content = content(self) } end
  return self
end
