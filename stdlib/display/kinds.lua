--- The forms of the library's own values, by their class: figures, tensors, responses, runs, records.
local options = require "perilune.options"
local tables = require "perilune.display.tables"

local kinds = {}

--- A function of the value that gives its bundle, by the name of its class.
local by_class = {
  Figure = function(figure) return { ["image/svg+xml"] = figure:svg() } end,
  Shown = function(shown) return { ["text/html"] = shown:html() } end,
}

--- The name of the class of a value, or nil.
local function class_of(value)
  local meta = type(value) ~= "string" and debug.getmetatable(value)
  local name = type(meta) == "table" and rawget(meta, "__name")
  return type(name) == "string" and name or nil
end

--- A function of the value that gives its bundle; nil for a value that has only its text.
--
--   > kinds.of(3) == nil, kinds.of { { a = 1 } } ~= nil
--   true	true
function kinds.of(value)
  local known = by_class[class_of(value)]
  if known then return known end
  if class_of(value) == nil and tables.is_records(value) then
    return function(rows)
      local made = tables.new(rows)
      return { ["text/plain"] = tostring(made), ["text/html"] = made:html() }
    end
  end
  return nil
end

--- A matrix as a figure of colours; a tensor of one dimension is one row. `who` is what an error calls the
-- function.
function kinds.heatmap(value, given, who)
  local class = class_of(value)
  if class == "Tensor" then
    if value:dim() == 1 then value = value:reshape(1, value:size(1)) end
    if value:dim() ~= 2 then
      error(("%s: expected a tensor of one or two dimensions, got %d"):format(who, value:dim()), 3)
    end
  elseif type(value) ~= "table" or class then
    error(("%s: expected a tensor or a list of rows, got %s"):format(who, options.show(value)), 3)
  elseif type(value[1]) == "number" then
    value = { value }
  end
  local settings = { matrix = value }
  for name, setting in pairs(given or {}) do settings[name] = setting end
  return require "perilune.plot".heatmap(settings)
end

--- The value in another form, "heatmap" or "table".
function kinds.as(value, form, who)
  if form == "heatmap" then return kinds.heatmap(value, nil, who) end
  return tables.new(value, nil, who)
end

return options.strict("display.kinds", kinds)
