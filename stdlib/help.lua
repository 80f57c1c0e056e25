--- Help on operations, native functions, Lua functions and modules.
--
--   help "logsumexp"            prints the page of an operation
--   help(T.logsumexp)           the same page, found by the function
--   help "models.load"          a native function
--   help "sample"               a method of any class; also help(model.sample)
--   help "align.train"          a module or function of the Lua library, by its name or the end of it
--   help.apropos "softmax"      lists the pages that contain a word
--   help.manual()               all pages as Markdown
--
-- Native pages are declared with their functions. The page of a Lua function is the comment above its
-- definition, with the options that the function declares.
local attempt = require "perilune.attempt"
local native = require "perilune.native.help"
local fit = require "perilune.help.fit"
local index = require "perilune.help.index"
local lua = require "perilune.help.lua"
local markdown = require "perilune.help.markdown"
local search = require "perilune.help.search"

local help = {}

local page_of_name, page_of_tensors, page_of_function

-- The names of native pages that end in `.name` or `:name`.
local function native_endings(name)
  local found = {}
  for _, entry in ipairs(native.summaries()) do
    if entry.name:match "[.:]([^.:]+)$" == name then found[#found + 1] = entry.name end
  end
  return found
end

-- The native page of a name as the reader wrote it: `T.exp`, `x:exp`, `perilune.models.load`, `Model.sample`.
local function native_page(name)
  local method, in_place = name:gsub("^(%u%a*)%.", "%1:"), name:gsub("_$", "")
  return native.page(name) or native.page(method) or native.page(in_place)
end

-- The pages of the native methods that a reader's variable may have: `model:sample`, `tok.encode`, `sample`.
local function method_pages(name)
  local member = name:match "^[%w_]+[.:]([%w_]+)$"
  local pages = {}
  for i, other in ipairs(native_endings(member or name)) do pages[i] = native.page(other) end
  if #pages == 0 and member and name:find ":" then pages[1] = native.page(member) end
  return pages
end

local function see_also(page, name)
  local others = {}
  for _, other in ipairs(native_endings(name)) do
    if other ~= name then others[#others + 1] = other end
  end
  return #others == 0 and page or page .. "\n\n  see also " .. table.concat(others, ", ")
end

-- The native functions of a module, or the methods of a class: `models`, `Model`.
local function native_members(name)
  local found = {}
  for _, entry in ipairs(native.summaries()) do
    if entry.name:match "^(.+)[.:][^.:]+$" == name then found[#found + 1] = entry end
  end
  return #found > 0 and name .. "\n" .. index.list(found) or nil
end

-- The pages of entries of one name, or the list of entries of several names.
local function pages_of(found, entries)
  local pages = {}
  for i, entry in ipairs(found) do
    if entry.name ~= found[1].name then return index.list(found) end
    pages[i] = index.page(entry, entries)
  end
  return #pages > 0 and table.concat(pages, "\n\n") or nil
end

-- The value of a path such as "align.sources.online" among the parts of the library.
local function at_path(path)
  local value = require "perilune"
  for key in path:gmatch "[^.:]+" do
    if type(value) ~= "table" then return nil end
    local ok, found = attempt.call(function(from) return from[key] end, value)
    if not ok or found == nil then return nil end
    value = found
  end
  return value
end

-- The native modules that are parts of the library themselves, without a file in Lua.
local function native_modules(entries)
  local names, in_lua = {}, {}
  for _, entry in ipairs(entries) do in_lua[entry.name] = true end
  for path in pairs(package.preload) do
    local name = path:match "^perilune%.native%.([%w_]+)$"
    if name and not in_lua[name] then names[#names + 1] = name end
  end
  table.sort(names)
  return "Native modules, as help \"models\" lists: " .. table.concat(names, ", ")
end

-- Pages that are listed in place of one that is missing.
local mentions_max <const> = 8

local function unknown(name, entries)
  local names = {}
  for _, from in ipairs { native.summaries(), entries } do
    for _, entry in ipairs(from) do
      names[#names + 1] = entry.name
      names[#names + 1] = entry.name:match "[.:]([^.:]+)$"
    end
  end
  local near = not name:find "%s" and native.nearest(name, names)
  if near and 2 * #near >= #name then return ("no help on '%s'; did you mean '%s'?"):format(name, near) end
  -- Words are searched for, a name of code is not.
  local found = name:find "^[%a%s]*%a[%a%s]*$" and search.entries(name) or {}
  if #found == 0 then return ("no help on '%s'"):format(name) end
  local more = #found > mentions_max
    and ("\n  and %d more: apropos \"%s\""):format(#found - mentions_max, name) or ""
  return ("no page of the name '%s'; these mention it:\n%s%s"):format(
    name, fit.cut(index.list { table.unpack(found, 1, mentions_max) }), more)
end

-- The functions of the module of tensors, by their subject.
local function page_of_operations()
  local groups, by_name = {}, {}
  for _, entry in ipairs(native.summaries()) do
    if entry.name:match "^[%w_]+$" then
      if not by_name[entry.group] then
        by_name[entry.group] = {}
        groups[#groups + 1] = entry.group
      end
      table.insert(by_name[entry.group], entry)
    end
  end
  local parts = { "T, the module perilune.tensor: tensors and their functions; most are methods too." }
  for _, group in ipairs(groups) do parts[#parts + 1] = group .. "\n" .. index.list(by_name[group]) end
  return table.concat(parts, "\n\n")
end

function page_of_name(what)
  local name = what:gsub("^perilune%.", ""):gsub("^tensor%.", ""):gsub("^[Tx][.:]", "")
  if name == "Tensor" then return page_of_tensors() end
  if name == "T" or name == "tensor" then return page_of_operations() end
  local page, of_lua = native_page(name), lua.page(what)
  if page then return see_also(page, name) .. (of_lua and "\n\n" .. of_lua or "") end
  if of_lua then return of_lua end
  local entries = index.entries()
  local found = index.find(name, entries)
  if name == "perilune" then return pages_of(found, entries) .. "\n\n" .. native_modules(entries) end
  if index.is_exact(found, name) then
    -- A part that is a function of the module of its name, as data.describe is data.describe.text.
    local part = found[1].is_module and at_path(name)
    local is_other = type(part) == "function" and index.of_value(part, entries) == nil
    if is_other then return page_of_function(part) end
    return pages_of(found, entries)
  end
  local first = "perilune." .. name  -- a function of the library's first module
  local of_first = index.find(first, entries)
  if index.is_exact(of_first, first) then return pages_of(of_first, entries) end
  page = native_members(name)
  if page then return page end
  local value = at_path(name)
  if value ~= nil and value ~= require "perilune" then return help.page(value) end
  page = pages_of(found, entries)
  local pages = method_pages(name)
  if page then pages[#pages + 1] = page end
  local is_path = what:find "^perilune%." and name:find "[.:]"
  if #pages > 0 and not is_path then return table.concat(pages, "\n\n") end
  return nil, unknown(what, entries)
end

-- The page of an entry, under its name where that finds it.
local function page_of_entry(entry, entries)
  if entry.module ~= "" and index.is_exact(index.find(entry.name, entries), entry.name) then
    return page_of_name(entry.name)
  end
  return index.page(entry, entries)
end

function page_of_function(f)
  for _, entry in ipairs(native.functions()) do
    -- Lua has functions of its own called load and select.
    if rawequal(entry[2], f) then
      return page_of_name(entry[1]:find "[.:]" and entry[1] or "T." .. entry[1])
    end
  end
  local entries = index.entries()
  local entry = index.of_value(f, entries) or index.of_function(f, entries)
  if entry then return page_of_entry(entry, entries) end
  local name = lua.name_of(f)
  if name then return page_of_name(name) end
  return nil, "no help on this function: there is no comment above its definition"
end

-- Names in order, in lines of at most 100 characters.
local function sorted_lines(names)
  table.sort(names)
  local lines = { "" }
  for _, name in ipairs(names) do
    if #lines[#lines] + #name > 98 then lines[#lines + 1] = "" end
    lines[#lines] = lines[#lines] .. " " .. name
  end
  return " " .. table.concat(lines, "\n ")
end

-- The methods of tensors by their subject.
function page_of_tensors()
  local methods = debug.getmetatable(require("perilune.tensor").zeros(0)).__methods
  local groups, by_name, known = {}, {}, {}
  for _, entry in ipairs(native.summaries()) do
    local name = entry.name:match "^[%w_]+$" or entry.name:match "^Tensor:([%w_]+)$"
    if name and methods[name] and not known[name] then
      known[name] = true
      if not by_name[entry.group] then
        by_name[entry.group] = {}
        groups[#groups + 1] = entry.group
      end
      table.insert(by_name[entry.group], name)
    end
  end
  local rest = {}
  for name in pairs(methods) do
    if not known[name] and not name:find "_$" then rest[#rest + 1] = name end
  end
  local lines = {
    "Tensor: an array of f32, f64, i64 or bool; x:exp() and T.exp(x) are one function.",
    "",
    "Many methods have a form with _ that changes the tensor, as x:add_(1). help \"exp\" is the page of one.",
  }
  for _, group in ipairs(groups) do
    lines[#lines + 1] = "\n" .. group .. "\n" .. sorted_lines(by_name[group])
  end
  if #rest > 0 then lines[#lines + 1] = "\nmore\n" .. sorted_lines(rest) end
  return table.concat(lines, "\n")
end

local function page_of_object(object)
  local meta = debug.getmetatable(object)
  local class = meta and rawget(meta, "__name")
  if class == "Tensor" then return page_of_tensors() end
  local page = class and native_members(class)
  if page then return page end
  if not (meta and meta.__methods) then return nil, "no help on this value" end
  local names = {}
  for name in pairs(meta.__methods) do names[#names + 1] = name end
  return ("%s: methods\n%s"):format(meta.__name, sorted_lines(names))
end

-- The page of a module, or the functions of a table and of its class.
local function page_of_table(value)
  local entries = index.entries()
  local module = index.of_value(value, entries)
  if module then return page_of_entry(module, entries) end
  for path in pairs(package.preload) do
    local name = path:match "^perilune%.native%.([%w_]+)$"
    if name and rawequal(package.loaded[path], value) then return page_of_name(name) end
  end
  local meta = debug.getmetatable(value)
  local class_name = type(meta) == "table" and rawget(meta, "__name")
  if type(class_name) == "string" and #index.find(class_name, entries) > 0 then
    return page_of_name(class_name)
  end
  local of_lua = lua.name_of(value)
  if of_lua then return page_of_name(of_lua) end
  local names, class = {}, (debug.getmetatable(value) or {}).__index
  local found = {}
  for _, from in ipairs { value, type(class) == "table" and class or nil } do
    for name, member in pairs(from) do
      if type(name) == "string" and not name:match "^_" and type(member) == "function" then
        local entry = index.of_function(member, entries)
        if entry then found[#found + 1] = { name = name, summary = entry.summary } end
        names[#names + 1] = name
      end
    end
  end
  if #found < #names then return "functions\n" .. sorted_lines(names) end
  table.sort(found, function(a, b) return a.name < b.name end)
  return "functions\n" .. index.list(found)
end

local by_type = {
  string = page_of_name, ["function"] = page_of_function, userdata = page_of_object, table = page_of_table,
}

--- The page of a name, function or object as text; nil and the reason where there is none.
--
--   > help.page("exp"):match "^[^\n]+"
--   x:exp()
--   > select(2, help.page "sampel")
--   no help on 'sampel'; did you mean 'sample'?
function help.page(what)
  local find = by_type[type(what)]
  if not find then return nil, ("no help on a %s"):format(type(what)) end
  return find(what)
end

--- Prints a line for each page that has these words, in any case and order, the nearest first.
--
-- Names, signatures, sentences, formulas and options are searched: native pages and those of the library.
--
--   > help.apropos "yield whether"
--     coroutine.isyieldable  whether the coroutine can yield
--   > help.apropos "zzzz"
--   nothing mentions 'zzzz'
function help.apropos(text)
  if type(text) ~= "string" then error("apropos: expected a string, got " .. type(text), 2) end
  if not text:find "%S" then error("apropos: expected words, such as apropos \"learning rate\"", 2) end
  local entries = search.entries(text)
  print(#entries > 0 and fit.cut(index.list(entries)) or ("nothing mentions '%s'"):format(text))
end

--- All pages as Markdown: native ones by subject, then the Lua library by module.
--
--   > help.manual():match "^[^\n]*"
--   # Tensors
function help.manual()
  return native.manual() .. markdown.library()
end

local usage = [[
help "name" or help(f)  prints a page
help "perilune"         lists the parts of the library
help.apropos "word"     lists the pages that contain a word
print(help.manual())    prints all pages]]

return setmetatable(help, {
  __tostring = function() return usage end,
  __call = function(_, what)
    if what == nil or type(what) == "string" and not what:find "%S" then return print(usage) end
    local page, why = help.page(what)
    print(fit.wrapped(page or why))
  end,
})
