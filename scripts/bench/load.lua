--- Seconds and memory that loading a model takes: best and median of loads, each in a process of its own.
--
--     bin/perilune scripts/bench/load.lua MODEL [LOADS]
--
-- Seconds are of models.load alone, on the wall clock and of the processor; memory is the peak of what
-- is resident.
local models = require "perilune.models"
local system = require "perilune.system"

local path <const>, loads <const> = arg[1], tonumber(arg[2]) or 5
assert(path, "usage: bin/perilune scripts/bench/load.lua MODEL [LOADS]")

if arg[2] == "once" then
  local wall, cpu = system.clock(), os.clock()
  local model = models.load(path)
  local took = system.clock() - wall
  local peak
  for line in io.lines "/proc/self/status" do peak = peak or line:match "^VmHWM:%s+(%d+)" end
  print(("%.3f %.3f %d %d"):format(took, os.clock() - cpu, peak // 1024, model:num_parameters()))
  return
end

local rows = {}
for _ = 1, loads do
  local program = require "perilune.system".program()
  local process = assert(io.popen(("'%s' '%s' '%s' once"):format(program, arg[0], path)))
  local wall, cpu, peak, weights = process:read("n", "n", "n", "n")
  process:close()
  assert(wall, "the load failed")
  rows[#rows + 1] = { wall = wall, cpu = cpu, peak = peak, weights = weights }
end
table.sort(rows, function(a, b) return a.wall < b.wall end)
local best, middle = rows[1], rows[(#rows + 1) // 2]
print(("%d weights: best %.2f s (processor %.2f s), median %.2f s, peak %d MB"):format(
  best.weights, best.wall, best.cpu, middle.wall, best.peak))
