-- Inputs that the fuzzer has kept of each format: every reader answers with a value or a clean error.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local system = require "perilune.system"

TestFuzzKept = {}

local scripts <const> = support.root .. "/scripts/reliability/"
local formats, kept = dofile(scripts .. "fuzz_formats.lua"), dofile(scripts .. "fuzz_kept.lua")

--- Writes without the sync of `system.write_file`, which takes longer than the readers.
local function write(path, bytes)
  local file <close> = assert(io.open(path, "wb"))
  file:write(bytes)
end

--- What is bad of reading the inputs of a format, by the number of the input, and how many were refused.
local function read_all(name)
  local read, path, bad, refused = formats[name].reader(), os.tmpname() .. formats[name].ending, {}, 0
  for i, bytes in ipairs(kept.load(name)) do
    write(path, bytes)
    local ok, message = pcall(read, path, i)
    refused = refused + (ok and 0 or 1)
    local problem = not ok and formats.problem_of(message)
    if problem then bad[#bad + 1] = ("input %d: %s"):format(i, problem) end
  end
  os.execute(("rm -rf '%s' '%s.runs'"):format(path, path))
  return bad, refused
end

for _, name in ipairs(formats.names) do
  local count = #kept.load(name)
  if count > 0 then
    TestFuzzKept[("test_%s"):format(name)] = function()
      local bad, refused = read_all(name)
      lu.assertEquals(bad, {})
      lu.assertTrue(refused > 0 and refused < count, ("%d of %d refused"):format(refused, count))
    end
  end
end

function TestFuzzKept.test_the_formats_that_the_fuzzer_reads_have_inputs()
  local names = {}
  for i, file in ipairs(system.list_folder(kept.folder)) do names[i] = file:match "^(%w+)%.jsonl%.gz$" end
  for i, name in ipairs(names) do lu.assertEquals(formats[name] and name, name, i) end
  lu.assertEquals(#names, 13)
end

os.exit(lu.LuaUnit.run())
