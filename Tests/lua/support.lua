--- What the tests share: the folders of the project, error messages, missing files, closeness of numbers.
local lu = require "luaunit"

local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*$") or "."
local support = { root = here .. "/../.." }
support.stdlib = support.root .. "/stdlib"
support.data = support.root .. "/../shared/data"

--- The message of the error that `f(...)` raises, without the place it points at.
function support.message(f, ...)
  local ok, message = pcall(f, ...)
  lu.assertFalse(ok, "expected an error")
  return (tostring(message):gsub("^[^\n:]*:%d+: ", ""))
end

--- Fails unless f(...) raises this message, apart from its place.
function support.refuses(message, f, ...) lu.assertEquals(support.message(f, ...), message) end

--- What `load(path)` is refused with, which begins with the path, without it.
function support.refusal(load, path)
  local text = support.message(load, path)
  lu.assertEquals(text:sub(1, #path + 2), path .. ": ")
  return text:sub(#path + 3)
end

--- The bytes of a file.
function support.read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

--- Skips the running test, saying so, unless the data file is there; else its path.
function support.need(name)
  local path = support.data .. "/" .. name
  local file = io.open(path, "rb")
  if not file then
    print(("skipped: needs ../shared/data/%s"):format(name))
    lu.skip("needs " .. path)
  end
  file:close()
  return path
end

--- The `name` of each element of a list.
function support.names(list)
  local out = {}
  for i, one in ipairs(list) do out[i] = one.name end
  return out
end

--- Fails unless |actual - expected| is at most `tolerance` times max(1, |expected|).
function support.close(actual, expected, tolerance, message)
  local bound = (tolerance or 1e-6) * math.max(1, math.abs(expected))
  if not (math.abs(actual - expected) <= bound) then
    lu.fail(("%s: %.17g is not %.17g (apart by %.3g)"):format(
      message or "number", actual, expected, math.abs(actual - expected)))
  end
end

--- Runs `body` and returns what it writes to standard error.
function support.with_errors(body)
  local texts, own = {}, io.stderr
  rawset(io, "stderr", { write = function(_, ...) texts[#texts + 1] = table.concat { ... } end })
  local ok, problem = pcall(body)
  rawset(io, "stderr", own)
  if not ok then error(problem, 0) end
  return table.concat(texts)
end

--- The path of a new folder, which is not made yet: in memory where there is such a place, since a sync takes
-- no time there.
function support.new_path()
  local name = os.tmpname()
  os.remove(name)
  return (require "perilune.system".exists "/dev/shm" and "/dev/shm/" or "/tmp/") .. name:match "[^/]+$"
end

--- Kilobytes of a line of /proc/self/status.
function support.status(key)
  local file = io.open "/proc/self/status"
  local text = file and file:read "a" or ""
  if file then file:close() end
  return tonumber(text:match(key .. ":%s*(%d+)"))
end

--- The peak of resident memory in kilobytes, set back to what is resident now; nil where it is not known, and
-- under ThreadSanitizer, whose own memory counts.
function support.peak_from_here()
  collectgarbage()
  collectgarbage()
  local reset = not os.getenv "TSAN_OPTIONS" and io.open("/proc/self/clear_refs", "w")
  if not reset then return nil end
  reset:write "5"
  reset:close()
  return support.status "VmHWM"
end

--- The number of this process.
function support.pid()
  local stat = assert(io.open "/proc/self/stat")
  local pid = stat:read "n"
  stat:close()
  return pid
end

--- Sends this process the signal of Ctrl-C and waits until it is raised. os.execute would ignore the signal.
function support.press_ctrl_c()
  io.popen(("kill -INT %d"):format(support.pid())):close()
  for _ = 1, 1e8 do end
end

--- Runs a test in a process of its own, with its failure: for tests that press Ctrl-C more than once.
function support.in_process(test)
  local job = require "perilune.system".fork(function(send)
    lu.unregisterCurrentSuite()
    local ok, problem = pcall(test)
    send(ok and "passed" or (tostring(type(problem) == "table" and problem.msg or problem):gsub("\n", " ")))
  end)
  local lines
  repeat lines = job:lines(1) until lines[1] or job:status()
  local outcome = lines[1] or job:lines()[1] or "the process ended without a word"
  if outcome ~= "passed" then lu.fail(outcome) end
end

return support
