--- Tasks from records of human preferences: texts become prompts, training texts and labelled pairs of ids.
--
-- Such a task learns a byte-level BPE from its training part and saves it in the cache folder, unless it has
-- a tokenizer or a pretrained model (`tasks.pretrained`), which is then its start. A response longer than
-- `max_response` is left out, with its pair. `task.report` says what was left out, `task.dropped` has the
-- counts.
--
-- `text` gives both responses of each pair, and after the last one starts again in another order.
--
--   > local path = os.tmpname()
--   > local lines = {}
--   > for i = 1, 60 do
--   >>   lines[i] = ('{"prompt": "say %d", "chosen": " yes %d", "rejected": " no %d"}'):format(i, i, i) end
--   > require("perilune.system").write_file(path, table.concat(lines, "\n") .. "\n")
--   > local task = require("perilune.tasks").from_pairs { path = path, vocab_size = 261, cache = false }
--   > #task:prompts("train") > 30, #task:prompt("train", 1) > 3
--   true	true
--   > #task:pairs("train", 2), #task:text("train", 1) > 5
--   2	true
local attempt = require "perilune.attempt"
local errors = require "perilune.errors"
local files = require "perilune.data.files"
local limits = require "perilune.options.limits"
local options = require "perilune.options"
local pretrained = require "perilune.tasks.pretrained"
local system = require "perilune.system"
local task = require "perilune.tasks.task"
local tokens = require "perilune.tasks.records.tokens"
local trimmed = require "perilune.trimmed"

local records = {}

--- The options that these tasks share.
records.options = options.spec("tasks.records", {
  { "path", options.required "string", "the file: JSON lines, gzipped or not, Parquet, .json or .csv" },
  { "records", options.optional("integer", 1, limits.rows), "only the first records of the file",
    smoke = 200 },
  { "vocab_size", 2048, "tokens of the vocabulary that is learnt", least = 261, most = 65536, smoke = 512,
    without = { "model", "tokenizer" } },
  { "max_prompt", 128, "tokens of a prompt at most, with <bos>",
    least = 8, most = limits.tokens, smoke = 48 },
  { "max_response", 96, "tokens of a response at most, with <eos>",
    least = 2, most = limits.tokens, smoke = 32 },
  { "seed", 1, "seed of the order of prompts, pairs and texts" },
  { "layers", 4, "layers of the recommended model",
    least = 1, most = limits.layers, smoke = 1, without = { "model" } },
  { "dim", 128, "width of the recommended model, a multiple of 16",
    least = 16, most = limits.width, smoke = 32,
    without = { "model" } },
  { "cache", true, "whether the tokenizer is read from the cache folder and saved there" },
  pretrained.options,
})

local Task = {}
Task.__index = Task

function Task:__tostring() return ("[Task %s]"):format(self.name) end

--- Prompts or pairs of a split. Errors point at the caller of the method, whose frame this tail call takes.
local function items(self, what, split, count, skip)
  self.checks.split(split)
  count = count and self.checks.whole(count, 0, "the number of " .. what)
  skip = skip and self.checks.whole(skip, 0, "the number to skip")
  return self.checks.slice(self.parts[split][what], split, what, count, skip)
end

--- The first `count` prompts of a split (all by default), or those after `skip`.
function Task:prompts(split, count, skip) return items(self, "prompts", split, count, skip) end

--- Prompt `index` (from 1) of a split.
function Task:prompt(split, index)
  self.checks.split(split)
  index = self.checks.whole(index, 1, "a prompt's number")
  return self.checks.slice(self.parts[split].prompts, split, "prompts", 1, index - 1)[1]
end

--- Human-labelled pairs { prompt, chosen, rejected } as ids: the first `count` of a split, or those after
-- `skip`.
function Task:pairs(split, count, skip) return items(self, "pairs", split, count, skip) end

Task.check = task.check

--- What the golden judge is trained on: the task has no rule of its own.
Task.gold_pairs = Task.pairs

--- Text `index` for supervised training: <bos>, prompt, one response, <eos>. Any number from 1 is allowed:
-- after all texts of the split they come again in another order. With a pretrained model also how many tokens
-- are the prompt, which it need not learn to write.
function Task:text(split, index)
  self.checks.split(split)
  index = self.checks.whole(index, 1, "a text's number")
  local part = self.parts[split]
  local n = #part.texts
  if n == 0 then
    error(("tasks.%s: split '%s' has no text: %s"):format(self.name, split,
      records.too_few(self.path, self.counts)), 2)
  end
  local epoch = (index - 1) // n
  if part.epoch ~= epoch then
    part.epoch, part.order = epoch, system.permutation(n, self.seed, "tasks/texts", epoch)
  end
  local text = part.texts[part.order[(index - 1) % n + 1]]
  local ids = table.move(text.prompt, 1, #text.prompt, 1, {})
  return table.move(text.response, 1, #text.response, #ids + 1, ids), self.start and #text.prompt
end

--- Ids of a pair whose prompt `fit(tokenizer, text, limit)` writes, or does not where it is too long,
-- and whose responses are tokenised apart from it, as `clean(tokenizer, text)` makes them.
function records.separate(fit, clean)
  return function(self, pair)
    local prompt, was_shortened = fit(self.tokenizer, pair.prompt, self.max_prompt)
    if not prompt then return nil end
    local made = { prompt = prompt }
    for _, key in ipairs { "chosen", "rejected" } do
      made[key] = self.tokenizer:encode(clean(self.tokenizer, pair[key]))
      made[key][#made[key] + 1] = self.tokenizer.eos
    end
    return made, was_shortened
  end
end

--- The ids of a pair as `ids_of` gives them. An error, such as one that its chat template raises, names the
-- record.
local function written(self, pair, ids_of)
  local ok, made, was_shortened = attempt.call(ids_of, self, pair)
  if ok then return made, was_shortened end
  error(("tasks.%s: %s: %s"):format(self.name, pair.place, errors.message(made)), 0)
end

--- Fills each split with prompts, texts and pairs of ids, and counts what does not fit.
local function encode(self, pairs_of_text, ids_of)
  local seen, dropped = {}, self.dropped
  for _, index in ipairs(system.permutation(#pairs_of_text, self.seed, "tasks/pairs", 0)) do
    local pair = pairs_of_text[index]
    local part = self.parts[pair.split]
    local made, was_shortened = written(self, pair, ids_of)
    if not made then
      dropped.prompts_too_long = dropped.prompts_too_long + 1
    else
      if was_shortened then self.shortened = self.shortened + 1 end
      local prompt = made.prompt
      for _, key in ipairs { "chosen", "rejected" } do
        if #made[key] > self.max_response then
          made[key], dropped.responses_too_long = nil, dropped.responses_too_long + 1
        else
          part.texts[#part.texts + 1] = { prompt = prompt, response = made[key] }
        end
      end
      if made.chosen and made.rejected then
        part.pairs[#part.pairs + 1] = made
      else
        dropped.pairs_too_long = dropped.pairs_too_long + 1
      end
      local text = table.concat(prompt, " ")
      if not seen[text] then seen[text], part.prompts[#part.prompts + 1] = true, prompt end
    end
  end
end

local function report(self, count)
  local d, lines = self.dropped, {}
  lines[1] = ("%s: %d records; left out: %d null, %d with differing prompts, %d with an empty response, "
    .. "%d with equal responses, %d with a prompt longer than %d tokens"):format(self.name, count, d.null,
    d.prompts_differ, d.responses_empty, d.responses_equal, d.prompts_too_long, self.max_prompt)
  lines[2] = ("  %d prompts shortened, %d responses cut, %d longer than %d tokens left out, with %d pairs")
    :format(self.shortened, self.cut, d.responses_too_long, self.max_response, d.pairs_too_long)
  if d.halves > 0 then
    lines[3] = ("  completions without one of the other label to the same prompt: %d"):format(d.halves)
  end
  for _, split in ipairs(task.splits) do
    local n = self.counts[split]
    lines[#lines + 1] = ("  %-10s %5d prompts, %5d pairs, %5d texts"):format(
      split, n.prompts, n.pairs, n.texts)
  end
  return table.concat(lines, "\n")
end

--- Gives a task its start: a pretrained model, or the size of one that is trained. The window fits a prompt
-- and two responses, each between its label and an <eos>.
local function start(self, o)
  local window = o.max_prompt + 2 * (o.max_response + 2)
  if o.model then
    self.start = pretrained.give(self, o, window)
    for field, value in pairs(pretrained.recommended(o)) do self[field] = value end
    return
  end
  if o.dim % 16 ~= 0 then error(("dim must be a multiple of 16, not %d"):format(o.dim), 0) end
  --- Recommended transformer: 1.05 million parameters with the default options.
  self.model = {
    style = "llama", layers = o.layers, dim = o.dim, heads = 4, hidden = o.dim * 43 // 16,
    max_length = window,
  }
  self.sft = { steps = 300, batch = 32, lr = 2e-3 }
end

--- What is said of a file whose prompts are too few for all splits, or for a `batch` of training prompts;
-- `counts` are those of a task.
--
--   > local none = { prompts = 0, pairs = 0 }
--   > local counts = { train = { prompts = 1, pairs = 3 }, validation = none, test = none }
--   > require "perilune.tasks.records".too_few("mine.jsonl", counts):match "^.-;"
--   mine.jsonl has 1 prompt, with 3 pairs to train with, 0 to validate with and 0 to test with;
--   > require "perilune.tasks.records".too_few("mine.jsonl", counts, 32):match "least (%d+ .*)"
--   52 prompts
function records.too_few(path, counts, batch)
  local n = counts.train.prompts + counts.validation.prompts + counts.test.prompts
  -- Training takes 0.8 of the prompts: of 1.6 batches 1.28 are to train with, and there is room for the draw.
  local least = math.max(40, ((batch or 1) * 8 + 4) // 5)
  return ("%s has %d prompt%s, with %d pairs to train with, %d to validate with and %d to test with; some "
    .. "of each are needed. Prompts are drawn for them, about 8 : 1 : 1: give pairs of at least %d prompts")
    :format(path, n, n == 1 and "" or "s", counts.train.pairs, counts.validation.pairs, counts.test.pairs,
      least)
end

--- A task called `name` from the file of the options `o`.
--
-- `parse(record, place)` gives the texts { prompt, chosen, rejected, key, cut } of a record, nil when its two
-- prompts differ, or false of half a pair, whose other half may follow, in a pair that `is_joined`. Equal
-- `key`s are in the same split; `cut` counts responses that were shortened. `ids_of(task, pair)` gives
-- { prompt, chosen, rejected } as ids and whether the prompt was shortened, or nil when the prompt does not
-- fit (see `records.separate`).
--
--   > local records = require "perilune.tasks.records"
--   > records.task("mine", { path = "/no/such.jsonl" }, function() end)
--   cannot open /no/such.jsonl: No such file or directory
--   > local function encode(tokenizer, text) return tokenizer:encode(text) end
--   > type(records.separate(encode, function(_, text) return text end))
--   function
function records.task(name, o, parse, ids_of)
  pretrained.check("tasks." .. name, o)
  local list, null, place = files.read(o.path, o.records)
  local dropped = {
    null = null, prompts_differ = 0, responses_empty = 0, responses_equal = 0, prompts_too_long = 0,
    responses_too_long = 0, pairs_too_long = 0, halves = 0,
  }
  local pairs_of_text, cut = {}, 0
  local function drop(why) dropped[why] = dropped[why] + 1 end
  for number, record in ipairs(list) do
    local pair = parse(record, place(number))
    local chosen, rejected = pair and trimmed(pair.chosen), pair and trimmed(pair.rejected)
    if pair and pair.is_joined then dropped.halves = dropped.halves - 1 end
    if pair == false then
      drop "halves"
    elseif not pair then
      drop "prompts_differ"
    elseif chosen == "" or rejected == "" then
      drop "responses_empty"
    elseif chosen == rejected then
      drop "responses_equal"
    else
      pair.split, pair.place = task.split_of(pair.key), place(number)
      pairs_of_text[#pairs_of_text + 1], cut = pair, cut + (pair.cut or 0)
    end
  end
  if #pairs_of_text == 0 then
    error(("tasks.%s: %s has no pair to learn from, of %d records"):format(name, o.path, #list + null), 0)
  end
  o.tokenizer = o.tokenizer or pretrained.tokenizer(o)
  local tokenizer, key = tokens.tokenizer(name, pairs_of_text, o)
  if not tokenizer.eos then
    error(("tasks.%s: the tokenizer has no eos, with which a response ends"):format(name), 0)
  end
  local self = setmetatable({
    name = name, path = o.path, seed = o.seed, tokenizer = tokenizer, labels = tokens.labels(tokenizer),
    stop = { tokenizer.eos }, max_prompt = o.max_prompt, max_response = o.max_response, dropped = dropped,
    shortened = 0, cut = cut, parts = {}, counts = {}, checks = task.checks("tasks." .. name),
    preference = task.preference(),
    -- A tokenizer that was trained on the file is a fingerprint of its texts; a given one is not.
    content_in_settings = not o.tokenizer,
    --- The golden policy: online IPO against the golden model.
    golden = { beta = 0.1, lr = 5e-4, steps = 120 },
    runs = task.runs {
      beta = 0.1, lr = 5e-4, steps = 120, offline = { beta = { 0.05, 0.1 }, lr = { 1.5e-4, 5e-4 } },
    },
  }, Task)
  for _, split in ipairs(task.splits) do self.parts[split] = { prompts = {}, texts = {}, pairs = {} } end
  encode(self, pairs_of_text, ids_of)
  for split, part in pairs(self.parts) do
    self.counts[split] = { prompts = #part.prompts, pairs = #part.pairs, texts = #part.texts }
  end
  self.report = report(self, #list + null)
  local left = 0
  for _, part in pairs(self.counts) do left = left + part.pairs end
  if left == 0 then
    error(("tasks.%s: no pair of %s is left: %s"):format(name, o.path, self.report), 0)
  end
  start(self, o)
  function self.settings()
    return {
      task = name, tokenizer = key, seed = o.seed, max_prompt = o.max_prompt, max_response = o.max_response,
      records = #list, template = o.template, cut = o.cut, start = self.start,
    }
  end
  return self
end

return records
