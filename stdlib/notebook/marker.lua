--- The lines `-- %% title [markdown] key=value` that begin cells, as jupytext reads and writes them.
--
--   > local marker = require "perilune.notebook.marker"
--   > local m = marker.read '-- %% The data [markdown] tags=["hide-input"]'
--   > m.title, m.kind, m.metadata.tags[1]
--   The data	markdown	hide-input
local attempt = require "perilune.attempt"
local json = require "perilune.notebook.json"
local options = require "perilune.options"
local trim = require "perilune.trimmed"

local marker = {}

--- Metadata that the text of a cell does not have, as in jupytext.
marker.ignored = {
  autoscroll = true, collapsed = true, scrolled = true, trusted = true, execution = true, ExecuteTime = true,
  skipline = true, noskipline = true, cell_marker = true, lines_to_next_cell = true,
  lines_to_end_of_cell_marker = true, perilune = true,
}

--- Whether a cell has a tag.
--
--   > marker.has_tag(marker.read '-- %% tags=["hide-input"]', "hide-input")
--   true
function marker.has_tag(cell, name)
  local tags = cell.metadata.tags
  for _, tag in ipairs(type(tags) == "table" and tags or {}) do
    if tag == name then return true end
  end
  return false
end

--- Whether a line begins a cell; the text after its percent signs if so.
--
--   > marker.rest "-- %% a title", marker.rest "-- %%", marker.rest "-- 5 %% 3"
--   a title		nil
function marker.rest(line)
  line = line:gsub("\r$", "")
  local percent, rest = line:match "^%s*%-%-%s*%%%%(%%*)%s(.*)$"
  if percent then return percent .. rest end
  return line:match "^%s*%-%-%s*%%%%%s*$" and "" or nil
end

local function value_of(text)
  local ok, value = attempt.call(json.decode, text, true)
  if ok then return value end
  return nil
end

--- Where the run of characters of a class that ends at `stop` begins: stop + 1 for an empty one.
local function run_start(text, first, stop, class)
  while stop >= first and text:find(class, stop) do stop = stop - 1 end
  return stop + 1
end

--- Whether the word that begins at `from` is the first, or has a blank before it.
local function is_word(text, first, from) return from == first or text:sub(from - 1, from - 1) == " " end

--- How many places of "=" are tried for a value that ends at one place. Each copies the text up to there.
local most_tries <const> = 1000

--- The last "name=value" of text[first, stop] whose value is one: name, value, and where the name begins.
local function last_pair(text, first, stop)
  local tries = 0
  for at = stop, first, -1 do
    if text:byte(at) == 61 then
      local before = run_start(text, first, at - 1, "^%s") - 1
      local from = run_start(text, first, before, "^[%w_.@/-]")
      local value
      if from <= before and is_word(text, first, from) then
        tries, value = tries + 1, value_of(text:sub(at + 1, stop))
        if tries > most_tries then return end
      end
      if value ~= nil then return text:sub(from, before), value, from end
    end
  end
end

--- "a=1 b c=[2]" as metadata: names without a value are null. Read from the right, as values may have blanks.
local function read_pairs(text, into)
  local first, stop = text:find "%S", #text
  local is_comment = first and text:sub(first, first + 1) == "--"
  local function set(name, value)
    if into[name] == nil then into[name] = value end
  end
  while first do
    stop = run_start(text, first, stop, "^%s") - 1
    if stop < first then return end
    local from = run_start(text, first, stop, "^[%w_.]")
    if not is_comment and text:find("^[%a_.]", from) and from <= stop and is_word(text, first, from) then
      set(text:sub(from, stop), json.null)
    else
      local name, value
      name, value, from = last_pair(text, first, stop)
      if not name then return set("incorrectly_encoded_metadata", text:sub(first, stop)) end
      set(name, value)
    end
    stop = from - 1
  end
end

--- The title of the text before its metadata, and the metadata.
local function title_and_metadata(text)
  text = trim(text)
  local brace, equal = text:find("{", 1, true), text:find("=", 1, true)
  if brace and not (equal and equal < brace) then
    local value = value_of(text:sub(brace))
    if type(value) ~= "table" or value == json.null then
      value = { incorrectly_encoded_metadata = text:sub(brace) }
    end
    return trim(text:sub(1, brace - 1)), value, true
  end
  local words, before = {}, equal and text:sub(1, equal - 1) or text
  for word in (before .. " "):gmatch "(.-) " do words[#words + 1] = word end
  if equal then
    while words[1] and words[#words] == "" do table.remove(words) end
    table.remove(words)
  end
  while words[1] and (trim(words[#words]) == "" or words[#words]:sub(1, 1) == ".") do table.remove(words) end
  local title, metadata = table.concat(words, " "), {}
  read_pairs(text:sub(#title + 1), metadata)
  return title, metadata, false
end

--- What a line says: `kind` ("code", "markdown", "raw"), `title` ("" for none) and `metadata`, which has the
-- title and the depth too; nil for a line that begins no cell.
function marker.read(line)
  local rest = marker.rest(line)
  if not rest then return nil end
  local title, metadata, is_json = title_and_metadata(rest)
  local kind = "code"
  for _, name in ipairs { "markdown", "raw", "md" } do
    local from, to = title:find("[" .. name .. "]", 1, true)
    if from then
      kind = name == "raw" and "raw" or "markdown"
      title = trim(title:sub(1, from - 1) .. title:sub(to + 1))
      if name == "md" then metadata.region_name = "md" end
      break
    end
  end
  local depth = #title:match "^%%*"
  if depth > 0 then
    metadata.cell_depth = depth
    title = trim(title:sub(depth + 1))
  end
  if title ~= "" then metadata.title = title end
  return { kind = kind, title = title, metadata = metadata, is_json = is_json }
end

--- The line of a cell of this kind with this metadata, as names with values or, with `is_json`, as one
-- object.
--
--   > marker.write("markdown", { title = "The data", n = 1 })
--   -- %% The data [markdown] n=1
function marker.write(kind, metadata, is_json)
  local parts, names = {}, {}
  local depth = math.tointeger(metadata.cell_depth) or 0
  if depth > 0 and depth <= 100 then parts[1] = ("%"):rep(depth) end
  if type(metadata.title) == "string" then parts[#parts + 1] = metadata.title end
  local name_of_kind = metadata.region_name == "md" and "md" or kind
  if kind ~= "code" then parts[#parts + 1] = ("[%s]"):format(name_of_kind) end
  for name, value in next, metadata do
    local is_empty = name == "tags" and type(value) == "table" and #value == 0
    local is_told = name == "title" or name == "cell_depth" or name == "region_name"
    local is_free = name == "incorrectly_encoded_metadata"
    if not is_told and not is_empty and not marker.ignored[name] and name:match "^[%w_.@/-]+$"
      and (not is_free or type(value) == "string") then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  if is_json and #names > 0 then
    local object = {}
    for _, name in ipairs(names) do object[name] = metadata[name] end
    parts[#parts + 1] = json.encode(object, { spaced = true, ascii = true })
    names = {}
  end
  for _, name in ipairs(names) do
    local value = metadata[name]
    if name == "incorrectly_encoded_metadata" then
      parts[#parts + 1] = value
    elseif value == json.null then
      parts[#parts + 1] = name
    else
      parts[#parts + 1] = name .. "=" .. json.encode(value, { spaced = true, ascii = true })
    end
  end
  local text = table.concat(parts, " ")
  return "-- %%" .. ((text == "" or text:sub(1, 1) == "%") and text or " " .. text)
end

return options.strict("notebook.marker", marker)
