--- Where the report of a figure is: in the folder of its task, or beside that of another call.
local attempt = require "perilune.attempt"
local cli = require "perilune.cli"
local command = require "perilune.sweep.command"
local flags = require "perilune.cli.flags"
local options = require "perilune.options"
local plain = require "perilune.plain"
local results = require "perilune.align.experiment.results"
local settings = require "perilune.align.experiment.settings"
local system = require "perilune.system"

local place = {}

--- An option as words of a command line.
local function words_of(name, value)
  local flag = flags.of(name)
  if value == true then return { flag } end
  if value == false then return { (flag:gsub("^%-%-", "--no-")) } end
  return { flag, settings.text_of(value) }
end

--- The words of the options `o` of a spec, as cli.read gives them: the size, and what has another value than
-- that of the size.
local function words_told(o, spec)
  local words, sized = {}, {}
  if o.size ~= "default" then words[1] = "--" .. o.size end
  table.move(words, 1, #words, 1, sized)
  for _, entry in ipairs(spec.list) do
    -- An option that is a size, such as a pretrained model, has other defaults beside it.
    if entry.size and o[entry.name] ~= entry.default then
      table.move(words_of(entry.name, o[entry.name]), 1, 2, #sized + 1, sized)
    end
  end
  local defaults, names = cli.read(sized, spec), spec:names()
  local of_values = {}
  for name in pairs(o) do
    if name:find(".", 1, true) then of_values[#of_values + 1] = name end
  end
  table.sort(of_values)
  table.move(of_values, 1, #of_values, #names + 1, names)
  for _, name in ipairs(names) do
    local is_size = spec.by_name[name] and spec.by_name[name].size
    if not results.is_of_call(name) and o[name] ~= nil and (is_size and o[name] ~= spec.by_name[name].default
      or o[name] ~= defaults[name]) then
      local own = words_of(name, o[name])
      table.move(own, 1, #own, #words + 1, words)
    end
  end
  return words
end

--- The command that makes a report with the options `o` of a spec, as cli.read gives them: the same text for
-- the same settings, whatever words gave them.
--
--   > local place, options = require "perilune.paper.place", require "perilune.options"
--   > local cli = require "perilune.cli"
--   > local spec = options.spec("example", { { "task", "arena", "task" },
--   >>   { "jobs", 0, "processes", most = 9 }, { "steps", 9, "optimiser steps", most = 9, smoke = 2 } })
--   > local function of(...) return place.command("a", cli.read({ ... }, spec), spec) end
--   > of("--steps", "2", "--smoke", "--task=arena", "--jobs", "3"), of("--steps", "2")
--   bin/perilune scripts/paper/a.lua --smoke	bin/perilune scripts/paper/a.lua --steps 2
function place.command(name, o, spec)
  return command.line { "bin/perilune", ("scripts/paper/%s.lua"):format(name),
    table.unpack(words_told(o, spec)) }
end

-- What stands for an apostrophe, a blank and an empty word while a line is split at its blanks.
local apostrophe <const>, blank <const>, empty <const> = "\1", "\2", "\3"

--- The words of a line that command.line has made.
local function words_in(line)
  local words = {}
  line = line:gsub("'\\''", apostrophe):gsub("'([^']*)'", function(text)
    return text == "" and empty or (text:gsub(" ", blank))
  end)
  for word in line:gmatch "[^ ]+" do
    words[#words + 1] = word:gsub(apostrophe, "'"):gsub(blank, " "):gsub(empty, "")
  end
  return words
end

--- A command as place.command writes that of its settings; one that is none of this spec as it is.
local function in_one_form(line, name, spec)
  local words = words_in(line)
  local ok, o = attempt.call(cli.read, table.move(words, 3, #words, 1, {}), spec)
  return ok and place.command(name, o, spec) or line
end

local function text_of(path)
  local file <close> = io.open(path, "rb")
  return file and file:read "a"
end

-- A report that is being written has its command in this file until `verdict.json` has it.
local reserved <const> = "/command.txt"

--- The command of the report in a folder, or of the one that is being written; nil where there is none.
local function command_in(folder)
  local text = text_of(folder .. "/verdict.json")
  if not text then return text_of(folder .. reserved) end
  local ok, entry = attempt.call(plain.decode, text)
  local line = ok and type(entry) == "table" and entry.command
  return type(line) == "string" and line or nil
end

--- The folder of the report of the command `own` of the figure `name`: `usual`, or one beside it where that
-- has the report of a call with other settings, and the command of that.
--
--   > local place, options = require "perilune.paper.place", require "perilune.options"
--   > local spec = options.spec("example", { { "steps", 9, "optimiser steps", most = 9 } })
--   > local usual, command = os.tmpname(), "bin/perilune scripts/paper/a.lua"
--   > os.remove(usual)
--   true
--   > place.folder(usual, command, "a", spec) == usual
--   true
--   > place.reserve(usual, command .. " --steps 3")
--   > local beside, before = place.folder(usual, command, "a", spec)
--   > beside:sub(#usual + 1), before
--   -a6bc55	bin/perilune scripts/paper/a.lua --steps 3
--   > (os.execute(("rm -r '%s'"):format(usual)))
--   true
function place.folder(usual, own, name, spec)
  local before = command_in(usual)
  if not before or in_one_form(before, name, spec) == own then return usual end
  local parent, last = usual:match "^(.*)/([^/]*)$"
  for _, one in ipairs(system.exists(parent) and system.list_folder(parent) or {}) do
    local is_beside = one:sub(1, #last + 1) == last .. "-" and one:sub(#last + 2):match "^%x%x%x%x%x%x$"
    local there = is_beside and command_in(("%s/%s"):format(parent, one))
    if there and in_one_form(there, name, spec) == own then return ("%s/%s"):format(parent, one), before end
  end
  return ("%s-%s"):format(usual, system.sha256(own):sub(1, 6)), before
end

--- Says in a folder that the report of a command is being written there, so that another call at the same
-- time has a folder beside it; `place.release` ends it. Errors: the folder cannot be written.
--
--   > local place, folder = require "perilune.paper.place", os.tmpname()
--   > os.remove(folder)
--   true
--   > place.reserve(folder, "bin/perilune scripts/paper/a.lua")
--   > require "perilune.system".list_folder(folder)[1]
--   command.txt
--   > (os.execute(("rm -r '%s'"):format(folder)))
--   true
function place.reserve(folder, own)
  system.make_folder(folder)
  system.write_file(folder .. reserved, own)
end

--- The report of place.reserve is written: `verdict.json` has its command.
--
--   > local place, folder = require "perilune.paper.place", os.tmpname()
--   > os.remove(folder)
--   true
--   > place.reserve(folder, "bin/perilune scripts/paper/a.lua")
--   > place.release(folder)
--   > #require "perilune.system".list_folder(folder)
--   0
--   > os.remove(folder)
--   true
function place.release(folder) os.remove(folder .. reserved) end

return options.strict("paper.place", place)
