--- Members of the library that are misspelt, files that are not what they seem, one seed for all, and writing
-- in place.
package.path = (arg[0]:match("^(.*)/[^/]*$") or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local tensor = require "perilune.tensor"

TestLibrary = {}

function TestLibrary.test_a_misspelt_member_is_an_error_with_the_near_name()
  local align, tasks = require "perilune.align", require "perilune.tasks"
  for _, case in ipairs {
    { align, "los", "align has no 'los'; did you mean 'loss'?" },
    { align.sources, "onlin", "align.sources has no 'onlin'; did you mean 'online'?" },
    { align.loss, "ipp", "align.loss has no 'ipp'; did you mean 'ipo'?" },
    { tasks, "sentimnt", "tasks has no 'sentimnt'; did you mean 'sentiment'?" },
    { require "perilune.tensor", "zeross", "T has no 'zeross'; did you mean 'zeros'?" },
    { require "perilune.models", "lod", "models has no 'lod'; did you mean 'load'?" },
    { require "perilune.system", "clok", "system has no 'clok'; did you mean 'clock'?" },
    { require "perilune.plot", "lin", "plot has no 'lin'; did you mean 'line'?" },
  } do
    lu.assertEquals(support.message(function() return case[1][case[2]] end), case[3])
  end
end

function TestLibrary.test_an_empty_file_that_should_be_gzip_is_no_list_of_nothing()
  local path = os.tmpname() .. ".jsonl.gz"
  io.open(path, "w"):close()
  local message = support.message(require "perilune.formats".load_json_lines, path)
  os.remove(path)
  lu.assertStrContains(message, "the file is empty, and so no gzip file")
end

function TestLibrary.test_a_large_heatmap_is_drawn_at_once()
  local T, plot, system = require "perilune.tensor", require "perilune.plot", require "perilune.system"
  local figure = plot.heatmap { matrix = T.randn(2000, 2000, { seed = 1 }) }
  local started = system.clock()
  lu.assertStrContains(tostring(figure), "each cell is the mean of")
  lu.assertTrue(system.clock() - started < 2)
end

function TestLibrary.test_one_seed_starts_every_stream_without_its_own()
  local perilune = require "perilune"
  perilune.seed(7)
  local a, b = perilune.T.rand(3), math.random()
  perilune.seed(7)
  lu.assertTrue(perilune.T.rand(3):equal(a))
  lu.assertEquals(math.random(), b)
  lu.assertEquals(support.message(perilune.seed, "x"), "seed: expected a whole number, got 'x'")
end

TestInPlace = {}

local in_place <const> = {
  add_ = { 1 }, sub_ = { 1 }, mul_ = { 2 }, div_ = { 2 }, pow_ = { 2 }, clamp_ = { 0 }, maximum_ = { 3 },
  logaddexp_ = { tensor.ones(2) },
  lerp_ = { tensor.ones(2), 0.5 }, exp_ = {}, log_ = {}, sqrt_ = {}, abs_ = {}, neg_ = {}, round_ = {},
  tanh_ = {}, sigmoid_ = {}, relu_ = {},
  gelu_ = {}, softmax_ = { 1 }, cumsum_ = { 1 }, nan_to_num_ = {},
  masked_fill_ = { tensor { true, false }, 0 }, scatter_ = { 1, tensor { 1 }, 0 },
  index_add_ = { 1, tensor { 1 }, tensor { 1 } }, fill_ = { 0 }, zero_ = {}, copy_ = { tensor { 5, 6 } },
}

function TestInPlace.test_no_form_in_place_changes_what_the_tape_needs()
  for name, arguments in pairs(in_place) do
    local function change(x) return support.message(x[name], x, table.unpack(arguments)) end
    local w = tensor({ 1, 2 }, { requires_grad = true })
    for what, x in pairs {
      ["a leaf that requires a gradient"] = w,
      ["a tensor with recorded history"] = w * 2,
    } do
      lu.assertEquals(change(x),
        ("%s would change %s in place: use the form without _, or no_grad"):format(name, what))
    end
    lu.assertStrContains(change(w[{ { 1, 2 } }]), "would change a tensor with recorded history in place",
      name)
    lu.assertStrContains(change(w:view(2, 1):t():select(1, 1)),
      "would change a tensor with recorded history in place", name)
    lu.assertEquals(w:totable(), { 1, 2 }, name)
    -- What was saved for the backward pass, through another view of it or with the tape off.
    local detached, kept, output = w:detach(), tensor { 3, 4 }, w:exp()
    for _, case in ipairs {
      { (w * w):sum(), detached }, { (w * kept):sum(), kept[{ { 1, 2 } }] }, { output:sum(), output },
    } do
      tensor.no_grad(function() case[2][name](case[2], table.unpack(arguments)) end)
      lu.assertStrContains(support.message(case[1].backward, case[1]),
        "needs was changed in place after it was computed", name)
    end
  end
end

os.exit(lu.LuaUnit.run())
