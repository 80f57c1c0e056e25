--- The command line of a sweep: its own flags, those of the script, and the lines that run a task.
local cli = require "perilune.cli"
local options = require "perilune.options"
local system = require "perilune.system"

local command = {}

--- The flags of every script with a sweep. A script with options of its own includes them in its spec.
command.options = options.spec("sweep.command", {
  { "on", "here", "where rows run: here, in processes; slurm, as an array; list prints the command lines",
    choices = { "here", "list", "slurm" } },
  { "jobs", 0, "rows at the same time; 0 for as many as the cores allow, or without a limit on Slurm",
    least = 0 },
  { "task", "", "numbers of the rows that this process runs, such as 17 or 17,18" },
  { "chunk", 0, "rows in a task of a list or of Slurm; 0 for one, or as many as take a minute", least = 0 },
  { "same", false, "a changed script is the same sweep: what it has finished counts" },
})

--- The arguments in two lists: the flags of the sweep, and those of the script.
function command.split(arguments)
  local own, rest, i = {}, {}, 1
  while i <= #arguments do
    local name = arguments[i]:match "^%-%-([%w%-]+)"
    local entry = name and command.options.by_name[name:gsub("^no%-", "")]
    local list = (entry or name == "help") and own or rest
    list[#list + 1] = arguments[i]
    if entry and entry.types ~= "boolean" and not arguments[i]:find("=", 1, true) then
      i = i + 1
      list[#list + 1] = arguments[i]
    end
    i = i + 1
  end
  return own, rest
end

--- The flags of the sweep that the program was started with, and the arguments of the script. A script
-- without options of its own refuses all others.
function command.read(has_options)
  local own, rest = command.split(arg)
  if not has_options then own, rest = arg, {} end
  local o = cli.parse(own, command.options, arg[0]:match "[^/]*$" .. ": a sweep; every row is a process")
  o.arguments = rest
  return o
end

--- The numbers of a text such as "17,18". Errors: one is no row of `count`.
function command.tasks(text, count)
  local list = cli.counts("task", text)
  for _, task in ipairs(list) do
    if task > count then
      error(("--task takes row numbers from 1 to %d, not '%d'"):format(count, task), 0)
    end
  end
  return list
end

--- The words of the command that runs some tasks: the program with its options, the script, its arguments.
function command.words(o, tasks)
  local words, first = { system.program() }, 0
  while arg[first - 1] do first = first - 1 end
  local has_threads = false
  for i = first + 1, -1 do
    words[#words + 1] = arg[i]
    has_threads = has_threads or arg[i]:match "^%-%-threads=" ~= nil
  end
  if not has_threads then words[#words + 1] = ("--threads=%d"):format(o.cores) end
  words[#words + 1] = arg[0]
  table.move(o.arguments, 1, #o.arguments, #words + 1, words)
  if o.same then words[#words + 1] = "--same" end
  words[#words + 1] = "--task"
  words[#words + 1] = tasks
  return words
end

--- A word as a shell reads it.
--
--   > local command = require "perilune.sweep.command"
--   > command.quoted "it's"
--   'it'\''s'
function command.quoted(word)
  if word:match "^[%w_%-+=:,./@%%]+$" then return word end
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

--- The words as a line for a shell.
function command.line(words)
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = command.quoted(word) end
  return table.concat(quoted, " ")
end

return options.strict("sweep.command", command)
