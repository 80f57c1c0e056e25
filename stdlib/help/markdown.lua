--- The manual of the Lua library as Markdown: a section for each module, with its functions and options.
local index = require "perilune.help.index"

local markdown = {}

--- A page's text as Markdown: indented lines become blocks of code.
--
--   > markdown.text("  x = 1"):gsub("`", "'")
--   '''lua
--   x = 1
--   '''	6
function markdown.text(text)
  local lines, is_code = {}, false
  local function add(line) lines[#lines + 1] = line end
  for line in (text .. "\n"):gmatch "(.-)\n" do
    local starts = line:match "^  +%S" ~= nil and (is_code or lines[#lines] == "" or #lines == 0)
    if starts and not is_code then add "```lua" end
    if is_code and not starts then add "```" end
    is_code = starts
    add(starts and line:gsub("^  ", "") or line)
  end
  if is_code then add "```" end
  return table.concat(lines, "\n")
end

local function option_lines(spec)
  local lines = {}
  for line in spec:text():gmatch "[^\n]+" do
    local name, rest = line:match "^(%S.-)%s%s+(.*)$"
    lines[#lines + 1] = name and ("- `%s`: %s"):format(name, rest) or "- " .. line
  end
  return table.concat(lines, "\n")
end

local function section(entry)
  local heading = entry.is_module and "## `%s`" or "### `%s`"
  local parts = { heading:format(entry.title), markdown.text(entry.text) }
  local spec = index.spec(entry.name)
  if spec then parts[#parts + 1] = option_lines(spec) end
  return table.concat(parts, "\n\n") .. "\n\n"
end

--- The sections of all modules, experiments last.
function markdown.library()
  index.load_all()
  local library, experiments = {}, {}
  for _, entry in ipairs(index.entries()) do
    local to = entry.name:match "^experiments" and experiments or library
    to[#to + 1] = section(entry)
  end
  return "# Lua library\n\n" .. table.concat(library) .. "# Experiments\n\n" .. table.concat(experiments)
end

return markdown
