--- R9: programs of Lua that nobody wrote, loaded and run within limits: none ends the process or hangs.
--
--     bin/perilune scripts/reliability/source.lua --cases 1000000 --seed 1 --jobs 2
--
-- Half of the programs are drawn from the grammar of Lua, with calls of its libraries on any values; the
-- others are such programs with bytes changed, cut, doubled or moved (source_cases.lua). They run in the
-- sandbox with limits on memory, time and output. A process that ends other than by its limits is bad, and so
-- is one that its limit on time ends more than two seconds too late.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local common = require "common"
local parallel = require "perilune.parallel"
local system = require "perilune.system"

local o = common.options { cases = 10000, seed = 1, jobs = 2, seconds = 20, program = common.program }
local each <const> = 5000
local script = common.root .. "/scripts/reliability/source_cases.lua"
local kept = common.root .. "/out/reliability/source"

--- A process that runs cases of a seed from `from` on; gives what it ended with.
local function process(seed, from, to, folder)
  local started = system.clock()
  local command = ("cd '%s' && ASAN_OPTIONS=detect_leaks=0 timeout -s KILL %d '%s' --sandbox --root . "
    .. "--max-memory=256M --max-output=4M --max-time=%d --threads=1 '%s' %d %d %d </dev/null")
    :format(folder, o.seconds + 60, o.program, o.seconds, script, seed, from, to)
  local status, out, err = common.run(command)
  return { status = status, out = out, err = err, seconds = system.clock() - started }
end

--- Runs the cases of one seed, going on after a program that ends its process.
local function sweep(seed)
  local found, from = { cases = 0, refused = 0, ended = 0, stopped = 0, bad = 0, said = {} }, 1
  local to = math.min(each, o.cases - (seed - o.seed) * each)
  while from <= to and found.bad < 20 do
    local folder = common.folder()
    local made = process(seed, from, to, folder)
    local last, refused, ended = (common.text(folder .. "/number") or ""):match "(%d+) (%d+) (%d+)"
    last = math.tointeger(tonumber(last or from))
    local is_slow = made.seconds > o.seconds + 2
    local is_stopped = made.status == 124 or made.err:find "not enough memory" or made.err:find "%-%-max%-"
    if made.status ~= 0 and not is_stopped or is_slow then
      found.bad = found.bad + 1
      local path = ("%s/%d-%d.lua"):format(kept, seed, last)
      common.run(("mkdir -p '%s' && cp '%s/case' '%s'"):format(kept, folder, path))
      found.said[#found.said + 1] = ("seed %d, case %d: status %d after %.1f s: %s\n  %s"):format(seed, last,
        made.status, made.seconds, made.err:sub(-500), path)
    elseif made.status ~= 0 then
      found.stopped = found.stopped + 1
    end
    found.refused, found.ended = found.refused + (refused or 0), found.ended + (ended or 0)
    found.cases, from = found.cases + last - from + 1, last + 1
    common.remove(folder)
  end
  return found
end

local seeds = {}
for k = 0, (o.cases - 1) // each do seeds[k + 1] = o.seed + k end
local all = { cases = 0, refused = 0, ended = 0, stopped = 0, bad = 0 }
for _, found in ipairs(parallel.map(seeds, sweep, { jobs = o.jobs, label = "source" })) do
  for name, count in pairs(all) do all[name] = math.tointeger(count + found[name]) end
  for _, said in ipairs(found.said) do io.stderr:write("source: ", said, "\n") end
end
common.row("R9", ("bad of %d programs: %d compiled and ended, %d processes stopped by a limit"):format(
  all.cases, all.ended, all.stopped), all.bad, all.bad == 0 and all.ended > 0)
common.exit()
