--- A task from a file of preference pairs, in the forms of TRL's preference datasets.
--
--   task = tasks.pairs { path = "pairs.jsonl" }
--   print(task.report)
--
-- Each line is a JSON object with `chosen` and `rejected`, and `prompt` unless the prompt is implicit. Each
-- is a text, or a list of messages { role, content }. An implicit prompt is what both responses begin with:
-- the common start of two texts (a space before the difference belongs to the responses), or the common
-- messages. Messages are written as turns, "\n\nHuman: " for the role "user", "\n\nAssistant: " for
-- "assistant", "\n\nSystem: " for "system"; a prompt of messages ends with "\n\nAssistant:".
--
-- There is no exact rule: gold is a model trained on `task:gold_pairs("train")`. A prompt longer than
-- `max_prompt` is left out. Equal prompts are in the same split. See `tasks.records` for tokens and splits.
local options = require "perilune.options"
local records = require "perilune.tasks.records"
local task = require "perilune.tasks.task"

local spec = options.spec("tasks.pairs", {
  { "name", "pairs", "name of the task" },
  records.options,
})

local roles <const> = { user = "\n\nHuman: ", assistant = "\n\nAssistant: ", system = "\n\nSystem: " }

--- The length of the common start of two lists of messages or of two texts, whose last character is whole.
local function common_start(a, b)
  local n = 0
  if type(a) == "table" then
    while a[n + 1] and b[n + 1] and a[n + 1].role == b[n + 1].role and a[n + 1].content == b[n + 1].content do
      n = n + 1
    end
    return n
  end
  while n < #a and n < #b and a:byte(n + 1) == b:byte(n + 1) do n = n + 1 end
  -- Bytes 0x80 to 0xBF continue a character of UTF-8.
  while n > 0 and n < #a and a:byte(n + 1) & 0xC0 == 0x80 do n = n - 1 end
  return n > 0 and a:sub(n, n) == " " and n - 1 or n
end

--- Texts as they are; messages as turns, of which the first has no blank line and role where `is_response`.
local function written(value, is_response)
  if type(value) == "string" then return value end
  local out = {}
  for i, message in ipairs(value) do
    local opening = roles[message.role]
    out[i] = (i == 1 and is_response and " " or opening) .. message.content
  end
  return table.concat(out)
end

--- A text or a list of messages, or an error that names the record.
local function checked(record, key, path, number)
  local function refuse(found)
    error(("%s: record %d: '%s' must be a text or a list of messages { role, content }, not %s"):format(
      path, number, key, found), 0)
  end
  local value = record[key]
  if type(value) == "string" then return value end
  if type(value) ~= "table" then refuse(options.show(value)) end
  for i = 1, #value do
    local message = value[i]
    if type(message) ~= "table" or not roles[message.role] or type(message.content) ~= "string" then
      refuse(type(message) == "table" and ("a message of role %s"):format(options.show(message.role))
        or options.show(message))
    end
  end
  return value
end

local function part(value, from, to)
  if type(value) == "string" then return value:sub(from, to) end
  return table.move(value, from, math.min(to, #value), 1, {})
end

--- The texts of a record.
local function parse(record, path, number)
  if type(record) ~= "table" then
    error(("%s: record %d must be an object, not %s"):format(path, number, options.show(record)), 0)
  end
  local chosen = checked(record, "chosen", path, number)
  local rejected = checked(record, "rejected", path, number)
  if type(chosen) ~= type(rejected) then
    error(("%s: record %d: 'chosen' and 'rejected' must have the same form"):format(path, number), 0)
  end
  local prompt = record.prompt ~= nil and checked(record, "prompt", path, number) or nil
  if not prompt or type(prompt) == "string" and type(chosen) == "table" then
    local n = common_start(chosen, rejected)
    prompt = part(chosen, 1, n)
    chosen, rejected = part(chosen, n + 1, #chosen), part(rejected, n + 1, #rejected)
  end
  local text = written(prompt)
  if type(prompt) == "table" then text = text .. "\n\nAssistant:" end
  return { prompt = text, chosen = written(chosen, true), rejected = written(rejected, true), key = text }
end

local function fit(tokenizer, prompt, limit)
  local ids = tokenizer:encode(prompt)
  if #ids >= limit then return nil end
  table.insert(ids, 1, tokenizer.bos)
  return ids, false
end

--- A task; see the head of the file.
local function new(given)
  local o = spec:fill(given)
  return records.task(o.name, o, parse, fit)
end

return task.module { options = spec, needs = "a file of preference pairs as JSON lines", new = new }
