--- The task of the arena: raters of different tastes, noise and cycles.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local arena = require "perilune.tasks.arena"

local task = arena { seed = 1 }
local tokenizer = task.tokenizer

TestInterface = require "written"(arena)

TestGold = {}

local question <const> = tokenizer:encode "what is the best way to clean a big lamp ?"

local function parts(text)
  local ids = tokenizer:encode(text)
  ids[#ids + 1] = tokenizer.eos
  return task:gold_parts(question, ids), ids
end

-- Soap is the first tool and the first verb is "clean"; a glue is for mending.
function TestGold:test_features_are_counted_by_whole_sentences()
  local seen = parts "use a soap . a glue works well . great question ! it takes two minutes . use a soap ."
  lu.assertEquals({ seen.right, seen.wrong, seen.warm, seen.detail, seen.repeated }, { 1, 1, 1, 1, 1 })
  lu.assertEquals(parts("great soap !").warm, 0)
end

function TestGold:test_raters_disagree()
  local warm = parts "use a soap . great question ! happy to help !"
  local bold = parts "use a soap . it never fails !"
  local differ = {}
  for i = 1, 5 do differ[warm.raters[i] > bold.raters[i]] = true end
  lu.assertEquals(differ, { [true] = true, [false] = true })
end

-- An exhaustive count on the corpus; Condorcet's paradox needs three options and three raters.
function TestGold:test_majorities_go_in_circles_and_those_asked_more_often()
  local all = task:cycles(nil, 1000)
  print(("# cycles of all raters %.3f, of those asked %.3f; they agree on %.3f of pairs"):format(
    all.cycles, all.asked_cycles, all.agreement))
  lu.assertTrue(all.cycles > 0.005 and all.asked_cycles > all.cycles)
  lu.assertTrue(all.agreement > 0.8 and all.agreement < 0.95)
  local everybody = arena({ asked = 5 }):cycles(nil, 200)
  lu.assertEquals(everybody.agreement, 1)
  lu.assertEquals(everybody.cycles, everybody.asked_cycles)
end

-- Of warm, bold and detail each beats the next by three raters to two; the tools and errors are the same.
-- warm over bold: expert -0.02 and -0.18, friend 0.49 and 0.09, anxious -0.01 and -0.41. bold over detail:
-- friend 0.09 and -0.01, hurried -0.13 and -0.23, keen 0.49 and 0.24. detail over warm: expert 0.12 and
-- -0.02, hurried -0.23 and -0.25, keen 0.24 and -0.01. Equal responses tie, and ties are no circle.
function TestGold:test_a_circle_by_hand()
  local warm, bold = select(2, parts "great question !"), select(2, parts "it never fails !")
  local detail, everybody = select(2, parts "do it daily ."), arena { asked = 5 }
  local circle, ties = { question, warm, bold, detail }, { question, warm, warm, warm }
  lu.assertEquals(everybody:cycles { circle, { question, detail, bold, warm } },
    { cycles = 1, asked_cycles = 1, agreement = 1, count = 2 })
  lu.assertEquals(everybody:cycles { circle, ties, { question, warm, warm, bold }, ties },
    { cycles = 0.25, asked_cycles = 0.25, agreement = 1, count = 4 })
end

-- An empty list and a count of 0 gave NaN, "x" the error of a loop of Lua.
function TestGold:test_cycles_of_nothing_are_refused()
  local function refused(message, ...)
    support.refuses("tasks.arena: " .. message, function(...) return task:cycles(...) end, ...)
  end
  local empty <const> = "triples is an empty list; expected { prompt, a, b, c } at least once"
  refused(empty, {})
  refused(empty, { prompt = question })
  refused("triples must be a list of { prompt, a, b, c }, not 'x'", "x")
  refused("triples must be a list of { prompt, a, b, c }, not 5", 5)
  refused("triple 2 must be { prompt, a, b, c }, not 5", { { question, {}, {}, {} }, 5 })
  refused("c of triple 1 must be a list of ids, not nil", { { question, {}, {} } })
  refused("the prompt of triple 1 must be a list of ids, not 'what'", { { "what", {}, {}, {} } })
  refused(("a of triple 1 has id -1 at position 1, which is not in the vocabulary of %d tokens"):format(
    tokenizer.vocab_size), { { question, { -1 }, {}, {} } })
  for given, shown in pairs { [0] = "0", [-3] = "-3", [2.5] = "2.5", x = "'x'" } do
    refused("the number of prompts must be a whole number from 1, not " .. shown, nil, given)
  end
  refused("the number of prompts must be a whole number from 1, not nan", nil, 0 / 0)
end

-- It points at the line that called `cycles`, not into the task.
function TestGold:test_a_refusal_of_cycles_points_at_its_caller()
  for _, given in ipairs { { {} }, { { 5 } }, { { { question } } }, { nil, 0 } } do
    local ok, message = pcall(function() local _ = task:cycles(given[1], given[2]) end)
    lu.assertFalse(ok)
    lu.assertStrContains(message, "task_arena_test.lua:")
  end
end

function TestGold:test_the_raters_of_a_pair_do_not_depend_on_the_order()
  local one = arena { asked = 1 }
  for i = 1, 200 do
    local prompt, a, b = one:prompt("test", i), one:response("test", i, 0), one:response("test", i, 1)
    lu.assertEquals(one:gold_prefers(prompt, a, b) + one:gold_prefers(prompt, b, a), 1)
  end
end

os.exit(lu.LuaUnit.run())
