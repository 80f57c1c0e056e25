--- Help on what is written in Lua: by name, by value and by a word; the manual and its lists.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local perilune = require "perilune"
local index = require "perilune.help.index"
local native = require "perilune.native.help"
local options = require "perilune.options"
local system = require "perilune.system"
local help = perilune.help

TestHelp = {}

local contains = lu.assertStrContains

-- What a function prints, as one text.
local function printed(f, ...)
  local lines, plain = {}, print
  print = function(...) lines[#lines + 1] = table.concat({ ... }, "\t") end  -- luacheck: ignore 121
  local ok, problem = pcall(f, ...)
  print = plain  -- luacheck: ignore 121
  lu.assertTrue(ok, problem)
  return table.concat(lines, "\n")
end

function TestHelp:test_every_module_and_function_is_found_by_its_name()
  local entries = index.entries()
  lu.assertTrue(#entries > 100)
  for _, entry in ipairs(entries) do
    local found = false
    for _, one in ipairs(index.find(entry.name, entries)) do found = found or one == entry end
    lu.assertTrue(found, entry.name)
    contains(index.page(entry, entries), entry.text:match "^[^\n]*")
  end
end

function TestHelp:test_no_name_gives_the_overview()
  contains(printed(help, ""), "prints a page")
  contains(printed(help, " "), "prints a page")
end

function TestHelp:test_a_function_is_found_by_its_value()
  contains(help.page(perilune.plot.line), "A line through points")
  contains(help.page(perilune.align.evaluate.kl), "KL(policy || reference)")
  contains(help.page(perilune.tasks.open), "A task by its name")
end

function TestHelp:test_a_loss_has_the_same_page_by_value_and_by_name()
  local losses = 0
  for _, entry in ipairs(index.entries()) do
    local name = entry.is_module and entry.name:match "^align%.loss%.(%w+)$"
    if name then
      losses = losses + 1
      lu.assertEquals(help.page(perilune.align.loss[name]), help.page(entry.name))
    end
  end
  lu.assertTrue(losses >= 4)
end

function TestHelp:test_the_end_of_a_name_is_enough()
  contains(help.page "ipo", "Identity preference optimisation")
  contains(help.page "train", "The training loop")
  contains(help.page "align.train.resume", "Run:resume(")
  contains(help.page "resume", "Run:resume")
  contains(help.page "Run", "align.train.run.Run:resume")
end

function TestHelp:test_the_options_a_function_declares_are_printed_with_its_page()
  local page = help.page "align.train"
  contains(page, "The training loop")
  contains(page, "checkpoint_every")
  for _, name in ipairs { "label", "density", "title" } do contains(help.page "plot.hist", name) end
  index.load_all()
  local pages, entries = 0, index.entries()
  for _, entry in ipairs(entries) do
    local spec = index.spec(entry.name)
    for _, name in ipairs(spec and spec:names() or {}) do
      pages = pages + 1
      contains(index.page(entry, entries), name)
    end
  end
  if next(options.specs) then lu.assertTrue(pages > 0) end
end

function TestHelp:test_a_folder_lists_its_modules()
  for _, folder in ipairs { "align", "align/loss", "tasks" } do
    local name = folder:gsub("/", ".")
    local page = help.page(name)
    for _, entry in ipairs(system.list_folder(support.stdlib .. "/" .. folder)) do
      local module = entry:match "^([%w_]+)%.lua$"
      if module and module ~= "init" then contains(page, name .. "." .. module) end
    end
  end
  contains(help.page "experiments", "experiments.gap")
  contains(help.page "perilune", "  align ")
  contains(help.page "perilune", "formats, models, mpi, system, tensor")
end

function TestHelp:test_a_list_shows_whole_sentences()
  local page = help.page "models"
  for _, entry in ipairs(require("perilune.native.help").summaries()) do
    if entry.name:match "^models%." then contains(page, entry.summary:match "^(.-%.) %u" or entry.summary) end
  end
end

function TestHelp:test_the_page_of_an_object_lists_the_methods_of_its_class()
  contains(help.page(perilune.tasks.sentiment()), "prompts")
end

function TestHelp:test_no_path_no_page()
  for _, name in ipairs { "align.nothing", "plot.line.more", "perilune.align.sample" } do
    local page, why = help.page(name)
    lu.assertNil(page)
    contains(why, ("no help on '%s'"):format(name))
  end
end

-- A page that leads to itself would be looked for without end.
function TestHelp:test_every_name_and_value_of_the_library_has_one_page_in_finite_time()
  local missing, others = {}, {}
  local function visit(name, value)
    local steps = 0
    local look = coroutine.create(function()
      local of_name, of_value = help.page(name), help.page(value)
      if of_name ~= of_value then others[#others + 1] = name end
      return of_name and of_value
    end)
    debug.sethook(look, function()
      steps = steps + 1
      if steps > 200 then error("no end") end
    end, "", 1000000)
    local ok, page = coroutine.resume(look)
    if not ok or not page then missing[#missing + 1] = ("%s: %s"):format(name, page) end
  end
  for part in pairs(perilune.parts) do
    visit(part, perilune[part])
    for name, member in pairs(type(perilune[part]) == "table" and perilune[part] or {}) do
      if type(name) == "string" and not name:find "^_" and type(member) == "function" then
        visit(("%s.%s"):format(part, name), member)
      end
    end
  end
  for _, name in ipairs { "seed", "perilune.seed" } do visit(name, perilune.seed) end
  lu.assertEquals(missing, {})
  lu.assertEquals(others, {})
end

function TestHelp:test_pages_fit_a_terminal_and_keep_their_words()
  local fit = require "perilune.help.fit"
  for _, name in ipairs { "align", "align.sft", "align.loss.dpo", "logsumexp", "T", "Model:sample" } do
    local page = help.page(name)
    for _, columns in ipairs { 1, 20, 40, 80, 100 } do
      local text = fit.wrapped(page, columns)
      lu.assertEquals(text:gsub("%s+", " "), (page:gsub("%s+", " ")))
      for line in text:gmatch "[^\n]+" do
        local may_be_long = line:find "^%s*>" or not line:find "%S%s+%S"
        if not may_be_long then lu.assertTrue(utf8.len(line) <= columns, line) end
      end
    end
  end
end

function TestHelp:test_apropos_finds_functions_losses_methods_and_options()
  contains(printed(perilune.apropos, "Rao-Blackwell"), "align.evaluate.kl")
  contains(printed(perilune.apropos, "dpo"), "align.loss.dpo")
  contains(printed(perilune.apropos, "learning rate"), "align.train ")
  contains(printed(perilune.apropos, "rates learning"), "optim.schedule ")
  contains(printed(perilune.apropos, "kl_prompts"), "experiment")
  contains(printed(perilune.apropos, "resume"), "align.train.Run:resume")
  contains(printed(perilune.apropos, "max_new_tokens"), "Model:sample")
  lu.assertEquals(printed(perilune.apropos, "zzzz"), "nothing mentions 'zzzz'")
end

function TestHelp:test_words_that_name_no_page_list_those_that_mention_them()
  local text = printed(perilune.help, "learning rate")
  contains(text, "these mention it:\n")
  contains(text, "optim.schedule ")
  contains(text, "more: apropos \"learning rate\"")
  lu.assertEquals(printed(perilune.help, "zzzz yyyy"), "no help on 'zzzz yyyy'")
  lu.assertStrMatches(printed(perilune.help, "logsumexq"), ".*did you mean 'logsumexp'%?")
end

function TestHelp:test_a_name_that_is_no_utf8_has_no_page_and_is_near_to_none()
  lu.assertEquals(printed(perilune.help, "exp\xff"), "no help on 'exp\xff'")
  lu.assertNil(native.nearest("exp\xff", { "exp" }))
  lu.assertEquals(native.nearest("exq", { "\xff", "exp" }), "exp")
  lu.assertStrContains(support.message(native.nearest, "exq", { 5 }), "element [1] is a number")
end

function TestHelp:test_the_manual_holds_every_module_with_its_functions()
  local manual = help.manual()
  for _, entry in ipairs(index.entries()) do
    contains(manual, (entry.is_module and "## `%s`" or "### `%s`"):format(entry.title))
  end
  contains(manual, "# Tensors")
  contains(manual, "Direct preference optimisation.")
end

os.exit(lu.LuaUnit.run())
