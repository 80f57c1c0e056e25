--- The commands of the prompt and of notebooks, each declared once: `%name arguments` and its sentence.
--
-- `%help`, the completion of `%` and these lists read the declarations.
--
-- A command is also a plain function of `perilune.session`, so that a script needs no `%`.
--
--   > #commands.list >= 10, commands.by_name.time.arguments
--   true	CODE
--   > commands.usage "timeit":match "^[^\n]*"
--   %timeit [-n RUNS] [-r REPEATS] CODE
local commands = {}

--- The declarations in the order of `%help`. `lua` says that the arguments are Lua, which may go on in the
-- next line; `file` is the file beside this one with the function `command`.
commands.list = {
  { "time", "CODE", "run once; wall and processor time", lua = true, file = "timing" },
  { "timeit", "[-n RUNS] [-r REPEATS] CODE", "run often; best and median of the repeats", lua = true,
    file = "timing" },
  { "run", "FILE ARGUMENTS", "run a file, which sees and leaves the names of the session", file = "files" },
  { "who", "[TYPE or PATTERN]", "the session's globals and locals with type and size", file = "names" },
  { "hist", "[-n] [-l COUNT] [3-7] [WORD]", "the entries: numbered, the last ones, those with a word",
    file = "entries" },
  { "mem", "", "bytes of Lua and of tensors", file = "names" },
  { "reset", "[-f]", "forget all names of the session; -f does not ask", file = "names" },
  { "edit", "[NUMBER or NAME]", "change an entry or a function in $VISUAL or $EDITOR and run it",
    file = "entries" },
  { "save", "[-f] [-a] FILE [3-7 9]", "write entries to a file; -f replaces it, -a adds to it",
    file = "entries" },
  { "tb", "", "the whole traceback of the last error, the library's frames too", file = "errors" },
  { "help", "[NAME]", "these commands, or the page of a name; ?NAME is the same", file = "pages" },
  { "source", "NAME", "the source of a function; ??NAME is the same", file = "pages" },
  { "shell", "COMMAND", "run a command of the system; !COMMAND is the same", file = "files" },
}

commands.by_name = {}
for _, command in ipairs(commands.list) do
  command.name, command.arguments, command.sentence = command[1], command[2], command[3]
  commands.by_name[command.name] = command
end

--- The words after `%`: those whose arguments are Lua, and the others.
--
--   > table.concat(commands.words().lua, " ")
--   time timeit
function commands.words()
  local words = { lua = {}, other = {} }
  for _, command in ipairs(commands.list) do
    local list = command.lua and words.lua or words.other
    list[#list + 1] = command.name
  end
  return words
end

--- How a command is written, and its sentence; of all commands without a name.
function commands.usage(name)
  local lines, width = {}, 0
  for _, command in ipairs(commands.list) do
    local head = "%" .. command.name .. (command.arguments ~= "" and " " .. command.arguments or "")
    if command.name == name then return head .. "\n  " .. command.sentence end
    lines[#lines + 1] = { head, command.sentence }
    width = math.max(width, #head)
  end
  for i, line in ipairs(lines) do lines[i] = ("  %-" .. width .. "s  %s"):format(line[1], line[2]) end
  return table.concat(lines, "\n")
end

--- Performs a command of a session. A command on Lua code gives the code, which the session runs, and a
-- function to call when it has run.
--
-- Errors: there is no command of this name; the command's own.
--
--   > commands.perform({}, "timit", "1")
--   there is no command %timit; did you mean %timeit?
function commands.perform(session, name, argument)
  local command = commands.by_name[name]
  if not command then
    local names = {}
    for i, one in ipairs(commands.list) do names[i] = one.name end
    local near = require "perilune.native.help".nearest(name, names)
    error(("there is no command %%%s; %s"):format(
      name, near and ("did you mean %%%s?"):format(near) or "%help lists the commands"), 0)
  end
  return require("perilune.session." .. command.file).commands[name](session, argument)
end

return commands
