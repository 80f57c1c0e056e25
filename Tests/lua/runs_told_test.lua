--- What a new process is told about the runs that are there: unfinished, damaged, being made.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local perilune = require "perilune"
local run, system = perilune.run, perilune.system

local folder

TestTold = {}

function TestTold:setUp()
  folder = support.new_path()
  system.make_folder(folder)
end
function TestTold:tearDown() os.execute(("rm -rf '%s'"):format(folder)) end

--- A script of ten steps with a checkpoint after every third, and how it is started; it is killed at a step
-- that the variable STOP names.
local function start(more, variables)
  system.write_file(folder .. "/gap.lua", ([[
    local run, system = require "perilune.run", require "perilune.system"
    local notes = { seen = 0 }
    local job = run.open { name = "gap", folder = "%s/runs", config = { seed = 1 }, checkpoint_every = 3,
      state = { notes = notes } }
    local stop = tonumber(os.getenv "STOP")
    for step in job:steps(10) do
      notes.seen = notes.seen + step
      job:log { seen = notes.seen }
      if step == stop then os.execute(os.getenv "BY") end
    end
    print(job.id, notes.seen)
  ]]):format(folder))
  local pipe <close> = assert(io.popen(("%s '%s' '%s/gap.lua' %s 2>&1"):format(
    variables or "", system.program(), folder, more or "")))
  return pipe:read "a"
end

local killed <const> = "STOP=8 BY='kill -9 $PPID'"

local function runs() return folder .. "/runs" end

function TestTold:test_a_run_that_was_killed_and_is_begun_anew_is_named_with_the_way_back()
  start("", killed)
  lu.assertEquals(run.read("gap", runs()).status, "lost")
  local said = start("", "STOP=2 BY='kill -9 $PPID'")
  lu.assertStrMatches(said, "run gap%-2: new, though 'gap' of the same config is lost at step %d, "
    .. "with a checkpoint of step 6: `%-%-resume`, or run.resume \"gap\", goes on with that one\n.*")
  local history = run.read("gap-2", runs()):history()
  lu.assertEquals(history[2].what, "beside")
  lu.assertStrContains(history[2].text, "'gap' of the same config is lost")
  lu.assertEquals(start "--resume", "gap\t55\n", "of two unfinished ones the further")
  lu.assertEquals(start "--resume", "gap-2\t55\n", "the one that is left")
  lu.assertEquals(run.read("gap", runs()).status, "finished")
  lu.assertEquals(start(), "gap-3\t55\n", "a run that was finished needs no word")
end

function TestTold:test_each_end_before_the_end_is_named()
  start("", "STOP=8 BY='kill -TERM $PPID; sleep 0.1'")
  lu.assertStrContains(start("", "STOP=1 BY='kill -9 $PPID'"),
    "'gap' of the same config is interrupted at step 8, with a checkpoint of step 8: `--resume`")
  run.remove("gap", runs())
  run.remove("gap-2", runs())
  start("", "STOP=2 BY='kill -9 $PPID'")
  lu.assertStrMatches(start(), "run gap%-2: .* is lost at step %d, without a checkpoint: `%-%-resume`, or "
    .. "run.resume \"gap\", begins that one again\ngap%-2\t55\n")
  for _, resume in ipairs { "never", "allow" } do
    lu.assertEquals(support.with_errors(function()
      run.open({ name = "gap", folder = runs(), config = { seed = resume }, resume = resume }):finish()
    end):find "of the same config", nil, "another config, or a script that says what it wants")
  end
end

function TestTold:test_a_second_process_that_would_go_on_is_refused()
  local second = "\"%s\" %s/gap.lua --resume >%s/second 2>&1; echo status $? >>%s/second"
  local said = start("", ("STOP=4 BY='%s'"):format(second:format(system.program(), folder, folder, folder)))
  lu.assertEquals(said, "gap\t55\n", "the first one goes on to its end")
  local file <close> = assert(io.open(folder .. "/second"))
  second = file:read "a"
  lu.assertStrMatches(second, ".*run 'gap' has a writer already, process %d+ on .*")
  lu.assertEquals(second:match "status (%d+)", "1")
  lu.assertEquals(#run.runs { folder = runs() }, 1)
end

function TestTold:test_a_signal_and_a_full_disk_have_their_line_and_none_of_the_library()
  local said = start("", "STOP=8 BY='kill -TERM $PPID; sleep 0.1'")
  lu.assertEquals(said, ("%s: run gap: stopped by SIGTERM after step 8, which is saved; `--resume` goes on "
    .. "from there\n"):format(system.program()))
  local path = folder .. "/disk.lua"
  system.write_file(path, ([[
    local perilune = require "perilune"
    perilune.parallel.map({ 1, 2 }, function(i)
      perilune.system.write_file("%s/" .. i, ("x"):rep(1 << 23))
    end, { quiet = true })]]):format(folder))
  local pipe <close> = assert(io.popen(("ulimit -f 8192; '%s' '%s' 2>&1"):format(system.program(), path)))
  local refused = "item %d: cannot write %s/%d: File too large"
  lu.assertEquals(pipe:read "a", ("%s: parallel.map: %s\n%s (2 of 2 items failed)\n"):format(system.program(),
    refused:format(1, folder, 1), refused:format(2, folder, 2)))
end

--- A signal that comes while a checkpoint is saved: the save is completed, no further step is taken.
function TestTold:test_a_signal_within_a_save_waits_for_it_and_takes_no_further_step()
  for signal, code in pairs { INT = 130, TERM = 130, USR2 = 75 } do
    local script = ([[
      local run, system = require "perilune.run", require "perilune.system"
      local part = { load_state = print }
      function part:save_state(folder, name)
        os.execute "(sleep 0.05; kill -%s $PPID) &"
        local from = system.clock()
        repeat until system.stop_signal() or system.clock() - from > 20
        system.write_file(folder .. "/" .. name, "whole")
      end
      local job = run.open { name = "%s", folder = "%s", checkpoint_every = 3, state = { part = part } }
      for step in job:steps(50) do job:log { x = step } end]]):format(signal, signal, runs())
    local _, _, status = os.execute(("'%s' -e '%s' 2>/dev/null"):format(system.program(), script))
    lu.assertEquals(status, code, signal)
    local record = run.read(signal, runs())
    lu.assertEquals({ record.status, record.step }, { "interrupted", 3 }, signal)
    local path = require "perilune.native.run".newest(runs() .. "/" .. signal)
    lu.assertStrContains(path, "step-00000003")
  end
end

--- What a file of a store can have become, and what is said of it.
local damages <const> = {
  { "text", "echo step 1 > %s", "it is text, no database" },
  { "empty", ": > %s", "it is empty" },
  { "zeros", "truncate -s 0 %s; truncate -s 50000 %s", "its first 100 bytes are zero" },
  { "cut", "truncate -s 9000 %s", "it was cut: 9000 of its" },
  { "bytes", "head -c 200 /dev/urandom | tr '\\0' x | dd of=%s conv=notrunc bs=1 status=none",
    "its first bytes are not those of a database" },
  { "folder", "rm %s; mkdir %s", "it is a folder" },
}

local function damage(how, path) os.execute((how:gsub("%%s", "'" .. path .. "'"))) end

function TestTold:test_a_damaged_store_is_named_and_the_other_runs_are_listed()
  for _, one in ipairs(damages) do
    local own = folder .. "/" .. one[1]
    for _, name in ipairs { "bad", "good" } do
      local job = run.open { name = name, folder = own, config = { seed = 1 } }
      for step in job:steps(3) do job:log { loss = 1 / step } end
    end
    local path = own .. "/bad/run.sqlite"
    damage(one[2], path)
    local list
    local said = support.with_errors(function() list = run.runs { folder = own } end)
    lu.assertEquals(list.ids, { "good" })
    local texts = {
      said:gsub("^run.runs: ", ""), support.message(run.read, "bad", own),
      support.message(run.resume, "bad", { folder = own }),
      support.message(run.open, { name = "bad", folder = own, resume = "allow", config = { seed = 1 } }),
    }
    for _, text in ipairs(texts) do
      lu.assertStrContains(text, path .. " cannot be read: " .. one[3])
      lu.assertStrContains(text, "until run.sqlite is put back from a copy")
      lu.assertNil(text:find "SELECT", text)
    end
    local job
    support.with_errors(function() job = run.open { name = "bad", folder = own, config = { seed = 1 } } end)
    lu.assertEquals(job.id, "bad-2", "a new run needs no old one")
    job:finish()
    run.remove("bad", own)
    lu.assertEquals(#run.runs { folder = own }, 2)
  end
end

function TestTold:test_a_damaged_index_is_made_anew()
  for i = 1, 3 do
    run.open({ name = "r" .. i, folder = runs(), config = { seed = i } }):finish()
  end
  for _, one in ipairs(damages) do
    damage(one[2], runs() .. "/runs.sqlite")
    local said = support.with_errors(function()
      lu.assertEquals(#run.runs { folder = runs() }, 3, one[1])
      lu.assertEquals(run.runs({ folder = runs(), seed = 2 }).ids, { "r2" })
    end)
    lu.assertEquals(said, "", one[1])
    lu.assertTrue(system.exists(runs() .. "/runs.sqlite"))
  end
  damage("rm %s; mkdir -p %s/kept", runs() .. "/runs.sqlite")
  local said = support.with_errors(function() lu.assertEquals(#run.runs { folder = runs() }, 3) end)
  lu.assertStrContains(said, "runs.sqlite is a folder")
end

function TestTold:test_the_view_names_a_damaged_run_and_shows_short_settings_that_differ()
  for i, name in ipairs { "bad", "good", "other" } do
    local config = { seed = i, kind = i == 3 and "sft" or nil, hash = ("%d"):format(i):rep(64) }
    local job = run.open { name = name, folder = runs(), config = config }
    for step in job:steps(3) do job:log { loss = i / step } end
  end
  system.write_file(runs() .. "/bad/run.sqlite", "text")
  local function shown(options)
    local pipe <close> = assert(io.popen(("PERILUNE_RUNS='%s' '%s' %s 2>&1"):format(
      runs(), system.program(), options)))
    return pipe:read "a"
  end
  local text = shown "--runs"
  lu.assertStrContains(text, "bad/run.sqlite cannot be read: it is text, no database")
  lu.assertEquals(text:match "good [^\n]*":match "%S+$", "seed=2", "no hash, no setting that one run has")
  shown("--runs-html=" .. folder .. "/page.html")
  local file <close> = assert(io.open(folder .. "/page.html"))
  lu.assertStrContains(file:read "a", "bad/run.sqlite cannot be read")
end

function TestTold:test_a_run_that_is_being_made_is_not_merged_over()
  start("", killed)
  os.execute(("cp -r '%s' '%s/from'"):format(runs(), folder))
  for step in run.resume("gap", { folder = folder .. "/from", state = { notes = {} } }):steps(9) do
    lu.assertTrue(step > 6)
  end
  local writer = run.resume("gap", { folder = runs(), state = { notes = {} } })
  lu.assertEquals(run.merge(folder .. "/from", runs()).running, 1)
  writer:finish "interrupted"
  lu.assertEquals(run.merge(folder .. "/from", runs()).replaced, 1)
  system.write_file(folder .. "/from/gap/run.sqlite", "text")
  local said = support.with_errors(function() run.merge(folder .. "/from", runs()) end)
  lu.assertStrContains(said, "run.merge: left out: ")
end

os.exit(lu.LuaUnit.run())
