--- What files of weights are refused for: folders of transformers that lack a part, elements and sizes that
-- no weight has, and the headers of .npy, .npz and safetensors files.
local lu = require "luaunit"
local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*$") or "."
local support = dofile(here .. "/support.lua")
local formats = require "perilune.formats"
local models = require "perilune.models"
local system = require "perilune.system"
local T = require "perilune.tensor"

local golden <const> = support.root .. "/Tests/Golden/"

local function read(name) return support.read(golden .. name) end

TestFolderFaults = {}

local folder

function TestFolderFaults:setUp()
  folder = support.new_path()
  system.make_folder(folder)
end

function TestFolderFaults:tearDown()
  for _, name in ipairs(system.list_folder(folder)) do os.remove(folder .. "/" .. name) end
  os.remove(folder)
end

local function write(name, bytes) system.write_file(folder .. "/" .. name, bytes) end
local function refusal() return support.message(models.load, folder) end

function TestFolderFaults:test_settings_that_are_missing_or_no_object()
  lu.assertEquals(refusal(), folder .. ": not a folder of a model, no config.json; expected config.json and "
    .. "model.safetensors, as transformers' save_pretrained writes them")
  write("config.json", "[1]")
  lu.assertEquals(refusal(), folder .. "/config.json: not an object of settings")
end

function TestFolderFaults:test_an_index_without_a_map()
  write("config.json", read "models/llama-a/config.json")
  for _, text in ipairs { "{}", '{"weight_map": []}', "3" } do
    write("model.safetensors.index.json", text)
    lu.assertEquals(refusal(), folder .. "/model.safetensors.index.json: has no object 'weight_map'")
  end
end

function TestFolderFaults:test_tensors_that_are_no_weights()
  write("config.json", read "models/llama-a/config.json")
  local tensors = formats.load_tensors(golden .. "models/llama-a/model.safetensors")
  local function with(name, tensor)
    local own = tensors[name]
    lu.assertNotNil(own)
    tensors[name] = tensor
    formats.save_tensors(folder .. "/model.safetensors", tensors)
    tensors[name] = own
  end
  with("model.norm.weight", T.zeros(18):to "i64")
  lu.assertEquals(refusal(), folder .. "/model.safetensors: tensor 'model.norm.weight' has dtype I64; "
    .. "weights are F32, F16, BF16 or F64")
  -- The heads have 8 rows each.
  local queries = "model.layers.0.self_attn.q_proj.weight"
  with(queries, T.zeros(47, 18))
  lu.assertStrContains(refusal(), ("%s: tensor '%s' is F32 47x18 and does not fit the weight "
    .. "'layers.0.attention.qkv.weight'"):format(folder, queries))
end

TestArrayFaults = {}

local path

function TestArrayFaults:setUp() path = os.tmpname() end
function TestArrayFaults:tearDown() os.remove(path) end

--- The error of loading these bytes, without the path.
local function message(bytes, load)
  system.write_file(path, bytes)
  return support.refusal(load or T.load, path)
end

--- `bytes` with others from `at` on.
local function patched(bytes, at, others) return bytes:sub(1, at - 1) .. others .. bytes:sub(at + #others) end

function TestArrayFaults:test_npy_files()
  local array = read "numpy/bool.npy"
  local read_ones <const> = " of .npy; 1.0, 2.0 and 3.0 are read"
  lu.assertEquals(message(patched(array, 7, "\4\0")), "version 4.0" .. read_ones)
  lu.assertEquals(message(patched(array, 7, "\1\1")), "version 1.1" .. read_ones)
  -- From version 2 on the length of the header has four bytes.
  lu.assertEquals(message(patched(array, 7, ("<BBI4"):pack(2, 0, (1 << 20) + 1))),
    "a header of 1048577 bytes, more than the limit of 1048576")
  lu.assertEquals(message(patched(array, #array, "\2")), "a boolean is the byte 2, expected 0 or 1")
end

function TestArrayFaults:test_archives()
  local archive = read "numpy/stored.npz"
  local member, ending = archive:find("PK\1\2", 1, true), archive:find("PK\5\6", 1, true)
  lu.assertEquals(message(patched(archive, member + 8, "\1\0")), "member 'w.npy' is encrypted")
  local large <const> = "an archive of 4 GB or more, or of 65,535 members, is not supported"
  for offset, bytes in pairs { [10] = "\xFF\xFF", [12] = "\xFF\xFF\xFF\xFF", [16] = "\xFF\xFF\xFF\xFF" } do
    lu.assertEquals(message(patched(archive, ending + offset, bytes)), large)
  end
  lu.assertEquals(message(patched(archive, ending + 10, "\1\x80")),
    "an archive of 32769 members, at most 32768")
end

--- A name has 16 bits for its length.
function TestArrayFaults:test_a_name_that_no_archive_holds()
  local file = path .. ".npz"
  lu.assertEquals(support.message(T.save, file, { [("x"):rep(65532)] = T { 1 } }),
    "a name has 65536 bytes; in an archive it has at most 65535: use safetensors")
  lu.assertFalse(system.exists(file))
end

--- No more are read.
function TestArrayFaults:test_more_members_than_an_archive_holds()
  local file, parts, x = path .. ".npz", {}, T { 1 }
  for i = 1, 32769 do parts["x" .. i] = x end
  lu.assertEquals(support.message(T.save, file, parts),
    "an archive has at most 32768 members; use safetensors")
  lu.assertFalse(system.exists(file))
end

function TestArrayFaults:test_more_metadata_than_are_read()
  local parts = {}
  for i = 1, (1 << 17) + 1 do parts[i] = ('"%d": ""'):format(i) end
  local header = '{"__metadata__": {' .. table.concat(parts, ", ") .. "}}"
  lu.assertEquals(message(("<s8"):pack(header), formats.load_tensors),
    ("header: more than 131072 metadata (line 1, column %d)"):format(#header - 3))
end

--- JSON writes this character as six.
function TestArrayFaults:test_a_header_of_more_bytes_than_are_read()
  lu.assertEquals(support.message(formats.save_tensors, path, { [("\1"):rep(16700000)] = T { 1 } }),
    "cannot write a header of 100200056 bytes: the limit is 100000000")
end

os.exit(lu.LuaUnit.run())
