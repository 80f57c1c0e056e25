--- A task of human preferences: answer as a harmless assistant (Anthropic's hh-rlhf, harmless-base).
--
--   task = harmless { path = "hh-rlhf/harmless-base/test.jsonl.gz" }
--   print(task.report)
--
-- Records are pairs of dialogues, `chosen` and `rejected`, as JSON lines, gzipped or not. The file is the user's own
-- copy; it holds offensive text. There is no rule for gold here: gold is a preference model trained on the human
-- labels, `task:gold_pairs("train")`, as in Tang et al. 2024, sec. 4. `gold_score` and `gold_prefers` are absent.
--
-- Tokens: a byte-level BPE learnt from the training part alone and kept in the cache folder. A prompt is <bos> and the
-- dialogue; a response ends with <eos>. A dialogue longer than `max_prompt` loses whole turns from its start until it
-- fits. Nothing is cut inside a turn: a response longer than `max_response` is refused, with its pair. `task.report`
-- and `task.dropped` say how often each happened.
--
-- Of the 2,312 test records 5 are dropped as their prompts differ. With the default sizes 55 % of the prompts are
-- whole and the rest shortened, 84 % of the responses fit and 73 % of the pairs.
--
-- Splits are 80 : 10 : 10 by a hash of the last human turn, so no question is in two of them. `text` gives both
-- responses of each pair, and after the last one begins again in another order; prompts and pairs are what there is.
local counter = require "perilune.tasks.counter"
local dialogues = require "perilune.tasks.dialogues"
local options = require "perilune.options"

local harmless = {}

harmless.defaults = {
  path = options.required("string"),
  vocab_size = options.integer(2048, 261, 65536),   -- 5 control tokens and 256 bytes at least
  max_prompt = options.integer(128, 8),             -- with <bos>
  max_response = options.integer(96, 2),            -- with <eos>
  seed = options.integer(1),                        -- the order of prompts, pairs and texts
  cache = true,                                     -- keep the trained tokenizer
}

local specials <const> = { "<pad>", "<bos>", "<eos>", "<a>", "<b>" }
local split_names <const> = { "train", "validation", "test" }
local recipe <const> = "bpe-1"

local Task = {}
Task.__index = Task

--- Errors point at the caller of the task's method, which calls the helper that calls this.
local function refuse(message, ...) error("tasks.harmless: " .. message:format(...), 4) end

local function part_of(self, split)
  local part = self.parts[split]
  if not part then refuse("unknown split %s; %s", options.show(split), options.suggest(split, split_names)) end
  return part
end

local function whole(value, least, what)
  local n = math.type(value) and math.tointeger(value)
  if not n or n < least then refuse("%s must be a whole number from %d, not %s", what, least, options.show(value)) end
  return n
end

--- Items skip + 1 to skip + count of a list; all that remain when `count` is nil.
local function slice(list, split, what, count, skip)
  skip = whole(skip or 0, 0, "the number to skip")
  count = whole(count or math.max(#list - skip, 0), 0, "the number of " .. what)
  if skip + count > #list then
    refuse("split '%s' has %d %s, not %d%s", split, #list, what, count, skip > 0 and (" after %d"):format(skip) or "")
  end
  return table.move(list, skip + 1, skip + count, 1, {})
end

--- The first `count` prompts of a split (all unless told), or those after `skip`.
function Task:prompts(split, count, skip)
  return slice(part_of(self, split).prompts, split, "prompts", count, skip)
end

--- Prompt `index` (from 1) of a split.
function Task:prompt(split, index)
  return slice(part_of(self, split).prompts, split, "prompts", 1, whole(index, 1, "a prompt's number") - 1)[1]
end

--- Human-labelled pairs { prompt, chosen, rejected } as ids: the first `count` of a split, or those after `skip`.
function Task:pairs(split, count, skip)
  return slice(part_of(self, split).pairs, split, "pairs", count, skip)
end

--- What gold is trained on; a task with this has no rule of its own.
Task.gold_pairs = Task.pairs

--- A random order of 1 to n, a pure function of (seed, epoch).
local function shuffled(n, seed, epoch)
  local random, order = counter.random(seed, epoch, n), {}
  for i = 1, n do order[i] = i end
  for i = n, 2, -1 do
    local j = random(i)
    order[i], order[j] = order[j], order[i]
  end
  return order
end

--- Text `index` for supervised training: <bos>, prompt, one response, <eos>. Any number from 1 will do: after all
-- texts of the split they come again in another order.
function Task:text(split, index)
  local part = part_of(self, split)
  index = whole(index, 1, "a text's number")
  local n = #part.texts
  if n == 0 then refuse("split '%s' has no text", split) end
  local epoch = (index - 1) // n
  if part.epoch ~= epoch then part.epoch, part.order = epoch, shuffled(n, self.seed, epoch) end
  local text = part.texts[part.order[(index - 1) % n + 1]]
  local ids = table.move(text.prompt, 1, #text.prompt, 1, {})
  return table.move(text.response, 1, #text.response, #ids + 1, ids)
end

--- The tokenizer, trained on the training part or read from the cache.
local function tokenizer_of(pairs_of_text, o)
  local formats, system = require "perilune.formats", require "perilune.system"
  local texts = {}
  for _, pair in ipairs(pairs_of_text) do
    if pair.split == "train" then
      texts[#texts + 1] = pair.prompt .. pair.chosen
      texts[#texts + 1] = pair.rejected
    end
  end
  local hash = system.sha256(table.concat(texts, "\0"))
  local key = system.sha256(("%s %d %s %s"):format(recipe, o.vocab_size, table.concat(specials, " "), hash))
  local path = ("%s/%s-%s.json"):format(system.cache_folder(), recipe, key:sub(1, 24))
  if o.cache and system.exists(path) then
    local ok, tokenizer = pcall(formats.bpe_tokenizer, path)
    if ok then return tokenizer, key end
    io.stderr:write(("tasks.harmless: %s cannot be read (%s); training anew\n"):format(path, tostring(tokenizer)))
  end
  local tokenizer = formats.train_bpe(texts, { vocab_size = o.vocab_size, specials = specials })
  if o.cache then tokenizer:save(path) end
  return tokenizer, key
end

--- <bos> and the longest end of the prompt, in whole turns, that fits; nil when even the last turn does not.
local function fitted(tokenizer, prompt, limit)
  for k, text in ipairs(dialogues.ends(prompt)) do
    local ids = tokenizer:encode(text)
    if #ids < limit then
      table.insert(ids, 1, tokenizer.bos)
      return ids, k > 1
    end
  end
end

--- Fills each split with prompts, texts and pairs of ids, and counts what does not fit.
local function encode(self, pairs_of_text, dropped)
  local tokenizer, seen = self.tokenizer, {}
  dropped.prompts_too_long, dropped.responses_too_long, dropped.pairs_too_long, self.shortened = 0, 0, 0, 0
  for _, index in ipairs(shuffled(#pairs_of_text, self.seed, -1)) do
    local pair = pairs_of_text[index]
    local part = self.parts[pair.split]
    local prompt, shortened = fitted(tokenizer, pair.prompt, self.max_prompt)
    if not prompt then
      dropped.prompts_too_long = dropped.prompts_too_long + 1
    else
      local made = { prompt = prompt }
      for _, key in ipairs { "chosen", "rejected" } do
        local response = tokenizer:encode(pair[key])
        response[#response + 1] = tokenizer.eos
        if #response <= self.max_response then
          made[key] = response
          part.texts[#part.texts + 1] = { prompt = prompt, response = response }
        else
          dropped.responses_too_long = dropped.responses_too_long + 1
        end
      end
      if made.chosen and made.rejected then
        part.pairs[#part.pairs + 1] = made
      else
        dropped.pairs_too_long = dropped.pairs_too_long + 1
      end
      if shortened then self.shortened = self.shortened + 1 end
      local text = table.concat(prompt, " ")
      if not seen[text] then seen[text], part.prompts[#part.prompts + 1] = true, prompt end
    end
  end
end

local function report(self, records)
  local d, lines = self.dropped, {}
  lines[1] = ("harmless: %d records; left out: %d whose prompts differ, %d with equal responses, %d whose last turn is longer than %d tokens")
    :format(records, d.prompts_differ, d.responses_equal, d.prompts_too_long, self.max_prompt)
  lines[2] = ("  %d prompts lost turns from their start; %d responses longer than %d tokens refused, and with them %d pairs")
    :format(self.shortened, d.responses_too_long, self.max_response, d.pairs_too_long)
  for _, split in ipairs(split_names) do
    local counts = self.counts[split]
    lines[#lines + 1] = ("  %-10s %5d prompts, %5d pairs, %5d texts"):format(split, counts.prompts, counts.pairs, counts.texts)
  end
  return table.concat(lines, "\n")
end

--- A task object; see the file's head.
function harmless.new(given)
  local o = options.fill(harmless.defaults, given, "tasks.harmless")
  local records = require("perilune.formats").load_json_lines(o.path)
  local pairs_of_text, dropped = dialogues.pairs(records, o.path)
  local tokenizer, key = tokenizer_of(pairs_of_text, o)
  local self = setmetatable({
    name = "harmless", seed = o.seed, tokenizer = tokenizer, labels = { tokenizer:id "<a>", tokenizer:id "<b>" },
    max_prompt = o.max_prompt, max_response = o.max_response, dropped = dropped, parts = {}, counts = {},
  }, Task)
  for _, split in ipairs(split_names) do self.parts[split] = { prompts = {}, texts = {}, pairs = {} } end
  encode(self, pairs_of_text, dropped)
  for split, part in pairs(self.parts) do
    self.counts[split] = { prompts = #part.prompts, pairs = #part.pairs, texts = #part.texts }
  end
  self.report, self.stop = report(self, #records), { tokenizer.eos }
  --- Recommended transformer: 1.05 million parameters; the window holds a prompt and two answers, each between its label and an <eos>.
  self.model = {
    style = "llama", layers = 4, dim = 128, heads = 4, hidden = 344, max_length = o.max_prompt + 2 * (o.max_response + 2),
  }
  --- Recommended supervised training: about three epochs.
  self.sft = { steps = 300, batch = 32, lr = 2e-3 }
  --- Judges: with 1,343 training pairs a reward model reaches 0.65 on the human labels of 160 validation pairs, while a
  -- pairwise preference model stays at 0.52 to 0.59 (150 steps at 3e-4, seed 0).
  self.judge_kind = "reward"
  self.judge_options = { steps = 150, batch = 32, lr = 3e-4, warmup = 20, evaluate_every = 25, patience = 3 }
  --- The golden policy: online IPO against the golden model.
  self.golden = { beta = 0.1, lr = 5e-4, steps = 120 }
  function self.settings()
    return {
      task = self.name, tokenizer = key, seed = o.seed, max_prompt = o.max_prompt, max_response = o.max_response,
    }
  end
  return self
end

return setmetatable(harmless, { __call = function(_, given) return harmless.new(given) end })
