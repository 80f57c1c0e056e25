--- The parts of a run's state in a checkpoint: models, optimizers, plain tables, objects of your own.
--
-- A part is restored in place: the model, the optimizer or the table that was given has its saved contents
-- again. An object of your own has `part:save_state(folder, name)`, which writes files into a folder, and
-- `part:load_state(folder, name)`, which reads them.
local options = require "perilune.options"
local plain = require "perilune.plain"
local rule = require "perilune.options.rule"
local system = require "perilune.system"
local weights = require "perilune.run.weights"

local state = {}

--- What is written for a kind of part: the ending of its file, and how it is saved and restored.
local kinds = {}

--- A Model, or a table of logits of align.policy.
kinds.policy = {
  ending = "safetensors",
  save = function(part, path) weights.save(part, path) end,
  load = function(part, path, where)
    weights.restore(part, path, function(message) error(("%s: %s"):format(where, message), 0) end)
  end,
}

kinds.optimizer = {
  ending = "safetensors",
  save = function(part, path) part:save(path) end,
  load = function(part, path) part:load(path) end,
}

kinds.table = {
  ending = "json",
  save = function(part, path, where) system.write_file(path, plain.encode(part, where) .. "\n") end,
  load = function(part, path)
    local file <close> = assert(io.open(path, "rb"))
    for key in pairs(part) do part[key] = nil end
    for key, value in pairs(plain.decode(file:read "a")) do part[key] = value end
  end,
}

--- The kind of a part, nil for an object that saves itself; an error names what it is instead.
local function kind_of(name, part, where)
  local class = rule.class(part)
  if class == "Optimizer" then return kinds.optimizer end
  if class == "Model" then return kinds.policy end
  if type(part) == "table" then
    if part.save_state and part.load_state then return nil end
    if part.parameters and part.logps then return kinds.policy end
    if not getmetatable(part) then return kinds.table end
  end
  error(("%s: state.%s must be a Model, an Optimizer, a table of plain data, or an object with save_state "
    .. "and load_state, not %s"):format(where, name, options.show(part)), 0)
end

local function sorted_names(parts)
  local names = {}
  for name in pairs(parts) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- Refuses parts that cannot be saved, before the first step.
function state.check(parts, where)
  for name, part in pairs(parts) do
    if type(name) ~= "string" or not name:match "^[%w_%-]+$" then
      error(("%s: a part of the state has a name of letters and digits, not %s"):format(
        where, options.show(name)), 0)
    end
    kind_of(name, part, where)
  end
end

--- Writes the parts into the folder of a checkpoint.
function state.save(parts, folder, where)
  for _, name in ipairs(sorted_names(parts)) do
    local kind = kind_of(name, parts[name], where)
    if kind then
      kind.save(parts[name], ("%s/%s.%s"):format(folder, name, kind.ending), "state." .. name)
    else
      parts[name]:save_state(folder, name)
    end
  end
end

--- Gives the parts what they were in a checkpoint. Errors: a part was not saved; its shapes are others.
function state.load(parts, folder, where)
  for _, name in ipairs(sorted_names(parts)) do
    local kind = kind_of(name, parts[name], where)
    if kind then
      local path = ("%s/%s.%s"):format(folder, name, kind.ending)
      if not system.exists(path) then error(("%s has no '%s'"):format(folder, name), 0) end
      kind.load(parts[name], path, path)
    else
      parts[name]:load_state(folder, name)
    end
  end
end

return state
