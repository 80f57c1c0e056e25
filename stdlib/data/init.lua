--- Data sets of text in the forms of TRL: read, checked, turned into tokens, described.
--
--   set = data.load "mine.jsonl"
--   rows, left_out = data.tokenize(set, { tokenizer = tokenizer, max_length = 512 })
--   print(data.describe(set))
--
-- A file is JSON lines, packed with gzip or not, Parquet, one JSON array (.json) or CSV with a header
-- (.csv). All its records have one form, that of the first:
--
--   language modeling        messages, or text
--   prompt-only              prompt
--   prompt-completion        prompt, completion
--   preference               chosen, rejected, and prompt unless it is implicit
--   unpaired preference      prompt, completion, label
--   stepwise supervision     prompt, completions, labels
--
-- Each of messages, prompt, completion, chosen and rejected is a text or a list of messages
-- { role, content }. `tools` and `chat_template_kwargs` of a record are given to the chat template.
--
-- A set has `kind`, `path`, `conversational`, the list `records`, and `left_out`, the counts of what was not
-- taken by reason. An implicit prompt is taken out of chosen and rejected as TRL does: what both begin with.
--
--   > local path = os.tmpname() .. ".jsonl"
--   > require("perilune.system").write_file(path, '{"chosen": "1 + 1 = 2", "rejected": "1 + 1 = 3"}\n')
--   > local set = require("perilune.data").load(path)
--   > set.kind, set.records[1].prompt, set.records[1].chosen
--   preference	1 + 1 =	 2
local describe = require "perilune.data.describe"
local files = require "perilune.data.files"
local forms = require "perilune.data.forms"
local options = require "perilune.options"
local tokens = require "perilune.data.tokens"

local data = { tokenize = tokens.tokenize, describe = describe.text }

local spec = options.spec("data.load", {
  { "records", options.optional("integer", 1), "only the first records of the file" },
})

local Set = {}
Set.__index = Set

function Set:__len() return #self.records end

function Set:__tostring()
  return ("[%d records of %s, %s%s]"):format(#self.records, self.path, self.kind,
    self.conversational and ", conversational" or "")
end

--- The data set of a file. Errors: the file cannot be read; a record has another form than the first, or a
-- part of a wrong type; the message names the record.
--
--   > require("perilune.data").load "/no/such.jsonl"
--   cannot open /no/such.jsonl: No such file or directory
function data.load(path, given)
  local o = spec:fill(given)
  if type(path) ~= "string" then error("data.load: expected a path, not " .. options.show(path), 2) end
  local list, null, place = files.read(path, o.records)
  return data.of(list, path, { null = null > 0 and null or nil }, place)
end

--- The data set of a list of records; `path` names it in messages, and `place(i)` record i.
--
--   > #require("perilune.data").of({ { text = "a" }, { text = "b" } }, "a list")
--   2
function data.of(list, path, left_out, place)
  path = path or "the list"
  place = place or function(i) return ("%s: record %d"):format(path, i) end
  local set = setmetatable({ path = path, records = {}, left_out = left_out or {} }, Set)
  for i, record in ipairs(list) do
    local kind, made = forms.read(record, place(i))
    set.kind = set.kind or kind
    if kind ~= set.kind then
      error(("%s is %s data, the first is %s: all records of a file have one form"):format(place(i), kind,
        set.kind), 0)
    end
    if set.conversational == nil then set.conversational = made.conversational end
    set.records[i] = made
  end
  if not set.kind then error(path .. ": the file has no records", 0) end
  return set
end

return options.strict("data", data)
