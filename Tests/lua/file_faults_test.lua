--- A file that gives fewer bytes than its size says.
--
-- Linux states a page of bytes for each text of /sys, however short it is.
local lu = require "luaunit"
local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*$") or "."
local support = dofile(here .. "/support.lua")
local formats = require "perilune.formats"
local system = require "perilune.system"
local T = require "perilune.tensor"

TestFileFaults = {}

function TestFileFaults:test_a_file_that_ends_before_its_size()
  local path = "/sys/devices/system/cpu/online"
  if not system.exists(path) then
    print("skipped: needs " .. path)
    lu.skip("needs " .. path)
  end
  local file <close> = assert(io.open(path, "rb"))
  local size = file:seek "end"
  file:seek "set"
  if #file:read "a" >= size then lu.skip "the size is that of the text" end
  for _, load in ipairs { formats.load_json, formats.load_json_lines, T.load } do
    lu.assertEquals(support.message(load, path),
      ("cannot read %s: it became shorter while it was read"):format(path))
  end
end

os.exit(lu.LuaUnit.run())
