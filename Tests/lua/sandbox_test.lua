--- The sandbox: attempts to leave it from within (sandbox_attempts.lua), and its limits, each in a process of
-- its own.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local system = require "perilune.system"

local program = system.program()
local base = os.tmpname()
os.remove(base)
local root, outside = base .. "/root", base .. "/outside"

local function shell(command, ...)
  local pipe = assert(io.popen(command:format(...) .. " 2>&1"))
  local text = pipe:read "a"
  local _, _, status = pipe:close()
  return text, status
end

local project = shell("cd '%s' && pwd -P", support.root):match "[^\n]*"
local secret = "SECRET-" .. system.sha256(base):sub(1, 24)

-- The folder outside as text: names and contents.
local function seen()
  return (shell("cd '%s' && find . | sort && cat secret.txt", outside))
end

local function prepare()
  system.make_folder(root .. "/sub")
  system.make_folder(outside)
  system.write_file(outside .. "/secret.txt", secret .. "\n")
  system.write_file(root .. "/inside.txt", "inside")
  shell([[cd '%s' && ln -s ../outside/secret.txt link_file && ln -s '%s/secret.txt' link_absolute &&
    ln -s ../outside link_dir && ln -s / link_system && ln -s link_file link_link &&
    ln -s /proc/self link_proc && ln -s inside.txt link_inside && mkfifo pipe]], root, outside)
end

-- Runs a text in the sandbox; gives its output and its status.
local function run(code, options)
  local path = base .. "/script.lua"
  system.write_file(path, code)
  local command = "cd '%s' && '%s' --sandbox --root='%s' --max-time=20 %s '%s'"
  return shell(command, root, program, root, options or "", path)
end

TestSandbox = {}

function TestSandbox:setUp() prepare() end
function TestSandbox:tearDown() os.execute(("rm -rf '%s'"):format(base)) end

function TestSandbox:test_no_attempt_leads_out_and_what_is_within_works()
  local before = seen()
  local text = ""
  for _, name in ipairs { "sandbox_attempts", "sandbox_library_attempts" } do
    local out, status = shell("cd '%s' && SANDBOX_SECRET=1 '%s' --sandbox --root '%s' "
      .. "'%s/Tests/lua/%s.lua' '%s' '%s' %s",
      root, program, root, project, name, root, outside, system.sha256(secret))
    lu.assertEquals(status, 0, out:sub(-1000))
    text = text .. out
  end
  local held, escaped, broken, works = 0, {}, {}, 0
  for line in text:gmatch "[^\n]+" do
    if line:find "^held " then held = held + 1 end
    if line:find "^works " then works = works + 1 end
    if line:find "^ESCAPED " then escaped[#escaped + 1] = line end
    if line:find "^BROKEN " then broken[#broken + 1] = line end
  end
  lu.assertEquals(escaped, {})
  lu.assertEquals(broken, {}, text)
  print(("%d attempts to leave the sandbox held"):format(held))
  lu.assertTrue(held >= 660, ("only %d attempts: %s"):format(held, text:sub(-2000)))
  lu.assertEquals(works, 29)
  lu.assertNotStrContains(text, secret)
  lu.assertEquals(seen(), before)
end

function TestSandbox:test_a_folder_that_is_swapped_for_a_link_leads_nowhere()
  shell("cd '%s' && mkdir swap && echo own >swap/secret.txt", root)
  local swapper = ([[cd '%s' && (while [ -e swap ] || [ -L swap ]; do
    mv swap real; ln -s ../outside swap; rm -f swap; mv real swap
    done) >/dev/null 2>&1 & echo $!]]):format(root)
  local pid = shell("%s", swapper):match "%d+"
  local text = run([[
    local found
    for _ = 1, 5000 do
      local f = io.open "swap/secret.txt"
      if f then found = found or f:read "a":match "SECRET"; f:close() end
    end
    print(found)]])
  shell("kill %s; wait", pid)
  lu.assertStrContains(text, "nil")
end

function TestSandbox:test_errors_name_what_was_refused_and_the_option()
  local text = run [[
    print(io.open "/etc/passwd")
    print(pcall(io.popen, "id"))
    print(pcall(os.execute, "id"))
    print(pcall(string.dump, print))
    print(pcall(package.loadlib, "x", "*"))
    print(pcall(io.open, "a\0b"))]]
  lu.assertStrContains(text, "/etc/passwd: outside the roots of --sandbox; --root=DIR allows a folder")
  lu.assertStrContains(text, "io.popen: --sandbox starts no process; run without --sandbox to allow it")
  lu.assertStrContains(text, "string.dump: --sandbox makes no bytecode")
  lu.assertStrContains(text, "package.loadlib: --sandbox loads no C")
  lu.assertStrContains(text, "a file name with a NUL byte is refused")
end

function TestSandbox:test_several_roots_and_both_forms_of_the_option()
  system.make_folder(base .. "/second")
  system.write_file(base .. "/second/x", "second")
  local code = ("print(io.open '%s/second/x':read 'a')"):format(base)
  lu.assertStrContains(run(code, ("--root '%s/second'"):format(base)), "second")
  lu.assertStrContains(run(code, ("--root=%s/second"):format(base)), "second")
  local text, status = shell("'%s' --root /tmp -e 'x=1'", program)
  lu.assertStrContains(text, "'--root' needs '--sandbox'")
  lu.assertEquals(status, 1)
  text, status = shell("'%s' --sandbox --install-kernel --prefix '%s/kernel'", program, base)
  lu.assertStrContains(text, "'--install-kernel' writes outside of every root")
  lu.assertEquals(status, 1)
  lu.assertFalse(system.exists(base .. "/kernel"))
  text = shell("'%s' --sandbox --root=/no/such -e 'x=1'", program)
  lu.assertStrContains(text, "cannot open the folder /no/such")
  lu.assertStrContains(shell("'%s' --sandbox -e 'print(io.open \"/etc/passwd\"); print(1+1)'", program), "2")
end

function TestSandbox:test_notebooks_run_inside_and_their_file_may_be_anywhere()
  local code = "-- %% tags=[\"parameters\"]\nlocal a = 1\n-- %%\nprint(a, io.open '../outside/secret.txt')\n"
  system.write_file(base .. "/study.lua", code)
  shell("'%s' --convert '%s/study.lua' '%s/study.ipynb'", program, base, base)
  for _, name in ipairs { "study.lua", "study.ipynb" } do
    local text, status = shell("cd '%s' && '%s' --sandbox --root . --param a=7 --report out.html '../%s'",
      root, program, name)
    lu.assertEquals(status, 0, text)
    lu.assertStrContains(text, "7\tnil\t../outside/secret.txt: a path with '..' is refused", false, text)
    lu.assertStrContains(text, "report: out.html")
    lu.assertStrContains(shell("cat '%s/out.html'", root), "refused by --sandbox")
    text, status = shell("cd '%s' && '%s' --sandbox --root . --report ../outside/out.html '../%s'",
      root, program, name)
    lu.assertStrContains(text, "is refused by --sandbox")
    lu.assertEquals(status, 1)
  end
  for _, cell in ipairs { "!id", "$ id", "%save ../outside/new.lua", "%run ../outside/secret.txt" } do
    local text = ('{"cells":[{"cell_type":"code","id":"a","metadata":{},"outputs":[],"execution_count":null,'
      .. '"source":"%s"}],"metadata":{},"nbformat":4,"nbformat_minor":5}'):format(cell)
    system.write_file(root .. "/cell.ipynb", text)
    local out, status = shell("cd '%s' && '%s' --sandbox --root . cell.ipynb", root, program)
    lu.assertEquals(status, 1, cell)
    lu.assertStrContains(out, "--sandbox", false, out)
  end
  lu.assertEquals(seen(), ".\n./secret.txt\n" .. secret .. "\n")
end

function TestSandbox:test_what_runs_before_the_script_is_inside_too()
  local text = shell("cd '%s' && LUA_INIT='print(io.open \"%s/secret.txt\") print(debug)' "
    .. "'%s' --sandbox --root . -e 'x=1'", root, outside, program)
  lu.assertStrContains(text, "outside the roots")
  lu.assertNotStrContains(text, secret)
  local command = "cd '%s' && LUA_INIT='@%s/secret.txt' '%s' --sandbox --root . -e 'x=1'"
  text = shell(command, root, outside, program)
  lu.assertNotStrContains(text, secret)
  system.write_file(root .. "/code.luac", "\27Lua\x54\0")
  text = shell("cd '%s' && '%s' --sandbox --root . code.luac", root, program)
  lu.assertStrContains(text, "attempt to load a binary chunk")
end

-- Limits: the code, in a process of its own, with these options; what its output has, and its status. What
-- follows a bar in the options takes the output.
local function limit(name, options, wanted, status, code)
  TestSandbox["test_limit_" .. name] = function()
    system.write_file(base .. "/script.lua", code)
    local before, pipe = options:match "^(.-) | (.*)$"
    local text, got = shell("cd '%s' && '%s' --sandbox --root=. --max-time=20 %s ../script.lua 2>&1 %s", root,
      program, before or options, pipe and "| " .. pipe or "")
    lu.assertStrContains(text, wanted)
    lu.assertEquals(got or 0, status, text:sub(-300))
  end
end

limit("memory_of_strings", "--max-memory=64M", "not enough memory", 1, [[
  local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1e6) .. i end]])
limit("memory_of_tables", "--max-memory=64M", "not enough memory", 1, [[
  local t = {} while true do t = { t, t } t[3] = { 1, 2, 3, 4 } end]])
limit("memory_of_tensors", "--max-memory=64M", "not enough memory", 1, [[
  local T, t = require'perilune.tensor', {} while true do t[#t + 1] = T.zeros(1000, 1000) end]])
limit("memory_of_both", "--max-memory=64M", "tensors", 1, [[
  local T, t = require'perilune.tensor', {} for i = 1, 8 do t[i] = T.zeros(1000, 1000) end print "tensors"
  local s = {} for i = 1, 100 do s[i] = ("x"):rep(1e6) .. i end print "both"]])
limit("one_huge_tensor", "--max-memory=64M", "not enough memory", 0, [[
  print(pcall(require'perilune.tensor'.zeros, 1 << 36))]])
limit("one_huge_string", "", "false", 0, [[
  print(pcall(string.rep, 'x', 1e10)) print(pcall(string.rep, 'x', 1 << 62))]])
limit("billion_laughs", "--max-memory=64M", "not enough memory", 1, [[
  local s = 'lol' while true do s = s .. s end]])
limit("memory_is_kept_from_finalisers", "--max-memory=64M", "", 0, [[
  setmetatable({}, { __gc = function() local t = {} while true do t[#t + 1] = ('x'):rep(1e6) .. #t end end
  })]])
limit("a_loop", "--max-time=0.3", "time limit", 124, [[
  while true do end]])
limit("a_pcall_loop", "--max-time=0.3", "time limit", 124, [[
  while true do pcall(function() while true do end end) end]])
limit("a_coroutine_loop", "--max-time=0.3", "time limit", 124, [[
  while true do coroutine.wrap(function() while true do pcall(error) end end)() end]])
limit("an_xpcall_handler", "--max-time=0.3", "", 124, [[
  while true do xpcall(error, function() while true do end end) end]])
limit("a_close_handler", "--max-time=0.3", "time limit", 124, [[
  local x <close> = setmetatable({}, { __close = function() while true do end end }) while true do end]])
limit("a_finaliser_at_the_end", "--max-time=0.3", "time limit", 124, [[
  setmetatable({}, { __gc = function() while true do end end })]])
limit("an_error_with_text", "--max-time=0.3", "", 124, [[
  error(setmetatable({}, { __tostring = function() while true do end end }))]])
limit("a_sort", "--max-time=0.3", "", 124, [[
  local t = {} for i = 1, 3e5 do t[i] = i % 7 end while true do table.sort(t, function(a, b) return a > b
  end) end]])
limit("one_long_call", "--max-time=0.5", "", 124, [[
  string.rep('x', -1) local T = require'perilune.tensor' local x = T.randn(3000, 3000) while true do
  x:matmul(x) end]])
limit("a_pattern", "", "pattern too complex", 0, [[
  print(pcall(string.find, ('a'):rep(40), ('a*'):rep(20) .. 'b'))]])
limit("a_pattern_of_gsub", "", "pattern too complex", 0, [[
  print(pcall(string.gsub, ('a'):rep(40), ('a-'):rep(20) .. 'b', ''))]])
limit("a_pattern_of_gmatch", "", "pattern too complex", 0, [[
  print(pcall(function() for _ in ('a'):rep(40):gmatch(('a?a*'):rep(15) .. 'b') do end end))]])
limit("a_nested_pattern", "", "false", 0, [[
  print(pcall(string.find, ('a'):rep(1e6), ('(a'):rep(40)))]])
limit("nested_parentheses", "", "nil", 0, [[
  print(load('return ' .. ('('):rep(1e6) .. ')'))]])
limit("nested_tables", "", "nil", 0, [[
  print(load('return ' .. ('{'):rep(1e6)))]])
limit("deep_recursion", "", "stack overflow", 0, [[
  local function f() return 1 + f() end print(pcall(f))]])
limit("recursion_in_gsub", "", "overflow", 0, [[
  local function f() return (('x'):gsub('x', f)) end print(pcall(f))]])
limit("recursion_in_sort", "", "overflow", 0, [[
  local function f() table.sort({ 1, 2, 3 }, function() f() end) end print(pcall(f))]])
limit("a_chain_of_index", "", "overflow", 0, [[
  local t = setmetatable({}, {}) getmetatable(t).__index = function(x, k) return x[k] end
  print(pcall(function() return t.x end))]])
limit("nested_coroutines", "", "overflow", 0, [[
  local function f() return coroutine.wrap(f)() end print(pcall(f))]])
limit("nested_pcalls", "", "overflow", 0, [[
  local function f() return pcall(f) end print(f())]])
limit("nested_json", "", "false", 0, [[
  print(pcall(require'perilune.formats'.json_decode, ('['):rep(1e5)))]])
limit("nested_values", "", "false", 0, [[
  local t = {} for _ = 1, 1e5 do t = { t } end print(pcall(require'perilune.formats'.json_encode, t))]])
limit("a_wide_format", "", "false", 0, [[
  print(pcall(string.format, '%99999d', 1))]])
limit("print_floods", "--max-output=100K | tail -c 200", "more output than the limit", 0, [[
  while true do print(('x'):rep(1000)) end]])
limit("error_floods", "--max-output=100K", "more output than the limit", 1, [[
  while true do io.stderr:write(('x'):rep(1000)) end]])
limit("file_floods", "--max-output=100K", "more output than the limit", 1, [[
  local f = io.open('flood', 'w') while true do f:write(('x'):rep(1000)) end]])
limit("collector_games", "--max-memory=64M", "not enough memory", 1, [[
  collectgarbage 'stop' collectgarbage('setpause', 1e6) local i = 0 while true do i = i + 1 local s =
  ('x'):rep(1e6) .. i end]])
limit("the_exit_status", "", "", 7, [[
  pcall(os.exit, 7, true)]])

os.exit(lu.LuaUnit.run())
