--- Tasks from records of human preferences: texts become prompts, training texts and labelled pairs of ids.
--
-- Such a task learns a byte-level BPE from its training part and saves it in the cache folder. A prompt is
-- <bos> and its text; a response ends with <eos>. A response is never shortened: a longer one than
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
--   > local task = require("perilune.tasks").pairs { path = path, vocab_size = 261, cache = false }
--   > #task:prompts("train") > 30, #task:prompt("train", 1) > 3
--   true	true
--   > #task:pairs("train", 2), #task:text("train", 1) > 5
--   2	true
--   > #require("perilune.tasks.records").load(path, 2)
--   2
local options = require "perilune.options"
local system = require "perilune.system"
local task = require "perilune.tasks.task"

local records = {}

--- The options that these tasks share.
records.options = options.spec("tasks.records", {
  { "path", options.required "string", "the file: JSON lines, gzipped or not, or .csv with a header" },
  { "records", options.optional("integer", 1), "only the first records of the file", smoke = 200 },
  { "vocab_size", 2048, "tokens of the vocabulary", least = 261, most = 65536, smoke = 512 },
  { "max_prompt", 128, "tokens of a prompt at most, with <bos>", least = 8, smoke = 48 },
  { "max_response", 96, "tokens of a response at most, with <eos>", least = 2, smoke = 32 },
  { "seed", 1, "seed of the order of prompts, pairs and texts" },
  { "layers", 4, "layers of the recommended model", least = 1, smoke = 1 },
  { "dim", 128, "width of the recommended model, a multiple of 16", least = 16, smoke = 32 },
  { "cache", true, "whether the tokenizer is read from the cache folder and saved there" },
})

local specials <const> = { "<pad>", "<bos>", "<eos>", "<a>", "<b>" }
local recipe <const> = "bpe-1"

--- The first `limit` records of a file, and the number of lines of the whole file that are null.
function records.load(path, limit)
  local formats, csv = require "perilune.formats", require "perilune.csv"
  local load = path:find "%.csv$" and csv.load or formats.load_json_lines
  local list, null_lines = load(path)
  if #list == 1 and type(list[1]) == "table" and list[1][1] ~= nil then
    error(path .. ": the whole file is one JSON array; JSON lines have one record a line", 0)
  end
  local out = {}
  for i = 1, math.min(#list, limit or #list) do out[i] = { number = i, value = list[i] } end
  return out, null_lines and #null_lines or 0
end

local Task = {}
Task.__index = Task

function Task:__tostring() return ("[Task %s]"):format(self.name) end

--- The first `count` prompts of a split (all by default), or those after `skip`.
function Task:prompts(split, count, skip)
  self.check.split(split)
  count = count and self.check.whole(count, 0, "the number of prompts")
  skip = skip and self.check.whole(skip, 0, "the number to skip")
  return self.check.slice(self.parts[split].prompts, split, "prompts", count, skip)
end

--- Prompt `index` (from 1) of a split.
function Task:prompt(split, index)
  self.check.split(split)
  index = self.check.whole(index, 1, "a prompt's number")
  return self.check.slice(self.parts[split].prompts, split, "prompts", 1, index - 1)[1]
end

--- Human-labelled pairs { prompt, chosen, rejected } as ids: the first `count` of a split, or those after
-- `skip`.
function Task:pairs(split, count, skip)
  self.check.split(split)
  count = count and self.check.whole(count, 0, "the number of pairs")
  skip = skip and self.check.whole(skip, 0, "the number to skip")
  return self.check.slice(self.parts[split].pairs, split, "pairs", count, skip)
end

--- What the golden judge is trained on: the task has no rule of its own.
Task.gold_pairs = Task.pairs

--- Text `index` for supervised training: <bos>, prompt, one response, <eos>. Any number from 1 is allowed:
-- after all texts of the split they come again in another order.
function Task:text(split, index)
  self.check.split(split)
  index = self.check.whole(index, 1, "a text's number")
  local part = self.parts[split]
  local n = #part.texts
  if n == 0 then error(("tasks.%s: split '%s' has no text"):format(self.name, split), 2) end
  local epoch = (index - 1) // n
  if part.epoch ~= epoch then
    part.epoch, part.order = epoch, system.permutation(n, self.seed, "tasks/texts", epoch)
  end
  local text = part.texts[part.order[(index - 1) % n + 1]]
  local ids = table.move(text.prompt, 1, #text.prompt, 1, {})
  return table.move(text.response, 1, #text.response, #ids + 1, ids)
end

--- The tokenizer, trained on the training part or read from the cache, and its key.
local function tokenizer_of(name, pairs_of_text, o)
  local formats = require "perilune.formats"
  local texts = {}
  for _, pair in ipairs(pairs_of_text) do
    if pair.split == "train" then
      texts[#texts + 1] = pair.prompt .. pair.chosen
      texts[#texts + 1] = pair.rejected
    end
  end
  local hash = system.sha256(table.concat(texts, "\0"))
  local key = system.sha256(("%s %d %s %s"):format(recipe, o.vocab_size, table.concat(specials, " "), hash))
  local path = o.cache and ("%s/%s-%s.json"):format(system.cache_folder(), recipe, key:sub(1, 24))
  if path and system.exists(path) then
    local ok, tokenizer = pcall(require "perilune.tokenizer".load, path)
    if ok then return tokenizer, key end
    io.stderr:write(("tasks.%s: %s cannot be read (%s); training again\n"):format(
      name, path, tostring(tokenizer)))
  end
  local tokenizer = formats.train_bpe(texts, { vocab_size = o.vocab_size, specials = specials })
  if path then tokenizer:save(path) end
  return tokenizer, key
end

--- The ids of a response with <eos>; nil, and a count, when it is too long.
local function response_of(self, text)
  local ids = self.tokenizer:encode(text)
  ids[#ids + 1] = self.tokenizer.eos
  if #ids <= self.max_response then return ids end
  self.dropped.responses_too_long = self.dropped.responses_too_long + 1
end

--- Fills each split with prompts, texts and pairs of ids, and counts what does not fit.
local function encode(self, pairs_of_text, fit)
  local seen, dropped = {}, self.dropped
  for _, index in ipairs(system.permutation(#pairs_of_text, self.seed, "tasks/pairs", 0)) do
    local pair = pairs_of_text[index]
    local part = self.parts[pair.split]
    local prompt, was_shortened = fit(self.tokenizer, pair.prompt, self.max_prompt)
    if not prompt then
      dropped.prompts_too_long = dropped.prompts_too_long + 1
    else
      if was_shortened then self.shortened = self.shortened + 1 end
      local made = { prompt = prompt }
      for _, key in ipairs { "chosen", "rejected" } do
        made[key] = response_of(self, pair[key])
        if made[key] then part.texts[#part.texts + 1] = { prompt = prompt, response = made[key] } end
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
  lines[2] = ("  %d prompts shortened, %d responses cut at a human turn, %d longer than %d tokens left out, "
    .. "with %d pairs")
    :format(self.shortened, self.cut, d.responses_too_long, self.max_response, d.pairs_too_long)
  for _, split in ipairs(task.splits) do
    local n = self.counts[split]
    lines[#lines + 1] = ("  %-10s %5d prompts, %5d pairs, %5d texts"):format(
      split, n.prompts, n.pairs, n.texts)
  end
  return table.concat(lines, "\n")
end

--- A task called `name` from the file of the options `o`.
--
-- `parse(record, path, number)` gives the texts { prompt, chosen, rejected, key, cut } of a record, or nil
-- when its two prompts differ; equal `key`s are in the same split; `cut` counts responses that were
-- shortened. `fit(tokenizer, prompt, limit)` gives the ids of a prompt and whether it was shortened, or nil
-- when it does not fit.
--
--   > local records = require "perilune.tasks.records"
--   > records.task("mine", { path = "/no/such.jsonl" }, function() end)
--   cannot open /no/such.jsonl: No such file or directory
function records.task(name, o, parse, fit)
  local list, null = records.load(o.path, o.records)
  local dropped = {
    null = null, prompts_differ = 0, responses_empty = 0, responses_equal = 0, prompts_too_long = 0,
    responses_too_long = 0, pairs_too_long = 0,
  }
  local pairs_of_text, cut = {}, 0
  local function drop(why) dropped[why] = dropped[why] + 1 end
  for _, record in ipairs(list) do
    local pair = parse(record.value, o.path, record.number)
    local chosen, rejected = pair and pair.chosen:match "^%s*(.-)%s*$",
      pair and pair.rejected:match "^%s*(.-)%s*$"
    if not pair then
      drop "prompts_differ"
    elseif chosen == "" or rejected == "" then
      drop "responses_empty"
    elseif chosen == rejected then
      drop "responses_equal"
    else
      pair.split = task.split_of(pair.key)
      pairs_of_text[#pairs_of_text + 1], cut = pair, cut + (pair.cut or 0)
    end
  end
  if #pairs_of_text == 0 then
    error(("tasks.%s: %s has no pair to learn from, of %d records"):format(name, o.path, #list + null), 0)
  end
  local tokenizer, key = tokenizer_of(name, pairs_of_text, o)
  local self = setmetatable({
    name = name, seed = o.seed, tokenizer = tokenizer, labels = { tokenizer:id "<a>", tokenizer:id "<b>" },
    stop = { tokenizer.eos }, max_prompt = o.max_prompt, max_response = o.max_response, dropped = dropped,
    shortened = 0, cut = cut, parts = {}, counts = {}, check = task.checks("tasks." .. name),
    preference = task.preference(), content_in_settings = true,
    --- The golden policy: online IPO against the golden model.
    golden = { beta = 0.1, lr = 5e-4, steps = 120 },
    runs = task.runs {
      beta = 0.1, lr = 5e-4, steps = 120, offline = { beta = { 0.05, 0.1 }, lr = { 1.5e-4, 5e-4 } },
    },
  }, Task)
  for _, split in ipairs(task.splits) do self.parts[split] = { prompts = {}, texts = {}, pairs = {} } end
  encode(self, pairs_of_text, fit)
  for split, part in pairs(self.parts) do
    self.counts[split] = { prompts = #part.prompts, pairs = #part.pairs, texts = #part.texts }
  end
  self.report = report(self, #list + null)
  --- Recommended transformer: 1.05 million parameters with the default options. The window fits a prompt
  -- and two responses, each between its label and an <eos>.
  self.model = {
    style = "llama", layers = o.layers, dim = o.dim, heads = 4, hidden = o.dim * 43 // 16,
    max_length = o.max_prompt + 2 * (o.max_response + 2),
  }
  self.sft = { steps = 300, batch = 32, lr = 2e-3 }
  function self.settings()
    return {
      task = name, tokenizer = key, seed = o.seed, max_prompt = o.max_prompt, max_response = o.max_response,
      records = #list,
    }
  end
  return self
end

return records
