--- Parquet files whose columns lie beyond those of parquet_made.lua: numbers and truth values that end early,
-- lists whose columns disagree, and limits.
local lu = require "luaunit"
local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*$") or "."
local support = dofile(here .. "/support.lua")
local formats = require "perilune.formats"
local made = dofile(here .. "/parquet_made.lua")
local system = require "perilune.system"

local u32 = made.u32

local function varint(n)
  local out = ""
  while n > 127 do
    out = out .. string.char(n & 127 | 128)
    n = n >> 7
  end
  return out .. string.char(n)
end

--- A structure of Thrift from fields { number, value } in order: whole numbers from 0 on, texts, structures
-- as { bytes } and lists of structures as { list = { ... } }.
local function struct(fields)
  local out, last = {}, 0
  for _, field in ipairs(fields) do
    local id, value = field[1], field[2]
    local kind = math.type(value) and 6 or type(value) == "string" and 8 or value.list and 9 or 12
    out[#out + 1] = string.char((id - last) << 4 | kind)
    if kind == 6 then out[#out + 1] = varint(2 * value)
    elseif kind == 8 then out[#out + 1] = varint(#value) .. value
    elseif kind == 9 then out[#out + 1] = string.char(#value.list << 4 | 12) .. table.concat(value.list)
    else out[#out + 1] = value[1] end
    last = id
  end
  return table.concat(out) .. "\0"
end

--- An element of a schema: required (0), optional (1) or repeated (2), of a type or of a count of fields.
local function leaf(name, kind, repetition)
  return struct { { 1, kind }, { 3, repetition or 0 }, { 4, name } }
end
local function group(name, count, repetition)
  return struct { { 3, repetition or 0 }, { 4, name }, { 5, count } }
end

local types <const> = { bool = 0, i32 = 1, text = 6 }

--- A file of one row group, whose columns are { type, count of entries, pages }.
local function file(schema, columns, rows)
  local pages, chunks, start = {}, {}, 4
  for i, column in ipairs(columns) do
    local bytes = column[3]
    pages[i] = bytes
    chunks[i] = struct { { 2, start }, { 3, { struct {
      { 1, types[column[1]] }, { 4, 0 }, { 5, column[2] }, { 6, #bytes }, { 7, #bytes }, { 9, start },
    } } } }
    start = start + #bytes
  end
  local all = struct { { 1, { list = chunks } }, { 2, 0 }, { 3, rows } }
  local footer = struct { { 1, 2 }, { 2, { list = schema } }, { 3, rows }, { 4, { list = { all } } } }
  return "PAR1" .. table.concat(pages) .. footer .. u32(#footer) .. "PAR1"
end

--- A file of one required column without levels.
local function column(kind, count, pages)
  return file({ group("schema", 1), leaf("t", types[kind]) }, { { kind, count, pages } }, count)
end

local function page(count, data, encoding)
  return made.page { count = count, data = data, encoding = encoding }
end

--- Levels of one bit, the first one lowest, behind their length.
local function levels(bits, count)
  local bytes = {}
  for i = 1, (count + 7) // 8 do bytes[i] = string.char(bits >> 8 * (i - 1) & 255) end
  local run = varint(2 * #bytes + 1) .. table.concat(bytes)
  return u32(#run) .. run
end

local path

local function message(bytes)
  system.write_file(path, bytes)
  return support.refusal(formats.load_parquet, path)
end

TestParquetFaults = {}

function TestParquetFaults:setUp() path = os.tmpname() end
function TestParquetFaults:tearDown() os.remove(path) end

function TestParquetFaults:test_the_made_columns_are_read()
  system.write_file(path, column("i32", 2, page(2, ("<i4i4"):pack(7, -1))))
  lu.assertEquals(formats.load_parquet(path), { { t = 7 }, { t = -1 } })
  system.write_file(path, column("bool", 3, page(3, "\5")))
  lu.assertEquals(formats.load_parquet(path), { { t = true }, { t = false }, { t = true } })
end

local early <const> = "column 't' of row group 1: a page ends before its values"
local dictionary <const> = made.page { dictionary = true, count = 1, data = "\1" }
local unpacked <const> = { isV2 = true, kind = 3, data = "\1\0\0\0", unpacked = 3,
  -- One value of one row, PLAIN, without levels; the last field says that the page is not packed.
  details = "\x16\2\x16\0\x16\2\x16\0\x16\0\x16\0\x12\0" }

local faults <const> = {
  { "numbers that end", column("i32", 2, page(2, ("<i4"):pack(7))), early },
  { "truth values that end", column("bool", 9, page(9, "\5")), early },
  { "runs of truth values that end", column("bool", 9, page(9, u32(2) .. "\3\5", 3)), early },
  { "a dictionary of truth values", column("bool", 1, dictionary .. page(1, "\1\3\0", 8)),
    "column 't' of row group 1: a dictionary of truth values" },
  { "fewer required values than rows",
    file({ group("schema", 1), leaf("t", 1) }, { { "i32", 1, page(1, ("<i4"):pack(7)) } }, 2),
    "column 't' of row group 1: its values end before its rows" },
  { "a page that says it is not packed", column("i32", 1, made.page(unpacked)),
    "column 't' of row group 1: a page of 3 bytes that has 4" },
  { "a field whose fields are its sibling", file({ group("schema", 2), group("g", 1), leaf("t", 1) }, {}, 0),
    "the schema ends early" },
  { "a text of 2^63 bytes", made.file { footer = "\x18" .. ("\xFF"):rep(9) .. "\1\0" },
    "the footer has a count beyond 63 bits" },
}

function TestParquetFaults:test_each_fault_is_named()
  for _, fault in ipairs(faults) do lu.assertEquals(message(fault[2]), fault[3], fault[1]) end
end

--- A list of two elements in one row: the levels say where lists begin (0) and go on (1), and whether there
-- is an element (1).
local function numbers(repetitions, definitions)
  return page(2, levels(repetitions, 2) .. levels(definitions, 2) .. ("<i4i4"):pack(3, 4))
end

function TestParquetFaults:test_lists_whose_levels_disagree()
  local one = { group("schema", 1), leaf("t", 1, 2) }
  system.write_file(path, file(one, { { "i32", 2, numbers(2, 3) } }, 1))
  lu.assertEquals(formats.load_parquet(path), { { t = { 3, 4 } } })
  lu.assertEquals(message(file(one, { { "i32", 2, numbers(2, 1) } }, 1)),
    "column 't' of row group 1: its levels do not agree with the schema and the other columns")
  local two = { group("schema", 1), group("g", 2, 2), leaf("a", 1), leaf("b", 1) }
  lu.assertEquals(
    message(file(two, { { "i32", 2, numbers(2, 3) }, { "i32", 2, numbers(0, 3) } }, 1)),
    "column 'g.b' of row group 1: its levels do not agree with the schema and the other columns")
end

TestParquetLimits = {}

function TestParquetLimits:setUp() path = os.tmpname() end
function TestParquetLimits:tearDown() os.remove(path) end

--- A run of `count` equal levels of one bit, behind its length.
local function run(count, level)
  local bytes = varint(2 * count) .. string.char(level)
  return u32(#bytes) .. bytes
end

--- A dictionary of one text of `size` bytes.
local function text(size)
  return made.page { dictionary = true, count = 1, data = u32(size) .. ("a"):rep(size) }
end

function TestParquetLimits:test_a_row_of_more_bytes_than_a_line_may_have()
  local count <const> = 129
  -- The first level is 0 and the others are 1: a packed group of 8 and a run.
  local begins = "\3\xFE" .. varint(2 * (count - 8)) .. "\1"
  local places = page(count, u32(#begins) .. begins .. run(count, 1) .. "\0" .. varint(2 * count), 8)
  lu.assertEquals(
    message(file({ group("schema", 1), leaf("t", 6, 2) }, { { "text", count, text(1 << 20) .. places } }, 1)),
    "row 1 is larger than the limit of 134217728 bytes")
end

--- A file of 64 KB whose rows have 256 MB, as each is the text of its dictionary. What a row takes beside its
-- text is not told to the byte.
function TestParquetLimits:test_rows_of_many_times_the_bytes_of_the_file()
  local count <const> = 4096
  local bytes = column("text", count, text(1 << 16) .. page(count, "\0" .. varint(2 * count), 8))
  lu.assertStrMatches(message(bytes),
    "the rows to 409%d have 2685%d+ bytes, more than 268435456 for a file of " .. #bytes)
end

function TestParquetLimits:test_a_footer_of_more_bytes_than_are_read()
  local size <const> = (1 << 26) + 1
  -- No byte of the footer itself is written: it takes no room on the disk.
  local sparse <close> = assert(io.open(path, "wb"))
  sparse:write "PAR1"
  sparse:seek("set", 4 + size)
  sparse:write(u32(size), "PAR1")
  sparse:flush()
  lu.assertEquals(support.message(formats.load_parquet, path),
    path .. ": a footer of 67108865 bytes, more than the limit of 67108864")
end

os.exit(lu.LuaUnit.run())
