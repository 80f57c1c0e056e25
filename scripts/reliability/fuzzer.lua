--- Inputs of a fuzzer that coverage guides: readers give a value or an error, and hold little (R6-R8, R11).
-- scripts/reliability/fuzzer builds the fuzzer and runs this.
--
--   scripts/reliability/fuzzer --formats gguf,parquet --cases 1000000 --seed 7
--   scripts/reliability/fuzzer --cases 10000000 --jobs 2    two formats at once; goes on where it was cut
--   scripts/reliability/fuzzer --cases 1000000 --keep 1     and keeps the inputs that reach most
--
-- A format begins with its inputs in Tests/Golden/fuzz, and new ones that reach more of a reader are added
-- below out/reliability/fuzzer, where the inputs of faults are too. A fault is a trap, a report of
-- AddressSanitizer, ten seconds of time, or more than 16 MB and twice the file held by a reader that refuses
-- (Sources/fuzzer/Format.swift allows gzip and store more); the line that reads the input again is printed.
--
-- Cases come in pieces of a million, each with a seed of its own. A piece in the record
-- out/reliability/fuzzer.jsonl is not run again, and counts. `keep` writes Tests/Golden/fuzz anew: of all
-- inputs the fewest that reach as much.
local common = dofile(arg[0]:match "^(.*)/" .. "/common.lua")
local kept = dofile(common.root .. "/scripts/reliability/fuzz_kept.lua")
local formats = require "perilune.formats"
local parallel = require "perilune.parallel"
local system = require "perilune.system"

local o = common.options { cases = 1000000, seed = 1, formats = "all", jobs = 1, keep = 0 }
local each <const> = 1000000
local program = common.root .. "/.build-fuzzer/release/fuzzer"
local base = common.root .. "/out/reliability/fuzzer"
local record = base .. ".jsonl"
-- Where memory was allocated is not noted, which takes a quarter of the time: the case that is read again
-- tells it. Freed memory is kept up to the size of a processor's cache, more than most cases take in all.
local environment <const> = "SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0:symbolize=0"
  .. ":allocator_may_return_null=1:malloc_context_size=0:quarantine_size_mb=1"
  .. ":thread_local_quarantine_size_kb=64:max_malloc_fill_size=0"
local settings <const> = "-timeout=10 -rss_limit_mb=2000 -malloc_limit_mb=1100 -verbosity=0"

--- Figure and most bytes of an input; larger ones are slower and reach no more.
local all <const> = {
  { "safetensors", "R6", 4096 }, { "models", "R6", 6144 }, { "numpy", "R6", 1024 }, { "zip", "R6", 2048 },
  { "gguf", "R7", 10240 }, { "vocabularies", "R7", 8192 }, { "json", "R8", 4096 }, { "lines", "R8", 4096 },
  { "gzip", "R8", 4096 }, { "tokenizer", "R8", 6144 }, { "templates", "R8", 1024 },
  { "parquet", "R8", 6144 }, { "store", "R8", 12288 },
}

--- The folder of a format's inputs, with those that are kept.
local function corpus(name)
  local folder = ("%s/%s"):format(base, name)
  common.run(("mkdir -p '%s'"):format(folder))
  for i, bytes in ipairs(kept.load(name)) do
    local file <close> = assert(io.open(("%s/kept-%d"):format(folder, i), "wb"))
    file:write(bytes)
  end
  return folder
end

--- Runs the fuzzer on a format; gives its status, what it said, and what it counted.
local function fuzz(name, words)
  local folder = common.folder()
  local status, _, err = common.run(("FUZZED_FORMAT=%s FUZZED_FOLDER='%s' %s exec '%s' %s %s"):format(name,
    folder, environment, program, settings, words))
  local counts = common.text(folder .. "/counts") or ("\0"):rep(24)
  common.remove(folder)
  local cases, refused, held = ("<i8i8i8"):unpack(counts)
  return status, err, { cases = cases, refused = refused, held = held }
end

--- Reads the cases of a piece, going on with another seed after one that ends the process.
local function sweep(name, bytes, seed, count, folder)
  local found = { format = name, seed = seed, cases = 0, refused = 0, bad = 0, held = 0 }
  while found.cases < count and found.bad < 20 do
    local status, err, counts = fuzz(name, ("-seed=%d -runs=%d -max_len=%d -artifact_prefix='%s-' '%s'")
      :format(seed + 1000 * found.bad, count - found.cases, bytes, folder, folder))
    for _, key in ipairs { "cases", "refused" } do found[key] = found[key] + counts[key] end
    found.held = math.max(found.held, counts.held)
    if status ~= 0 or counts.cases == 0 then
      found.bad = found.bad + 1
      local path = err:match "Test unit written to ([^\n]+)" or ""
      io.stderr:write(("%s, seed %d: status %d: %s\n"):format(name, seed, status, err:sub(-3000)))
      io.stderr:write(("  FUZZED_FORMAT=%s FUZZED_FOLDER=/tmp %s %s\n"):format(name, program, path))
    end
  end
  return found
end

--- The pieces of the record, by format and seed, and the hash of the program that makes new ones.
local recorded, hash = {}, system.sha256_file(program)
for _, piece in ipairs(system.exists(record) and formats.load_json_lines(record) or {}) do
  recorded[piece.format .. " " .. piece.seed] = piece
end

--- All pieces of a format, one after the other: each begins with the inputs that those before it have found.
local function pieces_of(format)
  local name, _, bytes = table.unpack(format)
  local folder = corpus(name)
  local sum, builds = { cases = 0, refused = 0, bad = 0, held = 0, builds = 0 }, {}
  for k = 0, (o.cases - 1) // each do
    local seed, count = o.seed + k, math.min(each, o.cases - k * each)
    local piece = recorded[name .. " " .. seed]
    if not piece or piece.cases < count or piece.bad > 0 then
      piece = sweep(name, bytes, seed, count, folder)
      piece.program = hash
      local file <close> = assert(io.open(record, "ab"))
      file:write(formats.json_encode(piece), "\n")
    end
    for _, key in ipairs { "cases", "refused", "bad" } do sum[key] = sum[key] + piece[key] end
    sum.held = math.max(sum.held, piece.held)
    if not builds[piece.program] then builds[piece.program], sum.builds = true, sum.builds + 1 end
  end
  return sum
end

--- Keeps the fewest inputs of a format that reach as much as all of them.
local function keep(format)
  local name, _, bytes = table.unpack(format)
  local folder, fewest = corpus(name), common.folder()
  local status, err = fuzz(name, ("-set_cover_merge=1 -max_len=%d '%s' '%s'"):format(bytes, fewest, folder))
  if status == 0 then kept.save(name, fewest) end
  common.remove(fewest)
  if status ~= 0 then error(("%s: %s"):format(name, err:sub(-1500)), 0) end
end

local list = {}
for _, format in ipairs(all) do
  if common.chosen(o.formats, format[1]) then list[#list + 1] = format end
end
local most, measured = 0, 0
for i, sum in ipairs(parallel.map(list, pieces_of, { jobs = o.jobs, label = "fuzzer" })) do
  local name, id = table.unpack(list[i])
  -- Of an unpacked line and of a record of SQLite the buffer is larger than what fills it.
  if name ~= "gzip" and name ~= "store" then
    most, measured = math.max(most, sum.held), measured + 1
  end
  local builds = sum.builds > 1 and (", of %d builds"):format(sum.builds) or ""
  common.row(id, ("%s: bad of %d inputs, %d refused, coverage-guided, with AddressSanitizer%s"):format(name,
    sum.cases, sum.refused, builds), sum.bad, sum.bad == 0 and sum.refused > 0)
end
if measured > 0 then
  common.row("R11", ("most that a reader held while it refused, beyond twice the file, of %d formats, "
    .. "coverage-guided"):format(measured), ("%.1f MB"):format(most / 1e6), most <= 16e6)
end
if o.keep ~= 0 then parallel.map(list, keep, { jobs = o.jobs, label = "keep" }) end
common.exit()
