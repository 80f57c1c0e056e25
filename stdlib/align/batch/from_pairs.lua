--- Packs a list of pair tables into a batch; an error names the pair and the part at fault.
local attempt = require "perilune.attempt"
local options = require "perilune.options"
local tensor = require "perilune.tensor"
local models = require "perilune.models"
local Batch = require "perilune.align.batch.parts"

local parts = { "prompt", "chosen", "rejected" }

--- Raises the error of the first pair that cannot be packed; `problem` is what packing all of them raised.
local function refuse(list, where, problem)
  for i = 1, #list do
    local pair = list[i]
    if type(pair) ~= "table" then
      error(("%s: pair %d is %s, expected a table"):format(where, i, tostring(pair)), 0)
    end
    for _, part in ipairs(parts) do
      local ids = pair[part]
      if type(ids) ~= "table" then
        error(("%s: pair %d has no list of token ids '%s'"):format(where, i, part), 0)
      elseif part == "prompt" and #ids == 0 then
        error(("%s: pair %d has an empty prompt"):format(where, i), 0)
      end
      local ok, message = attempt.call(models.rows, { { 0 } }, { ids })
      if not ok then
        message = tostring(message):match "token ids: (.*)%)$" or tostring(message)
        error(("%s: pair %d: %s: %s"):format(where, i, part, message), 0)
      end
    end
  end
  error(problem, 0)
end

--- The rows with the recorded log-probabilities of all response tokens, where every pair has them.
local function with_logps(list, rows)
  local all = {}
  for _, part in ipairs { "chosen", "rejected" } do
    for _, pair in ipairs(list) do
      local logps = pair[part .. "_logps"]
      if type(logps) ~= "table" or #logps ~= #pair[part] then return rows end
      table.move(logps, 1, #logps, #all + 1, all)
    end
  end
  return #all > 0 and rows:with("logps", tensor(all)) or rows
end

--- The field `name` of each pair, as a list; nil where no pair has a number of that name, or where one has
-- none and there is no `default`. Errors: one has something else.
local function numbers(list, name, default, where)
  local column, has_any = {}, false
  for i, pair in ipairs(list) do
    local is_number = type(pair[name]) == "number"
    if pair[name] ~= nil and not is_number then
      error(("%s: pair %d: %s is %s, expected a number"):format(where, i, name, options.show(pair[name])), 0)
    end
    if name == "weight" and is_number and not (pair.weight >= 0 and pair.weight < math.huge) then
      error(("%s: pair %d: weight is %s, expected a number of at least 0"):format(
        where, i, options.number_text(pair.weight)), 0)
    end
    if not is_number and not default then return nil end
    column[i], has_any = is_number and pair[name] or default, has_any or is_number
  end
  return has_any and column or nil
end

--- Sets the columns of the fields that are numbers. `true_label` is the chosen response's: what a judge
-- without faults says of the pair.
local function set_numbers(batch, list, where)
  local n = #list
  for name, default in pairs(Batch.numbers_of_pairs) do
    local column = numbers(list, name, default, where)
    if column then batch:set(name, table.move(column, 1, n, n + 1, column)) end
  end
  local labels = numbers(list, "true_label", nil, where)
  for i = 1, labels and n or 0 do labels[n + i] = 1 - labels[i] end
  if labels then batch:set("true_label", labels) end
end

return function(list, where)
  local n = #list
  for key in pairs(list) do
    if math.type(key) == "integer" and key > n then error(("%s: pair %d is nil"):format(where, n + 1), 0) end
  end
  local prompts, responses = {}, {}
  for i = 1, n do
    local pair = list[i]
    if type(pair) ~= "table" then refuse(list, where) end
    for half, part in ipairs { "chosen", "rejected" } do
      local row = (half - 1) * n + i
      prompts[row], responses[row] = pair.prompt, pair[part]
    end
  end
  local ok, rows = attempt.call(models.rows, prompts, responses)
  if not ok or #rows ~= 2 * n then refuse(list, where, rows) end
  local batch = Batch.assemble { rows = with_logps(list, rows), pair_count = n, given = list }
  for name in pairs(Batch.lists) do
    local column = {}
    for i = 1, n do column[i], column[n + i] = list[i][name], list[i][name] end
    if n > 0 and #column == 2 * n and list[1][name] ~= nil then batch:set(name, column) end
  end
  set_numbers(batch, list, where)
  return batch
end
