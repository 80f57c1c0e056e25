--- How the Lua of the library and scripts is written. Names, globals and widths are checked by luacheck.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"

local function lines_of(command)
  local pipe <close> = assert(io.popen(command))
  local out = {}
  for line in pipe:lines() do out[#out + 1] = line end
  return out
end

local function each_file(check)
  local wrong = {}
  for _, path in ipairs(lines_of(
    ("find '%s' '%s/scripts' -name '*.lua' | sort"):format(support.stdlib, support.root))) do
    local file <close> = assert(io.open(path, "rb"))
    local complaint = check(path, file:read "a")
    if complaint then
      wrong[#wrong + 1] = ("%s: %s"):format(path:match "stdlib/.*" or path:match "scripts/.*", complaint)
    end
  end
  if #wrong > 0 then lu.fail(table.concat(wrong, "\n")) end
end

TestStyle = {}

function TestStyle:test_a_file_begins_by_saying_what_it_is()
  each_file(function(_, source)
    local is_notebook = source:match "^%-%- %%%% %[markdown%]\n%-%- # %u"
    if not is_notebook and not source:match "^%-%-%- %u[^\n]*[%.:?]\r?\n" then
      return "the first line is no sentence after ---, nor a cell with a heading"
    end
  end)
end

function TestStyle:test_no_tabs_and_no_blanks_at_line_ends()
  each_file(function(_, source)
    -- The values of an example's output are separated by tabs.
    if ("\n" .. source):find "\n[^\n%-]*\t" then return "a tab" end
    if source:find "[ \r]\n" then return "a blank at the end of a line" end
    if source:sub(-1) ~= "\n" then return "no line end at the end" end
  end)
end

os.exit(lu.LuaUnit.run())
