--- Figures, progress lines and reports as a script uses them.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local plot = require "perilune.plot"
local report = require "perilune.report"
local native = require "perilune.native.plot"

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

local function lines(text)
  local out = {}
  for line in text:gmatch "([^\r\n]*)\r?\n" do out[#out + 1] = line end
  return out
end

TestPlot = {}

function TestPlot:test_a_figure_keeps_its_numbers()
  local fig = plot.figure { title = "T" }:line { x = { 0, 1 }, y = { 0.5, 0.7 }, label = "online" }:hline {
    y = 0.5 }
  lu.assertEquals(lines(fig:csv()), {
    "series,kind,x,y,x_lower,x_upper,y_lower,y_upper", "online,line,0,0.5,,,,", "online,line,1,0.7,,,,",
      ",hline,,0.5,,,,",
  })
end

function TestPlot:test_every_kind_of_series_is_drawn()
  local two = { 1, 2 }
  local all = {
    plot.line { y = two }, plot.scatter { x = two, y = two }, plot.errorbar { y = two, yerr = 0.5 },
    plot.errorbar { y = two, yerr = { lower = two, upper = two }, xerr = { 1, 1 } },
    plot.band { lower = { 0, 1 }, upper = two },
      plot.hist { values = { 1, 2, 2, 3 }, bins = 3, density = true },
    plot.heatmap { matrix = { two, two }, rows = { "a", "b" }, columns = { "c", "d" } },
    plot.bars { labels = { "a", "b" }, values = two, errors = 0.1 }, plot.figure():vline { x = 1 },
  }
  for _, fig in ipairs(all) do
    lu.assertStrContains(fig:svg(), "<svg")
    lu.assertTrue(#tostring(fig) > 0)
    lu.assertFalse(tostring(fig):match "\n$" ~= nil)
  end
end

function TestPlot:test_the_words_of_the_figure_go_to_the_figure()
  local fig = plot.line { y = { 1, 2 }, label = "loss", title = "SFT", xlabel = "step", ylim = { 0, 3 } }
  lu.assertStrContains(fig:svg(), ">SFT<")
  lu.assertStrContains(fig:svg(), ">step<")
  fig:title("Other"):xlabel "tokens"
  lu.assertStrContains(fig:svg(), ">Other<")
  lu.assertNotStrContains(fig:svg(), ">step<")
end

function TestPlot:test_limits_set_both_ends_or_one()
  local fig = plot.line { y = { 1, 2 } }
  for _, wrong in ipairs { { 3, 3 }, { "a", 2 }, {} } do
    local ok = pcall(function() fig:ylim(table.unpack(wrong)):svg() end)
    lu.assertEquals(ok, #wrong == 0)
  end
  lu.assertTrue(pcall(function() plot.line { y = { 1, 2 }, xlim = { 0 } }:xlim(nil, 4):svg() end))
end

function TestPlot:test_wrong_names_and_numbers_are_told()
  lu.assertStrContains(support.message(plot.line, { y = { 1 }, lable = "x" }),
    "unknown option 'lable'; did you mean 'label'?")
  lu.assertStrContains(support.message(plot.line, { y = { 1 }, tilte = "x" }),
    "unknown option 'tilte'; did you mean 'title'?")
  lu.assertEquals(support.message(plot.line, {}),
    "plot.line: option 'y' is missing; expected a list of numbers or a Tensor")
  lu.assertStrContains(support.message(plot.line, { x = { 1 }, y = { 1, 2 } }),
    "line: x has 1 values, y has 2")
  lu.assertStrContains(support.message(plot.line, { y = { 1, "2" } }),
    "option 'y': element [2] is a string, expected a number")
  lu.assertStrContains(support.message(plot.line, { y = 3 }), "expected a list of numbers or a Tensor, got 3")
  lu.assertStrContains(support.message(plot.line, { y = { 1 }, marker = "cirle" }),
    "option 'marker': expected one of")
  lu.assertStrContains(support.message(plot.line, { y = { 1 }, xscale = "sqrt" }),
    "option 'xscale': expected one of \"linear\", \"log\"")
  lu.assertStrContains(support.message(plot.line, { y = { 1 }, color = "blu" }), "color 'blu'")
end

function TestPlot:test_a_complaint_points_at_the_line_of_the_script()
  local line = debug.getinfo(1, "l").currentline
  for i, wrong in ipairs {
    function() local fig = plot.figure { tilte = "x" } return fig end,
    function() local fig = plot.line { y = 1 } return fig end,
    function() local fig = plot.frontier { tilte = "x" } return fig end,
  } do
    local _, message = pcall(wrong)
    lu.assertStrContains(tostring(message), ("plot_test.lua:%d: plot."):format(line + 1 + i))
  end
end

function TestPlot:test_saving_goes_by_the_ending_of_the_name()
  local base = os.tmpname()
  local fig = plot.line { y = { 1, 2 }, title = "T" }
  local endings = { svg = "<?xml", csv = "series,kind", txt = " ", CSV = "series,kind" }
  if native.has_pictures() then endings.png, endings.pdf = "\x89PNG\r\n\x1a\n", "%PDF-" end
  for ending, start in pairs(endings) do
    local path = base .. "." .. ending
    lu.assertEquals(fig:save(path), fig)
    lu.assertEquals(read(path):sub(1, #start), start)
    os.remove(path)
  end
  os.remove(base)
  lu.assertStrContains(support.message(fig.save, fig, "a.gif"),
    ".svg, .png, .pdf, .csv or .txt expected, got \"a.gif\"")
  for _, path in ipairs { "png", "", "/", "a.b/png", ".", "a." } do
    lu.assertStrContains(support.message(fig.save, fig, path), "a name that ends in")
  end
  lu.assertStrContains(support.message(fig.save, fig, "/no/such/folder/a.svg"), "/no/such/folder")
end

function TestPlot:test_a_png_has_the_figure_s_size_times_the_scale()
  if not native.has_pictures() then lu.skip "needs librsvg2-2" end
  local fig = plot.line { y = { 1, 2 }, width = 300, height = 200 }
  for _, scale in ipairs { 1, 2, 0.5 } do
    local width, height = (">I4I4"):unpack(fig:png { scale = scale }, 17)
    lu.assertEquals({ width, height }, { 300 * scale, 200 * scale })
  end
  lu.assertStrContains(fig:pdf(), "%%EOF")
  for _, wrong in ipairs { 0, -1, 0 / 0, math.huge } do
    lu.assertStrContains(support.message(fig.png, fig, { scale = wrong }), "option 'scale'")
  end
  lu.assertStrContains(support.message(fig.png, fig, { scale = 1e9 }), "sides from 1 to 32767")
  lu.assertStrContains(support.message(fig.pdf, fig, { background = "blu" }), "color 'blu'")
  local small = plot.line { y = { 1, 2 }, width = 0 }
  lu.assertStrContains(support.message(small.png, small), "size 0x420; sides from 120 to 10000 are wanted")
end

function TestPlot:test_a_million_points_are_thinned()
  local y = {}
  for i = 1, 1000000 do y[i] = math.sin(i / 5e4) + (i % 97) / 97 end
  lu.assertTrue(#plot.line({ y = y }):svg() < 200000)
  lu.assertTrue(#plot.scatter({ y = y }):svg() < 5000000)
  lu.assertStrContains(tostring(plot.line { y = y }), "\n")
end

function TestPlot:test_numbers_that_cannot_be_drawn_are_left_out_and_counted()
  local fig = plot.line { y = { 1, 0 / 0, 3, math.huge, 5, -math.huge } }
  lu.assertStrContains(fig:svg(), "3 of 6 points skipped (not finite)")
  for _, none in ipairs { {}, { 0 / 0 } } do
    lu.assertStrContains(plot.line({ y = none }):svg(), "no data")
    lu.assertStrContains(tostring(plot.line { y = none }), "no data")
  end
end

function TestPlot:test_how_a_terminal_is_drawn_on_is_checked_when_it_is_set()
  lu.assertEquals(plot.terminal, "auto")
  lu.assertStrContains(support.message(function() plot.terminal = "vt52" end),
    'plot.terminal must be one of "auto", "kitty", "sixel", "iterm", "braille", "letters", not "vt52"')
  local fig = plot.line { y = { 1, 2 } }
  for mode, sign in pairs { letters = "+", braille = "┤", sixel = "\n" } do
    plot.terminal = mode
    lu.assertEquals(plot.terminal, mode)
    lu.assertStrContains(tostring(fig), sign)
  end
  plot.terminal = "auto"
  lu.assertStrContains(support.message(function() return plot.terminl end), "did you mean 'terminal'?")
end

function TestPlot:test_text_is_as_wide_as_asked_and_plain()
  local text = plot.line { y = { 1, 2, 4 }, title = "T" }:text { width = 40, height = 10, unicode = false }
  for _, line in ipairs(lines(text)) do
    lu.assertTrue(#line <= 40, line)
    lu.assertNil(line:match "[\128-\255\27]")
  end
end

function TestPlot:test_show_prints_through_print_and_returns_nothing()
  local kept, printed = print, {}
  print = function(value) printed[#printed + 1] = tostring(value) end
  local fig = plot.line { y = { 1, 2 } }
  local ok, results = pcall(function() return select("#", fig:show()) end)
  print = kept
  lu.assertTrue(ok, results)
  lu.assertEquals(results, 0)
  lu.assertEquals(printed, { tostring(fig) })
end

function TestPlot:test_tensors_are_numbers_too()
  local found, tensor = pcall(require, "perilune.tensor")
  if not found then lu.skip "needs tensors" end
  local fig = plot.line { x = tensor { 1, 2 }, y = tensor { 0.5, 0.25 }, label = "t" }
  lu.assertEquals(lines(fig:csv())[2], "t,line,1,0.5,,,,")
  lu.assertStrContains(plot.heatmap { matrix = tensor { { 1, 2 }, { 3, 4 } } }:csv(), "2,heatmap,1,3")
end

TestLive = {}

function TestLive:test_points_come_by_name_by_number_and_by_row()
  local live = plot.live { figures = { "loss", "" }, every = 100 }
  live:add(1, { loss = 0.7, other = 3 })
  live:add { loss = 0.5 }
  live:log { step = 4, loss = 0.25, note = "x" }
  live:add(5, 2)
  lu.assertEquals(lines(live:figure():csv()), { "series,kind,x,y,x_lower,x_upper,y_lower,y_upper",
    "loss,line,1,0.7,,,,", "loss,line,2,0.5,,,,", "loss,line,4,0.25,,,,", ",line,5,2,,,," })
end

function TestLive:test_without_a_terminal_the_last_state_is_printed_once()
  if require "perilune.system".is_terminal(1) then lu.skip "the output is a terminal" end
  local kept, printed = print, {}
  print = function(text) printed[#printed + 1] = text end
  local ok, problem = pcall(function()
    local live <close> = plot.live { title = "gap", every = 0 }
    for i = 1, 5 do live:add(i, { loss = i }) end
    lu.assertEquals(#printed, 0)
  end)
  print = kept
  lu.assertTrue(ok, problem)
  lu.assertEquals(#printed, 1)
  lu.assertStrContains(printed[1], "gap")
end

function TestLive:test_a_front_end_gets_one_display_that_is_updated()
  local display, seen = require "perilune.display", {}
  display.front = {
    show = function(bundle, o) seen[#seen + 1] = { o.id, o.update, bundle["image/svg+xml"] } end,
  }
  local live = plot.live { every = 0 }
  local ok, problem = pcall(function() for i = 1, 3 do live:add(i, { loss = i }) end live:finish() end)
  display.front = nil
  lu.assertTrue(ok, problem)
  lu.assertEquals({ seen[1][2], seen[2][2], seen[3][2], #seen }, { nil, true, true, 3 })
  lu.assertEquals(seen[1][1], seen[3][1])
  lu.assertStrContains(seen[3][3], "<svg")
end

function TestLive:test_long_lines_keep_their_extremes()
  local live = plot.live { every = 1e9 }
  for i = 1, 50000 do live:add(i, { loss = i == 1234 and 99 or i == 30000 and -99 or 0 }) end
  local csv = live:figure():csv()
  lu.assertStrContains(csv, "loss,line,1234,99,")
  lu.assertStrContains(csv, "loss,line,30000,-99,")
  lu.assertTrue(#lines(csv) < 20002)
end

function TestLive:test_wrong_calls_are_refused()
  lu.assertStrContains(support.message(plot.live, { tilte = "x" }), "plot.live: unknown option 'tilte'")
  lu.assertStrContains(support.message(plot.live, { every = -1 }), "'every' must be a number of at least 0")
  lu.assertStrContains(support.message(plot.live, { figures = { 3 } }), "figures[1] must be a text, not 3")
  local live = plot.live { every = 1e9 }
  lu.assertStrContains(support.message(live.add, live, "a", { loss = 1 }), "live:add: x must be a number")
  lu.assertStrContains(support.message(live.add, live, 1, { loss = {} }), "'loss' must be a number")
  lu.assertStrContains(support.message(live.add, live, 1, { 3 }), "a name must be a text, not 1")
  lu.assertStrContains(support.message(live.log, live, {}), "live:log: expected a row of a log")
end

function TestLive:test_a_training_draws_its_log()
  local toy = require "toy"
  local align = require "perilune.align"
  local live = plot.live { every = 1e9, figures = { "loss" } }
  local o = {
    policy = toy.model(6), reference = toy.model(5), loss = align.loss.ipo {}, steps = 3, quiet = true,
    source = align.sources.online(toy.sampling { batch = 2 }), live = live,
  }
  local kept = print
  print = function() end
  local ok, run = pcall(align.train, o)
  print = kept
  lu.assertTrue(ok, run)
  for i, row in ipairs(run.log) do
    local _, y = lines(live:figure():csv())[i + 1]:match "^loss,line,(%d+),([^,]+)"
    support.close(tonumber(y), row.loss, 1e-6)
  end
  o.policy, o.live = toy.model(6), 3
  lu.assertStrContains(support.message(align.train, o), "option 'live'")
  o.live = {}
  lu.assertStrContains(support.message(align.train, o), "live must be true or a plot.live")
end

TestFrontierPlot = {}

local function rows_of(fig, kind)
  local rows = {}
  for _, row in ipairs(lines(fig:csv())) do
    if row:find("^a," .. kind .. ",") then rows[#rows + 1] = row end
  end
  return rows
end

function TestFrontierPlot:test_checkpoints_are_points_and_a_line_and_a_band_join_them()
  local fig = plot.frontier {
    { label = "a", points = { { kl = 1, win = 0.5, se = 0.1 }, { kl = 4, win = 0.75, se = 0 } } } }
  lu.assertEquals(rows_of(fig, "scatter"), { "a,scatter,1,0.5,,,,", "a,scatter,4,0.75,,,," })
  local line, band = rows_of(fig, "line"), rows_of(fig, "band")
  lu.assertEquals({ line[1], line[#line] }, { "a,line,1,0.5,,,,", "a,line,4,0.75,,,," })
  lu.assertEquals({ band[1], band[#band] }, { "a,band,1,,,,0.304,0.696", "a,band,4,,,,0.75,0.75" })
end

function TestFrontierPlot:test_the_line_of_several_seeds_is_their_mean_at_equal_kl()
  local fig = plot.frontier { xscale = "sqrt", {
    label = "a", runs = {
      { { kl = 1, win = 0.5 }, { kl = 5, win = 0.5 } }, { { kl = 3, win = 1 }, { kl = 4, win = 1 } } },
  } }
  local line, band = rows_of(fig, "line"), rows_of(fig, "band")
  -- Both seeds have checkpoints around 3 to 4 nats: means 0.75, standard error 0.25, and Student's t of two
  -- is 12.7: all rates that there are.
  lu.assertEquals({ line[#line], band[#band] }, { "a,line,2,0.75,,,,", "a,band,2,,,,0,1" })
  lu.assertEquals(#line, 16)
  lu.assertEquals(#rows_of(fig, "scatter"), 4)
end

--- From 3 to 26 nats nothing was measured: the line ends at 6, half of which is 3, and begins anew.
--- Means of three repetitions, 0.5, 0.6 and 0.7, of which the second has two seeds: t(0.975, 2) = 4.3027
--- times 0.1 / sqrt(3). As four repetitions the band was half as wide.
function TestFrontierPlot:test_the_band_is_over_repetitions()
  local by_seed = {}
  for i, seed in ipairs { { 1, 0.5 }, { 2, 0.55 }, { 2, 0.65 }, { 3, 0.7 } } do
    by_seed[i] = { { { kl = 1, win = seed[2] }, { kl = 4, win = seed[2] } }, outer = seed[1] }
  end
  local fig = plot.frontier { xscale = "log", { label = "a", by_seed = by_seed } }
  local line, band = rows_of(fig, "line"), rows_of(fig, "band")
  lu.assertEquals({ line[1], #line }, { "a,line,1,0.6,,,,", 241 })
  local low, high = band[1]:match "^a,band,1,,,,([%d.]+),([%d.]+)$"
  support.close(tonumber(low), 0.6 - 4.30265 * 0.1 / math.sqrt(3), 1e-5)
  support.close(tonumber(high), 0.6 + 4.30265 * 0.1 / math.sqrt(3), 1e-5)
end

function TestFrontierPlot:test_there_is_no_line_over_kls_that_were_not_measured()
  local fig = plot.frontier {
    { label = "a", points = { { kl = 1, win = 0.1 }, { kl = 3, win = 0.2 }, { kl = 26, win = 0.8 } } } }
  local pieces = select(2, fig:svg():gsub('<path d="M[^"]+" fill="none" stroke="#0072b2"', ""))
  lu.assertEquals(pieces, 2)
end

function TestFrontierPlot:test_runs_of_a_seed_are_pooled_and_the_line_never_runs_backwards()
  local back = { { kl = 1, win = 0 }, { kl = 6, win = 0.8 }, { kl = 4, win = 0.2 } }
  local fig = plot.frontier {
    { label = "a", by_seed = { { back, { { kl = 1, win = 0.3 }, { kl = 4, win = 0.3 } } } } } }
  local before = -1
  for _, row in ipairs(rows_of(fig, "line")) do
    local kl, win = row:match "^a,line,([%d.]+),([%d.]+)"
    lu.assertTrue(tonumber(kl) > before, row)
    lu.assertTrue(tonumber(win) >= 0.3 - 1e-12, row)
    before = tonumber(kl)
  end
  lu.assertEquals(before, 6)
end

function TestFrontierPlot:test_runs_of_the_training_loop_are_taken_as_they_are()
  local run = { options = { label = "online ipo" },
    points = { { kl = { mean = 2, se = 0.1 }, win = { mean = 0.6, se = 0 } } } }
  lu.assertStrContains(plot.frontier({ run }):csv(), "online ipo,scatter,2,0.6")
end

function TestFrontierPlot:test_what_is_missing_is_told()
  lu.assertStrContains(support.message(plot.frontier, { { label = "a", points = { { kl = 1 } } } }),
    "point 1 of 'a' has no win")
  lu.assertStrContains(support.message(plot.frontier, { xscale = "cube" }),
    'must be "linear", "log" or "sqrt", got cube')
  lu.assertStrContains(support.message(plot.frontier, { { label = "a", runs = {} } }), "'a' has no runs")
end

TestProgress = {}

function TestProgress:test_a_line_has_the_step_the_share_and_the_time_left()
  local bar = native.progress_bar()
  bar:text { step = 0, total = 400, elapsed = 0, label = "sft", width = 70 }
  local text = bar:text {
    step = 100, total = 400, elapsed = 10, label = "sft", metrics = { loss = 0.5 }, width = 70 }
  for _, part in ipairs { "sft", "25%", "100/400", "0:30 left", "loss 0.5" } do
    lu.assertStrContains(text, part)
  end
end

TestReport = {}

function TestReport:test_a_report_holds_what_was_put_in()
  local r = report.new { title = "The <gap>" }
  r:heading "Win rate":text "One & two.":code "x = 1":output "done"
  r:table { header = { "method", "win" }, rows = { { "online", 0.71 }, { "offline", nil } }, caption = "C" }
  r:figure(plot.line { y = { 1, 2 } }, "F"):footer "end"
  local html = r:html()
  for _, part in ipairs {
    "<h1>The &lt;gap&gt;</h1>", "<h2>Win rate</h2>", "One &amp; two.", "x = 1", ">0.71<", "<svg",
    "F</figcaption>", "end" } do
    lu.assertStrContains(html, part)
  end
  local path = os.tmpname()
  r:save(path)
  lu.assertEquals(read(path), html)
  os.remove(path)
end

function TestReport:test_what_does_not_fit_is_told()
  local r = report.new()
  lu.assertStrContains(support.message(r.table, r, { rows = {} }),
    "option 'header' is missing; expected a list of strings")
  lu.assertStrContains(support.message(r.table, r, { header = { "a" }, rows = { { 1, 2 } } }),
    "the header has 1 cells, row 1 has 2")
  lu.assertStrContains(support.message(r.figure, r, 3), "Figure expected, got number")
  lu.assertStrContains(support.message(r.heading, r), "string expected, got no value")
end

os.exit(lu.LuaUnit.run())
