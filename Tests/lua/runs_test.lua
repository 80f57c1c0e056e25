--- Runs that last: resumed after kill -9 as if never cut, found by their settings, tabled, exported.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local toy = require "toy"
local perilune = require "perilune"
local models, optim, run, system = perilune.models, perilune.optim, perilune.run, perilune.system

local folder

TestRuns = {}

function TestRuns:setUp() folder = support.new_path() end
function TestRuns:tearDown() os.execute(("rm -rf '%s'"):format(folder)) end

local rows = models.rows({ { 2, 3 }, { 4, 5 } }, { { 7, 7, 1 }, { 7, 1 } })

--- A loop of a user's own: `steps` steps of SFT, a figure and an event. Returns the job and the model.
local function train(given, steps, within)
  local model, notes = toy.model(1), { seen = 0 }
  local adam = optim.adamw(model, { lr = 0.01 })
  local o = toy.with({ name = "own", folder = folder, config = { lr = 0.01, seed = 1 }, checkpoint_every = 3,
    state = { model = model, adam = adam, notes = notes } }, given)
  local job = run.open(o)
  for step in job:steps(steps) do
    adam:zero_grad()
    local loss = -model:logps(rows):mean()
    loss:backward()
    adam:step()
    notes.seen = notes.seen + step
    job:log { loss = loss:item(), nested = { seen = notes.seen } }
    if step % 4 == 0 then job:event("evaluated", "at " .. step) end
    if within then within(step, job) end
  end
  return job, model
end

function TestRuns:test_a_run_killed_anywhere_ends_as_one_that_was_never_cut()
  local _, whole = train({ folder = folder .. "/whole" }, 12)
  local expected = run.read("own", folder .. "/whole"):dump()
  lu.assertEquals(select(2, expected:gsub("figure\tloss", "")), 12)
  local kills = 0
  for i = 1, 12 do
    local taken = 0
    local child = system.fork(function(send)
      train({ resume = "allow" }, 12, function(step)
        send(tostring(step))
        taken = taken + 1
        if taken > i % 3 then system.sleep(60) end  -- it is killed here, however late its parent wakes
      end)
    end)
    local lines = {}
    repeat
      table.move(child:lines(0.05), 1, 9, #lines + 1, lines)
    until #lines > i % 3 or child:status()
    if not child:status() then kills = kills + 1 end
    child:stop()
    if child:status() == 0 then break end
    lu.assertEquals(run.read("own", folder).status, "lost")
  end
  lu.assertTrue(kills >= 2, kills)
  local job, model = train({ resume = "allow" }, 12)
  lu.assertEquals(job.id, "own")
  lu.assertEquals(model:hash(), whole:hash())
  lu.assertEquals(run.read("own", folder):dump(), expected)
  lu.assertEquals(run.read("own", folder).status, "finished")
end

function TestRuns:test_a_finished_run_that_is_opened_again_takes_no_step()
  train({}, 6)
  local taken = 0
  local job, model = train({ resume = "allow" }, 6, function() taken = taken + 1 end)
  lu.assertEquals(taken, 0)
  lu.assertEquals(job.id, "own")
  local _, longer = train({ resume = "must" }, 8, function() taken = taken + 1 end)
  lu.assertEquals(taken, 2)
  lu.assertNotEquals(longer:hash(), model:hash())
end

function TestRuns:test_each_end_has_its_status()
  local message = support.message(train, {}, 9, function(step)
    if step == 5 then error("no luck", 0) end
  end)
  lu.assertEquals(message, "no luck")
  local failed = run.read("own", folder)
  lu.assertEquals({ failed.status, failed.step, failed.error }, { "failed", 5, "no luck" })
  local job = run.open { name = "left", folder = folder }
  for step in job:steps(9) do
    if step == 2 then break end
  end
  lu.assertEquals(run.read("left", folder).status, "interrupted")
  local again = run.resume("left", { folder = folder })
  local refusal = support.message(run.resume, "left", { folder = folder })
  lu.assertStrContains(refusal, "has a writer already, process")
  again:finish()
  lu.assertEquals(run.read("left", folder).status, "finished")
end

function TestRuns:test_a_damaged_checkpoint_is_named_and_the_one_before_is_used()
  local _, whole = train({}, 7)
  local path = folder .. "/own/checkpoints/step-00000007/model.safetensors"
  system.write_file(path, "x")
  local job, model
  local said = support.with_errors(function() job, model = train({ resume = "must" }, 7) end)
  lu.assertStrContains(said, "model.safetensors is damaged: it has 1 bytes, not")
  lu.assertEquals(model:hash(), whole:hash())
  local history = {}
  for i, row in ipairs(run.read(job.id, folder):history()) do history[i] = row.what end
  lu.assertEquals(table.concat(history, " "), "started finished resumed damaged cut finished")
end

function TestRuns:test_a_fork_goes_on_from_a_checkpoint_with_other_settings()
  train({}, 6)
  local notes = {}
  local o = { name = "fork", folder = folder, config = { lr = 1 }, state = { notes = notes } }
  lu.assertStrContains(support.message(run.fork, "own", 4, o), "it has those of steps 3, 6")
  local job = run.fork("own", 3, o)
  for _ in job:steps(5) do job:log { loss = notes.seen } end
  local fork = run.read("fork", folder)
  lu.assertEquals({ fork.parent, fork.branch_step, fork.config.lr }, { "own", 3, 1 })
  local steps, values = fork:curve "loss"
  lu.assertEquals(steps, { 1, 2, 3, 4, 5 })
  lu.assertEquals(values[1], select(2, run.read("own", folder):curve "loss")[1])
  lu.assertEquals(values[4], 6)
  lu.assertEquals(run.diff(fork, run.read("own", folder))[1], { path = "lr", a = 1, b = 0.01 })
end

function TestRuns:test_bad_input_is_refused_by_name()
  local function refused(f, given, part)
    lu.assertStrContains(support.message(f, given), part)
  end
  refused(run.open, { name = "a", folder = folder, resume = "maybe" }, "resume")
  refused(run.open, { name = "a/b", folder = folder }, "the name of a run has 1 to 200 letters")
  refused(run.open, { name = "runs.sqlite", folder = folder }, "must not be that of the folder's index")
  refused(run.open, { name = "a", folder = folder, config = { f = print } }, "config.f is a function")
  refused(run.open, { name = "a", folder = folder, config = { s = "\xff" } }, "config.s is no UTF-8")
  refused(run.open, { name = "a", folder = folder, config = { ["a.b"] = 1, a = { b = 2 } } },
    "two settings of config have the path 'a.b'")
  refused(run.open, { name = "a", folder = folder, state = { f = 3 } }, "state.f must be a Model")
  refused(run.open, { name = "a", folder = folder, resume = "must" }, "there is no such run")
  lu.assertStrContains(support.message(run.read, "a", { folder = folder }), "the name of a folder of runs")
  train({}, 3)
  lu.assertStrContains(
    support.message(run.open, { name = "own", folder = folder, resume = "must", config = { lr = 2 } }),
    "another config: lr 0.01 became 2")
  lu.assertStrContains(support.message(run.runs, { folder = folder, lrr = 1 }), "did you mean 'lr'")
  refused(run.runs, "x", "run.runs: options must be a table, not 'x'")
  refused(run.runs, { folder = 5 }, "run.runs: expected the name of a folder of runs, got 5")
  refused(run.merge, 5, "run.merge: expected a folder of runs, got 5")
  refused(run.from_csv, nil, "run.from_csv: expected the name of a file, got nil")
  lu.assertStrContains(support.message(run.resume, "a", "x"), "run.resume: options must be a table, not 'x'")
  lu.assertStrContains(support.message(run.fork, "own", 1.5), "expected the step of a checkpoint, got 1.5")
  local list = run.runs { folder = folder }
  lu.assertStrContains(support.message(list.diff, list, 1), "a position from 1 to 1 or an id, got nil")
  lu.assertStrContains(support.message(list.diff, list, 1, 9), "a position from 1 to 1 or an id, got 9")
  for _, name in ipairs { "csv", "tensorboard", "trackio" } do
    lu.assertStrContains(support.message(list[name], list), "list:" .. name .. ": expected the name of a f")
  end
end

function TestRuns:test_a_name_that_leads_elsewhere_is_refused()
  train({ name = "a" }, 3)
  for _, id in ipairs { "../a", "a/b", "..", ".", "", "a\0b", 5 } do
    lu.assertStrContains(support.message(run.read, id, folder), "the name of a run's folder, got")
    lu.assertStrContains(support.message(run.remove, id, folder .. "/x"), "the name of a run's folder, got")
    lu.assertStrContains(support.message(run.fork, id, 3, { folder = folder, name = "f" }),
      "the name of a run's folder, got")
    if type(id) == "string" then
      lu.assertStrContains(support.message(run.resume, id, { folder = folder }), "the name of a run's folder")
    end
  end
  for _, f in ipairs { run.open, run.runs } do
    lu.assertStrContains(support.message(f, { folder = folder .. "\0x", name = "a" }), "has a NUL: ")
  end
  lu.assertStrContains(support.message(run.read, "a", folder .. "\0x"), "has a NUL: ")
  lu.assertEquals(#run.runs { folder = folder }, 1)
end

function TestRuns:test_a_run_that_is_not_gone_on_with_for_its_config_says_what_differs()
  train({}, 3)
  local o = { resume = "allow", config = { lr = 0.02, seed = 1 } }
  local job
  local said = support.with_errors(function() job = train(o, 3) end)
  lu.assertEquals(job.id, "own-2")
  lu.assertEquals(said, "run own-2: new, since 'own' has another config: lr 0.01 became 0.02\n")
  lu.assertEquals(support.with_errors(function() train(o, 3) end), "", "now it is there")
  lu.assertEquals(#run.runs { folder = folder }, 2)
end

--- Ctrl-C, SIGTERM and SIGUSR2: the step is completed and saved, and nothing of it is lost.
function TestRuns:test_a_signal_waits_until_the_step_is_saved_and_the_same_again_does_not()
  for signal, code in pairs { INT = 130, TERM = 130, USR2 = 75 } do
    local script = ([[
      local run, system = require "perilune.run", require "perilune.system"
      local job = run.open { name = "%s", folder = "%s", checkpoint_every = 100, state = { notes = {} } }
      for step in job:steps(50) do
        job:log { x = step }
        if step == 7 then
          os.execute "(sleep 0.05; kill -%s $PPID) &"
          local from = system.clock()
          repeat until system.stop_signal() or system.clock() - from > 20
          job:event("rest", "of it")
        end
      end]]):format(signal, folder, signal)
    local _, _, status = os.execute(("'%s' -e '%s' 2>/dev/null"):format(system.program(), script))
    lu.assertEquals(status, code, signal)
    local record = run.read(signal, folder)
    lu.assertEquals({ record.status, record.step, record:files()[1].step }, { "interrupted", 7, 7 })
    lu.assertStrContains(record.error, "stopped by SIG" .. signal
      .. " after step 7, which is saved; `--resume` goes on from there")
    lu.assertEquals(record:events()[1].text, "of it")
  end
  local job = run.open { name = "twice", folder = folder }
  local ok, problem = pcall(function()
    for _ in job:steps(9) do
      os.execute(("(for i in 1 2; do sleep 0.05; kill -INT %d; done) &"):format(support.pid()))
      repeat until system.clock() < 0
    end
  end)
  lu.assertFalse(ok)
  lu.assertTrue(system.is_interrupt(problem))
  lu.assertEquals(run.read("twice", folder).step, 0)
  for step in run.open({ name = "after", folder = folder }):steps(3) do lu.assertTrue(step <= 3) end
  lu.assertEquals(run.read("after", folder).status, "finished", "a Ctrl-C that is over stops no later run")
end

function TestRuns:test_a_long_curve_has_few_points_unless_all_are_asked_for()
  local job = run.open { name = "long", folder = folder }
  for step = 1, 6000 do job:log({ x = step, bad = 0 / 0 }, step) end
  job:finish()
  local long = run.read("long", folder)
  local steps, values = long:curve "x"
  lu.assertEquals({ #steps, steps[1], steps[500], values[500] }, { 500, 1, 6000, 6000 })
  lu.assertEquals(#long:curve("x", "all"), 6000)
  lu.assertEquals(#long:curve("x", 10), 10)
  lu.assertStrContains(support.message(long.curve, long, "x", 1), "at least 2 points")
  lu.assertEquals({ long:value("x", "max"), long:value("x", "min") }, { 6000, 1 })
  lu.assertEquals(long:value("x", "mean"), 3000.5)
  lu.assertNil(long:value("bad", "mean"))
  run.runs({ folder = folder }):csv(folder .. "/long.csv")
  local count = 0
  for line in io.lines(folder .. "/long.csv") do count = count + (line:find(",x,", 1, true) and 1 or 0) end
  lu.assertEquals(count, 6000, "what is exported is whole")
end

function TestRuns:test_a_store_that_was_removed_is_an_error_at_the_next_checkpoint()
  local problem
  local said = support.with_errors(function()
    problem = support.message(train, {}, 7, function(step)
      if step == 2 then os.execute(("rm -r '%s/own'"):format(folder)) end
    end)
  end)
  lu.assertStrContains(said, "no checkpoint of step 3")
  lu.assertStrContains(problem, "own/run.sqlite was removed while the run was made")
end

--- Eight runs: two sides, two betas, two seeds; the figure is a function of them.
local function grid()
  for _, side in ipairs { "online", "offline" } do
    for _, beta in ipairs { 0.1, 1 } do
      for seed = 1, 2 do
        local job = run.open { name = side, folder = folder,
          config = { side = side, loss = { beta = beta }, seed = seed } }
        for step in job:steps(3) do job:log { win = beta + seed + step } end
      end
    end
  end
end

function TestRuns:test_runs_are_found_tabled_and_compared()
  grid()
  local list = run.runs { folder = folder, ["loss.beta"] = 0.1 }
  lu.assertEquals(#list, 4)
  lu.assertEquals(list.ids, { "online", "online-2", "offline", "offline-2" })
  lu.assertEquals(#run.runs { folder = folder, side = "online", seed = 2 }, 2)
  lu.assertEquals(list:curve("win")[1], { id = "online", steps = { 1, 2, 3 }, values = { 2.1, 3.1, 4.1 } })
  lu.assertEquals(list:differing(), { "seed", "side" })
  lu.assertEquals(list:diff(1, 2), { { path = "seed", a = 1, b = 2 } })
  local all = run.runs { folder = folder }
  local wins = all:table { rows = "side", cols = "loss.beta", value = "win", by = "seed" }
  local cell = wins:cell("online", 0.1)
  -- Student's interval of 4.1 and 5.1: 4.6 -+ t.ppf(0.975, 1) * sqrt(0.5 / 2), scipy.stats 1.17.1.
  support.close(cell.mean, 4.6, 1e-12)
  support.close(cell.low, 4.6 - 12.706204736174694 * 0.5, 1e-7)
  lu.assertEquals(cell.count, 2)
  local peaks = all:table { rows = "side", value = "win", take = "max", by = "seed" }
  support.close(peaks:cell("offline").mean, 5.05)
  lu.assertStrContains(tostring(wins), "side \\ loss.beta  0.1")
  local function refused(given) return support.message(all.table, all, given) end
  lu.assertStrContains(refused { rows = "side", value = "wim" }, "did you mean 'win'")
  lu.assertStrContains(refused { rows = "side", value = "status" },
    "list:table: none of the 8 runs has a number 'status'; ")
  train({}, 3)
  local others = run.runs { folder = folder, side = "online" }
  lu.assertStrContains(support.message(others.table, others, { rows = "side", value = "loss" }),
    "list:table: none of the 4 runs has a number 'loss'; ")
  lu.assertStrContains(support.message(others.table, others, { rows = "lr", value = "win" }),
    "none of the 4 runs has the setting 'lr'; ")
  lu.assertStrContains(support.message(others.curve, others, "wim"),
    "list:curve: none of the 4 runs has a figure 'wim'; did you mean 'win'?")
  lu.assertStrContains(tostring(all), "online-2")
end

function TestRuns:test_runs_go_out_as_csv_and_come_back()
  train({}, 5, function(step, job)
    if step == 5 then
      job:set("peak", 0.5)
      job:set("note", "a, \"b\"")
      job:log { bad = 0 / 0, high = math.huge, low = -math.huge }
    end
  end)
  local path = folder .. "/all.csv"
  run.runs({ folder = folder }):csv(path)
  local ids = run.from_csv(path, folder .. "/in")
  lu.assertEquals(ids, { "own" })
  local function lines(text) return (text:gsub("checkpoint\t[^\n]*\n", "")) end
  lu.assertEquals(lines(run.read("own", folder .. "/in"):dump()), lines(run.read("own", folder):dump()))
end

function TestRuns:test_a_file_that_is_wrong_makes_no_run_and_is_named_with_its_row()
  local path = folder .. ".csv"
  local function refused(row, part)
    system.write_file(path, "run,kind,name,step,value\nr,figure,loss,1,0.5\n" .. row .. "\n")
    local message = support.message(run.from_csv, path, folder)
    lu.assertStrContains(message, ("run.from_csv: %s: row 3: %s"):format(path, part))
    lu.assertFalse(system.exists(folder))
  end
  refused("r,config,,,{bad", "the value is no JSON: expected a key in quotes")
  refused("r,config,,,5", "the config is 5, no table of settings")
  refused("r,figure,loss,abc,1", "the step is 'abc', no whole number")
  refused("r,figure,loss,,1", "the step is nil, no whole number")
  refused("r,figure,,1,1", "there is no name")
  refused("r,figure,loss,1,xx", "the value is 'xx', no number")
  refused("r,figures,loss,1,1", "the kind is 'figures'; did you mean 'figure'?")
  refused("r,,loss,1,1", "there is no run or kind; expected the columns run, kind, name, step, value")
  refused("r,event,,1,text", "there is no name")
  os.remove(path)
end

function TestRuns:test_the_program_shows_its_runs_and_writes_a_page_of_them()
  local function shown(options)
    local command = ("PERILUNE_RUNS='%s' '%s' %s 2>&1"):format(folder, system.program(), options)
    local pipe <close> = assert(io.popen(command))
    return pipe:read "a"
  end
  lu.assertEquals(shown "--runs", "no runs in " .. folder .. "\n")
  grid()
  local text = shown "--runs"
  lu.assertStrContains(text, folder .. ": 8 runs")
  local line = text:match "offline%-4[^\n]*"
  lu.assertStrMatches(line, "offline%-4 +finished +3 +%d+ s +6 +loss.beta=1 seed=2 .*")
  local path = folder .. "/runs.html"
  lu.assertEquals(shown("--runs-html=" .. path), "")
  local file <close> = assert(io.open(path))
  local page = file:read "a"
  lu.assertStrContains(page, "The last 8 of 8 runs")
  lu.assertStrContains(page, "<svg")
end

function TestRuns:test_the_event_file_of_tensorboard_has_its_frames()
  train({}, 2)
  local record = run.read("own", folder)
  local path = require "perilune.run.tensorboard"(record, folder .. "/tb")
  local file <close> = assert(io.open(path, "rb"))
  local bytes, at, count = file:read "a", 1, 0
  while at <= #bytes do
    local length = ("<I8"):unpack(bytes, at)
    at, count = at + 16 + length, count + 1
  end
  lu.assertEquals({ at, count }, { #bytes + 1, 5 })
  -- Masked CRC-32C of the length 24 of the first record, by Python 3.11, whose table gives CRC-32C's check
  -- value E3069283.
  lu.assertEquals(("<I8"):unpack(bytes), 24)
  lu.assertEquals(bytes:sub(9, 12):gsub(".", function(c) return ("%02x"):format(c:byte()) end), "a37f4b22")
end

os.exit(lu.LuaUnit.run())
