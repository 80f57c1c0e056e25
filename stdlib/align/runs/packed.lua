--- A batch as plain data, and back: token ids, columns and token columns with the same bits.
local batches = require "perilune.align.batch"
local models = require "perilune.models"
local tensor = require "perilune.tensor"

local packed = {}

--- A column as plain data: a tensor as a list of numbers with its shape and type, a list as it is.
local function column_of(value)
  if type(value) ~= "userdata" then return value end
  return { numbers = value:detach():flatten():totable(), size = value:size(), dtype = value:dtype() }
end

local function column_from(value)
  if type(value) ~= "table" or not value.numbers then return value end
  return tensor(value.numbers, value.dtype):reshape(value.size)
end

local function all(columns, convert)
  local result = {}
  for name, value in pairs(columns) do result[name] = convert(value) end
  return result
end

--- The plain data of Rows.
function packed.pack_rows(rows)
  local columns = {}
  for _, name in ipairs(rows:columns()) do columns[name] = rows:column(name) end
  return { prompts = rows:prompts(), responses = rows:responses(), rows = all(columns, column_of) }
end

--- The Rows of plain data.
function packed.unpack_rows(data)
  local rows = models.rows(data.prompts, data.responses)
  for name, value in pairs(data.rows) do rows = rows:with(name, column_from(value)) end
  return rows
end

--- Lists of token ids one after another, and how many each has.
local function joined(lists)
  local ids, lengths = {}, {}
  for i, list in ipairs(lists) do
    table.move(list, 1, #list, #ids + 1, ids)
    lengths[i] = #list
  end
  return tensor(ids, "i64"), tensor(lengths, "i64")
end

local function divided(ids, lengths, lists)
  local list, at = ids:totable(), 1
  for _, length in ipairs(lengths:totable()) do
    lists[#lists + 1] = table.move(list, at, at + length - 1, 1, {})
    at = at + length
  end
end

--- Rows as tensors by name.
function packed.tensors_of_rows(rows)
  local named = {}
  named.prompts, named.prompt_lengths = joined(rows:prompts())
  named.responses, named.response_lengths = joined(rows:responses())
  for _, name in ipairs(rows:columns()) do named["column " .. name] = rows:column(name) end
  return named
end

--- The Rows of several tables of tensors one after another; an empty table has no rows.
function packed.rows_of_tensors(parts)
  local prompts, responses, columns = {}, {}, {}
  for _, part in ipairs(parts) do
    if part.prompts then
      divided(part.prompts, part.prompt_lengths, prompts)
      divided(part.responses, part.response_lengths, responses)
    end
    for name, values in pairs(part) do
      local column = name:match "^column (.*)"
      if column then
        columns[column] = columns[column] or {}
        table.insert(columns[column], values)
      end
    end
  end
  local rows = models.rows(prompts, responses)
  for name, values in pairs(columns) do rows = rows:with(name, tensor.cat(values, 1)) end
  return rows
end

--- The plain data of a batch.
function packed.pack(batch)
  local data = packed.pack_rows(batch.rows)
  data.pairs, data.columns = batch:has_pairs() or false, all(batch.columns, column_of)
  data.tokens = all(batch.token_columns, column_of)
  return data
end

--- The batch of plain data.
function packed.unpack(data)
  local batch = batches.new { rows = packed.unpack_rows(data), pairs = data.pairs }
  for name, value in pairs(data.columns) do batch:set(name, column_from(value)) end
  for name, value in pairs(data.tokens) do batch:set_tokens(name, column_from(value)) end
  return batch
end

return packed
