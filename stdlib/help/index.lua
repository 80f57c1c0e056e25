--- The pages of everything written in Lua: modules, functions and methods of the library, and experiments.
--
-- The files are the index: a folder's modules are the files in it, a module's functions are the documented
-- definitions of its file. Nothing is loaded to make it.
local attempt = require "perilune.attempt"
local doctest = require "perilune.doctest"
local options = require "perilune.options"
local source = require "perilune.help.source"
local system = require "perilune.system"

local index = {}

local load_module

local library <const> = debug.getinfo(1, "S").source:match "^@(.*)/help/[^/]*$"

-- Calls visit(path, name) for each Lua file below a folder; a folder's init.lua has the name of the folder.
local function each_file(folder, prefix, visit)
  for _, entry in ipairs(system.list_folder(folder)) do
    local path, name = folder .. "/" .. entry, entry:match "^([%w_]+)%.lua$"
    if name then
      visit(path, name == "init" and prefix:sub(1, -2) or prefix .. name)
    elseif entry:match "^[%w_]+$" and attempt.call(system.list_folder, path) then
      each_file(path, prefix .. entry .. ".", visit)
    end
  end
end

-- The name of a definition in the library: in align/train.lua, where `train` is returned, `train.run` is
-- `align.train.run` and `Run:resume` is `align.train.Run:resume`.
local function full_name(module, returned, name)
  local base, rest = name:match "^([%w_]+)(.*)$"
  if base == returned or base == "self" or base == module:match "[^.]+$" then return module .. rest end
  return module .. "." .. name
end

-- Adds the module at `path` and its definitions to the list of entries. The function that a module returns is
-- a part of the module's entry; other local functions have no page.
local function add_file(entries, path, module)
  local text = source.read(path) or ""
  local top, returned = source.top(text), source.returned(text)
  local own = {
    name = module, title = module, text = top, summary = source.summary(top), path = path, line = 0,
    module = module, is_module = true,
  }
  entries[#entries + 1] = own
  for _, found in ipairs(source.definitions(text)) do
    if found.name == "" or found.name == returned then
      own.text = ("%s\n\n%s%s\n%s"):format(own.text, module, found.title:match "%b()$", found.text)
      own.line = found.line
    elseif not found.is_local then
      local name = full_name(module, returned, found.name)
      entries[#entries + 1] = {
        name = name, title = name .. found.title:match "%b()$", text = found.text, line = found.line,
        summary = source.summary(found.text), path = path, module = module,
      }
    end
  end
end

local cached

--- All entries { name, title, text, summary, path, line, module, is_module }, sorted by module and line. The
-- files are read once.
--
--   > #index.find("align.train", index.entries())
--   1
function index.entries()
  if cached then return cached end
  local entries = {}
  each_file(library, "", function(path, module) add_file(entries, path, module) end)
  local experiments = library .. "/../scripts/experiments"
  if system.exists(experiments) then
    each_file(experiments, "experiments.", function(path, module) add_file(entries, path, module) end)
  end
  table.sort(entries, function(a, b)
    if a.module ~= b.module then return a.module < b.module end
    if a.is_module ~= b.is_module then return a.is_module == true end
    return a.line < b.line
  end)
  cached = entries
  return entries
end

-- What a module adds to its own page: the text of its function `help_page`.
local function own_page(value)
  local make = type(value) == "table" and rawget(value, "help_page")
  return make and make() or nil
end

--- What the module of a name adds to its page, as a loss its paper and what it reads; nil for most.
--
--   > (index.own_page "align.loss.dpo":match "paper[^,]*")
--   paper      Rafailov et al. 2023
function index.own_page(name) return own_page(load_module(name)) end

-- The value of `perilune.NAME`; nil where it cannot be loaded.
function load_module(name)
  if name:match "^experiments" then return nil end
  local ok, value = attempt.call(require, name == "perilune" and name or "perilune." .. name)
  return ok and value or nil
end

--- Loads every module of the library, so that `options.specs` holds every spec.
--
--   > index.load_all()
--   > require("perilune.options").specs["align.train"] ~= nil
--   true
function index.load_all()
  for _, entry in ipairs(index.entries()) do
    if entry.is_module then load_module(entry.name) end
  end
end

--- The spec of the options of the function `name`: that of its name, or of the end of its name.
--
--   > index.spec("plot.hist"):names()[1]
--   values
function index.spec(name)
  for from in ("." .. name):gmatch "()[.:]" do
    local spec = rawget(options.specs, name:sub(from))
    if spec then return spec end
  end
  return nil
end

local function indented(text) return "  " .. text:gsub("\n", "\n  ") end

--- A list of names as lines, each with the first sentence of its summary.
--
--   > index.list { { name = "f", summary = "Adds. Slow." }, { name = "long", summary = "Waits." } }
--     f     Adds.
--     long  Waits.
function index.list(entries)
  local lines, width = {}, 0
  for _, entry in ipairs(entries) do width = math.max(width, math.min(#entry.name, 36)) end
  for i, entry in ipairs(entries) do
    lines[i] = ("  %-" .. width .. "s  %s"):format(entry.name, source.summary(entry.summary))
  end
  return table.concat(lines, "\n")
end

-- What belongs to a module: its functions, its classes' methods, and the modules of its folder.
local function members(entries, module)
  local found = {}
  for _, entry in ipairs(entries) do
    local parent = entry.name:match "^(.*)%.[^.]+$" or entry.name ~= "perilune" and "perilune"
    local of_folder = entry.is_module and parent == module
    if entry.module == module and not entry.is_module or of_folder then found[#found + 1] = entry end
  end
  return found
end

-- Whether a block of an example calls a name: `csv.load(`, `csv.load "x"`, `w:check()`.
local function calls(block, name)
  local member = name:match "[^.:]+$"
  for _, example in ipairs(block) do
    if (" " .. example.code):find("[.:]" .. member .. "%f[^%w_]") then return true end
    if (" " .. example.code):find("[^%w_.:]" .. member .. "%s*[%({\"'%[]") then return true end
  end
end

-- The blocks of examples in a text of help.
local function blocks_of(text)
  return doctest.blocks("--- " .. text:gsub("\n", "\n-- ") .. "\n")
end

--- The blocks of examples of an entry: its own; else one of its module, or of a module above, that calls it.
-- All are run by the tests.
--
--   > #index.examples(index.find("csv.decode", index.entries())[1]) > 0
--   true
function index.examples(entry, entries)
  local own = blocks_of(entry.text)
  if #own > 0 or entry.is_module and entry.line == 0 then return own, true end
  local folder = entry.module:match "^(.*)%.[^.]+$"
  -- The class of the method may have the same methods in a file beside it, as tasks do.
  local near = {
    function(module)
      return module == entry.module or module == entry.name
        or entry.module:sub(1, #module + 1) == module .. "."
    end,
    function(module) return entry.name:find ":" and folder and module:match "^(.*)%.[^.]+$" == folder end,
  }
  for _, is_near in ipairs(near) do
    for _, other in ipairs(entries or index.entries()) do
      if other ~= entry and is_near(other.module) then
        for _, block in ipairs(blocks_of(other.text)) do
          if calls(block, entry.name) then return { block }, false end
        end
      end
    end
  end
  return {}, false
end

--- The lines of blocks of examples, as they stand in a comment.
--
--   > #index.example_text { { { code = "1 + 1", wanted = "2" } } }
--   13
function index.example_text(blocks)
  local parts = {}
  for i, block in ipairs(blocks) do
    local lines = {}
    for _, example in ipairs(block) do
      lines[#lines + 1] = "  > " .. example.code:gsub("\n", "\n  >> ")
      if example.wanted ~= "" then lines[#lines + 1] = "  " .. example.wanted:gsub("\n", "\n  ") end
    end
    parts[i] = table.concat(lines, "\n")
  end
  return table.concat(parts, "\n\n")
end

--- The page of an entry as text: title, comment, options, an example, and the members of a module.
--
--   > index.page(index.find("csv.save", index.entries())[1]):match "^[^\n]*"
--   csv.save(path, records, columns)
function index.page(entry, entries)
  entries = entries or index.entries()
  local module = load_module(entry.module)
  local parts = { entry.is_module and entry.text or entry.title .. "\n" .. entry.text }
  if entry.text == "" then parts[1] = entry.title end
  local spec = index.spec(entry.name)
  if spec and #spec:names() > 0 then parts[#parts + 1] = "options\n" .. indented(spec:text()) end
  local blocks, is_own = index.examples(entry, entries)
  if not is_own and #blocks > 0 then parts[#parts + 1] = "example\n" .. index.example_text(blocks) end
  local of_module = entry.is_module and members(entries, entry.name) or {}
  if #of_module > 0 then parts[#parts + 1] = index.list(of_module) end
  parts[#parts + 1] = entry.is_module and own_page(module) or nil
  return table.concat(parts, "\n\n")
end

--- The entry of a Lua function: the definition at its line, the comment above that line, or nil.
function index.of_function(f, entries)
  local info = debug.getinfo(f, "S")
  local path = info.source:match "^@(.*)$"
  if not path then return nil end
  for _, entry in ipairs(entries) do
    if entry.path == path and entry.line == info.linedefined then return entry end
  end
  local text, title = source.above(source.read(path) or "", info.linedefined)
  if not text then return nil end
  local module = ""
  for _, entry in ipairs(entries) do
    if entry.is_module and entry.path == path then module = entry.name end
  end
  return {
    name = title:match "^[%w_.:]+" or title, title = title, text = text, summary = source.summary(text),
    module = module, line = info.linedefined,
  }
end

--- The entry of the module whose value is `value`; nil for other values.
function index.of_value(value, entries)
  for _, entry in ipairs(entries) do
    if entry.is_module and rawequal(package.loaded["perilune." .. entry.name], value) then return entry end
  end
  return nil
end

--- The entries that `name` may mean: the entry of this name; else those of a module that end in its last
-- part, as `align.train.Run:resume` for `align.train.resume`; else those whose name ends in it; else the
-- members of a class or folder of this name.
function index.find(name, entries)
  local wanted = name:gsub(":", ".")
  local module, member = wanted:match "^(.*)%.([^.]+)$"
  local found = { {}, {}, {}, {} }
  for _, entry in ipairs(entries) do
    local own = entry.name:gsub(":", ".")
    local rank = own == wanted and 1
      or module and own:sub(1, #module + 1) == module .. "." and own:match "[^.]+$" == member and 2
      or own:sub(-#wanted - 1) == "." .. wanted and 3
      or wanted:match "^%u" and ("." .. own):find("." .. wanted .. ".", 1, true) and 4
      or entry.is_module and own:sub(1, #wanted + 1) == wanted .. "." and 4
    if rank then table.insert(found[rank], entry) end
  end
  for _, list in ipairs(found) do
    if #list > 0 then return list end
  end
  return {}
end

--- Whether the entries found have exactly the name `name`.
function index.is_exact(found, name)
  return #found > 0 and found[1].name:gsub(":", ".") == name:gsub(":", ".")
end

return index
