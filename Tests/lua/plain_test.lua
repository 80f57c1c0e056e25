--- Plain data comes back from its text exactly.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local plain = require "perilune.plain"

TestPlain = {}

local function back(value) return plain.decode(plain.encode(value)) end

function TestPlain.test_values_come_back_with_their_types()
  for _, value in ipairs {
    true, false, 0, 1, 1.0, -0.0, 0.1, 1 / 3, 5e-324, 2 ^ 53 + 2, math.mininteger, 1 / 0, -1 / 0, "",
    "a\0\n\u{3b1}", "\xff\xfe", {}, { 1, 2 }, { a = { b = { 1.5 } } }, { [3] = "x", [5] = { "y" } },
    { [1.5] = 1, [true] = 2 },
    { ["$number"] = "nan" }, { ["\xff"] = "$entries" }, { 1, nil, 3 },
  } do
    local got = back(value)
    lu.assertEquals(got, value)
    lu.assertEquals(math.type(got), math.type(value))
  end
  lu.assertEquals(back(nil), nil)
  lu.assertEquals(1 / back(-0.0), -1 / 0)
  lu.assertTrue(back(0 / 0) ~= back(0 / 0))
end

function TestPlain.test_equal_data_have_equal_text()
  local a, b = {}, {}
  for i = 1, 20 do a["k" .. i], b["k" .. 21 - i] = i, 21 - i end
  lu.assertEquals(plain.encode(a), plain.encode(b))
  lu.assertEquals(plain.encode { [10] = 1, [2] = 2 }, plain.encode { [2] = 2, [10] = 1 })
end

function TestPlain.test_what_is_no_plain_data_is_named_by_its_place()
  local function refusal(value) return support.message(plain.encode, value, "point 3") end
  local words = "; plain data is nil, booleans, numbers, strings and tables of them"
  lu.assertEquals(refusal { a = { print } }, "point 3.a[1] is a function" .. words)
  lu.assertEquals(refusal(setmetatable({}, { __name = "Batch" })), "point 3 is a Batch" .. words)
  local round = {}
  round.me = round
  lu.assertEquals(refusal(round), "point 3.me contains itself")
  lu.assertEquals(refusal { [{}] = 1 }, "point 3 has a table as a key")
end

function TestPlain.test_json_that_is_no_plain_data_is_refused_or_a_table()
  for _, text in ipairs { '{"$entries":[1]}', '{"$entries":[[]]}', '{"$entries":[[{"$number":"nan"},1]]}' } do
    lu.assertStrContains(support.message(plain.decode, text), "no plain data: an entry is")
  end
  lu.assertEquals(plain.decode '{"$bytes":1}', { ["$bytes"] = 1 })
  lu.assertEquals(plain.decode '{"$entries":2}', { ["$entries"] = 2 })
end

--- Without an end, the name of the innermost place alone would have megabytes, and all of them gigabytes.
function TestPlain.test_tables_are_nested_as_deep_as_json()
  local value = 1
  for _ = 1, 150 do value = { a = value } end
  lu.assertEquals(back(value), value)
  for _ = 1, 30000 do value = { a = value } end
  collectgarbage()
  collectgarbage "stop"
  local before = collectgarbage "count"
  local message = support.message(plain.encode, value)
  local used = collectgarbage "count" - before
  collectgarbage "restart"
  lu.assertEquals(message, "tables nested deeper than 200, or one that holds itself")
  lu.assertTrue(used < 4000, used .. " KB")
end

os.exit(lu.LuaUnit.run())
