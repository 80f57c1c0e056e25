--- Random calls of native functions, run in the sandbox by scripts/reliability/boundary.lua.
--
-- Arguments: seed, number of calls, and, if wanted, a file for the call that is made now. Prints
-- "calls N functions M errors K outcomes J": an outcome is a kind of result, or an error's text without its
-- numbers and names. Excepted are the debug library, os.exit and collectgarbage of Lua, and system.sleep,
-- which waits as it is asked to. Objects of the classes Job, which needs a process, and Screen, which needs a
-- terminal, are not made.
--
-- Half of the calls are random. The others change one argument of a call whose outcome was a new one: so they
-- get by the checks of the first arguments, to what comes after them.
local seed, count, trace = math.tointeger(tonumber(arg[1])), math.tointeger(tonumber(arg[2])), arg[3]
local perilune = require "perilune"
local T, models, plot = perilune.tensor, perilune.models, perilune.plot
local native_help, native_plot = require "perilune.native.help", require "perilune.native.plot"
local native_run = require "perilune.native.run"

local excepted = {
  ["os.exit"] = true, ["_G.collectgarbage"] = true, ["system.sleep"] = true, ["coroutine.yield"] = true,
  ["system.threads"] = true, ["system.ended_by_interrupt"] = true,
  ["_G.print"] = true, ["_G.warn"] = true, ["io.write"] = true, ["io.read"] = true,
}

-- These go on for as long as their numbers say, until Ctrl-C: they get small ones.
local loops = {
  ["table.concat"] = true, ["table.insert"] = true, ["table.move"] = true, ["table.remove"] = true,
}

-- These write all pages of the manual, whatever their arguments.
local rare = {
  ["help.pages"] = true, ["help.manual"] = true, ["help.summaries"] = true, ["help.functions"] = true,
  ["help.examples"] = true,
}

-- A generator of its own: math.random is among the functions that are called. Knuth's MMIX.
local state = seed
local function random(n)
  state = state * 6364136223846793005 + 1442695040888963407
  return (state >> 33) % n + 1
end
local function one(list) return list[random(#list)] end

-- Functions of native modules and of Lua's libraries by name; methods of objects by class.
local functions, names = {}, {}
local function add(name, f)
  if type(f) == "function" and not excepted[name] and not functions[name] then
    functions[name], names[#names + 1] = f, name
  end
end
for path in pairs(package.preload) do
  local short = path:match "^perilune%.native%.(.*)$"
  local ok, module = pcall(require, path)
  if short and ok and type(module) == "table" then
    for key, f in pairs(module) do add(short .. "." .. tostring(key), f) end
  end
end
for _, library in ipairs { "_G", "string", "table", "math", "utf8", "coroutine", "os", "io" } do
  for key, f in pairs(_G[library]) do add(library .. "." .. tostring(key), f) end
end

local strings = {
  "", "x", "a\0b", "\255\254", ("y"):rep(300), "../x", "x.svg", "x.safetensors", "x.jsonl", "f32", "i64",
  "{\"a\": 1}", "[1, 2", "%d%s%", "(a*)*b", "sum", "mean", "none", "héllo", "\n",
}

-- A new run with figures, whose folder becomes one of the texts.
local runs = 0
local function writer()
  runs = runs + 1
  local name = "a" .. runs
  local made = native_run.create { folder = "runs", name = name, config = "{}", params = {}, hash = "h" }
  for step = 1, 8 do made:log(step, { x = step, loss = 1 / step }) end
  made:event(3, "evaluated", "a text")
  made:commit()
  strings[0] = "runs/" .. name
  return made
end

local function objects()
  local model = models.transformer {
    vocab = 16, dim = 8, layers = 1, heads = 2, max_length = 8, style = "llama" }
  local list = {
    T.zeros(0), T { 1, 2, 3 }, T { { 1, 2 }, { 3, 4 } }, T { 0 / 0, math.huge }, T.zeros(2, 0, 3),
    T { 1, 2 }:double(), T { 1, 2, 3 }:long(), T { 1, 0 }:gt(0), T.randn(4, 4):t(), T.randn(2, 3, 4),
    T.randn(3):requires_grad_(true),
    model, models.rows({ { 1, 2 }, { 3 } }, { { 4 }, { 5, 6 } }), plot.figure {}:line { y = { 1, 2, 3 } },
    plot.figure {}, T.randn(8):sum(),
  }
  local closed = T { 9 }
  closed:free()
  list[#list + 1] = closed
  for _, object in ipairs {
    T.generator { seed = 1 }, perilune.optim.adamw(model, {}), perilune.report.new { title = "a" },
    perilune.formats.train_bpe({ "aa ab", "ab b" }, { vocab_size = 260 }), native_plot.progress_bar(),
    writer(),
  } do list[#list + 1] = object end
  local of_class = {}
  for _, object in ipairs(list) do
    local name = getmetatable(object).__name
    of_class[name] = of_class[name] or {}
    table.insert(of_class[name], object)
  end
  return list, of_class
end
local made, of_class = objects()
for _, object in ipairs(made) do
  local meta = getmetatable(object)
  for key, f in pairs(type(meta) == "table" and meta.__methods or {}) do add(meta.__name .. ":" .. key, f) end
  for key, f in pairs(type(meta) == "table" and meta or {}) do
    if type(key) == "string" and key ~= "__gc" and key ~= "__close" then add(meta.__name .. "." .. key, f) end
  end
end
table.sort(names)

local integers = {
  0, 1, -1, 2, 3, 7, 8, 100, 255, 256, -2, 65536, 1 << 31, -(1 << 31), 1 << 32, 1 << 53, math.maxinteger,
  math.mininteger,
}
local numbers = {
  0.0, -0.0, 0.5, 1e-300, 1e308, -1e308, math.huge, -math.huge, 0 / 0, 2 ^ 53, 2 ^ 63, 3.7, -1.5,
}
local keys = { 1, 2, 3, 2.5, true }
-- The names of all options that functions declare.
for _, page in pairs(native_help.pages()) do
  for _, option in ipairs(page.options or {}) do keys[#keys + 1] = option.name end
end

local function value(depth)
  local kind = random(depth > 2 and 9 or 12)
  if kind == 1 then return nil
  elseif kind == 2 then return random(2) == 1
  elseif kind <= 4 then return one(integers)
  elseif kind == 5 then return one(numbers)
  elseif kind <= 7 then return strings[random(#strings + 1) - 1]
  elseif kind <= 9 then return one(made)
  elseif kind == 10 then
    local t = {}
    for i = 1, random(4) - 1 do t[i] = value(depth + 1) end
    return t
  elseif kind == 11 then
    local t = {}
    for _ = 1, random(4) do t[one(keys)] = value(depth + 1) end
    return t
  end
  local thread = coroutine.create(function() end)
  return one { function() end, function() error "refused" end, function(x) return x end, thread }
end

-- Calls of each function by the first outcome of its kind; the latest ones are kept.
local kept <const> = 12
local seen, outcomes, interesting = {}, 0, {}

local function note(name, arguments, ok, result)
  local of = seen[name] or {}
  seen[name] = of
  local told, text = true, type(result)
  if not ok then told, text = pcall(tostring, result) end
  if not told or of[text] then return end
  of[text] = true
  local kind = text:gsub("'.-'", "'"):gsub("[%d.-]+", "0"):sub(1, 120)
  if kind ~= text and of[kind] then return end
  of[kind], outcomes = true, outcomes + 1
  local list = interesting[name] or {}
  interesting[name] = list
  if #list == kept then table.remove(list, 1) end
  list[#list + 1] = arguments
end

--- New arguments of a function, or those of an interesting call with one changed, added or taken away.
local function any_arguments(name)
  local list, arguments = interesting[name], nil
  if list and random(2) == 1 then
    local from = one(list)
    arguments = table.move(from, 1, from.n, 1, { n = from.n })
  end
  if arguments and random(8) > 1 then
    local at = random(math.max(1, arguments.n))
    arguments[at], arguments.n = value(0), math.max(at, arguments.n)
    return arguments
  elseif arguments then
    arguments.n = random(6) - 1
    return arguments
  end
  arguments = { n = random(5) - 1 }
  for k = 1, arguments.n do arguments[k] = value(0) end
  -- Methods are called on an object of a class more often than not.
  if name:find ":" and random(4) > 1 then arguments[1] = one(of_class[name:match "^[^:]*"] or made) end
  return arguments
end

local function arguments_of(name)
  local arguments = any_arguments(name)
  for k = 1, loops[name] and arguments.n or 0 do
    local x = arguments[k]
    if type(x) == "number" and not (x > -1e6 and x < 1e6) then arguments[k] = random(1000) end
  end
  return arguments
end

local log = trace and assert(io.open(trace, "w"))
-- A traceback looks its functions up in all modules.
for name in pairs(package.loaded) do
  if name:find "^perilune" then package.loaded[name] = nil end
end
local errors = 0
io.output(assert(io.open("/dev/null", "w")))
for i = 1, count do
  local name = one(names)
  while rare[name] and random(16) > 1 do name = one(names) end
  local arguments = arguments_of(name)
  if log then
    log:seek "set"
    log:write(("%d %-60s\n"):format(i, name))
    log:flush()
  end
  local ok, result = pcall(functions[name], table.unpack(arguments, 1, arguments.n))
  if not ok then errors = errors + 1 end
  note(name, arguments, ok, result)
  if i % 2000 == 0 then
    made, of_class = objects()
    collectgarbage()
  end
end
io.output(io.stdout)
print(("calls %d functions %d errors %d outcomes %d"):format(count, #names, errors, outcomes))
