--- Runs a script with cells as one chunk, and a notebook of Jupyter cell by cell, for a record of them.
local attempt = require "perilune.attempt"
local failure = require "perilune.notebook.failure"
local marker = require "perilune.notebook.marker"
local options = require "perilune.options"
local parameters = require "perilune.notebook.parameters"
local script = require "perilune.notebook.script"

local run = {}

--- What the marker lines of a running script call, and what gives the value of a parameter.
local begin_name <const>, parameter_name <const> = "__cell", "__parameter"

local function has_parameters(cell) return cell.kind == "code" and marker.has_tag(cell, "parameters") end

--- The parameters that the cells have, by lists of `parameters.find`; `source_of` gives the text of a cell.
local function parameters_of(cells, source_of)
  local lists = {}
  for _, cell in ipairs(cells) do
    if has_parameters(cell) then lists[#lists + 1] = parameters.find(source_of(cell)) end
  end
  return lists
end

--- The lines of a script with the given parameters replaced.
local function lines_with(read, given)
  local lines = table.move(read.lines, 1, #read.lines, 1, {})
  if next(given) == nil then return lines end
  for _, cell in ipairs(read.cells) do
    if has_parameters(cell) then
      local text = table.concat(lines, "\n", cell.first, cell.last)
      local replaced = script.lines(parameters.replace(text, given, parameter_name) .. "\n")
      table.move(replaced, 1, #replaced, cell.first, lines)
    end
  end
  return lines
end

--- The text of a script whose marker lines call `__cell(number)`, line for line. A marker that stands where
-- no statement can is left as the comment that it is.
--
--   > local s = require("perilune.notebook.script").read "x = 1\n-- %% Sum\nprint(x)\n"
--   > print(run.instrumented(s, {}))
--   x = 1
--   __cell(2);
--   print(x)
function run.instrumented(read, given)
  local lines = lines_with(read, given)
  if lines[1] then lines[1] = lines[1]:gsub("^\u{FEFF}", ""):gsub("^#.*$", "") end
  local marked = {}
  local function text()
    local all = table.move(lines, 1, #lines, 1, {})
    for number, cell in ipairs(read.cells) do
      if cell.marker and marked[number] then all[cell.marker] = ("%s(%d);"):format(begin_name, number) end
    end
    return table.concat(all, "\n")
  end
  for number, cell in ipairs(read.cells) do marked[number] = cell.marker ~= nil end
  local whole = text()
  if attempt.load(whole, "=script") then return whole end
  marked = {}
  whole = text()
  if not attempt.load(whole, "=script") then return whole end
  for number, cell in ipairs(read.cells) do
    marked[number] = cell.marker ~= nil
    local more = cell.marker and text()
    if more and attempt.load(more, "=script") then whole = more else marked[number] = nil end
  end
  return whole
end

--- Checks that the given parameters are those of a script's cells. Errors: see `parameters.check`.
function run.check(read, given, where)
  parameters.check(given, parameters_of(read.cells, function(cell)
    return read.lines and table.concat(read.lines, "\n", cell.first, cell.last) or cell.source
  end), where)
end

--- Sets a global for the time of a call of `body`; a metatable of the globals does not see it.
local function with_globals(values, body)
  local before = {}
  for name, value in pairs(values) do
    before[name] = rawget(_G, name)
    rawset(_G, name, value)
  end
  local function restore()
    for name in pairs(values) do rawset(_G, name, before[name]) end
  end
  local results = table.pack(body(restore))
  restore()
  return table.unpack(results, 1, results.n)
end

--- Runs a script for a record, or without one. `given` are parameters by name, `name` is what Lua calls the
-- chunk, `words` are the script's arguments. Returns the failure, or nil.
function run.script(read, given, name, words, record)
  local chunk, problem = load(run.instrumented(read, given), name, "t")
  if not chunk then
    local found = { message = problem, value = problem, traceback = "" }
    local line, number = failure.line(found, name:sub(2)) or 0, 1
    for i, cell in ipairs(read.cells) do
      if (cell.marker or cell.first) <= line then number = i end
    end
    if record then record:begin(number) end
    return failure.with_source(found, name:sub(2), read.text)
  end
  local values = {
    [begin_name] = function(number) if record then record:begin(number) end end,
    [parameter_name] = function(parameter, default)
      return parameters.typed(parameter, given[parameter], default)
    end,
  }
  if record and rawget(_G, "display") == nil then values.display = require "perilune.display" end
  if record and read.cells[1] and not read.cells[1].marker then record:begin(1) end
  return with_globals(values, function()
    local ok, found = xpcall(chunk, failure.of, table.unpack(words))
    if ok then return nil end
    found.traceback = failure.frames(found.traceback)
    return failure.with_source(found, name:sub(2), read.text)
  end)
end

--- Runs the cells of a notebook in one session. `evaluate(text, number)` gives `values` and `count`, or
-- `message`.
function run.notebook(notebook, given, evaluate, record)
  local display = require "perilune.display"
  return with_globals({ [parameter_name] = function(parameter, default)
    return parameters.typed(parameter, given[parameter], default)
  end }, function()
    local executed = 0
    for number, cell in ipairs(notebook.cells) do
      if cell.kind == "code" then
        executed = executed + 1
        if record then record:begin(number) end
        local text = cell.source
        if has_parameters(cell) then text = parameters.replace(text, given, parameter_name) end
        local result = evaluate(text, executed)
        if result.message then
          local found = {
            message = result.message, value = result.error, traceback = failure.frames(result.traceback),
            interrupted = result.interrupted,
          }
          return failure.with_source(found, ("In[%d]"):format(executed), cell.source)
        end
        for i = 1, result.count do
          local bundle = display.bundle(result.values[i])
          if record then
            record:result(bundle, executed)
          else
            io.write(bundle["text/plain"], "\n")
          end
        end
      end
    end
  end)
end

return options.strict("notebook.run", run)
