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
