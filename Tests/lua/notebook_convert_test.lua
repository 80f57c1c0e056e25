--- Scripts as notebooks of Jupyter and back: as jupytext converts them, and without loss.
--
-- The files of Tests/Golden/notebooks are of jupytext 1.19.6: `jupytext --to ipynb NAME.lua`, and of its
-- result `jupytext --to lua:percent NAME.ipynb -o NAME.back.lua`.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local cell_text = require "perilune.notebook.cell_text"
local convert = require "perilune.notebook.convert"
local ipynb = require "perilune.notebook.ipynb"
local json = require "perilune.notebook.json"
local marker = require "perilune.notebook.marker"
local run = require "perilune.notebook.run"
local script = require "perilune.notebook.script"
local trimmed = require "perilune.trimmed"
local yaml = require "perilune.notebook.yaml"

local golden <const> = support.root .. "/Tests/Golden/notebooks/"

local function read(name)
  local file <close> = assert(io.open(golden .. name, "rb"))
  return file:read "a"
end

--- A cell without what is kept for the way back.
local function plain(cell)
  local metadata = {}
  for name, value in pairs(cell.metadata) do
    if name ~= "perilune" then metadata[name] = value end
  end
  return { kind = cell.kind, source = cell.source, metadata = json.encode(metadata) }
end

--- The text below the header, which has the version of the tool.
local function body(text)
  return (text:gsub("^#![^\n]*\n", ""):gsub("^.-\n%-%- %-%-%-\n.-\n%-%- %-%-%-\n\n?", ""))
end

TestJupytext = {}

function TestJupytext:test_a_script_is_read_as_jupytext_reads_it()
  for _, name in ipairs { "cells", "plain" } do
    local ours, theirs = convert.to_notebook(read(name .. ".lua")), ipynb.read(read(name .. ".ipynb"))
    lu.assertEquals(#ours.cells, #theirs.cells, name)
    for i, cell in ipairs(theirs.cells) do lu.assertEquals(plain(ours.cells[i]), plain(cell)) end
  end
end

function TestJupytext:test_a_notebook_is_written_as_jupytext_writes_it()
  for _, name in ipairs { "cells", "plain" } do
    local ours = convert.to_script(ipynb.read(read(name .. ".ipynb")))
    lu.assertEquals(body(ours), body(read(name .. ".back.lua")))
  end
end

TestLoss = {}

--- A random script: lines that a reader of cells may stumble over, in any order.
local function random_script(state)
  local function random(n)
    state = (state * 6364136223846793005 + 1442695040888963407) & math.maxinteger
    return (state >> 33) % n + 1
  end
  local lines <const> = {
    "", "", "  ", "x = 1", "-- %%", "-- %% [markdown]", "-- # Title", "--text", "--", "-- %% a b=1 c=\"d\"",
    "--%% [raw] z=1 a=2", "-- %time x", "local s = [[", "]]", "if x then", "end", "  -- %%", "\t",
    "-- %% {\"a\": 1}",
    "-- ---", "-- jupyter:", "--   kernelspec:", "--     name: lua", "-- -*- coding: utf-8 -*-",
    "-- %%%% deep", "print \"\u{e9}\"", "--[[ x ]]", "-- %% t=\"\u{1F319}\" tags=[]", "-- -- %time y",
  }
  local parts = {}
  for i = 1, random(14) do parts[i] = lines[random(#lines)] end
  local newline = random(6) == 1 and "\r\n" or "\n"
  return (random(8) == 1 and "\u{FEFF}" or "") .. (random(6) == 1 and "#!/bin/x" .. newline or "")
    .. table.concat(parts, newline) .. (random(3) > 1 and newline or "")
end

function TestLoss:test_a_script_comes_back_byte_for_byte()
  local texts = { "", "x", "\n", "\r\n", read "cells.lua", read "plain.lua" }
  for seed = 1, 1500 do texts[#texts + 1] = random_script(seed) end
  for _, text in ipairs(texts) do
    local ok, back = pcall(function()
      return convert.to_script(ipynb.read(ipynb.write(convert.to_notebook(text))))
    end)
    if not (not ok and tostring(back):match "^YAML") then lu.assertEquals(back, text) end
  end
end

local foreign <const> = [[
{"cells": [
 {"cell_type": "markdown", "id": "one", "metadata": {"collapsed": true},
  "source": ["# T\n", "\n", "![a](attachment:a.png)"], "attachments": {"a.png": {"image/png": "aGk="}}},
 {"cell_type": "code", "id": "two", "metadata": {"tags": ["parameters"], "execution": {"x": 1.0}},
  "source": "local a = 1\n\n", "execution_count": 7,
  "outputs": [{"output_type": "stream", "name": "stdout", "text": ["1\n"]}]},
 {"cell_type": "raw", "id": "three", "metadata": {}, "source": ""},
 {"cell_type": "code", "id": "four", "metadata": {"a b": null, "empty": {}, "list": []},
  "source": "%time f()", "outputs": [], "execution_count": null}],
 "metadata": {"kernelspec": {"display_name": "Lua: it's", "name": "perilune", "language": "lua"},
  "language_info": {"name": "lua"}, "widgets": {"x": [], "y": {}}}, "nbformat": 4, "nbformat_minor": 5}
]]

function TestLoss:test_a_notebook_comes_back_but_for_its_outputs()
  local before = ipynb.read(foreign)
  local text = convert.to_script(before)
  lu.assertNotNil(load(text), "a script must be Lua")
  before.cells[2].raw_outputs, before.cells[2].execution_count = nil, nil
  lu.assertEquals(ipynb.write(convert.to_notebook(text)), ipynb.write(before))
end

function TestLoss:test_outputs_stay_in_a_file_that_is_there()
  local path = os.tmpname()
  local lua, notebook = path .. ".lua", path .. ".ipynb"
  local system = require "perilune.system"
  system.write_file(notebook, foreign)
  convert.files { notebook, lua }
  convert.files { lua, notebook }
  local file <close> = assert(io.open(notebook))
  lu.assertEquals(file:read "a", ipynb.write(ipynb.read(foreign)))
  lu.assertStrContains(support.message(convert.files, { lua }), "is there already")
  for _, name in ipairs { path, lua, notebook } do os.remove(name) end
end

TestParts = {}

function TestParts:test_ids_are_those_of_the_text()
  local function ids(text)
    local list = {}
    for i, cell in ipairs(json.decode(ipynb.write(convert.to_notebook(text))).cells) do list[i] = cell.id end
    return list
  end
  local first = ids "-- %%\nx = 1\n\n-- %%\ny = 2\n\n-- %%\nx = 1\n"
  lu.assertEquals(first, ids "-- %%\nx = 1\n\n-- %%\ny = 2\n\n-- %%\nx = 1\n")
  lu.assertEquals(first[2], ids("-- %%\ny = 2\n")[1])
  lu.assertNotEquals(first[1], first[3])
end

function TestParts:test_what_no_notebook_is_is_refused()
  for text, message in pairs {
    ["x"] = "no notebook: JSON, line 1",
    ["[]"] = "it has no nbformat", ['{"nbformat": 4}'] = "no list of cells",
    ['{"nbformat": 4, "cells": [1]}'] = "cell 1 has no cell_type",
    ['{"nbformat": 3}'] = "nbformat 4 is read, not 3",
    ['{"nbformat": 4, "cells": [{"cell_type": "code", "source": ["a", 3]}]}'] = "a list of texts, got 3",
    ['{"nbformat": 4, "cells": [{"cell_type": "code", "metadata": []}], "metadata": 3}'] = "is no object",
    [("["):rep(100000)] = "at most 180 levels",
  } do
    lu.assertStrContains(support.message(ipynb.read, text), message)
  end
  local no = "/no/such.lua"
  for _, words in ipairs { {}, { "a.txt" }, { no, "x.lua" }, { no, "-" }, { "a", "b", "c" } } do
    lu.assertFalse(pcall(convert.files, words))
  end
end

function TestParts:test_json_keeps_what_lua_tables_lose()
  local text = '{"a": [], "b": {}, "c": null, "d": 1.0, "e": 1, '
    .. '"f": "\\u00e9\\ud83c\\udf19\\u0000", "g": 1e+300}'
  lu.assertEquals(json.encode(json.decode(text), { spaced = true }),
    '{"a": [], "b": {}, "c": null, "d": 1.0, "e": 1, "f": "\u{e9}\u{1F319}\\u0000", "g": 1e+300}')
  lu.assertEquals(json.encode("\u{1F319}", { ascii = true }), '"\\ud83c\\udf19"')
end

function TestParts:test_yaml_comes_back()
  local value = {
    a = "it's: x", b = { c = json.list { "x", "1.0", true }, d = json.list {}, e = {} }, n = 1.5,
    z = json.null, long = ("word "):rep(40) .. "end", ["a b"] = "# no",
  }
  lu.assertEquals(json.encode(yaml.decode(yaml.encode(value))), json.encode(value))
  lu.assertEquals(yaml.decode("a:\n- 1\n- b: 2\n  c: 3\nd: |\n  x\n  y\n").a[2].c, 3)
end

--- A megabyte in one line, which an end that is searched for from every place would take hours to find.
function TestParts:test_a_long_line_takes_no_longer_than_many_lines()
  local line = ("x"):rep(1 << 20)
  local lines, is_ended = script.lines("a\n" .. line)
  lu.assertTrue(lines[1] == "a" and lines[2] == line and not is_ended and #lines == 2)
  local found = script.read("-- %%\nreturn '" .. line .. "'")
  lu.assertEquals({ #found.cells, #found.lines }, { 1, 2 })
  lu.assertTrue(cell_text.hold_last({ line }, line)[1] == "-- %line " .. line)
  local metadata = marker.read("-- %% title" .. (" a=1"):rep(100000) .. (" "):rep(100000) .. "b").metadata
  lu.assertEquals(metadata, { title = "title", a = 1, b = json.null })
  metadata = marker.read("-- %% t" .. (" a=[ x"):rep(100000) .. "]").metadata
  lu.assertEquals(#metadata.incorrectly_encoded_metadata, 600000)
  local blanks = (" "):rep(1 << 20)
  lu.assertEquals({ trimmed(blanks), trimmed(blanks .. "a b" .. blanks) }, { "", "a b" })
  lu.assertEquals(yaml.decode("a: 1\n" .. blanks), { a = 1 })
end

function TestParts:test_markers()
  local said = marker.read '-- %% a = b title="x"  [markdown]'
  lu.assertEquals({ said.kind, marker.read("-- %% A [raw]").title }, { "code", "A" })
  for _, line in ipairs { "-- 5 %% 3", "-- %%x", "print() -- %%", "-- %", "%% x" } do
    lu.assertNil(marker.read(line))
  end
end

function TestParts:test_random_texts_are_read_without_an_error()
  for seed = 1, 300 do
    local text = random_script(seed * 7919)
    local read_script = script.read(text)
    lu.assertEquals(type(run.instrumented(read_script, {})), "string")
  end
end

os.exit(lu.LuaUnit.run())
