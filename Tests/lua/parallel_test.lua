--- parallel.map: what crosses between processes, what an error and Ctrl-C leave.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local parallel = require "perilune.parallel"
local system = require "perilune.system"

TestResults = {}

local function map(items, f, o)
  o = o or {}
  o.quiet, o.jobs = true, o.jobs or 2
  return parallel.map(items, f, o)
end

function TestResults.test_false_is_a_result()
  lu.assertEquals(map({ 1, 2 }, function() return false end), { false, false })
end

function TestResults.test_numbers_cross_exactly_nan_and_infinity_too()
  local sent = { 0.1, 1 / 3, 2 ^ 53 + 2, math.mininteger, 5e-324, 1 / 0, -1 / 0, -0.0, 3, 3.0 }
  local got = map({ 1 }, function() return { sent, nan = 0 / 0 } end)[1]
  for i, x in ipairs(sent) do
    lu.assertEquals(got[1][i], x)
    lu.assertEquals(math.type(got[1][i]), math.type(x))
  end
  lu.assertEquals(1 / got[1][8], -1 / 0)
  lu.assertTrue(got.nan ~= got.nan)
end

function TestResults.test_an_item_without_a_result_has_none()
  local got = map({ 1, 2, 3 }, function(n) if n ~= 2 then return n end end)
  lu.assertEquals({ got[1], got[2], got[3] }, { 1, nil, 3 })
end

function TestResults.test_any_bytes_and_keys_cross()
  local bytes = {}
  for i = 0, 255 do bytes[i + 1] = string.char(i) end
  local value = { [table.concat(bytes)] = "a\nb\r\n\0001\u{3b1}", [1.5] = { [true] = {} }, [7] = "\\" }
  lu.assertEquals(map({ 1 }, function() return value end)[1], value)
end

function TestResults.test_what_is_no_plain_data_is_named_by_its_place()
  lu.assertEquals(support.message(map, { 1 }, function() return { list = { 1, print } } end),
    "parallel.map: item 1: the result.list[2] is a function; plain data is nil, booleans, numbers, strings "
      .. "and tables of them")
  lu.assertStrContains(support.message(map, { 1 }, function()
    local t = {}
    t.t = t
    return t
  end), "the result.t contains itself")
end

--- The parent had one thread too for a moment.
function TestResults.test_an_item_begins_with_one_thread_and_the_parent_keeps_its_own()
  local before, own, seen = system.threads(), system.fork, {}
  system.threads(3)
  system.fork = function(...)
    seen[#seen + 1] = system.threads()
    return own(...)
  end
  local ok, job = pcall(own, function(send) send(tostring(system.threads())) end, 1)
  local line = ok and job:lines(20)[1]
  local got = map({ 1, 2, 3 }, function(n) return n end, { jobs = 3 })
  system.fork = own
  seen[#seen + 1] = system.threads()
  system.threads(before)
  lu.assertEquals({ ok, line }, { true, "1" })
  lu.assertEquals(got, { 1, 2, 3 })
  lu.assertEquals(seen, { 3, 3, 3, 3 })
end

function TestResults.test_the_last_item_takes_the_threads_of_the_others()
  local before = system.threads()
  system.threads(4)
  local function wait_for(count)
    local until_then = system.clock() + 20
    repeat system.sleep(0.002) until system.threads() == count or system.clock() > until_then
    return system.threads()
  end
  local got = map({ 1, 2 }, function(n)
    local first = wait_for(2)
    system.sleep(0.1)  -- for the other to see it too
    return { first, n == 2 and wait_for(4) or nil }
  end, { jobs = 4 })
  system.threads(before)
  lu.assertEquals(got, { { 2 }, { 2, 4 } })
end

TestKept = {}

function TestKept.test_killed_at_any_point_the_same_call_runs_each_item_once()
  local folder = support.new_path()
  local function f(n)
    local log <close> = assert(io.open(folder .. "/log", "a"))
    if n > 3 and not system.exists(folder .. "/again") then system.sleep(60) end
    log:write(n, "\n")
    return n * n
  end
  system.make_folder(folder)
  local caller = system.fork(function() map({ 1, 2, 3, 4, 5 }, f, { keep = folder }) end)
  local function count()
    local n = 0
    for _ in pairs(select(2, parallel.kept({ 1, 2, 3, 4, 5 }, folder))) do n = n + 1 end
    return n
  end
  repeat system.sleep(0.01) until count() == 3
  caller:stop()
  system.write_file(folder .. "/again", "")
  lu.assertEquals(map({ 1, 2, 3, 4, 5 }, f, { keep = folder }), { 1, 4, 9, 16, 25 })
  local done = {}
  for line in io.lines(folder .. "/log") do done[#done + 1] = line end
  table.sort(done)
  lu.assertEquals(done, { "1", "2", "3", "4", "5" })
  os.execute(("rm -rf '%s'"):format(folder))
end

--- A copy of the file was the only advice, and a traceback was below it.
function TestKept.test_a_damaged_run_of_an_item_is_refused_with_what_to_do()
  local folder = support.new_path()
  map({ 7 }, function(n) return n end, { keep = folder })
  lu.assertTrue(os.execute(("truncate -s 4096 '%s'/*/run.sqlite"):format(folder)))
  local row = system.list_folder(folder)[1]
  local problem = select(2, pcall(map, { 7 }, function(n) return n end, { keep = folder }))
  lu.assertTrue(require "perilune.errors".is_refusal(problem))
  lu.assertStrMatches(problem.message, "/.*/run.sqlite cannot be read: it was cut: .*")
  lu.assertStrContains(problem.message,
    (". It is enough to remove the folder %s/%s: the row is made again"):format(folder, row))
  os.execute(("rm -rf '%s/%s'"):format(folder, row))
  lu.assertEquals(map({ 7 }, function(n) return 2 * n end, { keep = folder }), { 14 })
  os.execute(("rm -rf '%s'"):format(folder))
end

function TestKept.test_what_an_item_trains_goes_on_from_its_checkpoint_and_a_finished_one_is_read()
  local folder = support.new_path()
  local function f(item, _, job)
    local state, log = { sum = 0 }, assert(io.open(folder .. "/log", "a"))
    for step in job:with({ state = { state = state }, checkpoint_every = 2 }):steps(6) do
      state.sum = state.sum + step * item.by
      log:write(item.by, " ", step, "\n")
      log:flush()
      if step == 5 and not system.exists(folder .. "/again") then
        system.write_file(folder .. "/again", "")
        system.sleep(60)
      end
    end
    log:close()
    return state.sum
  end
  local items = { { by = 10 }, { by = 10 } }
  local function again() return map(items, f, { keep = folder, label = "Sums, of steps" }) end
  system.make_folder(folder)
  local caller = system.fork(again)
  repeat system.sleep(0.01) until system.exists(folder .. "/again")
  caller:stop()
  lu.assertEquals(again(), { 210, 210 })
  lu.assertEquals(again(), { 210, 210 })
  local steps = {}
  for line in io.lines(folder .. "/log") do steps[#steps + 1] = line:match "%d+$" end
  lu.assertEquals(table.concat(steps, " "), "1 2 3 4 5 5 6", "equal items are one run")
  local list = require "perilune.run".runs { folder = folder, map = "Sums, of steps" }
  lu.assertEquals({ #list, list[1].status, list[1].config.item.by }, { 1, "finished", 10 })
  lu.assertStrMatches(list[1].id, "sums%-of%-steps%-%x+")
  system.write_file(list[1].path .. "/result.json", "211")
  local said = support.with_errors(function() lu.assertEquals(again(), { 210, 210 }) end)
  lu.assertStrContains(said, "result.json is damaged; made again: item 1")
  os.execute(("rm -rf '%s'"):format(folder))
end

function TestKept.test_items_that_two_processes_make_at_once_are_made_once()
  local folder = support.new_path()
  system.make_folder(folder)
  local function f(n)
    local log <close> = assert(io.open(folder .. "/log", "a"))
    log:write(n, "\n")
    system.sleep(0.05)
    return n
  end
  local items = { 1, 2, 3, 4, 5, 6 }
  local function all() return map(items, f, { keep = folder }) end
  local other = system.fork(function() all() end)
  lu.assertEquals(all(), items)
  repeat system.sleep(0.01) until other:status()
  lu.assertEquals(other:status(), 0)
  local done = {}
  for line in io.lines(folder .. "/log") do done[#done + 1] = line end
  table.sort(done)
  lu.assertEquals(done, { "1", "2", "3", "4", "5", "6" })
  os.execute(("rm -rf '%s'"):format(folder))
end

function TestKept.test_items_that_are_no_plain_data_are_refused()
  local folder = support.new_path()
  lu.assertStrContains(support.message(map, { { print } }, function() end, { keep = folder }),
    "item 1[1] is a function")
  os.remove(folder)
end

TestFailures = {}

function TestFailures.test_other_items_finish_and_their_results_are_there()
  local results = {}
  local function f(n)
    if n == 2 then error("no luck", 0) end
    return n * 10
  end
  lu.assertEquals(support.message(map, { 1, 2, 3, 4 }, f, { results = results, jobs = 1 }),
    "parallel.map: item 2: no luck")
  lu.assertEquals(results, { [1] = 10, [3] = 30, [4] = 40 })
end

function TestFailures.test_the_same_call_runs_only_what_is_missing()
  local results = { [1] = "done", [3] = false }
  local got = map({ 1, 2, 3 }, function(n) return "ran " .. n end, { results = results })
  lu.assertEquals(got, { "done", "ran 2", false })
  lu.assertTrue(got == results)
end

function TestFailures.test_every_failed_item_is_named()
  local message = support.message(map, { 1, 2, 3 }, function(n) if n < 3 then error("n " .. n, 0) end end)
  lu.assertEquals(message, "parallel.map: item 1: n 1\nitem 2: n 2 (2 of 3 items failed)")
end

function TestFailures.test_a_child_that_dies_is_named_with_its_status()
  lu.assertEquals(support.message(map, { 1, 2 }, function(n)
    lu.unregisterCurrentSuite()
    if n == 2 then os.exit(7) end
    return n
  end), "parallel.map: item 2: its process ended with status 7 and gave no result")
end

function TestFailures.test_errors_without_text_and_with_bytes_arrive()
  lu.assertEquals(support.message(map, { 1 }, function() error() end), "parallel.map: item 1: nil")
  lu.assertEquals(support.message(map, { 1 }, function() error("\xff", 0) end), "parallel.map: item 1: \xff")
  local silent = setmetatable({}, { __tostring = function() error "no" end })
  lu.assertEquals(support.message(map, { 1 }, function() error(silent) end),
    "parallel.map: item 1: an error without text")
end

function TestFailures.test_options_out_of_range_are_refused()
  lu.assertEquals(support.message(map, { 1 }, print, { jobs = -3 }),
    "parallel.map: option 'jobs' must be a whole number of at least 0, not -3")
end

function TestFailures.test_ctrl_c_leaves_the_finished_results()
  local pid, results = support.pid(), {}
  local function f(n)
    if n == 1 then return "one" end
    local start = system.clock()
    while system.clock() < start + 0.5 do end
    os.execute(("kill -INT %d"):format(pid))
    while true do os.time() end
  end
  local ok, problem = pcall(map, { 1, 2 }, f, { results = results })
  lu.assertFalse(ok)
  lu.assertEquals(problem.kind, "interrupted")
  lu.assertEquals(results, { "one" })
  lu.assertEquals(map({ 1, 2 }, function(n) return n end, { results = results }), { "one", 2 })
end

function TestFailures.test_only_children_are_children()
  lu.assertEquals(map({ 1 }, function() return parallel.in_child() end), { true })
  lu.assertFalse(parallel.in_child())
end

TestProcesses = {}

function TestProcesses.test_the_child_of_a_killed_parent_ends_too()
  local name = os.tmpname()
  local parent = system.fork(function()
    system.fork(function()
      local file = assert(io.open(name, "w"))
      local stat = assert(io.open "/proc/self/stat")
      file:write((stat:read "n"))
      file:close()
      while true do end
    end)
    while true do end
  end)
  local pid
  local patience = system.clock() + 10
  repeat
    local file = io.open(name)
    pid = file and file:read "n"
    if file then file:close() end
  until pid or system.clock() > patience
  parent:stop()
  patience = system.clock() + 10
  local stat
  repeat
    stat = io.open(("/proc/%d/stat"):format(pid))
    local state = stat and stat:read("l"):match "%) (%a)"
    if stat then stat:close() end
  until not stat or state == "Z" or system.clock() > patience
  os.remove(name)
  lu.assertTrue(system.clock() < patience, "the child of a killed process still runs")
end

os.exit(lu.LuaUnit.run())
