--- What is in a data set, in a few lines.
local attempt = require "perilune.attempt"
local options = require "perilune.options"
local stats = require "perilune.align.evaluate.stats"
local text_table = require "perilune.align.evaluate.text_table"
local tokens = require "perilune.data.tokens"

local describe = {}

--- A value as one text, for lengths and for telling equal ones.
local function written(value)
  if type(value) == "string" then return value end
  local out = {}
  for i, message in ipairs(value) do
    local content = message.content
    if type(content) == "table" then
      local parts = {}
      for k, one in ipairs(content) do parts[k] = tostring(one.text or one.type or "") end
      content = table.concat(parts)
    end
    out[i] = tostring(message.role) .. ": " .. tostring(content or "")
  end
  return table.concat(out, "\n")
end

local columns <const> = { "prompt", "messages", "text", "completion", "chosen", "rejected" }

local function quantile(sorted, share) return sorted[math.max(1, math.ceil(share * #sorted))] end

--- The columns of rows of ids.
local ids_of <const> = { prompt = "prompt_ids", messages = "input_ids", completion = "completion_ids",
  chosen = "chosen_ids", rejected = "rejected_ids" }

--- A function (i, column) that gives the length of a part of record i, or nil where it has none. Messages
-- have the tokens that the chat template gives them, where the tokenizer has one.
local function measure(set, o)
  local records, tokenizer = set.records, o.tokenizer
  local has_template = tokenizer and (o.template or attempt.call(tokenizer.chat_template, tokenizer))
  if has_template and set.conversational then
    local rows = {}
    for _, row in ipairs((tokens.tokenize(set, { tokenizer = tokenizer, template = o.template }))) do
      rows[row.record] = row
    end
    return function(i, column)
      local ids = records[i][column] and rows[i] and rows[i][ids_of[column]]
      return ids and #ids
    end
  end
  return function(i, column)
    local part = records[i][column] and written(records[i][column])
    return part and (tokenizer and #tokenizer:encode(part) or utf8.len(part) or #part)
  end
end

local function lengths(set, length)
  local rows = {}
  for _, column in ipairs(columns) do
    local list = {}
    for i = 1, #set.records do list[#list + 1] = length(i, column) end
    if #list > 0 then
      table.sort(list)
      rows[#rows + 1] = { column, ("%.1f"):format(stats.summary(list).mean), tostring(quantile(list, 0.5)),
        tostring(quantile(list, 0.95)), tostring(list[#list]) }
    end
  end
  return rows
end

--- The prompt of a record as a text that is equal for equal prompts.
local function prompt_of(record) return record.prompt and written(record.prompt) end

--- What the pairs of a preference set show: equal ones, and how often the longer response is chosen.
local function pairs_of(set, length)
  local equal, longer, shorter, seen, twice, flipped = 0, 0, 0, {}, 0, 0
  for i, record in ipairs(set.records) do
    local prompt, a, b = prompt_of(record), written(record.chosen), written(record.rejected)
    local x, y = length(i, "chosen") or 0, length(i, "rejected") or 0
    if a == b then equal = equal + 1
    elseif x > y then longer = longer + 1
    elseif x < y then shorter = shorter + 1 end
    local key = prompt .. "\0" .. a .. "\0" .. b
    if seen[key] then twice = twice + 1 end
    if a ~= b and seen[prompt .. "\0" .. b .. "\0" .. a] then flipped = flipped + 1 end
    seen[key] = true
  end
  return { equal = equal, longer = longer, shorter = shorter, twice = twice, flipped = flipped }
end

--- How many prompts of one set are in another.
local function overlap(a, b)
  local own, shared, count = {}, 0, 0
  for _, record in ipairs(a.records) do own[prompt_of(record) or ""] = true end
  local seen = {}
  for _, record in ipairs(b.records) do
    local prompt = prompt_of(record)
    if prompt and not seen[prompt] then
      seen[prompt], count = true, count + 1
      if own[prompt] then shared = shared + 1 end
    end
  end
  return shared, count
end

local spec = options.spec("data.describe", {
  { "tokenizer", options.optional "table|Tokenizer",
    "lengths in its tokens instead of characters, of messages as its chat template writes them" },
  { "template", options.optional "string", "a chat template, or the name of one; the tokenizer's by "
    .. "default" },
  { "splits", options.optional "table", "other sets by name, such as test, whose prompts are compared" },
})

--- Lengths, equal pairs, length bias, prompts shared with other splits, and what was left out, as a text.
--
--   > local data = require "perilune.data"
--   > local set = data.of({ { prompt = "a", chosen = " bc", rejected = " b" } }, "two.jsonl")
--   > print(data.describe(set))
--   two.jsonl: 1 records, preference
--   length in characters  mean  median  95 %  most
--   prompt                1.0   1       1     1
--   chosen                3.0   3       3     3
--   rejected              2.0   2       2     2
--   pairs: 0 with equal responses, 0 twice, 0 also the other way round
--   length bias: the longer response is chosen in 100 % of 1 pairs of different length
--   left out: nothing
function describe.text(set, given)
  local o = spec:fill(given)
  if type(set) ~= "table" or not rawget(set, "records") then
    error("data.describe: expected a data set of data.load or data.of, not " .. options.show(set), 2)
  end
  local length = measure(set, o)
  local lines = { ("%s: %d records, %s%s"):format(set.path, #set.records, set.kind,
    set.conversational and ", conversational" or "") }
  lines[2] = text_table({ o.tokenizer and "length in tokens" or "length in characters", "mean", "median",
    "95 %",
    "most" }, lengths(set, length)):gsub("%s+\n", "\n"):gsub("%s+$", "")
  if set.kind == "preference" then
    local found = pairs_of(set, length)
    lines[#lines + 1] = ("pairs: %d with equal responses, %d twice, %d also the other way round"):format(
      found.equal, found.twice, found.flipped)
    local different = found.longer + found.shorter
    lines[#lines + 1] = ("length bias: the longer response is chosen in %.0f %% of %d pairs of different "
      .. "length"):format(100 * found.longer / math.max(1, different), different)
  end
  local names = {}
  for name in pairs(o.splits or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local shared, count = overlap(set, o.splits[name])
    lines[#lines + 1] = ("overlap: %d of %d prompts of '%s' are here too"):format(shared, count, name)
  end
  local reasons = {}
  for why, count in pairs(set.left_out) do reasons[#reasons + 1] = ("%d %s"):format(count, why) end
  table.sort(reasons)
  lines[#lines + 1] = "left out: " .. (#reasons > 0 and table.concat(reasons, ", ") or "nothing")
  return table.concat(lines, "\n")
end

return options.strict("data.describe", describe)
