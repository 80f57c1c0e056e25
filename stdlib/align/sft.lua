--- Supervised fine-tuning: the initial policy and the reference of a run, cached by all that determines it.
--
--   local sft = align.sft(task)
--   local small = align.sft(task, { model = { dim = 32, layers = 2 }, steps = 200 })
--
--   > local task = require "perilune.tasks".sentiment()
--   > require "perilune.align".sft(task, { steps = 0 })
--   align.sft: option 'steps' must be a whole number of at least 1, not 0
local attempt = require "perilune.attempt"
local errors = require "perilune.errors"
local fit = require "perilune.align.fit"
local formats = require "perilune.formats"
local models = require "perilune.models"
local optim = require "perilune.optim"
local options = require "perilune.options"
local recorded = require "perilune.align.runs.recorded"
local shards = require "perilune.align.shards"
local system = require "perilune.system"
local tasks = require "perilune.tasks.task"
local weights = require "perilune.run.weights"

--- Part of the cache key: changed whenever the same settings would give other weights.
local recipe <const> = "sft-3"

local spec = options.spec("align.sft", {
  optim.options,
  { "steps", options.optional("integer", 1), "optimiser steps; by default those of task.sft" },
  { "batch", options.optional("integer", 1), "texts of a step; likewise" },
  { "lr", options.optional("number", 0), "learning rate after the warm-up; likewise" },
  { "warmup", 20, "steps of linear rise of the rate", least = 0 },
  { "decay", "cosine", "decay of the rate after the warm-up", choices = optim.decays },
  { "floor", 0.05, "what the rate decays to, as a fraction of lr", least = 0, most = 1 },
  { "beta2", options.optional "number", "decay of the mean of squares; adamw: 0.99", least = 0, below = 1 },
  { "weight_decay", 0.01, "times the rate, the fraction of each weight subtracted in a step", least = 0 },
  { "model", options.optional "table", "options of models.transformer, over those of task.model" },
  options.native("models.transformer"):only { "precision" },
  shards.options,
  { "seed", 0, "seed of the initial weights" },
  { "cache", true, "whether the model is read from the cache and stored there" },
  recorded.options,
  { "quiet", false, "no progress bar" },
})

--- A value as one line of text, keys sorted: equal text means equal settings.
local function canonical(value)
  if type(value) ~= "table" then return ("%s:%s"):format(math.type(value) or type(value), tostring(value)) end
  local keys, parts = {}, {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do parts[#parts + 1] = ("%s=%s"):format(tostring(key), canonical(value[key])) end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- Text `index` of the training split as token ids, checked, and how many of them are a prompt.
local function text_of(task, index)
  local ids, prompt = task:text("train", index)
  if type(ids) ~= "table" or #ids < 2 then
    error(("align.sft: text %d of the task must be a list of at least 2 token ids, got %s"):format(
      index, type(ids) == "table" and #ids or options.show(ids)), 0)
  end
  return ids, prompt or 1
end

--- SHA-256 of the first `count` training texts, as token ids, each with how many of them are a prompt.
local function texts_hash(task, count)
  local hash, lines = "", {}
  for i = 1, count do
    local ids, prompt = text_of(task, i)
    lines[#lines + 1] = prompt .. ": " .. table.concat(ids, " ")
    if #lines == 1000 or i == count then
      hash, lines = system.sha256(hash .. table.concat(lines, "\n")), {}
    end
  end
  return hash
end

--- What the first `count` training texts and the tokenizer are, unless the task's settings already say so.
local function content_of(task, count)
  if task.content_in_settings then return nil end
  return { texts = texts_hash(task, count), tokenizer = tasks.tokenizer_hash(task.tokenizer) }
end

--- The texts of a step as rows: the first token has no predecessor, so it is the prompt, unless the task says
-- how many tokens are. A text that the model cannot read is refused by its number.
local function batch_of(model, task, o, step)
  local prompts, rest = {}, {}
  for i = 1, o.batch do
    local text, prompt = text_of(task, (step - 1) * o.batch + i)
    prompts[i] = table.move(text, 1, prompt, 1, {})
    rest[i] = table.move(text, prompt + 1, #text, 1, {})
  end
  local rows = models.rows(prompts, rest)
  local row, reason = model:misfit(rows)
  if row then
    error(("align.sft: text %d of the task: %s"):format((step - 1) * o.batch + row, reason), 0)
  end
  return rows
end

--- The loss of a step: the mean over tokens of -log pi. In shards, of a mean over all of them.
local function loss_of(model, optimizer, rows, count)
  if count == 0 then return -(model:token_logps(rows):mean()) end
  local tokens, parts = rows:lengths():sum():item(), shards.balanced(shards.sizes(rows), count)
  return function()
    return (shards.gradients(optimizer, count, function(k)
      local loss = -(model:token_logps(rows:select(parts[k])):sum()) / tokens
      loss:backward()
      return loss:item()
    end))
  end
end

--- Where the cache stores a model, without the endings; nil, with a warning, where there can be no cache.
local function cache_path(key)
  local ok, folder = attempt.call(system.cache_folder)
  if ok then return ("%s/%s-%s"):format(folder, recipe, key:sub(1, 24)) end
  io.stderr:write(("align.sft: %s; the model is not cached\n"):format(tostring(folder)))
end

--- The precision in the key of a model: one in f32 has none.
local function in_key(precision) return precision ~= "f32" and precision or nil end

--- A model with the products that are asked for; nil is as it is.
local function in_precision(model, precision)
  return precision and model:with_precision(precision) or model
end

--- The cached model of a key and its record, or nil; adapters are put on `base`. A file that is not that
-- model is reported, not used.
local function cached(path, key, base, precision)
  if not system.exists(path .. ".safetensors") then return nil end
  local function refuse(why)
    io.stderr:write(("align.sft: %s.safetensors %s; training again\n"):format(path, why))
  end
  local file = path .. ".safetensors"
  local ok, model = attempt.call(weights.load, file, nil, function(why) error(why, 0) end, base)
  if not ok then
    return refuse(("cannot be read (%s)"):format(errors.message(model)))
  end
  model = in_precision(model, precision)
  local readable, record = attempt.call(formats.load_json, path .. ".json")
  if not readable or type(record) ~= "table" or record.key ~= key or record.hash ~= model:hash() then
    return refuse "is not the model that its record names"
  elseif not optim.is_finite(model) then
    return refuse "has weights that are not finite"
  end
  return model, record
end

--- Stores the model and its record. A full disk or a folder without permission loses the cache entry only.
local function store(model, path, record)
  local ok, problem = pcall(function()
    model:save(path .. ".safetensors", { adapters_only = true })
    system.write_file(path .. ".json", formats.json_encode(record) .. "\n")
  end)
  if ok then return path .. ".safetensors" end
  if system.is_interrupt(problem) then error(problem, 0) end
  io.stderr:write(("align.sft: the model is not cached: %s\n"):format(errors.message(problem)))
end

--- The filled options with the task's recommendations, and the options of the model.
local function settings_of(task, given)
  local o = spec:fill(given, 2)
  if type(task) ~= "table" or type(task.settings) ~= "function" then
    error("align.sft: expected a task, see tasks.open, got " .. options.show(task), 3)
  elseif task.pretrained and o.model then
    error("align.sft: the task has a pretrained model; option 'model' does not apply", 3)
  elseif task.pretrained and not task.sft then
    return o
  end
  for _, name in ipairs { "steps", "batch", "lr" } do
    if o[name] == nil then o[name] = (task.sft or {})[name] end
    if o[name] == nil then
      error(("align.sft: option '%s' is missing: the task has no task.sft.%s"):format(name, name), 3)
    end
  end
  if o.shards > o.batch then
    error(("align.sft: a batch of %d texts makes no %d shards"):format(o.batch, o.shards), 3)
  end
  if o.beta2 == nil and o.optimizer == "adamw" then o.beta2 = 0.99 end
  for _, name in ipairs { "vocab", "seed" } do
    if o.model and o.model[name] ~= nil then
      error(("align.sft: option 'model' cannot set '%s': %s does"):format(
        name, name == "vocab" and "the task's tokenizer" or "option 'seed'"), 3)
    end
  end
  if task.pretrained then return o end
  local config = {}
  for _, part in ipairs { task.model or {}, o.model or {} } do
    for name, value in pairs(part) do config[name] = value end
  end
  config.vocab, config.seed = task.tokenizer.vocab_size, o.seed
  config.precision = in_key(o.precision or config.precision)
  return o, config
end

--- Trains a fresh model of the task's recommended size on its training texts, to predict every next token, or
-- reads the one that was trained before from equal texts, tokenizer and options. A task with a pretrained
-- model trains that one where it has `task.sft`, and gives it as it is where it has not.
--
-- Returns the model and a table: `cached`, `hash` of the weights, `path` in the cache, `loss` of the last
-- step, `steps` taken and `status`. After Ctrl-C the status is "interrupted" and the model is the result of
-- the finished steps; it is not cached.
--
-- Errors: an option is unknown or out of range; a loss, gradient or weight is not finite.
return function(task, given)
  local o, config = settings_of(task, given)
  if task.pretrained and not task.sft then
    local model = in_precision(task:pretrained(), o.precision)
    return model, { cached = true, hash = model:hash(), status = "finished", steps = 0 }
  end
  local key, path
  if o.cache then
    local training = {}
    for _, name in ipairs(optim.options:names()) do training[name] = o[name] end
    training.gradient_checkpointing = nil  -- the bits are the same
    key = system.sha256(canonical {
      recipe = recipe, task = (task.start_settings or task.settings)(task),
      content = content_of(task, o.steps * o.batch),
      model = config or { pretrained = o.seed, precision = in_key(o.precision) },
      steps = o.steps, batch = o.batch, training = training,
      shards = o.shards > 0 and { o.shards, "balanced" } or nil,
    })
    path = cache_path(key)
    local model, record = nil, nil
    if path then
      local base = not config and task:pretrained(o.seed):base() or nil
      model, record = cached(path, key, base, o.precision)
    end
    if model then
      return model, {
        cached = true, path = path .. ".safetensors", hash = record.hash, loss = record.loss, steps = o.steps,
        status = "finished",
      }
    end
  end
  local model = config and models.transformer(config)
    or in_precision(task:pretrained(o.seed), o.precision)
  local last = {}
  local optimizer = optim.from_options(model, o)
  local job = o.run and recorded.job(o.run, {
    kind = "sft", task = task.name, model = config, steps = o.steps, batch = o.batch, lr = o.lr,
    seed = o.seed, shards = o.shards, precision = o.precision, key = key,
  }, { model = model, optimizer = optimizer, last = last })
  local loop = fit.new {
    optimizer = optimizer, options = o, steps = o.steps, quiet = o.quiet,
    label = "sft " .. task.name, advice = "the model is returned, not cached",
    loss = function(step) return loss_of(model, optimizer, batch_of(model, task, o, step), o.shards) end,
    after = function(_, row) last.loss = row.loss end, job = job or nil,
  }
  local status, problem = loop:run()
  if status == "failed" then
    local is_text = type(problem) == "string"
    error(is_text and "align.sft: " .. problem or problem, is_text and 2 or 0)
  end
  local done = { cached = false, hash = model:hash(), loss = last.loss, steps = loop.step, status = status }
  if path and status == "finished" then
    done.path = store(model, path, { key = key, hash = done.hash, loss = last.loss })
  end
  return model, done
end
