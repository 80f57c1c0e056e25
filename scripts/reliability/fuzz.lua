--- Damaged files: every reader answers with a value or an error (R6 to R8), and holds little meanwhile (R11).
--
--   bin/perilune scripts/reliability/fuzz.lua                                     a slice of each format
--   bin/perilune scripts/reliability/fuzz.lua --formats gguf,parquet --cases 1000000 --seed 7
--   bin/perilune scripts/reliability/fuzz.lua --program .build-asan/release/perilune --cases 10000000 \
--     --record out/reliability/sanitized.jsonl                  goes on where the same line was cut
--
-- Files of Tests/Golden are damaged as fuzz_damage.lua says and read by fuzz_cases.lua, in processes of
-- their own. Of a case that ends its process, takes more than its time or ends in an error of the library's
-- own code, the file is kept below out/reliability/fuzz, and the line that reads it again is printed. A
-- program with AddressSanitizer is built by `swift build -c release --product perilune --sanitize address
-- --scratch-path .build-asan`.
--
-- Cases come in pieces of at most 100,000 of one format, each with a seed of its own. With `record`, a file
-- of JSON lines, a piece that is there already is not read again, and counts.
local common = dofile(arg[0]:match "^(.*)/" .. "/common.lua")
local files = dofile(common.root .. "/scripts/reliability/fuzz_formats.lua")
local formats = require "perilune.formats"
local parallel = require "perilune.parallel"
local system = require "perilune.system"

local o = common.options {
  cases = 200, seed = 1, formats = "all", program = common.program, seconds = 60, record = "", jobs = 1,
}
local each <const> = 100000
local kept = common.root .. "/out/reliability/fuzz"
-- Where memory was allocated is not noted, which takes a quarter of the time: the case that is read again
-- tells it. What is freed stays unused for 16 MB, which are a few hundred cases.
local sanitizer <const> = "detect_leaks=0:allocator_may_return_null=1:malloc_context_size=0"
  .. ":quarantine_size_mb=16"
-- A sanitizer holds freed memory back, so what a reader holds is measured without one.
local is_checked = common.run(("grep -q __asan_init '%s'"):format(o.program)) == 0

local function chosen(name)
  return o.formats == "all" or ("," .. o.formats .. ","):find("," .. name .. ",", 1, true) ~= nil
end

--- Keeps the file of a case of a format; gives the line that reads it again.
local function keep(name, seed, from, case, which)
  local to = ("%s/%s-%d-%s-%s%s"):format(kept, name, seed, case, which, files[name].ending)
  common.run(("mkdir -p '%s' && cp '%s' '%s'"):format(kept, from, to))
  return ("  %s scripts/reliability/fuzz_cases.lua %s %s"):format(o.program, name, to)
end

--- Notes a case that is bad, with its file.
local function note(found, file, case, which, what)
  found.bad = found.bad + 1
  local name, seed = found.format, found.seed
  io.stderr:write(("%s, seed %d, case %s: %s\n%s\n"):format(name, seed, case, what,
    keep(name, seed, file, case, which)))
end

--- Reads the cases of a piece, going on after one that ends its process.
local function sweep(name, seed, count)
  local found, from = { format = name, seed = seed, cases = 0, refused = 0, bad = 0, held = 0 }, 1
  local command = ("ASAN_OPTIONS=%s timeout %%d '%%s' --threads=1 "
    .. "'%%s/scripts/reliability/fuzz_cases.lua' %%s %%d %%d %%d '%%s' %s"):format(sanitizer,
    is_checked and "unmeasured" or "")
  while from <= count and found.bad < 20 do
    local folder = common.folder()
    local status, out, err = common.run(command:format(o.seconds + count // 20, o.program, common.root, name,
      seed, from, count, folder))
    for case, which, problem in out:gmatch "case (%d+) of file (%d+): ([^\n]*)" do
      note(found, ("%s/bad-%s%s"):format(folder, case, files[name].ending), case, which, problem)
    end
    local last, refused, held = out:match "read (%d+) refused (%d+) held (%d+)"
    if not last then
      local which
      last, which = (common.text(folder .. "/number") or from .. " 0"):match "(%d+) (%d+)"
      refused, held = 0, 0
      note(found, folder .. "/case" .. files[name].ending, last, which,
        ("status %d: %s"):format(status, err:sub(-1500)))
    end
    found.cases, from = math.tointeger(last), math.tointeger(last) + 1
    found.refused, found.held = found.refused + math.tointeger(refused), math.max(found.held, tonumber(held))
    common.remove(folder)
  end
  return found
end

--- The pieces of the record, by format and seed, and the hash of the program that makes new ones.
local recorded, hash = {}, o.record ~= "" and system.sha256_file(o.program) or nil
for _, piece in ipairs(hash and system.exists(o.record) and formats.load_json_lines(o.record) or {}) do
  recorded[piece.format .. " " .. piece.seed] = piece
end

--- A piece, from the record where it is there with as many cases and nothing bad.
local function piece_of(piece)
  local name, seed, count = piece.name, piece.seed, piece.count
  local known = recorded[name .. " " .. seed]
  if known and known.cases >= count and known.bad == 0 then return known end
  local found = sweep(name, seed, count)
  if hash then
    found.program = hash
    common.run(("mkdir -p \"$(dirname '%s')\""):format(o.record))
    local file <close> = assert(io.open(o.record, "ab"))
    file:write(formats.json_encode(found), "\n")
  end
  return found
end

-- Pieces of all formats, several at once.
local pieces, found = {}, {}
for _, name in ipairs(files.names) do
  for k = 0, chosen(name) and (o.cases - 1) // each or -1 do
    pieces[#pieces + 1] = { name = name, seed = o.seed + k, count = math.min(each, o.cases - k * each) }
  end
end
for i, piece in ipairs(parallel.map(pieces, piece_of, { jobs = o.jobs, label = "fuzz" })) do
  local name = pieces[i].name
  found[name] = found[name] or {}
  table.insert(found[name], piece)
end

--- All pieces of a format, added up.
local function all_of(list)
  local sum, builds, count = { cases = 0, refused = 0, bad = 0, held = 0 }, {}, 0
  for _, piece in ipairs(list) do
    for _, key in ipairs { "cases", "refused", "bad" } do sum[key] = sum[key] + piece[key] end
    sum.held = math.max(sum.held, piece.held)
    if piece.program and not builds[piece.program] then
      builds[piece.program], count = true, count + 1
    end
  end
  sum.builds = count > 1 and (", of %d builds"):format(count) or ""
  return sum
end

local most = 0
for _, name in ipairs(files.names) do
  if found[name] then
    local sum = all_of(found[name])
    most = math.max(most, sum.held)
    common.row(files[name].id, ("%s: bad of %d damaged files, %d refused%s%s"):format(name, sum.cases,
      sum.refused, is_checked and ", with AddressSanitizer" or "", sum.builds), sum.bad,
      sum.bad == 0 and sum.refused > 0)
  end
end
if not is_checked then
  common.row("R11", "most that a reader held while it refused, beyond twice the file",
    ("%.1f MB"):format(most / 1000),
    most <= 16000)
end
common.exit()
