--- What the sandbox does with files and pipes: the own files of the program, new files by number, folders
-- above the roots, a pipe that nobody reads. Each in a process of its own.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local system = require "perilune.system"

local program = system.program()
local base = os.tmpname()
os.remove(base)
local root = base .. "/root"

-- The output of a command of the shell with standard errors, and its status.
local function shell(command, ...)
  local pipe = assert(io.popen("exec 2>&1; " .. command:format(...)))
  local text = pipe:read "a"
  local _, _, status = pipe:close()
  return text, status or 0
end

-- Runs a text in the sandbox; gives its output and its status.
local function run(code, options)
  system.write_file(base .. "/script.lua", code)
  return shell("cd '%s' && '%s' --sandbox --root='%s' --max-time=60 %s '%s/script.lua'", root, program, root,
    options or "", base)
end

local project = shell("cd '%s' && pwd -P", support.root):match "[^\n]*"

TestFiles = {}

function TestFiles:setUp() system.make_folder(root) end
function TestFiles:tearDown() os.execute(("rm -rf '%s'"):format(base)) end

-- A program of its own in the root: a copy of the library, and a link to it in another folder.
local function with_own_library(test)
  shell([[cd '%s' && mkdir -p share/lib links && cp -r '%s/stdlib' share/lib/stdlib &&
    ln -s ../share/lib/stdlib links/lib && ln -s ../share/lib/stdlib/new.lua links/new.lua]],
    root, project)
  local library = root .. "/share/lib/stdlib"
  local before = shell("cd '%s' && find share | sort && cat share/lib/stdlib/*.lua | cksum", root)
  local code = ([[local root, library = %q, %q
    local function try(name, f, ...)
      local ok, problem = f(...)
      print(name, ok and "DONE" or "refused", problem)
    end]]):format(root, library) .. "\n" .. test
  system.write_file(base .. "/script.lua", code)
  local text = shell("cd '%s' && PERILUNE_STDLIB='%s' '%s' --sandbox --root . '%s/script.lua'", root, library,
    program, base)
  lu.assertEquals(shell("cd '%s' && find share | sort && cat share/lib/stdlib/*.lua | cksum", root), before)
  return text
end

function TestFiles:test_no_way_leads_into_the_library_where_a_root_holds_it()
  local text = with_own_library [[
    for _, folder in ipairs { library, "share/lib/stdlib", "links/lib", "links/../links/lib" } do
      local file = folder .. "/perilune.lua"
      for _, mode in ipairs { "w", "a", "r+", "w+" } do try(mode .. " " .. file, io.open, file, mode) end
      try("new in " .. folder, io.open, folder .. "/new.lua", "w")
      try("remove " .. file, os.remove, file)
      try("rename " .. file, os.rename, file, root .. "/taken.lua")
      assert(io.open(root .. "/mine.lua", "w")):close()
      try("onto " .. file, os.rename, root .. "/mine.lua", file)
      try("folder in " .. folder, pcall, require "perilune.system".make_folder, folder .. "/new")
      print("reads " .. file, io.open(file) ~= nil)
    end
    for _, folder in ipairs { "share/lib/stdlib", "share/lib", "share" } do
      try("rename " .. folder, os.rename, folder, "elsewhere")
    end
    try("a link to nothing in it", io.open, "links/new.lua", "w")]]
  lu.assertNotStrContains(text, "DONE")
  lu.assertStrContains(text, "refused")
  lu.assertStrContains(text, "links/lib/perilune.lua: the program's own files are read-only under --sandbox")
  lu.assertStrContains(text, "what holds the program's own files stays in its place")
  local _, reads = text:gsub("reads links/lib/perilune.lua\ttrue", "")
  lu.assertEquals(reads, 1)
end

function TestFiles:test_links_within_a_root_still_lead_to_its_files()
  shell("cd '%s' && mkdir real && ln -s real link && echo old >real/x", root)
  lu.assertStrContains(run [[
    local f = assert(io.open("link/x", "w"))
    f:write "new"
    f:close()
    assert(io.open("link/y", "w")):close()
    assert(os.rename("link/y", "link/z"))
    print(io.open "real/x":read "a", io.open "real/z" ~= nil)
  ]], "new\ttrue")
end

function TestFiles:test_a_new_file_counts_as_output_even_if_it_is_empty()
  local files = [[
    local n = 0
    while true do
      n = n + 1
      assert(io.open("file" .. n, "w")):close()
      if n % 3 == 0 then os.remove("file" .. n) end
    end]]
  local text, status = run(files, "--max-output=4M")
  lu.assertStrContains(text, "more output than the limit of --sandbox allows; --max-output=SIZE raises it")
  lu.assertEquals(status, 1)
  local left = tonumber((shell("ls '%s' | wc -l", root)))
  lu.assertTrue(left > 500 and left < 1024, left)
  local folders = [[
    local system = require "perilune.system"
    for n = 1, 1e9 do system.make_folder("folder" .. n) end]]
  text, status = run(folders, "--max-output=1M")
  lu.assertStrContains(text, "more output than the limit")
  lu.assertEquals(status, 1)
  lu.assertTrue(tonumber((shell("ls -d '%s'/folder* | wc -l", root))) <= 257)
end

function TestFiles:test_a_file_that_is_there_is_opened_again_without_a_count()
  local text, status = run([[
    for _ = 1, 2000 do assert(io.open("one", "w")):close() end
    print "done"]], "--max-output=1M")
  lu.assertEquals(text, "done\n")
  lu.assertEquals(status, 0)
end

function TestFiles:test_folders_above_the_roots_are_not_seen()
  local text = run(([[
    local system = require "perilune.system"
    for _, path in ipairs { "/", "/tmp", %q, %q .. "/..", "/usr" } do
      print(system.exists(path), (pcall(system.list_folder, path)))
    end
    print(system.exists(%q), system.exists ".")
    local job = require "perilune.run".open { name = "r", folder = %q .. "/a/b/runs", config = {} }
    job:finish()]]):format(base, root, root, root))
  lu.assertEquals(text, ("false\tfalse\n"):rep(5) .. "true\ttrue\n")
end

-- A script that fills a pipe is interrupted: the status that the program ends with, and what it said.
local function interrupted(options, code, signals)
  system.write_file(base .. "/script.lua", code)
  return shell([[cd '%s' && mkfifo pipe && exec 3<>pipe &&
    { '%s' %s '%s/script.lua' >pipe 3>&- & } && pid=$! && sleep 1 &&
    for signal in %s; do kill -$signal $pid; sleep 0.3; done
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
      kill -0 $pid 2>/dev/null && sleep 0.1 || break
    done
    kill -9 $pid 2>/dev/null && echo hangs
    wait $pid; echo status $?]], root, program, options, base, signals)
end

function TestFiles:test_ctrl_c_ends_a_write_to_a_pipe_that_nobody_reads()
  local code = "while true do io.write(('x'):rep(1000)) end"
  for _, options in ipairs { "", "--sandbox --root=." } do
    local text = interrupted(options, code, "INT")
    lu.assertStrContains(text, "status 130", options)
    lu.assertNotStrContains(text, "hangs", options)
    os.remove(root .. "/pipe")
  end
  lu.assertStrContains(interrupted("--sandbox --root=.", "io.stdout:setvbuf 'no'\n" .. code, "INT"),
    "status 130")
end

os.exit(lu.LuaUnit.run())
