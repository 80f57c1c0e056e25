--- Options: one table, defaults beside the function, and no misspelt key goes by.
--
-- A function states what it takes as a table of defaults; `fill` returns a fresh table with the
-- given values over them. A key that is not among the defaults is an error that names the nearest
-- one, and a value of another type than the default is an error that says both.
--
--   > options.fill({ beta = 0.1, steps = 400 }, { beta = 1 }, "align.train").beta
--   1
--   > options.fill({ beta = 0.1, steps = 400 }, { bate = 1 }, "align.train")
--   align.train: unknown option 'bate'; did you mean 'beta'?
--
-- A default may be a plain value (the type is then its type), or a rule made by one of:
--
--   options.required("table|userdata")      no default: the caller must give it
--   options.optional("function")            may stay nil
--   options.integer(400, 1)                 a whole number, here at least 1
--   options.number(0.1, 0, 1)               a number from 0 to 1; NaN is always refused
--   options.choice("train", { "train", "test" })
--
-- Errors point at the caller of the function that called `fill`.
local options = {}

local Rule = {}

local function rule(fields) return setmetatable(fields, Rule) end

--- A key without a default, whose type is one of `types` ("number", "table|userdata", "any").
function options.required(types) return rule { types = types or "any", needed = true } end

--- A key that may stay nil; when given, its type is one of `types`, and a number is within the bounds.
function options.optional(types, least, most) return rule { types = types or "any", least = least, most = most } end

--- A whole number with a default (nil makes it required) and, if wanted, bounds that belong to the range.
function options.integer(default, least, most)
  return rule { types = "integer", default = default, needed = default == nil, least = least, most = most }
end

--- A number with a default (nil makes it required) and, if wanted, bounds that belong to the range.
function options.number(default, least, most)
  return rule { types = "number", default = default, needed = default == nil, least = least, most = most }
end

--- One of the strings in `list`; the default may be nil to make it required.
function options.choice(default, list)
  return rule { types = "string", default = default, needed = default == nil, list = list }
end

--- The number of single-letter edits between two words; a swap of neighbours counts as one.
--
--   > options.distance("bate", "beta")
--   2
--   > options.distance("stpes", "steps")
--   1
function options.distance(a, b)
  local before, row, previous = {}, {}, {}
  for j = 0, #b do previous[j] = j end
  for i = 1, #a do
    row = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, previous = previous, row
  end
  return previous[#b]
end

--- The name in `names` nearest to `name`, or nil when none is near.
--
-- Near is at most half the letters of the longer word, or one being the start of the other.
--
--   > options.nearest("valid", { "train", "validation", "test" })
--   validation
function options.nearest(name, names)
  local best, least
  for _, candidate in ipairs(names) do
    local a, b = name:lower(), candidate:lower()
    local d = options.distance(a, b)
    local starts = #a >= 2 and b:sub(1, #a) == a or #b >= 2 and a:sub(1, #b) == b
    if starts then d = math.min(d, 1) end
    if d <= math.max(#a, #b) // 2 and (not least or d < least) then best, least = candidate, d end
  end
  return best
end

--- A short form of any value for error messages: long strings are cut.
function options.show(value)
  if type(value) == "string" then
    return #value > 40 and ("'%s...' (%d bytes)"):format(value:sub(1, 40), #value) or ("'%s'"):format(value)
  elseif type(value) == "table" or type(value) == "function" or type(value) == "userdata" then
    return "a " .. type(value)
  end
  return tostring(value)
end

--- " did you mean" or the whole list, whichever helps more.
function options.suggest(name, names)
  local near = type(name) == "string" and options.nearest(name, names)
  if near then return ("did you mean '%s'?"):format(near) end
  return "it takes " .. (#names > 0 and table.concat(names, ", ") or "no options")
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

--- Makes reading a name that the library table `members` does not have an error that suggests the near one. `parts` are
-- names that `load(name)` gives when they are first read.
--
--   > options.strict("align", { train = 1, sft = 2 }).trian
--   align has no 'trian'; did you mean 'train'?
function options.strict(where, members, parts, load)
  local known = {}
  for _, name in ipairs(parts or {}) do known[name] = true end
  return setmetatable(members, {
    __names = parts,  -- for completion at the prompt
    __index = function(self, name)
      if known[name] then
        local part = load(name)
        rawset(self, name, part)
        return part
      end
      if type(name) ~= "string" then return nil end
      local names = sorted_keys(self)
      table.move(parts or {}, 1, #(parts or {}), #names + 1, names)
      table.sort(names)
      local near = options.nearest(name, names)
      error(("%s has no '%s'; %s"):format(where, name, near and ("did you mean '%s'?"):format(near)
        or "it has " .. table.concat(names, ", ")), 2)
    end,
  })
end

local function has_type(value, wanted)
  if wanted == "any" or type(value) == wanted then return true end
  if wanted == "integer" then return math.type(value) == "integer" or math.type(value) == "float" and value % 1 == 0 end
  local meta = getmetatable(value)
  return wanted == "function" and type(meta) == "table" and meta.__call ~= nil
end

local function is_of(types, value)
  for wanted in types:gmatch("[^|]+") do
    if has_type(value, wanted) then return true end
  end
  return false
end

local function range_text(least, most)
  if least and most then return ("from %s to %s"):format(least, most) end
  return least and ("of at least %s"):format(least) or ("of at most %s"):format(most)
end

local function check(at, key, value)
  local kind = at.types:gsub("|", " or ")
  if not is_of(at.types, value) then
    return ("option '%s' must be %s, not %s"):format(key, kind, options.show(value))
  elseif value ~= value then
    return ("option '%s' must be %s, not NaN"):format(key, kind)
  elseif at.least and value < at.least or at.most and value > at.most then
    return ("option '%s' must be %s %s, not %s"):format(key, kind, range_text(at.least, at.most), value)
  end
  for _, allowed in ipairs(at.list or {}) do
    if value == allowed then return nil end
  end
  if at.list then
    local near = options.nearest(value, at.list)
    return ("option '%s' must be one of %s, not %s%s"):format(key, table.concat(at.list, ", "), options.show(value),
      near and ("; did you mean '%s'?"):format(near) or "")
  end
end

--- `given` over `defaults`, as a fresh table; `where` opens the error messages.
--
--   > options.fill({ seed = options.integer(1) }, nil, "tasks.sentiment").seed
--   1
--   > options.fill({ prompts = options.required("table") }, {}, "pairs.online")
--   pairs.online: option 'prompts' is missing; expected table
--   > options.fill({ steps = 400 }, { steps = "many" }, "align.train")
--   align.train: option 'steps' must be number, not 'many'
function options.fill(defaults, given, where)
  local function refuse(message) error(where and ("%s: %s"):format(where, message) or message, 4) end
  if given == nil then given = {} end
  if type(given) ~= "table" then refuse(("options must be a table, not %s"):format(options.show(given))) end
  for key in pairs(given) do
    if defaults[key] == nil then
      refuse(("unknown option %s; %s"):format(options.show(key), options.suggest(key, sorted_keys(defaults))))
    end
  end
  local filled = {}
  for _, key in ipairs(sorted_keys(defaults)) do
    local at, value = defaults[key], given[key]
    if getmetatable(at) ~= Rule then at = rule { types = type(at), default = at } end
    if value == nil then
      if at.needed then refuse(("option '%s' is missing; expected %s"):format(key, (at.types:gsub("|", " or ")))) end
      value = at.default
    else
      local complaint = check(at, key, value)
      if complaint then refuse(complaint) end
      if at.types == "integer" then value = math.tointeger(value) end
    end
    filled[key] = value
  end
  return filled
end

return options.strict("options", options)
