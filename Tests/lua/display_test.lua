--- Values as they are shown: bundles, front ends, tables, and what is refused.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local display = require "perilune.display"
local plot = require "perilune.plot"
local tables = require "perilune.display.tables"
local tensor = require "perilune.tensor"

local png <const> = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\3\0\0\0\2\8\2\0\0\0"

--- The calls that `body` makes of a front end.
local function calls(body)
  local list = {}
  display.front = {
    show = function(bundle, o) list[#list + 1] = { bundle["text/plain"], o.id, o.update } end,
    clear = function(wait) list[#list + 1] = { "clear", wait } end,
  }
  local ok, problem = pcall(body)
  display.front = nil
  if not ok then error(problem, 0) end
  return list
end

local function names_of(bundle)
  local names = {}
  for name in pairs(bundle) do names[#names + 1] = name end
  table.sort(names)
  return names
end

TestBundles = {}

function TestBundles:test_every_value_has_text()
  for _, value in ipairs { 3, "a\nb", true, print, {}, { 1, { 2 } }, tensor { 1, 2 }, io.stdout } do
    lu.assertEquals(type(display.bundle(value)["text/plain"]), "string")
  end
  lu.assertEquals(display.bundle(nil)["text/plain"], "nil")
  lu.assertEquals(display.text "a\nb", "a\nb")
end

function TestBundles:test_forms_that_are_made_by_name()
  lu.assertEquals(display.bundle(display.markdown "# A"), {
    ["text/markdown"] = "# A", ["text/plain"] = "# A" })
  lu.assertEquals(display.bundle(display.png(png))["text/plain"], "[PNG image, 3 x 2]")
  lu.assertEquals(display.bundle(display.png(png))["image/png"], png)
  lu.assertEquals(names_of(display.bundle(display.svg "<svg/>")), { "image/svg+xml", "text/plain" })
  lu.assertEquals(display.bundle(display.html "<td>a</td><td>b &lt; c</td>")["text/plain"], "a  b < c")
  lu.assertStrContains(support.message(display.html, 3), "display.html: expected a text, got 3")
  lu.assertStrContains(support.message(display.png, "GIF"), "display.png: expected the bytes of a PNG file")
end

function TestBundles:test_a_class_gives_its_forms_by_a_metafield_or_a_method()
  local function mime(value) return { ["text/html"] = "<b>" .. value.x .. "</b>" } end
  local by_field = setmetatable({ x = "1" }, { __mime = mime })
  local class = { __index = { __mime = mime }, __tostring = function() return "T" end }
  local by_method = setmetatable({ x = "2" }, class)
  lu.assertEquals(display.bundle(by_field)["text/html"], "<b>1</b>")
  lu.assertEquals(display.bundle(by_method), { ["text/html"] = "<b>2</b>", ["text/plain"] = "T" })
end

function TestBundles:test_an_error_in_a_form_is_shown_and_not_raised()
  local function with(f) return display.text(setmetatable({}, { __mime = f })) end
  lu.assertStrContains(with(function() error "no" end), "<error in __mime: ")
  lu.assertEquals(with(function() return 3 end), "<error in __mime: expected a table of texts, got 3>")
  lu.assertEquals(with(function() return { ["text/plain"] = 3 } end), "{}")
end

function TestBundles:test_figures_have_pictures()
  lu.assertStrContains(display.bundle(plot.line { y = { 1, 2 } })["image/svg+xml"], "<svg")
  local heat = display.bundle(tensor { { 1, 2 }, { 3, 4 } }, { as = "heatmap" })
  lu.assertStrContains(heat["image/svg+xml"], "<svg")
  lu.assertStrContains(support.message(display.heatmap, tensor.zeros(2, 2, 2)),
    "display.heatmap: expected a tensor of one or two dimensions, got 3")
  lu.assertStrContains(support.message(display.heatmap, "a"), "expected a tensor or a list of rows, got 'a'")
end

TestFronts = {}

function TestFronts:test_a_front_end_gets_bundles_ids_and_updates()
  local list = calls(function()
    display(1)
    display("a", { id = "x" })
    display.update("x", "b")
    display.clear { wait = true }
    display.results(1, "c")
  end)
  lu.assertEquals(list, { { "1" }, { "a", "x" }, { "b", "x", true }, { "clear", true }, { "1" }, { "c" } })
end

function TestFronts:test_wrong_calls_are_refused()
  lu.assertStrContains(support.message(display, 1, { di = "x" }), "display: unknown option 'di'")
  lu.assertStrContains(support.message(display.update, 3, 1), "expected the id of a display, a text, got 3")
  lu.assertStrContains(support.message(display.clear, { wiat = true }), "did you mean 'wait'?")
end

TestTables = {}

local rows <const> = {
  { run = "b", kl = 1.23456, n = 1000000 }, { run = "a", kl = -2, n = 7 }, { run = "语" },
}

function TestTables:test_numbers_are_aligned_to_the_right()
  lu.assertEquals(tostring(display.table(rows)),
    "run     kl        n\nb    1.235  1000000\na       -2        7\n语")
end

function TestTables:test_a_table_fits_the_terminal()
  local wide = { { a = ("x"):rep(100), b = 1, c = ("y"):rep(40) } }
  for width = 20, 160, 7 do
    for line in (tostring(display.table(wide, { width = width })) .. "\n"):gmatch "(.-)\n" do
      lu.assertTrue(require "perilune.native.plot".text_width(line) <= width, line)
    end
  end
  local many = {}
  for i = 1, 30 do many["column" .. i] = i end
  lu.assertStrContains(tostring(display.table({ many }, { width = 40 })), "and columns")
  lu.assertStrContains(tostring(display.table({ { a = 1 }, { a = 2 } }, { rows = 1 })), "and 1 rows")
end

function TestTables:test_the_loss_of_a_log_comes_first_and_what_most_rows_lack_last()
  local log = {}
  for step = 1, 4 do log[step] = { step = step, loss = 1, ["rewards/margins"] = 2, grad_norm = 3 } end
  log[4].accuracy = 0.5
  local header = tostring(display.table(log)):match "[^\n]+"
  lu.assertEquals(header:gsub("%s+", " "):match "^ ?(.-) ?$", "step loss grad_norm rewards/margins accuracy")
end

function TestTables:test_only_lists_of_records_are_tables()
  local others = { {}, { 1 }, { {} }, { { 1 } }, { { a = {} } }, { { a = 1 }, 2 }, { { a = 1 }, x = 2 } }
  for _, value in ipairs(others) do
    lu.assertFalse(tables.is_records(value), display.text(value))
  end
  lu.assertTrue(tables.is_records(rows))
  lu.assertTrue(tables.is_records { { t = tensor { 1 } } })
end

function TestTables:test_html_is_escaped_and_knows_its_numbers()
  local html = display.bundle { { a = "<i>", x = 0.1 }, { a = "b", x = 0 / 0 } }["text/html"]
  lu.assertStrContains(html, "&lt;i&gt;")
  lu.assertStrContains(html, ('data-v="%.17g"'):format(0.1))
  lu.assertStrContains(html, 'data-v="NaN"')
  lu.assertNil(html:find "<script")
end

function TestTables:test_wrong_tables_are_refused()
  lu.assertStrContains(support.message(display.table, 3), "display.table: expected a list of records, got 3")
  lu.assertStrContains(support.message(display.table, { 3 }), "record 1 must be a table, not 3")
  lu.assertStrContains(support.message(display.table, { a = 1 }), "got a table without position 1")
  lu.assertStrContains(support.message(display.table, rows, { columns = { "klo" } }), "did you mean 'kl'?")
  lu.assertStrContains(support.message(display.table, rows, { width = 3 }), "'width' must be")
end

os.exit(lu.LuaUnit.run())
