--- A Parquet file of one optional column of texts, made byte by byte, and its faults.
local made = {}

local function varint(n)
  local out = {}
  repeat
    local low = n & 0x7F
    n = n >> 7
    out[#out + 1] = string.char(n ~= 0 and low | 0x80 or low)
  until n == 0
  return table.concat(out)
end

local function zigzag(n) return varint((n << 1) ~ (n >> 63 == 0 and 0 or -1)) end

local kinds <const> = { yes = 1, no = 2, int = 6, text = 8, list = 9, struct = 12 }
local encode = {}

--- A structure of Thrift: fields { id, kind, value } in order.
local function struct(fields)
  local out, last = {}, 0
  for _, field in ipairs(fields) do
    if field[3] ~= nil then
      local step, kind = field[1] - last, kinds[field[2]] or field[2]
      out[#out + 1] = step > 0 and step < 16 and string.char(step << 4 | kind) or string.char(kind)
        .. zigzag(field[1])
      out[#out + 1] = encode[field[2]] and encode[field[2]](field[3]) or field[3]
      last = field[1]
    end
  end
  return table.concat(out) .. "\0"
end

function encode.int(n) return zigzag(n) end
function encode.text(s) return varint(#s) .. s end
function encode.struct(s) return s end
function encode.yes() return "" end
function encode.no() return "" end
function encode.list(list)
  if type(list) == "string" then return list end
  return string.char(#list < 15 and #list << 4 | 12 or 0xFC) .. (#list < 15 and "" or varint(#list))
    .. table.concat(list)
end

local function u32(n) return ("<I4"):pack(n) end
made.u32 = u32

--- The bytes of a page: its header, with the fields of `h`, and its data.
function made.page(h)
  local details = h.details or struct { { 1, "int", h.count }, { 2, "int", h.encoding or 0 },
    { 3, "int", h.levels or 3 }, { 4, "int", 3 } }
  if h.dictionary then details = struct { { 1, "int", h.count }, { 2, "int", 0 } } end
  return struct {
    { 1, "int", h.kind or h.dictionary and 2 or 0 }, { 2, "int", h.unpacked or #h.data }, { 3, "int",
      h.packed or #h.data },
    { 4, "int", h.checksum }, { h.dictionary and 7 or h.isV2 and 8 or 5, "struct", details },
  } .. h.data
end

--- Definition levels 1, 0, 1 as one run of packed bits, behind their length.
local levels <const> = u32(2) .. "\3\5"
local values <const> = u32(2) .. "ab" .. u32(1) .. "c"

--- A file; `change` has other values for its parts.
function made.file(change)
  local o = {
    pages = made.page { count = 3, data = levels .. values }, codec = 0, count = 3, rows = 3,
      footer_rows = 3, start = 4,
    head = "PAR1", tail = "PAR1", columns = 1, children = 1,
  }
  for key, value in pairs(change or {}) do o[key] = value end
  local column = struct {
    { 1, "text", o.path }, { 2, "int", 4 },
    { 3, "struct", struct {
      { 1, "int", 6 }, { 4, "int", o.codec }, { 5, "int", o.count }, { 6, "int", #o.pages },
      { 7, "int", o.size or #o.pages }, { 9, "int", o.start }, { 11, "int", o.dictionary },
    } }, { 8, "struct", o.crypto },
  }
  local chunks = {}
  for i = 1, o.columns do chunks[i] = column end
  local leaf = o.leaf or struct { { 1, "int", o.type or 6 }, { 3, "int", o.repetition or 1 }, { 4, "text",
    "t" },
    { 6, "int", o.converted or 0 } }
  local root = struct { { 4, "text", "schema" }, { 5, "int", o.children } }
  local group = struct { { 1, "list", chunks }, { 2, "int", 0 }, { 3, "int", o.rows } }
  local footer = o.footer or struct {
    { 1, "int", 2 }, { 2, "list", o.schema or { root, leaf } }, { 3, "int", o.footer_rows },
    { 4, "list", o.groups or { group } },
  }
  return o.head .. o.pages .. footer .. u32(o.footer_size or #footer) .. o.tail
end

local function page(h)
  h.count = h.count or 3
  return { pages = made.page(h) }
end

local deep = { struct { { 4, "text", "schema" }, { 5, "int", 1 } } }
for _ = 1, 300 do deep[#deep + 1] = struct { { 3, "int", 1 }, { 4, "text", "g" }, { 5, "int", 1 } } end
deep[#deep + 1] = struct { { 1, "int", 6 }, { 3, "int", 1 }, { 4, "text", "t" } }

local function dictionary(count, data) return made.page { dictionary = true, count = count, data = data } end
local two = u32(1) .. "x" .. u32(1) .. "y"
local places = levels .. "\1\3\2"

local function v2(rep, def, data)
  return { isV2 = true, kind = 3, data = data, details = struct { { 1, "int", 3 }, { 2, "int", 1 }, { 3,
    "int", 3 },
    { 4, "int", 0 }, { 5, "int", def }, { 6, "int", rep }, { 7, "no", true } } }
end

local function delta(bytes, encoding) return page { data = u32(2) .. "\6\1" .. bytes,
  encoding = encoding } end

made.faults = {}
local function fault(name, words, change)
  made.faults[#made.faults + 1] = { name = name, words = words, bytes = function()
    return type(change) == "string" and change or made.file(change)
  end }
end

fault("empty", "does not begin with PAR1", "")
fault("JSON", "does not begin with PAR1", '{"text": "a"}')
fault("magic alone", "ends early", "PAR1PAR1")
fault("no end", "does not end with PAR1", { tail = "PAR2" })
fault("a footer of 4 GB", "a footer of 4294967295 bytes", { footer_size = 0xFFFFFFFF })
fault("encrypted footer", "encrypted", { tail = "PARE" })
fault("encrypted file", "encrypted", { head = "PARE" })
fault("encrypted column", "encrypted", { crypto = "\0" })
fault("zeros", "no number of rows", { footer = ("\0"):rep(8) })
fault("an unknown kind", "the unknown kind 15", { footer = "\x1F\0" })
fault("a number of 11 bytes", "beyond 64 bits", { footer = "\x16" .. ("\xFF"):rep(11) .. "\0" })
fault("a list of 2^60", "a list of 1152921504606846976 elements", { footer = "\x29\xFC" .. varint(1 << 60)
  .. "\0" })
fault("a text of 2^62", "ends early", { footer = "\x68" .. varint(1 << 62) .. "\0" })
fault("a map of 2^40", "a map of 1099511627776 entries", { footer = "\x5B" .. varint(1 << 40) .. "\x66\0" })
fault("lists in lists", "nested deeper than 200", { footer = "\x59" .. ("\x19"):rep(5000) .. "\x16\0\0" })
fault("structures in structures", "nested deeper than 200", { footer = ("\x5C"):rep(5000) })
fault("a text for a number", "no whole number", { footer = "\x38\1a\0" })
fault("no columns", "has no columns", { schema = {} })
fault("more fields than follow", "has 9 fields, more than follow", { children = 9 })
fault("fields of none", "has no columns", { children = -5 })
fault("elements of no column", "belong to no column", { schema = { struct { { 4, "text", "s" }, { 5, "int",
  1 } },
  struct { { 1, "int", 6 }, { 3, "int", 0 }, { 4, "text", "a" } }, struct { { 1, "int", 6 }, { 4, "text",
    "b" } } } })
fault("a deep schema", "nested deeper than 200", { schema = deep })
fault("an unknown type", "the unknown type 99", { type = 99 })
fault("an unknown repetition", "the repetition 9", { repetition = 9 })
fault("a group without fields", "without fields", { leaf = struct { { 3, "int", 1 }, { 4, "text", "g" } } })
fault("a name of 5000 bytes", "has a column whose name takes 5000 bytes",
  { leaf = struct { { 1, "int", 6 }, { 3, "int", 1 }, { 4, "text", ("n"):rep(5000) } } })
fault("no chunk", "0 of the 1 columns", { columns = 0 })
fault("too many chunks", "more than the 1 columns", { columns = 3 })
fault("a chunk in another file", "in another file, 'other.parquet'", { path = "other.parquet" })
fault("a chunk beyond the file", "but the data end", { start = 1 << 40 })
fault("a chunk before the file", "but the data end", { start = -9 })
fault("a chunk of 2^62 bytes", "but the data end", { size = 1 << 62 })
fault("a chunk of no values", "without a number of values", { count = -2 })
fault("an unknown codec", "the unknown codec 99", { codec = 99 })
fault("LZ4", "packed with LZ4;", { codec = 5 })
fault("LZO", "packed with LZO;", { codec = 3 })
local function packed(codec, unpacked)
  local change = page { data = levels .. values, unpacked = unpacked }
  change.codec = codec
  return change
end
fault("no snappy", "damaged: its snappy data", packed(1, 60))
fault("no gzip", "damaged: its gzip data", packed(2, 60))
fault("no zstd", "damaged: its zstd data", packed(6, 60))
fault("more than snappy can", "says it has 400000000 bytes, packed as 17", packed(1, 400000000))
fault("more than deflate can", "says it has 400000000 bytes, packed as 17", packed(2, 400000000))
fault("a page of 2 GB", "write smaller pages", packed(6, 2000000000))
fault("a page of less than no bytes", "a page of -1 bytes", page { data = levels .. values, unpacked = -1 })
fault("a page beyond its column", "packed as 900", page { data = levels .. values, packed = 900 })
fault("no page", "pages end before", { pages = "" })
fault("a page of no values", "pages end before", page { count = 0, data = levels .. values })
fault("a page without a number", "without a number of values", { pages = made.page { data = levels,
  details = "\0" } })
fault("a page of too many values", "a page of 9 values where 3 are left", page { count = 9, data = levels
  .. values })
fault("an unknown encoding", "the encoding 99", page { data = levels .. values, encoding = 99 })
fault("numbers as texts", "DELTA_BINARY_PACKED is not read", page { data = levels .. values, encoding = 5 })
fault("levels of packed bits", "of the encoding 4", page { data = levels .. values, levels = 4 })
fault("a wrong checksum", "fails its checksum", page { data = levels .. values, checksum = 1 })
fault("no levels", "before its levels", page { data = "\1" })
fault("levels beyond the page", "before its levels", page { data = u32(4000000000) .. "\3\5" })
fault("levels that end", "before its definition levels", page { data = u32(0) .. values })
fault("fewer rows than values", "more values than rows", { rows = 2, footer_rows = 2 })
fault("more rows than values", "values end before its rows", { rows = 4, footer_rows = 4 })
fault("2^40 rows", "values end before its rows", { rows = 1 << 40, footer_rows = 1 << 40 })
fault("other rows in the footer", "have 3 rows, the footer says 7", { footer_rows = 7 })
fault("a text beyond the page", "ends before its values", page { data = levels .. u32(900) .. "ab" })
fault("a text that is none", "no UTF-8 text", page { data = levels .. u32(2) .. "\xFF\xFE" .. u32(0) })
fault("no dictionary", "which the column does not have", page { data = places, encoding = 8 })
fault("a place beyond the dictionary", "place 2 in a dictionary of 2",
  { pages = dictionary(2, two) .. made.page { count = 3, encoding = 8, data = levels .. "\2\4\2" } })
fault("places of 99 bits", "99 bits, at most 32",
  { pages = dictionary(2, two) .. made.page { count = 3, encoding = 8, data = levels .. "\x63\3\2" } })
fault("two dictionaries", "two dictionaries",
  { pages = dictionary(2, two) .. dictionary(2, two) .. made.page { count = 3, encoding = 8,
    data = places } })
fault("a dictionary of 2^31", "ends before its values", { pages = dictionary(1 << 31, two) })
fault("a dictionary that ends", "ends before its values", { pages = dictionary(2, u32(1) .. "x" .. u32(7)) })
fault("deltas of no miniblock", "ends before its values", delta("\x80\1\0\2\0", 6))
fault("deltas of 999 bits", "ends before its values", delta("\x80\1\1\2\0\0\xFF", 6))
fault("deltas of 2^60 numbers", "ends before its values", delta("\x80\1\1" .. varint(1 << 60) .. "\0", 6))
fault("a text of less than no bytes", "ends before its values", delta("\x80\1\1\1\1", 6))
fault("a text that shares too much", "ends before its values", delta("\x80\1\1\1\x0A\x80\1\1\1\2x", 7))
fault("levels of version 2 beyond the page", "levels of 900 bytes", { pages = made.page(v2(0, 900, values)) })
fault("levels of less than no bytes", "levels of -1 bytes", { pages = made.page(v2(-1, 2, values)) })

--- Two times in milliseconds: the least of 64 bits, which NumPy takes for no time, and 1 before 1970.
function made.times()
  return made.file {
    leaf = struct { { 1, "int", 2 }, { 3, "int", 1 }, { 4, "text", "t" }, { 6, "int", 9 } },
    pages = made.page { count = 3, data = levels .. ("<i8i8"):pack(math.mininteger, -1) },
  }
end

--- Files of about `size` bytes that lie, by name.
function made.large(size)
  local function list(id, unit)
    local n = size // #unit
    return string.char(id << 4 | 9) .. "\xFC" .. varint(n) .. unit:rep(n)
  end
  local empty = { 2, "list", { struct { { 4, "text", "s" }, { 5, "int", 1 } }, struct { { 1, "int", 6 },
    { 4, "text", "t" } } } }
  return {
    ["row groups of nothing"] = made.file { footer = list(4, "\0") .. "\0" },
    ["columns of nothing"] = made.file { footer = list(2, "\0") .. "\0" },
    ["a list of numbers"] = made.file { footer = "\x59\xF6" .. varint(size) .. ("\0"):rep(size) .. "\0" },
    ["a row group of nothing"] = made.file { footer = struct { empty, { 3, "int", 1 },
      { 4, "list", "\x1C" .. struct { { 1, "list", list(1, "\0"):sub(2) }, { 3, "int", 1 } } } } },
    ["a dictionary of empty texts"] = made.file { pages = made.page { dictionary = true, count = size // 4,
      data = ("\0"):rep(size) } .. made.page { count = 3, encoding = 8, data = levels .. "\x63" } },
    ["a long header"] = made.file { pages = "\x18" .. varint(size) .. ("a"):rep(size) },
    ["a page that is no zstd"] = made.file { codec = 6, pages = made.page { count = 3, data = ("a"):rep(size),
      unpacked = 400000000 } },
  }
end

--- The bytes of a text in base64.
function made.unbase64(text)
  local letters <const> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  return (text:gsub("(.)(.)(.)(.)", function(...)
    local bits, count = 0, 0
    for _, letter in ipairs { ... } do
      local place = letters:find(letter, 1, true)
      bits, count = bits << 6 | (place and place - 1 or 0), count + (place and 1 or 0)
    end
    return string.char(bits >> 16 & 255, bits >> 8 & 255, bits & 255):sub(1, count - 1)
  end))
end

return made
