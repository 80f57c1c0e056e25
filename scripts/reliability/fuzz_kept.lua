--- Inputs that the fuzzer has found, of each format in Tests/Golden/fuzz: read by fuzzer.lua and by a test.
local formats = require "perilune.formats"
local system = require "perilune.system"

local kept = {}

local here = debug.getinfo(1, "S").source:match "^@(.*)scripts/reliability/"
kept.folder = here .. "Tests/Golden/fuzz"
--- Bytes of the inputs of a format that are kept, the smallest first.
local most <const> = 300000

local function path(name) return ("%s/%s.jsonl.gz"):format(kept.folder, name) end

--- The inputs of a format; none where there is no file.
function kept.load(name)
  local list = {}
  for i, line in ipairs(system.exists(path(name)) and formats.load_json_lines(path(name)) or {}) do
    list[i] = line.hex:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)
  end
  return list
end

--- Keeps the files of a folder as the inputs of a format.
function kept.save(name, folder)
  local list, bytes = {}, 0
  for i, file in ipairs(system.list_folder(folder)) do
    local from <close> = assert(io.open(folder .. "/" .. file, "rb"))
    list[i] = from:read "a"
  end
  table.sort(list, function(a, b) return #a < #b or #a == #b and a < b end)
  local lines = {}
  for _, input in ipairs(list) do
    bytes = bytes + #input
    if bytes > most then break end
    local hex = input:gsub(".", function(c) return ("%02x"):format(c:byte()) end)
    lines[#lines + 1] = { hex = hex }
  end
  system.make_folder(kept.folder)
  formats.save_json_lines(path(name), lines)
end

return kept
