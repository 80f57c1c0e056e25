--- Scripts run for a report: their cells, what they write and show, errors, kills, parameters.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local notebooks = require "notebook_support"
local lu = require "luaunit"
local ipynb = require "perilune.notebook.ipynb"
local json = require "perilune.notebook.json"

local report, sh, write, read = notebooks.report, notebooks.sh, notebooks.write, notebooks.read

local function outputs(text, number)
  local texts = {}
  for i, output in ipairs(json.decode(text).cells[number].outputs) do
    local lines = output.text or output.data and output.data["text/plain"] or output.traceback
    if type(lines) == "table" then lines = table.concat(lines) end
    texts[i] = (output.name or output.output_type) .. ":" .. lines
  end
  return texts
end

TestRunning = {}

function TestRunning:test_cells_have_their_own_outputs_and_share_locals()
  local source = 'local x = 1\n-- %% A\nprint("a", x)\nx = x + 1\n-- %% B\nprint("b", x)\n'
  local text, output, status = report(source, "ipynb")
  lu.assertEquals(status, 0)
  lu.assertStrContains(output, "a\t1\nb\t2\n")
  lu.assertEquals(outputs(text, 1), {})
  lu.assertEquals(outputs(text, 2), { "stdout:a\t1\n" })
  lu.assertEquals(outputs(text, 3), { "stdout:b\t2\n" })
end

function TestRunning:test_lines_are_true_and_the_source_is_shown()
  local source = '#!/usr/bin/env perilune\r\n-- %% A\r\nlocal t\r\n-- %% B\r\nprint(t.x)\r\n'
  local text, output, status = report(source)
  lu.assertEquals(status, 1)
  lu.assertStrContains(output, "script.lua:5: attempt to index a nil value (local 't')")
  lu.assertStrContains(text, "&gt;   5  print(t.x)")
  lu.assertStrContains(text, "stack traceback:\n\tscript.lua:5: in main chunk</pre>")
  lu.assertStrContains(text, 'class="status error"')
end

function TestRunning:test_streams_displays_and_children_keep_their_order()
  local text = report([[
local display = require "perilune".display
print "1"
io.stderr:write "2\n"
os.execute "echo 3; echo 4 >&2"
display "5"
io.write "6\n"
]], "ipynb")
  lu.assertEquals(outputs(text, 1),
    { "stdout:1\n", "stderr:2\n", "stdout:3\n", "stderr:4\n", "display_data:5", "stdout:6\n" })
end

function TestRunning:test_progress_collapses_to_its_last_line()
  local source = 'for i = 1, 2000 do io.write("\\rstep ", i) end print()\nio.write("ab\\bc\\n")'
  local text = report(source, "ipynb")
  lu.assertEquals(outputs(text, 1), { "stdout:step 2000\nac\n" })
end

function TestRunning:test_markers_in_strings_comments_blocks_and_brackets_are_none()
  local source = "local s = [[\n-- %% no\n]]\n--[[\n-- %% no\n]]\nif s then\n-- %% no\nend\n"
    .. "local t = {\n-- %% no\n1 }\nlocal u =\n-- %% no\n2\n-- %% yes\nprint(#s, t[1], u)\n"
  local text, output, status = report(source, "ipynb")
  lu.assertEquals(status, 0)
  lu.assertStrContains(output, "9\t1\t2\n")
  local cells = json.decode(text).cells
  lu.assertEquals(cells[#cells].metadata.title, "yes")
end

function TestRunning:test_a_call_in_brackets_after_a_marker_is_a_statement()
  local _, output, status = report('local f = print\n-- %% A\n(f)("x")\n')
  lu.assertEquals(status, 0)
  lu.assertStrContains(output, "x\n")
end

function TestRunning:test_two_hundred_locals_and_another_environment_run()
  local lines = {}
  for i = 1, 200 do lines[i] = ("local v%d = %d"):format(i, i) end
  local _, output, status = report(table.concat(lines, "\n") .. "\n-- %% Sum\nprint(v1 + v200)\n")
  lu.assertEquals({ status, output:match "^201\n" }, { 0, "201\n" })
end

function TestRunning:test_the_script_has_its_arguments_and_no_globals_more()
  local _, output, status = report([[
local n = 0
for name in pairs(_G) do if name:match "^__" then n = n + 1 end end
print(n <= 2, select("#", ...), (...), arg[0], arg[1])
]], "html", "")
  lu.assertEquals(status, 0)
  lu.assertStrContains(output, "true\t0\tnil\tscript.lua\tnil")
  lu.assertStrContains(sh '$P --report r.html script.lua "a b" c', "true\t2\ta b\tscript.lua\ta b")
end

function TestRunning:test_everything_is_escaped()
  local text, _, status = report([==[
-- %% <script>alert(1)</script> & "q"
print("<b>\0\xff\27[31mred\27[0m</b> ]]>")
-- %% [markdown]
-- # <img src=x onerror=alert(1)>
--
-- [link](javascript:alert(1)) -- and
]==])
  lu.assertEquals(status, 0)
  lu.assertNil(text:find("<script>alert", 1, true))
  lu.assertNil(text:find("<img src=x", 1, true))
  lu.assertNil(text:find("javascript:alert", 1, true))
  lu.assertStrContains(text, "&lt;b&gt;\u{FFFD}\u{FFFD}red&lt;/b&gt;")
  lu.assertNil(text:find("\0", 1, true))
  lu.assertEquals(utf8.len(text) ~= nil, true)
end

function TestRunning:test_large_output_is_cut_with_a_word()
  local text = report('for i = 1, 100000 do print("line", i) end', "ipynb")
  local shown = outputs(text, 1)[1]
  lu.assertStrContains(shown, "line\t1\n")
  lu.assertStrContains(shown, "line\t100000\n")
  lu.assertStrMatches(shown:match "%.%.%.[^\n]*", "%.%.%. %d+ bytes in %d+ lines left out %.%.%.")
  lu.assertTrue(#shown < 200000, #shown)
end

function TestRunning:test_many_displays_are_counted()
  local text = report('local d = require "perilune".display for i = 1, 1500 do d(i) end', "ipynb")
  local shown = outputs(text, 1)
  lu.assertEquals(#shown, 1001)
  lu.assertStrContains(shown[1001], "500 more outputs left out")
end

TestForms = {}

function TestForms:test_columns_keep_their_side_and_contents_begin_at_the_first_level()
  local source = "-- %% [markdown]\n-- # T\n--\n-- | a |\n-- |--:|\n-- | 1 |\n\n"
  local text = report(source .. "-- %% One\nx = 1\n-- %% Two\nx = 2\n")
  lu.assertStrContains(text, '<td align="right">1</td>')
  lu.assertStrContains(text, "td[align=right], th[align=right] { text-align: right; }")
  lu.assertStrContains(text, '<li class="l1"><a href="#one">One</a></li>')
end

local figures <const> = [[
-- %% [markdown]
-- # The gap
-- %% A <figure>
local perilune = require "perilune"
local display = perilune.display
display(perilune.plot.line { y = { 1, 2 }, title = "Loss" })
display(perilune.T.ones(2, 2), { as = "heatmap" })
display({ { run = "a", kl = 1.5 }, { run = "b", kl = 0.5 } })
display(display.html "<b>bold</b>")
]]

function TestForms:test_html_needs_nothing_else()
  local text = report(figures)
  lu.assertStrContains(text, "<title>The gap</title>")
  lu.assertEquals(select(2, text:gsub("<h1", "")), 1)
  lu.assertEquals(select(2, text:gsub("<svg", "")), 2)
  lu.assertStrContains(text, "<b>bold</b>")
  lu.assertStrContains(text, "prefers-color-scheme: dark")
  lu.assertNil(text:find 'src="http' or text:find "<link" or text:find "@import")
  local ids = {}
  for id in text:gmatch '%sid="([^"]*)"' do
    lu.assertNil(ids[id], "the id " .. id .. " is there twice")
    ids[id] = true
  end
  for name in text:gmatch 'href="#([^"]*)"' do lu.assertTrue(ids[name], name) end
end

function TestForms:test_markdown_has_figures_beside_it()
  local text = report(figures, "md")
  local file = text:match "%!%[[^%]]*%]%((report_files/[^)]*)%)"
  lu.assertStrContains(read(file), "<svg")
  lu.assertStrContains(text, "### A \\<figure\\>")
  lu.assertStrContains(text, "```lua\nlocal perilune")
end

function TestForms:test_the_environment_has_hashes_of_script_and_data()
  write("data.csv", "a,b\n1,2\n")
  local source = 'print(io.open("data.csv"):read "a")'
  local text = report(source, "html", "--seed 7 --threads 1")
  local system = require "perilune.system"
  for _, part in ipairs { "script.lua, SHA-256 " .. system.sha256(source), "--seed 7", "avx512|vector|scalar",
    "data.csv, SHA-256 " .. system.sha256 "a,b\n1,2\n", "Lua 5.4" } do
    local found = false
    for word in (part .. "|"):gmatch "(.-)|" do found = found or text:find(word, 1, true) ~= nil end
    lu.assertTrue(found, part)
  end
end

function TestForms:test_several_reports_and_both_spellings_of_options()
  write("script.lua", "print(1)")
  lu.assertEquals(select(2, sh "$P --report=a.html --report a.ipynb --report a.md script.lua"), 0)
  lu.assertTrue(read "a.html" and read "a.ipynb" and read "a.md" and true)
end

function TestForms:test_tags_hide()
  local text = report '-- %% tags=["hide-input"]\nprint "shown"\n-- %% tags=["remove-cell"]\nprint "gone"\n'
  lu.assertStrContains(text, "<details><summary>code</summary>")
  lu.assertNil(text:find("gone", 1, true))
end

TestNotebooks = {}

--- The text of a notebook with cells of code; the first has the parameters.
local function notebook_of(...)
  local cells = {}
  for i, source in ipairs { ... } do
    cells[i] = { kind = "code", source = source, metadata = {}, id = "cell-" .. i }
  end
  cells[1].metadata.tags = json.list { "parameters" }
  return ipynb.write { cells = cells, metadata = {} }
end

function TestNotebooks:test_the_last_expression_of_a_cell_is_shown()
  write("n.ipynb", notebook_of("local x = 20", "local y = x + 1\ny * 2", "y;", "print(y)\ny", "_ + 1"))
  lu.assertEquals((sh "$P n.ipynb"), "42\n21\n21\n22\n")
  lu.assertEquals(select(2, sh "$P --param x=1 --report done.ipynb n.ipynb"), 0)
  local text = read "done.ipynb"
  lu.assertEquals(outputs(text, 1), { "stdout:--param x=1\n" })
  lu.assertEquals(outputs(text, 2), { "execute_result:4" })
  lu.assertEquals(outputs(text, 4), { "stdout:2\n", "execute_result:2" })
  lu.assertEquals(json.decode(text).cells[5].id, "cell-5")
end

function TestNotebooks:test_an_error_has_its_cell_and_line()
  local fails = "local f = function()\n  error 'bad'\nend\nf()"
  write("n.ipynb", notebook_of("local x = 1", fails, "print 'never'"))
  local output, status = sh "$P --report done.html n.ipynb"
  lu.assertEquals(status, 1)
  lu.assertStrContains(output, "2: bad")
  lu.assertNil(output:find("notebook/run", 1, true))
  lu.assertNil(output:find("never", 1, true))
  lu.assertStrContains(read "done.html", "&gt;   2    error &#39;bad&#39;")
end

TestEnds = {}

function TestEnds:test_a_syntax_error_is_reported_in_its_cell()
  local text, output, status = report("y = 1\n-- %% B\nx = = 1\n-- %% C\n", "ipynb")
  lu.assertEquals(status, 1)
  lu.assertStrContains(output, "script.lua:3: unexpected symbol near '='")
  lu.assertEquals(#json.decode(text).cells[2].outputs, 1)
end

function TestEnds:test_a_report_that_cannot_be_written_is_refused_before_the_script_runs()
  write("script.lua", 'os.execute "touch ran"')
  for _, path in ipairs { "/proc/no/report.html", "report.txt", "script.lua", "script.lua/x.html" } do
    local output, status = sh(("$P --report %s script.lua"):format(path))
    lu.assertEquals(status, 1, path)
    lu.assertStrContains(output, "report")
  end
  lu.assertNil(read "ran")
end

function TestEnds:test_os_exit_leaves_the_report()
  local text, _, status = report 'print "before"\nos.exit(3)\n'
  lu.assertEquals(status, 3)
  lu.assertStrContains(text, "before")
  lu.assertNil(text:find('class="status running"', 1, true))
end

function TestEnds:test_a_forked_child_leaves_the_report_alone()
  local text, _, status = report [[
local job = require "perilune.system".fork(function() require "perilune".display "child" os.exit(0) end)
repeat job:lines(0.01) until job:status()
print "parent"
]]
  lu.assertEquals(status, 0)
  lu.assertStrContains(text, "child\nparent")
  lu.assertStrContains(text, 'class="status done"')
end

function TestEnds:test_an_error_that_is_no_text()
  local text, output, status = report 'error(setmetatable({}, { __tostring = function() return "own" end }))'
  lu.assertEquals(status, 1)
  lu.assertStrContains(output, "own")
  lu.assertStrContains(text, "own")
  lu.assertStrContains(select(2, report "error {}"), "(error object is a table value)")
end

function TestEnds:test_what_was_done_stands_after_kill_9()
  local text, _, status = report 'print "one"\n-- %% B\nos.execute "kill -9 $PPID"\nprint "two"\n'
  lu.assertEquals(status, 128 + 9)
  lu.assertStrContains(text, "one")
  lu.assertStrContains(text, 'class="status running"')
end

function TestEnds:test_output_of_a_running_cell_stands_after_about_a_second()
  write("script.lua", [[
print("ear" .. "ly")
io.stderr:write("<prog" .. "ress>\n")
require "perilune".display("sho" .. "wn")
print("la" .. "te")
while true do end
]])
  sh [[
$P --report live.html --report live.ipynb --report live.md script.lua &
for i in $(seq 300); do grep -q '^late' live.md 2>/dev/null && break; sleep 0.1; done; kill -9 $!
]]
  for _, ending in ipairs { "html", "ipynb", "md" } do
    local text = read("live." .. ending)
    local progress = ending == "html" and "&lt;progress&gt;" or "<progress>"
    for _, word in ipairs { "early", "shown", "late", progress } do
      lu.assertStrContains(text, word)
    end
  end
  lu.assertEquals(outputs(read "live.ipynb", 1),
    { "stdout:early\n", "stderr:<progress>\n", "display_data:shown", "stdout:late\n" })
end

function TestEnds:test_ctrl_c_ends_with_130_and_the_report()
  local text, _, status = report [[
print "one"
io.popen("kill -INT $PPID"):close()
while true do os.time() end
]]
  lu.assertEquals(status, 130)
  lu.assertStrContains(text, "interrupted!")
  lu.assertStrContains(text, 'class="status interrupted"')
end

function TestEnds:test_a_script_that_catches_ctrl_c_is_ended_by_the_second_press()
  write("script.lua", 'print "one"\nwhile true do pcall(function() while true do os.time() end end) end\n')
  local _, status = sh [[
$P --report twice.html script.lua >out.txt &
until grep -q one out.txt; do sleep 0.05; done
kill -INT $!; sleep 0.2; kill -INT $!; wait $!
]]
  lu.assertEquals(status, 130)
  lu.assertStrContains(read "twice.html", 'class="status interrupted"')
end

function TestEnds:test_nobody_reads_the_output()
  write("script.lua", 'for i = 1, 20000 do print(i) end\n-- %% B\nprint "last"\n')
  sh "$P --report pipe.html script.lua | head -1"
  lu.assertStrContains(read "pipe.html", "last")
  lu.assertStrContains(read "pipe.html", 'class="status done"')
end

TestParameters = {}

local script <const> = [[
-- %% tags=["parameters"]
local beta <const>, name = 0.1, "ipo"
local steps = 10
local warmup = steps // 2
local grid, quiet, free = { 1, 2 }, false
-- %% Use
print(math.type(beta), beta, name, steps, warmup, #grid, quiet, free)
]]

function TestParameters:test_values_are_typed_by_their_defaults()
  local _, output, status = report(script, "html",
    "--param beta=1 --param name=1 --param=steps=20 --param 'grid={1,2,3}' --param quiet=true")
  lu.assertEquals(status, 0)
  lu.assertStrContains(output, "float\t1.0\t1\t20\t10\t3\ttrue\tnil")
end

function TestParameters:test_they_work_without_a_report_and_the_script_stays_a_script()
  write("script.lua", script)
  lu.assertStrContains(sh "$P --param steps=4 script.lua", "float\t0.1\tipo\t4\t2\t2\tfalse\tnil")
  lu.assertStrContains(sh "$P script.lua", "float\t0.1\tipo\t10\t5\t2\tfalse\tnil")
end

function TestParameters:test_what_is_refused_is_refused_before_anything_runs()
  write("script.lua", 'os.execute "touch ran"\n' .. script)
  local cases = {
    ["--param step=1"] = "did you mean 'steps'?", ["--param steps=2.5"] = "expected a whole number",
    ["--param quiet=1"] = "expected true or false", ["--param beta=x"] = "expected a number",
    ["--param beta"] = "invalid value", ["--param steps=1 --param steps=2"] = "given twice",
  }
  for options, message in pairs(cases) do
    local output, status = sh(("$P %s script.lua"):format(options))
    lu.assertEquals(status, 1, options)
    lu.assertStrContains(output, message)
  end
  lu.assertNil(read "ran")
  write("script.lua", "print(1)")
  lu.assertStrContains(sh "$P --param a=1 script.lua", 'has no cell with tags=["parameters"]')
end

function TestParameters:test_a_batch_leaves_an_index()
  write("study.lua", script)
  local _, status = sh "for b in 0.1 0.3 '1'; do $P --report out/ --param beta=$b study.lua; done"
  lu.assertEquals(status, 0)
  local index = read "out/index.html"
  for _, b in ipairs { "0.1", "0.3", "1" } do
    lu.assertStrContains(index, ('href="study-beta%%3D%s.html"'):format(b))
    lu.assertStrContains(index, ("<td>%s</td>"):format(b))
    lu.assertStrContains(read(("out/study-beta=%s.html"):format(b)), "<title>study.lua</title>")
  end
  sh "for b in 1 2 3 4 5 6; do $P --report many/ --param steps=$b study.lua & done; wait"
  lu.assertEquals(select(2, read("many/index.html"):gsub("<tr><td><a", "")), 6)
end

os.exit((function()
  local status = lu.LuaUnit.run()
  notebooks.clean()
  return status
end)())
