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
local ipynb = require "perilune.notebook.ipynb"
local json = require "perilune.notebook.json"
local marker = require "perilune.notebook.marker"
local options = require "perilune.options"
local script = require "perilune.notebook.script"
local system = require "perilune.system"
local yaml = require "perilune.notebook.yaml"

local convert = {}

--- The version of jupytext whose format this is.
local jupytext_version <const> = "1.19.6"

local function copy(from)
  local to = {}
  for name, value in pairs(from) do to[name] = value end
  return to
end

local function is_object(value)
  return type(value) == "table" and value ~= json.null and rawlen(value) == 0
end

--- Lines of code with the commands of a notebook (`%time x`), which a script has as comments, written as
-- those or read from them.
local function magics(lines, change)
  for i, line in ipairs(lines) do
    local indent, rest = line:match "^(%s*)(.*)$"
    local bare = rest
    while bare:match "^%-%-" do bare = bare:gsub("^%-%- ?", "") end
    local is_command = bare:match "^%%%%?%%?%a" and not rest:match "%-%-%s*noescape"
    if is_command then lines[i] = indent .. change(rest) end
  end
  return lines
end

local function commented(text) return "-- " .. text end
local function uncommented(text) return (text:gsub("^%-%- ?", "")) end

--- The number of the last line of a cell before the blank ones that separate it from the next, and how many
-- of these jupytext notes.
local function separation(lines, is_last)
  local count = #lines
  local function blank(i) return lines[i]:match "^%s*$" ~= nil end
  local stop = count
  if count >= 3 and blank(count) and blank(count - 1) and not blank(count - 2) then
    stop = count - 2
  elseif lines[count] == "" then
    stop = count - 1
  end
  local gap = count - stop + (is_last and 1 or 0)
  if is_last and stop == count then gap = 1 end
  return stop, gap ~= 1 and gap or nil
end

--- The metadata of the notebook and its first cell, of a header.
local function header_metadata(header)
  local metadata, cell = {}, nil
  if header.yaml then
    local ours, others, is_ours = {}, {}, false
    for _, line in ipairs(header.yaml) do
      if line:match "^jupyter%s*:%s*$" then is_ours = true elseif line:match "^%S" then is_ours = false end
      table.insert(is_ours and ours or others, line)
    end
    if #ours > 0 then
      local read = yaml.decode(table.concat(ours, "\n")).jupyter
      metadata = is_object(read) and read or {}
    end
    if #others > 0 then
      cell = { kind = "raw", source = "---\n" .. table.concat(others, "\n") .. "\n---", metadata = {} }
    end
  end
  metadata.jupytext = is_object(metadata.jupytext) and metadata.jupytext or nil
  if header.executable or header.encoding then
    metadata.jupytext = metadata.jupytext or {}
    metadata.jupytext.executable, metadata.jupytext.encoding = header.executable, header.encoding
  end
  return metadata, cell
end

--- The metadata of a notebook that a header has, by jupytext's filter.
local function told_metadata(metadata, filter)
  local told = {}
  local names = { kernelspec = true, kernel_info = true, orphan = true, tocdepth = true, perilune = true }
  for name in (type(filter) == "string" and filter or ""):gmatch "[^,%s]+" do
    if name:sub(1, 1) == "-" then names[name:sub(2)] = nil else names[name] = true end
  end
  for name, value in pairs(metadata) do
    if names[name] or names.all then told[name] = value end
  end
  return told
end

--- The text of the header of a notebook, a list of lines, and the cells without the one that is part of it.
local function header_lines(notebook)
  local metadata, cells, lines = copy(notebook.metadata), notebook.cells, {}
  local jupytext = is_object(metadata.jupytext) and copy(metadata.jupytext) or {}
  if type(jupytext.executable) == "string" then lines[1] = "#!" .. jupytext.executable end
  if type(jupytext.encoding) == "string" then
    lines[#lines + 1] = jupytext.encoding
  else
    for _, cell in ipairs(cells) do
      if cell.source:find "[\x80-\xff]" then
        lines[#lines + 1] = "-- -*- coding: utf-8 -*-"
        break
      end
    end
  end
  local told = {}
  local first = cells[1] and cells[1].kind == "raw" and cells[1].source
  first = first and first:match "^%s*%-%-%-[ \t]*\n(.*)\n%-%-%-%s*$"
  if first then
    cells = table.move(cells, 2, #cells, 1, {})
    for line in (first .. "\n"):gmatch "(.-)\n" do told[#told + 1] = line end
  end
  if jupytext.notebook_metadata_filter ~= "-all" then
    jupytext.executable, jupytext.encoding, jupytext.main_language = nil, nil, nil
    jupytext.text_representation = {
      extension = ".lua", format_name = "percent", format_version = "1.3",
      jupytext_version = jupytext_version,
    }
    local kept = told_metadata(metadata, jupytext.notebook_metadata_filter)
    kept.jupytext = jupytext
    for line in yaml.encode({ jupyter = kept }):gmatch "(.-)\n" do told[#told + 1] = line end
  end
  if #told > 0 then
    lines[#lines + 1] = "-- ---"
    for _, line in ipairs(told) do lines[#lines + 1] = line == "" and "--" or "-- " .. line end
    lines[#lines + 1] = "-- ---"
    if #cells > 0 then lines[#lines + 1] = "" end
  end
  return lines, cells
end

--- The lines of a cell in a script, as jupytext writes them, with metadata as JSON if `is_json`.
local function cell_lines(cell, is_json)
  local source = script.lines(cell.source .. "\n")
  local indent = cell.kind == "code" and source[1]:match "%S" and source[1]:match "^%s*" or ""
  local lines = { indent .. marker.write(cell.kind, cell.metadata, is_json) }
  if cell.kind == "code" then
    magics(source, commented)
    if #source == 1 and source[1] == "" then source = {} end
  else
    for i, line in ipairs(source) do source[i] = line == "" and "--" or "-- " .. line end
  end
  table.move(source, 1, #source, 2, lines)
  local gap = math.tointeger(cell.metadata.lines_to_next_cell) or 1
  for _ = 1, math.min(gap, 1000) do lines[#lines + 1] = "" end
  return lines
end

local function hash(text) return system.sha256(text):sub(1, 12) end

--- A cell as of its lines, with `said` of its marker; `whole` is the text that the script has.
local function cell_of(lines, said, is_last, whole, is_json)
  local stop, gap = separation(lines, is_last)
  local metadata = said and said.metadata or {}
  metadata.lines_to_next_cell = gap
  local kind = said and said.kind or "code"
  local body = table.move(lines, said and 2 or 1, stop, 1, {})
  if kind == "code" then magics(body, uncommented) end
  local source = table.concat(body, "\n")
  if kind ~= "code" then source = script.uncommented(source .. "\n") end
  local cell = { kind = kind, source = source, metadata = metadata }
  local written = table.concat(cell_lines(cell, is_json), "\n")
  if written ~= whole then metadata.perilune = { script = whole, of = hash(written) } end
  return cell
end

--- Gives cells back what the header keeps of them, by the hashes of their texts.
local function restore(cells, kept)
  local from = 1
  for _, cell in ipairs(cells) do
    for i = from, #kept do
      local entry = kept[i]
      if is_object(entry) and entry.of == hash(cell.kind .. cell.source) then
        cell.id = type(entry.id) == "string" and entry.id or nil
        cell.attachments = is_object(entry.attachments) and entry.attachments or nil
        for name, value in pairs(is_object(entry.metadata) and entry.metadata or {}) do
          cell.metadata[name] = value
        end
        from = i + 1
        break
      end
    end
  end
end

--- What a script cannot say of a notebook, for its header.
local function kept_of(notebook)
  local kept, taken = json.list {}, {}
  for _, cell in ipairs(notebook.cells) do
    local metadata = {}
    for name, value in pairs(cell.metadata) do
      local is_told = name == "title" or name == "cell_depth" or name == "region_name"
      if name ~= "perilune" and name ~= "lines_to_next_cell" and not is_told
        and (marker.ignored[name] or not name:match "^[%w_.@/-]+$") then
        metadata[name] = value
      end
    end
    local id = ipynb.id(cell.kind, cell.source, taken)
    local entry = {
      of = hash(cell.kind .. cell.source), id = cell.id ~= id and cell.id or nil,
      metadata = next(metadata) and metadata or nil, attachments = cell.attachments,
    }
    if entry.id or entry.metadata or entry.attachments then kept[#kept + 1] = entry end
  end
  local metadata = copy(notebook.metadata)
  metadata.perilune = nil
  return { cells = json.encode(kept), metadata = json.encode(metadata) }
end

--- The text of the header of a notebook, and its cells without the one that is part of it. `others` says
-- where the notebook is from.
local function header_of(notebook, others)
  local metadata = copy(notebook.metadata)
  local is_hidden = is_object(metadata.jupytext) and metadata.jupytext.notebook_metadata_filter == "-all"
  metadata.perilune = not is_hidden and others.from ~= "script" and kept_of(notebook) or nil
  local lines, cells = header_lines { cells = notebook.cells, metadata = metadata }
  return table.concat(lines, "\n"), cells
end

--- The metadata of a notebook from that of a header, and what the header keeps of the notebook besides.
local function restored_metadata(metadata, cells)
  local kept = metadata.perilune
  metadata.perilune = nil
  if not is_object(kept) then return metadata end
  local function decoded(text)
    local ok, value = pcall(json.decode, text)
    return ok and type(value) == "table" and value ~= json.null and value or {}
  end
  restore(cells, decoded(kept.cells))
  local whole = decoded(kept.metadata)
  for name, value in pairs(metadata) do
    if name ~= "jupytext" then whole[name] = value end
  end
  return whole
end

--- The notebook of a script's text. Errors: the YAML of the header cannot be read.
function convert.to_notebook(text)
  local ends = select(2, text:gsub("\n", ""))
  local is_windows = ends > 0 and select(2, text:gsub("\r\n", "")) == ends
  local plain = is_windows and text:gsub("\r\n", "\n") or text
  local has_mark = plain:sub(1, 3) == "\u{FEFF}"
  if has_mark then plain = plain:sub(4) end
  local read = script.read(plain)
  local metadata, first = header_metadata(read.header)
  local cells, keys, is_json = { first }, {}, false
  for _, cell in ipairs(read.cells) do is_json = is_json or cell.is_json end
  local start = read.header.count + 1
  local is_gap = read.header.yaml and (read.lines[start] or "x"):match "^%-?%-?%s*$"
  if is_gap then start = start + 1 end
  for i, cell in ipairs(read.cells) do
    local from = cell.marker or math.max(cell.first, start)
    if from <= cell.last then
      local lines = table.move(read.lines, from, cell.last, 1, {})
      local is_last, whole = i == #read.cells, table.concat(lines, "\n")
      if is_last and plain:sub(-1) == "\n" then whole = whole .. "\n" end
      local said = cell.marker and marker.read(read.lines[from])
      cells[#cells + 1] = cell_of(lines, said, is_last, whole, is_json)
    end
  end
  for _, cell in ipairs(cells) do
    for name in pairs(cell.metadata) do
      if not marker.ignored[name] then keys[name] = true end
    end
  end
  local is_restored = is_object(metadata.perilune)
  metadata = restored_metadata(metadata, cells)
  if not read.header.yaml then
    local names = {}
    for name in pairs(keys) do names[#names + 1] = name end
    table.sort(names)
    names[#names + 1] = "-all"
    metadata.jupytext = metadata.jupytext or {}
    metadata.jupytext.notebook_metadata_filter = "-all"
    metadata.jupytext.cell_metadata_filter = table.concat(names, ",")
    if #cells > 0 then metadata.jupytext.main_language = "lua" end
  end
  if is_json then
    metadata.jupytext = metadata.jupytext or {}
    metadata.jupytext.cell_metadata_json = true
  end
  for name, value in pairs(ipynb.kernel) do metadata[name] = metadata[name] or value end
  local notebook = { cells = cells, metadata = metadata }
  local others = {
    newline = is_windows and "\r\n" or nil, mark = has_mark or nil,
    from = read.header.yaml and not is_restored and "script" or nil,
  }
  local header = #read.cells > 0 and table.concat(read.lines, "\n", 1, start - 1) or plain
  local written = header_of(notebook, others)
  if header ~= written then others.header, others.of = header, hash(written) end
  metadata.perilune = next(others) and others or nil
  return notebook
end

--- The text of the script of a notebook.
function convert.to_script(notebook)
  local others = is_object(notebook.metadata.perilune) and notebook.metadata.perilune or {}
  local header, cells = header_of(notebook, others)
  if others.of == hash(header) and type(others.header) == "string" then header = others.header end
  local texts = { header ~= "" and header or nil }
  local jupytext = is_object(notebook.metadata.jupytext) and notebook.metadata.jupytext or {}
  for _, cell in ipairs(cells) do
    local text = table.concat(cell_lines(cell, jupytext.cell_metadata_json == true), "\n")
    local said = cell.metadata.perilune
    if is_object(said) and said.of == hash(text) and type(said.script) == "string" then text = said.script end
    texts[#texts + 1] = text
  end
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
  for _, cell in ipairs(other.cells) do
    local list = by_text[cell.kind .. cell.source] or {}
    by_text[cell.kind .. cell.source] = list
    list[#list + 1] = cell
  end
  for _, cell in ipairs(notebook.cells) do
    local found = table.remove(by_text[cell.kind .. cell.source] or {}, 1)
    if found then
      cell.id, cell.attachments = found.id, cell.attachments or found.attachments
      cell.raw_outputs, cell.execution_count = found.raw_outputs, found.execution_count
    end
  end
end

--- Converts the file `from` to the file `to`, by their endings; without `to`, beside `from`, where no file
-- may be. "-" is the standard output. Errors: an ending is another; a file cannot be read or written.
function convert.files(words)
  local from, to = words[1], words[2]
  if not from or words[3] then error("--convert takes FROM and perhaps TO", 0) end
  local is_notebook = from:match "%.ipynb$" ~= nil
  if not is_notebook and not from:match "%.lua$" then
    error(("--convert: a file that ends in .lua or .ipynb is converted, not '%s'"):format(from), 0)
  end
  local wanted = is_notebook and "lua" or "ipynb"
  if not to then
    to = from:gsub("%.%w+$", "." .. wanted)
    if system.exists(to) then
      error(("--convert: %s is there already; name it to replace it"):format(to), 0)
    end
  end
  if to ~= "-" and to:match "%.(%w+)$" ~= wanted then
    error(("--convert: %s becomes a file that ends in .%s, not '%s'"):format(from, wanted, to), 0)
  end
  local text = convert.read_file(from)
  local result
  if is_notebook then
    result = convert.to_script(ipynb.read(text))
  else
    local notebook = convert.to_notebook(text)
    if to ~= "-" and system.exists(to) then
      local ok, other = pcall(function() return ipynb.read(convert.read_file(to)) end)
      if ok then keep_outputs(notebook, other) end
    end
    result = ipynb.write(notebook)
  end
  if to == "-" then io.write(result) else system.write_file(to, result) end
end

return options.strict("notebook.convert", convert)
