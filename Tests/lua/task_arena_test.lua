--- The task of the arena: raters of different tastes, noise and cycles.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
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

function TestGold:test_the_raters_of_a_pair_do_not_depend_on_the_order()
  local one = arena { asked = 1 }
  for i = 1, 200 do
    local prompt, a, b = one:prompt("test", i), one:response("test", i, 0), one:response("test", i, 1)
    lu.assertEquals(one:gold_prefers(prompt, a, b) + one:gold_prefers(prompt, b, a), 1)
  end
end

os.exit(lu.LuaUnit.run())
