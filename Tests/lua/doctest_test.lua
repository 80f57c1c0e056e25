--- The examples in the comments of the library are run, and show what they say. A test for each file.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local doctest = require "perilune.doctest"

local function results(source)
  local out = {}
  for i, example in ipairs(doctest.run(source)) do out[i] = { example.ok, example.shown } end
  return out
end

TestDoctest = {}

function TestDoctest:test_an_expression_shows_its_values()
  lu.assertEquals(results "--- X.\n--\n--   > 1 + 1, 'a'\n--   2\ta\n", { { true, "2\ta" } })
end

function TestDoctest:test_locals_last_to_the_end_of_their_block()
  lu.assertEquals(results "--   > local a = 2\n--   > a * 3\n--   6\n", { { true, "" }, { true, "6" } })
  lu.assertEquals(results "--   > local a = 2\n\n--   > a\n--   nil\n", { { true, "" }, { true, "nil" } })
end

function TestDoctest:test_globals_stay_in_their_block()
  results "--   > leak = 2\n"
  lu.assertNil(rawget(_G, "leak"))
end

function TestDoctest:test_printed_lines_and_indents_count()
  lu.assertEquals(results "--   > print('a\\n  b')\n--   a\n--     b\n", { { true, "a\n  b" } })
  lu.assertEquals(results "--   > print('a')\n--   b\n", { { false, "a" } })
  lu.assertEquals(results "--   > print('a')\n", { { false, "a" } })
  lu.assertEquals(results "--   > x = 1\n--   1\n", { { false, "" } })
end

function TestDoctest:test_an_error_shows_its_message_without_the_place()
  lu.assertEquals(results "--   > error('no')\n--   no\n--   > 1\n--   1\n",
    { { true, "no" }, { true, "1" } })
  local cut = results "--   > local a = error('no')\n--   no\n--   > 1\n--   1\n"
  lu.assertEquals(cut, { { true, "no" }, { false, "(not reached)" } })
end

function TestDoctest:test_code_that_does_not_compile_fails()
  local wrong = results "--   > local = 1\n"
  lu.assertFalse(wrong[1][1])
end

function TestDoctest:test_a_number_may_be_cut_to_its_first_digits()
  lu.assertTrue((results "--   > math.pi\n--   3.142\n")[1][1])
  lu.assertFalse((results "--   > math.pi\n--   3.143\n")[1][1])
  lu.assertFalse((results "--   > math.pi\n--   3\n")[1][1])
  lu.assertTrue((results "--   > 1 / 3000\n--   0.000333\n")[1][1])
end

function TestDoctest:test_a_line_may_go_on()
  lu.assertEquals(results "--   > (function()\n--   >> return 7 end)()\n--   7\n", { { true, "7" } })
end

function TestDoctest:test_blocks_without_a_prompt_are_not_run()
  lu.assertEquals(results "--   error('never')\nlocal x = 1 -- > 2\n", {})
end

TestExamples = {}

-- A block of code that shows nothing passes as long as it runs.
local function showing_nothing(file, source)
  local found = {}
  for _, block in ipairs(doctest.blocks(source)) do
    local shows = false
    for _, example in ipairs(block) do shows = shows or example.wanted ~= "" end
    if not shows then found[#found + 1] = ("stdlib/%s.lua:%d"):format(file, block[1].line) end
  end
  return found
end

local function lua_files()
  local list <close> = assert(io.popen(("cd '%s' && find . -name '*.lua' | sort"):format(support.stdlib)))
  local files = {}
  for line in list:lines() do files[#files + 1] = line:match("^%./(.*)%.lua$") end
  return files
end

function TestExamples:test_each_shows_a_value()
  lu.assertEquals(showing_nothing("x", "--- X.\n--\n--   > local a = 1\n"), { "stdlib/x.lua:3" })
  for _, file in ipairs(lua_files()) do
    local source <close> = assert(io.open(("%s/%s.lua"):format(support.stdlib, file), "rb"))
    lu.assertEquals(showing_nothing(file, source:read "a"), {})
  end
end

for _, file in ipairs(lua_files()) do
  local name = file:gsub("/init$", ""):gsub("/", ".")
  TestExamples["test_" .. name:gsub("%.", "_")] = function()
    local module = name == "perilune" and name or "perilune." .. name
    local wrong = {}
    for _, example in ipairs(doctest.file(("%s/%s.lua"):format(support.stdlib, file), module)) do
      if not example.ok then
        wrong[#wrong + 1] = ("stdlib/%s.lua:%d: > %s\nshows\n%s\nnot\n%s"):format(
          file, example.line, example.code, example.shown, example.wanted)
      end
    end
    if #wrong > 0 then lu.fail(table.concat(wrong, "\n")) end
  end
end

os.exit(lu.LuaUnit.run())
