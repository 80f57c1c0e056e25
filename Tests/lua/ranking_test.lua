--- Many sides in order, and a world as the stage of an experiment, against its closed forms.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local perilune = require "perilune"
local ranking = require "perilune.align.evaluate.ranking"
local feeds = require "perilune.align.experiment.feeds"
local of_world = require "perilune.align.experiment.world"

local function side(label, ...)
  local run = {}
  for i, point in ipairs { ... } do
    run[i] = { step = 10 * i, kl = point[1], win = point[2], wins = { point[2], point[2] } }
  end
  return { label = label, by_seed = { { run } } }
end

TestRanking = {}

function TestRanking:test_sides_are_in_the_order_of_the_win_rate_at_the_largest_kl_that_most_reach()
  local sides = {
    side("short", { 0.2, 0.9 }, { 0.4, 0.95 }), side("low", { 0.2, 0.5 }, { 2.2, 0.6 }),
    side("high", { 0.2, 0.5 }, { 3.2, 0.8 }), side("middle", { 0.2, 0.5 }, { 2.4, 0.7 }),
  }
  local ranked = ranking.of(sides)
  lu.assertEquals(ranked.kl, 2)
  local labels = {}
  for i, row in ipairs(ranked.rows) do labels[i] = row.label end
  lu.assertEquals(labels, { "high", "middle", "low", "short" })
  -- Linear in KL: 0.5 + 0.3 * 1.8 / 3.
  support.close(ranked.rows[1].key, 0.68, 1e-12)
  lu.assertEquals({ ranked.rows[4].key, ranked.rows[4].kl, ranked.rows[4].win }, { false, 0.4, 0.95 })
end

function TestRanking:test_sides_that_share_no_kl_are_ranked_by_nothing()
  local ranked = ranking.of { side("a", { 0.1, 0.5 }), side("b", { 0.1, 0.4 }) }
  lu.assertNil(ranked.kl)
  lu.assertEquals(ranked.rows[1].label, "a")
end

--- Each was an error of Lua's at a line of the library.
function TestRanking:test_what_are_no_sides_is_refused_where_it_is_given()
  local function refused(sides)
    local line = debug.getinfo(1, "l").currentline + 1
    local _, message = pcall(function() local ranked = ranking.of(sides); return ranked end)
    local place = ("ranking_test.lua:%d: evaluate.ranking.of: "):format(line)
    local at, last = message:find(place, 1, true)
    lu.assertNotNil(at, message)
    return message:sub(last + 1)
  end
  local wanted <const> = "expected a list of sides { label, by_seed }, got "
  lu.assertEquals(refused(nil), wanted .. "nil")
  lu.assertEquals(refused {}, wanted .. "a table")
  lu.assertEquals(refused(side("a", { 0.1, 0.5 })), wanted .. "a table")
  lu.assertEquals(refused { 3 }, "side 1 is 3, expected { label, by_seed }")
  lu.assertEquals(refused { side("a", { 0.1, 0.5 }), {} },
    "side 2 has by_seed = nil, expected a list of seeds")
end

TestWorldStage = {}

local world = perilune.worlds.strings { prompts = 2, alphabet = 2, length = 3, seed = 3, support = 0.5 }
local stage = of_world.stage(world, { pairs = 64, batch = 8 })

function TestWorldStage:test_the_start_is_at_the_origin_and_no_policy_above_the_frontier()
  local start = stage.measure(stage.start, 0)
  support.close(start.kl, 0, 1e-12)
  support.close(start.win, 0.5, 1e-12)
  local best = of_world.frontier(world)
  -- Tilts by the reward and the golden policy are below it, by the definition of the frontier.
  for _, beta in ipairs { 0.3, 1, 3 } do
    local policy = world:optimum { of = "reward", beta = beta }
    local most = of_world.at(best, world:kl(policy, world.reference))
    lu.assertTrue(world:win_rate(policy, world.reference) <= most + 1e-3)
  end
  local golden = stage.measure(stage.golden, 0)
  lu.assertTrue(golden.regret > -1e-3 and golden.win > 0.6)
end

function TestWorldStage:test_all_offline_data_are_of_the_covered_answers()
  local losses = perilune.align.loss
  local covered = world.covered:totable()
  for _, loss in ipairs { losses.dpo {}, losses.grpo {}, losses.ppo {}, losses.tpo {} } do
    feeds.prepare(stage, loss)
    local rows = stage:offline({ batch = 8, seed = 1, loss = loss }):batch(1).rows
    local responses = rows:responses()
    for i, prompt in ipairs(rows:prompts()) do
      local x, y = world:place(prompt, responses[i])
      lu.assertEquals(covered[x][y], 1, loss.name)
    end
  end
end

os.exit(lu.LuaUnit.run())
