--- The forms of records: which one a record has, and its parts checked.
--
--   > local forms = require "perilune.data.forms"
--   > kind, parts = forms.read({ prompt = "2 + 2 =", completion = " 4", label = true }, "mine.jsonl: line 1")
--   > kind, parts.completion, parts.label
--   unpaired preference	 4	true
local options = require "perilune.options"

local forms = {}

local function refuse(place, message, ...) error(place .. ": " .. message:format(...), 0) end

--- Refuses a text that no tokenizer reads; `what` names it. JSON is UTF-8, a cell of a table may not be.
local function check_text(text, place, what)
  local _, at = utf8.len(text)
  if at then refuse(place, "%s is not UTF-8 at byte %d; expected a file saved as UTF-8", what, at) end
end

--- Refuses a message whose content no template writes. A message may have none, such as a call of a tool.
local function check_content(content, place, what)
  if type(content) == "string" then return check_text(content, place, what) end
  local bad = content
  if type(content) == "table" then
    bad = #content == 0 and next(content) ~= nil and content or nil
    for i = 1, #content do
      if type(content[i]) ~= "table" then bad = content[i] end
    end
  end
  if bad ~= nil then
    refuse(place, "%s must be a text or a list of parts { type, text }, not %s", what, options.show(bad))
  end
end

--- A text or a list of messages, or an error that names the record.
local function part(record, key, place)
  local value = record[key]
  if type(value) == "string" then
    check_text(value, place, ("'%s'"):format(key))
    return value, false
  end
  if type(value) ~= "table" then
    refuse(place, "'%s' must be a text or a list of messages { role, content }, not %s", key,
      options.show(value))
  end
  for i = 1, #value do
    local message = value[i]
    if type(message) ~= "table" or type(message.role) ~= "string" then
      refuse(place, "'%s': message %d must be { role, content }, not %s", key, i,
        options.show(message))
    end
    check_content(message.content, place, ("'%s': content of message %d"):format(key, i))
  end
  if #value == 0 then refuse(place, "'%s' has no message", key) end
  return value, true
end

--- Whether two values of JSON are equal.
local function equal(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not equal(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

--- How many messages, or bytes of whole characters, two values begin with in common; as TRL counts: never all
-- of the shorter one, and a blank before the difference belongs to the responses.
local function common_start(a, b)
  local n = 0
  if type(a) == "table" then
    while n + 1 < math.min(#a, #b) and equal(a[n + 1], b[n + 1]) do n = n + 1 end
    return n
  end
  local most = math.min(#a, #b)
  while n < most and a:byte(n + 1) == b:byte(n + 1) do n = n + 1 end
  local is_whole = n == most
  if is_whole then n = n - 1 end
  -- Bytes 0x80 to 0xBF continue a character of UTF-8.
  while n > 0 and (a:byte(n + 1) or 0) & 0xC0 == 0x80 do n = n - 1 end
  return not is_whole and n > 0 and a:sub(n, n) == " " and n - 1 or math.max(n, 0)
end

local function slice(value, from, to)
  if type(value) == "string" then return value:sub(from, to) end
  return table.move(value, from, math.min(to, #value), 1, {})
end

--- The parts of a preference record: prompt, chosen, rejected.
--
--   > local forms = require "perilune.data.forms"
--   > forms.extract_prompt("The sky is blue.", "The sky is green.")
--   The sky is	 blue.	 green.
function forms.extract_prompt(chosen, rejected)
  local n = common_start(chosen, rejected)
  return slice(chosen, 1, n), slice(chosen, n + 1, #chosen), slice(rejected, n + 1, #rejected)
end

local function preference(record, place)
  local chosen, is_list = part(record, "chosen", place)
  local rejected, other = part(record, "rejected", place)
  if is_list ~= other then refuse(place, "'chosen' and 'rejected' must have the same form") end
  local prompt, prompt_is_list
  if record.prompt ~= nil then prompt, prompt_is_list = part(record, "prompt", place) end
  -- A prompt of text beside messages repeats what the messages begin with.
  if prompt == nil or prompt_is_list ~= is_list then
    if prompt_is_list then refuse(place, "'prompt' is a list of messages, 'chosen' is not") end
    if #chosen == 0 or #rejected == 0 then refuse(place, "'chosen' or 'rejected' is empty") end
    prompt, chosen, rejected = forms.extract_prompt(chosen, rejected)
  end
  return { prompt = prompt, chosen = chosen, rejected = rejected, conversational = is_list }
end

local function completion(record, place)
  local prompt, is_list = part(record, "prompt", place)
  local answer, other = part(record, "completion", place)
  if is_list ~= other then refuse(place, "'prompt' and 'completion' must have the same form") end
  return { prompt = prompt, completion = answer, conversational = is_list }
end

local function stepwise(record, place)
  local steps, labels = record.completions, record.labels
  if type(record.prompt) ~= "string" then refuse(place, "'prompt' of steps must be a text") end
  if type(steps) ~= "table" or type(labels) ~= "table" or #steps ~= #labels or #steps == 0 then
    refuse(place, "'completions' and 'labels' must be lists of the same length")
  end
  for i = 1, #steps do
    if type(steps[i]) ~= "string" or type(labels[i]) ~= "boolean" then
      refuse(place, "step %d must be a text with a label true or false", i)
    end
  end
  return { prompt = record.prompt, completions = steps, labels = labels, conversational = false }
end

local function single(key)
  return function(record, place)
    local value, is_list = part(record, key, place)
    if key == "text" and is_list then refuse(place, "'text' must be a text") end
    if key == "messages" and not is_list then refuse(place,
      "'messages' must be a list of messages") end
    return { [key] = value, conversational = is_list }
  end
end

local function unpaired(record, place)
  local made, label = completion(record, place), record.label
  -- Tables without truth values write 1 and 0.
  if label == 1 or label == 0 then label = label == 1 end
  if type(label) ~= "boolean" then
    refuse(place, "'label' must be true or false, not %s", options.show(record.label))
  end
  made.label = label
  return made
end

--- In the order in which they are tried: the keys, the kind, the reader.
local known <const> = {
  { { "chosen", "rejected" }, "preference", preference },
  { { "prompt", "completions", "labels" }, "stepwise supervision", stepwise },
  { { "prompt", "completion", "label" }, "unpaired preference", unpaired },
  { { "prompt", "completion" }, "prompt-completion", completion },
  { { "messages" }, "language modeling", single "messages" },
  { { "text" }, "language modeling", single "text" },
  { { "prompt" }, "prompt-only", single "prompt" },
}

local kept <const> = { "tools", "chat_template_kwargs" }

--- The kind of a record and its parts; `place` says in messages where the record is. Errors: the record has
-- none of the forms; a part has a wrong type.
--
--   > local forms = require "perilune.data.forms"
--   > forms.read({ question = "?" }, "mine.jsonl: line 3")
--   mine.jsonl: line 3: has none of messages, text, prompt, chosen and rejected, but question
function forms.read(record, place)
  if type(record) ~= "table" then refuse(place, "must be an object, not %s", options.show(record)) end
  for _, form in ipairs(known) do
    local has_all = true
    for _, key in ipairs(form[1]) do has_all = has_all and record[key] ~= nil end
    if has_all then
      local made = form[3](record, place)
      for _, key in ipairs(kept) do
        if record[key] ~= nil and record[key] ~= "" then made[key] = record[key] end
      end
      return form[2], made
    end
  end
  local names = {}
  for key in pairs(record) do names[#names + 1] = tostring(key) end
  table.sort(names)
  refuse(place, "has none of messages, text, prompt, chosen and rejected, but %s",
    #names > 0 and table.concat(names, ", ") or "nothing")
end

return options.strict("data.forms", forms)
