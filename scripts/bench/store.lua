--- What the store of runs costs: a curve, a listing, and a step that is recorded.
--
--     bin/perilune scripts/bench/store.lua [--figures 10000000] [--runs 2000]
--
-- A line of JSON each: name, median and least of the times in milliseconds, the median time of the processor,
-- which other processes hardly change, and the goal. The figures are of one run, 20 a step; the listing is of
-- five columns. The store is in a folder of memory where there is one.
local perilune = require "perilune"
local cli, formats, options = perilune.cli, perilune.formats, perilune.options
local run, system = perilune.run, perilune.system

local o = cli.parse(arg, options.spec("bench.store", {
  { "figures", 10000000, "figures of the run whose curve is read", least = 1000, smoke = 20000 },
  { "runs", 2000, "runs of the listing", least = 1, smoke = 20 },
  { "repeats", 20, "times that each is measured", least = 1, smoke = 3 },
}), "store.lua: what the store of runs costs")

local name = os.tmpname()
os.remove(name)
local folder = (system.exists "/dev/shm" and "/dev/shm/" or "/tmp/") .. name:match "[^/]+$"
local removed <close> = setmetatable({}, {  -- luacheck: ignore 211
  __close = function() os.execute(("rm -rf '%s'"):format(folder)) end,
})

--- Says the median time of `f`, divided by `parts`.
local function measure(what, goal, f, parts)
  local times, own = {}, {}
  for i = 1, o.repeats do
    local from, own_from = system.clock(), os.clock()
    f(i)
    times[i] = 1e3 * (system.clock() - from) / (parts or 1)
    own[i] = 1e3 * (os.clock() - own_from) / (parts or 1)
  end
  table.sort(times)
  table.sort(own)
  local middle = (#times + 1) // 2
  print(formats.json_encode {
    name = what, ms = times[middle], least = times[1], processor = own[middle], goal = goal,
  })
  io.stdout:flush()
end

local keys <const> = 20
local figures = {}
for k = 1, keys do figures[("figure.%02d"):format(k)] = 0 end

--- A job that has logged some steps.
local function logged(job, first, last)
  for step = first, last do
    for k in pairs(figures) do figures[k] = step + 0.5 end
    job:log(figures, step)
  end
end

local long = run.open { name = "long", folder = folder .. "/one" }
local steps = o.figures // keys
logged(long, 1, steps)
measure(("a recorded step of %d figures"):format(keys), nil, function(i)
  logged(long, steps + 100 * i - 99, steps + 100 * i)
end, 100)
long:finish()

local record = run.read("long", folder .. "/one")
measure(("a curve of %d steps"):format(steps), 5, function() record:curve "figure.07" end)
measure(("all points of a curve of %d steps"):format(steps), nil, function()
  record:curve("figure.07", "all")
end)

for i = 1, o.runs do
  local job = run.open { name = "r" .. i, folder = folder .. "/many", config = { seed = i, beta = i % 3 } }
  job:log({ win = i / o.runs, loss = 1 / i }, 1)
  job:finish()
end
local list = run.runs { folder = folder .. "/many" }
measure(("a listing of %d runs with five columns"):format(o.runs), 100, function()
  list:columns("name", "status", "seed", "beta", "win")
end)
