--- The tests of one file: functions test*, tables Test* of them, and describe/it.
--
--   function test_two() testing.eq(1 + 1, 2) end             a global function
--   TestSum = {}; function TestSum:test_two() ... end        a global table, with setUp and tearDown
--   return { test_two = function() ... end }                 what the file returns
--   describe("sums", function() it("adds", function() ... end) end)
--
-- A file sees globals of its own: what it defines is gone with it.
local system = require "perilune.system"

local collect = {}

local function is_test(name) return type(name) == "string" and name:find "^[Tt]est" ~= nil end

local function line_of(f)
  local info = type(f) == "function" and debug.getinfo(f, "S")
  return info and info.linedefined or 0
end

-- Tests of a table of functions: setUp and tearDown run around each.
local function add_table(list, name, t)
  for key, f in pairs(t) do
    if is_test(key) and type(f) == "function" then
      list[#list + 1] = {
        name = name == "" and key or name .. "." .. key, line = line_of(f),
        run = function() f(t) end,
        before = function() local g = t.setUp or t.setup; if g then g(t) end end,
        after = function() local g = t.tearDown or t.teardown; if g then g(t) end end,
      }
    end
  end
end

-- describe, it and their like, which add to `list` in the order they are called in.
local function busted(list, globals, testing)
  local names, around = {}, { {} }
  local function hooks(key)
    return function()
      local from, to, step = 1, #around, 1
      if key == "after_each" then from, to, step = #around, 1, -1 end
      for i = from, to, step do
        for _, f in ipairs(around[i][key] or {}) do f() end
      end
    end
  end
  function globals.describe(name, body)
    names[#names + 1] = tostring(name)
    around[#around + 1] = {}
    local ok, problem = xpcall(body, debug.traceback)
    names[#names], around[#around] = nil, nil
    if not ok then error(problem, 0) end
  end
  function globals.it(name, body)
    local levels = { table.unpack(around) }
    local function within(key)
      return function()
        local now = around
        around = levels
        local ok, problem = pcall(hooks(key))
        around = now
        if not ok then error(problem, 0) end
      end
    end
    names[#names + 1] = tostring(name)
    list[#list + 1] = {
      name = table.concat(names, " "), line = line_of(body), run = body,
      before = within "before_each", after = within "after_each",
    }
    names[#names] = nil
  end
  function globals.pending(name)
    globals.it(name, function() testing.skip "pending" end)
  end
  for _, key in ipairs { "before_each", "after_each" } do
    globals[key] = function(f)
      local level = around[#around]
      level[key] = level[key] or {}
      table.insert(level[key], f)
    end
  end
end

-- The tests that the chunk defined: in its globals, in what it returned, and by describe and it.
local function found(globals, own, result, described)
  local list = {}
  for name, value in pairs(globals) do
    if not own[name] and is_test(name) then
      if type(value) == "table" then
        add_table(list, name, value)
      elseif type(value) == "function" then
        add_table(list, "", { [name] = function() value() end })
        list[#list].line = line_of(value)
      end
    end
  end
  if type(result) == "table" then add_table(list, "", result) end
  table.sort(list, function(a, b)
    if a.line ~= b.line then return a.line < b.line end
    return a.name < b.name
  end)
  return table.move(described, 1, #described, #list + 1, list)
end

--- What was raised as a text, also where its `__tostring` raises an error itself.
function collect.text(raised)
  local ok, text = pcall(tostring, raised)
  return ok and text or ("a %s whose __tostring fails"):format(type(raised))
end

-- What `os.exit` raises in a file of tests, whose last line often is os.exit(lu.LuaUnit.run()).
local Exit = setmetatable({}, { __tostring = function() return "the test called os.exit" end })

-- Globals of a file: its own, before those of the program.
local function make_globals(path, testing, described)
  local globals = setmetatable({}, { __index = _G })
  globals._G = globals
  globals.arg = { [0] = path, [-1] = system.program() }
  globals.require = function(name)
    local module, where = require(name)
    if name == "luaunit" and type(module) == "table" and module.LuaUnit then
      module.LuaUnit.run = function() return 0 end  -- the tests are run here
    end
    return module, where
  end
  busted(described, globals, testing)
  return globals
end

--- Loads the file and calls `use(tests)`, or `use(nil, problem)` where it cannot be loaded; each test has
-- `name`, `line`, `run`, `before` and `after`, in the order of their lines. Then modules that it loaded,
-- other than the library's, are forgotten, and package.path is what it was.
function collect.apart(path, use)
  local testing = require "perilune.testing"
  local loaded, search, exit = {}, package.path, os.exit
  rawset(os, "exit", function() error(Exit, 0) end)
  for name in pairs(package.loaded) do loaded[name] = true end
  local described = {}
  local globals = make_globals(path, testing, described)
  local own = {}
  for name in pairs(globals) do own[name] = true end
  local chunk, problem = loadfile(path, "t", globals)
  local ok, result = chunk ~= nil, problem
  if chunk then
    ok, result = xpcall(chunk, function(e)
      return type(e) == "string" and debug.traceback("error: " .. e, 2) or e
    end, path)
    if not ok and result == Exit then ok, result = true, nil end
  end
  local tests = ok and found(globals, own, result, described)
  if tests and #tests > 0 then
    use(tests)
  else
    use(nil, ok and "there are no tests in this file" or collect.text(result))
  end
  rawset(os, "exit", exit)
  package.path = search
  for name in pairs(package.loaded) do
    if not loaded[name] and not name:find "^perilune" then package.loaded[name] = nil end
  end
end

return collect
