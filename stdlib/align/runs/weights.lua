--- The weights of a policy in a file: those of a Model with its shape, those of a policy of Lua by name.
--
-- A policy of Lua has functions, which no file can hold: it is read into a copy of one that is given. The
-- optimizer's file has the loss's own parameters beside a Model; beside a policy of Lua they have a file.
local formats = require "perilune.formats"
local models = require "perilune.models"
local tensor = require "perilune.tensor"

local weights = {}

--- Sets the tensors of `targets`, by name, to those of a file; `refuse` raises an error.
function weights.read_tensors(path, targets, refuse)
  local found = formats.load_tensors(path)
  for name, target in pairs(targets) do
    local saved = found[name]
    if not saved or table.concat(saved:size(), "x") ~= table.concat(target:size(), "x") then
      local there = saved and table.concat(saved:size(), "x") or "does not exist"
      refuse(("tensor '%s' of what is given has shape %s, that of the run %s"):format(
        name, table.concat(target:size(), "x"), there))
    end
    tensor.no_grad(target.copy_, target, saved)
  end
end

--- The tensors of a policy by name.
function weights.by_name(policy)
  local tensors, names = policy:parameters()
  local named = {}
  for i, name in ipairs(names) do named[name] = tensors[i] end
  return named
end

--- Writes a policy.
function weights.save(policy, path)
  if type(policy) == "userdata" then return policy:save(path) end
  formats.save_tensors(path, weights.by_name(policy))
end

--- The loss's own parameters of a run by name.
function weights.of_loss(run)
  local named = {}
  for i, parameters in ipairs(run.parameters) do
    for name, value in pairs(parameters) do named[("%d.%s"):format(i, name)] = value end
  end
  return named
end

--- Reads a policy; `like` is one of Lua with the same tensors, nil for a Model.
function weights.load(path, like, refuse)
  if not like then return models.load(path) end
  local copy = like:clone()
  weights.read_tensors(path, weights.by_name(copy), refuse)
  return copy
end

return weights
