--- The parameters of a notebook, and other values for them.
--
-- They are the assignments of the cells with the tag "parameters".
-- `local beta = 0.1` becomes `local beta = __parameter("beta", 0.1)` on the same line, which gives the other
-- value, typed as the default is. So constants can be overridden too, and what the cell computes from a
-- parameter follows it.
--
--   > local parameters = require "perilune.notebook.parameters"
--   > local list = parameters.find "local beta, steps = 0.1, 20 -- two"
--   > list[1].name, list[2].name, list[2].default
--   beta	steps	20
local attempt = require "perilune.attempt"
local options = require "perilune.options"
local scan = require "perilune.notebook.scan"

local parameters = {}

local binary <const> = {}
for word in ("+ - * / // % ^ .. < <= > >= == ~= & | ~ << >> and or"):gmatch "%S+" do binary[word] = true end
local unary <const> = { ["-"] = true, ["not"] = true, ["#"] = true, ["~"] = true }

--- The position after the brackets or the function that begin at token `i`.
local function after_block(tokens, i)
  local depth = 0
  repeat
    depth = depth + scan.step(tokens[i])
    i = i + 1
  until depth <= 0 or not tokens[i]
  return i
end

--- The position after the expression that begins at token `i` (Lua 5.4 manual, section 3.4).
local function after_expression(tokens, i)
  while true do
    while tokens[i] and unary[tokens[i].text] do i = i + 1 end
    local token = tokens[i]
    if not token then return i end
    if token.text == "function" or token.text == "{" or token.text == "(" then
      i = after_block(tokens, i)
    else
      i = i + 1
    end
    while tokens[i] do
      local text = tokens[i].text
      if text == "." or text == ":" then
        i = i + 2
      elseif text == "[" or text == "(" or text == "{" then
        i = after_block(tokens, i)
      elseif tokens[i].kind == "string" and token.kind == "word" then
        i = i + 1
      else
        break
      end
    end
    if not (tokens[i] and binary[tokens[i].text]) then return i end
    i = i + 1
  end
end

--- The names that begin at token `i`, with `<const>` skipped, and the position after them.
local function names_at(tokens, i)
  local names = {}
  while tokens[i] and tokens[i].kind == "word" do
    names[#names + 1] = tokens[i].text
    i = i + 1
    if tokens[i] and tokens[i].text == "<" then i = i + 3 end
    if not (tokens[i] and tokens[i].text == ",") then break end
    i = i + 1
  end
  return names, i
end

--- The value of an expression of constants; nil for another.
local function constant(text)
  if text:find "function" then return nil end
  local chunk = attempt.load("return " .. text, "=default", {})
  local ok, value = attempt.call(chunk or error)
  if ok then return value end
end

--- The parameters of a text: a list of `name`, the positions `from` and `to` of its expression, and its
-- `default` if that is a constant. Only assignments outside blocks count. A name without an expression of its
-- own, as b in `local a, b = f()`, has `from` nil.
function parameters.find(text)
  local tokens = {}
  for _, token in ipairs(scan.tokens(text)) do
    if token.kind ~= "comment" then tokens[#tokens + 1] = token end
  end
  local list, i, depth = {}, 1, 0
  while tokens[i] do
    local token, start = tokens[i], i
    local is_local = token.text == "local" and tokens[i + 1] and tokens[i + 1].text ~= "function"
    if is_local then start = i + 1 end
    local is_start = depth == 0 and tokens[start].kind == "word" and not (not is_local and tokens[i - 1]
      and (tokens[i - 1].text == "." or tokens[i - 1].text == ":" or tokens[i - 1].text == "function"))
    local names, at = nil, nil
    if is_start then names, at = names_at(tokens, start) end
    if is_start and tokens[at] and tokens[at].text == "=" and #names > 0 then
      at = at + 1
      for n, name in ipairs(names) do
        local entry = { name = name }
        if tokens[at] and (n == 1 or tokens[at].text == ",") then
          if n > 1 then at = at + 1 end
          local stop = after_expression(tokens, at)
          entry.from, entry.to = tokens[at].from, tokens[stop - 1].to
          entry.default = constant(text:sub(entry.from, entry.to))
          at = stop
        end
        list[#list + 1] = entry
      end
      i = at
    else
      depth = math.max(0, depth + scan.step(token))
      i = i + 1
    end
  end
  return list
end

local function refuse(name, message, ...) error(("--param %s: "):format(name) .. message:format(...), 0) end

local words <const> = { ["true"] = true, ["false"] = false }

--- A text as a value of the type of `default`. Errors: it is none; no text can be a value of that type.
--
--   > parameters.typed("steps", "20", 10), parameters.typed("beta", "1", 0.5)
--   20	1.0
--   > parameters.typed("steps", "2.5", 10)
--   --param steps: expected a whole number, as the default 10 is, got '2.5'
function parameters.typed(name, text, default)
  local kind = math.type(default) or type(default)
  local function wrong(expected)
    local shown = type(default) == "table" and "is" or options.show(default) .. " is"
    refuse(name, "expected %s, as the default %s, got '%s'", expected, shown, text)
  end
  if kind == "string" then return text end
  if kind == "integer" then
    return math.tointeger(tonumber(text)) or wrong "a whole number"
  elseif kind == "float" then
    local special = { inf = math.huge, ["-inf"] = -math.huge, nan = 0 / 0 }
    local number = special[text:lower()] or tonumber(text)
    return number and number + 0.0 or wrong "a number"
  elseif kind == "boolean" then
    if words[text] == nil then wrong "true or false" end
    return words[text]
  elseif kind == "nil" then
    if words[text] ~= nil then return words[text] end
    return tonumber(text) or text
  elseif kind == "table" and not getmetatable(default) then
    local chunk = attempt.load("return " .. text, "=--param " .. name, {})
    local ok, value = attempt.call(chunk or error)
    return ok and type(value) == "table" and value or wrong "a table such as { 0.1, 1 }"
  end
  return refuse(name, "the default is %s, which no text can replace", options.show(default))
end

--- The values of "name=value" texts by name. Errors: a text has no name; a name is there twice.
--
--   > parameters.given({ "beta=0.1=x" }).beta
--   0.1=x
function parameters.given(texts)
  local given = {}
  for _, text in ipairs(texts) do
    local name, value = text:match "^%s*([%a_][%w_]*)%s*=(.*)$"
    if not name then error(("--param takes NAME=VALUE, not '%s'"):format(text), 0) end
    if given[name] then error(("--param %s is given twice"):format(name), 0) end
    given[name] = value
  end
  return given
end

--- Checks given values against the parameters that cells have: `lists` are results of `parameters.find`.
-- Errors: a name is none of them; a value is not of the type of a constant default.
function parameters.check(given, lists, where)
  local known, names = {}, {}
  for _, list in ipairs(lists) do
    for _, entry in ipairs(list) do
      if not known[entry.name] then names[#names + 1] = entry.name end
      known[entry.name] = known[entry.name] or entry
    end
  end
  local sorted = {}
  for name in pairs(given) do sorted[#sorted + 1] = name end
  table.sort(sorted)
  for _, name in ipairs(sorted) do
    if #lists == 0 then refuse(name, '%s has no cell with tags=["parameters"]', where) end
    if not known[name] then
      refuse(name, "%s has no such parameter; %s", where, options.suggest(name, names))
    end
    if known[name].default ~= nil then parameters.typed(name, given[name], known[name].default) end
  end
end

--- The text of a cell of parameters with the given ones replaced, line for line. `call` is the name of the
-- function that gets a name and its default.
--
--   > parameters.replace("local a <const>, b = 1, 2", { b = "3" }, "__p")
--   local a <const>, b = 1, __p("b", 2)
function parameters.replace(text, given, call)
  local list = parameters.find(text)
  for i = #list, 1, -1 do
    local entry = list[i]
    if given[entry.name] and not entry.from then
      refuse(entry.name, "the cell gives it no expression of its own, so that it cannot be replaced")
    elseif given[entry.name] then
      text = ("%s%s(%q, %s)%s"):format(text:sub(1, entry.from - 1), call, entry.name,
        text:sub(entry.from, entry.to), text:sub(entry.to + 1))
    end
  end
  return text
end

return options.strict("notebook.parameters", parameters)
