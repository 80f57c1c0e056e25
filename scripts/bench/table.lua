--- Runs Perilune and its peers in turns and prints how many times as fast Perilune is; see scripts/bench/run.
--
-- The processes of a row start one after another and wait. Then, round by round, each has one turn alone. A
-- ratio is the median over the rounds of the quotient of two turns of one round: a slow phase of the machine
-- slows both. "fastest" compares each round with that round's fastest peer.
local perilune = require "perilune"
local cli, options = perilune.cli, perilune.options

local folder = debug.getinfo(1, "S").source:match "^@(.*)/" or "."
local commands_of = dofile(folder .. "/commands.lua")
local measure_of = dofile(folder .. "/measure.lua")
local parts = dofile(folder .. "/parts.lua")
local processes = dofile(folder .. "/processes.lua")
local report = dofile(folder .. "/report.lua")
local rows = dofile(folder .. "/rows.lua")
local sizes = dofile(folder .. "/sizes.lua")
local quoted <const>, output_of <const>, median <const> = processes.quoted, processes.output_of, sizes.median

--- Where what was measured is written.
local scripts <const> = folder .. "/.."

local program = require "perilune.system".program()
for i = -2, -100, -1 do
  if arg[i] then program = arg[i] else break end
end

local known = "train,logprob_pair,logprob_pair_answers,sample,frozen16,frozen64,offline,offline_kept,"
  .. "online,lora,sgemm,call,op,read,write,startup,seeds,growth,allocations,store"
local o = cli.parse(arg, options.spec("bench", {
  { "quick", false, "two turns of one second a row, case tiny only, without seeds and what follows it" },
  { "rows", "", "rows to measure, separated by commas; all unless given",
    smoke = "train,logprob_pair,sample,startup,seeds,growth,allocations,store" },
  { "cases", "tiny,small,gpt2", "sizes of train, logprob_pair, logprob_pair_answers and sample",
    smoke = "tiny" },
  { "rounds", 3, "turns of each process", least = 1, smoke = 1 },
  { "seconds", 5.0, "length of a turn", least = 0, smoke = 0 },
  { "threads", 2, "cores of each process", least = 1 },
  { "patience", 0.0, "seconds to wait before each turn while others use the cores", least = 0 },
  { "data", "", "stories260K.bin, with tok512.bin beside it: for offline, offline_kept, online and seeds" },
  { "model", "", "a GGUF file such as SmolLM2-135M-Instruct.Q4_1.gguf: for frozen16 and frozen64" },
  { "folder", "", "a folder of transformers: for lora" },
  { "python", "", "the interpreter of the peers, which scripts/bench/run gives; none unless given" },
  { "alone", false, "no peers", smoke = true },
  { "write", false, "replace what was measured on this processor in scripts/results.md, and its charts" },
}), [[
bench: Perilune and its peers on the same work, in turns

  scripts/bench/run --data stories260K.bin --write     everything: an hour and a half on two quiet cores
  scripts/bench/run --quick --data stories260K.bin      some minutes
  scripts/bench/run --rows train,sample --cases small
  scripts/bench/run --rows growth --alone

rows:
  train                  forward, cross-entropy of every position, backward, AdamW; and plain matrix products
  logprob_pair           IPO on pairs, the reference's log-probabilities computed in each step, the head at
                         every position; and ours with the head at the answers alone
  logprob_pair_answers   the same, everyone's head at the answers alone
  sample                 temperature 1, with a key-value cache; and ours with four answers to each prompt
  frozen16, frozen64     a model of a GGUF file samples 64 tokens after as many prompts of 32: with the file's
                         blocks beside llama.cpp, as f32 beside llama.cpp, transformers and CTranslate2
  offline, online        a step of the whole job beside TRL's
  offline_kept           the same with the reference's log-probabilities of a pair computed once, compared
                         with TRL's plain step and with TRL that does the same
  lora                   IPO with adapters of rank 16 on --folder, the reference computed in each step
  store                  the store of runs: a curve of 10^7 figures, a listing of 2,000 runs, a recorded
                         step
  sgemm, call, op        a plain product, a call from Lua or Python, a small operation
  read, write            an element of a tensor by its position
  startup                the program's start
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

local commands = commands_of(o, program)
local measure = measure_of(o)
local note <const> = measure.note

local function versions()
  if o.python == "" then return "no peers" end
  return output_of(quoted(o.python) .. [[ -c '
from importlib.metadata import distributions
found = {d.metadata["Name"].replace("-", "_"): d.version for d in distributions()}
names = "torch numpy jax transformers ctranslate2 llama_cpp_python trl peft".split()
print(", ".join(f"{name} {found[name]}" for name in names if name in found))' 2>/dev/null]])
end

local busy_before = processes.pause()
if busy_before > 0.1 then
  note("bench: others have %.0f %% of the cores before we begin: wait for a quiet machine", 100 * busy_before)
end

local lines, steps = {}, {}

for _, row in ipairs(rows.list(o, program, commands)) do
  if chosen(row.name) then
    if row.needs_data and o.data == "" then
      note("%s needs --data stories260K.bin: left out", row.name)
    elseif row.needs_folder and o.folder == "" then
      note("%s needs --folder FOLDER: left out", row.name)
    elseif row.needs_model and o.model == "" then
      note("%s needs --model FILE.gguf: left out", row.name)
    else
      for case in (row.sized and o.cases or "tiny"):gmatch "[^,]+" do
        local found, step = measure:row(row, case)
        table.move(found, 1, #found, #lines + 1, lines)
        steps[#steps + 1] = step
      end
    end
  end
end

--- The processor's name, which names its table and its chart.
local processor <const> = require "perilune.processor".name()
local slug <const> = processor:lower():gsub("%W+", "-"):gsub("%-$", "")
local chart <const> = ("results/bench-%s.svg"):format(slug)
local growth_chart <const> = ("results/growth-%s.svg"):format(slug)

--- When, on what and with what settings a part was measured, and whether the machine was quiet.
local function circumstances(what)
  local shares = measure:shares_of_others()
  if #shares == 0 then shares = { busy_before, processes.pause() } end
  local text = "`scripts/bench/run%s` on %s, %s, %d threads. Other processes used %.0f %% of the cores "
    .. "between turns (median; %.0f %% at most)."
  return text:format(what, os.date "%Y-%m-%d", processor, o.threads, 100 * median(shares),
    100 * math.max(table.unpack(shares)))
end

--- Prints a part and writes it where that is wanted.
local function publish(part, ...)
  local text = table.concat({ ... }, "\n\n")
  print(text)
  if o.write then report.write(scripts .. "/results.md", part, text) end
end

if #lines > 0 then
  local texts = {
    ("%s %d turns of %g s for each process. Peers: %s."):format(
      circumstances(o.quick and " --quick" or ""), o.rounds, o.seconds, versions()),
    report.speeds(lines, rows.columns, rows.labels),
  }
  local peaks = report.peaks(lines, rows.columns, rows.labels)
  if peaks then
    texts[#texts + 1] = "Peak of resident memory, each row in a process of its own:"
    texts[#texts + 1] = peaks
  end
  if #steps > 0 then
    texts[#texts + 1] = "A training step and plain products of 2048 x 2048 taking turns with it, GFLOP/s:"
    texts[#texts + 1] = report.products(steps, rows.shares)
  end
  local figure = report.chart(lines)
  if figure then
    texts[#texts + 1] = ("![Speed beside the fastest peer, with goals](%s)"):format(chart)
    if o.write then figure:save(scripts .. "/" .. chart) end
  end
  publish("bench, " .. processor, table.unpack(texts))
end
if chosen "seeds" then
  if o.data == "" and not o.smoke then
    note "seeds needs --data stories260K.bin: left out"
  else
    local text = parts.seeds(o, commands, measure)
    publish("bench seeds, " .. processor, circumstances " --rows seeds", text)
  end
end
if chosen "growth" then
  note "growth"
  local text, figure = parts.growth(o, commands, program)
  publish("bench growth, " .. processor, circumstances " --rows growth", text,
    ("![Step time against arithmetic](%s)"):format(growth_chart))
  if o.write then figure:save(scripts .. "/" .. growth_chart) end
end
if chosen "allocations" then
  local text, count = parts.allocations(o, commands, note)
  if text then
    publish("bench allocations, " .. processor, circumstances " --rows allocations",
      ("Case tiny, runs of %d and %d steps."):format(count, 2 * count), text)
  end
end
if chosen "store" then
  note "store"
  publish("bench store, " .. processor, circumstances " --rows store", parts.store(o, program))
end
