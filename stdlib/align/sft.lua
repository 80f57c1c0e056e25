--- Supervised fine-tuning: the start and the reference of every run, cached by its settings.
--
--   local sft = align.sft(task)
local options = require "perilune.options"
local models = require "perilune.models"
local system = require "perilune.system"
local progress = require "perilune.progress"

--- Changes whenever training would give other weights from the same settings.
local recipe = "sft-1"

local defaults = {
  steps = options.optional("integer", 1),
  batch = options.optional("integer", 1),
  lr = options.optional("number", 0),
  warmup = options.integer(20, 0),
  max_grad_norm = options.number(1.0, 0),
  seed = options.integer(0),
  cache = true,
  quiet = false,
}

--- A table of settings as one line, keys sorted: what the cache goes by.
local function fingerprint(value)
  if type(value) ~= "table" then return ("%s:%s"):format(math.type(value) or type(value), tostring(value)) end
  local keys, parts = {}, {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do parts[#parts + 1] = ("%s=%s"):format(tostring(key), fingerprint(value[key])) end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- Prompts and continuations of a batch of texts: the first token has nothing before it, so it is the prompt.
local function batch_of(task, o, step)
  local prompts, rest = {}, {}
  for i = 1, o.batch do
    local text = task:text("train", (step - 1) * o.batch + i)
    prompts[i] = { text[1] }
    rest[i] = table.move(text, 2, #text, 1, {})
  end
  return prompts, rest
end

--- Mean negative log-likelihood a token, over all tokens of the batch.
local function loss_of(model, prompts, rest)
  return -(model:token_logps(prompts, rest):mean())
end

--- The file of the cache for a key; nothing, with a warning, where there can be no cache.
local function cache_path(key)
  local ok, folder = pcall(system.cache_folder)
  if ok then return ("%s/%s-%s.safetensors"):format(folder, recipe, system.sha256(key):sub(1, 24)) end
  io.stderr:write(("align.sft: %s; the model will not be kept\n"):format(tostring(folder)))
end

--- Keeps the model. What was trained is not lost because the disk is full or the folder may not be written.
local function keep(model, path)
  local ok, problem = pcall(model.save, model, path)
  if ok then return path end
  if tostring(problem):find("interrupted!", 1, true) then error(problem, 0) end
  io.stderr:write(("align.sft: the model is not kept: %s\n"):format(tostring(problem)))
end

--- Trains a fresh model of the task's recommended size on the task's texts (next-token likelihood over all tokens), or
-- loads the one trained before with the same settings. Returns the model and a table of what was done.
--
--   steps                 optimiser steps; as the task recommends (task.sft) unless given
--   batch                 texts of a step; as the task recommends
--   lr                    learning rate after warm-up, decayed by a cosine to 1/20; as the task recommends
--   warmup = 20           steps of linear rise
--   max_grad_norm = 1.0   the gradient is scaled to at most this norm; 0 leaves it
--   seed = 0              of the weights
--   cache = true          false trains anew and keeps nothing
--   quiet = false         no progress bar
--
-- The table has `cached`, `path` of the cache's file, `hash` of the weights and, when trained now, the last `loss`. A task
-- with a pretrained model gives that one. Errors: an option is unknown or out of range; the cache cannot be written.
return function(task, given)
  local o = options.fill(defaults, given or {}, "align.sft")
  if type(task) ~= "table" or type(task.settings) ~= "function" then
    error("align.sft: expected a task, see tasks.open, got " .. options.show(task), 2)
  end
  for name, value in pairs(task.sft or {}) do
    if o[name] == nil then o[name] = value end
  end
  if task.pretrained then
    local model = task:pretrained()
    return model, { cached = true, hash = model:hash() }
  end
  local key = fingerprint {
    recipe = recipe, task = task:settings(), model = task.model, steps = o.steps, batch = o.batch, lr = o.lr,
    warmup = o.warmup, max_grad_norm = o.max_grad_norm, seed = o.seed,
  }
  local path = o.cache and cache_path(key) or nil
  if path and system.exists(path) then
    local ok, model = pcall(models.load, path)
    if ok then return model, { cached = true, path = path, hash = model:hash() } end
    io.stderr:write(("align.sft: %s cannot be read (%s); training anew\n"):format(path, tostring(model)))
  end
  local settings = { vocab = task.tokenizer.vocab_size, seed = o.seed }
  for name, value in pairs(task.model) do settings[name] = value end
  local model = models.transformer(settings)
  local optimizer = models.adamw(model, { lr = o.lr, beta2 = 0.99, weight_decay = 0.01 })
  local bar = progress.start { label = "sft " .. task.name, total = o.steps, quiet = o.quiet }
  local last
  for step = 1, o.steps do
    local loss = loss_of(model, batch_of(task, o, step))
    optimizer:zero_grad()
    loss:backward()
    local norm = models.clip_grad_norm(model, o.max_grad_norm > 0 and o.max_grad_norm or nil)
    last = loss:item()
    if last ~= last or norm ~= norm or norm == math.huge then
      bar:finish()
      error(("align.sft: step %d: loss %s, gradient norm %s"):format(step, last, norm), 2)
    end
    optimizer:step { lr = models.learning_rate({ lr = o.lr, warmup = o.warmup, steps = o.steps, decay = "cosine", floor = 0.05 }, step) }
    bar:update(step, { loss = last })
  end
  bar:finish()
  path = path and keep(model, path)
  return model, { cached = false, path = path, hash = model:hash(), loss = last }
end
