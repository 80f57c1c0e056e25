--- The weights of a policy in a file: those of a Model with its shape, those of a policy of Lua by name.
--
-- Of a Model with adapters the file holds these alone, with path and hash of the base, where the base was
-- read from a file. A policy of Lua has functions, which no file can hold: it is read into a copy of one that
-- is given. The optimizer's file has the loss's own parameters beside a Model; beside a policy of Lua they
-- have a file.
local attempt = require "perilune.attempt"
local errors = require "perilune.errors"
local formats = require "perilune.formats"
local models = require "perilune.models"
local tensor = require "perilune.tensor"

local weights = {}

local function size_of(values) return table.concat(values:size(), "x") end

--- Sets the tensors of `targets`, by name, to those of `found`; `refuse` raises an error.
local function set(targets, found, refuse)
  for name, target in pairs(targets) do
    local saved = found[name]
    if not saved or size_of(saved) ~= size_of(target) then
      refuse(("tensor '%s' of what is given has shape %s, that of the run %s"):format(
        name, size_of(target), saved and size_of(saved) or "does not exist"))
    end
    tensor.no_grad(target.copy_, target, saved)
  end
end

--- Sets the tensors of `targets`, by name, to those of a file; `refuse` raises an error.
function weights.read_tensors(path, targets, refuse) set(targets, formats.load_tensors(path), refuse) end

--- The tensors of a policy by name.
function weights.by_name(policy)
  local tensors, names = policy:parameters()
  local named = {}
  for i, name in ipairs(names) do named[name] = tensors[i] end
  return named
end

--- Writes a policy.
function weights.save(policy, path)
  if type(policy) == "userdata" then return policy:save(path, { adapters_only = true }) end
  local named = weights.by_name(policy)
  for name, value in pairs(named) do named[name] = value:detach() end
  formats.save_tensors(path, named)
end

--- The loss's own parameters of a run by name.
function weights.of_loss(run)
  local named = {}
  for i, parameters in ipairs(run.parameters) do
    for name, value in pairs(parameters) do named[("%d.%s"):format(i, name)] = value end
  end
  return named
end

--- The hash of the base that a file of adapters alone names; nil of another file.
local function base_hash(path) return models.describe(path).stated.base_hash end

--- The adapters of a file on a base that is at hand.
local function adapted(base, path, refuse)
  local ok, model = attempt.call(base.load_adapter, base, path)
  if ok then return model end
  refuse(errors.message(model))
end

--- Gives a policy, in place, the weights of a file. `refuse` raises an error: tensors have other shapes, or
-- the base under the adapters is another one.
function weights.restore(policy, path, refuse)
  local targets, base = weights.by_name(policy), type(policy) == "userdata" and policy:base()
  if not base or not base_hash(path) then return weights.read_tensors(path, targets, refuse) end
  for name in pairs(weights.by_name(base)) do targets[name] = nil end
  set(targets, weights.by_name(adapted(base, path, refuse)), refuse)
end

--- Reads a policy; `like` is one of Lua with the same tensors, nil for a Model. Adapters are put on `base`, a
-- Model or nil, if they belong to it, and else on the model that the file names.
function weights.load(path, like, refuse, base)
  if like then
    local copy = like:clone()
    weights.read_tensors(path, weights.by_name(copy), refuse)
    return copy
  end
  if type(base) == "userdata" and not base:base() then
    local hash = base_hash(path)
    if hash and hash == base:hash { precision = false } then return adapted(base, path, refuse) end
  end
  return models.load(path)
end

return weights
