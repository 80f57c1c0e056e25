--- A task from a file of preference pairs of your own, in the forms of TRL's preference data sets.
--
--   task = tasks.from_pairs { path = "mine.jsonl" }
--   task = tasks.from_pairs { path = "mine.jsonl", tokenizer = "SmolLM2/tokenizer.json" }
--   task = tasks.from_pairs { path = "mine.jsonl", model = "./SmolLM2", lora = { r = 16 } }
--   print(task.report)
--   perilune scripts/experiments/gap.lua --data mine.jsonl
--
-- `perilune.data` says which files and records are read: `chosen`, `rejected`, and `prompt` unless it is
-- implicit, texts or lists of messages; or unpaired ones, `prompt`, `completion` and `label`, of which a good
-- and a bad completion of equal prompts are a pair, in the order of the file. A chat template writes
-- messages: that of the option, else that of the given tokenizer; a trained one writes turns, "\n\nHuman: "
-- for the role "user" and "\n\nAssistant: " for "assistant". Responses end with <eos>: what a template writes
-- after it is left out.
--
-- There is no exact rule: gold is a model trained on `task:gold_pairs("train")`. What is longer than
-- `max_prompt` or `max_response` is left out and counted, or with `cut` loses its beginning or its end. Equal
-- prompts are in the same split. See `tasks.records` for tokens and splits.
local forms = require "perilune.data.forms"
local formats = require "perilune.formats"
local options = require "perilune.options"
local plain = require "perilune.plain"
local records = require "perilune.tasks.records"
local task = require "perilune.tasks.task"
local tokens = require "perilune.data.tokens"

local spec = options.spec("tasks.from_pairs", {
  { "name", "from_pairs", "name of the task" },
  { "tokenizer", options.optional "string|table|Tokenizer",
    "a tokenizer, its folder or its tokenizer.json; by default the pretrained model's, or one is trained" },
  { "template", options.optional "string", "the chat template of messages" },
  { "cut", false,
    "long prompts lose their beginning and long responses their end, instead of being left out" },
  { "bos", false, "bos begins each text of a given tokenizer; a trained one always writes it" },
  records.options,
})

local turns <const> = "{{- bos_token }}{% for m in messages %}"
  .. "{{- '\n\n' ~ {'user': 'Human'}.get(m.role, m.role | capitalize) ~ ': ' }}"
  .. "{{- m.content if m.content is string else m.content | map(attribute='text') | join }}"
  .. "{%- endfor %}{% if add_generation_prompt %}{{ '\n\nAssistant:' }}{% endif %}"

local function joined(a, b) return table.move(b, 1, #b, #a + 1, table.move(a, 1, #a, 1, {})) end

--- The texts of a preference record, which tell equal ones and train a tokenizer; and the record itself.
local function texts_of(made)
  if not made.conversational then
    return { prompt = made.prompt, chosen = made.chosen, rejected = made.rejected, key = made.prompt,
      record = made }
  end
  local function written(messages, adds)
    return formats.render_template(turns, { messages = messages, add_generation_prompt = adds })
  end
  local prompt = #made.prompt > 0 and written(made.prompt, true) or ""
  local function answer(list) return written(joined(made.prompt, list)):sub(#prompt + 1) end
  return { prompt = prompt, chosen = answer(made.chosen), rejected = answer(made.rejected), key = prompt,
    record = made }
end

--- The pair of an unpaired record and the first one before it that has its prompt and the other label; false
-- where there is none yet. `waiting` keeps those without another one, by prompt and label.
local function paired(made, waiting)
  local key = plain.encode { made.prompt, made.conversational }
  local of = waiting[key] or { [true] = {}, [false] = {} }
  waiting[key] = of
  local other = table.remove(of[not made.label], 1)
  if not other then
    table.insert(of[made.label], made)
    return false
  end
  local good, bad = made.label and made or other, made.label and other or made
  local pair = texts_of {
    prompt = made.prompt, chosen = good.completion, rejected = bad.completion,
    conversational = made.conversational, tools = made.tools,
    chat_template_kwargs = made.chat_template_kwargs,
  }
  pair.is_joined = true
  return pair
end

--- A parser of the records of one file, see `records.task`.
local function parser()
  local waiting = {}
  return function(record, place)
    local kind, made = forms.read(record, place)
    if kind == "preference" then return texts_of(made) end
    if kind == "unpaired preference" then return paired(made, waiting) end
    error(("%s is %s data; pairs have chosen and rejected, or completions and labels"):format(
      place, kind), 0)
  end
end

--- A response up to its last <eos>, which is added where there is none.
local function ended(ids, eos)
  for i = #ids, 1, -1 do
    if ids[i] == eos then return table.move(ids, 1, i, 1, {}) end
  end
  ids[#ids + 1] = eos
  return ids
end

--- Prompt, chosen and rejected ids of a pair; and whether the prompt lost its beginning.
local function ids_of(self, pair, o)
  local writer = tokens.writer { tokenizer = self.tokenizer, template = o.template, bos = o.bos }
  local prompt, chosen, rejected = writer:prompt_and(pair.record, pair.record.chosen, pair.record.rejected)
  local was_cut = false
  if #prompt == 0 or #prompt > self.max_prompt then
    if not o.cut or #prompt == 0 then return nil end
    prompt, was_cut = table.move(prompt, #prompt - self.max_prompt + 1, #prompt, 1, {}), true
  end
  local function response(ids)
    ids = ended(ids, self.tokenizer.eos)
    if not o.cut or #ids <= self.max_response then return ids end
    self.cut = self.cut + 1
    return table.move(ids, 1, self.max_response, 1, {})
  end
  return { prompt = prompt, chosen = response(chosen), rejected = response(rejected) }, was_cut
end

--- A task; see the head of the file.
local function new(given)
  local o = spec:fill(given)
  if type(o.tokenizer) == "string" then o.tokenizer = require("perilune.tokenizer").load(o.tokenizer) end
  if not o.tokenizer and not o.model then o.bos, o.template = true, o.template or turns end
  return records.task(o.name, o, parser(), function(self, pair) return ids_of(self, pair, o) end)
end

return task.module { options = spec, needs = "a file of preference pairs", new = new }
