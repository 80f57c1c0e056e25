--- The commands of the session as plain functions, and the hints beneath errors.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local commands = require "perilune.session.commands"
local hints = require "perilune.session.hints"
local names = require "perilune.session.names"
local session = require "perilune.session"
local support = require "support"
local timing = require "perilune.session.timing"

local contains = lu.assertStrContains

TestCommands = {}

function TestCommands.test_each_command_is_a_function_too_and_has_a_sentence()
  for _, command in ipairs(commands.list) do
    lu.assertEquals(type(session[command.name]), "function", command.name)
    contains(commands.usage(), "%" .. command.name)
    lu.assertTrue(#command.sentence > 5)
    local made = require("perilune.session." .. command.file).commands[command.name]
    lu.assertEquals(type(made), "function", command.name)
  end
end

function TestCommands.test_times_have_units()
  lu.assertEquals(timing.text(1.5e-7), "150 ns")
  lu.assertEquals(timing.text(0.9999), "1.00 s")
  lu.assertEquals(timing.text(0), "0.00 ns")
  local slow = session.timeit(function() for _ = 1, 1e5 do end end, { repeats = 3 })
  lu.assertTrue(slow.runs >= 1 and slow.best > 1e-5 and slow.best <= slow.median)
  contains(support.message(session.timeit, 3), "timeit: expected a function, got 3")
  contains(support.message(session.timeit, print, { repeat_ = 1 }), "unknown option 'repeat_'")
end

function TestCommands.test_time_gives_the_results_with_nils()
  local plain, line = print, nil
  print = function(text) line = text end  -- luacheck: ignore 121
  local results = table.pack(session.time(function(...) return nil, ... end, 2, nil))
  print = plain  -- luacheck: ignore 121
  lu.assertEquals(results.n, 3)
  lu.assertEquals(results[2], 2)
  lu.assertStrMatches(line, "wall [%d.]+ %a+, cpu [%d.]+ %a+")
end

function TestCommands.test_who_names_types_shapes_and_bytes()
  _G.weights = require("perilune.tensor").zeros(2, 3)
  _G.word = "abc"
  local text = tostring(session.who())
  _G.weights, _G.word = nil, nil
  lu.assertStrMatches(text, ".*weights +Tensor +f32 %[2, 3%]  24 B.*")
  lu.assertStrMatches(text, ".*word +string +3 bytes.*")
  lu.assertNil(text:find "tostring")
  lu.assertEquals(names.bytes(1536), "1.5 KB")
end

function TestCommands.test_a_file_runs_with_its_arguments_and_os_exit_ends_only_it()
  local path = os.tmpname()
  local function write(text)
    local file <close> = assert(io.open(path, "w"))
    file:write(text)
  end
  local before = arg
  write "#!shebang\nreturn arg[0], #arg, ..."
  lu.assertEquals({ session.run(path, "a", "b c") }, { path, 2, "a", "b c" })
  write "os.exit(0)"
  lu.assertEquals(select("#", session.run(path)), 0)
  write "local x = 1\nerror('no')"
  contains(select(2, pcall(session.run, path)), path .. ":2: no")
  lu.assertTrue(rawequal(arg, before))
  lu.assertEquals(select(2, pcall(session.run, path .. "x")):match "No such file", "No such file")
  os.remove(path)
end

function TestCommands.test_failed_entries_are_saved_as_comments()
  local current = require "perilune.session.current"
  for i, text in ipairs {
    "x = 1", "if x then\n  y()\nend", "%who", "= = 1", "x + 1 -- two",
  } do current.entries[i] = text end
  current.failed[2], current.failed[4] = true, true
  local made = os.tmpname()
  local path = session.save(made, "1-5", { replace = true })
  current.entries, current.failed = {}, {}
  local file <close> = assert(io.open(path))
  local text = file:read "a"
  os.remove(path)
  os.remove(made)
  lu.assertEquals(text, table.concat({
    "x = 1", "-- failed: if x then", "--           y()", "--         end", "-- %who", "-- failed: = = 1",
    "print(x + 1 -- two", ")", "",
  }, "\n"))
  lu.assertNotNil(load(text))
end

TestHints = {}

local function hint(code)
  local ok, problem = load("return " .. code, "=stdin")
  if not ok then ok, problem = load(code, "=stdin") end
  if ok then ok, problem = pcall(ok) end
  lu.assertFalse(ok and true or false, code)
  return hints.of_error(tostring(problem), code) or ""
end

function TestHints.test_code_of_python_is_answered()
  for code, wanted in pairs {
    ["x != y"] = "~=", ["x += 1"] = "x = x + y", ["x -= 1"] = "x = x - y", ["x *= 2"] = "x = x * y",
    ["x @ y"] = "x:matmul(y)", ["def f(x):"] = "function f(...) ... end", ["elif x:"] = "elseif",
    ["if x:\n  y()"] = "if ... then", ["for i in range(3):\n  f(i)"] = "for i = 1, n do",
    ["f'{x}'"] = "format",
    ["lambda x: x"] = "function(x) return", ["import numpy as np"] = "require \"numpy\"",
    ["x = [1, 2]"] = "{ 1, 2, 3 }", ["f([1, 2])"] = "{ 1, 2, 3 }", ["x[1:2]"] = "x[{ { first, last } }]",
    ["x ** 2"] = "x ^ y", ["x is None"] = "==", ["a && b"] = "and", ["a || b"] = "or", ["!x"] = "not",
    ["try:\n  f()"] = "pcall", ["while x:\n  f()"] = "while ... do", ["from a import b"] = "require",
    ["class A:\n  pass"] = "__index", ["x = y if z else w"] = "condition and a or b", ["i++"] = "i = i + 1",
    ["x = 1 # one"] = "--", ["x = {'a': 1}"] = "{ key = value }", ["[i for i in x]"] = "loop",
    ["len({})"] = "#x", ["range(3)"] = "for i = 1, n do", ["np.zeros(3)"] = "T.zeros",
    ["torch.ones(1)"] = "T.",
    ["None + 1"] = "nil", ["({}).append(1)"] = "t[#t + 1]", ["'a' + 1"] = "..", ["str(1)"] = "tostring",
    ["'%d' % 3"] = "format", ["print '%d' % 3"] = "format",
    ["print 'x = ' .. 1"] = "needs parentheses",
    ["require 'perilune.tensor'.zeros(2)[0]"] = "x[1]", ["nprint()"] = "'print'",
  } do
    contains(hint(code), wanted, false, code)
  end
end

function TestHints.test_plain_errors_have_none()
  for _, code in ipairs { "error 'x'", "local x = ", "f(", "x = = 2", "error({})", "('x'):rep(-1, {})" } do
    lu.assertEquals(hint(code), "", code)
  end
end

function TestHints.test_a_missing_method_lists_what_a_tensor_has()
  local code = "require 'perilune.tensor'.zeros(2):foo()"
  for _, name in ipairs { "matmul", "sum", "size" } do contains(hint(code), " " .. name .. ",") end
  lu.assertEquals(hint "require 'perilune.tensor'.zeros(2).shape", "hint: write x:size()")
end

function TestHints.test_names_of_pytorch_are_answered_by_names_that_are_there()
  local T = require "perilune.tensor"
  local x = T.zeros(2)
  for name, text in pairs(require "perilune.session.torch".members) do
    local of_tensor = ("require 'perilune.tensor'.zeros(2):%s()"):format(name)
    local of_module = ("require 'perilune.tensor'.%s"):format(name)
    local missing = not pcall(function() return x[name] end) and of_tensor or of_module
    lu.assertEquals(hint(missing), "hint: " .. text)
    for method in text:gmatch "%f[%w]%l:([%l_]+)" do lu.assertNotNil(x[method], text) end
    for member in text:gmatch "%f[%w]T%.([%l_]+)" do lu.assertNotNil(T[member], text) end
  end
end

function TestHints.test_functions_of_lua_51_and_modules_of_others_are_answered()
  for code, wanted in pairs {
    ["unpack({ 1 })"] = "table.unpack(t)", ["loadstring '1'"] = "load(text)", ["table.getn({})"] = "#t",
    ["table.foreach({}, print)"] = "pairs(t)", ["setfenv(1, {})"] = "environment",
    ["require 'torch'"] = "perilune\".tensor", ["require 'nn'"] = "models.transformer",
  } do
    contains(hint(code), wanted, false, code)
  end
  lu.assertEquals(hint "require 'no_such_module'", "")
end

function TestHints.test_a_field_that_is_nil_names_the_near_one()
  local current = require "perilune.session.current"
  _G.sample_table = { margin = 1, log = {} }
  for code, wanted in pairs {
    ["sample_table.lgo"] = "did you mean 'log'", ["sample_table.margn"] = "did you mean 'margin'",
  } do
    contains(hints.of_result(code, nil, current) or "", wanted, false, code)
  end
  lu.assertNil(hints.of_result("sample_table.other", nil, current))
  _G.sample_table = nil
end

function TestHints.test_a_method_called_with_a_dot_is_answered()
  local current = require "perilune.session.current"
  _G.sample_tensor, _G.sample_text = require("perilune.tensor").zeros(2), "abc"
  for code, wanted in pairs {
    ["sample_tensor.mean()"] = "sample_tensor:mean(...)", ["sample_tensor.add(2)"] = "sample_tensor:add(...)",
    ["sample_text.upper()"] = "sample_text:upper(...)",
  } do
    local _, problem = pcall(assert(load(code, "=stdin")))
    contains(hints.of_error(tostring(problem), code, current) or "", wanted, false, code)
  end
  local _, problem = pcall(assert(load("string.upper()", "=stdin")))
  lu.assertNil(hints.of_error(tostring(problem), "string.upper()", current))
  _G.sample_tensor, _G.sample_text = nil, nil
end

os.exit(lu.LuaUnit.run())
