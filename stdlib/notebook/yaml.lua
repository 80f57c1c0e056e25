--- The YAML of the headers of scripts: mappings, lists and scalars, as jupytext writes them.
--
--   > local yaml = require "perilune.notebook.yaml"
--   > yaml.decode("jupyter:\n  kernelspec:\n    name: lua\n").jupyter.kernelspec.name
--   lua
--   > (yaml.encode { a = { b = "1.3", c = true } }:gsub("\n", " | "))
--   a: |   b: '1.3' |   c: true |
local attempt = require "perilune.attempt"
local json = require "perilune.notebook.json"
local options = require "perilune.options"

local yaml = {}

local words <const> = {
  ["true"] = true, ["false"] = false, yes = true, no = false, on = true, off = false, null = json.null,
  ["~"] = json.null, [""] = json.null,
}

local function refuse(number, message, ...)
  error(("YAML, line %d: "):format(number) .. message:format(...), 0)
end

--- The value of the text of a scalar, or of a list or mapping in brackets.
local function scalar(text, number)
  local first = text:sub(1, 1)
  if first == '"' then
    local ok, value = attempt.call(json.decode, text)
    if not ok then refuse(number, "a text in quotes is not closed") end
    return value
  elseif first == "'" then
    local inner = text:match "^'(.*)'$"
    if not inner then refuse(number, "a text in quotes is not closed") end
    return (inner:gsub("''", "'"))
  elseif first == "[" or first == "{" then
    local ok, value = attempt.call(json.decode, text, true)
    if ok then return value end
    local inner = text:match "^%[(.*)%]$"
    if not inner or inner:find "[%[%]{}]" then refuse(number, "cannot read '%s'", text) end
    local list = json.list {}
    for item in (inner .. ","):gmatch "%s*(.-)%s*," do list[#list + 1] = scalar(item, number) end
    return list
  end
  text = text:gsub("%s+#.*$", "")
  local word = words[text:lower()]
  if word ~= nil then return word end
  if text:match "^[-+]?[%d.]+$" or text:match "^[-+]?%d+%.%d*[eE][-+]?%d+$" then
    return tonumber(text) or text
  end
  return text
end

--- A key and what comes after its colon, or nil.
local function key_of(text)
  local key, rest = text:match "^'([^']*)'%s*:%s*(.*)$"
  if not key then key, rest = text:match '^"([^"]*)"%s*:%s*(.*)$' end
  if not key then key, rest = text:match "^([^%s'\"%[{#&*!|>%%@`-][^#]-)%s*:%s+(.*)$" end
  if not key then key, rest = text:match "^([^%s'\"%[{#&*!|>%%@`-][^#]-)%s*:$", "" end
  return key, rest
end

local read_block

--- The value after a key or a dash, which may go on in the lines below that are indented more than `indent`.
local function read_value(lines, at, rest, indent, is_item)
  local next_line = lines[at + 1]
  if rest == "" then
    local is_list = next_line and next_line.text:match "^%-%s" or next_line and next_line.text == "-"
    local least = is_list and not is_item and indent or indent + 1
    if next_line and next_line.indent >= least then return read_block(lines, at + 1, next_line.indent) end
    return json.null, at + 1
  end
  local parts, stop = { rest }, at + 1
  if rest:match "^[|>][+-]?$" then
    parts = {}
    while lines[stop] and lines[stop].indent > indent do
      parts[#parts + 1] = lines[stop].text
      stop = stop + 1
    end
    local joined = table.concat(parts, rest:sub(1, 1) == "|" and "\n" or " ")
    return rest:sub(2) == "-" and joined or joined .. "\n", stop
  end
  while lines[stop] and lines[stop].indent > indent do  -- a long scalar is folded
    parts[#parts + 1] = lines[stop].text
    stop = stop + 1
  end
  return scalar(table.concat(parts, " "), lines[at].number), stop
end

function read_block(lines, at, indent)
  local is_list = lines[at].text:match "^%-" and not key_of(lines[at].text)
  local value = is_list and json.list {} or {}
  while lines[at] and lines[at].indent >= indent do
    local line = lines[at]
    if line.indent > indent then refuse(line.number, "the indentation is not that of the lines before") end
    if is_list then
      local gap, item = line.text:match "^%-(%s*)(.*)$"
      if not gap then break end
      if item ~= "" and key_of(item) then
        local inner = indent + 1 + #gap
        lines[at] = { text = item, indent = inner, number = line.number }
        value[#value + 1], at = read_block(lines, at, inner)
      else
        value[#value + 1], at = read_value(lines, at, item, indent, true)
      end
    else
      local key, rest = key_of(line.text)
      if not key then refuse(line.number, "expected 'name: value', got '%s'", line.text) end
      value[key], at = read_value(lines, at, rest, indent, false)
    end
  end
  return value, at
end

--- The value of a text. Errors: it is not of the part of YAML that is read.
--
--   > yaml.decode "a b"
--   YAML, line 1: expected 'name: value', got 'a b'
function yaml.decode(text)
  local lines, number = {}, 0
  for line in (text .. "\n"):gmatch "(.-)\r?\n" do
    number = number + 1
    local blanks = line:match "^ *"
    local rest = line:match("^(.*%S)", #blanks + 1) or ""
    if rest ~= "" and rest:sub(1, 1) ~= "#" then
      lines[#lines + 1] = { indent = #blanks, text = rest, number = number }
    end
  end
  if #lines == 0 then return {} end
  local value, at = read_block(lines, 1, lines[1].indent)
  if lines[at] then refuse(lines[at].number, "the indentation is not that of the lines before") end
  return value
end

local function scalar_text(value)
  if value == json.null then return "null" end
  if type(value) ~= "string" then return json.encode(value) end
  local is_plain = value:match "^[%a_/.%d][%w _./+()@,-]*$" and not value:match "%s$"
  local is_other = words[value:lower()] ~= nil or tonumber(value) or value:match "^%d+%-%d+%-%d+"
  if is_plain and not is_other then return value end
  if value:find "%c" or not utf8.len(value) then return json.quoted(value) end
  return "'" .. value:gsub("'", "''") .. "'"
end

local function is_list(value) return json.encode(value):sub(1, 1) == "[" end

--- The text of a table, with sorted keys, each value on a line of its own.
function yaml.encode(value)
  local out = {}
  local function write(item, indent)
    local blanks = (" "):rep(indent)
    local function add(head, inner, deeper)
      if type(inner) ~= "table" or inner == json.null then
        out[#out + 1] = blanks .. head .. " " .. scalar_text(inner)
      elseif next(inner) == nil then
        out[#out + 1] = blanks .. head .. " " .. json.encode(inner)
      elseif head == "-" then
        out[#out + 1] = blanks .. "- " .. json.encode(inner, { spaced = true })
      else
        out[#out + 1] = blanks .. head
        write(inner, deeper)
      end
    end
    if is_list(item) then
      for _, inner in ipairs(item) do add("-", inner, indent + 2) end
      return
    end
    local names = {}
    for name in pairs(item) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do
      local list = type(item[name]) == "table" and item[name] ~= json.null and is_list(item[name])
      add(scalar_text(name) .. ":", item[name], list and indent or indent + 2)
    end
  end
  write(value, 0)
  return table.concat(out, "\n") .. "\n"
end

return options.strict("notebook.yaml", yaml)
