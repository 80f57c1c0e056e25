--- Runs as CSV, out and in: a row for each setting and figure.
--
--   run,kind,name,step,value
--   gap,config,,,"{""loss"":{""beta"":0.1}}"
--   gap,figure,win,100,0.62
--
-- The value of a config or a summary is JSON, that of a figure a number; NaN is "nan", infinity "inf" and
-- "-inf".
local attempt = require "perilune.attempt"
local csv = require "perilune.csv"
local native = require "perilune.native.run"
local options = require "perilune.options"
local plain = require "perilune.plain"
local identity = require "perilune.run.identity"

local exchange = {}

local columns <const> = { "run", "kind", "name", "step", "value" }

local function text_of(x)
  if x ~= x then return "nan" end
  return ("%.17g"):format(x)
end

local function sorted(by_name)
  local names = {}
  for name in pairs(by_name) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- Writes the runs of a list to a file.
function exchange.to_csv(list, path)
  local rows = {}
  for i = 1, #list do
    local one = list[i]
    local function add(kind, name, step, value)
      rows[#rows + 1] = { run = one.id, kind = kind, name = name, step = step, value = value }
    end
    add("config", "", nil, plain.encode(one.config))
    for _, name in ipairs(sorted(one.summary)) do
      add("summary", name, nil, plain.encode(one.summary[name]))
    end
    for _, name in ipairs(sorted(one.last)) do
      local steps, values = native.curve(one.path, name, "all")
      for k, step in ipairs(steps) do add("figure", name, step, text_of(values[k])) end
    end
    for _, event in ipairs(one:events()) do add("event", event.kind, event.step, event.text) end
  end
  csv.save(path, rows, columns)
end

local special <const> = { nan = 0 / 0, ["-nan"] = 0 / 0, inf = math.huge, ["-inf"] = -math.huge }

--- What a row of each kind is, by its fields. Errors: what is wrong with it.
local kinds = {}

local function json_of(row)
  local ok, value = attempt.call(plain.decode, tostring(row.value or ""))
  if not ok then error(("the value is no JSON: %s"):format((tostring(value):gsub("^.-JSON: ", ""))), 0) end
  return value
end

local function name_of(row)
  if row.name == nil or row.name == "" then error("there is no name", 0) end
  return tostring(row.name)
end

local function step_of(row)
  local step = math.tointeger(tonumber(row.step))
  if not step then error(("the step is %s, no whole number"):format(options.show(row.step)), 0) end
  return step
end

function kinds.config(row)
  local config = json_of(row)
  if type(config) ~= "table" then
    error(("the config is %s, no table of settings"):format(options.show(config)), 0)
  end
  return { config = config }
end

function kinds.summary(row) return { "set", name_of(row), json_of(row) } end

function kinds.figure(row)
  local number = tonumber(row.value) or special[row.value]
  if not number then error(("the value is %s, no number"):format(options.show(row.value)), 0) end
  return { "log", step_of(row), { [name_of(row)] = number } }
end

function kinds.event(row) return { "event", step_of(row), name_of(row), tostring(row.value or "") } end

--- The runs of a file by id, each { config, calls }, and the ids in their order. Nothing is made yet.
local function read(path)
  local by_id, order = {}, {}
  for i, row in ipairs(csv.load(path)) do
    local function refuse(message) error(("run.from_csv: %s: row %d: %s"):format(path, i + 1, message), 0) end
    if not row.run or not row.kind then
      refuse("there is no run or kind; expected the columns " .. table.concat(columns, ", "))
    end
    local id = tostring(row.run)
    if not by_id[id] then
      by_id[id] = { config = {}, calls = {} }
      order[#order + 1] = id
    end
    local one, of_kind = by_id[id], kinds[row.kind]
    if not of_kind then
      local near = options.suggest(tostring(row.kind), kinds)
      refuse(("the kind is %s; %s"):format(options.show(row.kind), near))
    end
    local ok, call = attempt.call(of_kind, row)
    if not ok then refuse(call) end
    one.config = call.config or one.config
    if not call.config then one.calls[#one.calls + 1] = call end
  end
  return by_id, order
end

--- Makes the runs of a file that `list:csv` wrote, in `folder`. Returns their ids.
--
-- Errors: a column is missing; a row is of no kind, has no name or step, or a value that is none of its kind.
-- No run is made then.
function exchange.from_csv(path, folder)
  if type(path) ~= "string" then
    error("run.from_csv: expected the name of a file, got " .. options.show(path), 3)
  end
  local by_id, order = read(path)
  local made = {}
  for i, id in ipairs(order) do
    local config = by_id[id].config
    local text, hash = identity.of(config, "run.from_csv")
    local writer = native.create {
      folder = folder, name = id, config = text, params = identity.flat(config), hash = hash,
    }
    for _, call in ipairs(by_id[id].calls) do writer[call[1]](writer, table.unpack(call, 2)) end
    writer:finish "finished"
    made[i] = writer.id
  end
  return made
end

return exchange
