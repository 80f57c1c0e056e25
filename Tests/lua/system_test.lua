-- Child processes and files of `perilune.system`.
local exit = os.exit  -- luaunit replaces it
package.path = (arg[0]:match("^(.*)/[^/]*$") or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local system = require "perilune.system"

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

os.exit(lu.LuaUnit.run())
