--- The header of a script: the metadata of its notebook in YAML, as jupytext has it.
--
-- What the cells of a script cannot say of a notebook (ids, attachments, some metadata) is there under the
-- name `perilune`.
local attempt = require "perilune.attempt"
local cell = require "perilune.notebook.cell"
local ipynb = require "perilune.notebook.ipynb"
local json = require "perilune.notebook.json"
local options = require "perilune.options"
local yaml = require "perilune.notebook.yaml"

local header = {}

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

--- The metadata of the notebook and its first cell, of a header.
--
--   > header.read({ yaml = { "title: x", "jupyter:", "  n: 1" } }).n
--   1
function header.read(given)
  local metadata, first = {}, nil
  if given.yaml then
    local ours, others, is_ours = {}, {}, false
    for _, line in ipairs(given.yaml) do
      if line:match "^jupyter%s*:%s*$" then is_ours = true elseif line:match "^%S" then is_ours = false end
      table.insert(is_ours and ours or others, line)
    end
    if #ours > 0 then
      local read = yaml.decode(table.concat(ours, "\n")).jupyter
      metadata = is_object(read) and read or {}
    end
    if #others > 0 then
      first = { kind = "raw", source = "---\n" .. table.concat(others, "\n") .. "\n---", metadata = {} }
    end
  end
  metadata.jupytext = is_object(metadata.jupytext) and metadata.jupytext or nil
  if given.executable or given.encoding then
    metadata.jupytext = metadata.jupytext or {}
    metadata.jupytext.executable, metadata.jupytext.encoding = given.executable, given.encoding
  end
  return metadata, first
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

--- The YAML that a first cell is, without its dashes; nil where it is none that comes back as it was.
local function yaml_of(first)
  local text = first and first.kind == "raw" and first.source:match "^%-%-%-\n(.*)\n%-%-%-$"
  if not text or text:find "\r" then return nil end
  for line in (text .. "\n"):gmatch "(.-)\n" do
    if line:match "^%-%-%-%s*$" or line:match "^jupyter%s*:%s*$" then return nil end
  end
  return text
end

--- The lines of the header of a notebook.
local function header_lines(notebook)
  local metadata, lines = copy(notebook.metadata), {}
  local cells, first = header.split(notebook)
  local jupytext = is_object(metadata.jupytext) and copy(metadata.jupytext) or {}
  if type(jupytext.executable) == "string" then lines[1] = "#!" .. jupytext.executable end
  if type(jupytext.encoding) == "string" then
    lines[#lines + 1] = jupytext.encoding
  else
    for _, one in ipairs(cells) do
      if one.source:find "[\x80-\xff]" then
        lines[#lines + 1] = "-- -*- coding: utf-8 -*-"
        break
      end
    end
  end
  local told = {}
  if first then
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
  return lines
end

--- Gives cells back what the header keeps of them, by the hashes of their texts and their place among the
-- cells with the same text.
local function restore(cells, kept)
  local by_key, counts = {}, {}
  for _, entry in ipairs(kept) do
    if is_object(entry) then by_key[("%s/%s"):format(entry.of, entry.nth or 1)] = entry end
  end
  for _, one in ipairs(cells) do
    local of = cell.hash(one.kind .. one.source)
    counts[of] = (counts[of] or 0) + 1
    local entry = by_key[("%s/%d"):format(of, counts[of])]
    if entry then
      one.id = type(entry.id) == "string" and entry.id or nil
      one.attachments = is_object(entry.attachments) and entry.attachments or nil
      for _, name in ipairs(type(entry.wrong) == "table" and entry.wrong or {}) do
        one.metadata[name] = nil
      end
      for name, value in pairs(is_object(entry.metadata) and entry.metadata or {}) do
        one.metadata[name] = value
      end
    end
  end
end

--- What a script cannot say of a notebook, for its header. `told` has what the text of a cell says, as
-- `cell.lines` gives it, by cell.
local function kept_of(notebook, told)
  local kept, taken, counts = json.list {}, {}, {}
  local hashes = {}
  for i, one in ipairs(notebook.cells) do
    hashes[i] = cell.hash(one.kind .. one.source)
    counts[hashes[i]] = (counts[hashes[i]] or 0) + 1
  end
  local nth = {}
  for i, one in ipairs(notebook.cells) do
    local of, metadata, said = hashes[i], {}, told[one] or { metadata = {}, wrong = {} }
    nth[of] = (nth[of] or 0) + 1
    for name, value in pairs(one.metadata) do
      if name ~= "perilune" and said.metadata[name] == nil then metadata[name] = value end
    end
    local id = ipynb.id(one.kind, one.source, taken)
    local entry = {
      of = of, nth = nth[of] > 1 and nth[of] or nil, id = (one.id ~= id or counts[of] > 1) and one.id or nil,
      metadata = next(metadata) and metadata or nil, attachments = one.attachments,
      wrong = #said.wrong > 0 and said.wrong or nil,
    }
    if entry.id or entry.metadata or entry.attachments or entry.wrong then kept[#kept + 1] = entry end
  end
  local metadata = copy(notebook.metadata)
  metadata.perilune = nil
  return { cells = json.encode(kept), metadata = json.encode(metadata) }
end

--- The cells of a notebook without the one that is part of the header, which is a second result.
function header.split(notebook)
  local text = yaml_of(notebook.cells[1])
  if not text then return notebook.cells, nil end
  return table.move(notebook.cells, 2, #notebook.cells, 1, {}), text
end

--- The text of the header of a notebook. `told` is that of `cell.lines` by cell, `others` says where the
-- notebook is from.
function header.write(notebook, told, others)
  local metadata = copy(notebook.metadata)
  local is_hidden = is_object(metadata.jupytext) and metadata.jupytext.notebook_metadata_filter == "-all"
  metadata.perilune = not is_hidden and others.from ~= "script" and kept_of(notebook, told) or nil
  return table.concat(header_lines { cells = notebook.cells, metadata = metadata }, "\n")
end

--- The metadata of a notebook from that of a header, where what the header keeps of the notebook besides is
-- given back to the cells; and whether there is any.
function header.restored(metadata, cells)
  local kept = metadata.perilune
  metadata.perilune = nil
  if not is_object(kept) then return metadata, false end
  local function decoded(text)
    local ok, value = attempt.call(json.decode, text)
    return ok and type(value) == "table" and value ~= json.null and value or {}
  end
  restore(cells, decoded(kept.cells))
  local whole = decoded(kept.metadata)
  for name, value in pairs(metadata) do
    if name ~= "jupytext" then whole[name] = value end
  end
  return whole, true
end

return options.strict("notebook.header", header)
