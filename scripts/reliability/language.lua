--- R23: the official tests of Lua 5.4, file by file.
--
--     bin/perilune scripts/reliability/language.lua
--     bin/perilune scripts/reliability/language.lua --folder lua-5.4.4-tests
--
-- `folder` is that of www.lua.org/tests of the Lua that Perilune is built with. Without one, lua_tests.py
-- fetches them once; where it cannot, the figure is left out. A file runs in a process of its own, in a copy
-- of the folder, with its libraries of C compiled: `_soft` leaves out what takes minutes, `heavy.lua` needs
-- all memory, and the files leave out parts for a Lua that is built for tests ("testC not active").
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local common = require "common"
local system = require "perilune.system"

local o = common.options {
  folder = common.root .. "/out/reliability/lua-5.4.4-tests", seconds = 600, include = "/usr/include/lua5.4",
  program = common.program,
}
local fetch <const> = "mkdir -p \"$(dirname '%s')\" && '%s/scripts/reliability/lua_tests.py' '%s'"
if not system.exists(o.folder .. "/all.lua")
  and common.run(fetch:format(o.folder, common.root, o.folder)) ~= 0 then
  print("skipped: the official tests of Lua: " .. o.folder .. " is not there and PyPI does not answer")
  os.exit(0, true)
end

local folder = common.folder()
local compile <const> = [[cp -r '%s/.' '%s' && cd '%s/libs' && mkdir -p P1
  for name in lib1 lib11 lib2 lib21 lib22; do
    cc -O1 -fPIC -shared -I'%s' -o $name.so $name.c || exit 1
  done
  mv lib22.so lib2-v2.so]]
local compiled, _, problem = common.run(compile:format(o.folder, folder, folder, o.include))
if compiled ~= 0 then error("the libraries of the tests do not compile: " .. problem, 0) end

local command <const> = "cd '%s' && cat /dev/null | timeout %d '%s' --no-init -e '_soft = true' %s"
local passed, count, partly = 0, 0, 0
for _, name in ipairs(system.list_folder(folder)) do
  if name:find "%.lua$" and name ~= "all.lua" and name ~= "heavy.lua" then
    local status, out, err = common.run(command:format(folder, o.seconds, o.program, name))
    count = count + 1
    if status == 0 then passed = passed + 1 else
      io.stderr:write(("%s: status %d: %s\n"):format(name, status, (out .. err):sub(-600)))
    end
    if out:find "testC not active" then partly = partly + 1 end
  end
end
common.remove(folder)
local said <const> = "files of the official tests of Lua 5.4 that pass, of %d, %d without parts for testC"
common.row("R23", said:format(count, partly), passed, passed == count)
common.exit()
