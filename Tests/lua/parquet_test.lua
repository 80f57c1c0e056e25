--- Parquet: the files of pyarrow and datasets against their rows as JSON, and files that lie.
--
-- Tests/Golden/parquet is made by scripts/golden/parquet.py.
local lu = require "luaunit"
local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*$") or "."
local support = dofile(here .. "/support.lua")
local data = require "perilune.data"
local formats = require "perilune.formats"
local made = dofile(here .. "/parquet_made.lua")
local system = require "perilune.system"
local tasks = require "perilune.tasks"

local folder = support.root .. "/Tests/Golden/parquet/"
local wanted = formats.load_json_lines(folder .. "rows.json.gz")[1].rows
local refused = formats.load_json_lines(folder .. "refused.json.gz")[1].refused

local paths = {}
local function written(bytes)
  local path = os.tmpname()
  paths[#paths + 1] = path
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
  return path
end

local function remove()
  for _, path in ipairs(paths) do os.remove(path) end
  paths = {}
end

local function message(bytes) return support.message(formats.load_parquet, written(bytes)) end

TestGolden = { tearDown = remove }

function TestGolden:test_rows_are_those_of_the_json_of_each_file()
  local count = 0
  for name, rows in pairs(wanted) do
    if type(rows) == "string" then rows = wanted[rows] end
    local list = formats.load_parquet(folder .. name .. ".parquet")
    lu.assertEquals(#list, #rows, name)
    for i, row in ipairs(rows) do lu.assertEquals(list[i], row, ("%s, row %d"):format(name, i)) end
    count = count + 1
  end
  lu.assertEquals(count, 19)
end

function TestGolden:test_whole_numbers_stay_whole()
  local row = formats.load_parquet(folder .. "datasets-types.parquet")[1]
  lu.assertEquals({ math.type(row.whole), row.whole }, { "integer", (1 << 53) + 1 })
  lu.assertNil(row.number)
end

function TestGolden:test_the_first_rows_alone()
  lu.assertEquals(#formats.load_parquet(folder .. "snappy-v1.parquet", 130), 130)
  lu.assertStrContains(support.message(formats.load_parquet, folder .. "plain.parquet", 0), "got 0")
end

function TestGolden:test_what_is_not_read_is_named()
  lu.assertEquals(#refused, 8)
  for _, case in ipairs(refused) do
    local text = message(made.unbase64(case.base64))
    lu.assertStrContains(text, case.what)
    lu.assertTrue(text:find("write", 1, true) ~= nil or text:find("leave the column out", 1, true) ~= nil,
      text)
  end
end

--- Members of gzip, and counts in the headers of differences, that pyarrow does not write itself.
function TestGolden:test_odd_pages_are_read_or_refused_as_pyarrow_does()
  local pages, read = formats.load_json_lines(folder .. "pages.json.gz")[1].pages, 0
  lu.assertEquals(#pages, 42)
  for _, case in ipairs(pages) do
    local bytes = made.unbase64(case.base64)
    if case.rows then
      lu.assertEquals(formats.load_parquet(written(bytes)), case.rows, case.name)
      read = read + 1
    else
      lu.assertStrContains(message(bytes), "column 't' of row group 1: a page ", case.name)
    end
  end
  lu.assertEquals(read, 25)
end

TestData = { tearDown = remove }

function TestData:test_a_file_is_told_by_its_content()
  local path = folder .. "datasets-pairs.parquet"
  local file = assert(io.open(path, "rb"))
  local copy = written(file:read "a")
  file:close()
  local lines = written ""
  formats.save_json_lines(lines, wanted["datasets-pairs"])
  for _, name in ipairs { path, copy } do
    local set, other = data.load(name), data.load(lines)
    lu.assertEquals({ #set, set.kind }, { 60, "preference" })
    lu.assertEquals(set.records, other.records)
    local o = { vocab_size = 300, max_prompt = 64, cache = false }
    o.path = name
    local task = tasks.from_pairs(o)
    o.path = lines
    lu.assertEquals(task:pairs "train", tasks.from_pairs(o):pairs "train")
  end
  lu.assertEquals(#data.load(path, { records = 7 }), 7)
end

function TestData:test_a_wrong_ending_and_a_wrong_row_are_named()
  local path = written "" .. ".parquet"
  paths[#paths + 1] = path
  system.write_file(path, '{"text": "a"}')
  lu.assertStrContains(support.message(data.load, path), "not a Parquet file")
  lu.assertStrContains(support.message(data.load, folder .. "split.parquet"),
    "split.parquet: row 1: has none of")
end

TestFaults = { tearDown = remove }

function TestFaults:test_the_made_file_is_read()
  lu.assertEquals(formats.load_parquet(written(made.file())), { { t = "ab" }, {}, { t = "c" } })
end

function TestFaults:test_times_of_64_bits_are_read()
  lu.assertEquals(formats.load_parquet(written(made.times())), { { t = math.mininteger }, {}, { t = -1 } })
end

function TestFaults:test_each_fault_is_named()
  local count = 0
  for _, fault in ipairs(made.faults) do
    local ok, text = pcall(message, fault.bytes())
    lu.assertTrue(ok, fault.name .. ": " .. tostring(text))
    lu.assertTrue(text:find(fault.words, 1, true) ~= nil, ("%s: %s"):format(fault.name, text))
    count = count + 1
  end
  lu.assertTrue(count >= 50, tostring(count))
end

function TestFaults:test_a_cut_anywhere_is_refused()
  local bytes = made.file()
  for n = 0, #bytes - 1 do
    lu.assertStrContains(message(bytes:sub(1, n)), n < 4 and "does not begin with PAR1" or "arquet file")
    remove()
  end
end

function TestFaults:test_large_files_that_lie_cost_little_memory()
  local size, count = 24000000, 0
  for name, bytes in pairs(made.large(size)) do
    local path = written(bytes)
    local most = 2 * #bytes // 1024 + 16000
    local before = support.peak_from_here()
    if not before then lu.skip "the peak of memory is not known" end
    support.message(formats.load_parquet, path)
    local grown = support.status "VmHWM" - before
    lu.assertTrue(grown <= most, ("%s: %d KB more at the peak, at most %d"):format(name, grown, most))
    count = count + 1
    remove()
  end
  lu.assertEquals(count, 7)
end

function TestFaults:test_random_changes_give_rows_or_a_named_error()
  local random, names = 11, { "numbers", "deltas-v2", "two-levels", "datasets-pairs", "split" }
  local function draw(n)
    random = random * 6364136223846793005 + 1442695040888963407
    return ((random >> 33) % n) + 1
  end
  local failed, path = 0, written ""
  for i = 1, 3000 do
    local file = assert(io.open(folder .. names[i % #names + 1] .. ".parquet", "rb"))
    local bytes = file:read "a"
    file:close()
    for _ = 1, draw(3) do
      local at = draw(#bytes)
      bytes = bytes:sub(1, at - 1) .. string.char(draw(256) - 1) .. bytes:sub(at + 1)
    end
    file = assert(io.open(path, "wb"))
    file:write(bytes)
    file:close()
    local ok, problem = pcall(formats.load_parquet, path)
    if not ok then
      failed = failed + 1
      lu.assertStrContains(tostring(problem), path)
    end
  end
  lu.assertTrue(failed > 300, tostring(failed))
end

os.exit(lu.LuaUnit.run())
