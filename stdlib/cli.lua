--- Command lines of scripts: named options with defaults, and no misspelt one goes by.
--
--   local o = cli.parse(arg, {
--     { "steps", 300, "gradient steps of each run" },
--     { "smoke", false, "a tiny run that only shows that everything works" },
--   }, "gap.lua: win rate against KL, online and offline")
--
-- `--name value` and `--name=value` set an option; a flag (default false) takes no value; numbers must be numbers.
-- An entry may bound its number with `least` (allowed) and `above` (not allowed), say that its text is `counts` ("1,10,all"), or a `folder`,
-- which is made at the start: hours of work must not end at a place that cannot be written. `--help` prints the list.
local options = require "perilune.options"
local system = require "perilune.system"

local cli = {}

local function convert(name, default, text)
  if type(default) == "number" then
    local number = tonumber(text)
    if not number then error(("--%s takes a number, not '%s'"):format(name, text), 0) end
    if math.type(default) == "integer" and math.type(number) ~= "integer" then
      error(("--%s takes a whole number, not '%s'"):format(name, text), 0)
    end
    return number
  end
  return text
end

--- Refuses a number that no run could use.
local function check(entry, value)
  if type(value) ~= "number" then return end
  if value - value ~= 0 then error(("--%s takes a finite number, not %s"):format(entry[1], value), 0) end
  if entry.least and value < entry.least then
    error(("--%s takes a number of at least %s, not %s"):format(entry[1], entry.least, value), 0)
  elseif entry.above and value <= entry.above then
    error(("--%s takes a number above %s, not %s"):format(entry[1], entry.above, value), 0)
  end
end

--- Makes the folders of the options and writes a file into each, to know that it can be done.
local function make_folders(values, spec)
  for _, entry in ipairs(spec) do
    local folder = values[entry[1]]
    if entry.folder then
      local ok, problem = pcall(function()
        if folder == "" then error("the folder has no name", 0) end
        system.make_folder(folder)
        system.write_file(folder .. "/.writable", "")
        os.remove(folder .. "/.writable")
      end)
      if not ok then error(("--%s: %s"):format(entry[1], (tostring(problem):gsub("^[^\n:]*:%d+: ", ""))), 0) end
    end
  end
end

local function usage(spec, about)
  local lines = { about, "", "options:" }
  for _, entry in ipairs(spec) do
    local name, default, meaning = entry[1], entry[2], entry[3]
    local shown = default == false and "" or (default == "" and " VALUE" or (" %s"):format(default))
    lines[#lines + 1] = ("  --%-22s %s"):format(name .. shown, meaning)
  end
  return table.concat(lines, "\n") .. "\n"
end

--- The options given in `arguments` over the defaults of `spec`; an error says what is wrong with them.
--
--   > local cli = require "perilune.cli"
--   > cli.read({ "--steps", "20" }, { { "steps", 300, "gradient steps" } }).steps
--   20
--   > cli.read({ "--step", "20" }, { { "steps", 300, "gradient steps" } })
--   unknown option '--step'; did you mean '--steps'?
function cli.read(arguments, spec)
  local values, defaults, names, entries = {}, {}, {}, {}
  for _, entry in ipairs(spec) do
    values[entry[1]], defaults[entry[1]] = entry[2], entry[2]
    names[#names + 1] = entry[1]
    entries[entry[1]] = entry
  end
  local i = 1
  while i <= #arguments do
    local name, value = arguments[i]:match("^%-%-([%w%-_]+)=?(.*)$")
    local has_value = arguments[i]:find("=", 1, true)
    if not name then error(("unexpected argument '%s': options start with --"):format(arguments[i]), 0) end
    if name == "help" then
      values.help = true
    elseif defaults[name] == nil then
      local near = options.nearest(name, names)
      error(("unknown option '--%s'; %s"):format(name, near and ("did you mean '--%s'?"):format(near) or "see --help"), 0)
    elseif defaults[name] == false then
      if has_value then error(("--%s takes no value"):format(name), 0) end
      values[name] = true
    else
      if not has_value then
        i = i + 1
        value = arguments[i]
        if not value then error(("--%s needs a value"):format(name), 0) end
      end
      values[name] = convert(name, defaults[name], value)
      check(entries[name], values[name])
    end
    i = i + 1
  end
  return values
end

--- The list in a text of whole numbers from 1 and "all": "1,10,all".
--
--   > local cli = require "perilune.cli"
--   > cli.counts("every", "1,10,all")[3]
--   all
--   > cli.counts("every", "1,o")
--   --every takes whole numbers from 1 and "all", separated by commas, not '1,o'
function cli.counts(name, text)
  local list = {}
  for word in (text .. ","):gmatch "(.-)," do
    local count = math.tointeger(tonumber(word))
    if word ~= "all" and not (count and count >= 1) then
      error(("--%s takes whole numbers from 1 and \"all\", separated by commas, not '%s'"):format(name, text), 0)
    end
    list[#list + 1] = count or word
  end
  return list
end

--- As `read`, for a script: a wrong option prints what is wrong and ends with status 1; `--help` prints the list.
function cli.parse(arguments, spec, about)
  local ok, values = pcall(cli.read, arguments, spec)
  if not ok then
    io.stderr:write(values, "\n")
    os.exit(1)
  end
  if values.help then
    io.stdout:write(usage(spec, about))
    os.exit(0)
  end
  local made, problem = pcall(function()
    for _, entry in ipairs(spec) do
      if entry.counts then cli.counts(entry[1], values[entry[1]]) end
    end
    make_folders(values, spec)
  end)
  if not made then
    io.stderr:write(tostring(problem), "\n")
    os.exit(1)
  end
  return values
end

--- What determined a result, for its report: every option as it was typed, and `more`.
--
--   > require("perilune.cli").settings({ steps = 20 }, { sft = "1f3a" })["--steps"]
--   20
function cli.settings(values, more)
  local settings = {}
  for name, value in pairs(values) do settings["--" .. name] = value end
  for name, value in pairs(more or {}) do settings[name] = value end
  return settings
end

return require "perilune.options".strict("cli", cli)
