--- Sweeps: every row once, whatever is killed; the same runs by processes, by GNU parallel, merged.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local perilune = require "perilune"
local run, system = perilune.run, perilune.system
local plan = require "perilune.sweep.plan"

local script = support.root .. "/Tests/sweep/rows.lua"
local place

TestSweep = {}

function TestSweep:setUp()
  place = support.new_path()
  system.make_folder(place)
end

function TestSweep:tearDown() os.execute(("rm -rf '%s'"):format(place)) end

--- The words of a command with the store `runs` in the test's folder.
local function words(runs, environment, ...)
  local list = { "env", ("PERILUNE_RUNS=%s/%s"):format(place, runs) }
  for name, value in pairs(environment) do list[#list + 1] = ("%s=%s"):format(name, value) end
  return table.move({ system.program(), script, ... }, 1, 2 + select("#", ...), #list + 1, list)
end

local function start(...)
  local command = words(...)
  return system.fork(function() system.exec(command) end)
end

--- Runs the sweep to its end: what it writes, its exit status, and the seconds it took.
local function finish(...)
  local command = {}
  for i, word in ipairs(words(...)) do command[i] = ("'%s'"):format(word) end
  local from, path = system.clock(), place .. "/output"
  local _, _, code = os.execute(table.concat(command, " ") .. (" >'%s' 2>&1"):format(path))
  local file <close> = assert(io.open(path))
  return file:read "a", code, system.clock() - from
end

local function wait_until(condition)
  local from = system.clock()
  while system.clock() - from < 60 do
    if condition() then return end
    system.sleep(0.01)
  end
  lu.fail "waited for 60 s"
end

local function with_status(runs, status)
  local folder = place .. "/" .. runs
  return system.exists(folder) and run.runs { folder = folder, status = status } or {}
end

--- All that the runs of a store are, without times, by id.
local function dump(runs)
  local dumps = {}
  for _, one in ipairs(run.runs { folder = place .. "/" .. runs }:columns "status") do
    dumps[one.id] = one.status .. "\n" .. run.read(one.id, place .. "/" .. runs):dump()
  end
  return dumps
end

local function count(set)
  local n = 0
  for _ in pairs(set) do n = n + 1 end
  return n
end

function TestSweep:test_a_killed_worker_and_a_killed_coordinator_lose_no_row_and_repeat_none()
  local whole, code = finish("whole", {}, "--jobs", "2")
  lu.assertEquals({ whole, code }, { "24\t3\n", 0 })
  local pool = start("cut", { SWEEP_PAUSE = 0.05 }, "--jobs", "2")
  wait_until(function() return #with_status("cut", "running") >= 1 end)
  os.execute(("kill -9 %d"):format(with_status("cut", "running")[1].pid))
  wait_until(function() return #with_status("cut", "lost") == 1 end)
  wait_until(function()
    return #with_status("cut", "finished") >= 3 and #with_status("cut", "running") >= 1
  end)
  lu.assertNil(pool:status())
  pool:stop()
  wait_until(function() return #with_status("cut", "running") == 0 end)
  lu.assertTrue(#with_status("cut", "lost") >= 2)
  local output, again = finish("cut", {}, "--jobs", "2")
  lu.assertEquals({ output, again }, { "24\t3\n", 0 })
  lu.assertEquals(dump "cut", dump "whole")
  local finished = with_status("cut", "finished")
  for i = 1, #finished do
    local ends = 0
    for _, row in ipairs(finished[i]:history()) do ends = ends + (row.what == "finished" and 1 or 0) end
    lu.assertEquals(ends, 1)
  end
end

--- A row that ran anew would take 100 seconds a step.
function TestSweep:test_a_second_call_does_nothing()
  finish("runs", {}, "--jobs", "2")
  local before = dump "runs"
  local output, code, seconds = finish("runs", { SWEEP_PAUSE = 100 })
  lu.assertEquals({ output, code }, { "24\t3\n", 0 })
  lu.assertTrue(seconds < 50, seconds)
  lu.assertEquals(dump "runs", before)
end

function TestSweep:test_a_row_that_fails_does_not_stop_the_others()
  local output, code = finish("runs", { SWEEP_FAIL = 0.5 }, "--jobs", "2")
  lu.assertEquals(code, 1)
  lu.assertStrContains(output, "toy: 23 of 24 rows are done")
  lu.assertStrContains(output, "(rate = 0.5, side = b, seed = 2): no luck at step 7")
  lu.assertEquals(#with_status("runs", "failed"), 1)
  lu.assertEquals(#with_status("runs", "finished"), 23)
  finish("runs", {}, "--jobs", "2")
  finish("whole", {}, "--jobs", "2")
  lu.assertEquals(dump "runs", dump "whole")
end

function TestSweep:test_gnu_parallel_makes_the_same_runs_and_repeats_what_failed()
  if not os.execute "parallel --version >/dev/null 2>&1" then
    print "skipped: parallel is not installed"
    lu.skip "parallel is not installed"
  end
  local list, code = finish("list", {}, "--on", "list")
  lu.assertEquals(code, 0)
  lu.assertEquals(select(2, list:gsub("%-%-task %d+\n", "")), 24)
  system.write_file(place .. "/lines", list)
  local function parallel(fail)
    local command = "PERILUNE_RUNS='%s/list' SWEEP_FAIL=%s parallel --will-cite -j2 --joblog '%s/log' "
      .. "--resume-failed <'%s/lines' >/dev/null 2>&1"
    return select(3, os.execute(command:format(place, fail, place, place)))
  end
  lu.assertEquals(parallel(0.5), 1)
  lu.assertEquals(#with_status("list", "failed"), 1)
  lu.assertEquals(parallel(-1), 0)
  finish("pool", {}, "--jobs", "2")
  lu.assertEquals(dump "list", dump "pool")
  lu.assertEquals(count(dump "list"), 24)
end

--- Sends a signal to a row in its loop; gives the exit status of its process.
local function signalled(name)
  local row = start("runs", { SWEEP_PAUSE = 0.1 }, "--task", "3")
  wait_until(function()
    local one = with_status("runs", "running")[1]
    return one and system.exists(one.path .. "/checkpoints")
  end)
  os.execute(("kill -%s %d"):format(name, with_status("runs", "running")[1].pid))
  wait_until(function() return row:status() end)
  return row:status()
end

function TestSweep:test_a_signal_saves_the_step_and_the_same_call_goes_on()
  for name, code in pairs { USR2 = 75, TERM = 130 } do
    lu.assertEquals(signalled(name), code)
    local one = with_status("runs", "interrupted")[1]
    lu.assertTrue(one.step >= 5 and one.step < 20, one.step)
    lu.assertStrContains(one.error, ("stopped by SIG%s after step %d"):format(name, one.step))
    local saved = system.list_folder(one.path .. "/checkpoints")
    lu.assertEquals(math.tointeger(saved[#saved]:match "%d+"), one.step)
    lu.assertEquals(select(2, finish("runs", {}, "--task", "3")), 0)
    lu.assertEquals(#with_status("runs", "finished"), 1)
    finish("whole", {}, "--task", "3")
    lu.assertEquals(dump "runs", dump "whole")
    os.execute(("rm -rf '%s/runs'"):format(place))
  end
end

function TestSweep:test_a_training_that_is_told_to_save_ends_with_the_same_parameters()
  local own = script
  script = support.root .. "/Tests/sweep/training.lua"
  local row = start("runs", { SWEEP_PAUSE = 0.15 }, "--task", "2")
  wait_until(function()
    local one = with_status("runs", "running")[1]
    return one and one.step >= 3
  end)
  os.execute(("kill -USR2 %d"):format(with_status("runs", "running")[1].pid))
  wait_until(function() return row:status() end)
  lu.assertEquals(row:status(), 75)
  local one = with_status("runs", "interrupted")[1]
  lu.assertTrue(one.step >= 3 and one.step < 20, one.step)
  lu.assertEquals((finish("runs", {}, "--jobs", "2")), "2\t64\n")
  finish("whole", {}, "--jobs", "2")
  script = own
  lu.assertEquals(dump "runs", dump "whole")
end

function TestSweep:test_a_pool_that_is_asked_to_end_lets_its_rows_save()
  local pool = start("runs", { SWEEP_PAUSE = 0.1 }, "--jobs", "2")
  wait_until(function()
    local running = with_status("runs", "running")
    return #running == 2 and running[2].step >= 1
  end)
  pool:terminate()
  wait_until(function() return pool:status() end)
  lu.assertEquals(pool:status(), 130)
  lu.assertEquals(#with_status("runs", "running"), 0)
  local saved = with_status("runs", "interrupted")
  lu.assertEquals(#saved, 2)
  for i = 1, 2 do
    lu.assertStrContains(saved[i].error, "stopped by SIGTERM")
    lu.assertEquals(#system.list_folder(saved[i].path .. "/checkpoints") > 0, true)
  end
end

function TestSweep:test_a_signal_outside_of_a_loop_is_an_error_that_ends_with_its_code()
  local body = "require('perilune.system').on_stop 'raise'; io.popen('kill -%s $PPID'):close()\n"
    .. "while true do os.time() end"
  for name, code in pairs { USR2 = 75, TERM = 130 } do
    system.write_file(place .. "/stop.lua", body:format(name))
    local command = ("'%s' '%s/stop.lua' 2>/dev/null"):format(system.program(), place)
    lu.assertEquals(select(3, os.execute(command)), code)
  end
end

function TestSweep:test_a_row_that_another_process_makes_is_left_alone()
  local first = start("runs", { SWEEP_PAUSE = 0.2 }, "--task", "1")
  wait_until(function() return #with_status("runs", "running") == 1 end)
  local output, code = finish("runs", {}, "--task", "1")
  lu.assertEquals(code, 75)
  lu.assertStrContains(output, "is being made by another process")
  wait_until(function() return first:status() end)
  lu.assertEquals(first:status(), 0)
  lu.assertEquals(count(dump "runs"), 1)
end

function TestSweep:test_a_changed_script_is_another_sweep_unless_it_is_called_the_same()
  local file = place .. "/rows.lua"
  local text = assert(io.open(script)):read "a"
  local own = script
  script = file
  system.write_file(file, text)
  finish("runs", { SWEEP_RATES = 1 }, "--jobs", "2")
  lu.assertEquals(count(dump "runs"), 6)
  system.write_file(file, "-- changed\n" .. text)
  finish("runs", { SWEEP_RATES = 1 }, "--on", "list")  -- a plan that has no runs is not the same sweep
  lu.assertEquals((finish("runs", { SWEEP_RATES = 1 }, "--jobs", "2", "--same")), "6\t3\n")
  lu.assertEquals(count(dump "runs"), 6)
  finish("runs", { SWEEP_RATES = 1 }, "--jobs", "2")
  lu.assertEquals(count(dump "runs"), 12)
  for _, name in ipairs(system.list_folder(place .. "/runs/.sweeps/toy")) do
    if name:match "%.jsonl$" then system.write_file(place .. "/runs/.sweeps/toy/" .. name, "not a plan") end
  end
  lu.assertStrContains((finish("runs", { SWEEP_RATES = 1 }, "--same")), ".jsonl is damaged, and --same needs")
  lu.assertEquals((finish("runs", { SWEEP_RATES = 1 }, "--jobs", "2")), "6\t3\n", "the plan is written anew")
  script = own
end

function TestSweep:test_stores_are_merged_without_doubles()
  finish("one", {}, "--task", "1,2,3")
  finish("two", {}, "--task", "3,4")
  finish("failed", { SWEEP_FAIL = 0.1 }, "--task", "10")
  finish("mended", {}, "--task", "10")
  lu.assertEquals(#with_status("failed", "failed"), 1)
  local all = place .. "/all"
  lu.assertEquals(run.merge(place .. "/failed", all), { added = 1, replaced = 0, known = 0, running = 0 })
  lu.assertEquals(run.merge(place .. "/one", all), { added = 3, replaced = 0, known = 0, running = 0 })
  lu.assertEquals(run.merge(place .. "/two", all), { added = 1, replaced = 0, known = 1, running = 0 })
  lu.assertEquals(run.merge(place .. "/mended", all), { added = 0, replaced = 1, known = 0, running = 0 })
  lu.assertEquals(run.merge(place .. "/failed", all), { added = 0, replaced = 0, known = 1, running = 0 })
  finish("whole", {}, "--task", "1,2,3,4,10")
  lu.assertEquals(dump "all", dump "whole")
end

function TestSweep:test_runs_of_one_name_and_other_beginnings_are_all_kept()
  for _, store in ipairs { "a", "b" } do
    for _ in run.open({ name = "own", folder = place .. "/" .. store, config = { lr = 1 } }):steps(1) do
      system.sleep(0.001)
    end
  end
  lu.assertEquals(run.merge(place .. "/a", place .. "/b").added, 1)
  lu.assertEquals(run.merge(place .. "/a", place .. "/b").known, 1)
  lu.assertEquals(count(dump "b"), 2)
end

function TestSweep:test_wrong_grids_and_flags_are_named()
  local message = support.message
  lu.assertEquals(message(plan.settings, { beta = 0.1 }),
    "sweep: 'beta' of the grid takes a list of values, got 0.1")
  lu.assertEquals(message(plan.settings, { beta = { print } }),
    "sweep: 'beta' takes numbers, texts and booleans, got a function")
  lu.assertEquals(message(plan.settings, { seed = { 1 } }),
    "sweep: the grid may not have 'seed', which every row has")
  lu.assertStrContains(message(plan.new, { name = "../a" }), "no leading dot, got '../a'")
  lu.assertStrContains(message(plan.new, { name = ("x"):rep(188) }), "sweep: the name has 1 to 187 letters")
  local output, code = finish("runs", {}, "--job", "2")
  lu.assertEquals(code, 1)
  lu.assertStrContains(output, "unknown option '--job'; did you mean '--jobs'?")
  output, code = finish("runs", {}, "--task", "25")
  lu.assertEquals(code, 1)
  lu.assertStrContains(output, "--task takes row numbers from 1 to 24, not '25'")
  output = finish("runs", { SWEEP_RATES = "1,1" })
  lu.assertStrContains(output, "sweep: rows 1 and 3 have the same settings")
end

os.exit(lu.LuaUnit.run())
