--- What the script of a figure wrote of its report, checked: `verdict.json` and the plots beside it.
local attempt = require "perilune.attempt"
local errors = require "perilune.errors"
local options = require "perilune.options"
local panels = require "perilune.align.evaluate.panels"
local plain = require "perilune.plain"

local entry = {}

local function text_of(path)
  local file <close> = assert(io.open(path, "rb"))
  return assert(file:read "a", "it cannot be read")
end

-- The fields that verdict.json has from its first version on, with their types.
local fields <const> = {
  { "name", "string" }, { "task", "string" }, { "question", "string" }, { "found", "string" },
  { "size", "string" }, { "date", "string" }, { "outer_seeds", "integer" }, { "verdicts", "table" },
  { "header", "table" }, { "rows", "table" },
}

local known <const> = {
  ["holds"] = true, ["does not hold"] = true, ["not resolved"] = true, ["not measured"] = true,
}

-- The fields of a verdict with their types; one without a number has its name and what it is called alone.
local of_verdict <const> = {
  name = "string", paper = "string", by = "string", text = "string", remedy = "string", missing = "string",
  mean = "number", low = "number", high = "number",
}

--- What is wrong with the verdicts of an entry, in words; nil where nothing is.
local function wrong_verdict(verdicts)
  for i, one in ipairs(verdicts) do
    if type(one) ~= "table" then return ("verdict %d is %s"):format(i, options.show(one)) end
    for name, wanted in pairs(of_verdict) do
      local value = one[name]
      local is_bytes = type(value) == "string" and not utf8.len(value)
      if is_bytes or type(value) ~= wanted and (value ~= nil or name == "name") then
        return ("verdict %d has %s = %s, expected a %s"):format(i, name, options.show(one[name]), wanted)
      end
    end
    if not known[one.verdict] then
      return ("verdict %d is called %s"):format(i, options.show(one.verdict))
    end
  end
end

local function is_text(value) return value == nil or type(value) == "string" and utf8.len(value) ~= nil end

--- Whether header and rows make a table: lists of texts or numbers, of one length.
local function is_table(header, rows)
  if type(header) ~= "table" or type(rows) ~= "table" or #header == 0 then return false end
  for _, row in ipairs(table.move(rows, 1, #rows, 2, { header })) do
    if type(row) ~= "table" or #row ~= #header then return false end
    for i = 1, #header do
      local cell = row[i]
      if type(cell) ~= "string" and type(cell) ~= "number" then return false end
    end
  end
  return true
end

--- Whether a part of a script's own section can be shown.
local function is_part(part)
  if type(part) ~= "table" or not is_text(part.caption) then return false end
  if part.kind == "figure" then return type(part.svg) == "string" end
  if part.kind == "table" then return is_table(part.header, part.rows) end
  return type(part.text) == "string"
end

--- What is wrong with the content of a verdict.json, in words; nil where nothing is.
local function wrong(made)
  if type(made) ~= "table" then return ("it has %s, expected an object"):format(options.show(made)) end
  for _, field in ipairs(fields) do
    local name, wanted = field[1], field[2]
    local value = made[name]
    if wanted == "integer" then value = type(value) == "number" and math.tointeger(value) or value end
    local is_bytes = type(value) == "string" and not utf8.len(value)
    if is_bytes or type(value) ~= wanted and math.type(value) ~= wanted then
      return ("%s is %s, expected %s"):format(name, options.show(made[name]),
        wanted == "integer" and "a whole number" or "a " .. wanted)
    end
  end
  if not is_table(made.header, made.rows) then
    return "header and rows are no table: lists of texts or numbers of one length"
  end
  for _, name in ipairs { "caption", "command", "processor", "place" } do
    if not is_text(made[name]) then
      return ("%s is %s, expected a text"):format(name, options.show(made[name]))
    end
  end
  if made.parts ~= nil and type(made.parts) ~= "table" then
    return ("parts is %s, expected a list"):format(options.show(made.parts))
  end
  for i, part in ipairs(made.parts or {}) do
    if not is_part(part) then return ("part %d is no figure, table or text"):format(i) end
  end
  local beside = made.beside
  if beside ~= nil and not (type(beside) == "table" and is_table(beside.header, beside.rows)) then
    return ("beside is %s, expected a header and rows of one length"):format(options.show(beside))
  end
  return wrong_verdict(made.verdicts)
end

--- The report of a figure in a folder: the content of its verdict.json, and the texts of its plots as
-- `figures` and `proxy`, `damaged` what is wrong with one of those; nil and what is wrong with the file.
--
--   > require "perilune.paper.entry".read "/no/such/folder"
--   nil	/no/such/folder/verdict.json: No such file or directory
function entry.read(folder)
  local ok, made = attempt.call(function() return plain.decode(text_of(folder .. "/verdict.json")) end)
  if not ok then return nil, (errors.message(made):gsub("^[^\n:]*:%d+: ", "")) end
  local problem = wrong(made)
  if problem then return nil, problem end
  for _, one in ipairs(made.verdicts) do one.paper = one.paper or "" end
  made.parts = made.parts or {}  -- a report from before they were written
  made.processor = made.processor or "processor not recorded"
  made.command = made.command
    or ("bin/perilune scripts/paper/%s.lua --task %s"):format(made.name, made.task)
  local of_figures, of_proxy
  made.figures, of_figures = panels.read(folder, "frontier")
  made.proxy, of_proxy = panels.read(folder, "proxy")
  made.damaged = of_figures or of_proxy
  return made
end

return options.strict("paper.entry", entry)
