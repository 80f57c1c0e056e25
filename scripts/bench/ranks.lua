--- How much faster is a training step on two processes of one thread than on one? Prints a table.
--
--   scripts/bench/ranks [--rounds 12] [--rows offline,online,wide]
--
-- Two jobs of a row, one process and two, are warm at the same time and take turns of about a second, so that
-- what else runs on the machine slows both alike. The ratio is the median over rounds, between its quartiles.
-- `work` is the processor time of a process without what it spent in exchanges, which include the waits for
-- the other: one process over two is what the division itself gives.
local perilune = require "perilune"
local folder = debug.getinfo(1, "S").source:match "^@(.*)/" or "."
local sizes = dofile(folder .. "/sizes.lua")
local processes = dofile(folder .. "/processes.lua")

local rows = {
  offline = { title = "offline IPO, 4 layers of width 128 (0.8 million parameters)", steps = 6,
    options = "" },
  online = { title = "online IPO, the same", steps = 5, options = "--online" },
  wide = { title = "offline IPO, 6 layers of width 384 (11 million)", steps = 1, options = "--case small" },
}

local o = perilune.cli.parse(arg, perilune.options.spec("ranks", {
  { "rounds", 12, "turns of each job", least = 1, smoke = 1 },
  { "rows", "offline,online,wide", "rows of the table, separated by commas" },
  { "shards", 8, "shards of a step", least = 2 },
  { "launch", "mpirun.openmpi -n 2", "what starts two processes; mpiexec.mpich -n 2 is another" },
}), "ranks.lua: two processes of one thread against one")

local function started(row, name, launch)
  local command = ("%s bin/perilune --threads=1 %s/rank.lua --shards %d %s"):format(
    launch, processes.quoted(folder), o.shards, row.options)
  local job, log = processes.start("ranks-" .. name, command)
  if not job then error(("%s did not start; see %s"):format(command, log), 0) end
  return job
end

--- The quartiles of a list of numbers.
local function quartiles(list)
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted)
  local function at(share) return sorted[math.floor(share * (#sorted - 1) + 1.5)] end
  return at(0.25), sizes.median(list), at(0.75)
end

local function measured(name, row)
  local one, two = started(row, name .. "-1", ""), started(row, name .. "-2", o.launch)
  local lists = { one = {}, two = {}, ratio = {}, work_one = {}, work_two = {} }
  local function add(list, value) table.insert(lists[list], value) end
  for round = 1, o.rounds do
    -- The order alternates: what comes first may find the machine in another state.
    local a, b
    if round % 2 == 1 then
      a, b = one:turn(row.steps), two:turn(row.steps)
    else
      b, a = two:turn(row.steps), one:turn(row.steps)
    end
    if not (a and b) then error(("a job of '%s' ended; see %s"):format(name, processes.logs), 0) end
    add("one", a.ms)
    add("two", b.ms)
    add("ratio", a.ms / b.ms)
    add("work_one", a.processor_ms - a.waited_ms)
    add("work_two", (b.processor_ms - b.waited_ms) / 2)
  end
  one:stop()
  two:stop()
  local low, middle, high = quartiles(lists.ratio)
  local work = { sizes.median(lists.work_one), sizes.median(lists.work_two) }
  return ("| %s | %.0f ms | %.0f ms | %.2f (%.2f to %.2f) | %.0f ms | %.0f ms | %.2f |"):format(row.title,
    sizes.median(lists.one), sizes.median(lists.two), middle, low, high, work[1], work[2], work[1] / work[2])
end

local lines = {}
for name in o.rows:gmatch "[^,%s]+" do
  if not rows[name] then error(("unknown row '%s': offline, online or wide"):format(name), 0) end
  lines[#lines + 1] = measured(name, rows[name])
end
print(("%s; %d shards; %s; %d rounds; other work on the machine: %.0f %% of its cores"):format(
  require "perilune.processor".name(), o.shards, o.launch, o.rounds, 100 * processes.pause()))
print "| a step of 32 pairs | one process | two | ratio (quartiles) | work of one | of each of two | ratio |"
print "|---|---:|---:|---:|---:|---:|---:|"
print(table.concat(lines, "\n"))
