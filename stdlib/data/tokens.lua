--- Tokens of a data set, as TRL's trainers make them.
--
-- Text: the prompt and the prompt with its response are tokenised each as one text, and the response begins
-- where they diverge, of a pair at the earlier place; <eos> ends text and responses. Messages: the chat
-- template writes the prompt, with the beginning of an assistant's turn, and the whole; nothing is added.
-- Names of control tokens within text are text, except an <eos> that ends it. In
-- messages they are control tokens, as in TRL, unless `sanitize_control_tokens` is set.
local attempt = require "perilune.attempt"
local options = require "perilune.options"

local tokens = {}

local spec = options.spec("data.tokenize", {
  { "tokenizer", options.required "table|Tokenizer", "with encode, eos and, for messages, chat" },
  { "template", options.optional "string",
    "a chat template, or the name of one; the tokenizer's by default" },
  { "max_prompt", options.optional("integer", 1), "tokens of a prompt at most" },
  { "max_response", options.optional("integer", 1), "tokens of a response at most" },
  { "max_length", options.optional("integer", 1), "tokens of a row at most" },
  { "cut", false, "longer rows lose their end, a prompt its beginning, instead of being left out" },
  { "bos", false, "the tokenizer's bos begins each text" },
  { "sanitize_control_tokens", false, "names of control tokens within messages are text" },
  { "separator", "\n", "text after each step of stepwise data" },
})

local Writer = {}
Writer.__index = Writer

-- The id of a control token that the tokenizer must have.
function Writer:named(name)
  return self.o.tokenizer[name] or error(("data.tokenize: the tokenizer has no %s"):format(name), 0)
end

--- The ids of a text with or without <eos> at its end.
function Writer:text(text, ends)
  local tokenizer = self.o.tokenizer
  if ends then
    local name = tokenizer.name and tokenizer:name(self:named "eos")
    if name and #name > 0 and text:sub(-#name) == name then text = text:sub(1, -#name - 1) end
  end
  local ids = tokenizer:encode(text)
  if self.o.bos then table.insert(ids, 1, self:named "bos") end
  if ends then ids[#ids + 1] = self:named "eos" end
  return ids
end

-- The ids of messages; with `masks` the mask of the assistant's tokens too.
function Writer:chat(messages, record, is_prompt, masks)
  return self.o.tokenizer:chat(messages, {
    template = self.o.template, add_generation_prompt = is_prompt or false, tools = record.tools,
    variables = record.chat_template_kwargs, sanitize_control_tokens = self.o.sanitize_control_tokens,
    return_assistant_tokens_mask = masks or false,
  })
end

local function joined(a, b)
  if type(a) == "string" then return a .. b end
  return table.move(b, 1, #b, #a + 1, table.move(a, 1, #a, 1, {}))
end

local function common(a, b)
  local n = 0
  while n < #a and n < #b and a[n + 1] == b[n + 1] do n = n + 1 end
  return n
end

--- The ids of a prompt, and for each response those of the prompt with it.
function Writer:prompt_and(record, ...)
  local responses, is_list = { ... }, record.conversational
  local prompt = is_list and self:chat(record.prompt, record, true) or self:text(record.prompt)
  local n, wholes = #prompt, {}
  for i, response in ipairs(responses) do
    local whole = joined(record.prompt, response)
    wholes[i] = is_list and self:chat(whole, record) or self:text(whole, true)
    n = math.min(n, common(prompt, wholes[i]))
  end
  if n < #prompt then self.diverged = self.diverged + 1 end
  local parts = {}
  for i, whole in ipairs(wholes) do parts[i] = table.move(whole, n + 1, #whole, 1, {}) end
  return table.move(prompt, 1, n, 1, {}), table.unpack(parts)
end

--- What turns records into ids, with the options of data.tokenize.
--
--   > local tokens = require "perilune.data.tokens"
--   > local tok = require "perilune.formats".train_bpe({ "a b" }, { vocab_size = 259 })
--   > local writer = tokens.writer { tokenizer = tok }
--   > #writer:prompt_and({ prompt = "a" }, " b"), #writer:text "a"
--   1	1
function tokens.writer(given) return setmetatable({ o = spec:fill(given), diverged = 0 }, Writer) end

local readers = {}

readers["language modeling"] = function(self, record)
  if not record.conversational then return { input_ids = self:text(record.text, true) } end
  local ids, mask = self:chat(record.messages, record, false, true)
  return { input_ids = ids, assistant_masks = mask }
end

readers["prompt-only"] = function(self, record)
  return { prompt_ids = record.conversational and self:chat(record.prompt, record, true)
    or self:text(record.prompt) }
end

readers["prompt-completion"] = function(self, record)
  local prompt, answer = self:prompt_and(record, record.completion)
  return { prompt_ids = prompt, completion_ids = answer }
end

readers["unpaired preference"] = function(self, record)
  local row = readers["prompt-completion"](self, record)
  row.label = record.label
  return row
end

readers.preference = function(self, record)
  local prompt, chosen, rejected = self:prompt_and(record, record.chosen, record.rejected)
  return { prompt_ids = prompt, chosen_ids = chosen, rejected_ids = rejected }
end

readers["stepwise supervision"] = function(self, record)
  local row = { prompt_ids = self:text(record.prompt), completions_ids = {}, labels = record.labels }
  for i, step in ipairs(record.completions) do
    row.completions_ids[i] = self.o.tokenizer:encode(step .. self.o.separator)
  end
  return row
end

local response_keys <const> = { "completion_ids", "chosen_ids", "rejected_ids" }

--- Why a row does not fit, or nil. With `cut` it is made to fit, and the second result says so.
local function fitted(row, o)
  local reason, was_cut
  local function check(key, most, why, from_start)
    local ids = row[key]
    if not ids or not most or #ids <= most then return end
    if not o.cut then reason = reason or why return end
    row[key] = from_start and table.move(ids, #ids - most + 1, #ids, 1, {}) or table.move(ids, 1, most, 1, {})
    was_cut = true
    local mask = key == "input_ids" and row.assistant_masks
    if mask then row.assistant_masks = table.move(mask, 1, most, 1, {}) end
  end
  check("prompt_ids", o.max_prompt, "prompt longer than max_prompt", true)
  check("input_ids", o.max_length, "row longer than max_length")
  for _, key in ipairs(response_keys) do
    check(key, o.max_response, "response longer than max_response")
    if row[key] and o.max_length then
      if #row.prompt_ids >= o.max_length then reason = reason or "prompt as long as max_length" end
      check(key, math.max(0, o.max_length - #row.prompt_ids), "row longer than max_length")
    end
    if row[key] and #row[key] == 0 then reason = reason or "empty response" end
  end
  return reason, was_cut
end

--- The rows of a data set as ids, and counts { reason = number } of what was left out, cut, or not as wished.
--
-- Rows by the kind of the set: { input_ids, assistant_masks }, { prompt_ids },
-- { prompt_ids, completion_ids }, the same with `label`, { prompt_ids, chosen_ids, rejected_ids },
-- { prompt_ids, completions_ids, labels }.
-- `assistant_masks` is nil where the assistant's tokens are not known (see tok:chat). Each row has `record`,
-- its number in the set. Errors: messages for a tokenizer that has no template; the template raises.
--
--   > local data, formats = require "perilune.data", require "perilune.formats"
--   > local tok = formats.train_bpe({ "a b" }, { vocab_size = 259 })
--   > local set = data.of { { prompt = "a", chosen = " b", rejected = " bbbb" } }
--   > local rows, counts = data.tokenize(set, { tokenizer = tok, max_response = 4 })
--   > #rows, counts["response longer than max_response"]
--   0	1
--   > rows = data.tokenize(set, { tokenizer = tok })
--   > #rows[1].prompt_ids, #rows[1].chosen_ids, #rows[1].rejected_ids
--   1	3	6
function tokens.tokenize(set, given)
  local writer, rows, counts = tokens.writer(given), {}, {}
  local read = type(set) == "table" and readers[rawget(set, "kind") or ""]
  if not read then
    error("data.tokenize: expected a data set of data.load or data.of, not " .. options.show(set), 2)
  end
  local function count(why) counts[why] = (counts[why] or 0) + 1 end
  for i, record in ipairs(set.records) do
    local ok, row = attempt.call(read, writer, record)
    if not ok then error(("%s: record %d: %s"):format(set.path, i, tostring(row)), 0) end
    local reason, was_cut = fitted(row, writer.o)
    if reason then count(reason) else
      row.record = i
      rows[#rows + 1] = row
      if was_cut then count "cut" end
    end
  end
  if writer.diverged > 0 then counts["prompt not the beginning of the whole"] = writer.diverged end
  return rows, counts
end

return options.strict("data.tokens", tokens)
