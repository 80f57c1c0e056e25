--- The records of a file: JSON lines, one JSON array, or CSV.
local formats = require "perilune.formats"
local options = require "perilune.options"

local files = {}

local function ends(path, ending) return path:lower():sub(-#ending) == ending end

--- The first `limit` records of a file, and the number of lines that are null. Errors: the file cannot be
-- read or has another format; for Parquet, a sentence that says how to convert it.
--
--   > local files = require "perilune.data.files"
--   > files.read "a.parquet"
--   a.parquet: Parquet is not read; convert it in Python: pandas.read_parquet("a.parquet").to_json("a.jsonl",
--     orient="records", lines=True)
function files.read(path, limit)
  local list, null = nil, 0
  if ends(path, ".parquet") then
    local call = 'pandas.read_parquet("%s").to_json("%s.jsonl",\n  orient="records", lines=True)'
    error(("%s: Parquet is not read; convert it in Python: " .. call):format(path, path, path:sub(1, -9)), 0)
  elseif ends(path, ".csv") then
    list = require "perilune.csv".load(path)
  elseif ends(path, ".json") then
    list = files.array(path)
  end
  if not list then
    local null_lines
    list, null_lines = formats.load_json_lines(path)
    null = #null_lines
  end
  if #list == 1 and type(list[1]) == "table" and type(list[1][1]) == "table" then
    error(path .. ": the whole file is one JSON array; give it the ending .json", 0)
  end
  return table.move(list, 1, math.min(#list, limit or #list), 1, {}), null
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
