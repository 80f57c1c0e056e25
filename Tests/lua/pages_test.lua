--- Every public name has a page with an example that is run: functions and modules that are reached from
-- `perilune` by their names, and the documented methods of the library's objects.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local index = require "perilune.help.index"
local native = require "perilune.native.help"
local perilune = require "perilune"

TestPages = {}

-- Modules whose objects stay within the library.
local within <const> = {
  ["align.fit"] = true, ["align.measured"] = true, ["align.memory"] = true, ["align.provenance"] = true,
  ["align.versions"] = true, ["align.experiment.results"] = true, ["options.rule"] = true,
  ["run.table"] = true,
  ["sweep.kept"] = true, ["sweep.plan"] = true, ["sweep.pool"] = true, ["align.judge.heads"] = true,
  ["align.batch.segments"] = true, ["paper.settings"] = true, ["paper.variants"] = true,
  ["tasks.check_page"] = true, ["folder"] = true, ["explore"] = true, ["notebook.record"] = true,
}

-- Methods that the training loop, a terminal and a sweep's processes call, with tests of their own.
local of_loops <const> = {
  ["align.train.run.Run:begin"] = true, ["align.train.run.Run:update"] = true,
  ["align.train.run.Run:after_step"] = true,
  ["align.train.run.Run:save"] = true, ["align.loss.Loss:prepare"] = true,
  ["align.ledger.Ledger:add"] = true, ["run.job:reopen"] = true, ["run.job:end_step"] = true,
  ["sweep.Sweep:rows"] = true, ["sweep.Sweep:runs"] = true, ["sweep.Sweep:each"] = true,
  ["align.experiment.stage.Stage:prepare"] = true, ["align.experiment.stage.Stage:reference"] = true,
  ["align.experiment.stage.Stage:instruments"] = true, ["align.experiment.stage.Stage:measure_by"] = true,
  ["tasks.stories.Task:pretrained"] = true, ["plot.live:draw"] = true, ["plot.live:finish"] = true,
}

-- What is no name to call: declarations that the library reads, and the parts of an instrument.
local inside <const> = {
  definition = true, specs = true, help_page = true, step = true, gradient = true, evaluation = true,
  state = true, by_name = true, list = true,
}

-- Calls visit(name, function) for every function that is reached from a value by names.
local function walk(value, name, visit, seen)
  if seen[value] then return end
  seen[value] = true
  if type(value) == "function" then return visit(name, value) end
  local meta = debug.getmetatable(value)
  for _, key in ipairs(type(meta) == "table" and rawget(meta, "__names") or {}) do
    local ok, problem = pcall(function() return value[key] end)
    lu.assertTrue(ok, problem)
  end
  for key, member in next, value do
    -- A module that is called has its function also as `new`.
    local is_made = key == "new" and type(meta) == "table" and rawget(meta, "__call")
    local is_name = type(key) == "string" and key:find "^%a" and not inside[key] and not is_made
    if is_name and (type(member) == "function" or type(member) == "table") then
      walk(member, name .. "." .. key, visit, seen)
    end
  end
end

local function public_functions(visit)
  local names = {}
  for name in pairs(perilune.parts) do names[#names + 1] = name end
  table.sort(names)
  local seen = {}
  for _, name in ipairs(names) do walk(perilune[name], name, visit, seen) end
end

function TestPages.test_every_public_function_has_a_page_with_an_example()
  local entries, missing, count = index.entries(), {}, 0
  local of_native = {}
  for _, entry in ipairs(native.functions()) do of_native[entry[2]] = entry[1] end
  public_functions(function(name, f)
    count = count + 1
    if of_native[f] then
      if not native.page(of_native[f]) then missing[#missing + 1] = name .. ": no page" end
      return
    end
    local entry = index.of_value(f, entries) or index.of_function(f, entries)
    if entry and within[entry.module] then return end
    if not entry then
      missing[#missing + 1] = name .. ": no page"
    elseif #(index.examples(entry, entries)) == 0 then
      missing[#missing + 1] = name .. ": no example"
    end
  end)
  lu.assertTrue(count > 300)
  if #missing > 0 then lu.fail(table.concat(missing, "\n")) end
end

function TestPages.test_every_documented_method_has_an_example()
  local entries, missing, count = index.entries(), {}, 0
  for _, entry in ipairs(entries) do
    if entry.name:find ":" and not entry.name:find ":__" and not within[entry.module]
      and not of_loops[entry.name] then
      count = count + 1
      if #(index.examples(entry, entries)) == 0 then missing[#missing + 1] = entry.name end
    end
  end
  lu.assertTrue(count > 50)
  if #missing > 0 then lu.fail(table.concat(missing, "\n")) end
end

function TestPages.test_native_pages_have_examples_that_print()
  for _, example in ipairs(native.examples()) do lu.assertTrue(#example[2] > 0, example[1]) end
end

os.exit(lu.LuaUnit.run())
