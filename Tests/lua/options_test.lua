--- Options: specs, defaults, near names, types and bounds.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local keys = require "perilune.options.keys"
local options = require "perilune.options"
local perilune = require "perilune"
local separated = require "perilune.options.separated"
local system = require "perilune.system"

--- A spec called "here".
local function here(...) return options.spec("here", { ... }) end

--- The error of filling `given` into the spec, without the spec's name.
local function refused(spec, given)
  local text = support.message(spec.fill, spec, given)
  lu.assertEquals(text:sub(1, 6), "here: ")
  return text:sub(7)
end

--- The same for a spec of the entries.
local function message(given, ...) return refused(here(...), given) end

local beta = { "beta", 0.1, "strength of the regularisation" }
local steps = { "steps", 4, "optimiser steps" }

TestOptions = {}

function TestOptions:test_given_values_replace_the_defaults_in_a_fresh_table()
  local spec = here(beta, { "log", false, "print" }, { "name", "ipo", "loss" })
  local given = { beta = 1, log = true }
  local filled = spec:fill(given)
  lu.assertEquals(filled, { beta = 1, log = true, name = "ipo" })
  filled.beta = 7
  lu.assertEquals(given.beta, 1)
  lu.assertEquals(spec:fill(), { beta = 0.1, log = false, name = "ipo" })
end

function TestOptions:test_a_part_that_is_loaded_is_listed_once()
  local library = options.strict("lib", { own = 1 }, { "alpha", "beta" }, function() return 2 end)
  lu.assertEquals(library.alpha, 2)
  lu.assertEquals(support.message(function() return library.zzzzzzzz end),
    "lib has no 'zzzzzzzz'; it has alpha, beta, own")
end

function TestOptions:test_false_is_a_value_and_not_an_absence()
  lu.assertEquals(here({ "log", true, "print" }):fill { log = false }, { log = false })
end

function TestOptions:test_an_unknown_option_is_refused_with_the_nearest_name()
  lu.assertEquals(message({ bate = 1 }, beta, steps), "unknown option 'bate'; did you mean 'beta'?")
  lu.assertEquals(message({ step = 1 }, beta, steps), "unknown option 'step'; did you mean 'steps'?")
  lu.assertEquals(message({ zzzzzzzz = 1 }, beta, steps), "unknown option 'zzzzzzzz'; it takes beta, steps")
  lu.assertEquals(message { beta = 1 }, "unknown option 'beta'; it takes no options")
  lu.assertEquals(message({ 5 }, beta), "unknown option 1; it takes beta")
  lu.assertTrue(#message({ [("x"):rep(1e4)] = 1 }, beta) < 120)
  lu.assertStrContains(message({ ["\xff"] = 1 }, beta), "it takes beta")
end

function TestOptions:test_lua_and_native_functions_suggest_by_the_same_distance()
  lu.assertEquals(options.suggest("valid", { "train", "validation" }), "did you mean 'validation'?")
  lu.assertStrContains(support.message(perilune.T.tensor, { 1 }, { dtpe = "f64" }), "did you mean 'dtype'?")
end

function TestOptions:test_items_separated_by_commas_have_no_blanks_around_them()
  local list = {}
  for item in separated " 1e-4,\t3e-4 ,a b,," do list[#list + 1] = item end
  lu.assertEquals(list, { "1e-4", "3e-4", "a b", "", "" })
end

function TestOptions:test_the_type_of_the_default_is_the_type_of_the_option()
  lu.assertEquals(message({ beta = "1" }, beta), "option 'beta' must be a number, not '1'")
  lu.assertEquals(message({ beta = {} }, beta), "option 'beta' must be a number, not a table")
  lu.assertEquals(message({ steps = 1.5 }, steps), "option 'steps' must be a whole number, not 1.5")
  lu.assertEquals(message({ log = 1 }, { "log", true, "print" }), "option 'log' must be true or false, not 1")
  lu.assertEquals(message(3, beta), "options must be a table, not 3")
  lu.assertEquals(message(perilune.T { 1 }, beta), "options must be a table, not a Tensor")
  lu.assertEquals(math.type(here(steps):fill({ steps = 3.0 }).steps), "integer")
end

function TestOptions:test_a_number_is_finite_unless_the_entry_says_otherwise()
  lu.assertEquals(message({ beta = 0 / 0 }, beta), "option 'beta' must be a finite number, not nan")
  lu.assertEquals(message({ beta = 1 / 0 }, beta), "option 'beta' must be a finite number, not inf")
  local clip = { "clip", 1.0, "largest norm", finite = false }
  lu.assertEquals(here(clip):fill({ clip = math.huge }).clip, math.huge)
  lu.assertEquals(message({ clip = 0 / 0 }, clip), "option 'clip' must be a number, not nan")
end

function TestOptions:test_bounds_and_choices()
  local function of(field, bound, value)
    return message({ x = value }, { "x", 0.5, "a number", [field] = bound })
  end
  lu.assertEquals(of("least", 0, -1), "option 'x' must be a number of at least 0, not -1")
  lu.assertEquals(of("most", 1, 2), "option 'x' must be a number of at most 1, not 2")
  lu.assertEquals(of("above", 0, 0), "option 'x' must be a number above 0, not 0")
  lu.assertEquals(of("below", 1, 1), "option 'x' must be a number below 1, not 1")
  lu.assertEquals(of("choices", { 0.5, 1 }, 2), "option 'x' must be one of 0.5, 1, not 2")
  lu.assertEquals(message({ split = "trian" }, { "split", "train", "part", choices = { "train", "test" } }),
    "option 'split' must be one of train, test, not 'trian'; did you mean 'train'?")
end

--- The search for a near name takes UTF-8 alone, and its error was told instead.
function TestOptions:test_what_is_no_utf8_is_refused_as_any_unknown_name()
  lu.assertEquals(message({ split = "\xff" }, { "split", "train", "part", choices = { "train", "test" } }),
    "option 'split' must be one of train, test, not '\xff'")
  local library = options.strict("lib", { own = 1 })
  lu.assertEquals(support.message(function() return library["\xff"] end), "lib has no '\xff'; it has own")
end

function TestOptions:test_rules_without_a_default()
  local spec = here({ "model", options.required "table|Tensor", "a model" },
    { "log", options.optional "function", "called each step" }, { "n", options.integer(nil, 1), "how many" })
  lu.assertEquals(spec:fill { model = {}, n = 1 }, { model = {}, n = 1 })
  lu.assertEquals(refused(spec, { n = 1 }), "option 'model' is missing; expected a table or a Tensor")
  lu.assertEquals(refused(spec, { model = 1, n = 1 }), "option 'model' must be a table or a Tensor, not 1")
  lu.assertEquals(refused(spec, { model = {} }), "option 'n' is missing; expected a whole number")
  lu.assertEquals(refused(spec, { model = {}, n = 0 }),
    "option 'n' must be a whole number of at least 1, not 0")
end

function TestOptions:test_the_class_of_a_native_object_is_a_type()
  local spec = here { "x", options.required "Tensor|function", "a tensor" }
  local x = perilune.T { 1 }
  lu.assertIs(spec:fill({ x = x }).x, x)
  lu.assertEquals(refused(spec, { x = 1 }), "option 'x' must be a Tensor or a function, not 1")
  lu.assertEquals(message({ x = x }, { "x", options.required "Model", "a model" }),
    "option 'x' must be a Model, not a Tensor")
end

function TestOptions:test_a_callable_table_is_a_function()
  local callable = setmetatable({}, { __call = function() end })
  lu.assertIs(here({ "log", options.optional "function", "called" }):fill({ log = callable }).log, callable)
end

function TestOptions:test_a_spec_includes_another_and_may_change_a_default()
  local part = options.spec("part", { { "lr", 3e-4, "learning rate", least = 0 }, { "warmup", 0, "steps" } })
  local whole = options.spec("whole", { { "steps", 10, "steps" }, part, { "lr", 0.1, "learning rate" } })
  lu.assertEquals(whole:names(), { "steps", "lr", "warmup" })
  lu.assertEquals(whole:fill().lr, 0.1)
  lu.assertEquals(part:fill().lr, 3e-4)
  lu.assertIs(options.specs.whole, whole)
end

function TestOptions:test_the_text_has_a_line_an_option_with_default_and_bounds()
  lu.assertEquals(here(
    { "lr", 0.5, "learning rate", least = 0 }, { "decay", "none", "decay", choices = { "none" } },
    { "model", options.required "Model", "trained in place" }):text(), table.concat({
    "lr = 0.5          learning rate; at least 0",
    'decay = "none"    decay; one of none',
    "model = required  trained in place; a Model" }, "\n"))
end

function TestOptions:test_a_wrong_declaration_is_refused()
  local function wrong(...) return support.message(options.spec, "bad", { ... }) end
  lu.assertStrContains(wrong { "lr", 1 }, "'lr' has no sentence")
  lu.assertStrContains(wrong { "lr", nil, "rate" }, "'lr' has no default")
  lu.assertStrContains(wrong { "lr", 1, "rate", leest = 0 }, "unknown field leest; did you mean 'least'?")
  lu.assertStrContains(wrong { "lr", -1.0, "rate", least = 0 },
    "the default of 'lr' must be a number of at least 0")
  lu.assertStrContains(wrong({ "lr", 1, "rate", smoke = "x" }), "the smoke of 'lr' must be a whole number")
  lu.assertStrContains(wrong({ "lr", 1, "rate" }, { "lr", 2, "rate" }), "'lr' is declared twice")
end

function TestOptions:test_the_error_points_at_the_caller_of_the_function_with_options()
  local spec = here(beta)
  local function train(given) local o = spec:fill(given); return o end
  local line = debug.getinfo(1, "l").currentline + 1
  local ok, text = pcall(function() local r = train { bate = 1 }; return r end)
  lu.assertFalse(ok)
  lu.assertStrContains(text, ("options_test.lua:%d: here: unknown option"):format(line))
end

--- The files below a folder that end in .lua.
local function lua_files(folder)
  local files = {}
  for _, name in ipairs(system.list_folder(folder)) do
    local path = folder .. "/" .. name
    if name:match "%.lua$" then
      files[#files + 1] = path
    elseif not name:find(".", 1, true) and pcall(system.list_folder, path) then
      for _, inner in ipairs(lua_files(path)) do files[#files + 1] = inner end
    end
  end
  return files
end

--- The names of all declared options: those of the modules' specs, and the entries that scripts write down.
local function declared()
  local names = {}
  for _, path in ipairs(lua_files(support.stdlib)) do
    local name = path:sub(#support.stdlib + 2, -5):gsub("/init$", ""):gsub("/", ".")
    require(name == "perilune" and name or "perilune." .. name)
  end
  for _, spec in pairs(options.specs) do
    for _, name in ipairs(spec:names()) do names[name] = true end
  end
  return names
end

TestKeys = {}

function TestKeys:test_keys_are_offered_inside_the_braces_of_a_call()
  here({ "steps", 1, "steps" }, { "stop", 2, "id" }, { "lr", 0.1, "rate" })
  lu.assertEquals(keys "here { ", { "steps", "stop", "lr" })
  lu.assertEquals(keys "x = perilune.here({ lr = f(1, { 2 }), st", { "steps", "stop" })
  lu.assertEquals(keys 'here { stop = "a { ,", s', { "steps" })
end

function TestKeys:test_keys_are_offered_for_native_functions_and_methods()
  lu.assertEquals(keys "model:sample(prompts, { temp", { "temperature" })
  lu.assertEquals(keys "models.transformer { voc", { "vocab" })
end

function TestKeys:test_nothing_is_offered_elsewhere()
  for _, text in ipairs { "here", "here { st = ", "here { lr = st", "here { 'st", "other { st", "{ st",
    "here { } st" } do
    lu.assertNil(keys(text), text)
  end
end

TestDeclared = {}

--- The options that the comments of a text list: lines `-- steps = 400 optimiser steps`, and two or more
-- lines `-- judge needed: who prefers` in a row of comments, if the same text declares them. Output of
-- examples is none.
local function listed(text, names)
  local found, block, in_example, number = {}, {}, false, 0
  local function close()
    if #block > 1 then table.move(block, 1, #block, #found + 1, found) end
    block = {}
  end
  for line in text:gmatch "(.-)\n" do
    number = number + 1
    local comment = line:match "^%s*%-%-+(.*)$"
    if not comment then close() end
    in_example = comment ~= nil and (comment:match "^%s*>" ~= nil or in_example and comment:match "%S" ~= nil)
    if comment and not in_example then
      local with_default = not comment:find("--", 1, true) and comment:match "^%s+([%a_][%w_]*) = %S.-%s%s+%S"
      local name = comment:match "^%s%s+([%a_][%w_]*)%s%s+%S"
      if with_default and names[with_default] then
        found[#found + 1] = ("%d: %s"):format(number, line)
      elseif name and names[name] and text:find(('{ "%s",'):format(name), 1, true) then
        block[#block + 1] = ("%d: %s"):format(number, line)
      end
    end
  end
  close()
  return found
end

function TestDeclared:test_lists_of_options_are_found_in_comments()
  local names = { steps = true, lr = true, judge = true, prompts = true }
  local entries = 'x = { { "judge", 1, "" }, { "prompts", 2, "" } }\n'
  lu.assertEquals(#listed("--   steps = 400   optimiser steps\n", names), 1)
  lu.assertEquals(#listed("--   judge     needed: who prefers\n--   prompts   needed: a list\n" .. entries,
    names), 2)
  lu.assertEquals(#listed("--   judge     who preferred\n" .. entries, names), 0)
  lu.assertEquals(#listed("--   > spec:text()\n--   steps = 400  optimiser steps\n", names), 0)
end

function TestDeclared:test_no_comment_lists_an_option_that_is_declared()
  local names, wrong = declared(), {}
  for _, folder in ipairs { support.stdlib, support.root .. "/scripts" } do
    for _, path in ipairs(lua_files(folder)) do
      local file <close> = assert(io.open(path, "rb"))
      for _, line in ipairs(listed(file:read "a", names)) do
        wrong[#wrong + 1] = ("%s:%s"):format(path:sub(#support.root + 2), line)
      end
    end
  end
  lu.assertEquals(table.concat(wrong, "\n"), "")
end

TestLimits = {}

-- Whole numbers that reach no size: seeds, and numbers of words that count.
local without_limit <const> = { seed = true, most = true, split_words = true }

--- Whole numbers without a largest one reached an allocation, a sum that wrapped, or a loop without an end.
function TestLimits:test_sizes_of_experiments_and_tasks_have_a_largest_one()
  for _, module in ipairs {
    "align.experiment", "paper", "paper.scale", "tasks.check", "tasks.costs", "tasks.errors",
  } do require("perilune." .. module) end
  local tasks = require "perilune.tasks"
  for _, name in ipairs(tasks.names()) do require("perilune.tasks." .. name) end
  local complaints = {}
  for name, spec in pairs(options.specs) do
    local is_of_them = name:match "^tasks" or name:match "experiment" or name:match "^paper"
    for _, entry in ipairs(is_of_them and spec.list or {}) do
      if entry.types == "integer" and not entry.most and not without_limit[entry.name] then
        complaints[#complaints + 1] = ("%s: %s"):format(name, entry.name)
      end
    end
  end
  lu.assertEquals(complaints, {})
end

--- An entry of a script that declares an option anew has its own bounds.
function TestLimits:test_sizes_of_scripts_have_a_largest_one()
  local complaints, count = {}, 0
  local pipe <close> = assert(io.popen(("cd '%s' && ls scripts/paper/*.lua scripts/experiments/*.lua "
    .. "stdlib/paper/*.lua"):format(support.root)))
  for path in pipe:lines() do
    local text = support.read(support.root .. "/" .. path)
    for at, name in text:gmatch '(){ "([%w_]+)", %d+, "' do
      count = count + 1
      if not text:match("^%b{}", at):find("most = ", 1, true) then
        complaints[#complaints + 1] = path .. ": " .. name
      end
    end
  end
  lu.assertTrue(count > 5, count)
  lu.assertEquals(complaints, {})
end

function TestLimits:test_a_size_that_nothing_holds_is_refused_by_the_name_of_its_option()
  local cli, experiment = require "perilune.cli", require("perilune.align").experiment
  local spec = options.spec("limits_test", { experiment.options })
  for name, most in pairs {
    max_prompt = 1048576, max_response = 1048576, outer_seeds = 900, seeds = 900, pairs = 16777216,
    steps = 1000000000, proxy_dim = 65536,
  } do
    local flag = "--" .. name:gsub("_", "-")
    lu.assertStrMatches(support.message(cli.read, { flag, "9223372036854775807" }, spec),
      flag:gsub("%-", "%%-") .. " must be a whole number from [01] to " .. most
      .. ", not 9223372036854775807")
  end
  local records = options.specs["tasks.from_pairs"]
  for name, most in pairs { dim = 65536, layers = 1024 } do
    lu.assertStrContains(support.message(records.fill, records, { path = "x", [name] = 1 << 62 }),
      ("option '%s' must be a whole number from %d to %d, not %d"):format(name, records.by_name[name].least,
        most, 1 << 62))
  end
end

--- Seed 1001 of a repetition is seed 1 of the next one, and a model reads a prompt with two responses.
function TestLimits:test_limits_agree_with_what_they_guard()
  local limits = require "perilune.options.limits"
  lu.assertTrue(limits.repetitions <= 1000)
  lu.assertTrue(3 * limits.tokens + 4 <= 1 << 24)
  lu.assertTrue(limits.rows <= 1 << 24)
end

os.exit(lu.LuaUnit.run())
