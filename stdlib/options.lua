--- Options of functions, declared once: name, default, bounds and meaning. An unknown option is an error.
--
-- A spec is a list of entries. `spec:fill` checks the options given to a function and adds the defaults;
-- help, the completion at the prompt and the command line (`perilune.cli`) read the same entries.
--
--   > local ipo = options.spec("loss.ipo", { { "beta", 0.1, "strength of the regularisation", above = 0 } })
--   > ipo:fill({ beta = 1 }).beta
--   1
--   > ipo:fill({ bate = 1 })
--   loss.ipo: unknown option 'bate'; did you mean 'beta'?
--   > ipo:fill({ beta = 0 })
--   loss.ipo: option 'beta' must be a number above 0, not 0
--   > ipo:text()
--   beta = 0.1  strength of the regularisation; above 0
--
-- An entry is `{ name, default, meaning }`. The type of the default is the type of the option: a default of
-- 20 takes whole numbers only, 20.0 takes any finite number. In place of a default an entry may have one of
-- these rules:
--
--   options.required "Model"               the caller must give it; a type of Lua, "integer", or a class name
--   options.optional "Model|function"      nil when it is not given
--   options.integer(nil, 1)                a whole number of at least 1; a nil default makes it required
--   options.number(0.1, 0, 1)              a number from 0 to 1
--   options.choice("train", { "train", "test" })
--
-- Fields of an entry: `least`, `most` (bounds that are allowed), `above`, `below` (bounds that are not),
-- `choices` (the allowed values), `finite = false` (infinite ones are allowed), the value under each of
-- `options.sizes`, `without` (a list of options beside which it has no effect and is refused), `size`,
-- `folder`, `counts` and `options_of` (see `perilune.cli`). An entry that is itself a spec includes all its
-- entries; an entry after it may declare one of their names again, to change the default.
local native = require "perilune.native.help"
local rule = require "perilune.options.rule"

local options = { specs = {}, show = rule.show, number_text = rule.number_text }

--- The sizes of a run besides the default: `name`, what the size is for, and whether it is `implied` by an
-- entry of this `size` that is given, in place of a flag `--name`.
--
--   > for _, size in ipairs(options.sizes) do print(size.name, size.about) end
--   smoke	a short run that shows that everything works
--   quick	a run of minutes
--   full	a run overnight
--   pretrained	unless they are given
options.sizes = {
  { name = "smoke", about = "a short run that shows that everything works" },
  { name = "quick", about = "a run of minutes" },
  { name = "full", about = "a run overnight" },
  { name = "pretrained", about = "unless they are given", implied = true },
}

local Spec = {}
Spec.__index = Spec
Spec.__name = "options.Spec"

--- A rule without a default: the caller must give a value of one of `types` ("number", "table|Model", "any").
function options.required(types)
  return rule.new { types = types or "any", required = true }
end

--- A rule that accepts nil. A value is of one of `types`; a number is from `least` to `most`.
function options.optional(types, least, most)
  return rule.new { types = types or "any", least = least, most = most }
end

--- A whole number from `least` to `most`; a nil default makes it required.
function options.integer(default, least, most)
  local required = default == nil
  return rule.new { types = "integer", default = default, required = required, least = least, most = most }
end

--- A finite number from `least` to `most`; a nil default makes it required.
function options.number(default, least, most)
  local required = default == nil
  return rule.new { types = "number", default = default, required = required, least = least, most = most }
end

--- One of the strings in `choices`; a nil default makes it required.
--
--   > local spec = options.spec("example.rules", {
--   >>   { "size", options.integer(8, 1), "n" }, { "rate", options.number(0.1, 0, 1), "p" },
--   >>   { "part", options.choice("train", { "train", "test" }), "split" },
--   >>   { "model", options.optional "Model", "m" }, { "path", options.required "string", "file" },
--   >> })
--   > spec:fill { path = "a", size = 0 }
--   example.rules: option 'size' must be a whole number of at least 1, not 0
--   > spec:fill { path = "a", part = "tset" }
--   example.rules: option 'part' must be one of train, test, not 'tset'; did you mean 'test'?
--   > spec:fill {}
--   example.rules: option 'path' is missing; expected a string
--   > options.is_spec(spec), options.show { 1 }, options.show "x"
--   true	a table	'x'
function options.choice(default, choices)
  return rule.new { types = "string", default = default, required = default == nil, choices = choices }
end

local fields = {
  least = true, most = true, above = true, below = true, choices = true, finite = true, without = true,
  size = true, folder = true, counts = true, options_of = true,
}
for _, size in ipairs(options.sizes) do fields[size.name] = true end

--- An entry of a spec as a rule with a name and a meaning.
local function entry_of(spec, given)
  local function refuse(message, ...)
    error(("options.spec '%s': "):format(spec.name) .. message:format(...), 4)
  end
  local name, default, meaning = given[1], given[2], given[3]
  if type(name) ~= "string" then refuse("an entry needs a name, not %s", rule.show(name)) end
  if default == nil then refuse("'%s' has no default; use options.required or options.optional", name) end
  if type(meaning) ~= "string" then refuse("'%s' has no sentence that says what it is", name) end
  local entry = getmetatable(default) == rule and default:copy() or rule.new { default = default }
  entry.name, entry.meaning = name, meaning
  for key, value in pairs(given) do
    if type(key) == "string" then
      if not fields[key] then
        refuse("'%s' has an unknown field %s; %s", name, key, options.suggest(key, fields))
      end
      entry[key] = value
    end
  end
  local function check(key)
    local complaint = entry[key] ~= nil and entry:complaint(entry[key])
    if complaint then refuse("the %s of '%s' %s", key, name, complaint) end
  end
  check "default"
  for _, size in ipairs(options.sizes) do check(size.name) end
  return entry
end

--- Declares the options of the function `name`; a second declaration of a name replaces the first in
-- `options.specs`.
--
--   > local both = options.spec("example", { options.spec("part", { { "seed", 1, "number of the stream" } }),
--   >>   { "steps", 20, "optimiser steps", least = 1 } })
--   > table.concat(both:names(), " ")
--   seed steps
--   > both:fill({ steps = 2.5 })
--   example: option 'steps' must be a whole number, not 2.5
--   > options.specs.example == both
--   true
function options.spec(name, entries)
  local spec = setmetatable({ name = name, list = {}, by_name = {}, own = {} }, Spec)
  local function add(entry, is_own)
    local known = spec.by_name[entry.name]
    if known and (spec.own[entry.name] or not is_own) and known ~= entry then
      error(("options.spec '%s': '%s' is declared twice"):format(name, entry.name), 4)
    end
    local at = #spec.list + 1
    for i, other in ipairs(spec.list) do if other == known then at = i end end
    spec.list[at], spec.by_name[entry.name] = entry, entry
    spec.own[entry.name] = is_own or spec.own[entry.name]
  end
  for _, given in ipairs(entries) do
    if getmetatable(given) == Spec then
      for _, entry in ipairs(given.list) do add(entry, false) end
    else
      add(entry_of(spec, given), true)
    end
  end
  options.specs[name] = spec
  return spec
end

--- Whether `value` is a spec.
function options.is_spec(value) return getmetatable(value) == Spec end

function Spec:__tostring() return ("[options.Spec %s]"):format(self.name) end

--- The names of the options, in the order of their declaration.
function Spec:names()
  local names = {}
  for i, entry in ipairs(self.list) do names[i] = entry.name end
  return names
end

--- A spec of the entries with these names, to include in another spec.
--
--   > table.concat(options.native("Model:sample"):only({ "top_k", "seed" }):names(), " ")
--   top_k seed
function Spec:only(names)
  local part = setmetatable({ name = self.name, list = {}, by_name = {}, own = {} }, Spec)
  for i, name in ipairs(names) do
    local entry = self.by_name[name]
    if not entry then
      error(("options: '%s' has no option '%s'; %s"):format(
        self.name, name, options.suggest(name, self:names())), 2)
    end
    part.list[i], part.by_name[name] = entry, entry
  end
  return part
end

--- The given option beside which an entry has no effect; nil where there is none.
--
--   > local sized = options.spec("example.beside", {
--   >>   { "model", options.optional "string", "a file" }, { "dim", 8, "width", without = { "model" } },
--   >> })
--   > options.beside(sized.by_name.dim, { model = "a" })
--   model
--   > sized:fill { model = "a", dim = 16 }
--   example.beside: option 'dim' has no effect beside 'model'
function options.beside(entry, given)
  for _, name in ipairs(entry.without or {}) do
    if given[name] ~= nil then return name end
  end
end

--- The given options over the defaults, as a fresh table.
--
-- An error begins with the spec's name and points at the caller of the function that called `fill`; `depth`
-- (1) counts the calls between.
function Spec:fill(given, depth)
  local function refuse(message) error(self.name .. ": " .. message, 3 + (depth or 1)) end
  if given == nil then given = {} end
  if type(given) ~= "table" or rule.class(given) then
    refuse(("options must be a table, not %s"):format(rule.show(given)))
  end
  for key in pairs(given) do
    if not self.by_name[key] then
      refuse(("unknown option %s; %s"):format(rule.show(key), options.suggest(key, self:names())))
    end
  end
  local filled = {}
  for _, entry in ipairs(self.list) do
    local value = given[entry.name]
    if value == nil then
      if entry.required then
        refuse(("option '%s' is missing; expected %s"):format(entry.name, entry:type_text()))
      end
      filled[entry.name] = entry.default
    else
      local complaint = entry:complaint(value)
      if complaint then refuse(("option '%s' %s"):format(entry.name, complaint)) end
      local other = options.beside(entry, given)
      if other then refuse(("option '%s' has no effect beside '%s'"):format(entry.name, other)) end
      filled[entry.name] = entry:stored(value)
    end
  end
  return filled
end

--- The list of the options as text, a line each: name, default, meaning, bounds.
function Spec:text()
  local heads, width = {}, 0
  for i, entry in ipairs(self.list) do
    heads[i] = ("%s = %s"):format(entry.name, entry:default_text())
    width = math.max(width, #heads[i])
  end
  local lines = {}
  for i, entry in ipairs(self.list) do
    lines[i] = ("%-" .. width .. "s  %s"):format(heads[i], entry:sentence())
  end
  return table.concat(lines, "\n")
end

--- " did you mean" and the near name, or the whole list. `names` is a list, or a table whose keys are the
-- names.
--
--   > options.suggest("stpes", { "beta", "steps" })
--   did you mean 'steps'?
function options.suggest(name, names)
  if #names == 0 then
    local list = {}
    for key in pairs(names) do list[#list + 1] = key end
    table.sort(list)
    names = list
  end
  local near = type(name) == "string" and native.nearest(name, names)
  if near then return ("did you mean '%s'?"):format(near) end
  return "it takes " .. (#names > 0 and table.concat(names, ", ") or "no options")
end

--- The options of a native function or method, as a spec under its name.
--
--   > options.native("Model:sample"):fill({ temperature = -1 })
--   Model:sample: option 'temperature' must be a number of at least 0, not -1
function options.native(name)
  if options.specs[name] then return options.specs[name] end
  local entries = {}
  for i, option in ipairs(native.options(name)) do
    local default = option.default
    if default == nil then
      default = (option.required and options.required or options.optional)(option.type)
    end
    entries[i] = {
      option.name, default, option.sentence,
      least = option.least, most = option.most, above = option.above, below = option.below,
      choices = option.choices,
    }
  end
  return options.spec(name, entries)
end

-- The metatables that `strict` has made.
local strict_tables = setmetatable({}, { __mode = "k" })

--- Whether reading a missing name of this table runs code of the library alone, as `strict` makes it.
--
--   > options.is_strict(options), options.is_strict {}
--   true	false
function options.is_strict(value)
  local meta = debug.getmetatable(value)
  return meta ~= nil and strict_tables[meta] == true
end

--- Makes reading a name that the library table `members` does not have an error that suggests the near one.
-- `parts` are names that `load(name)` gives when they are first read.
--
--   > options.strict("align", { train = 1, sft = 2 }).trian
--   align has no 'trian'; did you mean 'train'?
function options.strict(where, members, parts, load)
  local known = {}
  for _, name in ipairs(parts or {}) do known[name] = true end
  local meta = {
    __names = parts,  -- for completion at the prompt
    __index = function(self, name)
      if known[name] then
        local part = load(name)
        rawset(self, name, part)
        return part
      end
      if type(name) ~= "string" then return nil end
      local names = {}
      for key in pairs(self) do
        if not known[key] then names[#names + 1] = key end
      end
      table.move(parts or {}, 1, #(parts or {}), #names + 1, names)
      table.sort(names)
      local near = native.nearest(name, names)
      local hint = near and ("did you mean '%s'?"):format(near) or "it has " .. table.concat(names, ", ")
      error(("%s has no '%s'; %s"):format(where, name, hint), 2)
    end,
  }
  strict_tables[meta] = true
  return setmetatable(members, meta)
end

return options.strict("options", options)
