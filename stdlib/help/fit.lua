--- Pages and lists of help in the width of the terminal; into files and pipes they go as they are.
local native = require "perilune.native.plot"
local system = require "perilune.system"

local fit = {}

-- Columns below which a hanging indent leaves no room for words.
local room_min <const> = 30

-- The columns of the terminal; nil where the output is none.
local function terminal_columns() return system.is_terminal(1) and native.columns() or nil end

--- A list whose lines are cut at the edge of the terminal, or of `columns`.
--
--   > fit.cut("  sum  The sum of all elements.", 16)
--     sum  The s...
function fit.cut(list, columns)
  columns = columns or terminal_columns()
  if not columns then return list end
  return (list:gsub("[^\n]+", function(line)
    local cut = utf8.len(line) and utf8.len(line) > columns and utf8.offset(line, columns - 3)
    return cut and line:sub(1, cut - 1) .. "..." or nil
  end))
end

-- Where the later lines of a line begin: below the text of a list's entry, else a little further in; at the
-- margin where the line does.
local function indent_of(line, columns)
  if line:find "^%S" then return 0 end
  local start = line:match "^%s*%S.-%s%s+()%S"
  local indent = start and utf8.len(line:sub(1, start - 1)) or #line:match "^%s*" + 2
  return columns - indent >= room_min and indent or #line:match "^%s*"
end

local function wrapped_line(line, columns)
  local width = utf8.len(line)
  if not width or width <= columns or line:find "^%s*>" then return line end
  local indent, out = indent_of(line, columns), {}
  local now = line:match "^%s*"
  local used, is_first = #now, true
  for gap, word in line:sub(used + 1):gmatch "(%s*)(%S+)" do
    local count = utf8.len(word)
    if not is_first and used + #gap + count > columns then
      out[#out + 1], now, used, gap = now, (" "):rep(indent), indent, ""
    end
    now, used, is_first = now .. gap .. word, used + #gap + count, false
  end
  out[#out + 1] = now
  return table.concat(out, "\n")
end

--- A page whose long lines are broken between words, for the terminal or for `columns`. Examples stay as they
-- are.
--
--   > fit.wrapped("  name = nil   what the option does, in many words for a narrow line", 48)
--     name = nil   what the option does, in many
--                  words for a narrow line
function fit.wrapped(page, columns)
  columns = columns or terminal_columns()
  if not columns then return page end
  local joined = {}
  for line in (page .. "\n"):gmatch "(.-)\n" do
    local before = joined[#joined]
    -- Lines of a paragraph, which begin at the margin, flow on.
    if before and before:find "^%S" and line:find "^%S" and (utf8.len(before) or 0) > columns then
      joined[#joined] = before .. " " .. line
    else
      joined[#joined + 1] = line
    end
  end
  for i, line in ipairs(joined) do joined[i] = wrapped_line(line, columns) end
  return table.concat(joined, "\n")
end

return fit
