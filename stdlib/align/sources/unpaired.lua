--- Batches of single labelled responses, in a new order each epoch: what KTO, BCO and APO-zero unpaired read.
--
--   align.sources.unpaired(list, { batch = 32, seed = 1 })
--
-- `list` has tables with `prompt` and `completion`, lists of token ids, and `label`, true where the
-- completion is desirable; these are the names of TRL's unpaired data sets. Further fields that every table
-- has, such as `prob_desirable`, become columns, and `weight`, 1 where a table has none. A batch of
-- `align.batch` with `label` does as well, one of pairs too: its chosen responses are desirable, and its rows
-- are dealt singly.
--
-- Errors: a row lacks a part, or does not fit the model (before the first step); there are fewer rows than a
-- batch.
--
--   > local one = { prompt = { 1 }, completion = { 2 }, label = true }
--   > print(unpaired({ one, one }, { batch = 2 }):batch(1).label)
--   [1, 1]
--   [Tensor f32 2]
--   > unpaired({ one, { prompt = { 1 }, completion = { 2 } } }, { batch = 2 })
--   sources.unpaired: row 2 has no 'label', expected true or false
--   > unpaired({ { prompt = { 1 }, response = { 2 }, label = true } }, { batch = 1 })
--   sources.unpaired: row 1 has no list of token ids 'completion'
local options = require "perilune.options"
local batches = require "perilune.align.batch"
local source = require "perilune.align.source"

local spec = options.spec("sources.unpaired", {
  { "batch", 32, "responses of a batch", least = 1 },
  { "seed", 0, "seed of the order" },
})

local parts <const> = { prompt = "prompts", completion = "responses" }

local function check(row, i)
  if type(row) ~= "table" then
    error(("sources.unpaired: row %d is %s, expected a table"):format(i, options.show(row)), 0)
  end
  for part in pairs(parts) do
    if type(row[part]) ~= "table" then
      error(("sources.unpaired: row %d has no list of token ids '%s'"):format(i, part), 0)
    end
  end
  if type(row.label) ~= "boolean" then
    local got = row.label == nil and "no 'label'" or ("label %s"):format(options.show(row.label))
    error(("sources.unpaired: row %d has %s, expected true or false"):format(i, got), 0)
  end
end

--- The columns of a list of rows; of further fields those that every row has, and `weight`, 1 where a row has
-- none.
local function columns_of(list)
  local columns, counts = { prompts = {}, responses = {} }, {}
  for i, row in ipairs(list) do
    check(row, i)
    for name, value in pairs(row) do
      local column = parts[name] or name
      columns[column] = columns[column] or {}
      columns[column][i], counts[column] = value, (counts[column] or 0) + 1
    end
  end
  for i = 1, columns.weight and #list or 0 do columns.weight[i] = columns.weight[i] or 1 end
  for name, count in pairs(counts) do
    if count < #list and name ~= "weight" then columns[name] = nil end
  end
  return columns
end

--- The rows of a batch, each for itself, with their labels.
local function rows_of(batch)
  if batch.label == nil then error("sources.unpaired: the batch has no column 'label'", 3) end
  local columns = { rows = batch.rows, label = batch.label }
  for name, column in pairs(batch.columns) do
    if name ~= "group" then columns[name] = column end
  end
  return columns
end

return function(given_rows, given)
  local o = spec:fill(given)
  if type(given_rows) ~= "table" then
    error("sources.unpaired: expected a list of rows, got " .. options.show(given_rows), 2)
  end
  local dataset = batches.new(given_rows.segments and rows_of(given_rows) or columns_of(given_rows))
  return source.of_dataset(spec, o, dataset, "rows/unpaired")
end
