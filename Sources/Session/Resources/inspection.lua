-- Help on a name, and the source of a function. Argument: the session. Returns inspect(name, source).
local session = ...

local function field(value, name) return value[name] end

-- The value of a path such as `align.train`; nil where a step of it has none or cannot be indexed.
local function resolve(path)
  local value
  for name in path:gmatch "[^.:]+" do
    if value == nil then
      value = session.lookup(name)
    else
      local ok, found = pcall(field, value, name)
      value = ok and found or nil
    end
    if value == nil then return nil end
  end
  return value
end

local function show_source(name)
  local value = resolve(name)
  if type(value) ~= "function" then return print(name .. " is not a function") end
  local info = debug.getinfo(value, "S")
  local file = info.source:match "^@(.*)" and io.open(info.source:sub(2))
  if not file then return print(("the source of %s is not available (%s)"):format(name, info.short_src)) end
  local number = 0
  print("-- " .. info.short_src .. ":" .. info.linedefined)
  for line in file:lines() do
    number = number + 1
    if number >= info.linedefined and number <= info.lastlinedefined then print(line) end
  end
  file:close()
end

return function(name, source)
  if source then return show_source(name) end
  local ok, found = pcall(require, "perilune.help")
  local call = ok and (type(found) == "table" and (rawget(found, "help") or rawget(found, "show")) or found)
  if not call then return print("no help is installed for '" .. name .. "'") end
  -- A name without a page may be that of a value of the session.
  local page = type(found) == "table" and rawget(found, "page")
  local value = page and not page(name) and resolve(name)
  local text = call(value or name)
  if type(text) == "string" then print(text) end
end
