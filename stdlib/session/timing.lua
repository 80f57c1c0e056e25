--- Times of code: once, by `time`; the best and the median of repeats, by `timeit`.
local attempt = require "perilune.attempt"
local options = require "perilune.options"
local system = require "perilune.system"

local timing = { commands = {} }

local units <const> = { { 1, "s" }, { 1e-3, "ms" }, { 1e-6, "us" }, { 1e-9, "ns" } }

--- A time with its unit, three digits.
--
--   > timing.text(0.01234), timing.text(75.2), timing.text(0.000002)
--   12.3 ms	75.2 s	2.00 us
function timing.text(seconds)
  local unit = units[#units]
  for _, one in ipairs(units) do
    if seconds >= one[1] * 0.9995 then
      unit = one
      break
    end
  end
  local value = seconds / unit[1]
  local digits = value >= 100 and 0 or value >= 10 and 1 or 2
  return ("%." .. digits .. "f %s"):format(value, unit[2])
end

local function started()
  local wall, cpu = system.clock(), os.clock()
  return function()
    return ("wall %s, cpu %s"):format(timing.text(system.clock() - wall), timing.text(os.clock() - cpu))
  end
end

local function finished(text, ...)
  print(text())
  return ...
end

--- Calls `f(...)`, prints the wall time and the processor time of all threads, and returns its results.
--
-- Errors: `f` is no function; those of `f`.
--
--   local policy = session.time(align.sft, { ... })     -- prints: wall 12.3 s, cpu 24.1 s
--
--   > timing.time(3)
--   time: expected a function, got 3; %time CODE takes code
function timing.time(f, ...)
  if type(f) ~= "function" then
    error(("time: expected a function, got %s; %%time CODE takes code"):format(options.show(f)), 2)
  end
  local text = started()
  return finished(text, f(...))
end

local Timing = { __name = "Timing" }
Timing.__index = Timing

function Timing:__tostring()
  return ("best %s, median %s of %d repeats of %d run%s each"):format(
    timing.text(self.best), timing.text(self.median), self.repeats, self.runs, self.runs == 1 and "" or "s")
end

local spec = options.spec("session.timeit", {
  { "runs", options.optional("integer", 1), "runs in a repeat; chosen so that a repeat takes 0.1 s" },
  { "repeats", options.optional("integer", 1), "repeats; 7, or 3 of code that takes a second" },
})

local aim_seconds <const> = 0.1

-- The seconds that `loop(runs)` takes.
local function seconds_of(loop, runs)
  local start = system.clock()
  loop(runs)
  return system.clock() - start
end

local function measured(loop, given)
  local o = spec:fill(given, 2)
  local runs, once = o.runs or 1, nil
  if not o.runs then
    once = seconds_of(loop, 1)
    while once < aim_seconds and runs < 1e9 do
      local wanted = once > 0 and math.ceil(runs * aim_seconds / once * 1.1) or runs * 10
      runs = math.max(runs + 1, math.min(wanted, runs * 10))
      once = seconds_of(loop, runs)
    end
  end
  local repeats = o.repeats or (once or 0) > 1 and 3 or 7
  local times = {}
  for i = 1, repeats do times[i] = seconds_of(loop, runs) / runs end
  table.sort(times)
  local middle = (repeats + 1) / 2
  local median = (times[math.floor(middle)] + times[math.ceil(middle)]) / 2
  return setmetatable({
    best = times[1], median = median, repeats = repeats, runs = runs, times = times,
  }, Timing)
end

--- Calls `f()` often; gives { best, median, repeats, runs, times } with times in seconds a run, sorted, whose
-- text names the unit. The runs in a repeat are chosen so that it takes 0.1 s.
--
-- Errors: `f` is no function; those of `f`.
--
--   > local t = timing.timeit(function() return 2 ^ 10 end, { runs = 100, repeats = 3 })
--   > t.runs, #t.times, t.best > 0 and t.best <= t.median
--   100	3	true
function timing.timeit(f, given)
  if type(f) ~= "function" then
    error(("timeit: expected a function, got %s; %%timeit CODE takes code"):format(options.show(f)), 2)
  end
  return measured(function(runs) for _ = 1, runs do f() end end, given)
end

function timing.commands.time(_, code)
  if code == "" then error("%time needs code: %time align.train { ... }", 0) end
  local text = started()
  return code, function() print(text()) end
end

-- The code as a loop of its own, so that no call of a function is measured with it; else as a function.
local function loop_of(session, code)
  code = code:gsub(";%s*$", "")
  local head, tail = "local __runs = ... for _ = 1, __runs do ", "\nend"
  for _, body in ipairs { "local __value = " .. code, code } do
    local ok, loop = attempt.call(session.compile, head .. body .. tail)
    if ok then return loop end
  end
  local f = session.compile(code)
  return function(runs) for _ = 1, runs do f() end end
end

function timing.commands.timeit(session, argument)
  local given = {}
  while true do
    local letter, count, rest = argument:match "^%-([nr])%s*(%d+)%s+(.*)$"
    if not letter then break end
    given[letter == "n" and "runs" or "repeats"] = math.tointeger(count)
    argument = rest
  end
  if argument == "" then error("%timeit needs code: %timeit x:exp()", 0) end
  session.prepare(argument)
  print(measured(loop_of(session, argument), given))
end

return timing
