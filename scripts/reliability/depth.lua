--- R14: what is nested a million deep ends in a value or an error, never the process.
--
--     bin/perilune scripts/reliability/depth.lua --depth 1000000
--     bin/perilune scripts/reliability/depth.lua --depth 1000 --kinds json,tape
--
-- Each kind of depth_kinds.lua runs in a process of its own with the depths 10, 100, ... up to the given one.
-- A process that ends by a signal, or takes more than its time, is bad, and so is an error of the library's
-- own code, which took what it should have refused.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local common = require "common"
local parallel = require "perilune.parallel"

local o = common.options { depth = 1000000, kinds = "all", seconds = 600, jobs = 2, program = common.program }
local script = common.root .. "/scripts/reliability/depth_kinds.lua"

local _, listed = common.run(("'%s' '%s'"):format(o.program, script))
local names = {}
for name in listed:gmatch "[^\n]+" do
  if common.chosen(o.kinds, name) then
    names[#names + 1] = name
  end
end

local own <const> = { "attempt to ", "number has no integer representation" }

local function measured(name)
  local found = { name = name, cases = 0, errors = 0, bad = {} }
  local depth = 10
  while depth <= o.depth do
    local status, out, err = common.run(("timeout %d '%s' --threads=1 --no-init '%s' '%s' %d"):format(
      o.seconds, o.program, script, name, depth))
    found.cases = found.cases + 1
    local said = out:match "error: ([^\n]*)"
    if said then found.errors = found.errors + 1 end
    local problem = status ~= 0 and ("status %d: %s"):format(status, err:sub(-300)) or nil
    for _, words in ipairs(said and own or {}) do
      if said:find(words, 1, true) then problem = said:sub(1, 300) end
    end
    if problem then found.bad[#found.bad + 1] = ("%s, depth %d: %s"):format(name, depth, problem) end
    depth = depth * 10
  end
  return found
end

local cases, errors, bad = 0, 0, 0
for _, found in ipairs(parallel.map(names, measured, { jobs = o.jobs, label = "depth" })) do
  cases, errors, bad = cases + found.cases, errors + found.errors, bad + #found.bad
  for _, said in ipairs(found.bad) do io.stderr:write("depth: ", said, "\n") end
end
common.row("R14", ("up to %d deep: bad of %d cases of %d kinds, %d ended in an error"):format(o.depth, cases,
  #names, errors), bad, bad == 0 and errors > 0)
common.exit()
