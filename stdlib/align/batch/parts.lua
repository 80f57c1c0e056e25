--- Parts of a batch: its units, selections of them, views, and what is stored of a model for the rows.
--
--   > local batch = require "perilune.align.batch"
--   > local b = batch.new { prompts = { { 1 }, { 1 }, { 1 } }, responses = { { 2, 3 }, { 4 }, { 5 } } }
--   > #b:units(), #b:select { 1, 3 }, #b:at_rows({ 2 }, nil)
--   3	2	1
--   > local seen = b:view()
--   > seen:set("reward", { 1, 2, 3 })
--   > b.reward, #seen.reward
--   nil	3
--   > local function compute() return { ref_logps = T.zeros(4) } end
--   > local kept = b:stored_tokens("a model", { "ref_logps" }, compute)
--   > kept.ref_logps:numel()
--   4
--   > b:forget_tokens "a model"
--   > b:forget_parent()
local tensor = require "perilune.tensor"
local Batch = require "perilune.align.batch.class"

--- What the batch is cut into: a list of lists of rows. The rows of a pair stay together, and those of a
-- group.
function Batch:units()
  local n, group, units = self.pair_count, self.columns.group, {}
  if n then
    for i = 1, n do units[i] = { i, n + i } end
  elseif group then
    local of = {}
    for i, id in ipairs(group) do
      if not of[id] then
        of[id] = {}
        units[#units + 1] = of[id]
      end
      table.insert(of[id], i)
    end
  else
    for i = 1, #self.segments do units[i] = { i } end
  end
  return units
end

--- The batch of some units, by their places in `units()`, with columns and token columns.
function Batch:select(places)
  local n, rows = self.pair_count, {}
  local units = not n and self:units()
  for i, place in ipairs(places) do
    local unit = n and place >= 1 and place <= n and place or units and units[place]
    if not unit then
      error(("batch: unit %s is out of 1..%d"):format(tostring(place), n or #units), 2)
    elseif n then
      rows[i], rows[#places + i] = place, n + place
    else
      table.move(unit, 1, #unit, #rows + 1, rows)
    end
  end
  return self:at_rows(rows, n and #places)
end

--- The batch of the rows at `places`. What is stored of a reference stays with the batch that they are rows
-- of.
function Batch:at_rows(places, pair_count)
  local at, origin = tensor(places, "i64"), {}
  for i, place in ipairs(places) do origin[i] = self.places and self.places[place] or place end
  local part = Batch.assemble {
    rows = self.rows:select(places), pair_count = pair_count, parent = self.parent or self, places = origin,
  }
  for name, column in pairs(self.columns) do
    local values = {}
    if type(column) == "userdata" then
      values = column:index_select(1, at)
    else
      for i, place in ipairs(places) do values[i] = column[place] end
    end
    part.columns[name] = values
  end
  for name, column in pairs(self.token_columns) do
    local of_row, values = self.rows:split(column), {}
    for i, place in ipairs(places) do values[i] = of_row[place] end
    part.token_columns[name] = tensor.cat(values, 1)
  end
  return part
end

--- Makes the batch one of its own: what is stored of a reference is stored here.
function Batch:forget_parent()
  rawset(self, "parent", false)
  rawset(self, "places", false)
end

--- Token columns [N] that depend on a model, whose hash is given, and on each row alone: a table by name.
-- They are computed once for every row of a data set and stored with it. `compute(rows)` gives all of them.
function Batch:stored_tokens(hash, names, compute)
  local store, count = (self.parent or self).stored, #self.segments
  local found, missing = {}, false
  for _, name in ipairs(names) do
    local key, parts = name .. " " .. hash, {}
    store[key] = store[key] or {}
    for i = 1, count do
      parts[i] = store[key][self.places and self.places[i] or i]
      if not parts[i] then break end
    end
    if #parts == count then found[name] = tensor.cat(parts, 1) else missing = true end
  end
  if not missing then return found end
  local values = compute(self.rows)
  for _, name in ipairs(names) do
    local known = store[name .. " " .. hash]
    for i, part in ipairs(self.rows:split(values[name])) do
      known[self.places and self.places[i] or i] = part
    end
  end
  return values
end

--- Forgets what is stored of the model with this hash.
function Batch:forget_tokens(hash)
  local store = (self.parent or self).stored
  for key in pairs(store) do
    if key:sub(-#hash) == hash then store[key] = nil end
  end
end

--- The same batch with its own table of columns: what is set on the view is not set on the batch.
function Batch:view()
  local view = Batch.assemble {
    rows = self.rows, segments = self.segments, pair_count = self.pair_count, parent = self.parent or self,
    places = self.places,
  }
  for name, column in pairs(self.columns) do view.columns[name] = column end
  for name, column in pairs(self.token_columns) do view.token_columns[name] = column end
  return view
end

return Batch
