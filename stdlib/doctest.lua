--- Runs the examples in comments, and compares their output with the output that the comment shows.
--
-- In a block of comment lines, a line that begins with `>` is code as at the prompt: an expression prints its
-- values. The lines after it, with the same indent up to an empty line, are its output; an error prints its
-- message without the position. A line that begins with `>>` continues the line before. A block is one chunk:
-- its locals and globals end with it. The module of the file is visible under the last part of its name. A
-- number in the output may have fewer digits than the computed one.
--
--   > local doctest = require "perilune.doctest"
--   > #doctest.examples("--   > 1 + 1\n--   2\n")
--   1
--   > doctest.run("--   > 1 + 1\n--   3\n")[1].shown
--   2
local attempt = require "perilune.attempt"

local doctest = {}

local function compiles(code) return attempt.load(code, "=example") ~= nil end

--- The blocks of a source text: lists of { line, code, wanted }.
function doctest.blocks(source)
  local blocks, block, last, number = {}, nil, nil, 0
  for line in (source .. "\n"):gmatch("(.-)\r?\n") do
    number = number + 1
    local indent, text = line:match("^%-%-(%s*)(.-)%s*$")
    if not text or line:match("^%-%-%-") then block, last = nil, nil end
    if line:match("^%-%-%-") then indent, text = line:match("^%-%-%-(%s*)(.-)%s*$") end
    local code = text and text:match("^>%s(.*)$")
    local more = text and text:match("^>>%s(.*)$")
    if code then
      if not block then
        block = {}
        blocks[#blocks + 1] = block
      end
      last = { line = number, code = code, wanted = {}, indent = #indent }
      block[#block + 1] = last
    elseif more and last and #last.wanted == 0 then
      last.code = last.code .. "\n" .. more
    elseif last and text ~= "" and text and #indent >= last.indent then
      last.wanted[#last.wanted + 1] = (" "):rep(#indent - last.indent) .. text
    else
      last = nil
    end
  end
  for _, one in ipairs(blocks) do
    for _, example in ipairs(one) do example.wanted = table.concat(example.wanted, "\n") end
  end
  return blocks
end

--- All examples of a source text, in order.
function doctest.examples(source)
  local all = {}
  for _, block in ipairs(doctest.blocks(source)) do table.move(block, 1, #block, #all + 1, all) end
  return all
end

local function without_place(message)
  return (tostring(message):gsub("^[^\n:]*:%d+: ", ""))
end

--- One chunk for a block. Expressions are wrapped: after an error the rest of the block is run.
local function chunk_of(block)
  local parts = { "local __at, __show = ...\n" }
  for i, example in ipairs(block) do
    if compiles("return " .. example.code) then
      parts[#parts + 1] = ("__at(%d) __show(pcall(function() return %s\nend))\n"):format(i, example.code)
    else
      parts[#parts + 1] = ("__at(%d) %s\n"):format(i, example.code)
    end
  end
  return table.concat(parts)
end

local function run_block(block, env)
  local current
  local function put(text)
    if current then current.shown = current.shown and current.shown .. "\n" .. text or text end
  end
  local function joined(values)
    local texts = {}
    for i = 1, values.n do texts[i] = tostring(values[i]) end
    return table.concat(texts, "\t")
  end
  local function at(i)
    current = block[i]
    current.ran = true
  end
  local function show(ok, ...)
    if not ok then return put(without_place((...))) end
    if select("#", ...) > 0 then put(joined(table.pack(...))) end
  end
  env.print = function(...) put(joined(table.pack(...))) end
  local plain <const> = print
  print = env.print  -- luacheck: ignore 121
  local _ <close> = setmetatable({}, { __close = function() print = plain end })  -- luacheck: ignore 121
  local chunk, problem = load(chunk_of(block), "=example", "t", env)
  if not chunk then
    block[1].ran, block[1].shown = true, without_place(problem)
    return
  end
  local ok, raised = pcall(chunk, at, show)
  if not ok then put(without_place(raised)) end
end

--- Whether the output is the wanted one; a number alone on a line is rounded to the wanted digits.
local function is_same(shown, wanted)
  if shown == wanted then return true end
  local x = tonumber(shown)
  local digits = wanted:match("^%-?0*%.?0*([%d.]+)$")
  if not x or not digits or not tonumber(wanted) then return false end
  local count = #digits:gsub("%.", "")
  return count >= 2 and tonumber(("%%.%dg"):format(count):format(x)) == tonumber(wanted)
end

--- Runs the examples of a source text; `globals` are visible to them. Each example gets `shown` and `ok`.
function doctest.run(source, globals)
  local all = {}
  for _, block in ipairs(doctest.blocks(source)) do
    run_block(block, setmetatable({}, { __index = function(_, name)
      local own = globals and globals[name]
      if own ~= nil then return own end
      return _G[name]
    end }))
    for _, example in ipairs(block) do
      example.shown = example.ran and (example.shown or ""):gsub("[ \t]+\n", "\n"):gsub("%s+$", "")
        or "(not reached)"
      example.ok = is_same(example.shown, example.wanted)
      all[#all + 1] = example
    end
  end
  return all
end

--- Runs the examples of the file at `path`, which is the module `name`.
--
--   > local path = os.tmpname()
--   > require("perilune.system").write_file(path, "--- X.\n--\n--   > 1 + 1\n--   2\n")
--   > doctest.file(path)[1].ok, #doctest.blocks(io.open(path):read "a")
--   true	1
function doctest.file(path, name)
  local file <close> = assert(io.open(path, "rb"))
  name = name and name:gsub("%.init$", "")
  local short = name and name:match("[^.]+$")
  return doctest.run(file:read "a", setmetatable({}, { __index = function(_, key)
    if key == short then return require(name) end
    if key == "T" then return require "perilune.tensor" end
  end }))
end

return require "perilune.options".strict("doctest", doctest)
