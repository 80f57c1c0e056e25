--- Runs as CSV, out and in: a row for each setting and figure.
--
--   run,kind,name,step,value
--   gap,param,loss.beta,,0.1
--   gap,figure,win,100,0.62
--
-- The value of a param or a summary is JSON, that of a figure a number; NaN is "nan".
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

--- Makes the runs of a file that `list:csv` wrote, in `folder`. Returns their ids.
--
-- Errors: a column is missing; a value is no number.
function exchange.from_csv(path, folder)
  if type(path) ~= "string" then
    error("run.from_csv: expected the name of a file, got " .. options.show(path), 3)
  end
  local records, by_run, order = csv.load(path), {}, {}
  for line, row in ipairs(records) do
    if not row.run or not row.kind then
      error(("run.from_csv: %s: row %d has no run or kind; expected the columns %s"):format(
        path, line + 1, table.concat(columns, ", ")), 3)
    end
    local id = tostring(row.run)
    if not by_run[id] then
      by_run[id] = { config = {}, rows = {} }
      order[#order + 1] = id
    end
    if row.kind == "config" then
      by_run[id].config = plain.decode(row.value)
    else
      table.insert(by_run[id].rows, row)
    end
  end
  local made = {}
  for i, id in ipairs(order) do
    local config = by_run[id].config
    local text, hash = identity.of(config, "run.from_csv")
    local writer = native.create {
      folder = folder, name = id, config = text, params = identity.flat(config), hash = hash,
    }
    for _, row in ipairs(by_run[id].rows) do
      local number = tonumber(row.value) or row.value == "nan" and 0 / 0
      if row.kind == "summary" then
        writer:set(row.name, plain.decode(tostring(row.value)))
      elseif row.kind == "event" then
        writer:event(row.step, row.name, tostring(row.value or ""))
      elseif not number then
        error(("run.from_csv: %s: '%s' of run '%s' is %s, no number"):format(
          path, row.name, id, options.show(row.value)), 3)
      else
        writer:log(row.step, { [row.name] = number })
      end
    end
    writer:finish "finished"
    made[i] = writer.id
  end
  return made
end

return exchange
