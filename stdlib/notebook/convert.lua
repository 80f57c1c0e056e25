--- Scripts with cells as notebooks of Jupyter, and back, without loss, as jupytext converts them.
--
-- What a notebook cannot say of a script (a marker in another spelling, line ends of Windows) is kept in its
-- metadata under `perilune`, as is what a script cannot say of a notebook (ids, attachments), in the header.
-- Outputs are not part of a script; where the .ipynb file is there already, cells with the same text keep
-- theirs.
--
--   > local convert = require "perilune.notebook.convert"
--   > local nb = convert.to_notebook "-- %% [markdown]\n-- # Title\n\n-- %%\nx = 1\n"
--   > nb.cells[1].source, nb.cells[2].source
--   # Title	x = 1
--   > (convert.to_script(nb):gsub("\n", " | "))
--   -- %% [markdown] | -- # Title |  | -- %% | x = 1 |
local attempt = require "perilune.attempt"
local cell = require "perilune.notebook.cell"
local failure = require "perilune.notebook.failure"
local header = require "perilune.notebook.header"
local ipynb = require "perilune.notebook.ipynb"
local json = require "perilune.notebook.json"
local marker = require "perilune.notebook.marker"
local options = require "perilune.options"
local script = require "perilune.notebook.script"
local system = require "perilune.system"

local convert = {}

local function is_object(value)
  return type(value) == "table" and value ~= json.null and rawlen(value) == 0
end

--- The texts of the cells of a notebook in a script, what they say of the cells' metadata, and these cells:
-- all but one that the header has.
local function written(notebook)
  local jupytext = notebook.metadata.jupytext
  local is_json = is_object(jupytext) and jupytext.cell_metadata_json == true
  local cells, texts, told = header.split(notebook), {}, {}
  for i, one in ipairs(cells) do
    local lines
    lines, told[one] = cell.lines(one, is_json, i == #cells)
    texts[i] = table.concat(lines, "\n")
  end
  return texts, told, cells
end

--- The metadata by which jupytext writes a script without a header again.
local function without_header(metadata, cells)
  local keys, names = {}, {}
  for _, one in ipairs(cells) do
    for name in pairs(one.metadata) do
      if not marker.ignored[name] then keys[name] = true end
    end
  end
  for name in pairs(keys) do names[#names + 1] = name end
  table.sort(names)
  names[#names + 1] = "-all"
  metadata.jupytext = metadata.jupytext or {}
  metadata.jupytext.notebook_metadata_filter = "-all"
  metadata.jupytext.cell_metadata_filter = table.concat(names, ",")
  if #cells > 0 then metadata.jupytext.main_language = "lua" end
end

--- The cells of a script that was read, after the `first` one of its header and from line `start`, and the
-- texts of those from there.
local function cells_of(read, first, start, is_ended)
  local cells, texts, is_json = { first }, {}, false
  for _, one in ipairs(read.cells) do is_json = is_json or one.is_json end
  for i, one in ipairs(read.cells) do
    local from = one.marker or math.max(one.first, start)
    if from <= one.last then
      local lines = table.move(read.lines, from, one.last, 1, {})
      local is_last = i == #read.cells
      cells[#cells + 1] = cell.read(lines, one.marker and marker.read(lines[1]), is_last)
      texts[#texts + 1] = table.concat(lines, "\n") .. (is_last and is_ended and "\n" or "")
    end
  end
  return cells, texts, is_json
end

--- The notebook of a script's text. Errors: it is no UTF-8; the YAML of the header cannot be read.
function convert.to_notebook(text)
  local is_utf8, at = utf8.len(text)
  if not is_utf8 then
    local line = select(2, text:sub(1, at):gsub("\n", "")) + 1
    error(("line %d is no UTF-8, which a notebook is written in"):format(line), 0)
  end
  local ends = select(2, text:gsub("\n", ""))
  local is_windows = ends > 0 and select(2, text:gsub("\r\n", "")) == ends
  local plain = is_windows and text:gsub("\r\n", "\n") or text
  local has_mark = plain:sub(1, 3) == "\u{FEFF}"
  if has_mark then plain = plain:sub(4) end
  local read = script.read(plain)
  local metadata, first = header.read(read.header)
  local start = read.header.count + 1
  local is_gap = read.header.yaml and (read.lines[start] or "x"):match "^%-?%-?%s*$"
  if is_gap then start = start + 1 end
  local cells, texts, is_json = cells_of(read, first, start, plain:sub(-1) == "\n")
  local is_restored
  metadata, is_restored = header.restored(metadata, cells)
  if not read.header.yaml then without_header(metadata, cells) end
  if not is_restored then
    if is_json then
      metadata.jupytext = metadata.jupytext or {}
      metadata.jupytext.cell_metadata_json = true
    end
    for name, value in pairs(ipynb.kernel) do metadata[name] = metadata[name] or value end
  end
  local notebook = { cells = cells, metadata = metadata }
  local others = {
    newline = is_windows and "\r\n" or nil, mark = has_mark or nil,
    from = read.header.yaml and not is_restored and "script" or nil,
  }
  local head = #read.cells > 0 and table.concat(read.lines, "\n", 1, start - 1) or plain
  local usual_texts, told, own_cells = written(notebook)
  for i, own in ipairs(own_cells) do cell.note(own, usual_texts[i], texts[i]) end
  local usual = header.write(notebook, told, others)
  if head ~= usual then others.header, others.of = head, cell.hash(usual) end
  metadata.perilune = next(others) and others or nil
  return notebook
end

--- The text of the script of a notebook.
function convert.to_script(notebook)
  local others = is_object(notebook.metadata.perilune) and notebook.metadata.perilune or {}
  local texts, told, cells = written(notebook)
  for i, one in ipairs(cells) do texts[i] = cell.original(one, texts[i]) end
  local head = header.write(notebook, told, others)
  if others.of == cell.hash(head) and type(others.header) == "string" then head = others.header end
  if head ~= "" then table.insert(texts, 1, head) end
  local text = table.concat(texts, "\n")
  if others.newline == "\r\n" then text = text:gsub("\n", "\r\n") end
  return (others.mark and "\u{FEFF}" or "") .. text
end

--- The contents of a file. Errors: it cannot be opened or read.
--
--   > convert.read_file "/no/such.lua"
--   cannot open /no/such.lua: No such file or directory
function convert.read_file(path)
  local file, problem = io.open(path, "rb")
  if not file then error("cannot open " .. problem, 0) end
  local text, why = file:read "a"
  file:close()
  if not text then error(("cannot read %s: %s"):format(path, why), 0) end
  return text
end

--- Gives cells without outputs those of the cells with the same text in another notebook.
local function keep_outputs(notebook, other)
  local by_text = {}
  for _, one in ipairs(other.cells) do
    local list = by_text[one.kind .. one.source] or {}
    by_text[one.kind .. one.source] = list
    list[#list + 1] = one
  end
  for _, one in ipairs(notebook.cells) do
    local found = table.remove(by_text[one.kind .. one.source] or {}, 1)
    if found then
      one.id, one.attachments = found.id, one.attachments or found.attachments
      one.raw_outputs, one.execution_count = found.raw_outputs, found.execution_count
    end
  end
end

--- What `f(...)` gives; an error of it names the file. A refusal has no place in a Lua file.
--
--   > convert.of_file("a.ipynb", require("perilune.notebook.ipynb").read, "[")
--   a.ipynb: no notebook: JSON, line 1: expected a value
function convert.of_file(path, f, ...)
  local results = table.pack(pcall(f, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  local problem = results[2]
  local is_refusal = type(problem) == "string" and not problem:match "^[^\n:]*%.lua:%d+: "
  error(is_refusal and path .. ": " .. problem or problem, 0)
end

--- Writes a text to a file, or to the standard output for "-". Errors: it cannot be written.
local function write_file(path, text)
  if path ~= "-" then
    local ok, problem = pcall(system.write_file, path, text)
    if not ok then error(failure.reason(problem), 0) end
    return
  end
  local ok, problem = io.write(text)
  if ok then ok, problem = io.stdout:flush() end
  if not ok then error("cannot write the standard output: " .. problem, 0) end
end

--- The file that `from` becomes, by the endings. Errors: an ending is another; without `to`, it is there.
local function target_of(from, to)
  local wanted = from:match "%.ipynb$" and "lua" or from:match "%.lua$" and "ipynb"
  if not wanted then
    error(("--convert: a file that ends in .lua or .ipynb is converted, not '%s'"):format(from), 0)
  end
  if not to then
    to = from:gsub("%.%w+$", "." .. wanted)
    if system.exists(to) then
      error(("--convert: %s is there already; name it to replace it"):format(to), 0)
    end
  end
  if to ~= "-" and to:match "%.(%w+)$" ~= wanted then
    error(("--convert: %s becomes a file that ends in .%s, not '%s'"):format(from, wanted, to), 0)
  end
  return to
end

--- Converts the file `from` to the file `to`, by their endings; without `to`, beside `from`, where no file
-- may be. "-" is the standard output. Errors: an ending is another; a file cannot be read or written.
function convert.files(words)
  local from = words[1]
  if not from or words[3] then error("--convert takes FROM and perhaps TO", 0) end
  local to = target_of(from, words[2])
  local text = convert.read_file(from)
  if from:match "%.ipynb$" then
    return write_file(to, convert.to_script(convert.of_file(from, ipynb.read, text)))
  end
  local notebook = convert.of_file(from, convert.to_notebook, text)
  if to ~= "-" and system.exists(to) then
    local ok, other = attempt.call(function() return ipynb.read(convert.read_file(to)) end)
    if ok then keep_outputs(notebook, other) end
  end
  write_file(to, ipynb.write(notebook))
end

return options.strict("notebook.convert", convert)
