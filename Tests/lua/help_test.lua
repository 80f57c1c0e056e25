--- Help on what is written in Lua: by path, by value and by a word.
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/support.lua")
local lu = require "luaunit"
local perilune = require "perilune"
local help = perilune.help

TestHelp = {}

local function contains(text, part)
  lu.assertStrContains(text, part)
end

function TestHelp:test_a_function_is_found_by_its_path()
  contains(help.page "plot.line", "A line through points")
  contains(help.page "perilune.align.evaluate.kl", "KL(policy || reference) and entropy of whole responses")
  contains(help.page "align.pairs.online", "judge                 needed")
end

function TestHelp:test_a_module_that_is_a_function_shows_both_pages()
  local page = help.page "align.train"
  contains(page, "The training loop")
  contains(page, "checkpoint_every")
end

function TestHelp:test_the_page_of_an_object_lists_the_methods_of_its_class()
  contains(help.page(perilune.tasks.sentiment()), "prompts")
end

function TestHelp:test_no_path_no_page()
  lu.assertNil((help.page "align.nothing"))
  lu.assertNil((help.page "plot.line.more"))
end

function TestHelp:test_apropos_finds_functions_written_in_lua()
  local printed, plain = {}, print
  print = function(text) printed[#printed + 1] = text end
  local ok, problem = pcall(perilune.apropos, "Rao-Blackwell")
  print = plain
  lu.assertTrue(ok, problem)
  lu.assertEquals(#printed, 1)
  contains(printed[1], "align.evaluate.kl")
end

os.exit(lu.LuaUnit.run())
