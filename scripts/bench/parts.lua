--- The parts of the bench after its table: runs side by side, growth, allocations.
local perilune = require "perilune"
local formats = perilune.formats
local folder = debug.getinfo(1, "S").source:match "^@(.*)/" or "."
local allocations = dofile(folder .. "/allocations.lua")
local processes = dofile(folder .. "/processes.lua")
local report = dofile(folder .. "/report.lua")
local sizes = dofile(folder .. "/sizes.lua")
local quoted <const> = processes.quoted

local parts = {}

--- "steps/s, tokens/s" of turns.
local function rate(measure, turns)
  local ms, last = measure.ms(turns), turns[#turns]
  return ("%.1f steps/s, %.0f tokens/s"):format(1e3 / ms, last.tokens_per_s * last.ms / ms)
end

--- One run on all cores, and as many runs as cores with one thread each, all at the same time.
function parts.seeds(o, commands, measure)
  local rows = {}
  for _, side in ipairs { "online", "offline" } do
    measure.note("seeds %s", side)
    local function start(name, threads)
      local embedded = o.data == "" and " --embedded" or ""
      return processes.start(name, commands.ours("job", side, threads)("tiny") .. embedded .. " --turns")
    end
    local one, members = start("seeds-one-" .. side), {}
    for i = 1, o.threads do members[i] = start(("seeds-%d-%s"):format(i, side), 1) end
    if not one or #members < o.threads then
      measure.note("  did not start: see %s", processes.logs)
    else
      local taken = measure:take_turns {
        { key = "one", process = one, seconds = o.seconds },
        { key = "all", process = processes.together(members), seconds = o.seconds },
      }
      if taken.one and taken.all then
        local gain = ("**%.2f**"):format(measure.ratio(taken.all, taken.one))
        rows[#rows + 1] = { side, rate(measure, taken.one), rate(measure, taken.all), gain }
      end
    end
  end
  local one = ("one run alone, %d threads"):format(o.threads)
  return report.grid({ "run", one, ("%d runs side by side, together"):format(o.threads), "gain" }, rows, 1)
end

--- A training step around tiny's shape: each point's median over the rounds. Gives the text and the figure.
function parts.growth(o, commands, program)
  local command = ("%s%s %s/growth.lua --seconds %g --rounds %d --threads %d%s"):format(commands.pinned,
    quoted(program), folder, math.min(o.seconds, 1.0), o.rounds, o.threads, o.smoke and " --smoke" or "")
  local axes, by_name, points = {}, {}, {}
  for line in processes.output_of(processes.bound(command)):gmatch "[^\n]+" do
    local said = formats.json_decode(line)
    local axis = by_name[said.axis]
    if not axis then
      axis = { name = said.axis, points = {} }
      by_name[said.axis], axes[#axes + 1] = axis, axis
    end
    local id = said.axis .. said.size
    if not points[id] then
      points[id] = { size = said.size, gflop = said.gflop, all = {} }
      table.insert(axis.points, points[id])
    end
    table.insert(points[id].all, said.ms)
  end
  for _, point in pairs(points) do point.ms = sizes.median(point.all) end
  return report.growth(axes)
end

--- What the store of runs costs: a curve, a listing, a recorded step.
function parts.store(o, program)
  local rows = {}
  local command = ("%s %s/store.lua%s"):format(quoted(program), folder, o.smoke and " --smoke" or "")
  for text in processes.output_of(processes.bound(command)):gmatch "[^\n]+" do
    local said = formats.json_decode(text)
    local goal, verdict = said.goal and ("%g ms"):format(said.goal) or "", ""
    if said.goal then verdict = said.ms <= said.goal and "reached" or "**missed**" end
    local function shown(ms) return ("%.3f ms"):format(ms) end
    rows[#rows + 1] = { said.name, shown(said.ms), shown(said.least), goal, verdict }
  end
  return report.grid({ "store of runs", "median", "least", "goal", "" }, rows, 1)
end

--- What a step asks of the system's allocator, and the number of steps of a run; nil without a C compiler.
function parts.allocations(o, commands, note)
  local library = allocations.counter()
  if not library then return note "allocations needs a C compiler: left out" end
  local all, count = {}, o.smoke and 2 or 100
  local rows = o.smoke and { "train" } or { "train", "logprob_pair", "logprob_pair_answers", "sample" }
  for _, row in ipairs(rows) do
    note("allocations %s", row)
    local by = { { "Perilune", commands.ours("core", row)("tiny") } }
    if o.python ~= "" then by[2] = { "PyTorch", commands.peer("pytorch", row)("tiny") } end
    for _, entry in ipairs(by) do
      local a_step = allocations.measure(library, entry[2], count)
      if a_step then all[#all + 1] = { row = row, who = entry[1], a_step = a_step } end
    end
  end
  return report.allocations(all), count
end

return parts
