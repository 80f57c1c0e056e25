--- What do products of bf16, moments in bf16 and frozen copies in bf16 or Q8_0 change in time and memory?
--
--   perilune scripts/bench/half.lua --cases tiny,small,gpt2 --rounds 5 --seconds 4
--
-- The processes of a row (core.lua) start, warm up, and take turns. Prints a Markdown table of each row: the
-- median of a side's turns, the median over the rounds of how many times as fast as the first side it is, the
-- peak of resident memory, and the load average.
local folder = debug.getinfo(1, "S").source:match "^@(.*)/" or "."
local sizes = dofile(folder .. "/sizes.lua")
local processes = dofile(folder .. "/processes.lua")
local perilune = require "perilune"
local cli, options, system = perilune.cli, perilune.options, perilune.system

--- The sides of each row: what the table calls them, options of core.lua, and the level of instructions.
local rows <const> = {
  { what = "train", sides = {
    { "f32" }, { "bf16", "--precision bf16" }, { "bf16, moments in bf16", "--precision bf16 --moments bf16" },
    { "f32, moments in bf16", "--moments bf16" },
  } },
  { what = "sample", sides = { { "f32" }, { "bf16", "--precision bf16" } } },
  { what = "logps", sides = {
    { "f32" }, { "products of bf16", "--precision bf16" }, { "frozen, bf16", "--kept bf16" },
    { "frozen, Q8_0", "--kept Q8_0" },
  } },
  { what = "levels", runs = "train", sides = {
    { "f32" }, { "bf16, avx512_bf16", "--precision bf16", "avx512_bf16" },
    { "bf16, avx512", "--precision bf16", "avx512" }, { "bf16, vector", "--precision bf16", "vector" },
    { "f32, vector", "", "vector" },
  } },
}

local o = cli.parse(arg, options.spec("bench.half", {
  { "rows", "train,sample,logps,levels", "names of rows, with commas between" },
  { "cases", "tiny,small,gpt2", "sizes of the model, with commas between", smoke = "tiny" },
  { "rounds", 5, "turns of each side", least = 1, smoke = 1 },
  { "seconds", 4.0, "length of a turn", least = 0, smoke = 0 },
  { "threads", 2, "cores", least = 1 },
}), "half.lua: products of bf16 and frozen copies beside f32")

local program <const> = require "perilune.system".program()

local function command(row, case, side)
  local level = side[3] and ("env PERILUNE_KERNELS=%s "):format(side[3]) or ""
  return ("%s%s %s/core.lua --what %s --case %s --threads %d %s --turns"):format(level,
    processes.quoted(program), folder, row.runs or row.what, case, o.threads, side[2] or "")
end

local function load_average()
  local file <close> = assert(io.open "/proc/loadavg")
  return file:read "l":match "^%S+"
end

local has = {}
for _, level in ipairs(system.kernel_levels()) do has[level] = true end

--- The sides of a row that this processor can run; a level that it has not is skipped by name.
local function sides_of(row)
  local sides = {}
  for _, side in ipairs(row.sides) do
    if not side[3] or has[side[3]] then
      sides[#sides + 1] = side
    else
      io.stderr:write(("%s: skipped, this processor has no %s\n"):format(side[1], side[3]))
    end
  end
  return sides
end

--- The turns of all sides, round by round.
local function turns_of(row, case, sides)
  local running, taken = {}, {}
  for i, side in ipairs(sides) do
    local log
    running[i], log = processes.start(("half-%s-%d"):format(case, i), command(row, case, side))
    if not running[i] then error(("half.lua: a process did not start: see %s"):format(log), 0) end
    taken[i] = {}
  end
  for round = 1, o.rounds do
    for i, process in ipairs(running) do
      processes.pause()
      taken[i][round] = process:turn(o.seconds)
    end
  end
  for _, process in ipairs(running) do process:stop() end
  return taken
end

local function median_of(count, figure)
  local all = {}
  for i = 1, count do all[i] = figure(i) end
  return sizes.median(all)
end

for what in o.rows:gmatch "[^,]+" do
  for _, row in ipairs(rows) do
    if row.what == what then
      print(("\n| %s | case | ms | times as fast | resident | load |"):format(what))
      print "|---|---|---:|---:|---:|---:|"
      local sides = sides_of(row)
      for case in o.cases:gmatch "[^,]+" do
        local taken = turns_of(row, case, sides)
        for i, side in ipairs(sides) do
          local own, first = taken[i], taken[1]
          print(("| %s | %s | %.1f | %.2f | %d MB | %s |"):format(side[1], case,
            median_of(o.rounds, function(k) return own[k].ms end),
            median_of(o.rounds, function(k) return first[k].ms / own[k].ms end), own[o.rounds].peak_rss_mb,
            load_average()))
          io.flush()
        end
      end
    end
  end
end
