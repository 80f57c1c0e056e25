--- What each loss reads in an experiment: its own source online, and fixed data offline.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local lu = require "luaunit"
local align = require "perilune.align"
local settings = require "perilune.align.experiment.settings"

local experiment = align.experiment

require "perilune.progress".quiet(true)

local tiny = { pairs = 32, prompts = 8, batch = 8, judge_steps = 2, start_steps = 2, golden_steps = 2 }

local function made(more) return experiment.stage(toy.with(tiny, more)) end

local scored = made { scores = true }

TestFeeds = {}

--- A loss on rewards, with `count` responses a prompt.
local function rewarded(count)
  return align.loss.define {
    name = "rewarded", per = "row", source = { name = "groups", responses = count },
    reads = { "logps", "reward" },
    loss = function(batch) return -batch.reward * batch:sums "logps" end,
  } {}
end

function TestFeeds:test_a_loss_on_rewards_reads_groups_of_as_many_responses_as_a_batch_of_pairs_has()
  local stage = scored
  lu.assertEquals(stage.proxy.name, "reward model")
  for count, groups in pairs { [4] = 4, [1] = 16 } do
    local run = { batch = 8, seed = 1, loss = rewarded(count) }
    local batch = stage:online(run):batch(1, stage.start, "start", stage.start)
    lu.assertEquals({ #batch, #batch:units() }, { 16, groups })
    lu.assertEquals(batch.reward:totable(), align.judge.scores(stage.proxy, batch.rows))
    local offline = stage:offline(run)
    batch = offline:batch(1)
    lu.assertEquals({ #batch, #batch:units() }, { 16, groups })
    lu.assertNotNil(batch.old_logps)
    local exactly, given = align.judge.gold(stage.task):score(batch.rows), batch.reward:totable()
    for i, score in ipairs(exactly) do support.close(given[i], score, 1e-6) end
    lu.assertEquals({ offline:labels(1), offline:labels(99) }, { 16, 32 }, "as many labels as golden pairs")
  end
end

function TestFeeds:test_a_loss_on_the_best_responses_reads_the_best_of_each_group_offline()
  local batch = scored:offline({ batch = 8, seed = 1, loss = align.loss.expert_iteration {} }):batch(1)
  for i, reward in ipairs(batch.reward:totable()) do
    lu.assertEquals(reward, math.max(table.unpack(batch.reference_rewards[i])))
  end
end

function TestFeeds:test_losses_on_pairs_keep_the_preference_model()
  local stage = made()
  local run = { batch = 8, seed = 1, loss = align.loss.dpo {} }
  lu.assertEquals(stage.proxy.name, "preference model")
  lu.assertTrue(stage:online(run):batch(1, stage.start, "start", stage.start):has_pairs())
  lu.assertEquals(#stage:offline(run):batch(1), 8)
  lu.assertStrContains(support.message(experiment.stage, { scores = true, proxy = "preference", pairs = 32 }),
    "proxy: a preference model gives no scores")
end

function TestFeeds:test_a_loss_may_have_a_counterpart_and_a_teacher()
  local stage = made()
  local plain = align.loss.ipo { beta = 0.3 }
  lu.assertIs(settings.offline(plain, 0.3), plain)
  local explorer = align.loss.define {
    name = "explorer", offline = "ipo", teacher = true, loss = function(pair) return pair.chosen end,
  } {}
  local instead = settings.offline(explorer, 0.3)
  lu.assertEquals({ instead.name, instead.options.beta }, { "ipo", 0.3 })
  lu.assertIs(stage:reference(explorer), stage.golden)
  lu.assertIs(stage:reference(plain), stage.start)
end

--- One step of every loss on its own source, and of what stands for it offline, with its default options.
function TestFeeds:test_every_loss_is_reached_online_and_offline()
  for _, name in ipairs(align.loss.names()) do
    local setting = settings.list({ loss = name, lr = "1e-3", beta = "" })[1]
    for _, way in ipairs { "online", "offline" } do
      local loss = way == "online" and setting.loss or setting.offline
      local run = { batch = 8, seed = 1, loss = loss, setting = setting }
      local ok, trained = pcall(align.train, {
        policy = scored.start:clone(), reference = scored:reference(loss), source = scored[way](scored, run),
        loss = loss, steps = 1, lr = 1e-3, quiet = true, instruments = false,
      })
      lu.assertTrue(ok, ("%s %s: %s"):format(way, name, tostring(trained)))
      lu.assertNotEquals(trained.policy:hash(), scored.start:hash(), way .. " " .. name)
    end
  end
end

os.exit(lu.LuaUnit.run())
