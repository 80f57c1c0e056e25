--- Tests with tolerances: assertions on numbers, tensors and nested tables that show where values differ.
--
-- A file of tests is named *_test.lua and run by `perilune --test PATH...`; docs/testing.md describes its
-- forms. Each assertion is also a function for other frameworks: it raises an error that says what differs.
--
--   > local testing = require "perilune.testing"
--   > testing.assert_close({ loss = 0.5 }, { loss = 0.5 + 1e-9 })
--   > print((select(2, pcall(testing.assert_close, { 1, 2 }, { 1, 3 })).message:match "[^\n]*"))
--   values differ at [2]: got 2, expected 3
local options = require "perilune.options"
local difference = require "perilune.testing.difference"

local testing = {}

-- What an assertion raises: the runner tells a failed assertion from an error by it, and shows where the test
-- called the assertion.
local Failed = { __name = "perilune.testing.Failed" }
Failed.__index = Failed
function Failed:__tostring() return self.where .. self.message end

--- The failure in what a test raised, or nil where it raised something else.
function testing.failure(problem)
  return getmetatable(problem) == Failed and problem or nil
end

-- The place outside of this file that called the assertion. A frame of C, such as pcall, is passed over.
local here = debug.getinfo(1, "S").source
local function caller()
  for level = 3, 20 do
    local info = debug.getinfo(level, "Sl")
    if not info then break end
    if info.currentline > 0 and info.source ~= here then
      return ("%s:%d: "):format(info.short_src, info.currentline)
    end
  end
  return ""
end

local function fail(message, about)
  if about ~= nil then message = ("%s\n%s"):format(tostring(about), message) end
  error(setmetatable({ message = message, where = caller() }, Failed), 0)
end

local spec = options.spec("testing.assert_close", {
  { "rtol", options.optional("number", 0),
    "relative tolerance; nil: 1.3e-6 for float, 1e-7 for double and numbers, 0 for integers" },
  { "atol", options.optional("number", 0),
    "absolute tolerance; nil: 1e-5 for float, 1e-7 for double and numbers, 0 for integers" },
  { "equal_nan", false, "whether nan is close to nan" },
  { "check_dtype", true, "whether tensors of different types differ" },
  { "message", options.optional "string", "said before the difference" },
})

--- Fails unless |actual - expected| <= atol + rtol |expected| for all numbers and elements of tensors.
--
-- Tables are compared key by key at any depth, tensors by shape, type and elements; other values must be
-- equal. The names and defaults are those of torch.testing.assert_close, where a tolerance is given both or
-- none. Errors: the values differ; the message names the place, both values, the largest absolute and
-- relative difference, and how many elements differ.
--
--   > local T, testing = require "perilune.tensor", require "perilune.testing"
--   > testing.assert_close(T { 1, 2 }, T { 1, 2.1 }, { atol = 0.2, rtol = 0 })
--   > print(select(2, pcall(testing.assert_close, T { 1, 2 }, T { 1, 3 })).message:match "[^\n]*")
--   tensors differ in 1 of 2 elements (50 %)
function testing.assert_close(actual, expected, given)
  local o = spec:fill(given)
  local problem = difference.find(actual, expected, o)
  if problem then fail(problem, o.message) end
end

local exact <const> = { rtol = 0, atol = 0, equal_nan = true, check_dtype = true }

--- Fails unless the values are equal: tables key by key, tensors by shape, type and elements.
--
--   > local testing = require "perilune.testing"
--   > testing.assert_equal({ 1, { 2 } }, { 1, { 2 } })
--   > print(select(2, pcall(testing.assert_equal, 1, 1.5)).message)
--   values differ: got 1, expected 1.5
function testing.assert_equal(actual, expected, message)
  local problem = difference.find(actual, expected, exact)
  if problem then fail(problem, message) end
end

--- `eq(a, b, tol)`: assert_close with an absolute tolerance, as Torch's tester has it; without one,
-- assert_equal.
--
--   > local testing = require "perilune.testing"
--   > testing.eq(0.1 + 0.2, 0.3, 1e-12)
--   > print(select(2, pcall(testing.eq, 0.1 + 0.2, 0.3)).message)
--   values differ: got 0.30000000000000004, expected 0.3
function testing.eq(actual, expected, tolerance, message)
  local o = { rtol = 0, atol = tolerance or 0, equal_nan = tolerance == nil, check_dtype = true }
  local problem = difference.find(actual, expected, o)
  if problem then fail(problem, message) end
end

--- Fails if the values are equal.
--
--   > local testing = require "perilune.testing"
--   > testing.assert_not_equal(1, 2)
--   > print(select(2, pcall(testing.assert_not_equal, 1, 1)).message)
--   expected a value other than 1
function testing.assert_not_equal(actual, expected, message)
  if not difference.find(actual, expected, exact) then
    fail("expected a value other than " .. difference.show(expected), message)
  end
end

--- Fails unless the value is neither false nor nil.
--
--   > local testing = require "perilune.testing"
--   > testing.assert_true(1 < 2)
--   > print(select(2, pcall(testing.assert_true, nil)).message)
--   expected a true value, got nil
function testing.assert_true(value, message)
  if not value then fail("expected a true value, got " .. tostring(value), message) end
end

--- Fails unless the value is false or nil.
--
--   > local testing = require "perilune.testing"
--   > testing.assert_false(nil)
--   > print(select(2, pcall(testing.assert_false, 0)).message)
--   expected false or nil, got 0
function testing.assert_false(value, message)
  if value then fail("expected false or nil, got " .. difference.show(value), message) end
end

--- Fails unless `f(...)` raises an error whose text has `pattern` (a plain text; nil: any). Returns the
-- error.
--
--   > local testing = require "perilune.testing"
--   > print(testing.assert_raises("no such", function() error("no such loss", 0) end))
--   no such loss
function testing.assert_raises(pattern, f, ...)
  local ok, problem = pcall(f, ...)
  if ok then fail(pattern and ("expected an error with '%s'"):format(pattern) or "expected an error") end
  if pattern and not tostring(problem):find(pattern, 1, true) then
    fail(("expected an error with '%s', got: %s"):format(pattern, tostring(problem)))
  end
  return problem
end

-- What `skip` raises.
local Skipped = { __name = "perilune.testing.Skipped" }
Skipped.__index = Skipped
function Skipped:__tostring() return "skipped: " .. self.reason end

--- Ends the running test as skipped, with the reason.
--
--   > print(select(2, pcall(require("perilune.testing").skip, "needs a data file")))
--   skipped: needs a data file
function testing.skip(reason)
  error(setmetatable({ reason = tostring(reason or "no reason given") }, Skipped), 0)
end

--- The reason in what `skip` raised, or nil.
--
--   > local testing = require "perilune.testing"
--   > testing.skipped(select(2, pcall(testing.skip, "needs a data file")))
--   needs a data file
--   > testing.failure(select(2, pcall(testing.assert_close, 1, 2))) ~= nil, testing.failure "other"
--   true	nil
function testing.skipped(problem)
  return getmetatable(problem) == Skipped and problem.reason or nil
end

return options.strict("testing", testing)
