--- A batch: rows of tokens, and what is known of each row. Sources give batches, losses read them.
--
-- `batch.rows` are the prompts and responses (see `?Rows`). A column has one entry a row: a tensor [n] of
-- numbers (`reward`, `label`, `advantage`), or a list (`group`, `writer`, `checkpoint`, `step`). A token
-- column has one number a response token, packed [N]: `old_logps` and `sampling_logps` come from the sampler,
-- `logps`, `ref_logps` and the like from the trainer.
--
--   > local b = batch.new { prompts = { { 1 }, { 1 } }, responses = { { 2, 3 }, { 4 } }, reward = { 1, 0 } }
--   > print(#b, b.reward:sum():item(), b.lengths:sum():item())
--   2	1.0	3.0
--   > print(b:sums(b:spread "reward"))
--   [2, 0]
--   [Tensor f32 2]
--
-- Pairs are a view: the first half of the rows are the chosen responses, the second half the rejected ones.
--
--   > local p = batch.of_pairs { { prompt = { 1 }, chosen = { 2, 3 }, rejected = { 4 } } }
--   > print(p.chosen_lengths:item(), p.rejected_lengths:item(), p[1].chosen[2])
--   2.0	1.0	3
local models = require "perilune.models"
local options = require "perilune.options"
local segments = require "perilune.align.batch.segments"
local from_pairs = require "perilune.align.batch.from_pairs"
local Batch = require "perilune.align.batch.parts"

local batch = {}

--- A batch of `rows`, or of `prompts` and `responses`; every other key is a column, except `pairs`: true
-- where the first half of the rows are chosen responses and the second half the rejected ones to the same
-- prompts.
--
--   > batch.new { prompts = { { 1 } }, responses = { { 2 } }, reward = { 1, 2 } }
--   batch: column 'reward' has 2 entries for 1 rows
function batch.new(given)
  if type(given) ~= "table" then error("batch.new: expected a table, got " .. options.show(given), 2) end
  local rows = given.rows
  if not rows then
    if not (given.prompts and given.responses) then
      error("batch.new: expected rows, or prompts and responses", 2)
    end
    rows = models.rows(given.prompts, given.responses)
  elseif (getmetatable(rows) or {}).__name ~= "Rows" then
    error("batch.new: rows must be Rows, not " .. options.show(rows), 2)
  end
  if given.pairs and #rows % 2 == 1 then error(("batch: %d rows make no pairs"):format(#rows), 2) end
  local made = Batch.assemble { rows = rows, pair_count = given.pairs and #rows // 2 or nil }
  for name, value in pairs(given) do
    if name ~= "rows" and name ~= "prompts" and name ~= "responses" and name ~= "pairs" then
      made:set(name, value)
    end
  end
  return made
end

--- A batch of pairs from a list of tables with `prompt`, `chosen` and `rejected`, lists of token ids. What
-- every pair has of `step`, `checkpoint`, `writer`, `gold` (a list of ids), `true_label` (a number),
-- `chosen_logps` and `rejected_logps` (numbers, one a token) becomes columns; `margin` and `weight` where any
-- pair has them, 0 and 1 for the others. A batch of pairs is returned as it is. `where` opens the error
-- messages.
--
--   > batch.of_pairs { { prompt = { 1 }, chosen = { 2 } } }
--   batch.of_pairs: pair 1 has no list of token ids 'rejected'
function batch.of_pairs(list, where)
  where = where or "batch.of_pairs"
  if type(list) ~= "table" then
    error(("%s: expected a list of pairs, got %s"):format(where, type(list)), 2)
  end
  if getmetatable(list) ~= Batch then return from_pairs(list, where) end
  if not list:has_pairs() then error(where .. ": expected a batch of pairs, got one of rows", 2) end
  return list
end

--- A batch without token ids, to try a loss on: `lengths` (a list, response tokens of each row), columns,
-- token columns as tensors [N], and `pairs` as in `batch.new`. A table without `lengths` is returned as it
-- is.
--
--   > print(batch.plain { lengths = { 2, 1 }, logps = T{ -1, -2, -3 } }:sums "logps")
--   [-3, -3]
--   [Tensor f32 2]
function batch.plain(given)
  if getmetatable(given) or type(given.lengths) ~= "table" then return given end
  local count = #given.lengths
  local runs = segments(given.lengths)
  local made = Batch.assemble { segments = runs, pair_count = given.pairs and count // 2 or nil }
  for name, value in pairs(given) do
    local is_tensor = type(value) == "userdata"
    local is_token = is_tensor and value:size(1) == runs:token_count()
    if is_token and (name:find "logps$" or value:size(1) ~= count) then
      made:set_tokens(name, value)
    elseif name ~= "lengths" and name ~= "pairs" then
      made:set(name, value)
    end
  end
  return made
end

--- The numbers of the groups of several batches, 1 for the first: groups of two batches are never one.
local function groups_of(parts)
  local all, count = {}, 0
  for _, part in ipairs(parts) do
    local number = {}
    for _, id in ipairs(part.columns.group) do
      if not number[id] then count, number[id] = count + 1, count + 1 end
      all[#all + 1] = number[id]
    end
  end
  return all
end

--- The units of several batches one after another, with the columns that all have; all of pairs, or none.
-- Groups are numbered anew.
--
--   > local one = batch.new { prompts = { { 1 } }, responses = { { 2 } }, group = { 7 } }
--   > table.concat(batch.concat { one, one }.group, " ")
--   1 2
--   > batch.concat { one, batch.of_pairs { { prompt = { 1 }, chosen = { 2 }, rejected = { 3 } } } }
--   batch.concat: batch 2 has pairs, batch 1 has none
function batch.concat(parts)
  local first = parts[1]
  if not first then error("batch.concat: no batches to join", 2) end
  local has_pairs = first:has_pairs()
  local rows, places, count = first.rows, {}, 0
  for i = 2, #parts do
    if parts[i]:has_pairs() ~= has_pairs then
      error(("batch.concat: batch %d has %s, batch 1 has %s"):format(
        i, has_pairs and "none" or "pairs", has_pairs and "pairs" or "none"), 2)
    end
    rows = rows:concat(parts[i].rows)
  end
  for half = 1, has_pairs and 2 or 1 do
    local start = 0
    for _, part in ipairs(parts) do
      for i = 1, #part do places[#places + 1] = start + (half - 1) * #part + i end
      start = start + #part.rows
    end
  end
  for _, part in ipairs(parts) do count = count + #part end
  local all = Batch.assemble { rows = rows }
  for name in pairs(first.columns) do
    local columns = {}
    for _, part in ipairs(parts) do columns[#columns + 1] = part.columns[name] end
    if #columns == #parts then
      all:set(name, name == "group" and groups_of(parts) or Batch.joined(columns))
    end
  end
  local joined = all:at_rows(places, has_pairs and count or nil)
  joined:forget_parent()
  return joined
end

return options.strict("align.batch", batch)
