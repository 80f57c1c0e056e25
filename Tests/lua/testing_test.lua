--- The test runner and its assertions: what differs is named, with file and line; the last line and the
-- status.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local T = require "perilune.tensor"
local system = require "perilune.system"
local testing = require "perilune.testing"

local function message(f, ...)
  local ok, problem = pcall(f, ...)
  lu.assertFalse(ok, "expected a failure")
  return testing.failure(problem).message
end

local function close(a, b, o) return message(testing.assert_close, a, b, o) end

TestAssertions = {}

function TestAssertions:test_numbers_within_the_tolerance_are_close()
  testing.assert_close(1, 1)
  testing.assert_close(1.0, 1 + 1e-8)
  testing.assert_close(100, 101, { rtol = 0.01 })
  testing.assert_close(0 / 0, 0 / 0, { equal_nan = true })
  testing.assert_close(math.huge, math.huge)
  testing.eq(0.1 + 0.2, 0.3, 1e-15)
  lu.assertStrContains(close(1, 2), "got 1, expected 2")
  lu.assertStrContains(close(1.0, 1.1, { atol = 0.05 }), "absolute difference 0.1")
  lu.assertStrContains(close(0 / 0, 0 / 0), "expected")
  lu.assertStrContains(close(1e300, math.huge, { rtol = 0.5 }), "got 1e+300, expected inf")
  lu.assertStrContains(message(testing.eq, 0.1 + 0.2, 0.3), "got 0.30000000000000004, expected 0.3")
end

--- The place of a difference ends where it has grown long.
function TestAssertions:test_a_difference_deep_within_tables_has_a_place_that_ends()
  local function deep(value)
    for _ = 1, 3000 do value = { value } end
    return value
  end
  local text = support.message(testing.assert_equal, deep(1), deep(2))
  lu.assertStrContains(text, "got 1, expected 2")
  lu.assertTrue(#text < 5000, #text)
end

function TestAssertions:test_a_difference_of_tensors_names_positions_values_and_counts()
  local a, b = T { { 1, 2, 3 }, { 4, 5, 6 } }, T { { 1, 2, 3.5 }, { 4, 5, 8 } }
  local text = close(a, b, { atol = 0.1, rtol = 0 })
  lu.assertStrContains(text, "tensors differ in 2 of 6 elements (33.3 %)")
  lu.assertStrContains(text, "[1, 3]: got 3.0, expected 3.5")
  lu.assertStrContains(text, "[2, 3]: got 6.0, expected 8.0")
  lu.assertStrContains(text, "largest absolute difference 2 at [2, 3], largest relative 0.25 at [2, 3]")
  lu.assertStrContains(text, "atol 0.1, rtol 0")
  testing.assert_close(a, b, { atol = 2, rtol = 0 })
  lu.assertStrContains(close(T { 1, 2 }, T { { 1, 2 } }), "shape: got [2], expected [1, 2]")
  lu.assertStrContains(close(T { 1 }, T { 1 }:double()), "type: got f32, expected f64")
  testing.assert_close(T { 1 }, T { 1 }:double(), { check_dtype = false })
  testing.assert_close(T { 0 / 0, 1 }, T { 0 / 0, 1 }, { equal_nan = true })
  lu.assertStrContains(close(T { 0 / 0, 1 }, T { 0 / 0, 1 }), "1 of 2")
  lu.assertStrContains(close(T { math.huge }, T { 1 }, { atol = 1, rtol = 1 }), "1 of 1")
  lu.assertStrContains(close(T { 1 }, T { math.huge }, { atol = 1, rtol = 1 }), "1 of 1")
  testing.assert_close(T { math.huge }, T { math.huge })
end

function TestAssertions:test_tables_are_compared_at_any_depth()
  testing.assert_close({ a = { 1, { b = 2.0 } } }, { a = { 1, { b = 2 + 1e-9 } } })
  local nested = close({ a = { 1, { b = T { 1, 2 } } } }, { a = { 1, { b = T { 1, 3 } } } })
  lu.assertStrContains(nested, ".a[2].b: ")
  lu.assertStrContains(close({ 1 }, { 1, 2 }), "missing at [2]: expected 2")
  lu.assertStrContains(close({ 1, x = 1 }, { 1 }), "not expected at .x: got 1")
  local cycle, other = {}, {}
  cycle.self, other.self = cycle, other
  testing.assert_equal(cycle, other)
end

function TestAssertions:test_errors_are_expected_with_a_part_of_their_text()
  lu.assertEquals(testing.assert_raises("no such", error, "no such loss"), "no such loss")
  lu.assertStrContains(message(testing.assert_raises, "abc", error, "xyz"), "with 'abc', got: xyz")
  lu.assertEquals(message(testing.assert_raises, nil, function() end), "expected an error")
end

-- The output and the status of the runner on files of this text.
local function run(files, options)
  local folder = os.tmpname()
  os.remove(folder)
  for name, text in pairs(files) do
    system.make_folder((folder .. "/" .. name):match "^(.*)/")
    system.write_file(folder .. "/" .. name, text)
  end
  local pipe = assert(io.popen(("'%s' --test '%s' %s 2>&1; echo status $?"):format(
    system.program(), folder, options or "")))
  local text = pipe:read "a"
  pipe:close()
  os.execute(("rm -rf '%s'"):format(folder))
  return text
end

TestRunner = {}

local luaunit_style = [[
local testing = require "perilune.testing"
TestSum = {}
function TestSum:setUp() self.two = 2 end
function TestSum:test_two() testing.eq(1 + 1, self.two) end
function TestSum:test_three()
  testing.eq(1 + 1, 3)
end
function test_error() local nothing; return nothing.x end
function test_skipped() testing.skip "no data" end
]]

function TestRunner:test_failures_tell_file_and_line_and_the_status_is_1()
  local text = run { ["a_test.lua"] = luaunit_style, ["not_a_tests.lua"] = "error 'not run'" }
  lu.assertStrContains(text, "FAILED ")
  lu.assertStrMatches(text, ".*a_test%.lua:6: values differ: got 2, expected 3.*")
  lu.assertStrMatches(text, ".*error: [^\n]*a_test%.lua:8: attempt to index a nil value.*")
  lu.assertStrMatches(text, ".*stack traceback:.*a_test%.lua:8:.*")
  lu.assertStrMatches(text, ".*skipped: [^\n]*test_skipped: no data.*")
  lu.assertStrContains(text, "1 skipped\n1 passed, 2 failed\nstatus 1")
end

function TestRunner:test_folders_are_searched_and_other_forms_are_run()
  local text = run {
    ["deep/er/b_test.lua"] = [[
      local lu = require "luaunit"
      TestB = {}
      function TestB:test_equal() lu.assertEquals({ 1 }, { 1 }) end
      os.exit(lu.LuaUnit.run())]],
    ["deep/c_test.lua"] = "return { test_it = function() assert(true) end }",
    ["d_test.lua"] = [[
      describe("a list", function()
        local list
        before_each(function() list = {} end)
        it("is empty", function() assert(#list == 0); list[1] = 1 end)
        it("is empty again", function() assert(#list == 0) end)
      end)]],
  }
  lu.assertStrContains(text, "4 passed, 0 failed\nstatus 0")
end

function TestRunner:test_a_filter_is_a_pattern_of_names()
  local text = run({ ["a_test.lua"] = luaunit_style }, "--filter 'two$'")
  lu.assertStrContains(text, "1 passed, 0 failed\nstatus 0")
  text = run({ ["a_test.lua"] = luaunit_style }, "--filter=nothing")
  lu.assertStrContains(text, "no test matches 'nothing'")
  lu.assertStrContains(run({ ["a_test.lua"] = luaunit_style }, "--filter '%'"), "no pattern of Lua")
end

function TestRunner:test_a_file_that_does_not_load_and_a_path_without_tests_fail()
  lu.assertStrContains(run { ["a_test.lua"] = "x = = 1" }, "0 passed, 1 failed\nstatus 1")
  lu.assertStrContains(run { ["a.lua"] = "" }, "no *_test.lua in this folder\nstatus 1")
end

function TestRunner:test_a_file_leaves_nothing_behind()
  local text = run {
    ["a_test.lua"] = "leak = 1; package.path = ''; package.loaded.mine = {} function test_a() end",
    ["b_test.lua"] = [[
      function test_b() assert(leak == nil and package.path ~= '' and package.loaded.mine == nil) end
      function test_exit() os.exit(0) end]],
  }
  lu.assertStrContains(text, "the test called os.exit")
  lu.assertStrContains(text, "2 passed, 1 failed\nstatus 1")
end

function TestRunner:test_a_process_that_dies_fails_its_test_and_no_other_file()
  local text = run {
    ["a_test.lua"] = [[
      function test_1() end
      function test_2()
        io.write "said before"
        require "perilune.system".exec { "sh", "-c", "kill -SEGV $$" }
      end
      function test_3() end]],
    ["b_test.lua"] = "require 'perilune.system'.exec { 'sh', '-c', 'exit 3' }",
    ["c_test.lua"] = "function test_c() os.execute 'kill -9 $PPID' end",
    ["d_test.lua"] = "function test_d() end function test_e() error 'x' end",
  }
  lu.assertStrMatches(text, ".*said before.*FAILED [^\n]*a_test.lua: test_2\n    the process was killed by "
    .. "signal 11; the file's later tests were not run\n.*")
  lu.assertStrMatches(text, ".*FAILED [^\n]*b_test.lua\n    the process ended with status 3; .*")
  lu.assertStrMatches(text, ".*FAILED [^\n]*c_test.lua: test_c\n    the process was killed by signal 9; .*")
  lu.assertStrMatches(text, ".*d_test.lua: 1 passed, 1 failed\n.*")
  lu.assertStrContains(text, "2 passed, 4 failed\nstatus 1")
end

function TestRunner:test_ctrl_c_names_the_test_and_gives_the_sum()
  local text = run { ["a_test.lua"] = [[
    function test_1() end
    function test_2() os.execute "kill -INT $(ps -o ppid= -p $PPID)"; while true do os.time() end end]] }
  lu.assertStrMatches(text, ".*stopped in [^\n]*a_test.lua: test_2\n1 passed, 0 failed\n.*status 130\n")
end

function TestRunner:test_the_sandbox_runs_tests_without_processes()
  local folder = os.tmpname()
  os.remove(folder)
  system.make_folder(folder)
  system.write_file(folder .. "/a_test.lua", "function test_a() end function test_b() error 'x' end")
  local pipe = assert(io.popen(("cd '%s' && '%s' --sandbox --root . --test . 2>&1; echo status $?"):format(
    folder, system.program())))
  lu.assertStrContains(pipe:read "a", "1 passed, 1 failed\nstatus 1")
  pipe:close()
  os.execute(("rm -rf '%s'"):format(folder))
end

function TestRunner:test_the_tests_of_this_project_run()
  local pipe = assert(io.popen(("'%s' --test '%s/Tests/lua/csv_test.lua'"):format(
    system.program(), support.root)))
  lu.assertStrMatches(pipe:read "a", ".*%d+ passed, 0 failed\n")
  lu.assertTrue(pipe:close())
end

os.exit(lu.LuaUnit.run())
