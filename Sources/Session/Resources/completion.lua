-- The names that a word may become, found in tables and metatables without calling anything.
-- Argument: the session. Returns complete(word, before); `before` is the text of the input before the word.
local session = ...

local keywords = "and break do else elseif end false for function goto if in local nil not or repeat return "
  .. "then true until while"

-- The names that one of the library's tables loads when they are first read.
local function names_to_load(meta)
  local names = type(meta) == "table" and rawget(meta, "__names")
  return type(names) == "table" and names or {}
end

-- Calls visit(key, value) for every name that `value.name` may find. The value of a getter, or of a name that
-- is not loaded, is false.
local function each_member(value, visit)
  for _ = 1, 8 do
    local meta = debug.getmetatable(value)
    if type(value) == "table" then
      for key, member in next, value do visit(key, member) end
    end
    if type(meta) ~= "table" then return end
    for _, field in ipairs { "__methods", "__getters" } do
      local members = rawget(meta, field)
      if type(value) == "userdata" and type(members) == "table" then
        for key, member in next, members do visit(key, field == "__methods" and member or false) end
      end
    end
    for _, key in ipairs(names_to_load(meta)) do visit(key, false) end
    value = rawget(meta, "__index")
    if type(value) ~= "table" then return end
  end
end

local function member(value, name)
  local found
  each_member(value, function(key, each) if key == name and not found then found = each end end)
  if found then return found end
  for _, key in ipairs(names_to_load(debug.getmetatable(value))) do
    if key == name then
      local ok, part = pcall(function() return value[name] end)
      return ok and part or nil
    end
  end
end

-- The value at a path such as `align.judge`, or nil.
local function value_at(path)
  local value
  for name in path:gmatch "[^.:]+" do
    if value == nil then value = session.lookup(name) else value = member(value, name) end
    if value == nil then return nil end
  end
  return value
end

-- The options that the word may become, inside the table of options of a call; nil elsewhere.
local function option_names(word, before)
  local path = before:match "([%a_][%w_.:]*)%s*%(?%s*{[^{}]*$"
  if path then value_at(path) end  -- loads the module that declares the options
  local ok, keys = pcall(require, "perilune.options.keys")
  return ok and type(keys) == "function" and keys(before .. word) or nil
end

return function(word, before)
  local path, separator, start = word:match "^(.-)([.:]?)([%a_]?[%w_]*)$"
  local candidates, known = {}, {}
  local function offer(name, value)
    if type(name) ~= "string" or known[name] or name:sub(1, #start) ~= start then return end
    if not name:match "^[%a_][%w_]*$" or (start == "" and name:sub(1, 1) == "_") then return end
    if separator == ":" and type(value) ~= "function" then return end
    known[name] = true
    candidates[#candidates + 1] = path .. separator .. name
  end
  if separator ~= "" then
    local value = value_at(path)
    if value ~= nil then each_member(value, offer) end
  elseif path == "" then
    local names = option_names(word, before)
    for _, name in ipairs(names or {}) do offer(name) end
    if not names then
      for name in keywords:gmatch "%a+" do offer(name) end
      for _, known_names in ipairs { session.declared, _G, session.results, session.part_names() } do
        for name in next, known_names do offer(name) end
      end
    end
  end
  table.sort(candidates)
  return candidates
end
