--- R28: which throw sites of Swift a run with llvm's counters has reached.
--
--     scripts/reliability/coverage
--     bin/perilune scripts/reliability/throws.lua --counts .build-coverage/counts/export.json --least 0.9
--
-- `counts` is what `llvm-cov export` writes. A site is a `throw` of Sources that is no comment. Prints those
-- that were not reached, by file and line, then the row.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local common = require "common"
local formats = require "perilune.formats"

local o = common.options { counts = ".build-coverage/counts/export.json", least = 0.9 }

--- How often the code at a place has run: segments are sorted, and each holds up to the next. Nil where the
-- compiler has no counter.
local function count_at(segments, line, column)
  local low, high = 1, #segments
  while low < high do
    local middle = (low + high + 1) // 2
    local at = segments[middle]
    if at[1] < line or at[1] == line and at[2] <= column then low = middle else high = middle - 1 end
  end
  local at = segments[low]
  local is_before = at and (at[1] < line or at[1] == line and at[2] <= column)
  return is_before and at[4] and at[3] or nil
end

local sites, reached, missing = 0, 0, {}
for _, file in ipairs(formats.load_json(o.counts).data[1].files) do
  local path, number = file.filename:match "/(Sources/.*%.swift)$", 0
  for line in (path and common.text(file.filename) or ""):gmatch "([^\n]*)\n" do
    number = number + 1
    local code = line:gsub("//.*", "")
    local column = code:match "^()throw " or code:match "[%s{(]()throw "
    if column then
      sites = sites + 1
      local count = count_at(file.segments, number, column)
      if count and count > 0 then reached = reached + 1 else
        missing[#missing + 1] = ("%s:%d: %s"):format(path, number, code:match "^%s*(.-)%s*$")
      end
    end
  end
end
table.sort(missing)
for _, site in ipairs(missing) do io.stderr:write(site, "\n") end
local share = sites > 0 and reached / sites or 0
common.row("R28", ("throw sites of Swift that tests reach, of %d"):format(sites), ("%d (%.1f %%)"):format(
  reached, 100 * share), share >= o.least)
common.exit()
