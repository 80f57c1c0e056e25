--- The class of batches: columns, token columns, reductions and views of pairs.
--
--   > local batch = require "perilune.align.batch"
--   > local b = batch.new { prompts = { { 1 }, { 1 } }, responses = { { 2, 3 }, { 4 } } }
--   > b:set("reward", { 1, 0 })
--   > b:set_tokens("logps", T{ -1, -3, -2 })
--   > print(b:means(b.logps))
--   [-2, -2]
--   [Tensor f32 2]
--   > print(b:sums(b.logps))
--   [-4, -2]
--   [Tensor f32 2]
--   > b:column_names()
--   logps, reward
--   > b:name_of(2), b:record(1).response[2], #b:list()
--   row 2	3	2
--   > b:set("group", { "a", "a" })
--   > print((b:group_means(b.reward)))
--   [0.5, 0.5]
--   [Tensor f32 2]
--   > local p = require "perilune.align.batch".of_pairs {
--   >>   { prompt = { 1 }, chosen = { 2 }, rejected = { 4 }, gold = { 3 } } }
--   > #p:halves(p.lengths), #p:gold_rows()
--   1	1
--   > local models = require "perilune.models"
--   > p:check(models.transformer { vocab = 4, dim = 8, layers = 1, heads = 1, max_length = 8 }, "my step")
--   my step: pair 1: rejected: token 2 is 4, not a token id: expected 0..3 (vocab 4)
local models = require "perilune.models"
local options = require "perilune.options"
local tensor = require "perilune.tensor"

local Batch = { __name = "Batch" }

--- Columns that stay lists, whatever their entries.
Batch.lists = { group = true, step = true, writer = true, checkpoint = true, gold = true }

--- Fields of a pair that become a column of numbers, the same for both responses, where any pair has them:
-- what they are where a pair has none.
Batch.numbers_of_pairs = { margin = 0, weight = 1 }

--- What losses on pairs read: the token column it is the sum of, and the half of the rows.
local views = {
  chosen = { "logps", 1 }, rejected = { "logps", 2 },
  ref_chosen = { "ref_logps", 1 }, ref_rejected = { "ref_logps", 2 },
  chosen_lengths = { "lengths", 1 }, rejected_lengths = { "lengths", 2 },
}

--- Makes a batch of its fields: `rows`, or `segments` where there are no token ids; `pair_count`.
function Batch.assemble(fields)
  fields.segments = fields.segments or fields.rows
  fields.columns, fields.token_columns, fields.cache, fields.stored = {}, {}, {}, {}
  fields.pair_count, fields.parent = fields.pair_count or false, fields.parent or false
  fields.places, fields.given = fields.places or false, fields.given or false
  fields.part, fields.places_in_part = false, false
  fields.rows = fields.rows or false
  return setmetatable(fields, Batch)
end

--- The columns of several batches one after another.
function Batch.joined(columns)
  if type(columns[1]) == "userdata" then return tensor.cat(columns, 1) end
  local all = {}
  for _, column in ipairs(columns) do table.move(column, 1, #column, #all + 1, all) end
  return all
end

local function computed(self, name)
  local rows, n = self.rows, self.pair_count
  if name == "lengths" then return self.segments:lengths() end
  if rows then
    if name == "prompt_lengths" then return rows:prompt_lengths() end
    -- "logps" of the rows are those of the policy that wrote them.
    local column = name ~= "logps" and rows:column(name) or name == "old_logps" and rows:column "logps"
    if column then return column end
  end
  if not n then return nil end
  if name == "gold_lengths" and self.gold then
    local lengths = {}
    for i = 1, n do lengths[i] = #self.gold[i] end
    return tensor(lengths)
  end
  local view = views[name]
  if view and self[view[1]] then
    local whole = view[1] == "lengths" and self.lengths or self:sums(view[1])
    return whole:narrow(1, (view[2] - 1) * n + 1, n)
  end
  -- A chosen response is desirable, a rejected one is not.
  if name == "label" then return tensor.cat({ tensor.ones(n), tensor.zeros(n) }, 1) end
end

function Batch.__index(self, name)
  if math.type(name) == "integer" then return Batch.record(self, name) end
  local method = rawget(Batch, name)
  if method ~= nil then return method end
  local value = self.token_columns[name]
  if value == nil then value = self.columns[name] end
  if value == nil then value = self.cache[name] end
  if value == nil then
    value = computed(self, name)
    self.cache[name] = value
  end
  return value
end

--- `batch.name = column` sets a column.
function Batch.__newindex(self, name, value) Batch.set(self, name, value) end

--- The number of pairs, or of rows where the batch has no pairs.
function Batch.__len(self) return self.pair_count or #self.segments end

function Batch.__tostring(self)
  local names = {}
  for name in pairs(self.columns) do names[#names + 1] = name end
  table.sort(names)
  local list = #names > 0 and ": " .. table.concat(names, ", ") or ""
  return ("[Batch %d %s%s]"):format(#self, self.pair_count and "pairs" or "rows", list)
end

--- Whether the rows are pairs: the chosen responses first, then the rejected ones.
--
--   > local batch = require "perilune.align.batch"
--   > batch.of_pairs({ { prompt = { 1 }, chosen = { 2 }, rejected = { 3 } } }):has_pairs()
--   true
--   > batch.new({ prompts = { { 1 } }, responses = { { 2 } } }):has_pairs()
--   false
function Batch:has_pairs() return self.pair_count and true end

--- Sets a column: a tensor [n], or a list of n entries. Lists of numbers and of booleans become tensors,
-- those of `group`, `step`, `writer`, `checkpoint` and `gold` stay lists. n is the number of rows. Errors:
-- there are more or fewer entries than rows, or entries of two types.
--
--   > local batch = require "perilune.align.batch"
--   > local b = batch.new { prompts = { { 1 }, { 1 } }, responses = { { 2 }, { 3 } } }
--   > b:set("reward", { 0.5, 1 })
--   > b.reward:numel()
--   2
--   > b:set("reward", { 1 })
--   batch: column 'reward' has 1 entries for 2 rows
function Batch:set(name, value)
  local count = #self.segments
  local function refuse(message, ...)
    error(("batch: column '%s' "):format(name) .. message:format(...), 3)
  end
  if type(value) == "userdata" then
    if value:dim() ~= 1 or value:numel() ~= count then
      refuse("has shape %s, expected %d numbers, one a row", table.concat(value:size(), "x"), count)
    end
  elseif type(value) ~= "table" then
    refuse("is a %s, expected a list or a tensor", type(value))
  else
    if #value ~= count then refuse("has %d entries for %d rows", #value, count) end
    local kind, numbers = type(value[1]), {}
    for i = 1, count do
      if value[i] == nil then refuse("has no entry %d", i) end
      if type(value[i]) ~= kind then refuse("has a %s at entry %d, not a %s", type(value[i]), i, kind) end
      numbers[i] = kind == "boolean" and (value[i] and 1 or 0) or value[i]
    end
    local is_numeric = kind == "number" or kind == "boolean"
    if is_numeric and not Batch.lists[name] then value = tensor(numbers) end
  end
  self.columns[name] = value
  rawset(self, "cache", {})
end

--- Sets a token column: a tensor [N] or [N, ...], an entry for each response token of all rows in order.
--
--   > local b = require "perilune.align.batch".new { prompts = { { 1 } }, responses = { { 2, 3 } } }
--   > b:set_tokens("logps", T{ -1, -3 })
--   > b.logps:numel()
--   2
function Batch:set_tokens(name, value)
  self.token_columns[name] = value
  rawset(self, "cache", {})
end

local function reduced(self, how, x)
  if type(x) ~= "string" then return self.segments[how](self.segments, x) end
  local key = how .. " " .. x
  if not self.cache[key] then
    local values = self[x]
    if values == nil then error(("the batch has no '%s'"):format(x), 3) end
    self.cache[key] = self.segments[how](self.segments, values)
  end
  return self.cache[key]
end

--- The sum over each response of a token column, named or given: [N] -> [n]. Errors: there is no such column.
--
--   > local b = require "perilune.align.batch".new { prompts = { { 1 } }, responses = { { 2, 3 } } }
--   > b:set_tokens("logps", T{ -1, -3 })
--   > b:sums("logps"):item(), b:means("logps"):item(), b:spread(T{ 7 }):numel()
--   -4.0	-2.0	2
--   > b:sums "logits"
--   the batch has no 'logits'
function Batch:sums(x) return reduced(self, "sums", x) end

--- The mean over each response, 0 for an empty one: [N] -> [n].
function Batch:means(x) return reduced(self, "means", x) end

--- The number of each row at each of its response tokens: [n] -> [N].
function Batch:spread(y) return self.segments:spread(type(y) == "string" and self[y] or y) end

--- The chosen and the rejected half of one number a row: [2n] -> [n], [n].
function Batch:halves(y)
  local n = self.pair_count
  if not n then error("the batch has no pairs", 2) end
  return y:narrow(1, 1, n), y:narrow(1, n + 1, n)
end

--- The chosen and the rejected responses of pairs `from` to `to`, all unless given, as Rows.
--
--   > local pair = { prompt = { 1 }, chosen = { 2 }, rejected = { 3, 3 } }
--   > local batch = require "perilune.align.batch".of_pairs({ pair, pair }, "example")
--   > local chosen, rejected = batch:pair_rows(2)
--   > #chosen, #rejected:response(1)
--   1	2
function Batch:pair_rows(from, to)
  local n, chosen, rejected = self.pair_count, {}, {}
  if not n then error("the batch has no pairs", 2) end
  for i = from or 1, to or n do
    chosen[#chosen + 1], rejected[#rejected + 1] = i, n + i
  end
  return self.rows:select(chosen), self.rows:select(rejected)
end

--- The mean over its group of one number a row, and the size of the group, at every row: [n] -> [n], [n].
function Batch:group_means(y)
  local units, number = self:units(), {}
  for i, unit in ipairs(units) do
    for _, row in ipairs(unit) do number[row] = i end
  end
  local index = tensor(number, "i64")
  local dtype = y:dtype()
  local sizes = tensor.zeros(#units, dtype):index_add(1, index, tensor.ones(#number, dtype))
  local means = tensor.zeros(#units, dtype):index_add(1, index, y) / sizes
  return means:index_select(1, index), sizes:index_select(1, index)
end

--- The gold responses of the pairs, to the same prompts, as Rows: the lists of ids in the column `gold`.
function Batch:gold_rows()
  local prompts, gold = {}, {}
  for i = 1, self.pair_count do prompts[i], gold[i] = self.rows:prompt(i), self.gold[i] end
  return models.rows(prompts, gold)
end

--- The names of what the batch has, for messages.
function Batch:column_names()
  local names = {}
  for name in pairs(self.columns) do names[#names + 1] = name end
  for name in pairs(self.token_columns) do names[#names + 1] = name end
  for _, name in ipairs(self.rows and self.rows:columns() or {}) do
    names[#names + 1] = name == "logps" and "old_logps" or name
  end
  table.sort(names)
  return #names > 0 and table.concat(names, ", ") or "no columns"
end

--- The row of a response token, and its place in the row.
local function token_place(self, token)
  local row = 1
  for _, length in ipairs(self.lengths:totable()) do
    if token <= length then break end
    row, token = row + 1, token - math.tointeger(length)
  end
  return row, token
end

--- The first number that is not finite in the entries of a column, and the place of its entry.
local function exception(column)
  if type(column) == "userdata" then
    if column:isfinite():all() then return nil end
    local flat = column:flatten():totable()
    for i, number in ipairs(flat) do
      if number - number ~= 0 then return number, (i - 1) // (#flat // column:size(1)) + 1 end
    end
  end
  for i, entry in ipairs(type(column) == "table" and column or {}) do
    if type(entry) == "table" then
      local number = exception(entry)
      if number then return number, i end
    elseif type(entry) == "number" and entry - entry ~= 0 then
      return entry, i
    end
  end
end

local function check_column(self, name, column, is_of_tokens, where)
  local number, row = exception(column)
  if not number then return end
  local at = ""
  if is_of_tokens then
    local token
    row, token = token_place(self, row)
    at = " at token " .. token
  end
  error(("%s: %s: column '%s' is %s%s, expected finite numbers"):format(
    where, self:name_of(row), name, options.number_text(number), at), 0)
end

--- Refuses a batch with a number that is not finite; the error begins with `where`, and names the pair or row
-- and the column.
--
--   > local b = require "perilune.align.batch".new { prompts = { { 1 } }, responses = { { 2, 3 } } }
--   > b:set_tokens("old_logps", T{ -1, 0 / 0 })
--   > b:check_finite "step 1"
--   step 1: row 1: column 'old_logps' is nan at token 2, expected finite numbers
function Batch:check_finite(where)
  for name, column in pairs(self.columns) do check_column(self, name, column, false, where) end
  for name, column in pairs(self.token_columns) do check_column(self, name, column, true, where) end
  for _, name in ipairs(self.rows and self.rows:columns() or {}) do
    local shown = name == "logps" and "old_logps" or name
    check_column(self, shown, self.rows:column(name), true, where)
  end
end

--- Refuses a batch that a model cannot read; the error begins with `where` and names the pair or row.
function Batch:check(model, where)
  local row, reason = model:misfit(self.rows)
  if row then error(("%s: %s: %s"):format(where, self:name_of(row), reason), 0) end
end

--- What row `row` is called in messages: "pair 3: rejected", "row 3".
function Batch:name_of(row)
  local n = self.pair_count
  if not n then return ("row %d"):format(row) end
  return ("pair %d: %s"):format((row - 1) % n + 1, row <= n and "chosen" or "rejected")
end

--- Pair i, or row i where the batch has no pairs, as a plain table; nil beyond the last.
function Batch:record(i)
  if i < 1 or i > #self then return nil end
  if self.given then return self.given[i] end
  local rows, n, record = self.rows, self.pair_count, { prompt = self.rows:prompt(i) }
  for name, column in pairs(self.columns) do
    record[name] = type(column) == "userdata" and column[i]:item() or column[i]
  end
  local logps = self.cache["split logps"]
  if logps == nil then
    local column = rows:column "logps"
    logps = column and rows:split(column) or false
    self.cache["split logps"] = logps
  end
  local function add(name, row)
    record[name] = rows:response(row)
    if logps then record[name == "response" and "logps" or name .. "_logps"] = logps[row]:totable() end
  end
  if not n then
    add("response", i)
  else
    add("chosen", i)
    add("rejected", n + i)
  end
  return record
end

--- All pairs or rows as a list of plain tables, which `formats.save_json_lines` can write.
function Batch:list()
  local list = {}
  for i = 1, #self do list[i] = self:record(i) end
  return list
end

return Batch
