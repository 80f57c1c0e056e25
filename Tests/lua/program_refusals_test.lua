--- What the program refuses before a script runs, or instead of it, each in a process of its own.
local lu = require "luaunit"
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local system = require "perilune.system"

local program <const> = system.program()
local folder

--- What the program writes, and whether it ended well. `before` comes first on the line, as VARIABLE=value.
local function run(words, before)
  local pipe = assert(io.popen(("cd '%s' && %s '%s' %s 2>&1"):format(folder, before or "", program, words)))
  local text = pipe:read "a"
  return text, pipe:close() or false
end

--- Fails unless the program ends with this message alone.
local function refuses(message, words, before)
  lu.assertEquals({ run(words, before) }, { program .. ": " .. message .. "\n", false })
end

TestProgramRefusals = {}

function TestProgramRefusals.setUp()
  folder = support.new_path()
  system.make_folder(folder)
  system.write_file(folder .. "/script.lua", "print(...)")
end

function TestProgramRefusals.tearDown() os.execute(("rm -rf '%s'"):format(folder)) end

function TestProgramRefusals.test_a_script_without_its_arguments()
  lu.assertEquals({ run "script.lua a b" }, { "a\tb\n", true })
  refuses("'arg' is not a table", "-e 'arg = nil' script.lua a b")
end

function TestProgramRefusals.test_a_module_in_place_of_the_notebooks()
  system.write_file(folder .. "/empty.ipynb", '{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}')
  refuses("perilune.notebook.program is no function",
    [[-e 'package.loaded["perilune.notebook.program"] = 5' empty.ipynb]])
end

function TestProgramRefusals.test_a_kernel_without_a_port()
  system.write_file(folder .. "/connection.json", '{"transport":"tcp","control_port":5002}')
  refuses("connection file connection.json: no 'shell_port'", "--kernel connection.json")
end

--- No network has this address. The history of a kernel is kept in the folder of the state.
function TestProgramRefusals.test_a_kernel_at_an_address_that_is_none()
  system.write_file(folder .. "/connection.json", '{"ip":"999.1.1.1","shell_port":5001,"control_port":5002,'
    .. '"stdin_port":5003,"iopub_port":5004,"hb_port":5005,"key":"k"}')
  local text, ended_well = run("--kernel connection.json", ("XDG_STATE_HOME='%s'"):format(folder))
  lu.assertFalse(ended_well)
  if text:find "libzmq" then lu.skip "needs ZeroMQ" end
  lu.assertEquals(text, program .. ": cannot listen at tcp://999.1.1.1:5001: No such device\n")
end

function TestProgramRefusals.test_graphics_of_an_unknown_name()
  system.write_file(folder .. "/script.lua", [[
    local fig = require "perilune.plot".figure {}:line { y = { 1, 2 } }
    local ok, problem = pcall(fig.show, fig)
    print(ok, (tostring(problem):gsub("^.-:%d+: ", "")))
  ]])
  lu.assertEquals(run("script.lua", "PERILUNE_GRAPHICS=pixels"),
    "false\tPERILUNE_GRAPHICS must be one of auto, kitty, sixel, iterm, braille, letters, not 'pixels'\n")
end

--- The call that a command at the prompt becomes, written without one.
function TestProgramRefusals.test_a_line_of_the_prompt_without_a_command()
  system.write_file(folder .. "/input", "__command('')\n")
  lu.assertStrContains(run "-i --no-init < input", "no command")
end

--- Skips the running test, saying so, unless a program of this name is installed.
local function need(name)
  if not os.execute(("command -v %s >/dev/null"):format(name)) then
    print(("skipped: needs %s"):format(name))
    lu.skip("needs " .. name)
  end
end

--- A screen needs a terminal, which `script` makes.
function TestProgramRefusals.test_keys_of_a_closed_screen()
  need "script"
  system.write_file(folder .. "/script.lua", [[
    local screen = require "perilune.native.plot".screen()
    screen:close()
    local ok, problem = pcall(screen.key, screen, 0)
    io.open("told", "w"):write(tostring(ok), " ", problem.message)
  ]])
  local line = "cd '%s' && script -qec '%s script.lua' /dev/null </dev/null >/dev/null"
  os.execute(line:format(folder, program))
  local file <close> = assert(io.open(folder .. "/told"))
  lu.assertEquals(file:read "a", "false screen:key: the screen is closed")
end

function TestProgramRefusals.test_more_processes_than_shards()
  need "mpirun.openmpi"
  system.write_file(folder .. "/script.lua", [[
    local optim, mpi, T = require "perilune.optim", require "perilune.mpi", require "perilune.tensor"
    local adam = optim.adamw({ T({ 1 }, { requires_grad = true }) }, { lr = 0.5 })
    local ok, problem = pcall(mpi.shard_sum, adam, 1)
    io.open("told." .. mpi.rank(), "w"):write(tostring(ok), " ", problem.message)
  ]])
  local launcher = "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 timeout 60 mpirun.openmpi "
  os.execute(("cd '%s' && %s --oversubscribe -n 2 '%s' --threads=1 script.lua"):format(
    folder, launcher, program))
  for rank = 0, 1 do
    local file <close> = assert(io.open(folder .. "/told." .. rank))
    lu.assertEquals(file:read "a",
      "false 2 processes have no work with 1 shards; give at least as many")
  end
end

os.exit(lu.LuaUnit.run())
