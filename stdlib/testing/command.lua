--- The test runner of the command line.
--
-- `perilune --test PATH... [--filter PATTERN]` finds the tests of files and folders, runs them, and tells
-- file and line of each failure.
--
-- The last line is "N passed, N failed", with the number of skipped tests where there are any; the status is
-- 1 if a test failed or a path has none.
local attempt = require "perilune.attempt"
local system = require "perilune.system"
local collect = require "perilune.testing.collect"
local testing = require "perilune.testing"

local command = {}

-- The files of tests below a folder, sorted, folder after folder.
local function add_folder(list, folder)
  local names = system.list_folder(folder)
  for _, name in ipairs(names) do
    if name:find "_test%.lua$" then list[#list + 1] = folder .. "/" .. name end
  end
  for _, name in ipairs(names) do
    local path = folder .. "/" .. name
    if not name:find "^%." and not name:find "%.lua$" and attempt.call(system.list_folder, path) then
      add_folder(list, path)
    end
  end
end

--- The files of tests that the paths name; or nil and an error.
function command.files(paths)
  local list = {}
  for _, path in ipairs(paths) do
    local before = #list
    path = #path > 1 and path:gsub("/+$", "") or path
    if attempt.call(system.list_folder, path) then
      add_folder(list, path)
      if #list == before then return nil, path .. ": no *_test.lua in this folder" end
    elseif system.exists(path) then
      list[#list + 1] = path
    else
      return nil, path .. ": there is no such file or folder"
    end
  end
  return list
end

-- Messages of luaunit's assertions, which are text.
local luaunit = { FAILURE = "^(.-)LuaUnit test FAILURE: (.*)$", SKIP = "^(.-)LuaUnit test SKIP:%s*(.*)$" }
local luaunit_success = "LuaUnit test SUCCESS:"

-- "passed", "skipped" with the reason, or "failed" with place and message, of what a test raised.
local function outcome_of(problem, trace, file, test)
  local failure, reason = testing.failure(problem), testing.skipped(problem)
  local where = ("%s:%d: "):format(file, test.line)
  if reason then return "skipped", reason end
  if failure then return "failed", (failure.where ~= "" and failure.where or where) .. failure.message end
  local text = collect.text(problem)
  if text:find(luaunit_success, 1, true) then return "passed" end
  local place, skipped = text:match(luaunit.SKIP)
  if place then return "skipped", skipped end
  local at, message = text:match(luaunit.FAILURE)
  if at then return "failed", (at ~= "" and at or where) .. message end
  if type(problem) == "table" and getmetatable(problem) == nil then
    text = problem.message and collect.text(problem.message) or text
  end
  if not text:find "^[^\n]*:%d+: " then text = where .. text end
  return "failed", "error: " .. text .. (trace and "\n" .. trace or "")
end

-- The frames of the traceback up to the runner's own.
local function own_frames(trace)
  local kept = {}
  for line in trace:gmatch "[^\n]+" do
    if line:find "testing/collect.lua" or line:find "testing/command.lua" then break end
    kept[#kept + 1] = line
  end
  return table.concat(kept, "\n")
end

local function run_test(test, file)
  local trace
  local function guarded(f)
    return xpcall(f, function(problem)
      local is_own = testing.failure(problem) or testing.skipped(problem)
      if not is_own then trace = own_frames(debug.traceback("", 2):gsub("^\n", "")) end
      return problem
    end)
  end
  local ok, problem = guarded(test.before)
  if ok then ok, problem = guarded(test.run) end
  local outcome, text = "passed", nil
  if not ok then
    if system.is_interrupt(problem) then error(problem, 0) end
    outcome, text = outcome_of(problem, trace, file, test)
  end
  local ended, why = guarded(test.after)
  if not ended and outcome == "passed" then outcome, text = outcome_of(why, trace, file, test) end
  return outcome, text
end

-- Runs the tests of a file and prints what failed. `send` gets a line before each test, "test NAME", and one
-- after it, "passed", "failed" or "skipped"; then "end".
local function run_file(file, filter, send)
  local passed, failed = 0, 0
  local function report(outcome, name, text)
    if outcome == "failed" then
      failed = failed + 1
      io.stdout:write(("FAILED %s\n    %s\n"):format(name, (text:gsub("\n", "\n    "))))
    elseif outcome == "skipped" then
      io.stdout:write(("skipped: %s: %s\n"):format(name, text))
    else
      passed = passed + 1
    end
    io.stdout:flush()
    send(outcome)
  end
  collect.apart(file, function(tests, problem)
    if not tests then report("failed", file, problem) end
    for _, test in ipairs(tests or {}) do
      if not filter or test.name:find(filter) then
        send("test " .. test.name:gsub("%c", " "))
        local outcome, text = run_test(test, file)
        report(outcome, file .. ": " .. test.name, text)
      end
    end
  end)
  if passed + failed > 0 then
    io.stdout:write(("%s: %d passed, %d failed\n"):format(file, passed, failed)):flush()
  end
  send "end"
end

-- How a process ended that did not come to its end, by its status.
local function end_of(status)
  if status > 128 then return ("was killed by signal %d"):format(status - 128) end
  return ("ended with status %d"):format(status)
end

-- The lines that `run_file` sends, as they come, from a process of its own: one that dies takes no other file
-- with it. Where there are no processes, as in the sandbox, from this one.
local function run_apart(file, filter, take)
  io.stdout:flush()
  local ok, job = pcall(system.fork, function(send) run_file(file, filter, send) end)
  if not ok then return run_file(file, filter, take) end
  local status
  repeat
    status = job:status()  -- before the lines: the last ones come before the end
    for _, line in ipairs(job:lines(status and 0 or 1)) do take(line) end
  until status
  return status
end

--- Runs the tests of a list of files, each in a process of its own, and prints what failed; `filter` is a
-- pattern of test names. Adds to the numbers `passed`, `failed` and `skipped` of `count`, whose `running` is
-- the test that runs. A process that dies is a failure of its test, and the file's later tests are not run.
function command.run_files(files, filter, count)
  for _, file in ipairs(files) do
    local is_whole = false
    count.running = file
    local status = run_apart(file, filter, function(line)
      if count[line] then
        count[line], count.running = count[line] + 1, file
      elseif line == "end" then
        is_whole = true
      else
        count.running = file .. ": " .. line:match "^test (.*)$"
      end
    end)
    if not is_whole then
      count.failed = count.failed + 1
      io.stdout:write(("FAILED %s\n    the process %s; the file's later tests were not run\n"):format(
        count.running, end_of(status)))
    end
    count.running = nil
  end
end

local function misuse(message)
  io.stderr:write("perilune: --test: ", message, "\n")
  os.exit(1, true)
end

--- The command: paths and `--filter PATTERN` in any order. Ends the process.
function command.run(...)
  local paths, filter, words, i = {}, nil, { ... }, 1
  while i <= #words do
    local word = words[i]
    local value = word:match "^%-%-filter=(.*)$"
    if word == "--filter" then
      i = i + 1
      value = words[i] or misuse "--filter needs a pattern of test names"
    elseif not value and word:find "^%-%-" then
      misuse(("unknown option '%s'; the options are --filter PATTERN"):format(word))
    end
    if value then filter = value else paths[#paths + 1] = word end
    i = i + 1
  end
  if filter and not pcall(string.find, "", filter) then
    misuse(("--filter: '%s' is no pattern of Lua"):format(filter))
  end
  if #paths == 0 then misuse "expected the paths of files or folders of tests" end
  local files, problem = command.files(paths)
  if not files then misuse(problem) end
  local count = { passed = 0, failed = 0, skipped = 0 }
  local ok, stopped = pcall(command.run_files, files, filter, count)
  if not ok and count.running then io.stdout:write(("stopped in %s\n"):format(count.running)) end
  if ok and count.passed + count.failed + count.skipped == 0 then
    local none = filter and ("no test matches '%s'\n"):format(filter) or "there are no tests in these files\n"
    io.stdout:write(none)
    count.failed = 1
  end
  if count.skipped > 0 then io.stdout:write(("%d skipped\n"):format(count.skipped)) end
  io.stdout:write(("%d passed, %d failed\n"):format(count.passed, count.failed)):flush()
  if not ok then error(stopped, 0) end
  os.exit(count.failed == 0 and 0 or 1, true)
end

return command
