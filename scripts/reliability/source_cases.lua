--- Programs of Lua, drawn and damaged, for source.lua.
--
--   perilune --sandbox ... source_cases.lua SEED FROM TO       in an empty folder
--   perilune source_cases.lua SEED CASE                        prints the program of a case
--
-- Before a program runs it is written to the file `case`, and to `number` its own number, and those of
-- programs that did not compile, and that ran to their end or to an error. Every loop of the grammar counts
-- its turns, and ends after a hundred; a damaged program may not.
local seed, first, last = math.tointeger(tonumber(arg[1])), math.tointeger(tonumber(arg[2])),
  math.tointeger(tonumber(arg[3]))

-- Knuth's MMIX; the case begins the numbers anew.
local state
local function random(n)
  state = state * 6364136223846793005 + 1442695040888963407
  return (state >> 33) % n + 1
end
local function one(list) return list[random(#list)] end

-- MARK: Programs from the grammar

local names <const> = { "a", "b", "c", "f", "t", "s", "_ENV", "self", "_G" }
local constants <const> = {
  "nil", "true", "false", "0", "1", "-1", "2", "3.5", "1e308", "-0.0", "0x7fffffffffffffff",
  "math.mininteger",
  "1/0", "0/0", "2^53", "''", "'x'", "'a\\0b'", "'%d%s'", "'(a*)*b'", "('x'):rep(300)", "'\\xff'", "[[\n]]",
  "'10'", "'0x10'", "'1e1'", "{}", "{1, 2, 3}", "{n = 1}", "...", "setmetatable({}, {__index = t})",
  "coroutine.running()", "print", "string.format", "io.stdout", "coroutine.wrap(f)", "utf8.char(0x7fffffff)",
}
local operators <const> = {
  "+", "-", "*", "/", "//", "%", "^", "&", "|", "~", "<<", ">>", "..", "==", "~=", "<", "<=", ">", ">=",
  "and", "or",
}
local libraries <const> = { "string", "table", "math", "utf8", "coroutine", "os", "io", "_G" }
local skipped <const> = { ["os.exit"] = true, ["io.read"] = true, ["coroutine.yield"] = true }
local functions = {}
for _, library in ipairs(libraries) do
  for name, f in pairs(_G[library] or {}) do
    local full = library .. "." .. name
    if type(f) == "function" and not skipped[full] then functions[#functions + 1] = full end
  end
end
table.sort(functions)
local methods <const> = {
  "rep", "format", "gsub", "find", "match", "gmatch", "byte", "sub", "upper", "len", "reverse", "pack",
  "unpack",
}

local expression, block

local function list_of(make, most)
  local parts = {}
  for i = 1, random(most + 1) - 1 do parts[i] = make() end
  return table.concat(parts, ", ")
end

local function function_body(depth)
  local parameters = {}
  for i = 1, random(3) - 1 do parameters[i] = names[i] end
  parameters[#parameters + 1] = "..."
  return ("(%s) %s end"):format(table.concat(parameters, ", "), block(depth + 1))
end

function expression(depth)
  local kind = depth > 4 and random(5) or random(14)
  local function next_one() return expression(depth + 1) end
  if kind <= 3 then return one(constants) end
  if kind <= 5 then return one(names) end
  if kind <= 7 then return ("(%s %s %s)"):format(next_one(), one(operators), next_one()) end
  if kind == 8 then return one { "-", "not ", "#", "~" } .. next_one() end
  if kind == 9 then return ("(%s)[%s]"):format(next_one(), next_one()) end
  if kind == 10 then return ("%s(%s)"):format(one(functions), list_of(next_one, 4)) end
  if kind == 11 then return ("(%s):%s(%s)"):format(next_one(), one(methods), list_of(next_one, 3)) end
  if kind == 12 then return ("{%s}"):format(list_of(next_one, 4)) end
  if kind == 13 then return "function" .. function_body(depth) end
  return ("%s(%s)"):format(one(names), list_of(next_one, 3))
end

local function statement(depth)
  local kind = depth > 3 and random(6) or random(15)
  local function value() return expression(depth + 1) end
  if kind <= 2 then return ("local %s = %s"):format(one(names), value()) end
  if kind == 3 then return ("%s = %s"):format(one(names), value()) end
  if kind == 4 then return ("local _ = %s"):format(value()) end
  if kind == 5 then return ("%s(%s)"):format(one(functions), list_of(value, 4)) end
  if kind == 6 then return ("t[%s] = %s"):format(value(), value()) end
  local function inner() return block(depth + 1) end
  if kind == 7 then return ("if %s then %s else %s end"):format(value(), inner(), inner()) end
  if kind == 8 then return ("while __turn() and %s do %s end"):format(value(), inner()) end
  if kind == 9 then
    return ("for i = %s, %s do if not __turn() then break end %s end"):format(value(), value(), inner())
  end
  if kind == 10 then
    return ("for k, v in pairs(%s) do if not __turn() then break end %s end"):format(value(), inner())
  end
  if kind == 11 then return ("repeat %s until not __turn() or %s"):format(inner(), value()) end
  if kind == 12 then return ("local function %s%s"):format(one(names), function_body(depth)) end
  if kind == 13 then return ("pcall(function(...) %s end)"):format(inner()) end
  if kind == 14 then
    return ("local c <close> = setmetatable({}, {__close = function(...) %s end})"):format(inner())
  end
  return ("coroutine.wrap(function(...) %s coroutine.yield(%s) end)()"):format(inner(), value())
end

function block(depth)
  local parts = {}
  for i = 1, random(depth == 0 and 6 or 3) do
    parts[i] = statement(depth)
    -- An error of one statement is not the end of the program.
    if depth == 0 and random(3) > 1 then parts[i] = ("pcall(function(...) %s end)"):format(parts[i]) end
  end
  if random(6) == 1 then parts[#parts + 1] = "do return " .. expression(depth + 1) .. " end" end
  return table.concat(parts, one { "\n", "; ", " " })
end

-- MARK: Damage

local tokens <const> = {
  "end", "do", "(", ")", "{", "}", "[", "]", "'", '"', "[[", "]]", "--[[", "::a::", "goto a", "return",
  "local", "function", "=", ",", ";", "...", "..", ":", ".", "\0", "\xff", "\r\n", "\27Lua", "0x", "1e",
  "<const>",
  "#!", "for", "in", "nil", "~", "//", "break", "\\", "\\u{7fffffff}", "\\z",
}

local function damaged(text)
  for _ = 1, random(6) do
    local at = random(#text + 1)
    local to = math.min(#text, at + random(20))
    local kind = random(6)
    if kind == 1 then text = text:sub(1, at - 1) .. string.char(random(256) - 1) .. text:sub(at + 1)
    elseif kind == 2 then text = text:sub(1, at - 1) .. text:sub(to)
    elseif kind == 3 then text = text:sub(1, at - 1) .. one(tokens) .. text:sub(at)
    elseif kind == 4 then text = text:sub(1, to) .. text:sub(at)
    elseif kind == 5 then text = text:sub(1, at - 1) .. text:sub(at, to):rep(random(50)) .. text:sub(to + 1)
    else text = text:sub(at) .. text:sub(1, at - 1) end
    text = text:sub(1, 100000)
  end
  return text
end

local function program_of(case)
  state = seed * 1000003 + case
  for _ = 1, 3 do random(2) end
  local text = "local a, b, c, f, t, s = 1, 'b', 0.5, function(...) return ... end, {1, 2, x = 3}, 'text'\n"
    .. block(0)
  return case % 2 == 0 and damaged(text) or text
end

if not last then
  io.write(program_of(first))
  return
end

-- MARK: Running

local function write(name, text)
  local file <close> = assert(io.open(name, "wb"))
  file:write(text)
end

--- The globals of a program: copies of the libraries, so that what it breaks is its own.
local function globals()
  local env, turns = {}, 0
  for name, value in pairs(_G) do
    if type(value) == "table" and name ~= "_G" and name ~= "package" then
      local copy = {}
      for key, part in pairs(value) do copy[key] = part end
      value = copy
    end
    if name ~= "arg" and name ~= "require" then env[name] = value end
  end
  env._G = env
  env.__turn = function()
    turns = turns + 1
    return turns <= 100
  end
  env.print = function() end
  env.io = { type = io.type, lines = io.lines, open = io.open, tmpfile = io.tmpfile }
  env.os.exit, env.collectgarbage = nil, nil
  return env
end

local refused, ended = 0, 0
for case = first, last do
  local text = program_of(case)
  write("case", text)
  write("number", ("%d %d %d"):format(case, refused, ended))
  local chunk = load(text, "=case", "t", globals())
  if not chunk then
    refused = refused + 1
  else
    local co = coroutine.create(chunk)
    local turns = 0
    repeat
      local going = coroutine.resume(co, case, "x")
      turns = turns + 1
    until not going or coroutine.status(co) == "dead" or turns == 20
    pcall(coroutine.close, co)
    ended = ended + 1
  end
  if case % 200 == 0 then collectgarbage() end
end
write("number", ("%d %d %d"):format(last, refused, ended))
