--- The text that a result is shown as: tables to depth 3 and 20 items, keys sorted, cycles marked.
--
--   > require "perilune.display.text" { b = 1, "x" }
--   {"x", b = 1}
local max_depth, max_items, max_keys, width = 3, 20, 2000, 78

-- The prompt, which has this file in itself, passes the words; `require` passes a name and a path.
local keywords = {}
local reserved = select("#", ...) == 1 and ... or require "perilune.display.keywords"
for word in reserved:gmatch "%a+" do keywords[word] = true end

local function quoted(text)
  if #text > 500 then text = text:sub(1, 500) .. "..." end
  return (("%q"):format(text):gsub("\\\n", "\\n"):gsub("\r", "\\r"):gsub("\t", "\\t"))
end

local render

local function key_text(key, seen)
  if type(key) == "string" and key:match "^[%a_][%w_]*$" and not keywords[key] then return key end
  return "[" .. render(key, max_depth, seen) .. "]"
end

local rank = { number = 1, string = 2 }
local function before(a, b)
  local ra, rb = rank[type(a)] or 3, rank[type(b)] or 3
  if ra ~= rb then return ra < rb end
  if ra < 3 then return a < b end
  return tostring(a) < tostring(b)
end

-- The texts of the items that are shown, and whether the table is a list.
local function items_of(value, depth, seen)
  local items, shown = {}, 0
  local length = rawlen(value)
  for i = 1, math.min(length, max_items) do
    items[#items + 1] = render(rawget(value, i), depth + 1, seen)
  end
  local more = math.max(length - max_items, 0)
  local keys, counted = {}, 0
  for key in next, value do
    if not (math.type(key) == "integer" and key >= 1 and key <= length) then
      counted = counted + 1
      if counted <= max_keys then keys[counted] = key end
    end
  end
  pcall(table.sort, keys, before)
  for _, key in ipairs(keys) do
    if #items >= max_items then break end
    shown = shown + 1
    items[#items + 1] = key_text(key, seen) .. " = " .. render(rawget(value, key), depth + 1, seen)
  end
  more = more + counted - shown
  if more > 0 then items[#items + 1] = "... " .. more .. " more" end
  return items, counted == 0
end

local function layout(items, is_list)
  local line = table.concat(items, ", ")
  if not line:find("\n", 1, true) and #line <= width - 2 then return "{" .. line .. "}" end
  local lines = {}
  if is_list and not line:find "[\n{]" then  -- plain elements fill lines
    local current = ""
    for i, item in ipairs(items) do
      local piece = item .. (i < #items and "," or "")
      if current ~= "" and #current + #piece + 1 > width - 2 then
        lines[#lines + 1], current = current, ""
      end
      current = current == "" and piece or current .. " " .. piece
    end
    lines[#lines + 1] = current
  else
    for i, item in ipairs(items) do lines[i] = item .. (i < #items and "," or "") end
  end
  return "{\n  " .. table.concat(lines, "\n"):gsub("\n", "\n  ") .. "\n}"
end

function render(value, depth, seen)
  local kind = type(value)
  if kind == "string" then return depth == 0 and value or quoted(value) end
  local has_meta = kind ~= "number" and kind ~= "boolean" and kind ~= "nil"
  local meta = has_meta and debug.getmetatable(value)
  if meta and rawget(meta, "__tostring") ~= nil then
    local ok, text = pcall(tostring, value)
    return ok and text or "<error in __tostring: " .. tostring(text) .. ">"
  end
  if kind ~= "table" then return tostring(value) end
  if seen[value] then return "<cycle>" end
  if next(value) == nil then return "{}" end
  if depth >= max_depth then return "{...}" end
  seen[value] = true
  local items, is_list = items_of(value, depth, seen)
  seen[value] = nil
  return layout(items, is_list)
end

return function(value) return render(value, 0, {}) end
