--- Help on operations, on Lua functions, and on modules.
--
--   local help = require "perilune.help"
--   help "logsumexp"          -- prints the page of an operation
--   help(T.logsumexp)         -- the same, from the function
--   help.apropos "softmax"    -- lists what mentions a word
--   help.manual()             -- the manual of all operations, as Markdown
--
-- The page of a Lua function is the block of comments above its definition, found in its source file.
local native = require "perilune.native.help"

local help = {}

-- Functions of the native modules by value, so that help(T.exp) knows what it was given.
local function native_names()
  local names = {}
  local T = require "perilune.tensor"
  local methods = debug.getmetatable(T.zeros(0)).__methods
  for _, entry in ipairs(native.summaries()) do
    local f, method = T[entry.name], methods[entry.name]
    if f then names[f] = entry.name end
    if method then names[method] = entry.name end
  end
  return names
end

local function lines_of(path)
  local file = io.open(path, "r")
  if not file then return nil end
  local lines = {}
  for line in file:lines() do table.insert(lines, line) end
  file:close()
  return lines
end

-- The comments that end on the line before `line`, without their dashes.
local function comments_above(lines, line)
  local first = line
  while first > 1 and lines[first - 1]:match "^%s*%-%-" do first = first - 1 end
  local text = {}
  for i = first, line - 1 do text[#text + 1] = (lines[i]:gsub("^%s*%-%-%-? ?", "")) end
  return text
end

-- The comments at the top of a file: the page of a module.
local function comments_at_top(lines)
  local last = 0
  while lines[last + 1] and lines[last + 1]:match "^%-%-" do last = last + 1 end
  return comments_above(lines, last + 1)
end

--- The page of a Lua function: its first line and the comments above it; nil without source or comments.
function help.of_function(f)
  local info = debug.getinfo(f, "S")
  if not info or info.what == "C" or info.source:sub(1, 1) ~= "@" then return nil end
  local lines = lines_of(info.source:sub(2))
  if not lines or not lines[info.linedefined] then return nil end
  local text = comments_above(lines, info.linedefined)
  if #text == 0 then return nil end
  table.insert(text, 1, (lines[info.linedefined]:gsub("^%s*", "")))
  return table.concat(text, "\n")
end

--- The page of a module, from the comments at the top of its file.
function help.of_module(name)
  local path = package.searchpath(name, package.path)
  for _, searcher in ipairs(path and {} or package.searchers) do
    local ok, _, found = pcall(searcher, name)
    if ok and type(found) == "string" and found:match "%.lua$" then path = found end
  end
  local lines = path and lines_of(path)
  local text = lines and comments_at_top(lines)
  if text and #text > 0 then return table.concat(text, "\n") end
  return nil
end

--- Every operation whose name, summary, group or formula contains a word, one line each; the number of lines.
function help.apropos(word)
  if type(word) ~= "string" then error("apropos: expected a word, got " .. type(word), 2) end
  local wanted, count = word:lower(), 0
  for _, entry in ipairs(native.summaries()) do
    local text = (entry.name .. " " .. entry.summary .. " " .. entry.group .. " " .. entry.formula):lower()
    if text:find(wanted, 1, true) then
      print(("%-20s %s"):format(entry.name, entry.summary))
      count = count + 1
    end
  end
  if count == 0 then print(("nothing mentions '%s'"):format(word)) end
  return count
end

--- The manual of all operations, as Markdown.
function help.manual()
  return native.manual()
end

--- The page of a name, function or object as text, or nil and why there is none.
function help.page(what)
  if type(what) == "string" then
    local name = what:gsub("^T[.:]", ""):gsub("^x:", "")
    local page = native.page(name) or native.page((name:gsub("_$", "")))
    if not page and name == "Tensor" then return help.page(require("perilune.tensor").zeros(0)) end
    if page then return page end
    page = help.of_module(what) or help.of_module("perilune." .. what)
    if page then return page end
    local names = {}
    for i, entry in ipairs(native.summaries()) do names[i] = entry.name end
    local near = native.nearest(name, names)
    return nil, ("no help on '%s'%s"):format(what, near and ("; did you mean '%s'?"):format(near) or "")
  elseif type(what) == "function" then
    local name = native_names()[what]
    if name then return native.page(name) end
    local page = help.of_function(what)
    if page then return page end
    return nil, "no help on this function: there are no comments above its definition"
  elseif type(what) == "userdata" then
    local meta = debug.getmetatable(what)
    if not (meta and meta.__methods) then return nil, "no help on this value" end
    local names = {}
    for name in pairs(meta.__methods) do names[#names + 1] = name end
    table.sort(names)
    return ("%s: methods\n  %s"):format(meta.__name, table.concat(names, " "))
  elseif type(what) == "table" then
    local names = {}
    for name, value in pairs(what) do
      if type(name) == "string" and type(value) == "function" then names[#names + 1] = name end
    end
    table.sort(names)
    return "functions\n  " .. table.concat(names, " ")
  end
  return nil, ("no help on a %s"):format(type(what))
end

return setmetatable(help, {
  __call = function(_, what)
    if what == nil then
      print 'help "name" or help(f); help.apropos "word"; help.manual()'
      return
    end
    local page, why = help.page(what)
    print(page or why)
  end,
})
