--- R28: which throw sites of Swift a run with llvm's counters has reached.
--
--     scripts/reliability/coverage
--     bin/perilune scripts/reliability/throws.lua --counts .build-coverage/counts/export.json --least 0.9
--
-- `counts` is what `llvm-cov export` writes. A site is a `throw` of Sources that is no comment. Prints those
-- that were not reached, by file and line, then the row. Sites that no input reaches are excepted, for the
-- reasons below; an excepted site that was reached counts as the others do.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local common = require "common"
local formats = require "perilune.formats"

--- Why no input reaches a site, and patterns of its text.
local exceptions <const> = {
  { "a library has no memory", "%.memory, \"not enough memory", "has no memory", "has no pixels",
    "lua_checkstack", "%.memory, \"table of" },
  { "the system refuses a call, which the parts power and failures of run make it do", "strerror%(",
    "FileCalls%.failure", "SystemFile%.failure", "failure%(finished", "failure%(path", "dlerror", "dlsym",
    "%.failure%(\"sync\"" },
  { "the code of Perilune would be wrong", "is not declared\"", "has no default of this type",
    "is registered already", "promised ", "session cannot be created", "session has ended",
    "libcrypto has no", "no 'require'", "needs two tensors", "needs three tensors", "needs norm_bias",
    "of the model is missing", "%.state, \"the weight '.* is missing", "%.state, \"'.* is missing",
    "model has no encoder", "is not registered as a Lua class", "a thread ended without a result" },
}

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

--- The reason why a site is excepted; nil where it is not. `text` is its line and the three after it.
local function reason_of(text)
  for _, exception in ipairs(exceptions) do
    for i = 2, #exception do
      if text:find(exception[i]) then return exception[1] end
    end
  end
end

local sites, reached, excepted, missing = 0, 0, 0, {}
for _, file in ipairs(formats.load_json(o.counts).data[1].files) do
  local path, lines = file.filename:match "/(Sources/.*%.swift)$", {}
  local source = path and common.text(file.filename) or ""
  for line in source:gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  for number, line in ipairs(lines) do
    local code = line:gsub("//.*", "")
    local column = code:match "^()throw " or code:match "[%s{(]()throw "
    if column then
      sites = sites + 1
      local count = count_at(file.segments, number, column)
      local is_reached = count and count > 0
      -- A call in brackets goes on in the lines after it.
      local whole = code:find "%($" and table.concat(lines, " ", number, math.min(#lines, number + 3)) or code
      local reason = not is_reached and reason_of(whole)
      reached, excepted = reached + (is_reached and 1 or 0), excepted + (reason and 1 or 0)
      if not is_reached then
        local why = reason and ("(%s) "):format(reason) or ""
        missing[#missing + 1] = ("%s:%d: %s%s"):format(path, number, why,
          whole:gsub("%s+", " "):match "^ ?(.-) ?$":sub(1, 160))
      end
    end
  end
end
table.sort(missing)
for _, site in ipairs(missing) do io.stderr:write(site, "\n") end
local share = sites > excepted and reached / (sites - excepted) or 0
local said <const> = "throw sites of Swift that tests reach, of %d; %d others are excepted"
common.row("R28", said:format(sites - excepted, excepted), ("%d (%.1f %%)"):format(reached, 100 * share),
  share >= o.least)
common.exit()
