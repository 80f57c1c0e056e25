--- What depth.lua nests, kind by kind.
--
--   perilune depth_kinds.lua                names
--   perilune depth_kinds.lua KIND DEPTH     one case: prints "value", or "error: ..."
local perilune = require "perilune"
local T, formats, plain = perilune.tensor, perilune.formats, require "perilune.plain"

local kinds, names = {}, {}

--- A kind: `f(depth)` makes something that deep and reads it.
local function kind(name, f)
  kinds[name], names[#names + 1] = f, name
end

local function nested(open, middle, close)
  return function(depth) return open:rep(depth) .. middle .. close:rep(depth) end
end

local function written(ending, text, read)
  local path = os.tmpname()
  local file = assert(io.open(path .. ending, "wb"))
  file:write(text)
  file:close()
  local ok, problem = pcall(read, path .. ending)
  os.remove(path)
  os.remove(path .. ending)
  if not ok then error(problem, 0) end
end

-- MARK: Sources of Lua

for name, text in pairs {
  ["parentheses"] = nested("(", "1", ")"), ["tables"] = nested("{", "", "}"),
  ["functions"] = nested("function() return ", "1", " end"), ["not"] = nested("not ", "1", ""),
  ["blocks"] = function(depth) return "0 " .. ("do "):rep(depth) .. ("end "):rep(depth) end,
  ["indices"] = nested("", "x", ".x"), ["calls"] = nested("", "x", "()"),
  ["concat"] = nested("'a' .. ", "'a'", ""),
  ["powers"] = nested("1 ^ ", "1", ""), ["ifs"] = function(depth)
    return "0 " .. ("if x then "):rep(depth) .. ("end "):rep(depth)
  end,
  ["elseifs"] = function(depth) return "0 if x then " .. ("elseif x then "):rep(depth) .. "end" end,
  ["comments"] = function(depth) return ("--[[ "):rep(depth) .. ("]] "):rep(depth) end,
  ["long strings"] = function(depth) return "[" .. ("="):rep(depth) .. "[ ]" .. ("="):rep(depth) .. "]" end,
} do
  kind("source, " .. name, function(depth)
    local chunk, problem = load("return " .. text(depth), "=source", "t", {})
    if not chunk then error(problem, 0) end
    local ok, why = pcall(chunk)
    if not ok and not tostring(why):find "attempt to" then error(why, 0) end
  end)
end

-- MARK: Lua at work

local function deep_table(depth)
  local value = {}
  for _ = 1, depth do value = { value } end
  return value
end

kind("calls of Lua", function(depth)
  local function f(n) return n == 0 and 0 or 1 + f(n - 1) end
  f(depth)
end)
kind("pcall", function(depth)
  local function f(n)
    if n == 0 then return true end
    local ok, problem = pcall(f, n - 1)
    if not ok then error(problem, 0) end
    return ok
  end
  f(depth)
end)
kind("coroutines", function(depth)
  local function f(n)
    if n == 0 then return end
    local ok, problem = coroutine.resume(coroutine.create(f), n - 1)
    if not ok then error(problem, 0) end
  end
  f(depth)
end)
kind("metamethods", function(depth)
  local meta = {}
  local value = { 1 }
  for _ = 1, depth do value = setmetatable({}, { __index = value, __name = meta }) end
  return value[1]
end)
kind("__tostring", function(depth)
  local value = "x"
  for _ = 1, depth do
    local inner = value
    value = setmetatable({}, { __tostring = function() return tostring(inner) end })
  end
  tostring(value)
end)
kind("__gc", function(depth)
  deep_table(depth)
  collectgarbage()
end)
kind("captures", function(depth) string.find("a", ("("):rep(depth) .. "a" .. (")"):rep(depth)) end)
kind("balanced", function(depth) assert(string.find(("("):rep(depth) .. (")"):rep(depth), "%b()")) end)
kind("native calls", function(depth)
  local function f(n) return n == 0 and 0 or T.no_grad(f, n - 1) end
  f(depth)
end)
kind("errors within errors", function(depth)
  local function f(n)
    if n == 0 then error("bottom", 0) end
    local ok, problem = pcall(T.no_grad, f, n - 1)
    if not ok then error(problem, 0) end
  end
  f(math.min(depth, 190))
  f(depth)
end)
kind("finalizers", function(depth)
  local made = 0
  local meta = {}
  meta.__gc = function()
    made = made + 1
    if made < depth then setmetatable({}, meta) end
  end
  setmetatable({}, meta)
  for _ = 1, math.min(depth, 1000) do collectgarbage() end
end)

-- MARK: Values of the library

kind("shown", function(depth) perilune.display.text(deep_table(depth)) end)
kind("plain data", function(depth) plain.encode(deep_table(depth)) end)
kind("plain data, read", function(depth) plain.decode(nested("[", "", "]")(depth)) end)
kind("tensor of lists", function(depth) T(deep_table(depth)) end)
kind("JSON, written", function(depth) formats.json_encode(deep_table(depth)) end)
kind("JSON lines, written", function(depth)
  written(".jsonl", "", function(path) formats.save_json_lines(path, { deep_table(depth) }) end)
end)
kind("equal tables", function(depth)
  require "perilune.testing".assert_equal(deep_table(depth), deep_table(depth))
end)
kind("options", function(depth)
  perilune.align.train { policy = deep_table(depth), source = deep_table(depth), loss = "dpo", steps = 1 }
end)
kind("configuration of a run", function(depth)
  local path = os.tmpname()
  os.remove(path)
  local ok, problem = pcall(perilune.run.open, { name = "a", folder = path, config = deep_table(depth) })
  os.execute(("rm -rf '%s'"):format(path))
  if not ok then error(problem, 0) end
end)
kind("report", function(depth)
  perilune.report.new { title = "a" }:text(nested("> ", "a", "")(depth)):html()
end)
kind("report, lists", function(depth)
  local lines = {}
  for i = 1, math.min(depth, 3000) do lines[i] = (" "):rep(2 * i) .. "- a" end
  perilune.report.new { title = "a" }:text(table.concat(lines, "\n")):html()
end)

-- MARK: Gradients

kind("tape", function(depth)
  local x = T({ 1 }, { requires_grad = true })
  local y = x
  for _ = 1, depth do y = y + 1 end
  y:sum():backward()
  assert(x:grad():item() == 1)
end)
kind("tape, let go", function(depth)
  local y = T({ 1 }, { requires_grad = true })
  for _ = 1, depth do y = y * 1 end
  y = nil  -- luacheck: ignore 311
  collectgarbage()
end)
kind("checkpoints within checkpoints", function(depth)
  local x = T({ 1 }, { requires_grad = true })
  local function f(n, y) return n == 0 and y or T.checkpoint(function(z) return f(n - 1, z) end, y) end
  f(depth, x):sum():backward()
end)
kind("views of views", function(depth)
  local x = T.zeros(2, 2)
  for _ = 1, depth do x = x:t() end
  tostring(x)
end)

-- MARK: Files

for name, text in pairs {
  ["lists"] = nested("[", "1", "]"), ["objects"] = nested('{"a":', "1", "}"),
  ["open lists"] = nested("[", "", ""),
} do
  kind("JSON, " .. name, function(depth) formats.json_decode(text(depth)) end)
  kind("JSON line, " .. name, function(depth)
    written(".jsonl", text(depth) .. "\n", formats.load_json_lines)
  end)
  kind("data set, " .. name, function(depth)
    written(".jsonl", '{"prompt": ' .. text(depth) .. "}\n", perilune.data.load)
  end)
  kind("safetensors header, " .. name, function(depth)
    local header = '{"a": ' .. text(depth) .. "}"
    written(".safetensors", string.pack("<I8", #header) .. header, T.load)
  end)
  kind("tokenizer, " .. name, function(depth)
    written(".json", '{"model": ' .. text(depth) .. "}", require "perilune.tokenizer".load)
  end)
  kind("notebook, " .. name, function(depth)
    written(".ipynb", '{"nbformat": 4, "cells": [], "metadata": ' .. text(depth) .. "}", function(path)
      perilune.notebook.convert(path, path .. ".lua")
    end)
  end)
end
kind("GGUF arrays", function(depth)
  local parts = { "GGUF", string.pack("<I4I8I8", 3, 0, 1), string.pack("<s8", "a"), string.pack("<I4", 9) }
  for _ = 1, depth do parts[#parts + 1] = string.pack("<I4I8", 9, 1) end
  parts[#parts + 1] = string.pack("<I4I8I4", 4, 1, 7)
  written(".gguf", table.concat(parts), perilune.models.load)
end)
kind("NumPy header", function(depth)
  local header = ("{'descr': '<f4', 'fortran_order': False, 'shape': %s1,%s}\n"):format(("("):rep(depth),
    (")"):rep(depth))
  written(".npy", "\x93NUMPY\2\0" .. string.pack("<I4", #header) .. header, T.load)
end)

for name, text in pairs {
  ["expression"] = function(depth) return "{{ " .. ("("):rep(depth) .. "1" .. (")"):rep(depth) .. " }}" end,
  ["lists"] = function(depth) return "{{ " .. ("["):rep(depth) .. ("]"):rep(depth) .. " }}" end,
  ["not"] = function(depth) return "{{ " .. ("not "):rep(depth) .. "1 }}" end,
  ["minus"] = function(depth) return "{{ " .. ("-"):rep(depth) .. "1 }}" end,
  ["filters"] = function(depth) return "{{ 'a'" .. ("|upper"):rep(depth) .. " }}" end,
  ["sums"] = function(depth) return "{{ 1" .. (" + 1"):rep(depth) .. " }}" end,
  ["powers"] = function(depth) return "{{ 1" .. (" ** 1"):rep(depth) .. " }}" end,
  ["choices"] = function(depth) return "{{ 1" .. (" if 1 else 1"):rep(depth) .. " }}" end,
  ["members"] = function(depth) return "{{ x" .. (".x"):rep(depth) .. " }}" end,
  ["ifs"] = nested("{% if 1 %}", "a", "{% endif %}"),
  ["elifs"] = function(depth) return "{% if 0 %}" .. ("{% elif 0 %}"):rep(depth) .. "{% endif %}" end,
  ["loops"] = nested("{% for i in [1] %}", "a", "{% endfor %}"),
} do
  kind("template, " .. name, function(depth) formats.render_template(text(depth), { x = {} }) end)
end
kind("template, data", function(depth)
  formats.render_template("{{ x | tojson }}", { x = deep_table(depth) })
end)

for name, text in pairs {
  ["groups"] = nested("(", "a", ")"), ["repetitions"] = nested("(?:", "a", ")*"),
  ["choices"] = nested("a|", "a", ""),
  ["classes"] = nested("[", "a", "]"), ["lookaheads"] = nested("(?=", "a", ")"),
} do
  kind("pattern of a tokenizer, " .. name, function(depth)
    local json = formats.json_encode {
      model = { type = "BPE", vocab = { a = 0 }, merges = {} },
      pre_tokenizer = {
        type = "Split", pattern = { Regex = text(depth) }, behavior = "Isolated", invert = false,
      },
    }
    written(".json", json, function(path)
      require "perilune.tokenizer".load(path):encode(("a"):rep(math.min(depth, 10000)))
    end)
  end)
end

for name, text in pairs {
  ["YAML lists"] = function(depth)
    return "-- ---\n-- a: " .. ("["):rep(depth) .. ("]"):rep(depth) .. "\n-- ---\n"
  end,
  ["marker"] = function(depth) return "-- %% a=" .. ("["):rep(depth) .. ("]"):rep(depth) .. "\nx = 1\n" end,
} do
  kind("script with " .. name, function(depth)
    written(".lua", text(depth), function(path) perilune.notebook.convert(path, path .. ".ipynb") end)
  end)
end

kind("CSV", function(depth) require "perilune.csv".decode(("\"a\","):rep(depth) .. "b\n") end)
kind("folders", function(depth) perilune.system.make_folder("/tmp" .. ("/."):rep(depth)) end)

table.sort(names)
if not arg[1] then
  for _, name in ipairs(names) do print(name) end
  return
end
local ok, problem = pcall(kinds[arg[1]], math.tointeger(tonumber(arg[2])))
print(ok and "value" or "error: " .. tostring(problem):gsub("\n", " "):sub(1, 600))
