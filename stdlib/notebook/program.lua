--- What the program does with `--report`, `--param`, `--convert` and .ipynb files; see docs/notebooks.md.
local attempt = require "perilune.attempt"
local convert = require "perilune.notebook.convert"
local environment = require "perilune.notebook.environment"
local failure = require "perilune.notebook.failure"
local html = require "perilune.notebook.html"
local index_page = require "perilune.notebook.index_page"
local ipynb = require "perilune.notebook.ipynb"
local markdown = require "perilune.notebook.markdown"
local marker = require "perilune.notebook.marker"
local mpi = require "perilune.native.mpi"
local native = require "perilune.native.notebook"
local notebook = require "perilune.notebook"
local parameters = require "perilune.notebook.parameters"
local record = require "perilune.notebook.record"
local run = require "perilune.notebook.run"
local script = require "perilune.notebook.script"
local system = require "perilune.system"

local forms <const> = { html = html, htm = html, ipynb = ipynb, md = markdown, markdown = markdown }

local function contents_of(path, is_input)
  if not is_input then return convert.read_file(path) end
  local text, why = io.stdin:read "a"
  if not text then error(("cannot read %s: %s"):format(path, why), 0) end
  return text
end

--- The cells of a script as a record shows them.
local function cells_of(text)
  local cells, taken = notebook.cells(text), {}
  for _, cell in ipairs(cells) do cell.id = ipynb.id(cell.kind, cell.source, taken) end
  return cells
end

local function cells_of_notebook(read)
  local cells, taken = {}, {}
  for i, cell in ipairs(read.cells) do
    local title = cell.metadata.title
    cells[i] = {
      kind = cell.kind, title = type(title) == "string" and title or "", metadata = cell.metadata,
      source = cell.source, id = cell.id or ipynb.id(cell.kind, cell.source, taken),
      attachments = cell.attachments,
    }
  end
  return cells
end

--- Notes the given parameters at the cells that have them.
local function note_parameters(cells, given)
  for _, cell in ipairs(cells) do
    local is_theirs = cell.kind == "code" and marker.has_tag(cell, "parameters")
    for _, entry in ipairs(is_theirs and parameters.find(cell.source) or {}) do
      if given[entry.name] then
        cell.notes = cell.notes or {}
        table.insert(cell.notes, ("--param %s=%s"):format(entry.name, given[entry.name]))
      end
    end
  end
end

--- The first heading of the first Markdown cell, else the name of the file.
local function title_of(cells, path)
  for _, cell in ipairs(cells) do
    local heading = cell.kind == "markdown" and ("\n" .. cell.source):match "\n#%s+([^\n]+)"
    if heading then return (heading:gsub("%s*#*%s*$", "")) end
  end
  return path:match "[^/]*$"
end

--- The name of a report in a folder: that of the script and its parameters.
local function name_in_folder(path, given)
  local parts, names = { (path:match "[^/]*$":gsub("%.[^.]*$", "")) }, {}
  for name in pairs(given) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local value = given[name]:gsub("[^%w._+-]", "_")
    if #value > 40 then value = value:sub(1, 30) .. "_" .. system.sha256(given[name]):sub(1, 8) end
    parts[#parts + 1] = name .. "=" .. value
  end
  return table.concat(parts, "-") .. ".html"
end

local function is_folder(path) return path:sub(-1) == "/" or attempt.call(system.list_folder, path) end

--- The reports by the paths of the command line. Errors: the ending is unknown; the file would be the script.
local function reports_of(paths, script_path, given)
  local reports = {}
  for _, path in ipairs(paths) do
    local report = { path = path }
    if is_folder(path) then
      report.folder = (path:gsub("/+$", ""))
      if report.folder == "" then report.folder = "/" end
      report.path = report.folder .. "/" .. name_in_folder(script_path, given)
    end
    local ending = report.path:match "%.(%w+)$"
    report.form = forms[(ending or ""):lower()]
    if path:match "^/dev/" then report.form, report.is_file = html, false end
    if not report.form then
      error(("--report %s: a report ends in .html, .ipynb or .md, or is a folder"):format(path), 0)
    end
    if report.path == script_path then error(("--report %s: this is the notebook itself"):format(path), 0) end
    local parent = report.path:match "^(.*)/[^/]*$"
    local made, problem = attempt.call(function()
      if parent and parent ~= "" and report.is_file ~= false then system.make_folder(parent) end
    end)
    if not made then error(("--report %s: %s"):format(path, failure.reason(problem)), 0) end
    reports[#reports + 1] = report
  end
  return reports
end

--- Writes the reports; gives what is wrong where one cannot be written.
local function problem_of_writing(kept, is_first)
  local ok, problem = pcall(kept.write, kept, is_first)
  return not ok and "the report cannot be written: " .. failure.reason(problem) or nil
end

--- Completes the reports of the script that runs, with its failure or nil. A second press of Ctrl-C unwinds
-- all of Lua before this is done; the program then calls it again.
local complete

--- Ends a record with a status, and writes it; gives what is wrong where this cannot be done.
local function finish(kept, status)
  kept:finish(status)
  kept:stop()
  kept.status, kept.ended = status, system.clock()
  local problem = problem_of_writing(kept)
  for _, report in ipairs(problem and {} or kept.reports) do
    if report.folder then
      local ok, why = pcall(index_page.write, report.folder)
      if not ok then problem = "the index cannot be written: " .. failure.reason(why) end
    end
  end
  return problem
end

--- Runs `body` and records it; returns its failure.
local function recorded(kept, body)
  -- One that cannot be written is refused before the script runs.
  local refused = problem_of_writing(kept, true)
  if refused then error(refused, 0) end
  local plain_exit = os.exit
  function os.exit(...)  -- luacheck: ignore 122
    if not native.is_on() then plain_exit(...) end  -- a forked child
    local is_good = select("#", ...) == 0 or (...) == true or (...) == 0
    local problem = finish(kept, is_good and "ended" or "error")
    if problem then io.stderr:write(problem, "\n") end
    if problem and is_good then plain_exit(1, (select(2, ...))) end
    plain_exit(...)
  end
  local unwatch = environment.watch(kept.environment)
  function complete(found)
    os.exit = plain_exit  -- luacheck: ignore 122
    unwatch()
    if found then
      if found.interrupted then system.ended_by_interrupt() end
      if not kept.current then kept.current = kept.cells[1] end
      if kept.current then kept.current.from = kept.current.from or system.clock() end
      kept:fail(found)
    end
    local problem = finish(kept, found and (found.interrupted and "interrupted" or "error") or "done")
    for _, report in ipairs(problem and {} or kept.reports) do
      io.stderr:write(("report: %s\n"):format(report.path))
    end
    complete = nil
    if problem and found then io.stderr:write(problem, "\n") end
    return found or problem and { message = problem } or nil
  end
  kept:start()
  return complete(body())
end

local function main(request)
  local path = request.arguments[1]
  if request.converts then return convert.files(request.arguments) end
  if not path then error("--report and --param need a script", 0) end
  if request.is_input then path = "stdin" end
  local text = request.text or contents_of(path, request.is_input)
  local is_notebook = path:match "%.ipynb$" ~= nil
  local given = parameters.given(request.params)
  local read = is_notebook and convert.of_file(path, ipynb.read, text) or script.read(text)
  run.check(read, given, path)
  local name = (request.is_input and "=" or "@") .. path
  local words = table.move(request.arguments, 2, #request.arguments, 1, {})
  local function body(kept)
    if is_notebook then return run.notebook(read, given, request.evaluate, kept) end
    return run.script(read, given, name, words, kept)
  end
  if #request.reports == 0 or mpi.rank() > 0 then return body(nil) end
  local cells = is_notebook and cells_of_notebook(read) or cells_of(text)
  note_parameters(cells, given)
  local kept = record.new {
    title = title_of(cells, path), script = path, cells = cells, parameters = given,
    reports = reports_of(request.reports, path, given), metadata = is_notebook and read.metadata or nil,
    environment = environment.list {
      command = request.command, seed = request.seed, version = request.version, lua = request.lua,
      script = text, path = path,
    },
  }
  return recorded(kept, function() return body(kept) end)
end

-- A refusal, which has no place in a file, is passed on without a traceback of this program. With the failure
-- `interrupted` the reports of the script that ran are completed.
return function(request)
  if request.interrupted then return complete and complete(request) or request end
  local ok, result = pcall(main, request)
  if ok then return result end
  if type(result) == "string" and not result:match "^[^\n:]*%.lua:%d+: " then return { message = result } end
  return error(result, 0)
end
