--- What the parts of scripts/reliability share: options, folders, processes under faults, rows of figures.
local options = require "perilune.options"
local system = require "perilune.system"

local common = {}

--- The folder of the project, as an absolute path: processes run in other folders.
local pwd <close> = assert(io.popen(("cd '%s' && pwd -P"):format(
  arg[0]:match "^(.*)/scripts/reliability/" or ".")))
common.root = pwd:read "l"
common.program = common.root .. "/bin/perilune"

--- Options of a part, `--NAME VALUE`, over the defaults given.
function common.options(defaults)
  for i = 1, #arg, 2 do
    local name, value = arg[i]:match "^%-%-([%w_]+)$", arg[i + 1]
    local default = defaults[name or ""]
    if default == nil then
      error(("unknown option '%s'; %s"):format(arg[i], options.suggest(name or arg[i], defaults)), 0)
    end
    if type(default) == "number" then value = math.tointeger(tonumber(value)) or tonumber(value) end
    if value == nil then error(("--%s needs a value like %s"):format(name, default), 0) end
    defaults[name] = value
  end
  return defaults
end

--- Whether a name is in a list of names with commas, or the list is "all".
function common.chosen(list, name)
  return list == "all" or ("," .. list .. ","):find("," .. name .. ",", 1, true) ~= nil
end

-- MARK: Folders and files

--- A new folder in memory where there is such a place: an fsync there takes no time.
function common.folder()
  local name = os.tmpname()
  os.remove(name)
  local base = system.exists "/dev/shm" and "/dev/shm" or "/tmp"
  local path = ("%s/perilune-%s"):format(base, name:match "[^/_]+$")
  system.make_folder(path)
  return path
end

--- Removes a folder that `common.folder` made.
function common.remove(folder)
  if folder:match "/perilune%-%w+$" then os.execute(("rm -rf '%s'"):format(folder)) end
end

--- The text of a file; nil where there is none.
function common.text(path)
  local file = io.open(path, "rb")
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

--- All files and folders below a folder, as paths from it; what a folder has comes after it.
function common.tree(folder)
  local paths = {}
  local function add(path)
    for _, name in ipairs(system.list_folder(folder .. path)) do
      local inner = path .. "/" .. name
      paths[#paths + 1] = inner:sub(2)
      pcall(add, inner)  -- a file is no folder
    end
  end
  add ""
  return paths
end

-- MARK: Processes

--- Runs a command of the shell; returns its exit status, 128 + n after signal n, what it printed, and what it
-- said on standard error.
function common.run(command)
  local name = os.tmpname()
  local _, how, code = os.execute(("exec > %s 2> %s.err; ( %s )"):format(name, name, command))
  local out, err = common.text(name), common.text(name .. ".err")
  os.remove(name)
  os.remove(name .. ".err")
  return how == "signal" and 128 + code or code, out, err
end

--- The library of faults.c, compiled where it is older than its source.
local function library()
  local path = common.root .. "/out/reliability/faults.so"
  if not common.library then
    local source = common.root .. "/scripts/reliability/faults.c"
    local compile = "{ cc -O1 -shared -fPIC -o '%s'.$$ '%s' -ldl && mv '%s'.$$ '%s'; }"
    local status, _, problem = common.run(("mkdir -p '%s' && { [ '%s' -nt '%s' ] || %s; }"):format(
      path:match "^(.*)/", path, source, compile:format(path, source, path, path)))
    if status ~= 0 then error("faults.c does not compile: " .. problem, 0) end
    common.library = path
  end
  return common.library
end

--- The variables of a command under faults in a folder: `env` are those of faults.c without FAULTS_.
function common.with_faults(folder, env)
  local parts = { ("LD_PRELOAD='%s' FAULTS_ROOT='%s'"):format(library(), folder) }
  for name, value in pairs(env) do parts[#parts + 1] = ("FAULTS_%s='%s'"):format(name, value) end
  return table.concat(parts, " ")
end

--- The command of a job in a folder, under faults where `env` is given.
function common.job(kind, folder, steps, every, env)
  local parts = { env and common.with_faults(folder, env) }
  parts[#parts + 1] = ("exec '%s' --threads=1 '%s/scripts/reliability/job.lua' %s '%s' %d %d"):format(
    common.program, common.root, kind, folder, steps, every)
  return table.concat(parts, " ")
end

-- MARK: Runs

--- How a run of a job ended: the hash that it printed, the dump of its store, and the files of its folder.
-- Checkpoints are numbered from 1: where one between others failed, with a warning, an older one is kept.
function common.result(kind, folder, out)
  local files = table.concat(common.tree(folder .. "/runs/" .. kind), "\n")  -- before a reader adds its own
  local numbers, count = {}, 0
  files = files:gsub("step%-%d+", function(name)
    if not numbers[name] then
      count = count + 1
      numbers[name] = count
    end
    return "checkpoint-" .. numbers[name]
  end)
  local record = require "perilune.run".read(kind, folder .. "/runs")
  local more = table.concat(common.tree(folder .. "/runs"), "\n"):match "%.new%-[^\n]*"
  return { hash = out:match "hash\t(%x+)", dump = record:dump(), file = files .. "\n" .. (more or "") }
end

--- In what a result differs from the one expected, as a line; nil if it does not.
function common.difference(expected, found)
  for name, text in pairs(expected) do
    local lines = {}
    for line in text:gmatch "[^\n]+" do lines[line] = true end
    for line in (found[name] or ""):gmatch "[^\n]+" do
      if not lines[line] then return ("another %s: %s"):format(name, line) end
    end
    -- A checkpoint that failed with a warning leaves one less.
    if found[name] ~= text and name ~= "file" then return ("another %s: less than expected"):format(name) end
  end
end

--- What is wrong when another process goes on with a run; nil where it ends as expected, begins with no older
-- checkpoint than `promised`, and has nothing to warn of.
function common.goes_on(kind, folder, steps, promised, expected)
  local status, out, err = common.run(common.job(kind, folder, steps, 1))
  if status ~= 0 then return ("status %d: %s"):format(status, err) end
  if err ~= "" then return "it warns: " .. err end
  local from = tonumber(out:match "from\t(%d+)") or steps
  if from < promised then return ("from step %d, promised %d"):format(from, promised) end
  return common.difference(expected, common.result(kind, folder, out))
end

-- MARK: Figures

local failed = false

--- Prints the row of a figure, "ID | what | number | passed or FAILED".
function common.row(id, what, number, ok)
  failed = failed or not ok
  print(("%s | %s | %s | %s"):format(id, what, number, ok and "passed" or "FAILED"))
  io.stdout:flush()
end

--- Ends the process, with status 1 where a figure has failed.
function common.exit() os.exit(failed and 1 or 0, true) end

return common
