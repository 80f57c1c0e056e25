--- What every source has: a kind, a name that tells its settings, and its parts where it is made of others.
--
--   > local one = require "perilune.options".spec("sources.one", { { "batch", 32, "pairs of a batch" },
--   >>   { "seed", 0, "seed of the order" } })
--   > source.new(one, one:fill {}, {}).name
--   one
--   > source.new(one, one:fill { batch = 8 }, {}).name
--   one { batch = 8 }
--   > source.new(one, one:fill { batch = 8 }, {}).kind
--   one
--   > source.new(one, one:fill { batch = 8 }, {})
--   [Source one { batch = 8 }]
local dealt = require "perilune.align.batches"
local options = require "perilune.options"
local system = require "perilune.system"

local source = {}

--- Options that are large, or tell the experiment and not the source.
local hidden = { prompts = true, pairs = true, task = true }

--- What judges made of a function are called where the user gave no name.
local nameless = { ["function"] = true, reward = true }

--- A setting as text; nil where it is nothing that a name can show.
local function shown(value)
  local kind = type(value)
  if kind == "number" or kind == "boolean" or kind == "string" then return tostring(value) end
  if kind ~= "table" and kind ~= "userdata" then return nil end
  if (getmetatable(value) or {}).__name == "Model" then return "model " .. value:hash():sub(1, 8) end
  if kind == "table" and type(value.name) == "string" and not nameless[value.name] then return value.name end
  if kind == "table" and #value > 0 then
    local texts = {}
    for i, item in ipairs(value) do texts[i] = shown(item) end
    return #texts == #value and #texts <= 8 and ("{ %s }"):format(table.concat(texts, ", ")) or nil
  end
  return nil
end

--- Options that the task gives where they are not given.
local function is_of_task(o, name)
  local task = type(o.task) == "table" and o.task
  return task and (name == "max_new_tokens" and o[name] == task.max_response or name == "stop")
end

--- The kind of a source and the settings that differ from the defaults, as text.
local function name_of(kind, spec, o)
  local texts = {}
  for _, entry in ipairs(spec.list) do
    local value = o[entry.name]
    local is_changed = value ~= nil and value ~= entry.default and not is_of_task(o, entry.name)
    local text = is_changed and not hidden[entry.name] and shown(value)
    if text then texts[#texts + 1] = ("%s = %s"):format(entry.name, text) end
  end
  return #texts > 0 and ("%s { %s }"):format(kind, table.concat(texts, ", ")) or kind
end

--- The source of filled options: `members` with `kind` (the name of the spec without what is before its dot),
-- `name` and `options`. Messages have the kind; the name tells two runs apart. It is made when it is first
-- read, because it may need the hash of a model.
function source.new(spec, o, members)
  members.kind, members.options = spec.name:match "([^.]+)$", o
  return setmetatable(members, {
    __index = function(self, key)
      if key ~= "name" then return nil end
      local name = name_of(self.kind, spec, o)
      rawset(self, key, name)
      return name
    end,
    __tostring = function(self) return ("[Source %s]"):format(self.name) end,
  })
end

--- The first digits of the SHA-256 of the lines in which a function is defined, for the name of a source that
-- it is the rule of; "" where there are none to read. What it closes over is not in it.
--
--   > #source.code(source.code), #source.code(math.max)
--   8	0
function source.code(f)
  local info = debug.getinfo(f, "S")
  local path, text, number, lines = info.source:match "^@(.*)$", info.source, 0, {}
  if path then
    local file <close> = io.open(path, "rb")
    text = file and file:read "a" or ""
  end
  for line in text:gmatch "[^\n]*" do
    number = number + 1
    if number >= info.linedefined and number <= info.lastlinedefined then lines[#lines + 1] = line end
  end
  return #lines > 0 and system.sha256(table.concat(lines, "\n")):sub(1, 8) or ""
end

--- The source of a batch that is dealt in a new order each epoch, by the options `batch` and `seed`; `stream`
-- names the order.
function source.of_dataset(spec, o, dataset, stream)
  local numbers = dealt(#dataset, o.batch, o.seed, stream)
  return source.new(spec, o, {
    dataset = dataset,
    batch = function(_, step) return dataset:select(numbers(step)) end,
    labels = function(_, count) return math.min(count * o.batch, #dataset) end,
    check = function(self, run) self.dataset:check(run.policy, self.kind) end,
  })
end

--- The source given as the option `name` of `where`; anything else is refused.
--
--   > source.checked({}, "sources.example", "of")
--   sources.example: 'of' must be a source with a method batch, got a table
function source.checked(value, where, name)
  if type(value) ~= "table" or type(value.batch) ~= "function" then
    error(("%s: '%s' must be a source with a method batch, got %s"):format(
      where, name, options.show(value)), 3)
  end
  return value
end

--- The batch of a part of a source, which may be a list of pairs.
function source.batch(part, ...)
  local batch = part:batch(...)
  if getmetatable(batch) then return batch end
  return require "perilune.align.batch".of_pairs(batch, tostring(part.name))
end

--- How many labels the first `count` batches of a source use; nil where it does not say.
function source.labels(part, count)
  if part.labels then return part:labels(count) end
  local size = type(part.options) == "table" and part.options.batch
  return size and count * size or nil
end

--- The options of a source that draws responses, or of the first of its parts that does; else an empty table.
--
--   > local online = { options = { max_new_tokens = 6 }, batch = print }
--   > source.drawing({ options = { age = 3 }, parts = { { batch = print }, online } }).max_new_tokens
--   6
function source.drawing(given)
  local own = type(given.options) == "table" and given.options or {}
  if own.max_new_tokens or own.task then return own end
  for _, part in ipairs(given.parts or {}) do
    local found = source.drawing(part)
    if next(found) then return found end
  end
  return {}
end

--- A source of filled options made of other sources: what its parts check, save and restore is done with it.
-- `members.state` and `members.restore`, where it has them, are about its own plain data.
function source.composed(spec, o, parts, members)
  local own_state, own_restore = members.state, members.restore
  members.parts = parts
  function members.check(_, run)
    for _, part in ipairs(parts) do
      if part.check then part:check(run) end
    end
  end
  function members.state(self)
    local data, models = { own = own_state and own_state(self), parts = {} }, {}
    for i, part in ipairs(parts) do
      if part.state then
        local of_part, own = part:state()
        data.parts[tostring(i)] = of_part
        for name, model in pairs(own or {}) do models[("%d-%s"):format(i, name)] = model end
      end
    end
    return data, models
  end
  function members.restore(self, data, models, policy)
    if own_restore then own_restore(self, data.own) end
    for i, part in ipairs(parts) do
      local own = {}
      for name, model in pairs(models) do
        local number, rest = name:match "^(%d+)%-(.*)$"
        if tonumber(number) == i then own[rest] = model end
      end
      if part.restore then part:restore(data.parts[tostring(i)], own, policy) end
    end
  end
  return source.new(spec, o, members)
end

return options.strict("align.source", source)
