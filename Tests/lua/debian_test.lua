--- Debian's Lua packages load and run as under `lua5.4`: lua-busted, lua-unit, luacheck, Penlight, lua-posix,
-- lua-cjson, lpeg. A package that is not installed is skipped with its name.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local system = require "perilune.system"

local function skip(reason)
  print("skipped: " .. reason)
  lu.skip(reason)
end

-- The module, or the test is skipped: the package is missing, or has no files for Lua 5.4.
local function need(module, package_name)
  if not package.searchpath(module, package.path) and not package.searchpath(module, package.cpath) then
    skip(("needs %s for Lua 5.4 (apt-get install %s)"):format(module, package_name))
  end
  return require(module)
end

-- Output and exit status of a program with the word `perilune` at its place.
local function run(command)
  local pipe = assert(io.popen(command:gsub("perilune", "'" .. system.program() .. "'", 1) .. " 2>&1"))
  local text = pipe:read "a"
  local _, _, status = pipe:close()
  return text, status
end

local function file(ending, text)
  local path = os.tmpname() .. ending
  system.write_file(path, text)
  return path
end

TestDebian = {}

function TestDebian:test_busted_runs_a_specification()
  need("busted.runner", "lua-busted")
  local spec = file("_spec.lua", [[
    describe("sum", function()
      it("adds", function() assert.are.same({ 2 }, { 1 + 1 }) end)
      it("is wrong", function() assert.are.equal(3, 1 + 1) end)
    end)]])
  local runner = file(".lua", "require 'busted.runner' { standalone = false }")
  local text, status = run(("perilune %s -o plainTerminal %s"):format(runner, spec))
  lu.assertStrContains(text, "1 success / 1 failure / 0 errors / 0 pending")
  lu.assertStrContains(text, "Expected objects to be equal")
  lu.assertEquals(status, 1)
end

function TestDebian:test_luaunit_runs_and_tells_failures()
  need("luaunit", "lua-unit")
  local test = file(".lua", [[
    local lu = require "luaunit"
    function test_sum() lu.assertEquals(1 + 1, 2) end
    function test_wrong() lu.assertAlmostEquals(1, 2, 0.5) end
    os.exit(lu.LuaUnit.run())]])
  local text, status = run("perilune " .. test)
  lu.assertStrContains(text, "1 success, 1 failure")
  lu.assertEquals(status, 1)
end

function TestDebian:test_luacheck_finds_an_undefined_global()
  local pipe = assert(io.popen "command -v luacheck")
  local path = pipe:read "l"
  pipe:close()
  if not path then skip "needs luacheck (apt-get install lua-check)" end
  -- Debian installs luacheck's modules for Lua 5.1; they run under 5.4.
  local code = file(".lua", "local unused = 1\nundefined_global()\n")
  local text, status = run(("LUA_PATH='/usr/share/lua/5.4/?.lua;/usr/share/lua/5.1/?.lua;"
    .. "/usr/share/lua/5.1/?/init.lua;;' perilune %s --no-color %s"):format(path, code))
  lu.assertStrContains(text, "accessing undefined variable 'undefined_global'")
  lu.assertEquals(status, 1)
end

function TestDebian:test_penlight_lists_and_pretty_printing()
  local List = need("pl.List", "lua-penlight")
  lu.assertEquals(tostring(List { 3, 1, 2 }:sorted():map "_*10"), "{10,20,30}")
  lu.assertEquals(require "pl.pretty".write({ a = { 1, 2 } }, ""), "{a={1,2}}")
  lu.assertTrue(require "pl.tablex".deepcompare({ { 1 } }, { { 1 } }))
  lu.assertEquals(require "pl.stringx".split("a,b", ","), { "a", "b" })
end

function TestDebian:test_posix_knows_the_process()
  local posix = need("posix", "lua-posix")
  local stat <close> = assert(io.open "/proc/self/stat")
  lu.assertEquals(posix.getpid "pid", stat:read "n")
  lu.assertEquals(require "posix.sys.stat".S_ISDIR(require "posix.sys.stat".stat "/".st_mode), 1)
end

function TestDebian:test_cjson_reads_and_writes()
  local cjson = need("cjson", "lua-cjson")
  lu.assertEquals(cjson.decode '{"a": [1, 2.5, "x", true]}', { a = { 1, 2.5, "x", true } })
  lu.assertEquals(cjson.decode(cjson.encode { 1, { b = "c" } }), { 1, { b = "c" } })
  lu.assertFalse((pcall(cjson.decode, "{")))
end

function TestDebian:test_lpeg_parses_a_sum()
  local lpeg = need("lpeg", "lua-lpeg")
  local number = lpeg.R "09" ^ 1 / tonumber
  local sum = lpeg.Cf(number * (lpeg.P "+" * number) ^ 0, function(a, b) return a + b end)
  lu.assertEquals(sum:match "1+20+300", 321)
  lu.assertEquals(require "re".match("key = value", "{ [a-z]+ } ' = ' { .* }"), "key")
end

os.exit(lu.LuaUnit.run())
