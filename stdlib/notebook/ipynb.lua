--- Notebooks of Jupyter (nbformat 4.5): read, written, and as a report with outputs.
--
--   > local ipynb = require "perilune.notebook.ipynb"
--   > local cell = { kind = "code", source = "x = 1", metadata = {} }
--   > ipynb.read(ipynb.write { cells = { cell }, metadata = {} }).cells[1].source
--   x = 1
local attempt = require "perilune.attempt"
local html = require "perilune.notebook.html"
local json = require "perilune.notebook.json"
local options = require "perilune.options"
local record = require "perilune.notebook.record"
local system = require "perilune.system"

local ipynb = {}

ipynb.page = {
  mark = '"' .. record.mark .. '"', escape = "json", comma = true, between = ",",
  out = '{"name":"stdout","output_type":"stream","text":"',
  err = '{"name":"stderr","output_type":"stream","text":"', close = '"}',
}

--- The kernel that runs a notebook, for its metadata.
ipynb.kernel = {
  kernelspec = { display_name = "Perilune", language = "lua", name = "perilune" },
  language_info = { file_extension = ".lua", mimetype = "text/x-lua", name = "lua", version = "5.4" },
}

local kinds <const> = { code = true, markdown = true, raw = true }

--- A text as nbformat has it: a list of lines with their ends.
local function lines_of(text)
  local lines = json.list {}
  for line in text:gmatch "[^\n]*\n?" do
    if line ~= "" then lines[#lines + 1] = line end
  end
  return lines
end

--- The text of a field, which nbformat has as a text or a list of texts. Errors: it is neither.
local function text_of(value)
  if type(value) == "string" then return value end
  if value == nil or value == json.null then return "" end
  for _, line in ipairs(type(value) == "table" and value or { value }) do
    if type(line) ~= "string" then
      error(("expected a text or a list of texts, got %s"):format(options.show(line)), 0)
    end
  end
  return table.concat(value)
end

--- An id for a cell that depends on its text alone; `taken` has those in use.
--
--   > ipynb.id("code", "x = 1", {}) == ipynb.id("code", "x = 1", {})
--   true
function ipynb.id(kind, source, taken)
  local hash = system.sha256(kind .. "\0" .. source)
  local id, count = hash:sub(1, 12), 1
  while taken[id] do
    count = count + 1
    id = hash:sub(1, 12) .. "-" .. count
  end
  taken[id] = true
  return id
end

local function object(value, what)
  if value == nil then return {} end
  if type(value) ~= "table" or value == json.null or rawlen(value) > 0 then
    error(("%s is no object"):format(what), 0)
  end
  return value
end

local function table_of(value) return type(value) == "table" and value ~= json.null and value or nil end

--- The notebook in a text: `cells` with `kind`, `source`, `metadata`, `id`, `attachments`, `outputs` and
-- `execution_count`, and `metadata`. Errors: no JSON; no notebook of version 4.
--
--   > ipynb.read '{"nbformat": 3}'
--   nbformat 4 is read, not 3
function ipynb.read(text)
  local ok, nb = attempt.call(json.decode, (text:gsub("^\u{FEFF}", "")))
  if not ok then error("no notebook: " .. tostring(nb), 0) end
  if type(nb) ~= "table" or nb.nbformat ~= 4 then
    local version = type(nb) == "table" and nb.nbformat
    if not version then error("no notebook: it has no nbformat", 0) end
    error(("nbformat 4 is read, not %s"):format(options.show(version)), 0)
  end
  if type(nb.cells) ~= "table" then error("no notebook: it has no list of cells", 0) end
  local cells = {}
  for i, cell in ipairs(nb.cells) do
    if type(cell) ~= "table" or type(cell.cell_type) ~= "string" then
      error(("cell %d has no cell_type"):format(i), 0)
    end
    if not kinds[cell.cell_type] then
      error(("cell %d is of type '%s'; nbformat has code, markdown and raw"):format(i,
        cell.cell_type), 0)
    end
    local metadata = object(cell.metadata, ("the metadata of cell %d"):format(i))
    cells[i] = {
      kind = cell.cell_type, source = text_of(cell.source), metadata = metadata,
      id = type(cell.id) == "string" and cell.id or nil,
      attachments = table_of(cell.attachments), raw_outputs = table_of(cell.outputs),
      execution_count = cell.execution_count,
    }
  end
  return { cells = cells, metadata = object(nb.metadata, "its metadata"), minor = nb.nbformat_minor }
end

--- The data of a bundle as nbformat has it.
local function data_of(bundle)
  local data = {}
  for name, text in pairs(bundle) do
    data[name] = name == "image/png" and html.base64(text) or lines_of(text)
  end
  return data
end

local function output_of(output)
  if output.kind == "stream" then
    return { output_type = "stream", name = output.name, text = lines_of(output.text) }
  elseif output.kind == "error" then
    local lines = json.list {}
    for _, part in ipairs { output.message, output.source or "", output.traceback or "" } do
      for line in part:gmatch "[^\n]+" do lines[#lines + 1] = line end
    end
    return { output_type = "error", ename = output.name, evalue = output.message, traceback = lines }
  elseif output.kind == "result" then
    return { output_type = "execute_result", data = data_of(output.bundle), metadata = {},
      execution_count = output.count }
  end
  return { output_type = "display_data", data = data_of(output.bundle), metadata = {} }
end

--- The text of a notebook as of `ipynb.read`, with an id for each cell.
function ipynb.write(notebook)
  local cells, taken = json.list {}, {}
  for _, cell in ipairs(notebook.cells) do
    local is_valid = cell.id and cell.id:match "^[%w_-]+$" and #cell.id <= 64
    if is_valid then taken[cell.id] = (taken[cell.id] or 0) + 1 end
  end
  for i, cell in ipairs(notebook.cells) do
    local id = cell.id
    if not (id and taken[id] == 1) then id = ipynb.id(cell.kind, cell.source, taken) end
    local made = {
      cell_type = cell.kind, id = id, metadata = cell.metadata, source = lines_of(cell.source),
      attachments = cell.attachments,
    }
    if cell.kind == "code" then
      made.outputs = cell.raw_outputs or json.list {}
      made.execution_count = cell.execution_count or json.null
    end
    cells[i] = made
  end
  return json.encode({ cells = cells, metadata = notebook.metadata, nbformat = 4, nbformat_minor = 5 },
    { indent = 1 }) .. "\n"
end

--- The notebook of a record, with the outputs of its cells.
function ipynb.render(self)
  local cells, count = {}, 0
  for i, cell in ipairs(self.cells) do
    local outputs = json.list {}
    for _, line in ipairs(cell.notes or {}) do
      outputs[#outputs + 1] = { output_type = "stream", name = "stdout", text = lines_of(line .. "\n") }
    end
    for _, output in ipairs(cell.outputs) do outputs[#outputs + 1] = output_of(output) end
    if cell.dropped then
      local text = ("... %d more outputs left out ...\n"):format(cell.dropped)
      outputs[#outputs + 1] = { output_type = "stream", name = "stderr", text = lines_of(text) }
    end
    if cell.status == "running" then outputs[#outputs + 1] = record.mark end
    local metadata = {}
    for name, value in pairs(cell.metadata) do metadata[name] = value end
    if cell.seconds then
      metadata.perilune = { seconds = math.floor(cell.seconds * 1000 + 0.5) / 1000, status = cell.status }
    end
    local ran = cell.kind == "code" and cell.status ~= "waiting"
    if ran then count = count + 1 end
    cells[i] = {
      kind = cell.kind, source = cell.source, metadata = metadata, raw_outputs = outputs, id = cell.id,
      attachments = cell.attachments, execution_count = ran and count or nil,
    }
  end
  local metadata = {}
  for name, value in pairs(self.metadata or {}) do metadata[name] = value end
  for name, value in pairs(ipynb.kernel) do metadata[name] = metadata[name] or value end
  metadata.perilune = self:facts()
  return ipynb.write { cells = cells, metadata = metadata }
end

return options.strict("notebook.ipynb", ipynb)
