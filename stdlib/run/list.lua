--- Runs found by their settings: listed, tabled with intervals, compared, written as CSV.
--
--   local list = run.runs { task = "sentiment" }
--   #list, list[1].status, list:curve("win")[1].values
--   list:table { rows = "side", cols = "loss.beta", value = "win", by = "seed" }
--
--   > local run = require "perilune.run"
--   > local folder = os.tmpname() .. ".runs"
--   > for seed = 1, 2 do
--   >>   local job = run.open { name = "r" .. seed, folder = folder, config = { seed = seed } }
--   >>   for step in job:steps(3) do job:log { loss = seed / step } end
--   >> end
--   > local list = run.runs { folder = folder }
--   > #list:columns("seed"), #list:curve("loss"), list:differing()[1]
--   2	2	seed
--   > #list:diff(1, 2)
--   1
--   > list:table { rows = "seed", value = "loss" }
--   seed  loss
--   1     0.333 (1)
--   2     0.667 (1)
--   > list:tensorboard(folder .. "/tb")
--   > list:trackio(folder .. "/runs.db")
local native = require "perilune.native.run"
local options = require "perilune.options"
local Record = require "perilune.run.record"
local Table = require "perilune.run.table"
local identity = require "perilune.run.identity"

local List = { __name = "Runs" }

--- Position i is a run, read when it is first asked for.
function List:__index(key)
  if math.type(key) ~= "integer" then return List[key] end
  local id = self.ids[key]
  if not id then return nil end
  local record = Record.read(self.folder, id)
  rawset(self, key, record)
  return record
end

function List:__len() return #self.ids end

local function check_names(folder, names, where)
  local known = {}
  for _, name in ipairs(native.names(folder)) do known[name] = true end
  for _, name in ipairs(names) do
    if not known[name] then
      error(("%s: no run in %s has '%s'; %s"):format(where, folder, name, options.suggest(name, known)), 3)
    end
  end
end

--- The runs of a folder that have the value given for every name; `problems` of the list are what is wrong
-- with runs that cannot be read.
function List.find(folder, filters)
  local names = {}
  for name, value in pairs(filters) do
    local kind = type(value)
    if type(name) ~= "string" or kind ~= "number" and kind ~= "string" and kind ~= "boolean" then
      error(("run.runs: expected numbers, texts and booleans by name, got %s = %s"):format(
        tostring(name), options.show(value)), 3)
    end
    names[#names + 1] = name
  end
  check_names(folder, names, "run.runs")
  local ids, rows, problems = {}, native.list(folder, filters, { "id" })
  for i, row in ipairs(rows) do ids[i] = row.id end
  return setmetatable({ folder = folder, filters = filters, ids = ids, problems = problems }, List)
end

--- The values of columns for every run, in one query: a list of tables. A name is as in run.runs; a run
-- without it has nil.
function List:columns(...)
  local names, wanted, rows = { ... }, {}, {}
  check_names(self.folder, names, "list:columns")
  for i, id in ipairs(self.ids) do wanted[id] = i end
  table.insert(names, 1, "id")
  for _, row in ipairs(native.list(self.folder, self.filters, names)) do
    local at = wanted[row.id]
    if at then rows[at] = row end
  end
  return rows
end

--- Refuses a figure that none of the runs has; `known` are the names that they have.
local function refuse_unknown(self, where, what, name, known)
  if #self == 0 then error(("%s: there is no run in the list"):format(where), 3) end
  error(("%s: none of the %d runs has %s '%s'; %s"):format(where, #self, what, tostring(name),
    next(known) and options.suggest(tostring(name), known) or "they have none"), 3)
end

--- The names of the figures of the runs, those of numbers.
local function figures_of(self)
  local known = {}
  for i = 1, #self do
    for _, values in ipairs { self[i].last, self[i].summary } do
      for name, value in pairs(values) do
        if type(value) == "number" then known[name] = true end
      end
    end
  end
  return known
end

--- The curve of a figure in every run that has it: a list of { id, steps, values }. For `points` see
-- `run.read(id):curve`. Errors: none of the runs has the figure.
function List:curve(name, points)
  local curves = {}
  for _, id in ipairs(self.ids) do
    local steps, values = native.curve(self.folder .. "/" .. id, name, points)
    if #steps > 0 then curves[#curves + 1] = { id = id, steps = steps, values = values } end
  end
  if #curves == 0 then refuse_unknown(self, "list:curve", "a figure", name, figures_of(self)) end
  return curves
end

--- The paths of the configs of the runs.
local function settings_of(self)
  local known = {}
  for i = 1, #self do
    for path in pairs(identity.flat(self[i].config)) do known[path] = true end
  end
  return known
end

local spec = options.spec("run.table", {
  { "rows", options.required "string", "the setting whose values are the rows" },
  { "cols", options.optional "string", "the setting whose values are the columns; one column unless given" },
  { "value", options.required "string", "the figure in the cells" },
  { "by", options.optional "string", "the setting that tells independent runs apart, such as \"seed\"" },
  { "take", options.optional "string",
    "over the steps; by default the figure of the whole run, or the last one",
    choices = { "last", "max", "min", "mean" } },
})

--- A table of means with intervals: over the values of `by`, of which those of one value are averaged first,
-- or over runs. The interval is Student's of 95 %.
--
-- Errors: no run has the setting or the figure, or the figure is no number.
function List:table(given)
  local o = spec:fill(given, 1)
  local names = { o.rows }
  for _, name in ipairs { o.cols or o.rows, o.by or o.rows, o.value } do names[#names + 1] = name end
  local result, has = Table.new(o), {}
  for i, row in ipairs(self:columns(table.unpack(names))) do
    for _, name in ipairs(names) do has[name] = has[name] or row[name] ~= nil end
    local value = row[o.value]
    if o.take then value = self[i]:value(o.value, o.take) end
    if type(value) == "number" then
      result:add(row[o.rows], o.cols and row[o.cols] or nil, o.by and row[o.by] or row.id, value)
    end
  end
  if #result.rows == 0 then refuse_unknown(self, "list:table", "a number", o.value, figures_of(self)) end
  for _, name in ipairs(names) do
    if not has[name] then refuse_unknown(self, "list:table", "the setting", name, settings_of(self)) end
  end
  return result
end

--- What differs between two of the runs, given by position or id: a list of { path, a, b }.
function List:diff(a, b)
  local function config(one)
    local id = self.ids[one] or one
    if type(id) ~= "string" then
      error(("list:diff: expected a position from 1 to %d or an id, got %s"):format(
        #self, options.show(one)), 3)
    end
    Record.check_id(id, "list:diff", 3)
    return Record.read(self.folder, id).config
  end
  return identity.diff(config(a), config(b))
end

--- The paths of the config that are not the same in all of the runs, sorted.
function List:differing()
  local differing = {}
  for path in pairs(settings_of(self)) do
    local first = identity.flat(self[1].config)[path]
    for i = 2, #self do
      if identity.flat(self[i].config)[path] ~= first then
        differing[#differing + 1] = path
        break
      end
    end
  end
  table.sort(differing)
  return differing
end

local function check_name(path, who, what)
  if type(path) ~= "string" then
    error(("%s: expected the name of a %s, got %s"):format(who, what, options.show(path)), 3)
  end
end

--- Writes the settings and figures of the runs as CSV, which run.from_csv reads. See `run.exchange`.
function List:csv(path)
  check_name(path, "list:csv", "file")
  require "perilune.run.exchange".to_csv(self, path)
end

--- Writes an event file for TensorBoard for each run, in FOLDER/ID. See `run.tensorboard`.
function List:tensorboard(folder)
  check_name(folder, "list:tensorboard", "folder")
  local write = require "perilune.run.tensorboard"
  for i = 1, #self do write(self[i], folder .. "/" .. self[i].id) end
end

--- Adds the runs to a file in the layout of trackio, whose dashboard shows them: `trackio show` finds
-- PROJECT.db in its folder, ~/.cache/huggingface/trackio unless $TRACKIO_DIR says another.
function List:trackio(path)
  check_name(path, "list:trackio", "file")
  local paths = {}
  for i, id in ipairs(self.ids) do paths[i] = self.folder .. "/" .. id end
  native.trackio(paths, path)
end

--- A table with a row for each run: id, status, step, the settings that differ and the last figures.
function List:__mime()
  local differing, records = self:differing(), {}
  local columns, known = { "id", "status", "step" }, {}
  table.move(differing, 1, #differing, 4, columns)
  for i = 1, #self do
    local record, flat = self[i], identity.flat(self[i].config)
    records[i] = { id = record.id, status = record.status, step = record.step }
    for _, path in ipairs(differing) do records[i][path] = flat[path] end
    for name, value in pairs(record.last) do records[i][name], known[name] = value, true end
  end
  local figures = {}
  for name in pairs(known) do figures[#figures + 1] = name end
  table.sort(figures)
  table.move(figures, 1, math.min(#figures, 12), #columns + 1, columns)
  if #records == 0 then return {} end
  local tables = require "perilune.display.tables"
  return { ["text/html"] = tables.new(records, { columns = columns }):html() }
end

--- A line for each run: id, status, step and the settings that differ.
function List:__tostring()
  local lines, differing = {}, self:differing()
  for i = 1, #self do
    local record, parts = self[i], {}
    local flat = identity.flat(record.config)
    for k, path in ipairs(differing) do parts[k] = ("%s = %s"):format(path, tostring(flat[path])) end
    local settings = table.concat(parts, ", ")
    lines[i] = ("%-24s %-11s %6d  %s"):format(record.id, record.status, record.step, settings)
  end
  return #lines > 0 and table.concat(lines, "\n") or "no runs"
end

return List
