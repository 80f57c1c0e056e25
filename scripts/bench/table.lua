--- Runs Perilune and its peers in turns and prints how many times as fast Perilune is. `scripts/bench/run` starts it.
--
-- The processes of a row start one after another and wait. Then, round by round, each gets one turn alone. A ratio is
-- the median over the rounds of the quotient of two turns of one round: what slows the machine down for a while slows
-- both. "fastest" compares each round with that round's fastest peer.
local perilune = require "perilune"
local cli, formats = perilune.cli, perilune.formats

local folder = arg[0]:match "^(.*)[/\\]" or "."
local sizes = dofile(folder .. "/sizes.lua")
local turns = dofile(folder .. "/processes.lua")
local report = dofile(folder .. "/report.lua")
local allocations = dofile(folder .. "/allocations.lua")
local quoted <const>, output_of <const>, median <const> = turns.quoted, turns.output_of, sizes.median

local program = arg[-1]
for i = -2, -100, -1 do
  if arg[i] then program = arg[i] else break end
end

local known = "train,logprob_pair,logprob_pair_answers,sample,offline,offline_kept,online,sgemm,call,op,startup,seeds,growth,allocations"
local o = cli.parse(arg, perilune.options.spec("bench", {
  { "quick", false, "two turns of one second a row, case tiny only, without seeds, growth and allocations" },
  { "rows", "", "rows to measure, separated by commas; all unless given",
    smoke = "train,logprob_pair,sample,startup,seeds,growth,allocations" },
  { "cases", "tiny,small,gpt2", "sizes of train, logprob_pair, logprob_pair_answers and sample", smoke = "tiny" },
  { "rounds", 3, "turns of each process", least = 1, smoke = 1 },
  { "seconds", 5.0, "length of a turn", least = 0, smoke = 0 },
  { "threads", 2, "cores of each process", least = 1 },
  { "patience", 0.0, "seconds to wait before each turn while others use the cores", least = 0 },
  { "data", "", "stories260K.bin, with tok512.bin beside it: for offline, offline_kept, online and seeds" },
  { "python", "", "the interpreter of the peers, which scripts/bench/run gives; none unless given" },
  { "alone", false, "no peers", smoke = true },
  { "write", false, "replace what was measured in scripts/results/results.md, and scripts/results/bench.svg and bench_growth.svg" },
}), [[
bench: Perilune and its peers on the same work, in turns

  scripts/bench/run --data stories260K.bin --write     everything: some 40 minutes on a quiet machine
  scripts/bench/run --quick --data stories260K.bin      some minutes
  scripts/bench/run --rows train,sample --cases small
  scripts/bench/run --rows growth --alone

rows:
  train                  forward, cross-entropy of every position, backward, AdamW; beside plain matrix products
  logprob_pair           IPO on pairs, the reference's log-probabilities anew each step, the head at every position;
                         and ours with the head at the answers alone
  logprob_pair_answers   the same, everyone's head at the answers alone
  sample                 temperature 1, keys and values kept; and ours with four answers to each prompt
  offline, offline_kept, online   a step of the whole job beside TRL's; kept: the reference's log-probabilities of a pair
                         are computed once, held against TRL's plain step and against TRL that does the same
  sgemm, call, op, startup   a plain product, a call from Lua or Python, a small operation, the program's start
  seeds                  one run on all cores against as many runs as cores side by side, one thread each
  growth                 a training step around tiny's shape against its arithmetic
  allocations            what a step asks of the system's allocator; needs a C compiler]])

if o.quick then o.rounds, o.seconds, o.cases = 2, 1.0, "tiny" end
if o.alone then o.python = "" end
if o.rows == "" then o.rows = o.quick and known:gsub(",seeds.*", "") or known end

local function chosen(name) return ("," .. o.rows .. ","):find("," .. name .. ",", 1, true) end

for name in o.rows:gmatch "[^,]+" do
  if not ("," .. known .. ","):find("," .. name .. ",", 1, true) then
    error(("bench: unknown row '%s', see --help"):format(name), 0)
  end
end

local measured = dofile(folder .. "/rows.lua")(o, program)
local measure = dofile(folder .. "/measure.lua")(o)
local note <const>, each <const>, ratio <const> = measure.note, measure.each, measure.ratio

--- One run on all cores, and as many runs as cores with one thread each, all at work at once.
local function seeds()
  local rows = {}
  for _, side in ipairs { "online", "offline" } do
    note("seeds %s", side)
    local smoke = o.data == "" and " --embedded" or ""
    local one = turns.start("seeds-one-" .. side, measured.ours("job", side)("tiny") .. smoke .. " --turns")
    local members = {}
    for i = 1, o.threads do
      members[i] = turns.start(("seeds-%d-%s"):format(i, side), measured.ours("job", side, 1)("tiny") .. smoke .. " --turns")
    end
    if not one or #members < o.threads then
      note("  did not start: see %s", turns.logs)
    else
      local taken = measure.take_turns {
        { key = "one", process = one, seconds = o.seconds }, { key = "all", process = turns.together(members), seconds = o.seconds },
      }
      if taken.one and taken.all then
        local function cell(list)
          local ms, last = median(each(list, measure.ms_of)), list[#list]
          return ("%.1f steps/s, %.0f tokens/s"):format(1e3 / ms, last.tokens_per_s * last.ms / ms)
        end
        rows[#rows + 1] = { side, cell(taken.one), cell(taken.all), ("**%.2f**"):format(ratio(taken.all, taken.one)) }
      end
    end
  end
  local one, all = ("one run alone, %d threads"):format(o.threads), ("%d runs side by side, together"):format(o.threads)
  return report.grid({ "run", one, all, "gain" }, rows, 1)
end

--- Each point's median over the rounds.
local function growth()
  note "growth"
  local command = ("%s%s %s/growth.lua --seconds %g --rounds %d --threads %d%s"):format(
    measured.pinned, quoted(program), folder, math.min(o.seconds, 1.0), o.rounds, o.threads, o.smoke and " --smoke" or "")
  local axes, by_name, points = {}, {}, {}
  for line in output_of(command):gmatch "[^\n]+" do
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
  for _, point in pairs(points) do point.ms = median(point.all) end
  return report.growth(axes)
end

local function allocated()
  local library = allocations.counter()
  if not library then return note "allocations needs a C compiler: left out" end
  local all, count = {}, o.smoke and 2 or 100
  for _, row in ipairs(o.smoke and { "train" } or { "train", "logprob_pair", "logprob_pair_answers", "sample" }) do
    note("allocations %s", row)
    local commands = { { "Perilune", measured.ours("core", row)("tiny") } }
    if o.python ~= "" then commands[2] = { "PyTorch", measured.peer("pytorch", row)("tiny") } end
    for _, command in ipairs(commands) do
      local a_step = allocations.measure(library, command[2], count)
      if a_step then all[#all + 1] = { row = row, who = command[1], a_step = a_step } end
    end
  end
  return report.allocations(all), count
end

local function versions()
  if o.python == "" then return "no peers" end
  return output_of(quoted(o.python) .. [[ -c '
from importlib.metadata import version
print(", ".join(f"{name} {version(name)}" for name in "torch numpy jax transformers ctranslate2 trl".split()))' 2>/dev/null]])
end

local busy_before = turns.pause()
if busy_before > 0.1 then note("bench: others have %.0f %% of the cores before we begin: wait for a quiet machine", 100 * busy_before) end

local lines, steps = {}, {}

for _, row in ipairs(measured.rows) do
  if chosen(row.name) then
    if row.needs_data and o.data == "" then
      note("%s needs --data stories260K.bin: left out", row.name)
    else
      for case in (row.sized and o.cases or "tiny"):gmatch "[^,]+" do
        local found, step = measure.row(row, case)
        table.move(found, 1, #found, #lines + 1, lines)
        steps[#steps + 1] = step
      end
    end
  end
end

--- When, on what and with what settings a part was measured, and whether the machine was quiet.
local function circumstances(what)
  local processor = output_of "sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1"
  local shares = measure.shares_of_others()
  if #shares == 0 then shares = { busy_before, turns.pause() } end
  return ("`scripts/bench/run%s` on %s, %s, %d threads. Others had %.0f %% of the cores between turns (median; %.0f %% at most)."):format(
    what, os.date "%Y-%m-%d", processor, o.threads, 100 * median(shares), 100 * math.max(table.unpack(shares)))
end

--- Prints a part and writes it where that is wanted.
local function publish(part, ...)
  local text = table.concat({ ... }, "\n\n")
  print(text)
  if o.write then report.write(folder .. "/results.md", part, text) end
end

if #lines > 0 then
  local parts = {
    ("%s %d turns of %g s for each process. Peers: %s."):format(circumstances(o.quick and " --quick" or ""), o.rounds, o.seconds, versions()),
    report.speeds(lines, measured.columns, measured.labels),
  }
  local peaks = report.peaks(lines, measured.columns, measured.labels)
  if peaks then
    parts[#parts + 1] = "Peak of resident memory, each row in a process of its own:"
    parts[#parts + 1] = peaks
  end
  if #steps > 0 then
    parts[#parts + 1] = "A training step and plain products of 2048 x 2048 taking turns with it, GFLOP/s:"
    parts[#parts + 1] = report.products(steps)
  end
  local figure = report.chart(lines)
  if figure then
    parts[#parts + 1] = "![Speed beside the fastest peer, with goals](bench.svg)"
    if o.write then figure:save(folder .. "/bench.svg") end
  end
  publish("bench", table.unpack(parts))
end
if chosen "seeds" then
  if o.data == "" and not o.smoke then
    note "seeds needs --data stories260K.bin: left out"
  else
    local text = seeds()
    publish("bench seeds", circumstances " --rows seeds", text)
  end
end
if chosen "growth" then
  local text, figure = growth()
  publish("bench growth", circumstances " --rows growth", text, "![Step time against arithmetic](growth.svg)")
  if o.write then figure:save(folder .. "/growth.svg") end
end
if chosen "allocations" then
  local text, count = allocated()
  if text then
    publish("bench allocations", circumstances " --rows allocations", ("Case tiny, runs of %d and %d steps."):format(count, 2 * count), text)
  end
end
