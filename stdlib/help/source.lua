--- The comments of a Lua file: the page of the file, and one page for each documented definition.
--
-- The comment at the top of a file is the page of the file. A comment that begins with three dashes is the
-- page of the function defined on the line after it.
--
--   > local found = source.definitions("--- Adds.\nfunction sum.add(a, b)\nend\n")
--   > found[1].name, found[1].title, found[1].text, found[1].line
--   sum.add	sum.add(a, b)	Adds.	2
local source = {}

--- The contents of a file, or nil.
function source.read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read "a"
end

local function lines_of(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\r?\n" do lines[#lines + 1] = line end
  return lines
end

--- The lines `first` to `last` without their dashes, as one text.
local function uncommented(lines, first, last)
  local text = {}
  for i = first, last do text[#text + 1] = (lines[i]:gsub("^%s*%-%-%-? ?", "")) end
  return (table.concat(text, "\n"):gsub("%s+$", ""))
end

local function is_comment(line) return line ~= nil and line:match "^%s*%-%-" ~= nil end

--- The comment at the top of a file's text; "" without one.
function source.top(text)
  local lines = lines_of(text)
  local first = lines[1]:match "^#" and 2 or 1
  local last = first - 1
  while is_comment(lines[last + 1]) do last = last + 1 end
  return uncommented(lines, first, last)
end

-- What a line defines: its name and parameters. A definition within a function is that of a method.
local function definition(line)
  local name, parameters = line:match "^function ([%w_.:]+)%s*(%b())"
  if not name then name, parameters = line:match "^%s+function ([%w_]+[.:][%w_.:]+)%s*(%b())" end
  if not name then name, parameters = line:match "^([%w_.]+)%s*=%s*function%s*(%b())" end
  if not name then name, parameters = line:match "^local function ([%w_]+)%s*(%b())" end
  if not name then name, parameters = "", line:match "^return function%s*(%b())" end
  return parameters and name, parameters
end

--- The name of the table that a file's text returns, directly or through `options.strict` or `setmetatable`;
-- nil where it returns something else.
--
--   > source.returned("return strict('align.sources', sources)\n")
--   sources
function source.returned(text)
  local last
  for found in ("\n" .. text):gmatch "\nreturn ([^\n]*)" do last = found end
  if not last then return nil end
  return last:match "^([%w_]+)%s*$" or last:match "strict%(['\"][^'\"]*['\"], ([%w_]+)"
    or last:match "^setmetatable%(([%w_]+)"
end

--- The documented definitions of a text: a list of { name, title, text, line, is_local }. The name of a
-- function that the file returns without a name is "".
function source.definitions(text)
  local lines, found = lines_of(text), {}
  for i, line in ipairs(lines) do
    local name, parameters = definition(line)
    local first = i
    while is_comment(lines[first - 1]) do first = first - 1 end
    if name and first < i and lines[first]:match "^%s*%-%-%-" then
      found[#found + 1] = {
        name = name, title = name .. parameters, text = uncommented(lines, first, i - 1), line = i,
        is_local = line:match "^local " ~= nil,
      }
    end
  end
  return found
end

--- The comment directly above a line of a file's text, and the line; nil without one.
function source.above(text, line)
  local lines = lines_of(text)
  local first = line
  while is_comment(lines[first - 1]) do first = first - 1 end
  if not lines[line] or first == line then return nil end
  local title = lines[line]:gsub("^%s*", ""):gsub("^return ", ""):gsub("^local ", ""):gsub("^function ", "")
  return uncommented(lines, first, line - 1), title
end

--- The first sentence of a page's text.
--
--   > source.summary("Adds two numbers: a and b. Slow.\n\nMore.")
--   Adds two numbers: a and b.
function source.summary(text)
  local paragraph = (text .. "\n\n"):match "^(.-)\n%s*\n":gsub("%s+", " ")
  return paragraph:match "^(.-%.) %u" or paragraph
end

return source
