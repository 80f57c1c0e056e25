--- Files and the system's commands from the session: `run` and `shell`.
local options = require "perilune.options"
local system = require "perilune.system"

local files = { commands = {} }

local function current() return require "perilune.session.current" end

-- What os.exit raises while a file runs.
local Exit = {}

-- The words of a command line: blanks part them, quotes keep them together.
local function words_of(text)
  local words, at = {}, 1
  while true do
    at = text:match("^%s*()", at)
    if at > #text then return words end
    local word = ""
    while at <= #text and not text:find("^%s", at) do
      local quote = text:match("^[\"']", at)
      local close = quote and text:find(quote, at + 1, true)
      if quote and not close then error(("run: a %s is not closed"):format(quote), 0) end
      if quote then
        word, at = word .. text:sub(at + 1, close - 1), close + 1
      else
        local piece = text:match("^[^%s\"']+", at)
        word, at = word .. piece, at + #piece
      end
    end
    words[#words + 1] = word
  end
end

local function is_file(path)
  local file <close> = io.open(path, "rb")
  return file ~= nil
end

-- The path with the home folder for `~`, and with `.lua` where only that is a file.
local function path_of(path)
  path = system.expand_user(path)
  return not is_file(path) and is_file(path .. ".lua") and path .. ".lua" or path
end

-- The results of a file that ran; an error goes on with the traceback of the file.
local function ended(ok, problem, ...)
  if ok then return problem, ... end
  if rawequal(problem, Exit) then
    if Exit.code ~= 0 then print(("os.exit(%d)"):format(Exit.code)) end
    return
  end
  current().inner_traceback = Exit.traceback
  error(problem, 0)
end

--- Runs a Lua file with arguments, `arg` as a script has it, and returns its results. At the prompt the file
-- sees the session's names and leaves its globals there. `os.exit` ends the file, not the session.
--
-- Errors: the file cannot be read; its own, with file and line.
--
--   > local path = os.tmpname()
--   > require("perilune.system").write_file(path, "return #arg, arg[1], ...")
--   > require("perilune.session").run(path, "--smoke")
--   1	--smoke	--smoke
function files.run(path, ...)
  if type(path) ~= "string" then
    error(("run: expected the path of a file, got %s"):format(options.show(path)), 2)
  end
  path = path_of(path)
  local chunk, problem = current().load_file(path)
  if not chunk then error(problem, 0) end
  local plain_arg, plain_exit = rawget(_G, "arg"), os.exit
  local _ <close> = setmetatable({}, { __close = function()
    rawset(_G, "arg", plain_arg)
    os.exit = plain_exit  -- luacheck: ignore 122
  end })
  local arguments = { [0] = path, ... }
  arguments[-1] = plain_arg and plain_arg[plain_arg[-1] and -1 or 0]
  rawset(_G, "arg", arguments)
  os.exit = function(code)  -- luacheck: ignore 122
    Exit.code = code == false and 1 or math.tointeger(code) or 0
    error(Exit, 0)
  end
  return ended(xpcall(chunk, function(raised)
    Exit.traceback = debug.traceback("", 2)
    return raised
  end, ...))
end

--- Runs a command of the system's shell. Its output goes to the terminal, or to the notebook's cell. Returns
-- what `os.execute` does: true or nil, "exit" or "signal", and the number.
--
-- Errors: the text is empty or no text.
--
--   > require("perilune.session").shell "exit 3"
--   nil	exit	3
function files.shell(command)
  if type(command) ~= "string" or not command:find "%S" then
    error(("shell: expected a command, got %s"):format(options.show(command)), 2)
  end
  io.stdout:flush()
  local display = package.loaded["perilune.display"]
  if not (display and rawget(display, "front")) then return os.execute(command) end
  local pipe <close> = assert(io.popen(("{ %s\n} 2>&1"):format(command)))
  for line in pipe:lines "L" do io.write(line) end
  return pipe:close()
end

function files.commands.run(_, argument)
  local words = words_of(argument)
  if #words == 0 then error("%run needs a file: %run script.lua --smoke", 0) end
  files.run(table.unpack(words))
end

function files.commands.shell(_, argument)
  if argument == "" then error("! needs a command: !ls", 0) end
  local ok, kind, number = files.shell(argument)
  if not ok then print(("[%s %s]"):format(kind, number)) end
end

return files
