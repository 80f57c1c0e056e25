--- The task of summaries: what a summary says is checked against the report.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local summary = require "perilune.tasks.summary"

local task = summary { seed = 1 }
local tokenizer = task.tokenizer

TestInterface = require "written"(summary)

TestGold = {}

local report <const> = "Lily the teacher sold a boat at the market in the spring ."

local function parts(text)
  local ids = tokenizer:encode(text)
  ids[#ids + 1] = tokenizer.eos
  return task:gold_parts(tokenizer:encode(report), ids)
end

function TestGold:test_facts_count_once_and_three_sentences_are_full()
  lu.assertEquals(parts("it was at the market .").coverage, 0.25)
  lu.assertEquals(parts("Lily sold a boat .").coverage, 0.5)
  lu.assertEquals(parts("Lily sold a boat . it was at the market . it was in the spring .").coverage, 1)
  lu.assertEquals(
    parts("Lily sold a boat . it was at the market . it was in the spring . Lily was a teacher .").coverage,
    1)
  local twice = parts "it was at the market . it was at the market ."
  lu.assertEquals({ twice.coverage, twice.repeated, twice.invented }, { 0.25, 1, 0 })
end

-- By hand: coverage - 0.4 invented - 0.01 words.
function TestGold:test_an_invention_costs_more_than_it_could_gain()
  local wrong = parts "Lily sold a map ."
  lu.assertEquals({ wrong.coverage, wrong.invented, wrong.errors }, { 0, 1, 0 })
  lu.assertAlmostEquals(wrong.content, -0.45, 1e-12)
  lu.assertAlmostEquals(parts("Lily sold a boat .").content, 0.45, 1e-12)
end

function TestGold:test_a_broken_sentence_states_nothing_and_is_an_error()
  local broken = parts "Lily boat sold a ."
  lu.assertEquals({ broken.coverage, broken.invented }, { 0, 0 })
  lu.assertTrue(broken.errors >= 3)
end

os.exit(lu.LuaUnit.run())
