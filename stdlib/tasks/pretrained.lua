--- A pretrained model as the start of a task: its weights, with or without adapters, and its tokenizer.
--
--   task = tasks.harmless { path = "test.jsonl.gz", model = "SmolLM2-135M-Instruct.Q4_1.gguf" }
--   task = tasks.from_pairs { path = "mine.jsonl", model = "./SmolLM2", lora = { r = 16 } }
--
-- With `lora` the start has adapters (Hu et al. 2021, arXiv:2106.09685). Its copies train adapters alone and
-- share the weights under them: policies, judges and the golden policy cost no second copy of the model.
--
--   > local pretrained = require "perilune.tasks.pretrained"
--   > pretrained.options:fill({ model = "./SmolLM2" }).model
--   ./SmolLM2
--   > pretrained.options:fill({ lora = 16 })
--   tasks.pretrained: option 'lora' must be a table, not 16
local attempt = require "perilune.attempt"
local errors = require "perilune.errors"
local models = require "perilune.models"
local options = require "perilune.options"
local system = require "perilune.system"
local task = require "perilune.tasks.task"
local tokenizer = require "perilune.tokenizer"

local pretrained = {}

--- The options of a task whose start may be a pretrained model.
pretrained.options = options.spec("tasks.pretrained", {
  { "model", options.optional "string",
    "a pretrained model, which is the start: a file or folder of models.load; its tokenizer is the task's" },
  { "lora", options.optional "table",
    "options of model:lora: adapters train, the weights under them do not" },
})

--- Refuses adapters without a pretrained model under them.
--
--   > pretrained.check("tasks.mine", { lora = { r = 2 } })
--   tasks.mine: lora needs a pretrained model, as the option 'model'
function pretrained.check(where, o)
  if o.lora and not o.model then
    error(("%s: lora needs a pretrained model, as the option 'model'"):format(where), 0)
  end
end

--- The tokenizer of the pretrained model of filled options, with all ids of the model; nil where there is
-- none.
--
--   > pretrained.tokenizer({}) == nil
--   true
function pretrained.tokenizer(o)
  if not o.model then return nil end
  local made, vocab = tokenizer.load(o.model), models.describe(o.model).config.vocab
  return vocab > made.vocab_size and made:padded(vocab) or made
end

local templates = setmetatable({}, { __mode = "k" })

--- Whether a tokenizer has a chat template.
--
--   > pretrained.has_template { encode = function() end }
--   false
function pretrained.has_template(made)
  if not made.chat_template then return false end
  if templates[made] == nil then
    local ok, template = attempt.call(made.chat_template, made)
    templates[made] = ok and template ~= nil
  end
  return templates[made]
end

--- The ids of a prompt of messages, by the tokenizer's chat template; names of control tokens in messages are
-- text. Errors: the template raises.
--
--   > local refuses = { chat = function() error("no system here", 0) end }
--   > pretrained.chat(refuses, {})
--   the tokenizer's chat template: no system here
function pretrained.chat(made, messages)
  local ok, ids = attempt.call(made.chat, made, messages, {
    add_generation_prompt = true, sanitize_control_tokens = true,
  })
  if ok then return ids end
  error("the tokenizer's chat template: " .. errors.message(ids):gsub("^chat template: ", ""), 0)
end

--- Files that say what a model of a folder computes and reads: configuration, weights, tokenizer, templates.
local parts_of_folder <const> = { "%.safetensors$", "%.json$", "%.jinja$", "%.txt$" }

--- The files of a pretrained model: one, or those of its folder.
local function files_of(path)
  if not system.exists(path .. "/config.json") then return { path } end
  local list = {}
  for _, name in ipairs(system.list_folder(path)) do
    for _, pattern in ipairs(parts_of_folder) do
      if name:find(pattern) then
        list[#list + 1] = path .. "/" .. name
        break
      end
    end
  end
  return list
end

--- SHA-256 of the files of a pretrained model, its tokenizer and chat template among them.
--
--   > local path = os.tmpname()
--   > local models = require "perilune.models"
--   > models.transformer({ vocab = 4, dim = 8, layers = 1, heads = 2, max_length = 9 }):save(path)
--   > #pretrained.fingerprint(path)
--   64
function pretrained.fingerprint(path)
  local parts = {}
  for i, file in ipairs(files_of(path)) do
    parts[i] = ("%s %s"):format(file:match "[^/]*$", system.sha256_file(file))
  end
  return system.sha256(table.concat(parts, "\n"))
end

--- Makes a task with the option `model` begin from that model: `task:pretrained(seed)` loads it, with
-- adapters drawn from `seed` where there is `lora`. `needed` is the longest sequence of the task. Returns
-- what determines the start, for the task's settings. Errors: the model cannot be loaded, is a reward model,
-- has a smaller vocabulary than its tokenizer, or reads shorter sequences; no module is what `lora` names.
--
--   > local path = os.tmpname()
--   > local models = require "perilune.models"
--   > models.transformer({ vocab = 4, dim = 8, layers = 1, heads = 2, max_length = 9 }):save(path)
--   > local task = { name = "mine", tokenizer = { vocab_size = 4 } }
--   > pretrained.give(task, { model = path, lora = { r = 1 } }, 9).lora.r, task:pretrained(2):base() ~= nil
--   1	true
--   > select(2, pcall(pretrained.give, task, { model = path }, 10)):match "reads .* has %d+"
--   reads 9 tokens, a prompt with two responses has 10
function pretrained.give(made, o, needed)
  local base = models.load(o.model)
  local config = base:config()
  if config.head == "score" then
    error(("tasks.%s: %s is a reward model; a policy has a head over the vocabulary"):format(
      made.name, o.model), 0)
  elseif config.vocab < made.tokenizer.vocab_size then
    error(("tasks.%s: %s reads %d tokens, its tokenizer has %d"):format(made.name, o.model, config.vocab,
      made.tokenizer.vocab_size), 0)
  elseif config.max_length < needed then
    error(("tasks.%s: %s reads %d tokens, a prompt with two responses has %d: give a smaller max_prompt or "
      .. "max_response"):format(made.name, o.model, config.max_length, needed), 0)
  end
  if o.lora then base:lora(o.lora) end  -- refuses what its modules lack before anything is trained
  local settings = { hash = base:hash(), lora = o.lora }
  -- Adapters share one copy, whose weights never change. Training of all weights begins from a new one.
  local shared = o.lora and base or nil
  function made.pretrained(_, seed)
    if shared then
      local given = { seed = seed }
      for name, value in pairs(o.lora) do given[name] = value end
      return shared:lora(given)
    end
    local model = models.load(o.model)
    if model:hash() ~= settings.hash then
      error(("tasks.%s: %s has other weights than when the task was made"):format(made.name, o.model), 0)
    end
    return model
  end
  return settings
end

--- The fields of a task that say how a start, its judges and its runs are trained: rates of adapters, or of
-- all weights, of a model that can write already, and sizes with which the comparison of two sides takes an
-- hour on two cores for 135 million parameters.
--
--   > pretrained.recommended({ lora = { r = 16 } }).sft.lr > pretrained.recommended({}).sft.lr
--   true
function pretrained.recommended(o)
  local rate = o.lora and 1e-3 or 5e-5
  return {
    sft = { steps = 32, batch = 16, lr = rate },
    preference = {
      kind = "reward",
      options = { steps = 40, batch = 8, lr = rate / 2, warmup = 4, evaluate_every = 20, patience = 2 },
    },
    golden = { beta = 0.1, lr = rate / 2, steps = 12, batch = 8 },
    runs = task.runs {
      beta = 0.05, lr = rate / 2, steps = 32, offline = { beta = { 0.05 }, lr = { rate / 2 } },
    },
  }
end

return options.strict("tasks.pretrained", pretrained)
