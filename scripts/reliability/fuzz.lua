--- Damaged files: every reader answers with a value or an error (R6 to R8), and holds little meanwhile (R11).
--
--   bin/perilune scripts/reliability/fuzz.lua                                     a slice of each format
--   bin/perilune scripts/reliability/fuzz.lua --formats gguf,parquet --cases 1000000 --seed 7
--   bin/perilune scripts/reliability/fuzz.lua --program .build-asan/release/perilune
--
-- Files of Tests/Golden are damaged as fuzz_damage.lua says and read by fuzz_cases.lua, in processes of
-- their own. Of a case that ends its process, takes more than its time or ends in an error of the library's
-- own code, the file is kept below out/reliability/fuzz, and the line that reads it again is printed. A
-- program with AddressSanitizer is built by `swift build -c release --product perilune --sanitize address
-- --scratch-path .build-asan`.
local common = dofile(arg[0]:match "^(.*)/" .. "/common.lua")
local formats = dofile(common.root .. "/scripts/reliability/fuzz_formats.lua")

local o = common.options { cases = 200, seed = 1, formats = "all", program = common.program, seconds = 60 }
local kept = common.root .. "/out/reliability/fuzz"
-- A sanitizer holds freed memory back, so what a reader holds is measured without one.
local is_checked = common.run(("grep -q __asan_init '%s'"):format(o.program)) == 0

local function chosen(name)
  return o.formats == "all" or ("," .. o.formats .. ","):find("," .. name .. ",", 1, true) ~= nil
end

--- Keeps the file of a case of a format; gives the line that reads it again.
local function keep(name, from, case, which)
  local to = ("%s/%s-%d-%s-%s%s"):format(kept, name, o.seed, case, which, formats[name].ending)
  common.run(("mkdir -p '%s' && cp '%s' '%s'"):format(kept, from, to))
  return ("  %s scripts/reliability/fuzz_cases.lua %s %s"):format(o.program, name, to)
end

--- Notes a case that is bad, with its file.
local function note(found, name, file, case, which, what)
  found.bad = found.bad + 1
  io.stderr:write(("%s, seed %d, case %s: %s\n%s\n"):format(name, o.seed, case, what, keep(name, file, case,
    which)))
end

--- Reads the cases of a format, going on after one that ends its process.
local function sweep(name)
  local found, from = { cases = 0, refused = 0, bad = 0, held = 0 }, 1
  local command = "ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 timeout %d '%s' --threads=1 "
    .. "'%s/scripts/reliability/fuzz_cases.lua' %s %d %d %d '%s'"
  while from <= o.cases and found.bad < 20 do
    local folder = common.folder()
    local status, out, err = common.run(command:format(o.seconds + o.cases // 20, o.program, common.root,
      name,
      o.seed, from, o.cases, folder))
    for case, which, problem in out:gmatch "case (%d+) of file (%d+): ([^\n]*)" do
      note(found, name, ("%s/bad-%s%s"):format(folder, case, formats[name].ending), case, which, problem)
    end
    local last, refused, held = out:match "read (%d+) refused (%d+) held (%d+)"
    if not last then
      local which
      last, which = (common.text(folder .. "/number") or from .. " 0"):match "(%d+) (%d+)"
      refused, held = 0, 0
      note(found, name, folder .. "/case" .. formats[name].ending, last, which,
        ("status %d: %s"):format(status, err:sub(-1500)))
    end
    found.cases, from = tonumber(last), tonumber(last) + 1
    found.refused, found.held = found.refused + tonumber(refused), math.max(found.held, tonumber(held))
    common.remove(folder)
  end
  return found
end

local most = 0
for _, name in ipairs(formats.names) do
  if chosen(name) then
    local found = sweep(name)
    most = math.max(most, found.held)
    common.row(formats[name].id, ("%s: bad of %d damaged files, %d refused%s"):format(name, found.cases,
      found.refused, is_checked and ", with AddressSanitizer" or ""), found.bad, found.bad == 0
        and found.refused > 0)
  end
end
if not is_checked then
  common.row("R11", "most that a reader held while it refused, beyond twice the file",
    ("%.1f MB"):format(most / 1000),
    most <= 16000)
end
common.exit()
