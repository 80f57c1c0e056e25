--- The records of a file: JSON lines, one JSON array, CSV, or Parquet.
local formats = require "perilune.formats"
local options = require "perilune.options"

local files = {}

local function ends(path, ending) return path:lower():sub(-#ending) == ending end

--- The first `limit` records of a file, the number of lines that are null, and a function that says of a
-- record's number where it is: "mine.jsonl: line 3". Parquet is known by its first bytes, the others by the
-- ending of the name. Errors: the file cannot be read or has another format.
--
--   > local files = require "perilune.data.files"
--   > local path = os.tmpname()
--   > require("perilune.system").write_file(path, '{"text": "a"}\n\n{"text": "b"}\n')
--   > local list, null, place = files.read(path)
--   > #list, null, place(2) == path .. ": line 3"
--   2	0	true
function files.read(path, limit)
  local list, null, lines, unit = nil, 0, nil, "record"
  if formats.is_parquet(path) then
    list, unit = formats.load_parquet(path, limit), "row"
  elseif ends(path, ".parquet") then
    error(path .. ": not a Parquet file: it does not begin with PAR1", 0)
  elseif ends(path, ".csv") then
    list = require "perilune.csv".load(path)
  elseif ends(path, ".json") then
    list = files.array(path)
  end
  if not list then
    local null_lines
    list, null_lines, lines = formats.load_json_lines(path)
    null, unit = #null_lines, "line"
  end
  if #list == 1 and type(list[1]) == "table" and type(list[1][1]) == "table" then
    error(path .. ": the whole file is one JSON array; give it the ending .json", 0)
  end
  return table.move(list, 1, math.min(#list, limit or #list), 1, {}), null, function(number)
    return ("%s: %s %d"):format(path, unit, lines and lines[number] or number)
  end
end

--- The elements of a file that is one JSON array; nil where it is not one value.
function files.array(path)
  local file, problem = io.open(path, "rb")
  if not file then error(("cannot open %s"):format(problem), 0) end
  local start = (file:read(4096) or ""):gsub("^\u{FEFF}", "")
  file:close()
  if not start:find "^%s*%[" then return nil end
  return formats.load_json(path)
end

return options.strict("data.files", files)
