--- Rules of options: which values an option accepts, and how an error says so.
--
-- A rule has `types` (names joined by `|`), a `default`, `required`, the bounds `least`, `most` (allowed) and
-- `above`, `below` (not allowed), `finite = false` to allow infinite numbers, and `choices`, a list of the
-- allowed values.
local native = require "perilune.native.help"

local rule = {}
rule.__index = rule

--- A number in an error message, by `format` where one is given. NaN is "nan" without the sign that printf
-- gives it.
--
--   > local rule = require "perilune.options.rule"
--   > rule.number_text(0 / 0), rule.number_text(-(0 / 0), "%.3g")
--   nan	nan
--   > rule.number_text(1 / 3, "%.3g"), rule.number_text(2)
--   0.333	2
function rule.number_text(x, format)
  if x ~= x then return "nan" end
  return format and format:format(x) or tostring(x)
end

--- A short form of any value for an error message; long strings are cut.
function rule.show(value)
  if type(value) == "string" then
    return #value > 40 and ("'%s...' (%d bytes)"):format(value:sub(1, 40), #value) or ("'%s'"):format(value)
  elseif type(value) == "number" then
    return rule.number_text(value)
  elseif type(value) == "table" or type(value) == "userdata" then
    return "a " .. (rule.class(value) or type(value))
  elseif type(value) == "function" then
    return "a function"
  end
  return tostring(value)
end

--- The class of a native object or of a table with a class, such as "Model"; nil for other values.
function rule.class(value)
  local meta = getmetatable(value)
  local name = type(meta) == "table" and type(value) ~= "string" and rawget(meta, "__name")
  return type(name) == "string" and name or nil
end

local function has_type(value, wanted)
  if wanted == "any" or type(value) == wanted then return true end
  if wanted == "integer" then return math.tointeger(value) ~= nil and type(value) == "number" end
  if wanted == "function" then
    local meta = getmetatable(value)
    return type(meta) == "table" and meta.__call ~= nil
  end
  return rule.class(value) == wanted
end

local nouns = { any = "a value", integer = "a whole number", boolean = "true or false" }

--- The types of a rule in words: "a Model or a function".
function rule:type_text()
  local texts = {}
  for name in self.types:gmatch "[^|]+" do texts[#texts + 1] = nouns[name] or "a " .. name end
  return table.concat(texts, " or ")
end

--- How the default is shown: the value as Lua writes it, "required", or "nil" for an optional one.
--
--   > rule.new({ default = "adamw" }):default_text(), rule.new({ required = true }):default_text()
--   "adamw"	required
function rule:default_text()
  if self.required then return "required" end
  if type(self.default) == "table" then return "{ ... }" end
  return type(self.default) == "string" and ("%q"):format(self.default) or tostring(self.default)
end

--- The bounds in words: "of at least 0 and below 1"; nil without bounds.
function rule:bounds_text()
  if self.least and self.most then return ("from %s to %s"):format(self.least, self.most) end
  local texts = {}
  if self.above then texts[#texts + 1] = ("above %s"):format(self.above) end
  if self.least then texts[#texts + 1] = ("of at least %s"):format(self.least) end
  if self.below then texts[#texts + 1] = ("below %s"):format(self.below) end
  if self.most then texts[#texts + 1] = ("of at most %s"):format(self.most) end
  return #texts > 0 and table.concat(texts, " and ") or nil
end

--- The meaning of an entry, with its choices, its bounds, and its type where it must be given.
function rule:sentence()
  local limits = self.choices and "one of " .. table.concat(self.choices, ", ") or self:bounds_text()
  if self.required then limits = self:type_text() .. (limits and " " .. limits or "") end
  return self.meaning .. (limits and "; " .. limits:gsub("^of at", "at") or "")
end

local function is_within(self, value)
  return not (self.least and value < self.least or self.most and value > self.most
    or self.above and value <= self.above or self.below and value >= self.below)
end

local function accepts_type(self, value)
  for wanted in self.types:gmatch "[^|]+" do
    if has_type(value, wanted) then return true end
  end
  return false
end

--- What is wrong with `value`, such as "must be a number above 0, not -1"; nil when it is accepted.
function rule:complaint(value)
  if not accepts_type(self, value) then
    return ("must be %s, not %s"):format(self:type_text(), rule.show(value))
  elseif type(value) == "number" then
    if value ~= value or self.finite ~= false and value - value ~= 0 then
      local kind = self.finite == false and self:type_text() or "a finite number"
      return ("must be %s, not %s"):format(kind, rule.show(value))
    elseif not is_within(self, value) then
      return ("must be %s %s, not %s"):format(self:type_text(), self:bounds_text(), rule.show(value))
    end
  end
  if not self.choices then return nil end
  for _, allowed in ipairs(self.choices) do
    if value == allowed then return nil end
  end
  local near = type(value) == "string" and native.nearest(value, self.choices)
  return ("must be one of %s, not %s%s"):format(table.concat(self.choices, ", "), rule.show(value),
    near and ("; did you mean '%s'?"):format(near) or "")
end

--- `value` as the option stores it: whole numbers become integers.
function rule:stored(value)
  return self.types == "integer" and math.tointeger(value) or value
end

--- Makes a rule of its fields.
function rule.new(fields)
  local kind = math.type(fields.default) == "integer" and "integer" or type(fields.default)
  fields.types = fields.types or kind
  return setmetatable(fields, rule)
end

--- A copy that an entry may change.
function rule:copy()
  local fields = {}
  for name, value in pairs(self) do fields[name] = value end
  return rule.new(fields)
end

return rule
