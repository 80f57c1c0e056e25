--- Options: defaults, near names, types and ranges.
local support = dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/support.lua")
local lu = require "luaunit"
local options = require "perilune.options"

local function message(defaults, given) return support.message(options.fill, defaults, given, "here") end

TestOptions = {}

function TestOptions:test_given_values_go_over_the_defaults_in_a_fresh_table()
  local defaults, given = { beta = 0.1, log = false, name = "ipo" }, { beta = 1, log = true }
  local filled = options.fill(defaults, given, "here")
  lu.assertEquals(filled, { beta = 1, log = true, name = "ipo" })
  filled.beta = 7
  lu.assertEquals({ defaults.beta, given.beta }, { 0.1, 1 })
  lu.assertEquals(options.fill(defaults, nil, "here"), defaults)
end

function TestOptions:test_false_is_a_value_and_not_an_absence()
  lu.assertEquals(options.fill({ log = true }, { log = false }, "here"), { log = false })
end

function TestOptions:test_an_unknown_key_is_refused_with_the_nearest_name()
  lu.assertEquals(message({ beta = 0.1, steps = 4 }, { bate = 1 }), "here: unknown option 'bate'; did you mean 'beta'?")
  lu.assertEquals(message({ beta = 0.1, steps = 4 }, { step = 1 }), "here: unknown option 'step'; did you mean 'steps'?")
  lu.assertEquals(message({ beta = 0.1, steps = 4 }, { zzzzzzzz = 1 }), "here: unknown option 'zzzzzzzz'; it takes beta, steps")
  lu.assertEquals(message({}, { beta = 1 }), "here: unknown option 'beta'; it takes no options")
  lu.assertEquals(message({ beta = 1 }, { 5 }), "here: unknown option 1; it takes beta")
end

function TestOptions:test_a_long_key_is_cut_in_the_message()
  lu.assertTrue(#message({ beta = 1 }, { [("x"):rep(1e4)] = 1 }) < 120)
end

function TestOptions:test_types_follow_the_default_and_numbers_are_never_strings()
  lu.assertEquals(message({ beta = 0.1 }, { beta = "1" }), "here: option 'beta' must be number, not '1'")
  lu.assertEquals(message({ beta = 0.1 }, { beta = {} }), "here: option 'beta' must be number, not a table")
  lu.assertEquals(message({ beta = 0.1 }, { beta = 0 / 0 }), "here: option 'beta' must be number, not NaN")
  lu.assertEquals(message({ beta = 0.1 }, 3), "here: options must be a table, not 3")
end

function TestOptions:test_rules()
  local rules = {
    model = options.required("table|userdata"), log = options.optional("function"),
    steps = options.integer(400, 1), rate = options.number(0.1, 0, 1), split = options.choice("train", { "train", "test" }),
  }
  lu.assertEquals(options.fill(rules, { model = {} }, "here"), { model = {}, steps = 400, rate = 0.1, split = "train" })
  lu.assertEquals(message(rules, {}), "here: option 'model' is missing; expected table or userdata")
  lu.assertEquals(message(rules, { model = 1 }), "here: option 'model' must be table or userdata, not 1")
  lu.assertEquals(message(rules, { model = {}, steps = 1.5 }), "here: option 'steps' must be integer, not 1.5")
  lu.assertEquals(message(rules, { model = {}, steps = 0 }), "here: option 'steps' must be integer of at least 1, not 0")
  lu.assertEquals(message(rules, { model = {}, rate = 2 }), "here: option 'rate' must be number from 0 to 1, not 2")
  lu.assertEquals(message(rules, { model = {}, split = "trian" }),
    "here: option 'split' must be one of train, test, not 'trian'; did you mean 'train'?")
  local whole = options.fill(rules, { model = {}, steps = 3.0 }, "here").steps
  lu.assertEquals(math.type(whole), "integer")
  lu.assertEquals(support.message(options.fill, { n = options.integer() }, {}, "x"), "x: option 'n' is missing; expected integer")
end

function TestOptions:test_a_callable_table_is_a_function()
  local callable = setmetatable({}, { __call = function() end })
  lu.assertIs(options.fill({ log = options.optional("function") }, { log = callable }, "here").log, callable)
end

function TestOptions:test_the_error_points_at_the_caller_of_the_function_with_options()
  local function train(given) local o = options.fill({ beta = 1 }, given, "train"); return o end
  local line = debug.getinfo(1, "l").currentline + 1
  local ok, text = pcall(function() local r = train { bate = 1 }; return r end)
  lu.assertFalse(ok)
  lu.assertStrContains(text, ("options_test.lua:%d: train: unknown option"):format(line))
end

os.exit(lu.LuaUnit.run())
