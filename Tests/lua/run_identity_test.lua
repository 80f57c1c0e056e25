--- What the code of a run is known by: the script, whatever its name, without its comments.
local lu = require "luaunit"
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local command = require "perilune.sweep.command"
local identity = require "perilune.run.identity"
local scan = require "perilune.notebook.scan"
local system = require "perilune.system"

TestScript = {}

function TestScript:setUp()
  self.folder = support.new_path()
  system.make_folder(self.folder)
end

function TestScript:tearDown() os.execute(("rm -rf '%s'"):format(self.folder)) end

--- What a shell command prints, with the program as $0.
local function printed(shell)
  local pipe <close> = assert(io.popen(command.line { "sh", "-c", shell, system.program() }))
  return (pipe:read "a":gsub("\n$", ""))
end

--- A script whose name does not end in .lua had no hash: its changed code read the old runs.
function TestScript:test_a_script_has_a_hash_whatever_its_name()
  local text = "print(require('perilune.run.identity').script())"
  local hash = identity.source(text)
  for _, name in ipairs { "x.lua", "x", "x.txt" } do
    local path = ("%s/%s"):format(self.folder, name)
    system.write_file(path, text)
    lu.assertEquals(printed(("\"$0\" '%s'"):format(path)), hash, name)
  end
  system.write_file(self.folder .. "/x", text .. " x = 1")
  lu.assertNotEquals(printed(("\"$0\" '%s/x'"):format(self.folder)), hash)
end

--- A module that was changed read the old runs.
function TestScript:test_the_modules_that_a_script_has_loaded_are_part_of_its_hash()
  local text = ("package.path = '%s/?.lua' require 'mod' "):format(self.folder)
    .. "print(require('perilune.run.identity').script())"
  local path, hashes = self.folder .. "/x.lua", {}
  system.write_file(path, text)
  for i, module in ipairs { "return 1", "return 2", "return 2  -- as before" } do
    system.write_file(self.folder .. "/mod.lua", module)
    system.write_file(self.folder .. "/os.lua", "not loaded " .. i)
    hashes[i] = printed(("\"$0\" '%s'"):format(path))
  end
  lu.assertEquals(#hashes[1], 64)
  lu.assertNotEquals(hashes[1], hashes[2])
  lu.assertEquals(hashes[3], hashes[2])
end

--- A corrected comment of the library trained the runs of every script anew.
function TestScript:test_comments_of_the_library_are_no_part_of_its_hash()
  local here = self.folder .. "/run/identity.lua"
  system.make_folder(self.folder .. "/run")
  local file <close> = assert(io.open(support.stdlib .. "/run/identity.lua"))
  system.write_file(here, file:read "a")
  local hashes = {}
  for i, text in ipairs { "return 1", "-- one\nreturn  1  -- and this", "return 2" } do
    system.write_file(self.folder .. "/a.lua", text)
    hashes[i] = assert(loadfile(here))().code {}
  end
  lu.assertEquals(hashes[2], hashes[1])
  lu.assertNotEquals(hashes[3], hashes[1])
end

function TestScript:test_without_a_file_of_a_script_there_is_no_hash()
  local text = "print(require('perilune.run.identity').script() == '')"
  system.write_file(self.folder .. "/x", text)
  lu.assertEquals(printed(("\"$0\" -e \"%s\""):format(text)), "true")
  lu.assertEquals(printed(("\"$0\" - < '%s/x'"):format(self.folder)), "true")
  lu.assertEquals(printed(("\"$0\" /dev/stdin < '%s/x'"):format(self.folder)), "true")
end

TestSource = {}

--- All after the first comment of a script with these line ends was no part of its hash.
function TestSource:test_a_carriage_return_ends_a_comment()
  lu.assertNotEquals(identity.source "x = 1 --\ry = 2", identity.source "x = 1 --\ry = 3")
  lu.assertEquals(identity.source "x = 1 -- a\r\ny = 2", identity.source "x = 1 -- b\ny = 2")
  lu.assertNotEquals(identity.source "x = 1 -- a\ry = 2", identity.source "x = 1 -- a y = 2")
end

--- The kinds of the tokens of a text, as one text.
local function kinds(text)
  local list = {}
  for i, token in ipairs(scan.tokens(text)) do list[i] = token.kind end
  return table.concat(list, " ")
end

function TestSource:test_line_ends_of_strings_are_lua_s()
  for text, x in pairs {
    ["x = 'a\\\rb'"] = "a\nb", ["x = 'a\\\r\nb'"] = "a\nb", ["x = 'a\\\n\rb'"] = "a\nb",
    ["x = 'a\\z\r\r b'"] = "ab", ["x = 'a'--\r"] = "a",
  } do
    local globals = {}
    assert(load(text, "=text", "t", globals))()
    lu.assertEquals(globals.x, x)
    lu.assertEquals((kinds(text):gsub(" comment$", "")), "word symbol string", text)
  end
  -- A string that no quote ends goes to the end of its line.
  for _, line_end in ipairs { "\n", "\r", "\r\n" } do
    local text = ("x = 'a%sy = 2"):format(line_end)
    lu.assertNil(load(text))
    lu.assertEquals(kinds(text), "word symbol string word symbol number")
  end
end

--- The loader of files drops the first line up to its line feed, and to nothing else.
function TestSource:test_a_first_line_with_a_hash_sign_ends_at_a_line_feed()
  lu.assertEquals(kinds "#!x\rx = 1\ny", "comment word")
end

--- The tokens of a text without comments, as one text.
local function words_of(text)
  local list = {}
  for _, token in ipairs(scan.tokens(text)) do
    if token.kind ~= "comment" then list[#list + 1] = text:sub(token.from, token.to) end
  end
  return table.concat(list, "\n")
end

function TestSource:test_code_has_the_tokens_of_its_text_and_no_comment()
  local texts = {
    "", " ", "--", "#!x", "#!x\nx = 1 -- y", "--[[ a\nb ]] x = 1 --[==[ ]] ]==]y = 2", "x = 'a", "a--b\nc",
    "x = t[t[1]]-1- -2 - --3\n4", "x = [[ a -- b\n  c ]]--d\ny = [==[ ]]\t ]==] .. '\\'--' .. \"--\"",
    "x = 1--\ry = 2", "\u{FEFF}#x\nreturn 1", "\u{FEFF}-- a\nreturn 1", "[", "-", "--[", "--[[", "[=[ x",
    "'\\z  \n  -- no comment'",
  }
  for _, path in ipairs { "options.lua", "notebook/scan.lua" } do
    local file <close> = assert(io.open(support.stdlib .. "/" .. path))
    texts[#texts + 1] = file:read "a"
  end
  for _, text in ipairs(texts) do
    local code = scan.code(text)
    lu.assertEquals(words_of(code), words_of(text), text)
    lu.assertNotStrContains(kinds(code), "comment")
    lu.assertEquals(scan.code(code), code)
  end
  lu.assertEquals(scan.code "x = 1\n  -- a\n  -- b\n\ny = --[[ c ]] 2 -- d\n", "x = 1 y = 2")
end

os.exit(lu.LuaUnit.run())
