--- Command-line options of scripts, by the declarations of `perilune.options`. An unknown option is an error.
--
--   local o = cli.parse(arg, options.spec("gap", {
--     { "steps", 300, "optimiser steps of each run", least = 1, smoke = 6 },
--     { "kl_prompts", 256, "prompts of the KL estimate", least = 1, smoke = 32 },
--     { "out", "out/gap", "folder of the report", folder = true },
--   }), "gap.lua: win rate against KL, online and offline")
--
-- The option `kl_prompts` is typed `--kl-prompts 256` or `--kl-prompts=256`. A boolean takes no value:
-- `--quiet`, `--no-quiet`. `--resume`, which `perilune.run` reads, is accepted everywhere. `--smoke`,
-- `--quick` and `--full` are sizes of a run, where the entries have values for them: options that were not
-- given take these, `o.size` is "smoke", "quick", "full" or "default", and `o.smoke` says whether it is the
-- first. An entry with `size = "pretrained"` is such a size when it is given: options take their values for
-- `pretrained`, unless another size is given too. `--help` prints the list. An option whose value cannot be
-- typed (a model, a function) is not offered.
--
-- An entry may say that its text is `counts` ("1,10"; `counts = "all"` takes "1,10,all" too, and another word
-- stands alone, such as `counts = "kl"`), or a `folder`: it is created at the start, so that a long run does
-- not end at a folder that cannot be written. Where the value has options of its own, the entry has
-- `options_of`, a function that gives their spec: `--loss ipo --loss.beta 0.2` gives the values `loss` and
-- `["loss.beta"]`, and `--help --loss ipo` lists them.
local attempt = require "perilune.attempt"
local flags = require "perilune.cli.flags"
local options = require "perilune.options"
local separated = require "perilune.options.separated"
local system = require "perilune.system"

local cli = {}

local function wrong(message, ...) error(message:format(...), 0) end

local flag_of, is_typed, accepted = flags.of, flags.is_typed, flags.accepted

--- Whether an entry of the spec has a value for a size.
local function has_size(spec, size)
  for _, entry in ipairs(spec.list) do
    if entry[size] ~= nil then return true end
  end
  return false
end

--- The size that a flag names, where the spec has it; nil for other flags.
local function size_of(flag, spec)
  for _, size in ipairs(options.sizes) do
    if not size.implied and flag == "--" .. size.name and has_size(spec, size.name) then return size.name end
  end
end

local function value_of(flag, entry, text)
  local number = entry.types ~= "string" and tonumber(text)
  local value = number or text
  local complaint = entry:complaint(value)
  if complaint then wrong("%s %s", flag, complaint) end
  return entry:stored(value)
end

--- The values that the arguments give, and whether --smoke or --help is among them.
local function given_by(arguments, spec)
  local list, by_flag = accepted(spec, arguments), {}
  for _, known in ipairs(list) do by_flag[known.flag] = known end
  local given, i = {}, 1
  while i <= #arguments do
    local flag, value = arguments[i]:match "^(%-%-[%w%-_.]+)(.*)$"
    if not flag or value ~= "" and value:sub(1, 1) ~= "=" then
      wrong("unexpected argument '%s': options start with --", arguments[i])
    end
    value = value ~= "" and value:sub(2) or nil
    local known = by_flag[flag]
    local negated = by_flag["--" .. (flag:match "^%-%-no%-(.*)$" or "")]
    local size = size_of(flag, spec)
    local is_switch = flag == "--help" or size or flag == "--resume" and not known
    local function is_boolean(one) return one and one.entry.types == "boolean" end
    if is_switch or is_boolean(known) or is_boolean(negated) then
      if value then wrong("%s takes no value", flag) end
      if size and given.size and given.size ~= size then
        wrong("%s and --%s are two sizes of a run", flag, given.size)
      end
      if size then
        given.size = size
      else
        given[is_switch and flag:sub(3) or (known or negated).name] = known ~= nil or is_switch
      end
    elseif known then
      if not value then
        i = i + 1
        value = arguments[i]
        if not value then wrong("%s needs a value", flag) end
      end
      given[known.name] = value_of(flag, known.entry, value)
    else
      error(flags.refusal(flag, list), 0)
    end
    i = i + 1
  end
  return given
end

--- The values of the arguments over those of the size and the defaults of `spec`; an error says what is
-- wrong.
--
--   > local options = require "perilune.options"
--   > local spec = options.spec("example", { { "steps", 300, "optimiser steps", least = 1, smoke = 6 } })
--   > cli.read({ "--steps", "20" }, spec).steps
--   20
--   > cli.read({ "--smoke" }, spec).steps
--   6
--   > local sized = options.spec("example", {
--   >>   { "model", "", "a file", size = "pretrained" },
--   >>   { "steps", 300, "optimiser steps", smoke = 6, pretrained = 40 },
--   >> })
--   > local function steps(...) return cli.read({ ... }, sized).steps end
--   > steps("--model", "a"), steps("--model", "a", "--smoke"), steps("--model", "a", "--steps", "9"), steps()
--   40	6	9	300
--   > cli.read({ "--step", "20" }, spec)
--   unknown option '--step'; did you mean '--steps'?
--   > cli.read({ "--steps", "0" }, spec)
--   --steps must be a whole number of at least 1, not 0
function cli.read(arguments, spec)
  local given = given_by(arguments, spec)
  local size, preset = given.size or "default", given.size
  for _, entry in ipairs(spec.list) do
    local value = given[entry.name]
    if entry.size and value ~= nil and value ~= entry.default then preset = preset or entry.size end
  end
  local values = { help = given.help, size = size, smoke = size == "smoke" }
  for _, entry in ipairs(spec.list) do
    local value = given[entry.name]
    if value == nil and preset then value = entry[preset] end
    if value == nil then value = entry.default end
    if value == nil and entry.required and is_typed(entry) and not given.help then
      wrong("%s is missing; expected %s", flag_of(entry.name), entry:type_text())
    end
    values[entry.name] = value
  end
  for name, value in pairs(given) do
    if name:find(".", 1, true) then values[name] = value end
  end
  return values
end

--- The list in a text of whole numbers from 1, each once. `word` is one more item; one other than "all" is
-- the whole text.
--
--   > cli.counts("every", "1,10,all", "all")[3]
--   all
--   > cli.counts("every", "1,o", "all")
--   --every takes whole numbers from 1 and "all", separated by commas, not '1,o'
--   > cli.counts("checkpoints", "kl", "kl")[1]
--   kl
--   > cli.counts("checkpoints", "all", "kl")
--   --checkpoints takes "kl", or whole numbers from 1, separated by commas, not 'all'
function cli.counts(name, text, word)
  local is_item, list, seen = word == "all", {}, {}
  if word and text == word then return { word } end
  for item in separated(text) do
    local count = math.tointeger(tonumber(item))
    if not (is_item and item == word) and not (count and count >= 1) then
      wrong("%s takes %swhole numbers from 1%s, separated by commas, not '%s'", flag_of(name),
        word and not is_item and ('"%s", or '):format(word) or "", is_item and ' and "all"' or "", text)
    elseif seen[count or item] then
      wrong("%s has %s twice: '%s'", flag_of(name), item, text)
    end
    seen[count or item] = true
    list[#list + 1] = count or item
  end
  return list
end

--- Creates a folder and writes a file into it, to know that both can be done.
local function make_folder(name, folder)
  local ok, problem = attempt.call(function()
    if folder == "" then error("the folder has no name", 0) end
    system.make_folder(folder)
    system.write_file(folder .. "/.writable", "")
    os.remove(folder .. "/.writable")
  end)
  if not ok then wrong("%s: %s", flag_of(name), (tostring(problem):gsub("^[^\n:]*:%d+: ", ""))) end
end

local function usage(spec, about, arguments)
  local lines, sized, of = { about, "", "options:" }, {}, nil
  local flag_of_size = {}
  for _, size in ipairs(options.sizes) do flag_of_size[size.name] = "--" .. size.name end
  for _, entry in ipairs(spec.list) do
    if entry.size then flag_of_size[entry.size] = ("with %s"):format(flag_of(entry.name)) end
  end
  local function add(head, meaning)
    if #head > 24 then lines[#lines + 1], head = "  " .. head, "" end
    lines[#lines + 1] = ("  %-24s %s"):format(head, meaning)
  end
  local function add_sizes()
    for _, size in ipairs(options.sizes) do
      local values = sized[size.name]
      if values then add(flag_of_size[size.name], size.about .. ": " .. table.concat(values, ", ")) end
    end
    sized = {}
  end
  for _, known in ipairs(accepted(spec, arguments)) do
    local entry, flag = known.entry, known.flag
    if known.of ~= of then
      add_sizes()
      of = known.of
      table.move({ "", ("options of %s:"):format(of) }, 1, 2, #lines + 1, lines)
    end
    if entry.default == true then flag = flag:gsub("^%-%-", "--no-") end
    local shown = entry.default
    if shown == nil or shown == "" then shown = "VALUE" end
    add(entry.types == "boolean" and flag or ("%s %s"):format(flag, shown), entry:sentence())
    for _, size in ipairs(options.sizes) do
      local value = entry[size.name]
      if value ~= nil and not of then
        sized[size.name] = sized[size.name] or {}
        table.insert(sized[size.name], entry.types == "boolean" and flag or ("%s %s"):format(flag, value))
      end
    end
  end
  add_sizes()
  return table.concat(lines, "\n") .. "\n"
end

--- Ends a script whose options are wrong: prints one line that says how, and ends with status 1.
--
--   > local exit = os.exit
--   > os.exit = function(status) error("ends with status " .. status, 0) end
--   > cli.refuse("--steps must be at least %d", 1)
--   ends with status 1
--   > os.exit = exit
function cli.refuse(message, ...)
  io.stderr:write(select("#", ...) > 0 and message:format(...) or message, "\n")
  os.exit(1)
end

--- What the check `f(...)` of a script's options gives; an error of it ends the script as `cli.refuse` does,
-- without the place in the library. Ctrl-C is not caught: the script ends with 130.
--
--   > cli.checked(function(x) return x + 1 end, 2)
--   3
function cli.checked(f, ...)
  local results = table.pack(pcall(f, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  local problem = results[2]
  if system.is_interrupt(problem) then error(problem, 0) end
  return cli.refuse((tostring(problem):gsub("^[^\n:]*:%d+: ", "")))
end

--- As `cli.read`, for a script: a wrong option prints what is wrong and ends with status 1; `--help` prints
-- the list, which begins with `about`, and ends with status 0. Folders are created.
--
--   > local options = require "perilune.options"
--   > local spec = options.spec("gap", { { "kl_prompts", 256, "prompts of the KL", least = 1, smoke = 32 } })
--   > cli.parse({ "--kl-prompts", "8" }, spec, "gap.lua").kl_prompts
--   8
--   > cli.parse({ "--smoke" }, spec, "gap.lua").kl_prompts
--   32
function cli.parse(arguments, spec, about)
  local values = cli.checked(cli.read, arguments, spec)
  if values.help then
    io.stdout:write(usage(spec, about, arguments))
    os.exit(0)
  end
  cli.checked(function()
    for _, entry in ipairs(spec.list) do
      local word = entry.counts ~= true and entry.counts or nil
      if entry.counts then cli.counts(entry.name, values[entry.name], word) end
      if entry.folder then make_folder(entry.name, values[entry.name]) end
    end
  end)
  return values
end

--- The settings of a result, for its report: every option by its name on the command line, and `more`.
--
--   > cli.settings({ kl_prompts = 20 }, { sft = "1f3a" })["--kl-prompts"]
--   20
function cli.settings(values, more)
  local settings = {}
  for name, value in pairs(values) do settings[flag_of(name)] = value end
  for name, value in pairs(more or {}) do settings[name] = value end
  return settings
end

return options.strict("cli", cli)
