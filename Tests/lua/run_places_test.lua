--- Where runs may be: behind symbolic links, beside pipes, and in a folder that processes use at once.
local lu = require "luaunit"
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local run, system = require "perilune.run", require "perilune.system"

local folder

TestRunPlaces = {}

function TestRunPlaces.setUp()
  folder = support.new_path()
  system.make_folder(folder)
end

function TestRunPlaces.tearDown() os.execute(("rm -rf '%s'"):format(folder)) end

--- A run of three steps in a folder of runs.
local function record(runs, resume)
  local job = run.open { name = "a", folder = runs, state = {}, resume = resume }
  for step in job:steps(3) do job:log { loss = step } end
  return job
end

--- `runs -> /scratch/...` was written, and could be neither listed nor resumed.
function TestRunPlaces.test_a_folder_of_runs_behind_a_link()
  local runs = folder .. "/runs"
  system.make_folder(folder .. "/elsewhere")
  lu.assertTrue(os.execute(("ln -s elsewhere '%s'"):format(runs)))
  record(runs, "never")
  lu.assertEquals(#run.runs { folder = runs }, 1)
  lu.assertEquals(record(runs, "allow").id, "a")
  lu.assertEquals(run.resume("a", { folder = runs, state = {} }).step, 3)
end

function TestRunPlaces.test_a_run_behind_a_link()
  local runs = folder .. "/runs"
  record(runs, "never")
  lu.assertTrue(os.execute(("cd '%s' && mv runs/a elsewhere && ln -s ../elsewhere runs/a"):format(folder)))
  lu.assertEquals(run.runs({ folder = runs })[1].id, "a")
  lu.assertEquals(run.resume("a", { folder = runs, state = {} }).step, 3)
end

--- The open of a pipe waits for its other end.
function TestRunPlaces.test_pipes_in_the_place_of_files()
  record(folder, "never")
  lu.assertTrue(os.execute(("cd '%s/a' && rm lock && mkfifo lock"):format(folder)))
  lu.assertEquals(#run.runs { folder = folder }, 1)
  lu.assertTrue(os.execute(("cd '%s/a' && rm run.sqlite && mkfifo run.sqlite"):format(folder)))
  local path = folder .. "/a/run.sqlite"
  support.refuses(("cannot open %s: it is not a regular file"):format(path), run.read, "a", folder)
end

--- What four processes say that record the run "a" of 8 steps at once, with further options of run.open.
local function said_by_four(more)
  local script = folder .. "/train.lua"
  system.write_file(script, ([[
    local run, system = require "perilune.run", require "perilune.system"
    local job = run.open {
      name = "a", folder = %q, config = { seed = 1 }, state = {}, resume = "allow" %s
    }
    for step in job:steps(8) do job:log { loss = step } system.sleep(0.1) end
  ]]):format(folder .. "/runs", more))
  local one = ("( '%s' --threads=1 '%s' 2>&1; echo status $? ) &"):format(system.program(), script)
  local pipe <close> = assert(io.popen(one:rep(4, " ") .. " wait"))
  local said = pipe:read "a"
  local runs = run.runs { folder = folder .. "/runs" }
  lu.assertEquals(#runs, 1, said)
  lu.assertEquals({ runs[1].id, runs[1].status, runs[1].step }, { "a", "finished", 8 })
  return said, #run.read("a", folder .. "/runs"):curve "loss"
end

--- Each of them made a run of its own, and said of the others that their config differs.
function TestRunPlaces.test_processes_that_begin_the_same_run_at_once()
  local said = said_by_four ""
  lu.assertEquals(select(2, said:gsub("status 0\n", "")), 1, said)
  lu.assertEquals(select(2, said:gsub("run 'a' has a writer already", "")), 3, said)
  lu.assertNotStrContains(said, "another config")
end

--- A run could be opened while its files were being removed, and another have its name before they were.
function TestRunPlaces.test_processes_that_make_and_remove_one_run()
  local script = folder .. "/churn.lua"
  system.write_file(script, ([[
    local run, folder = require "perilune.run", %q
    local function say(ok, problem)
      problem = not ok and tostring(problem) or ""
      if not ok and not problem:find "has a writer" and not problem:find "there is no such run" then
        print(problem)
      end
      return ok
    end
    for i = 1, 30 do
      local o = { name = "a", folder = folder, config = {}, state = {}, resume = "allow" }
      local ok, job = pcall(run.open, o)
      if say(ok, job) then
        for step in job:steps(job.step + 1) do job:log { loss = step } end
      end
      say(pcall(run.remove, "a", folder))
    end
  ]]):format(folder .. "/runs"))
  local one = ("( '%s' --threads=1 '%s' 2>&1; echo status $? ) &"):format(system.program(), script)
  local pipe <close> = assert(io.popen(one:rep(4, " ") .. " wait"))
  lu.assertEquals(pipe:read "a", ("status 0\n"):rep(4))
  local left <close> = assert(io.popen(("find '%s/runs' -mindepth 1 -type d"):format(folder)))
  lu.assertEquals(left:read "a", "")
end

--- Two figures that share runs refused each other as second writers.
function TestRunPlaces.test_processes_that_wait_for_the_one_that_makes_the_run()
  local said, records = said_by_four ", wait = true"
  lu.assertEquals(select(2, said:gsub("status 0\n", "")), 4, said)
  local waits = select(2, said:gsub("run a: waiting for process %d+ on %S+, which makes it\n", ""))
  lu.assertEquals(waits, 3, said)
  lu.assertEquals(records, 8)
end

--- It waited for itself, without an end.
function TestRunPlaces.test_a_process_does_not_wait_for_its_own_run()
  local function again(resume, at)
    return support.message(run.open,
      { name = "a", folder = at or folder, state = {}, resume = resume, wait = true })
  end
  local job = run.open { name = "a", folder = folder, state = {} }
  for _, resume in ipairs { "allow", "must" } do
    lu.assertStrContains(again(resume), "run 'a' has a writer already, process " .. support.pid())
  end
  lu.assertTrue(os.execute(("ln -s . '%s/link'"):format(folder)))
  lu.assertStrContains(again("must", folder .. "/link"), "run 'a' has a writer already")
  support.in_process(function() lu.assertStrContains(again "must", "run 'a' has a writer already") end)
  job:finish "finished"
  local other = run.open { name = "a", folder = folder, state = {}, resume = "must", wait = true }
  other:finish "finished"
  other:reopen()
  lu.assertStrContains(again "must", "run 'a' has a writer already")
  other:finish "finished"
end

os.exit(lu.LuaUnit.run())
