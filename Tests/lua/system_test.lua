-- Child processes and files of `perilune.system`.
local exit = os.exit  -- luaunit replaces it
package.path = (arg[0]:match("^(.*)/[^/]*$") or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local perilune = require "perilune"
local T, formats, system = perilune.T, perilune.formats, perilune.system

TestSystem = {}

local function status_of(job)
  local status
  while not status do
    job:lines(0.01)
    status = job:status()
  end
  return status
end

function TestSystem.test_a_child_that_closes_its_state_does_not_end_its_siblings()
  local slow = system.fork(function(send)
    local until_then = system.clock() + 0.5
    while system.clock() < until_then do math.abs(1) end
    send "alive"
  end)
  local closes = system.fork(function() exit(0, true) end)
  lu.assertEquals(status_of(closes), 0)
  local lines = {}
  while #lines == 0 and not slow:status() do lines = slow:lines(0.1) end
  if #lines == 0 then lines = slow:lines() end
  lu.assertEquals(lines, { "alive" })
end

function TestSystem.test_an_error_that_only_says_interrupted_is_no_interrupt()
  lu.assertEquals(status_of(system.fork(function() error "interrupted!" end)), 1)
end

function TestSystem.test_a_child_begins_with_the_threads_it_is_given()
  local before = system.threads()
  for _, case in ipairs { { 1, 1 }, { before + 2, before + 2 }, { nil, before } } do
    local job = system.fork(function(send) send(tostring(system.threads())) end, case[1])
    lu.assertEquals(job:lines(20), { tostring(case[2]) })
    lu.assertEquals(system.threads(), before)
  end
  lu.assertStrContains(support.message(system.fork, print, 1.5), "bad argument #2 to 'fork'")
end

--- They were brought into the range without a word.
function TestSystem.test_counts_of_threads_out_of_range_are_refused()
  local before = system.threads()
  local job = system.fork(function() end)
  for _, count in ipairs { 0, -1, 257, math.mininteger, math.maxinteger } do
    local message = ("(1 to 256 threads expected, got %d)"):format(count)
    lu.assertEquals(support.message(system.threads, count), "bad argument #1 to 'threads' " .. message)
    lu.assertEquals(support.message(system.fork, print, count), "bad argument #2 to 'fork' " .. message)
    local of_job = support.message(function() job:threads(count) end)
    lu.assertEquals(of_job, "bad argument #1 to 'threads' " .. message)
  end
  lu.assertEquals(system.threads(), before)
end

--- What a command of the shell prints, without the newline.
local function printed(command)
  local pipe <close> = assert(io.popen(command))
  return (pipe:read "a":gsub("\n$", ""))
end

--- Only $HOME was asked, and a kernel without it was refused.
function TestSystem.test_without_a_variable_the_home_folder_is_that_of_the_password_file()
  local program, folder = system.program(), support.new_path()
  local say = ([['%s' -e 'print(require "perilune.system".expand_user "~")']]):format(program)
  local of_user = printed "eval echo ~$(id -un)"
  lu.assertEquals(printed("HOME=/home/a " .. say), "/home/a")
  lu.assertEquals(printed("HOME= " .. say), of_user)
  lu.assertEquals(printed("env -u HOME " .. say), of_user)
  lu.assertEquals(printed((say:gsub(" %-e ", " --sandbox -e ", 1))), "~")
  local install = ("env -u HOME JUPYTER_DATA_DIR='%s' '%s' --install-kernel"):format(folder, program)
  lu.assertStrContains(printed(install),
    "installed the kernel 'perilune' in " .. folder .. "/kernels/perilune")
  os.execute(("rm -rf '%s'"):format(folder))
end

--- Runs `work` and presses Ctrl-C meanwhile: it must end with the error of Ctrl-C, long before its own end.
local function assert_interruptible(work)
  support.in_process(function()
    io.popen(("sleep 0.1; kill -INT %d"):format(support.pid()))
    local start = system.clock()
    local ok, problem = pcall(work)
    lu.assertFalse(ok)
    lu.assertTrue(system.is_interrupt(problem), tostring(problem))
    lu.assertTrue(system.clock() - start < 20)  -- a tenth of the work, on a busy machine
  end)
end

function TestSystem.test_ctrl_c_ends_a_long_sort()
  local x = T.rand(2e7)
  assert_interruptible(function() for _ = 1, 100 do x:sort() end end)
end

function TestSystem.test_ctrl_c_ends_the_reading_of_long_json()
  local text = "[" .. ("1,"):rep(1e7) .. "1]"
  assert_interruptible(function() for _ = 1, 100 do formats.json_decode(text) end end)
end

--- Lua's own move what is not there as often as a number says, and no hook runs meanwhile.
function TestSystem.test_ctrl_c_ends_moves_of_nothing()
  local long = setmetatable({}, { __len = function() return 1 << 60 end })
  assert_interruptible(function() table.move({}, 1, math.maxinteger - 1, 2) end)
  assert_interruptible(function() table.move({}, 2, math.maxinteger, 1) end)
  assert_interruptible(function() table.insert(long, 1, 0) end)
  assert_interruptible(function() table.remove(long, 1) end)
  local text = setmetatable({}, { __index = tostring, __tostring = table.concat })
  assert_interruptible(function() table.concat(text, "", 1, 1 << 60) end)
end

--- A function of C gives the text, so that no hook runs.
function TestSystem.test_ctrl_c_ends_a_text_without_end()
  assert_interruptible(function() load(collectgarbage) end)
end

function TestSystem.test_ctrl_c_ends_draws()
  assert_interruptible(function() T.categorical(T.rand(10), 1 << 30) end)
  assert_interruptible(function() T.categorical(T.rand(3e6, 10)) end)
end

--- It repeated nothing so many times, which no Ctrl-C ended.
function TestSystem.test_nothing_is_repeated_at_once()
  for _, count in ipairs { 0, 1, 1 << 62, math.maxinteger, math.mininteger } do
    lu.assertEquals((""):rep(count), "")
    lu.assertEquals((""):rep(count, ""), "")
  end
end

function TestSystem.test_ctrl_c_ends_random_numbers()
  assert_interruptible(function() for _ = 1, 100 do T.randn(3e7) end end)
end

--- A level is used where the processor has it, and refused by its name elsewhere.
function TestSystem.test_the_level_of_kernels_is_the_one_named_or_an_error()
  local levels = system.kernel_levels()
  local known, has = table.concat(levels, ", "), {}
  for _, level in ipairs(levels) do has[level] = true end
  lu.assertTrue(has[system.kernel_level()])
  for _, level in ipairs { "scalar", "vector", "avx512", "avx512_bf16", "avx" } do
    local pipe <close> = assert(io.popen(("PERILUNE_KERNELS=%s '%s' --no-init -e '%s' 2>&1"):format(level,
      arg[-1], "print(require [[perilune.system]].kernel_level())")))
    local said = pipe:read "a"
    if has[level] then
      lu.assertEquals(said, level .. "\n")
    elseif level == "avx" then
      lu.assertStrContains(said, ("PERILUNE_KERNELS must be one of %s, not 'avx'"):format(known))
    else
      lu.assertStrContains(said,
        ("PERILUNE_KERNELS is '%s', a level that this processor has not: it has %s"):format(level, known))
    end
  end
end

os.exit(lu.LuaUnit.run())
