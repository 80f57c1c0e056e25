--- Random notebooks become scripts that are Lua, and the scripts become the same notebooks.
--
-- `PERILUNE_NOTEBOOKS=20000 bin/perilune Tests/lua/notebook_lossless_test.lua` tries more of them.
local lu = require "luaunit"
local convert = require "perilune.notebook.convert"
local ipynb = require "perilune.notebook.ipynb"
local json = require "perilune.notebook.json"

local state
local function random(n)
  state = state * 6364136223846793005 + 1442695040888963407
  return (state >> 33) % n + 1
end
local function one(list) return list[random(#list)] end

-- Lines of code that stand anywhere, and lines that do not.
local good <const> = {
  "", "  ", "x = 1", "print(x)", "  y = 2", "-- a comment", "--", "-- %time f()", "--%time f()", "-- -- %who",
  "%time f(x)", "  %timeit g()", "%who", "%%time", "%line x", "%line", "-- %line x", '%line: "x"', "-- %line",
  "!ls -l", "  !echo [[", "!echo 'don't", "?align", "??align.train", "align.train?", "$ make", "-- %% a",
  "-- %%", "  -- %% [markdown]", "--%% x", "-- ---", "s = [[", "]]", "s = [==[ a", "]==]", "--[[ open",
  "--]]",
  "t = {", "}", "-- !ls", "-- ?x", "%time x -- noescape", "-- %line x -- noescape", "x = '%time'", "x = 'a\\",
  "%time b'", "print 'é'", "-- \u{1F319}", "-- a\0b", "print 'x'\r", "-- c\rd", "%time a\rb", "-- jupyter:",
  "return", "return x", "x", "x + 1", "1", "{", "f(", ")", "if x then", "end", "def f(x):", "#!x", "\t",
  "-- %time x -- escape", "local z <const> = 2", "x // %d", "-- -*- coding: utf-8 -*-", "x = a \\",
}
local texts <const> = {
  "", "# Title", "text", "%% a", "%% [raw]", "%%", "%line x", "%line", '%line: "x"', "%time", "-- x", "--",
  "--[[ x ]]", "[[", "]]", "a\rprint 'run'", "a\r", "a\0b", "é", " ", "  indented", "---", "jupyter:", "```",
  "![a](attachment:a.png)", "-- %% x",
}

local function text_of(lines)
  local parts = {}
  for i = 1, random(7) - 1 do parts[i] = one(lines) end
  return table.concat(parts, "\n")
end

local function value(depth)
  local kind = random(depth > 1 and 6 or 8)
  if kind == 1 then return json.null
  elseif kind == 2 then return random(2) == 1
  elseif kind == 3 then return one { 0, 1, -3, 1 << 53, 1.0, 1.5, -0.0, 1e300, 0.1 }
  elseif kind <= 6 then
    return one { "", "a b", "x=1", "[markdown]", "{", "é\u{1F319}", "a\nb", "\0", "'", '"', "%%",
      "null", "1.0", "---",
      " a ", "\\", "yes" }
  elseif kind == 7 then
    local list = json.list {}
    for i = 1, random(3) - 1 do list[i] = value(depth + 1) end
    return list
  end
  local object = {}
  for _ = 1, random(3) - 1 do object[one { "a", "b c", "d.e", "é", "" }] = value(depth + 1) end
  return object
end

local titles <const> = {
  "A title", "x [markdown]", "[raw] x", "a=1", "a {", "%% x", "%", " a ", "", "a\nb", "[md]",
  "a b=c [markdown]",
  "é", "-- x", "[markdown]", "a.b", ".a", "tags", "a\0b", "\\",
}

local function metadata_of()
  local metadata = {}
  if random(2) == 1 then return metadata end
  if random(3) == 1 then metadata.title = one(titles) end
  if random(3) == 1 then metadata.tags = json.list(one { {}, { "parameters" }, { "hide-input", "x y" } }) end
  for _ = 1, random(4) - 1 do
    local name = one { "a", "b", "a.b", "a b", "é", "collapsed", "scrolled", "format", "region_name",
      "cell_depth", "lines_to_next_cell", "execution", "jupyter", "slideshow", "cell_marker", "active", "x-y",
      "incorrectly_encoded_metadata", "cell_type", "language", "skipline", "" }
    metadata[name] = value(0)
  end
  if random(12) == 1 then metadata.lines_to_next_cell = random(5) - 1 end
  if random(12) == 1 then metadata.cell_depth = random(4) - 1 end
  return metadata
end

local function random_notebook(seed)
  state = seed
  local cells = {}
  for i = 1, random(7) - 1 do
    local kind = one { "code", "code", "code", "markdown", "raw" }
    cells[i] = {
      kind = kind, source = text_of(kind == "code" and good or texts), metadata = metadata_of(),
      id = ("%08x"):format(random(1 << 30)),
      attachments = kind ~= "code" and random(4) == 1 and { ["a.png"] = { ["image/png"] = "aGk=" } } or nil,
    }
  end
  if cells[1] and cells[1].kind == "raw" and random(3) == 1 then
    cells[1].source = "---\n" .. one { "title: x", "title: x\n\nb: 'c'", "jupyter: 1", "---", "a\n---",
      "a: b " }
      .. "\n---" .. one { "", "\n", " " }
  end
  local metadata = {}
  if random(2) == 1 then
    metadata.kernelspec = { display_name = one { "Perilune", "a: b", "é", "", "1.0", "'x'" },
      name = "perilune",
      language = "lua" }
  end
  if random(3) == 1 then metadata.jupytext = { formats = "ipynb,lua:percent" } end
  if random(8) == 1 then metadata.jupytext = { cell_metadata_json = true } end
  for _ = 1, random(3) - 1 do metadata[one { "a", "widgets", "title", "b c", "toc" }] = value(0) end
  return { cells = cells, metadata = metadata }
end

-- The lines around the first that differs.
local function difference(wanted, got)
  local other = got:gmatch "[^\n]+"
  for line in wanted:gmatch "[^\n]+" do
    local found = other()
    if line ~= found then return ("expected\n%s\ngot\n%s"):format(line, found) end
  end
  return "more than expected: " .. tostring(other())
end

TestLossless = {}

function TestLossless:test_a_notebook_comes_back_from_a_script_that_is_lua()
  for seed = 1, math.tointeger(tonumber(os.getenv "PERILUNE_NOTEBOOKS" or 1500)) do
    local before = random_notebook(seed)
    local text = convert.to_script(before)
    local wanted = ipynb.write(before)
    local back = ipynb.write(convert.to_notebook(text))
    if back ~= wanted then
      print(("seed %d\n%s"):format(seed, text))
      lu.fail(difference(wanted, back))
    end
    local chunk, problem = load(text, "=script", "t")
    if not chunk then
      print("seed " .. seed .. "\n" .. text)
      lu.fail(problem)
    end
  end
end

os.exit(lu.LuaUnit.run())
