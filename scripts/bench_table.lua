--- Runs Perilune and its peers in turns and prints how many times as fast Perilune is. `scripts/bench` starts it.
--
-- The processes of a row start one after another and wait. Then, round by round, each gets one turn alone. A ratio is
-- the median over the rounds of the quotient of two turns of one round: what slows the machine down for a while slows
-- both. "fastest" compares each round with that round's fastest peer.
local perilune = require "perilune"
local cli, formats, system = perilune.cli, perilune.formats, perilune.system

local folder = arg[0]:match "^(.*)[/\\]" or "."
local sizes = dofile(folder .. "/peers/turns.lua")
local turns = dofile(folder .. "/bench_turns.lua")
local report = dofile(folder .. "/bench_report.lua")
local allocations = dofile(folder .. "/bench_allocations.lua")
local quoted <const>, output_of <const>, median <const> = turns.quoted, turns.output_of, sizes.median

local program = arg[-1]
for i = -2, -100, -1 do
  if arg[i] then program = arg[i] else break end
end

local known = "train,logprob_pair,logprob_pair_answers,sample,offline,offline_kept,online,sgemm,call,op,startup,seeds,growth,allocations"
local o = cli.parse(arg, {
  { "quick", false, "two turns of one second a row, case tiny only, without seeds, growth and allocations" },
  { "rows", "", "some of them, with commas between; all unless given" },
  { "cases", "tiny,small,gpt2", "sizes of train, logprob_pair, logprob_pair_answers and sample" },
  { "rounds", 3, "turns of each process", least = 1 },
  { "seconds", 5.0, "length of a turn", least = 0 },
  { "threads", 2, "cores of each process", least = 1 },
  { "patience", 0.0, "seconds to wait before each turn while others use the cores", least = 0 },
  { "data", "", "stories260K.bin, with tok512.bin beside it: for offline, offline_kept, online and seeds" },
  { "python", "", "the interpreter of the peers, which scripts/bench gives; none unless given" },
  { "alone", false, "no peers" },
  { "write", false, "replace what was measured in scripts/results.md, and scripts/bench.svg, scripts/bench_growth.svg" },
  { "smoke", false, "the shortest run that shows that everything works" },
}, [[
bench: Perilune and its peers on the same work, in turns

  scripts/bench --data stories260K.bin --write     everything: some 40 minutes on a quiet machine
  scripts/bench --quick --data stories260K.bin      some minutes
  scripts/bench --rows train,sample --cases small
  scripts/bench --rows growth --alone

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
if o.smoke then
  o.rounds, o.seconds, o.cases, o.alone = 1, 0.0, "tiny", true
  if o.rows == "" then o.rows = "train,logprob_pair,sample,startup,seeds,growth,allocations" end
end
if o.alone then o.python = "" end
if o.rows == "" then o.rows = o.quick and known:gsub(",seeds.*", "") or known end

local function chosen(name) return ("," .. o.rows .. ","):find("," .. name .. ",", 1, true) end

for name in o.rows:gmatch "[^,]+" do
  if not ("," .. known .. ","):find("," .. name .. ",", 1, true) then
    error(("bench: unknown row '%s', see --help"):format(name), 0)
  end
end

local measured = dofile(folder .. "/bench_rows.lua")(o, program)

local function note(text, ...)
  io.stderr:write(text:format(...), "\n")
  io.stderr:flush()
end

local function each(list, f)
  local out = {}
  for i, x in ipairs(list) do out[i] = f(x, i) end
  return out
end

local function ms_of(turn) return turn.ms end

--- How many times as fast `a` is as `b`, round by round.
local function ratio(a, b)
  return median(each(a, function(turn, i) return b[i].ms / turn.ms end))
end

--- The processes of a row that started, in the order of their turns: { key, process, seconds }.
local function start_all(row, case)
  local running = {}
  local function add(key, command, once, seconds)
    local process, log
    if once then
      process = turns.repeated(once)
    else
      process, log = turns.start(("%s-%s-%s"):format(row.name, case, key), command .. " --turns")
    end
    if not process then return note("  %s did not start: see %s", key, log) end
    running[#running + 1] = { key = key, process = process, seconds = seconds or o.seconds }
  end
  local names = {}
  for key in pairs(row.ours or {}) do names[#names + 1] = key end
  table.sort(names, function(a, b) return a == "ours" or b ~= "ours" and a < b end)
  if row.once then add("ours", nil, row.once) end
  for _, key in ipairs(names) do add(key, row.ours[key](case)) end
  for _, peer in ipairs(row.peers) do
    if peer.once then
      local is_there = os.execute(("command -v %s >/dev/null"):format(peer.once:match "%S+"))
      if is_there and not o.alone then add(peer.key, nil, peer.once) end
    elseif o.python ~= "" then
      add(peer.key, peer.command(case))
    end
  end
  for _, product in ipairs(row.products or {}) do
    if product.label == "Perilune" or o.python ~= "" then
      add("product " .. product.label, product.command(case), nil, math.min(o.seconds, 1.0))
    end
  end
  return running
end

-- The share of the cores that others had before each turn.
local others = {}

--- All turns of processes that have started: a list of turns for each key that had all of them.
local function take_turns(running)
  local taken = {}
  for _, one in ipairs(running) do taken[one.key] = {} end
  for round = 1, o.rounds do
    for _, one in ipairs(running) do
      if taken[one.key] then
        others[#others + 1] = turns.pause(o.patience)
        taken[one.key][round] = one.process:turn(one.seconds)
        if not taken[one.key][round] then
          note("  %s stopped: see %s", one.key, one.process.log)
          taken[one.key] = nil
        end
      end
    end
  end
  for _, one in ipairs(running) do one.process:stop() end
  return taken
end

local sgemm_flops <const> = 2 * 2048 ^ 3

local function figure_of(unit, ms, turn)
  if unit == "tokens/s" then return ("%.0f tokens/s"):format(turn.tokens_per_s * turn.ms / ms) end
  if unit == "GFLOP/s" then return ("%.0f GFLOP/s"):format(sgemm_flops / ms / 1e6) end
  if unit == "ns a call" then return ("%.0f ns a call"):format(ms * 1e6 / 10000) end
  return ("%.1f %s"):format(ms, unit)
end

--- Each round's fastest turn among some peers; nil where none of them ran.
local function fastest_of(taken, keys)
  local best = {}
  for _, key in ipairs(keys) do
    for i, turn in ipairs(taken[key] or {}) do
      if not best[i] or turn.ms < best[i].ms then best[i] = turn end
    end
  end
  return best[1] and best
end

--- The lines of the table that a row gives.
local function lines_of(row, case, taken)
  local lines = {}
  for _, wanted in ipairs(row.lines) do
    local own = taken[wanted.of]
    if own then
      local last = own[#own]
      local ms = median(each(own, ms_of))
      local line = {
        name = wanted.name, short = wanted.short, case = row.sized and case or "", process = row.name .. " " .. wanted.of,
        figure = figure_of(row.unit, ms, last), goal = type(wanted.goals) == "table" and wanted.goals[case] or wanted.goals,
        speed = {}, memory = {}, peak = last.peak_rss_mb,
      }
      for _, key in ipairs(wanted.against) do
        if taken[key] then line.speed[key] = ratio(own, taken[key]) end
      end
      for _, peer in ipairs(row.peers) do
        local theirs = taken[peer.key]
        line.memory[peer.key] = theirs and theirs[#theirs].peak_rss_mb
      end
      local fastest = fastest_of(taken, wanted.against)
      line.fastest = fastest and ratio(own, fastest)
      if line.fastest then note("  %s: %s, %.2f times as fast as the fastest peer", line.name, line.figure, line.fastest) end
      lines[#lines + 1] = line
    end
  end
  return lines
end

--- A training step in GFLOP/s, and everyone's plain product.
local function step_of(row, case, taken)
  local step = { case = case, order = {}, products = {}, best = 0 }
  step.gflops = sizes.train_flops(sizes.cases[case]) / median(each(taken.ours, ms_of)) / 1e6
  for _, product in ipairs(row.products) do
    local plain = taken["product " .. product.label]
    step.order[#step.order + 1] = product.label
    if plain then
      step.products[product.label] = sgemm_flops / math.min(table.unpack(each(plain, ms_of))) / 1e6
      step.best = math.max(step.best, step.products[product.label])
    end
  end
  return step
end

local lines, steps = {}, {}

local function measure(row, case)
  note("%s %s", row.name, row.sized and case or "")
  local taken = take_turns(start_all(row, case))
  table.move(lines_of(row, case, taken), 1, #row.lines, #lines + 1, lines)
  if row.products and taken.ours then steps[#steps + 1] = step_of(row, case, taken) end
end

--- One run on all cores, and as many runs as cores with one thread each, all at work at once.
local function seeds()
  local rows = {}
  for _, side in ipairs { "online", "offline" } do
    note("seeds %s", side)
    local smoke = o.data == "" and " --embedded" or ""
    local one = turns.start("seeds-one-" .. side, measured.ours("bench_job", side)("tiny") .. smoke .. " --turns")
    local members = {}
    for i = 1, o.threads do
      members[i] = turns.start(("seeds-%d-%s"):format(i, side), measured.ours("bench_job", side, 1)("tiny") .. smoke .. " --turns")
    end
    if not one or #members < o.threads then
      note("  did not start: see %s", turns.logs)
    else
      local taken = take_turns {
        { key = "one", process = one, seconds = o.seconds }, { key = "all", process = turns.together(members), seconds = o.seconds },
      }
      if taken.one and taken.all then
        local function cell(list)
          local ms, last = median(each(list, ms_of)), list[#list]
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
  local command = ("%s%s %s/bench_growth.lua --seconds %g --rounds %d --threads %d%s"):format(
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
  local library = allocations.library()
  if not library then return note "allocations needs a C compiler: left out" end
  local all, count = {}, o.smoke and 2 or 100
  for _, row in ipairs(o.smoke and { "train" } or { "train", "logprob_pair", "logprob_pair_answers", "sample" }) do
    note("allocations %s", row)
    local commands = { { "Perilune", measured.ours("bench_core", row)("tiny") } }
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

for _, row in ipairs(measured.rows) do
  if chosen(row.name) then
    if row.needs_data and o.data == "" then
      note("%s needs --data stories260K.bin: left out", row.name)
    else
      for case in (row.sized and o.cases or "tiny"):gmatch "[^,]+" do measure(row, case) end
    end
  end
end

--- When, on what and with what settings a part was measured, and whether the machine was quiet.
local function circumstances(what)
  local pin = os.getenv "OPENBLAS_CORETYPE"
  local processor = output_of "sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1"
  if #others == 0 then others = { busy_before, turns.pause() } end
  local quiet = ("Others had %.0f %% of the cores between turns (median; %.0f %% at most)."):format(
    100 * median(others), 100 * math.max(table.unpack(others)))
  others = {}
  return ("`scripts/bench%s` on %s, %s, %d threads. %s%s"):format(
    what, os.date "%Y-%m-%d", processor, o.threads, quiet,
    pin and (" The environment pins our OpenBLAS to its %s kernels."):format(pin) or "")
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
  publish("bench growth", circumstances " --rows growth", text, "![Step time against arithmetic](bench_growth.svg)")
  if o.write then figure:save(folder .. "/bench_growth.svg") end
end
if chosen "allocations" then
  local text, count = allocated()
  if text then
    publish("bench allocations", circumstances " --rows allocations", ("Case tiny, runs of %d and %d steps."):format(count, 2 * count), text)
  end
end
