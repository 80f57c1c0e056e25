--- Files of NumPy: those that NumPy wrote are read, those written here are what it would write.
local lu = require "luaunit"
local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*$") or "."
local support = dofile(here .. "/support.lua")
local formats = require "perilune.formats"
local system = require "perilune.system"
local T = require "perilune.tensor"

local folder = support.root .. "/Tests/Golden/numpy/"
local golden = formats.load_json(folder .. "cases.json")

TestNumPy = {}

local function values(tensor)
  local list = tensor:reshape { tensor:numel() }:totable()
  for i, value in ipairs(list) do
    if type(value) == "boolean" then list[i] = value and 1 or 0 end
  end
  return list
end

local function check(tensor, case)
  lu.assertEquals(tensor:size(), case.shape, case.file)
  lu.assertEquals(tensor:dtype(), case.dtype, case.file)
  local found = values(tensor)
  lu.assertEquals(#found, #case.values, case.file)
  for i, text in ipairs(case.values) do
    local wanted = type(text) == "string" and (text == "inf" and math.huge or text == "-inf" and -math.huge
      or tonumber(text)) or text
    -- As text with all bits: -0.0 and 0.0 differ.
    lu.assertEquals(("%a"):format(found[i]), ("%a"):format(wanted), ("%s, element %d"):format(case.file, i))
  end
end

function TestNumPy:test_every_type_order_and_shape_is_read()
  for _, case in ipairs(golden.cases) do check(T.load(folder .. case.file), case) end
end

function TestNumPy:test_archives_are_read_stored_and_packed()
  local by_file = {}
  for _, case in ipairs(golden.cases) do by_file[case.file] = case end
  for archive, members in pairs(golden.archives) do
    local found, count = T.load(folder .. archive), 0
    for name, file in pairs(members) do
      check(found[name], by_file[file])
      count = count + 1
    end
    for _ in pairs(found) do count = count - 1 end
    lu.assertEquals(count, 0)
  end
end

function TestNumPy:test_what_no_tensor_holds_is_refused_by_its_type()
  for _, file in ipairs(golden.refused) do
    lu.assertStrContains(support.message(T.load, folder .. file), file)
  end
  lu.assertStrContains(support.message(T.load, folder .. "object.npy"), "Python objects are never read")
  lu.assertStrContains(support.message(T.load, folder .. "u8_large.npy"), "9223372036854775808 is beyond i64")
end

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

function TestNumPy:test_an_array_is_written_as_numpy_writes_it()
  local path = os.tmpname() .. ".npy"
  for _, name in ipairs { "f4", "f8", "i8", "bool", "scalar", "scalar_i", "empty", "special" } do
    local file = folder .. name .. ".npy"
    T.save(path, T.load(file))
    lu.assertEquals(read(path), read(file), name)
  end
  os.remove(path)
end

function TestNumPy:test_named_tensors_come_back_from_archives_and_safetensors()
  for _, ending in ipairs { ".npz", ".safetensors" } do
    local path = os.tmpname() .. ending
    local given = { w = T { { 1, 2 }, { 3, 4 } }, n = T { 1, 2, dtype = "i64" }, none = T.zeros(0, 3) }
    T.save(path, given)
    local found = T.load(path)
    for name, tensor in pairs(given) do
      lu.assertTrue(found[name]:equal(tensor), name)
      lu.assertEquals(found[name]:dtype(), tensor:dtype())
    end
    os.remove(path)
  end
  lu.assertStrContains(support.message(T.save, "x.csv", T { 1 }), "ends in .npy, .npz or .safetensors")
end

function TestNumPy:test_damaged_files_are_refused()
  local path = os.tmpname()
  local random, refused, count = 12345, 0, 0
  local function draw(n)
    random = (random * 1103515245 + 12345) % (1 << 31)
    return (random >> 8) % n + 1
  end
  for _, name in ipairs { "f4.npy", "stored.npz", "packed.npz", "i8_big_fortran.npy" } do
    local whole = read(folder .. name)
    for i = 1, 100 do
      local bytes, at = whole, draw(#whole)
      if i % 4 == 0 then bytes = bytes:sub(1, at - 1) else
        bytes = bytes:sub(1, at - 1) .. string.char(draw(256) - 1) .. bytes:sub(at + 1)
      end
      system.write_file(path, bytes)
      count = count + 1
      if not pcall(T.load, path) then refused = refused + 1 end
    end
  end
  os.remove(path)
  lu.assertTrue(refused > count / 3, ("%d of %d refused"):format(refused, count))
end

--- An archive of deflated members { name, packed bytes, bytes, place } that its directory claims, behind
-- `data`.
local function archive(data, members)
  local directory = {}
  for i, m in ipairs(members) do
    directory[i] = ("<I4I2I2I2I2I2I2I4I4I4I2I2I2I2I2I4I4"):pack(0x02014B50, 20, 20, 0, 8, 0, 0, 0, m[2],
      m[3], #m[1], 0, 0,
      0, 0, 0, m[4]) .. m[1]
  end
  local list = table.concat(directory)
  return data .. list .. ("<I4I2I2I2I2I4I4I2"):pack(0x06054B50, 0, 0, #members, #members, #list, #data, 0)
end

function TestNumPy:test_an_archive_that_unpacks_to_too_much_is_refused_by_its_directory()
  local path = os.tmpname()
  local data = "PK\3\4" .. ("\0"):rep(3000000)
  local same = {}
  for i = 1, 40 do same[i] = { i .. ".npy", 100000, 1000000, 0 } end
  for words, members in pairs {
    ["member 'a' has 2200000000 bytes, more than the limit of 2147483648"] = { { "a", 2900000, 2200000000,
      0 } },
    ["member 'a' says it has 200000 bytes, packed as 100"] = { { "a", 100, 200000, 0 } },
    ["the members of the archive have more bytes than the file"] = same,
    ["member 'a' is not where the directory says"] = { { "a", 100, 1000, 7 } },
    ["member 'a' is damaged"] = { { "a", 100, 1000, 0 } },
  } do
    system.write_file(path, archive(data, members))
    lu.assertStrContains(support.message(T.load, path), words)
  end
  os.remove(path)
end

os.exit(lu.LuaUnit.run())
