--- Help on operations, on Lua functions, and on modules.
--
--   local help = require "perilune.help"
--   help "logsumexp"          -- prints the page of an operation
--   help(T.logsumexp)         -- the same, from the function
--   help "models.load"        -- a function of a native module; help "sample", help(model.sample): a method
--   help "align.train"        -- the comment above a Lua function
--   help.apropos "softmax"    -- lists what mentions a word
--   help.manual()             -- the manual of all operations, as Markdown
--
-- The page of a Lua function is the block of comments above its definition, found in its source file.
local native = require "perilune.native.help"

local help = {}

-- The page names of native functions and methods by value, so that help(T.exp) and help(model.sample) know what they
-- were given. A function with several pages has that of its own name.
local function native_names()
  local names = {}
  for _, entry in ipairs(native.natives()) do names[entry[2]] = names[entry[2]] or entry[1] end
  return names
end

-- Names of pages that end in `.name` or `:name`: what else `help "save"` could mean.
local function names_ending(name)
  local found = {}
  for _, entry in ipairs(native.summaries()) do
    if entry.name:match "[.:]([^.:]+)$" == name then found[#found + 1] = entry.name end
  end
  return found
end

-- The page of a native name: exact, or without `perilune.`, or that of the method of any class.
local function native_page(what)
  local name = what:gsub("^perilune%.", ""):gsub("^tensor%.", ""):gsub("^T[.:]", ""):gsub("^x:", "")
  local page = native.page(name) or native.page((name:gsub("^(%u%a*)%.", "%1:"))) or native.page((name:gsub("_$", "")))
  local method = name:match "^[%w_]+[.:]([%w_]+)$"
  local others = names_ending(page and name or method or name)
  if page and #others > 0 then return page .. "\n\n  see also " .. table.concat(others, ", ") end
  if page then return page end
  -- model:sample and tok.encode are variables of the reader: what counts is the method's name.
  if method and what:find("^perilune%.") then return nil end
  local pages = {}
  for i, other in ipairs(others) do pages[i] = native.page(other) end
  if method and #pages == 0 and what:find ":" then return native.page(method) end
  if #pages > 0 then return table.concat(pages, "\n\n") end
end

-- What `align.train` or `perilune.align.pairs.online` names in the table of everything, or nil.
local function named(what)
  local ok, value = pcall(require, "perilune")
  if not ok then return nil end
  for word in what:gsub("^perilune%.", ""):gmatch "[^.:]+" do
    if type(value) ~= "table" then return nil end
    local found, inner = pcall(function() return value[word] end)
    value = found and inner or nil
  end
  return value
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

--- Every operation, function and method whose name, signature, summary, group or formula contains a word, one line
-- each; gives the number of lines.
--
--   help.apropos "tokenizer"
function help.apropos(word)
  if type(word) ~= "string" then error("apropos: expected a word, got " .. type(word), 2) end
  local wanted, count = word:lower(), 0
  for _, entry in ipairs(native.summaries()) do
    local text = (entry.name .. " " .. entry.signature .. " " .. entry.summary .. " " .. entry.group .. " " .. entry.formula):lower()
    if text:find(wanted, 1, true) then
      print(("%-20s %s"):format(entry.name, entry.summary))
      count = count + 1
    end
  end
  if count == 0 then print(("nothing mentions '%s'"):format(word)) end
  return count
end

--- The manual of everything native, as Markdown.
function help.manual()
  return native.manual()
end

-- The list of what a native module or class has: `help "models"`, `help "Model"`.
local function class_page(what)
  local start, lines = what:gsub("^perilune%.", ""), {}
  for _, entry in ipairs(native.summaries()) do
    if entry.name:match "^(.+)[.:][^.:]+$" == start then
      lines[#lines + 1] = ("  %-28s %s"):format(entry.name, entry.summary:match "^.-[.:]%f[%s\0]" or entry.summary)
    end
  end
  if #lines > 0 then return what .. "\n" .. table.concat(lines, "\n") end
end

--- The page of a name, function or object as text, or nil and why there is none.
--
--   > help.page("exp"):match "^[^\n]+"
--   x:exp()
--   > select(2, help.page "sampel")
--   no help on 'sampel'; did you mean 'sample'?
function help.page(what)
  if type(what) == "string" then
    if native.page(what) then return native_page(what) end
    if what == "Tensor" then return help.page(require("perilune.tensor").zeros(0)) end
    local value = named(what)
    local page = type(value) == "function" and help.page(value) or help.of_module(what)
      or help.of_module("perilune." .. what:gsub("^perilune%.", "")) or class_page(what) or native_page(what)
    if page then return page end
    local names = {}
    for _, entry in ipairs(native.summaries()) do
      names[#names + 1] = entry.name
      names[#names + 1] = entry.name:match "[.:]([^.:]+)$"
    end
    local near = native.nearest(what, names)
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
