--- The flags of a command line: how an option is typed, and which flags some arguments may have.
local options = require "perilune.options"

local flags = {}

--- An option as it is typed.
--
--   > local flags = require "perilune.cli.flags"
--   > flags.of "loss.label_smoothing"
--   --loss.label-smoothing
function flags.of(name) return "--" .. name:gsub("_", "-") end

local typed = { number = true, integer = true, string = true, boolean = true, any = true }

--- Whether a value of the entry can be typed.
function flags.is_typed(entry)
  for name in entry.types:gmatch "[^|]+" do
    if typed[name] then return true end
  end
  return false
end

--- The text that follows a flag in the arguments, the last one; nil without it.
local function text_after(arguments, flag)
  local text
  for i, argument in ipairs(arguments) do
    if argument == flag then text = arguments[i + 1] end
    if argument:sub(1, #flag + 1) == flag .. "=" then text = argument:sub(#flag + 2) end
  end
  return text
end

--- What the arguments may have, { name, entry, flag }: the typed entries of the spec, then the options of
-- the values that have some. Each `name` is a key of the values, such as "loss" and "loss.beta".
function flags.accepted(spec, arguments)
  local list, values = {}, {}
  local function add(name, entry)
    if flags.is_typed(entry) then list[#list + 1] = { name = name, entry = entry, flag = flags.of(name) } end
  end
  for _, entry in ipairs(spec.list) do
    add(entry.name, entry)
    if entry.options_of then values[#values + 1] = entry end
  end
  for _, entry in ipairs(values) do
    local value = text_after(arguments, flags.of(entry.name)) or entry.default
    for _, own in ipairs(entry.options_of(value).list) do
      add(entry.name .. "." .. own.name, own)
      list[#list].of = ("%s %s"):format(flags.of(entry.name), value)
    end
  end
  return list
end

--- The refusal of a flag that none of the accepted has; of "--loss.bate" it suggests an option of the loss.
function flags.refusal(flag, accepted)
  local prefix, names, of = flag:match "^(.-%.)", {}, nil
  for _, known in ipairs(accepted) do
    if not prefix or known.flag:sub(1, #prefix) == prefix then names[#names + 1] = known.flag end
    if prefix and known.flag:sub(1, #prefix) == prefix then of = known.of end
  end
  local hint = #names > 0 and options.suggest(flag, names) or ""
  if not hint:match "^did" then
    hint = of and ("%s takes %s"):format(of, table.concat(names, ", ")) or "see --help"
  end
  return ("unknown option '%s'; %s"):format(flag, hint)
end

return options.strict("cli.flags", flags)
