--- R17: the same seed gives the same bits, whatever the threads, the kernels and the build.
--
--     scripts/same_bits --runs 10
--
-- Runs Tests/lua/bits.lua, which prints a hash for each part of the laboratory: operations and their
-- gradients, sampling, training, quantised weights. The first run is by the release build with one thread;
-- every other must print the same. scripts/same_bits builds the debug build before; with `--debug ''` there
-- is none.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local common = require "common"
local parallel = require "perilune.parallel"
local system = require "perilune.system"

local o = common.options { runs = 1, debug = common.root .. "/.build-debug/debug/perilune", jobs = 2 }

local ways = {}
local function add(said, program, threads, level)
  ways[#ways + 1] = { said = said, program = program, threads = threads, level = level }
end
add("release, 1 thread", common.program, 1)
for _, threads in ipairs { 2, 4, 8 } do
  add(("release, %d threads"):format(threads), common.program, threads)
end
for k = 2, o.runs do add(("release, 2 threads, run %d"):format(k), common.program, 2) end
local has = {}
for _, level in ipairs(system.kernel_levels()) do has[level] = true end
for _, level in ipairs { "scalar", "vector", "avx512", "avx512_bf16" } do
  if has[level] then
    add("release, kernels " .. level, common.program, 2, level)
  else
    io.stderr:write(("kernels %s: skipped, this processor has them not\n"):format(level))
  end
end
for _, threads in ipairs(o.debug ~= "" and { 1, 2 } or {}) do
  add(("debug, %d threads"):format(threads), o.debug, threads)
end

local function hashes(way)
  local before = way.level and ("PERILUNE_KERNELS=%s "):format(way.level) or ""
  local status, out, err = common.run(("%s'%s' --no-init '%s/Tests/lua/bits.lua' %d"):format(before,
    way.program, common.root, way.threads))
  if status ~= 0 then return { problem = ("status %d: %s"):format(status, err:sub(-400)) } end
  return { text = out }
end

local found = parallel.map(ways, hashes, { jobs = o.jobs, label = "bits" })
local first, other, count = found[1].text or "", 0, 0
local lines = {}
for line in first:gmatch "[^\n]+" do lines[line], count = true, count + 1 end
for i, way in ipairs(ways) do
  if found[i].text ~= first or count == 0 then
    other = other + 1
    io.stderr:write(("%s differs from %s: %s\n"):format(way.said, ways[1].said, found[i].problem or ""))
    for line in (found[i].text or ""):gmatch "[^\n]+" do
      if not lines[line] then io.stderr:write("  ", line:sub(1, 24), "\n") end
    end
  end
end
local said <const> = "other bits in %d runs of %d hashes: 1 to 8 threads, kernels of every level, %s"
common.row("R17", said:format(#ways, count, o.debug ~= "" and "both builds" or "release"), other, other == 0)
common.exit()
