--- Files of records, tensors and models from Lua: written, read back, refused.
local lu = require "luaunit"
local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*$") or "."
local support = dofile(here .. "/support.lua")
local formats = require "perilune.formats"
local models = require "perilune.models"
local system = require "perilune.system"
local T = require "perilune.tensor"

TestFiles = {}

--- A temporary path with this ending; removed after the test.
local paths = {}
local function temporary(ending)
  local path = os.tmpname()
  paths[#paths + 1] = path
  paths[#paths + 1] = path .. ending
  return path .. ending
end

function TestFiles:tearDown()
  for _, path in ipairs(paths) do os.remove(path) end
  paths = {}
end

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

function TestFiles:test_a_null_among_records_is_left_out_and_its_line_reported()
  local path = temporary ".jsonl"
  local lines = {}
  for i = 1, 20 do lines[i] = ('{"i":%d}'):format(i) end
  table.insert(lines, 6, " null ")
  system.write_file(path, table.concat(lines, "\n"))
  local list, null_lines = formats.load_json_lines(path)
  lu.assertEquals(null_lines, { 6 })
  lu.assertEquals(#list, 20)
  for i = 1, 20 do lu.assertEquals(list[i].i, i) end
end

function TestFiles:test_a_null_inside_an_array_is_a_hole_and_a_null_member_is_absent()
  local holed = formats.json_decode '[1, null, 3]'
  lu.assertEquals({ holed[1], holed[2] == nil, holed[3] }, { 1, true, 3 })
  local value = formats.json_decode '{"a": null, "b": [], "c": {"d": [[1], [2, 3.5]]}}'
  lu.assertNil(value.a)
  lu.assertEquals(value.b, {})
  lu.assertEquals(value.c.d, { { 1 }, { 2, 3.5 } })
  lu.assertNil(formats.json_decode "null")
end

function TestFiles:test_whole_numbers_stay_whole_and_the_last_of_equal_keys_counts()
  local value = formats.json_decode '{"a": 1, "b": 1.0, "a": 2, "text": "é\\n\\ud83e\\udd99"}'
  lu.assertEquals(value.a, 2)
  lu.assertEquals(math.type(value.a), "integer")
  lu.assertEquals(math.type(value.b), "float")
  lu.assertEquals(value.text, "é\n🦙")
end

function TestFiles:test_records_that_are_no_list_are_refused()
  local path = temporary ".jsonl"
  local message = support.message(formats.save_json_lines, path, { a = 1 })
  lu.assertStrContains(message, "bad argument #2 to 'save_json_lines'")
  lu.assertStrContains(message, "expected a list of records, got a table with the key 'a'")
  lu.assertNil(io.open(path))
  lu.assertStrContains(support.message(formats.save_json_lines, path, { 1, nil, 3 }), "1...n")
end

function TestFiles:test_a_name_that_ends_in_gz_is_written_as_gzip()
  local path = temporary ".jsonl.gz"
  local rows = {}
  for i = 1, 5000 do rows[i] = { i = i, text = "row " .. i } end
  formats.save_json_lines(path, rows)
  lu.assertEquals(read(path):sub(1, 2), "\31\139")
  lu.assertEquals(formats.load_json_lines(path), rows)
end

function TestFiles:test_one_json_value_over_lines_is_named()
  local path = temporary ".json"
  system.write_file(path, '[\n  {"a": 1}\n]\n')
  lu.assertStrContains(support.message(formats.load_json_lines, path),
    "expected one JSON value a line; formats.load_json reads a file of one value")
  lu.assertEquals(formats.load_json(path), { { a = 1 } })
end

function TestFiles:test_zstd_data_are_named_with_what_to_do()
  local path = temporary ".jsonl"
  system.write_file(path, "\x28\xb5\x2f\xfd\x04abc")
  lu.assertEquals(support.message(formats.load_json_lines, path),
    path .. ": zstd data; unpack it first with unzstd, or pack it with gzip")
end

function TestFiles:test_tensors_come_back_with_their_types()
  local path = temporary ".safetensors"
  local tensors = {
    w = T.randn(3, 2, { seed = 1 }):transpose(1, 2), ids = T({ 1, math.maxinteger }, "i64"),
    mask = T { true, false }, x = T({ 0.1, 1 / 0 }, "f64"), empty = T.zeros(0, 4),
  }
  formats.save_tensors(path, tensors)
  local loaded = formats.load_tensors(path)
  for name, tensor in pairs(tensors) do
    lu.assertEquals(loaded[name]:dtype(), tensor:dtype(), name)
    lu.assertEquals(loaded[name]:size(), tensor:size(), name)
    lu.assertTrue(loaded[name]:equal(tensor), name)
    loaded[name] = nil
  end
  lu.assertNil(next(loaded))
end

function TestFiles:test_what_is_no_tensor_is_not_written()
  local path = temporary ".safetensors"
  local function refusal(tensors) return support.message(formats.save_tensors, path, tensors) end
  lu.assertStrContains(refusal { w = 1 }, "'w' is a number, expected a Tensor")
  lu.assertStrContains(refusal { T { 1 } }, "tensors are named")
  lu.assertStrContains(support.message(formats.load_tensors, "/no/such/file"), "cannot open /no/such/file")
end

function TestFiles:test_a_model_is_told_by_its_content_whatever_its_name()
  local path = temporary ".bin"
  local model = models.transformer { vocab = 11, dim = 8, layers = 1, heads = 2, max_length = 16 }
  model:save(path)
  lu.assertEquals(models.load(path):hash(), model:hash())
  for start, words in pairs {
    ["GGUF\3\0\0\0"] = "the file ends after 0", ["PK\3\4...."] = "safetensors.torch.save_file",
    ["24ka\1\0\0\0"] = "llama2.c's format of version 1 or 2", ["\x28\xB5\x2F\xFD...."] = "is zstd data",
  } do
    system.write_file(path, start)
    lu.assertStrContains(support.message(models.load, path), words)
  end
end

function TestFiles:test_bfloat16_weights_are_read()
  local path = temporary ".safetensors"
  local header = '{"w":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
  system.write_file(path, string.pack("<I8", #header) .. header .. "\x80\x3F\x49\xC0")
  -- 0x3F80 is 1, 0xC049 is -3.140625 in bfloat16.
  lu.assertEquals(formats.load_tensors(path).w:totable(), { 1, -3.140625 })
end

function TestFiles:test_a_frozen_model_keeps_its_weights()
  local model = models.transformer { vocab = 11, dim = 8, layers = 2, heads = 2, max_length = 16 }
  lu.assertEquals(model:requires_grad_(false):requires_grad_(true, "layers.1.*"), model)
  local before = {}
  local tensors, names = model:parameters()
  for i, tensor in ipairs(tensors) do before[i] = tensor:clone() end
  local optimizer = require "perilune.optim".adamw(model, { lr = 0.1 })
  model:logps({ { 1 } }, { { 2, 3 } }):sum():backward()
  optimizer:step()
  for i, tensor in ipairs(tensors) do
    local trains = names[i]:find "^layers%.1%." ~= nil
    lu.assertEquals(tensor:requires_grad(), trains)
    lu.assertEquals(tensor:equal(before[i]), not trains, names[i])
  end
  lu.assertStrContains(support.message(model.requires_grad_, model, false, "layer.*"), "no parameter matches")
end

os.exit(lu.LuaUnit.run())
