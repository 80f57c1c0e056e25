--- The settings and variants of the paper's figures: which runs there are, and which are shared.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local formats = require "perilune.formats"
local segments = require "perilune.paper.segments"
local settings = require "perilune.paper.settings"
local variants = require "perilune.paper.variants"

--- The options of a script on a task whose offline sweep has these steps.
local function options_with(steps)
  local offline = { lr = { 1e-4, 3e-4 }, beta = { 0.05, 0.1 }, steps = steps }
  return {
    task = "made", loss = "ipo", lr = "", beta = "", steps = 0, size = "default",
    made = { runs = { lr = 3e-4, beta = 0.05, steps = 480, offline = offline } },
  }
end

TestSweeps = {}

function TestSweeps:test_a_sweep_without_steps_has_those_of_the_online_run()
  lu.assertEquals(support.names(settings.sweep(options_with(nil))), {
    "lr 0.0001, beta 0.05, 480 steps", "lr 0.0003, beta 0.05, 480 steps",
    "lr 0.0001, beta 0.1, 480 steps", "lr 0.0003, beta 0.1, 480 steps",
  })
end

function TestSweeps:test_a_sweep_over_steps_has_each_setting_as_often()
  local sweep = settings.sweep(options_with { 240, 960 })
  lu.assertEquals(#sweep, 8)
  lu.assertEquals({ sweep[1].name, sweep[5].name, sweep[5].steps },
    { "lr 0.0001, beta 0.05, 240 steps", "lr 0.0001, beta 0.05, 960 steps", 960 })
  local o = options_with { 240, 960 }
  o.steps = 7
  lu.assertEquals(#settings.sweep(o), 4, "--steps is one number")
end

TestRuns = {}

--- The one setting of both sides is among the settings of their pools, so that it costs no run.
function TestRuns:test_one_setting_is_one_of_the_pool()
  local make = variants.of(options_with(nil))
  for _, both in ipairs { { make.online(), make.online_pooled() }, { make.offline_one(), make.offline() } } do
    local one, pool = both[1], both[2]
    lu.assertEquals(one.run, pool.run)
    lu.assertTrue(table.concat(support.names(pool.settings), "; "):find(one.settings[1].name, 1, true) ~= nil)
  end
end

--- Best-of-2 at the online rate left the start by hundreds of nats.
function TestRuns:test_best_of_2_online_has_a_sixth_of_the_rate_and_offline_has_not()
  local bo2 = variants.bo2(options_with(nil))
  lu.assertEquals(support.names(bo2.online().settings), { "bo2, lr 5e-05, 480 steps" })
  lu.assertEquals(support.names(bo2.replay("all").settings), { "bo2, lr 5e-05, 480 steps" })
  lu.assertEquals(support.names(bo2.offline().settings),
    { "bo2, lr 0.0001, 480 steps", "bo2, lr 0.0003, 480 steps" })
  lu.assertEquals({ bo2.replay("all").from, bo2.online().label, bo2.online().run },
    { "bo2 online", "bo2 online", "bo2 online" })
end

TestOtherTokens = {}

--- A stream of text, told again by a reader that segments otherwise: each response has one token more.
function TestOtherTokens:test_the_text_stays_and_the_tokens_do_not()
  local bpe = formats.train_bpe({ ("the cat sat on the mat "):rep(40) }, { vocab_size = 280 })
  local pair = { prompt = { 1 }, chosen = bpe:encode "the cat sat", rejected = bpe:encode "on the mat" }
  local told = segments.stream({ { pair } }, segments.splitter(bpe), 99)[1][1]
  for _, name in ipairs { "chosen", "rejected" } do
    lu.assertEquals(#told[name], #pair[name] + 1)
    lu.assertEquals(bpe:decode(told[name]), bpe:decode(pair[name]))
  end
  lu.assertEquals(told.prompt, { 1 })
  local full = segments.stream({ { pair } }, segments.splitter(bpe), 1)[1][1]
  lu.assertEquals(full.chosen, pair.chosen, "no room")
end

--- <eos> is no text: written as letters it would end nothing.
function TestOtherTokens:test_tokens_that_end_a_response_are_not_split()
  local made = { vocab_size = 3, eos = 2 }
  function made.decode(_, ids)
    local texts = {}
    for i, id in ipairs(ids) do texts[i] = ({ [0] = "a", "b", "ab" })[id] end
    return table.concat(texts)
  end
  lu.assertEquals(segments.are_several(made), false)
  made.eos = nil
  lu.assertEquals(segments.splitter(made)(2), { 0, 1 })
  lu.assertNil(segments.splitter(made, { 2 })(2))
end

os.exit(lu.LuaUnit.run())
