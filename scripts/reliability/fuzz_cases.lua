--- Reads damaged files of one format, in one process. See fuzz.lua.
--
--   perilune fuzz_cases.lua FORMAT FILE                        one file, as it was kept
--   perilune fuzz_cases.lua FORMAT SEED FROM TO FOLDER         cases; their files are written in the folder
--
-- Prints a line "case N of file M: ..." for an error of the library's own code, whose file is bad-N in the
-- folder, and at the end "read N refused N held KILOBYTES".
local here = arg[0]:match "^(.*)/"
local damage = dofile(here .. "/fuzz_damage.lua")
local formats = dofile(here .. "/fuzz_formats.lua")

local format = formats[arg[1]]
local read = format.reader()

local function write(path, bytes)
  local file <close> = assert(io.open(path, "wb"))
  file:setvbuf "no"
  file:write(bytes)
end

if not arg[3] then
  print(pcall(read, arg[2], tonumber(arg[2]:match "%-(%d+)%.[%w.]+$")))
  os.exit(0, true)
end

local seed, from, to, folder = math.tointeger(tonumber(arg[2])), math.tointeger(tonumber(arg[3])),
  math.tointeger(tonumber(arg[4])), arg[5]
local path = folder .. "/case" .. format.ending
local seeds = format.seeds()

--- Notes which case is read, for whoever finds this process ended.
local number = assert(io.open(folder .. "/number", "wb"))
number:setvbuf "no"
local function note(case, which)
  number:seek "set"
  number:write(("%-12d %-12d"):format(case, which))
end

--- Kilobytes of a line of /proc/self/status.
local function status(key)
  local file <close> = io.open "/proc/self/status"
  return file and tonumber((file:read "a"):match(key .. ":%s*(%d+)")) or 0
end

--- Sets the peak of resident memory back to what is resident now.
local function reset()
  local file <close> = io.open("/proc/self/clear_refs", "w")
  if file then file:write "5" end
end

for which, bytes in ipairs(from == 1 and not format.may_refuse and seeds or {}) do
  write(path, bytes)
  local ok, problem = pcall(read, path, which)
  if not ok then
    write(("%s/bad-0%s"):format(folder, format.ending), bytes)
    print(("case 0 of file %d: whole, but %s"):format(which, problem))
  end
end

-- The traceback of an error looks its functions up in all modules, which takes longer than most readers.
for name in pairs(package.loaded) do
  if name:find "^perilune" then package.loaded[name] = nil end
end

local refused, held = 0, 0
for case = from, to do
  local bytes, which = damage.of(seeds, seed, case, format.head or 400)
  write(path, bytes)
  note(case, which)
  local before
  if case % 8 == 0 then
    collectgarbage()
    reset()
    before = status "VmHWM"
  end
  local ok, message = pcall(read, path, which)
  if not ok then
    refused = refused + 1
    if before then held = math.max(held, status "VmHWM" - before - 2 * #bytes // 1024) end
    local problem = formats.problem_of(message)
    if problem then
      write(("%s/bad-%d%s"):format(folder, case, format.ending), bytes)
      print(("case %d of file %d: %s"):format(case, which, (problem:gsub("\n", " "))))
    end
  end
end
print(("read %d refused %d held %d"):format(to, refused, held))
