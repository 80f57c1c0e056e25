--- The forms of the library's own values, by their class: figures, responses, pairs, batches, runs, records.
local native = require "perilune.native.plot"
local options = require "perilune.options"
local tables = require "perilune.display.tables"

local kinds = {}

--- Pairs or rows of a batch that are shown.
local shown_max <const> = 4

--- What `align.show` makes of pairs, a batch or Rows, as a bundle; `head` is text above it.
local function responses(value, head)
  local shown = require "perilune.align.show"(value, { count = shown_max })
  local html = shown:html()
  if head then html = "<p>" .. tables.escaped(head) .. "</p>\n" .. html end
  return { ["text/plain"] = (head and head .. "\n" or "") .. tostring(shown), ["text/html"] = html }
end

--- A function of the value that gives its bundle, by the name of its class.
local by_class = {
  Figure = function(figure)
    local svg = figure:svg()
    return { ["image/svg+xml"] = svg, ["image/png"] = native.has_pictures() and figure:png() or nil }
  end,
  Shown = function(shown) return { ["text/html"] = shown:html() } end,
  Batch = function(batch) return responses(batch, tostring(batch)) end,
  Rows = function(rows) return responses(rows, tostring(rows)) end,
}

--- The name of the class of a value, or nil.
local function class_of(value)
  local meta = type(value) ~= "string" and debug.getmetatable(value)
  local name = type(meta) == "table" and rawget(meta, "__name")
  return type(name) == "string" and name or nil
end

local function is_ids(value)
  if type(value) ~= "table" or debug.getmetatable(value) then return false end
  for i = 1, math.min(#value, 8) do
    if math.type(value[i]) ~= "integer" then return false end
  end
  return true
end

--- Whether a value is a pair of responses as token ids.
local function is_pair(value)
  return type(value) == "table" and is_ids(rawget(value, "prompt")) and is_ids(rawget(value, "chosen"))
    and is_ids(rawget(value, "rejected")) and #value.prompt > 0
end

--- A function of the value that gives its bundle; nil for a value that has only its text.
--
--   > kinds.of(3) == nil, kinds.of { { a = 1 } } ~= nil
--   true	true
function kinds.of(value)
  local class = class_of(value)
  if class then return by_class[class] end
  if is_pair(value) or type(value) == "table" and is_pair(rawget(value, 1)) then return responses end
  if not tables.is_records(value) then return nil end
  return function(rows)
    local made = tables.new(rows)
    return { ["text/plain"] = tostring(made), ["text/html"] = made:html() }
  end
end

--- Whether a value is drawn as a picture where the terminal shows pictures.
--
--   > kinds.is_picture(3)
--   false
function kinds.is_picture(value)
  local class = class_of(value)
  return class == "Figure" or class == "Bundle" and (value["image/svg+xml"] or value["image/png"]) ~= nil
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
