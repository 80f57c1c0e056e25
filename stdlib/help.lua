--- Help on operations, on Lua functions, and on modules.
--
--   local help = require "perilune.help"
--   help "logsumexp"          -- prints the page of an operation
--   help(T.logsumexp)         -- the same, from the function
--   help "models.load"        -- a function of a native module; help "sample", help(model.sample): a method
--   help "align.pairs.online" -- a function of Perilune by its path
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
  table.insert(text, 1, (lines[info.linedefined]:gsub("^%s*", ""):gsub("^return ", "")))
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

--- What a path such as "align.pairs.online" names among the parts of Perilune, or nil.
local function at_path(path)
  local value = require "perilune"
  for key in path:gsub("^perilune%.", ""):gmatch "[^.:]+" do
    if type(value) ~= "table" then return nil end
    local ok, found = pcall(function(from) return from[key] end, value)
    if not ok or found == nil then return nil end
    value = found
  end
  return value
end

-- Calls visit(path, page) for every Lua function of the parts that has a page, in the order of their paths.
local function each_lua_function(visit)
  local perilune = require "perilune"
  local seen = {}
  local function walk(prefix, value, depth)
    if type(value) == "function" then
      local page = help.of_function(value)
      if page then visit(prefix, page) end
    elseif type(value) == "table" and depth > 0 and not seen[value] then
      seen[value] = true
      local names = {}
      for name in pairs(value) do
        if type(name) == "string" and name:match "^%a" then names[#names + 1] = name end
      end
      table.sort(names)
      for _, name in ipairs(names) do walk(prefix .. "." .. name, value[name], depth - 1) end
    end
  end
  local parts = {}
  for name in pairs(perilune.parts) do parts[#parts + 1] = name end
  table.sort(parts)
  for _, name in ipairs(parts) do
    local ok, part = pcall(function() return perilune[name] end)
    if ok then walk(name, part, 3) end
  end
end

--- Every operation, native function and method whose name, signature, summary, group or formula contains a word, and
-- every Lua function whose path or page does, one line each.
--
--   help.apropos "tokenizer"
function help.apropos(word)
  if type(word) ~= "string" then error("apropos: expected a word, got " .. type(word), 2) end
  local wanted, count = word:lower(), 0
  local function list(name, summary)
    print(("%-22s %s"):format(name, summary))
    count = count + 1
  end
  for _, entry in ipairs(native.summaries()) do
    local text = (entry.name .. " " .. entry.signature .. " " .. entry.summary .. " " .. entry.group .. " " .. entry.formula):lower()
    if text:find(wanted, 1, true) then list(entry.name, entry.summary) end
  end
  each_lua_function(function(path, page)
    if (path .. " " .. page):lower():find(wanted, 1, true) then
      local text = page:gsub("^[^\n]*\n", ""):gsub("\n\n.*", ""):gsub("%s+", " ")
      list(path, text:match "^(.-%.) %u" or text)
    end
  end)
  if count == 0 then print(("nothing mentions '%s'"):format(word)) end
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

--- Names in order, in lines of at most 100 characters.
local function sorted_lines(names)
  table.sort(names)
  local lines = { "" }
  for _, name in ipairs(names) do
    if #lines[#lines] + #name > 98 then lines[#lines + 1] = "" end
    lines[#lines] = lines[#lines] .. " " .. name
  end
  return " " .. table.concat(lines, "\n ")
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
    local page = help.of_module(what) or help.of_module("perilune." .. what)
    local value = at_path(what)
    if type(value) == "function" then
      local of_function = help.page(value)
      if page and of_function then return page .. "\n\n" .. of_function end
      page = page or of_function
    end
    page = page or class_page(what) or native_page(what)
    if page then return page end
    if value ~= nil then return help.page(value) end
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
    return ("%s: methods\n%s"):format(meta.__name, sorted_lines(names))
  elseif type(what) == "table" then
    local names, class = {}, (debug.getmetatable(what) or {}).__index
    for _, from in ipairs { what, type(class) == "table" and class or nil } do
      for name, value in pairs(from) do
        if type(name) == "string" and not name:match "^_" and type(value) == "function" then names[#names + 1] = name end
      end
    end
    return "functions\n" .. sorted_lines(names)
  end
  return nil, ("no help on a %s"):format(type(what))
end

local usage = 'help "name" or help(f) shows a page; help.apropos "word" searches; print(help.manual()) lists every operation'

return setmetatable(help, {
  __tostring = function() return usage end,
  __call = function(_, what)
    if what == nil then
      print(usage)
      return
    end
    local page, why = help.page(what)
    print(page or why)
  end,
})
