--- Damaged files: every reader answers with a value or an error (R6 to R8), and holds little meanwhile (R11).
--
--   bin/perilune scripts/reliability/fuzz.lua                                     a slice of each format
--   bin/perilune scripts/reliability/fuzz.lua --formats gguf,parquet --cases 1000000 --seed 7
--
-- Files of Tests/Golden are damaged as fuzz_damage.lua says and read by fuzz_cases.lua, in processes of
-- their own, with all that Lua does with them. Of a case that ends its process, takes more than its time or
-- ends in an error of the library's own code, the file is kept below out/reliability/fuzz, and the line that
-- reads it again is printed. fuzzer.lua reads many more inputs, with the readers of Swift alone.
--
-- Cases come in pieces of at most 100,000 of one format, each with a seed of its own.
local common = dofile(arg[0]:match "^(.*)/" .. "/common.lua")
local files = dofile(common.root .. "/scripts/reliability/fuzz_formats.lua")
local parallel = require "perilune.parallel"

local o = common.options { cases = 200, seed = 1, formats = "all", seconds = 60, jobs = 1 }
local each <const> = 100000
local kept = common.root .. "/out/reliability/fuzz"

--- Keeps the file of a case of a format; gives the line that reads it again.
local function keep(name, seed, from, case, which)
  local to = ("%s/%s-%d-%s-%s%s"):format(kept, name, seed, case, which, files[name].ending)
  common.run(("mkdir -p '%s' && cp '%s' '%s'"):format(kept, from, to))
  return ("  %s scripts/reliability/fuzz_cases.lua %s %s"):format(common.program, name, to)
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
  local command <const> = "timeout %d '%s' --threads=1 '%s/scripts/reliability/fuzz_cases.lua' "
    .. "%s %d %d %d '%s'"
  while from <= count and found.bad < 20 do
    local folder = common.folder()
    local status, out, err = common.run(command:format(o.seconds + count // 20, common.program, common.root,
      name, seed, from, count, folder))
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

-- Pieces of all formats, several at once.
local pieces, found = {}, {}
for _, name in ipairs(files.names) do
  for k = 0, common.chosen(o.formats, name) and (o.cases - 1) // each or -1 do
    pieces[#pieces + 1] = { name = name, seed = o.seed + k, count = math.min(each, o.cases - k * each) }
  end
end
for i, piece in ipairs(parallel.map(pieces, function(piece)
  return sweep(piece.name, piece.seed, piece.count)
end, { jobs = o.jobs, label = "fuzz" })) do
  local name = pieces[i].name
  found[name] = found[name] or {}
  table.insert(found[name], piece)
end

--- All pieces of a format, added up.
local function all_of(list)
  local sum = { cases = 0, refused = 0, bad = 0, held = 0 }
  for _, piece in ipairs(list) do
    for _, key in ipairs { "cases", "refused", "bad" } do sum[key] = sum[key] + piece[key] end
    sum.held = math.max(sum.held, piece.held)
  end
  return sum
end

local most = 0
for _, name in ipairs(files.names) do
  if found[name] then
    local sum = all_of(found[name])
    most = math.max(most, sum.held)
    common.row(files[name].id, ("%s: bad of %d damaged files, %d refused"):format(name, sum.cases,
      sum.refused), sum.bad, sum.bad == 0 and sum.refused > 0)
  end
end
common.row("R11", "most that a reader held while it refused, beyond twice the file",
  ("%.1f MB"):format(most / 1000), most <= 16000)
common.exit()
