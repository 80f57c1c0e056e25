--- Runs Perilune and its peers in turns and prints how many times as fast Perilune is. `scripts/bench` starts it.
--
-- The processes of a row start one after another and wait. Then, round by round, each gets one turn alone. A ratio is
-- the median over the rounds of the quotient of two turns of one round: what slows the machine down for a while slows
-- both. "fastest" compares each round with that round's fastest peer.
local perilune = require "perilune"
local cli, formats, plot, system = perilune.cli, perilune.formats, perilune.plot, perilune.system

local folder = arg[0]:match "^(.*)[/\\]" or "."
local program = arg[-1]
for i = -2, -100, -1 do
  if arg[i] then program = arg[i] else break end
end

local o = cli.parse(arg, {
  { "quick", false, "two turns of one second a row, case tiny only" },
  { "rows", "", "of train, logprob_pair, sample, offline, offline_kept, online, sgemm, call, op, startup; all" },
  { "cases", "tiny,small,gpt2", "sizes of train, logprob_pair and sample" },
  { "rounds", 3, "turns of each process" },
  { "seconds", 5.0, "length of a turn" },
  { "threads", 2, "cores of each process" },
  { "data", "", "stories260K.bin, with tok512.bin beside it: for offline, offline_kept and online" },
  { "python", "", "the interpreter of the peers; none unless given" },
  { "alone", false, "no peers" },
  { "write", false, "write scripts/results.md and scripts/bench.svg" },
  { "smoke", false, "the shortest run that shows that everything works" },
}, "bench: Perilune and its peers on the same work")

if o.quick then o.rounds, o.seconds, o.cases = 2, 1.0, "tiny" end
if o.smoke then o.rounds, o.seconds, o.cases, o.rows, o.alone = 1, 0.0, "tiny", "train,sample,startup", true end
if o.alone then o.python = "" end

local logs = "out/bench"
system.make_folder(logs)

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function output_of(command)
  local pipe <close> = assert(io.popen(command))
  return (pipe:read "a"):gsub("%s+$", "")
end

-- Who runs what.

--- Pins a command to as many cores as it has threads, where there are more: XLA has no other setting.
local pinned = ""
if o.threads < (math.tointeger(output_of "nproc") or o.threads) then pinned = ("taskset -c 0-%d "):format(o.threads - 1) end

local function ours(script)
  return function(row, case)
    return ("%s%s %s/%s.lua --what %s --case %s --data %s --threads %d --turns"):format(
      pinned, quoted(program), folder, script, row, case, quoted(o.data), o.threads)
  end
end

--- Settings that pin OpenBLAS to a kernel are for us: NumPy's own copy is to choose as it likes.
local unset = ""
for name in output_of("env"):gmatch "%f[^\n\0](OPENBLAS_[%w_]+)=" do unset = unset .. " -u " .. name end

local function peer(script)
  return function(row, case)
    return ("%senv%s %s %s/peers/%s.py --what %s --case %s --data %s --threads %d --turns"):format(
      pinned, unset, quoted(o.python), folder, script, row, case, quoted(o.data), o.threads)
  end
end

local peers = {
  pytorch = { label = "PyTorch", command = peer "pytorch" },
  compiled = { label = "torch.compile", command = peer "compiled" },
  jax = { label = "JAX", command = peer "jax_cpu" },
  transformers = { label = "transformers", command = function(_, case) return peer "pytorch"("hf_generate", case) end },
  ctranslate = { label = "CTranslate2", command = peer "ctranslate" },
  trl = { label = "TRL", command = peer "trl_job" },
  lua = { label = "Lua", once = "lua5.4 -e ''" },
  python = { label = "Python", once = (o.python ~= "" and o.python or "python3") .. " -c ''" },
}
local column_order = { "pytorch", "compiled", "jax", "transformers", "ctranslate", "trl", "lua", "python" }

local core, job = ours "bench_core", ours "bench_job"
local rows = {
  { name = "train", sized = true, command = core, peers = { "pytorch", "compiled", "jax" }, unit = "tokens/s" },
  { name = "logprob_pair", sized = true, command = core, peers = { "pytorch", "compiled", "jax" }, unit = "tokens/s" },
  { name = "sample", sized = true, command = core, peers = { "pytorch", "jax", "transformers", "ctranslate" }, unit = "tokens/s" },
  { name = "offline", command = job, needs_data = true, peers = { "trl" }, unit = "ms a step" },
  { name = "offline_kept", command = job, needs_data = true, peers = { "trl" }, unit = "ms a step" },
  { name = "online", command = job, needs_data = true, peers = { "trl" }, unit = "ms a step" },
  { name = "sgemm", command = core, peers = { "pytorch", "jax" }, unit = "GFLOP/s" },
  { name = "call", command = core, peers = { "pytorch" }, unit = "ns a call" },
  { name = "op", command = core, peers = { "pytorch" }, unit = "ns a call" },
  { name = "startup", once = ("%s -e ''"):format(quoted(program)), peers = { "lua", "python" }, unit = "ms" },
}

local sgemm_flops <const> = 2 * 2048 ^ 3

--- What a training step of a case computes: six operations for each weight and token, and causal attention.
local function train_flops(case)
  local sizes = { tiny = { 4, 128, 512, 32, 64 }, small = { 6, 384, 4096, 16, 256 }, gpt2 = { 12, 768, 50257, 1, 256 } }
  local layers, dim, vocab, batch, length = table.unpack(sizes[case])
  local positions = length - 1
  return batch * (6 * positions * (12 * layers * dim ^ 2 + vocab * dim) + 6 * layers * positions ^ 2 * dim)
end

-- Taking turns.

local Process = {}
Process.__index = Process

--- A process that waits for turns; nil and its log when it ends before it is warm. Its input is a named pipe, because
-- popen gives only one direction.
local function start(name, command)
  local input, log = os.tmpname(), ("%s/%s.log"):format(logs, name)
  os.remove(input)
  assert(os.execute("mkfifo " .. quoted(input)))
  local self = setmetatable({ log = log, name = name }, Process)
  self.out = assert(io.popen(("%s <%s 2>%s"):format(command, quoted(input), quoted(log))))
  self.input = assert(io.open(input, "w"))
  os.remove(input)
  local line = self.out:read "l"
  if line then return self end
  self:stop()
  return nil, log
end

function Process:turn(seconds)
  self.input:write(seconds, "\n")
  self.input:flush()
  local line = self.out:read "l"
  return line and formats.json_decode(line)
end

function Process:stop()
  self.input:write "\n"
  self.input:close()
  self.out:close()
end

--- A command whose whole life is timed, ten times a turn.
local function repeated(command)
  return {
    turn = function()
      local begun = system.clock()
      for _ = 1, 10 do assert(os.execute(command)) end
      return { ms = (system.clock() - begun) * 100 }
    end,
    stop = function() end,
  }
end

local function median(list)
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted)
  local middle = #sorted // 2
  return #sorted % 2 == 1 and sorted[middle + 1] or (sorted[middle] + sorted[middle + 1]) / 2
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

local function note(text, ...)
  io.stderr:write(text:format(...), "\n")
  io.stderr:flush()
end

--- All turns of a row: a list of turns for each process that ran all of them.
local function run_row(row, case)
  local running, order = {}, {}
  local function add(key, command, once)
    local process, log
    if once then
      process = repeated(once)
    else
      process, log = start(("%s-%s-%s"):format(row.name, case, key), command)
    end
    if not process then return note("  %s did not start: see %s", key, log) end
    running[key], order[#order + 1] = process, key
  end
  add("ours", row.command and row.command(row.name, case), row.once)
  for _, name in ipairs(row.peers) do
    local one = peers[name]
    if one.once then
      local is_there = os.execute(("command -v %s >/dev/null"):format(one.once:match "%S+"))
      if is_there and not o.alone then add(name, nil, one.once) end
    elseif o.python ~= "" then
      add(name, one.command(row.name, case))
    end
  end
  if row.name == "train" then add("sgemm", core("sgemm", case)) end
  local turns = {}
  for _, key in ipairs(order) do turns[key] = {} end
  for round = 1, o.rounds do
    for _, key in ipairs(order) do
      if turns[key] then
        -- Threads of the one before may still spin for a moment.
        if running[key].log then os.execute "sleep 0.2" end
        turns[key][round] = running[key]:turn(o.seconds)
        if not turns[key][round] then
          note("  %s stopped: see %s", key, running[key].log)
          turns[key] = nil
        end
      end
    end
  end
  for _, process in pairs(running) do process:stop() end
  return turns
end

--- The figures of a row: ours in its unit, and for each peer the ratio of speed and the peak of memory.
local function measure(row, case)
  local turns = run_row(row, case)
  if not turns.ours then return nil end
  local result = { row = row, case = row.sized and case or "", speed = {}, memory = {} }
  result.ms = median(each(turns.ours, ms_of))
  local last = turns.ours[#turns.ours]
  result.tokens_per_s, result.peak = last.tokens_per_s and last.tokens_per_s * last.ms / result.ms, last.peak_rss_mb
  local fastest = {}
  for _, name in ipairs(row.peers) do
    local theirs = turns[name]
    if theirs then
      result.speed[name] = ratio(turns.ours, theirs)
      result.memory[name] = theirs[#theirs].peak_rss_mb
      for i, turn in ipairs(theirs) do
        if not fastest[i] or turn.ms < fastest[i].ms then fastest[i] = turn end
      end
    end
  end
  if fastest[1] then result.fastest = ratio(turns.ours, fastest) end
  if turns.sgemm then
    local best = math.min(table.unpack(each(turns.sgemm, ms_of)))
    local flops = train_flops(case)
    result.gflops, result.sgemm_gflops = flops / result.ms / 1e6, sgemm_flops / best / 1e6
  end
  return result
end

-- The table.

local function figure_of(result)
  local unit = result.row.unit
  if unit == "tokens/s" then return ("%.0f tokens/s"):format(result.tokens_per_s) end
  if unit == "GFLOP/s" then return ("%.0f GFLOP/s"):format(sgemm_flops / result.ms / 1e6) end
  if unit == "ns a call" then return ("%.0f ns a call"):format(result.ms * 1e6 / 10000) end
  return ("%.1f %s"):format(result.ms, unit)
end

local function line(cells) return "| " .. table.concat(cells, " | ") .. " |" end

local function table_of(results)
  local columns = {}
  for _, name in ipairs(column_order) do
    for _, result in ipairs(results) do
      if result.speed[name] then
        columns[#columns + 1] = name
        break
      end
    end
  end
  local head, rule = { "row", "case", "Perilune" }, { "---", "---", "---:" }
  for _, name in ipairs(columns) do head[#head + 1], rule[#rule + 1] = peers[name].label, "---:" end
  head[#head + 1], rule[#rule + 1] = "fastest", "---:"
  local speeds, peaks = { line(head), line(rule) }, { line(head), line(rule) }
  for _, result in ipairs(results) do
    local speed = { result.row.name, result.case, figure_of(result) }
    local peak = { result.row.name, result.case, ("%d MB"):format(result.peak or 0) }
    local least
    for _, name in ipairs(columns) do
      speed[#speed + 1] = result.speed[name] and ("%.2f"):format(result.speed[name]) or ""
      local memory = result.memory[name]
      peak[#peak + 1] = memory and ("%d MB"):format(memory) or ""
      if memory and (not least or memory < least) then least = memory end
    end
    speed[#speed + 1] = result.fastest and ("**%.2f**"):format(result.fastest) or ""
    peak[#peak + 1] = least and ("**%.2f**"):format(least / result.peak) or ""
    speeds[#speeds + 1] = line(speed)
    if result.peak then peaks[#peaks + 1] = line(peak) end
  end
  peaks[1] = peaks[1]:gsub("fastest", "least / ours")
  return table.concat(speeds, "\n"), table.concat(peaks, "\n")
end

local function versions()
  if o.python == "" then return "no peers" end
  return output_of(quoted(o.python) .. [[ -c '
from importlib.metadata import version
print(", ".join(f"{name} {version(name)}" for name in "torch jax transformers ctranslate2 trl".split()))' 2>/dev/null]])
end

local function load_average() return io.open("/proc/loadavg"):read "n" end

local function report(results, load_before)
  local speeds, peaks = table_of(results)
  local pin = os.getenv "OPENBLAS_CORETYPE"
  local processor = output_of "sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1"
  local parts = {
    ("`scripts/bench`%s on %s, %s, %d threads; %d turns of %g s for each process; load average %.1f before, %.1f after."):format(
      o.quick and " --quick" or "", os.date "%Y-%m-%d", processor, o.threads, o.rounds, o.seconds, load_before,
      load_average()),
    ("Peers: %s.%s"):format(versions(), pin and (" The environment pins our OpenBLAS to its %s kernels."):format(pin) or ""),
    "Columns of peers: how many times as fast Perilune is (above 1 it is faster).", speeds,
    "Peak of resident memory, each row in a process of its own.", peaks,
  }
  for _, r in ipairs(results) do
    if r.gflops then
      parts[#parts + 1] = ("A training step of case %s does %.0f GFLOP/s; the best plain product of 2048 x 2048, taking turns with it, %.0f (%.0f %%)."):format(
        r.case, r.gflops, r.sgemm_gflops, 100 * r.gflops / r.sgemm_gflops)
    end
  end
  return table.concat(parts, "\n\n")
end

--- Puts the report between the markers of the file of results, which is begun when it is missing.
local function write_section(path, text)
  local file = io.open(path, "r")
  local whole = file and file:read "a" or "# Results\n"
  if file then file:close() end
  local opening, closing = "<!-- bench -->", "<!-- /bench -->"
  if not whole:find(opening, 1, true) then
    whole = whole .. "\n## Speed and memory beside the peers\n\n" .. opening .. "\n" .. closing .. "\n"
  end
  local _, from = whole:find(opening, 1, true)
  local to = whole:find(closing, from, true) or error(("%s: no %s after %s"):format(path, closing, opening), 0)
  local picture = "![Speed beside the fastest peer](bench.svg)"
  system.write_file(path, ("%s\n%s\n\n%s\n\n%s"):format(whole:sub(1, from), text, picture, whole:sub(to)))
end

local function chart(results)
  local labels, values = {}, {}
  for _, result in ipairs(results) do
    if result.fastest then
      labels[#labels + 1] = result.case ~= "" and result.row.name .. " " .. result.case or result.row.name
      values[#values + 1] = result.fastest
    end
  end
  if #values == 0 then return nil end
  return plot.figure { title = "Perilune beside the fastest peer", ylabel = "times as fast", width = 960 }
    :bars { labels = labels, values = values }:hline { y = 1, label = "as fast", style = "dashed" }
end

local function chosen(name)
  return o.rows == "" or ("," .. o.rows .. ","):find("," .. name .. ",", 1, true)
end

for name in o.rows:gmatch "[^,]+" do
  local known = false
  for _, row in ipairs(rows) do known = known or row.name == name end
  if not known then error(("bench: unknown row '%s', see --help"):format(name), 0) end
end

local load_before = load_average()
if load_before > 0.5 then note("bench: the load average is %.1f before we begin: the machine is not quiet", load_before) end
local results = {}
for _, row in ipairs(rows) do
  if chosen(row.name) then
    if row.needs_data and o.data == "" then
      note("%s needs --data stories260K.bin: left out", row.name)
    else
      for case in (row.sized and o.cases or "tiny"):gmatch "[^,]+" do
        note("%s %s", row.name, row.sized and case or "")
        local result = measure(row, case)
        results[#results + 1] = result
        if result and result.fastest then
          note("  %s, %.2f times as fast as the fastest peer", figure_of(result), result.fastest)
        end
      end
    end
  end
end

local text = report(results, load_before)
print(text)
if o.write then
  write_section(folder .. "/results.md", text)
  local figure = chart(results)
  if figure then figure:save(folder .. "/bench.svg") end
end
