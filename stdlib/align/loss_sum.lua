--- The weighted sum of several losses, each the mean over its own units.
local batches = require "perilune.align.batch"
local options = require "perilune.options"

local function union(lists)
  local all, seen = {}, {}
  for _, list in ipairs(lists) do
    for _, name in ipairs(list) do
      if not seen[name] then seen[name], all[#all + 1] = true, name end
    end
  end
  return all
end

return function(given, Loss)
  local Sum = { __name = "Loss" }
  Sum.__index = function(_, name) return Sum[name] or Loss[name] end

  function Sum:terms() return self.parts end

  function Sum:__tostring()
    local texts = {}
    for i, part in ipairs(self.parts) do texts[i] = ("%s %s"):format(part.weight, tostring(part.loss)) end
    return "loss.sum { " .. table.concat(texts, " + ") .. " }"
  end

  function Sum:__call(batch, parameters)
    local total
    for i, part in ipairs(self.parts) do
      local value = part.loss(batches.plain(batch), parameters and parameters[i]):mean() * part.weight
      total = total and total + value or value
    end
    return total
  end

  for key in pairs(given) do
    if math.type(key) ~= "integer" and key ~= "weights" then
      error(("loss.sum: unknown option '%s'; expected losses and weights"):format(tostring(key)), 3)
    end
  end
  if given.weights and #given.weights ~= #given then
    error(("loss.sum: %d weights for %d losses"):format(#given.weights, #given), 3)
  end
  local weights, parts, names, reads, prepares, splits = given.weights or {}, {}, {}, {}, {}, true
  for i, loss in ipairs(given) do
    if (getmetatable(loss) or {}).__name ~= "Loss" then
      local is_definition = (getmetatable(loss) or {}).__name == "LossDefinition"
      local got = is_definition and ("a definition: give %s {}"):format(loss.name)
      got = got or type(loss) == "string" and ("'%s', expected a loss: loss.%s {}"):format(loss, loss)
      error(("loss.sum: part %d is %s"):format(i, got or type(loss) .. ", expected a loss"), 3)
    end
    local weight = weights[i] or 1
    if type(weight) ~= "number" or weight - weight ~= 0 then
      error(("loss.sum: weight %d is %s, expected a finite number"):format(i, options.show(weight)), 3)
    end
    for _, term in ipairs(loss:terms()) do
      parts[#parts + 1] = { loss = term.loss, weight = weight * term.weight }
      names[#names + 1] = term.loss.name
    end
    reads[i], prepares[i], splits = loss.reads, loss.prepare_reads, splits and loss.splits
  end
  if #parts == 0 then error("loss.sum: no losses to add", 3) end
  return setmetatable({
    name = table.concat(names, " + "), parts = parts, splits = splits, options = parts[1].loss.options,
    reads = union(reads), prepare_reads = union(prepares), definition = {},
    source = parts[1].loss.source, teacher = false,
  }, Sum)
end
