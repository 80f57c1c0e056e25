--- Running the program on a script of a test, in a folder of its own.
local system = require "perilune.system"

local folder = os.tmpname()
os.remove(folder)
system.make_folder(folder)

local notebooks = { folder = folder, program = system.program() }

--- Writes a file of the folder; returns its path.
function notebooks.write(name, text)
  local path = folder .. "/" .. name
  system.write_file(path, text)
  return path
end

--- The text of a file of the folder, or nil.
function notebooks.read(name)
  local file = io.open(folder .. "/" .. name, "rb")
  if not file then return nil end
  local text = file:read "a"
  file:close()
  return text
end

--- Runs a shell command in the folder, where $P is the program: what it wrote to both streams, its status.
function notebooks.sh(command)
  local line = ("cd '%s' && P='%s' && { %s\n} 2>&1"):format(folder, notebooks.program, command)
  local pipe = assert(io.popen(line))
  local output = pipe:read "a"
  local _, kind, status = pipe:close()
  return output, kind == "exit" and status or 128 + status
end

--- Runs a script for a report in the form `ending` (html): the text of the report, the output and the status.
function notebooks.report(source, ending, more)
  ending = ending or "html"
  notebooks.write("script.lua", source)
  local output, status = notebooks.sh(("$P --report report.%s %s script.lua"):format(ending, more or ""))
  return notebooks.read("report." .. ending), output, status
end

function notebooks.clean() os.execute(("rm -rf '%s'"):format(folder)) end

return notebooks
