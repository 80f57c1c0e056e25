--- Training in worlds reaches, or misses, the optimum that theory says.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local align = require "perilune.align"
local models = require "perilune.models"
local tensor = require "perilune.tensor"
local worlds = require "perilune.worlds"
local loss, sources = align.loss, align.sources

--- The policy and last distances of training without noise.
local function trained(world, bound, given)
  local settings = { loss = bound, source = world:population(), steps = 400, lr = 0.05, decay = "linear" }
  local check = { quiet = true, evaluate_every = 10000 }
  for name, value in pairs(given or {}) do
    if name == "optimum" or name == "beta" then check[name] = value else settings[name] = value end
  end
  local points, policy = world:check(settings, check)
  return points[#points], policy, points
end

local function sampling(world, more)
  local how = { task = world, prompts = {} }
  for i = 1, 64 do how.prompts[i] = world.prompts[(i - 1) % #world.prompts + 1] end
  for name, value in pairs(more) do how[name] = value end
  return how
end

local function below(value, bound, what)
  lu.assertTrue(value < bound, ("%s: %.6f is not below %g"):format(what, value, bound))
end

local function above(value, bound, what)
  lu.assertTrue(value > bound, ("%s: %.6f is not above %g"):format(what, value, bound))
end

TestFullSupport = {}

function TestFullSupport:test_offline_ipo_reaches_its_optimum_in_every_world_with_a_full_policy()
  for _, world in ipairs {
    worlds.bandit { seed = 1 }, worlds.tabular { seed = 2, prompts = 2 },
    worlds.strings { seed = 3, length = 2 },
  } do
    below(trained(world, loss.ipo { beta = 0.5 }).kl_to_optimum, 1e-6, world.name)
  end
end

function TestFullSupport:test_dpo_reaches_the_same_optimum_online_and_offline()
  local world = worlds.strings { seed = 4, prompts = 1, length = 2 }
  for _, writer in ipairs { "data", "policy" } do
    local last = trained(world, loss.dpo { beta = 1 }, {
      source = world:population { writer = writer }, steps = 800,
    })
    below(last.kl_to_optimum, 5e-4, writer)
  end
end

function TestFullSupport:test_online_ipo_reaches_the_equilibrium()
  local world = worlds.bandit { seed = 1 }
  local last, policy = trained(world, loss.ipo { beta = 0.3 }, {
    source = world:population { writer = "policy" }, steps = 600,
  })
  below(last.kl_to_optimum, 1e-6, "equilibrium")
  above(world:kl(policy, world:optimum { of = "ipo", beta = 0.3 }), 1e-4, "the offline optimum is another")
end

function TestFullSupport:test_sampled_data_comes_near_the_optimum_and_more_data_nearer()
  local world, found = worlds.bandit { seed = 1 }, {}
  for i, count in ipairs { 128, 4096 } do
    local source = sources.offline(world:pairs { count = count, seed = 3 }, { batch = 128 })
    found[i] = trained(world, loss.ipo { beta = 0.5 }, { source = source }).kl_to_optimum
  end
  below(found[2], 0.005, "4096 pairs")
  below(found[2], found[1], "more pairs")
end

--- log 2 - 1/2 = 0.193 nats, less what 32 answers are short of many.
function TestFullSupport:test_bo2_moves_0_193_nats_and_stays_there()
  local world = worlds.bandit { answers = 32, spread = 0, preference = "strict" }
  for _, steps in ipairs { 300, 600 } do
    local last = trained(world, loss.bo2 {}, { steps = steps })
    lu.assertAlmostEquals(last.kl, math.log(2) - 0.5, 3e-3)
    below(last.kl_to_optimum, 5e-4, "bo2")
  end
end

function TestFullSupport:test_a_transformer_comes_near_the_optimum_of_strings()
  local world = worlds.strings { prompts = 1, alphabet = 2, length = 2, seed = 5 }
  world = world:from(world:transformer { dim = 16, layers = 1, heads = 2, seed = 2 })
  local last, _, points = trained(world, loss.ipo { beta = 1 }, { steps = 200, lr = 1e-2 })
  below(last.kl_to_optimum, 1e-3 * points[1].kl_to_optimum, "transformer")
end

--- Sampled answers and rewards, at a rate that falls: near the optimum of the regularised reward.
function TestFullSupport:test_rloo_and_ppo_come_near_the_optimum_of_the_regularised_reward()
  local world = worlds.bandit { seed = 1 }
  for name, bound in pairs { rloo = loss.rloo { beta = 0.5 }, ppo = loss.ppo { kl_coef = 0.5 } } do
    local responses = name == "rloo" and 4 or 1
    local source = sources.groups(sampling(world, {
      responses = responses, batch = 64 // responses, seed = 5, reward = world:judge(),
    }))
    local _, _, points = trained(world, bound, { source = source, steps = 300 })
    below(points[#points].kl_to_optimum, 0.05, name)
    above(points[1].kl_to_optimum, 1, "the start")
  end
end

--- Where labels are turned with a probability of 0.2, the robust loss has the optimum of true labels, DPO
-- another one.
function TestFullSupport:test_the_robust_loss_reaches_the_optimum_of_true_labels()
  local world, fields = worlds.bandit { seed = 1 }, {}
  for name, value in pairs(world.given) do fields[name] = value end
  fields.preference = 0.8 * world.preference + 0.2 * (1 - world.preference)
  local flipped = worlds.world(fields)
  local given = { steps = 400 }
  local robust = loss.robust { beta = 0.5, label_smoothing = 0.2 }
  below(trained(flipped, robust, given).kl_to_optimum, 0.02, "robust")
  above(trained(flipped, loss.dpo { beta = 0.5 }, given).kl_to_optimum, 0.1, "dpo")
end

TestNash = {}

--- The policy of Nash-MD in a world, from its reference unless given, with further options of align.train.
local function nash_md(world, beta, mixture, given)
  local settings = {
    policy = world:policy(), reference = world.reference, loss = loss.nash_md { beta = beta }, lr = 0.05,
    source = world:population { writer = "policy", second = "mixture", weight = mixture }, decay = "linear",
    quiet = true, instruments = false,
  }
  for name, value in pairs(given) do settings[name] = value end
  align.train(settings)
  return settings.policy
end

function TestNash:test_nash_md_reaches_the_fixed_point_of_its_mixture()
  local world = worlds.cyclic { spread = 1, seed = 3 }
  for _, mixture in ipairs { 0.1, 0.25 } do
    local fixed = world:optimum { of = "equilibrium", beta = 0.1, mixture = mixture }
    below(world:kl(nash_md(world, 0.1, mixture, { steps = 700 }), fixed), 1e-3, "the fixed point")
    above(world:kl(world.reference, fixed), 0.1, "the start")
  end
end

--- Rock, paper, scissors have no Bradley-Terry equilibrium: the optimum of DPO, which assumes one, is beaten
-- by an answer. With a reference that follows the policy, Nash-MD reaches the equilibrium of the preference.
function TestNash:test_nash_md_reaches_the_equilibrium_where_bradley_terry_has_none()
  local world = worlds.cyclic { spread = 1, seed = 3 }
  local policy = nash_md(world, 0.5, 0, {
    steps = 2000, sync_ref_model = true, ref_model_sync_steps = 25, ref_model_mixup_alpha = 1,
  })
  below(world:total_variation(policy, world.nash), 0.005, "the distance from the equilibrium")
  below(world:exploitability(policy), 0.002, "what beats the policy")
  local start = world:exploitability(world.reference)
  above(start, 0.1, "what beats the reference")
  local _, dpo = trained(world, loss.dpo { beta = 0.1 }, { optimum = "equilibrium", steps = 400 })
  above(world:exploitability(dpo), start, "what beats the policy of DPO")
end

--- On pairs of any writer IPO's optimum is pi_ref exp(p(y > writer) / beta): with both answers of the
-- mixture, that of play against the mixture.
function TestNash:test_ipo_md_reaches_the_fixed_point_of_nash_md()
  local world = worlds.cyclic { spread = 1, seed = 3 }
  local source = world:population { writer = "mixture", weight = 0.25 }
  local last, policy = trained(world, loss.ipo_md { beta = 0.2 }, { source = source })
  below(last.kl_to_optimum, 1e-6, "the fixed point")
  above(world:kl(policy, world:optimum { of = "equilibrium", beta = 0.2 }), 1e-3, "that of self-play")
end

--- Sampled: pairs of the policy and its mixture, labels drawn from the preference.
function TestNash:test_nash_md_on_samples_comes_near_its_fixed_point()
  local world = worlds.cyclic { spread = 1, seed = 3 }
  local fixed = world:optimum { of = "equilibrium", beta = 0.2, mixture = 0.25 }
  local policy = nash_md(world, 0.2, 0.25, { steps = 400, lr = 0.03, source = sources.online(sampling(world, {
    judge = world:judge { labels = "drawn", seed = 2 }, batch = 64, second = "mixture", mixture_coef = 0.25,
    seed = 4,
  })) })
  below(world:kl(policy, fixed), 0.02, "the fixed point")
  above(world:kl(world.reference, fixed), 0.05, "the start")
end

--- Against itself, with nothing of the reference in the opponent, at equal margins: a third each.
function TestNash:test_symmetric_cycles_end_at_a_third_each()
  local world = worlds.cyclic { margins = { 0.4, 0.4, 0.4 }, spread = 0 }
  local policy = world:policy()
  tensor.no_grad(function() policy:parameters()[1]:add_(tensor { 1, 0, -1 }) end)
  nash_md(world, 0.2, 0, { policy = policy, steps = 600, lr = 0.02 })
  below(world:total_variation(policy, world.nash), 1e-3, "nash_md")
end

TestSupport = {}

--- Xu et al. 2024, arXiv:2404.10719, table 1: data holds (y1 over y2) alone, and the reference nearly nothing
-- of y3. With features in which y3 lies beyond y1, DPO gives y3 the mass, PPO does not. 1e-12 stands for the
-- 0 of the table.
local function xu()
  return worlds.linear {
    answers = 3, features = { { 0 }, { -1 }, { 2 } }, rewards = { 1, 0, 0 },
    reference = { 0.5, 0.5 - 1e-12, 1e-12 },
  }
end

function TestSupport:test_dpo_gives_mass_to_an_unseen_answer_and_ppo_none()
  local world = xu()
  local seen = sources.offline({ { prompt = { 0 }, chosen = { 0 }, rejected = { 1 } } }, { batch = 1 })
  local _, dpo = trained(world, loss.dpo { beta = 0.1 }, {
    source = seen, steps = 300, lr = 0.2, decay = "constant",
  })
  above(world:logps(dpo):exp():totable()[1][3], 0.9, "DPO's mass on the unseen answer")
  for _, seed in ipairs { 1, 2, 3 } do
    local groups = sources.groups(sampling(world, {
      responses = 1, batch = 64, seed = seed, reward = world:judge(),
    }))
    local _, ppo = trained(world, loss.ppo { kl_coef = 0.1 }, {
      source = groups, steps = 300, lr = 0.05, decay = "constant", epochs = 1,
    })
    local masses = world:logps(ppo):exp():totable()[1]
    above(masses[1], 0.9, "PPO's mass on the better answer")
    below(masses[3], 1e-3, "PPO's mass on the unseen answer")
  end
end

--- The table itself: the loss of DPO does not tell (0.1, 0, 0.9) from (1, 0, 0), the regularised reward does.
function TestSupport:test_the_loss_of_dpo_has_unseen_mass_among_its_minima()
  local world = worlds.bandit { answers = 3, rewards = { 1, 0, 0 }, reference = { 0.5, 0.5 - 1e-12, 1e-12 } }
  local function dpo_loss(masses)
    local policy = worlds.bandit { answers = 3, reference = masses }.reference
    local rows = models.rows({ { 0 }, { 0 } }, { { 0 }, { 1 } })
    local own, reference = policy:logps(rows), world.reference:logps(rows)
    return loss.dpo { beta = 0.1 } {
      chosen = own:narrow(1, 1, 1), rejected = own:narrow(1, 2, 1), ref_chosen = reference:narrow(1, 1, 1),
      ref_rejected = reference:narrow(1, 2, 1),
    }:item()
  end
  local tiny = 1e-300
  below(dpo_loss { 0.1, tiny, 0.9 }, 1e-25, "DPO's loss of its policy")
  below(dpo_loss { 1, tiny, tiny }, 1e-25, "DPO's loss of PPO's policy")
  local function value(masses)
    return world:value(worlds.bandit { answers = 3, reference = masses }.reference, 0.1)
  end
  above(value { 1, tiny, tiny } - value { 0.1, tiny, 0.9 }, 2, "the value of PPO's policy above DPO's")
end

--- Song et al. 2024, arXiv:2406.01462: DPO needs data on all answers of the reference, HyPO on the good ones:
-- its KL on own responses holds the rest where it is.
function TestSupport:test_hypo_bounds_the_kl_where_dpo_does_not()
  local world = xu()
  local pair = { prompt = { 0 }, chosen = { 0 }, rejected = { 1 } }
  local dataset = {}
  for i = 1, 64 do dataset[i] = pair end
  local source = sources.hybrid { task = world, pairs = dataset, batch = 64, seed = 2 }
  local _, hypo = trained(world, loss.hypo { beta = 0.1, kl_coef = 0.1 }, {
    source = source, steps = 300, lr = 0.2, decay = "constant", optimum = "reward", beta = 0.1,
  })
  local _, dpo = trained(world, loss.dpo { beta = 0.1 }, {
    source = sources.offline(dataset, { batch = 64 }), steps = 300, lr = 0.2, decay = "constant",
  })
  above(world:kl(dpo, world.reference), 10, "DPO's KL")
  below(world:kl(hypo, world.reference), 1, "HyPO's KL")
  below(world:logps(hypo):exp():totable()[1][3], 0.03, "HyPO's mass on the unseen answer")
  above(world:logps(hypo):exp():totable()[1][1], 0.6, "HyPO's mass on the better answer")
end

function TestSupport:test_without_support_offline_misses_the_optimum_that_online_reaches()
  local world = worlds.tabular { prompts = 2, seed = 3, support = 0.5 }
  local function distance(writer)
    return trained(world, loss.dpo { beta = 0.5 }, {
      source = world:population { writer = writer }, steps = 400,
    }).kl_to_optimum
  end
  below(distance "policy", 0.02, "online")
  above(distance "data", 0.2, "offline")
end

TestCheck = {}

function TestCheck:test_a_trainer_of_ones_own_is_checked_by_step()
  local world = worlds.bandit { seed = 2 }
  local points = world:check(function(own, policy, measure)
    for step = 1, 3 do
      align.train {
        policy = policy, reference = own.reference, loss = loss.ipo { beta = 1 }, source = own:population(),
        steps = 40, lr = 0.05, quiet = true, instruments = false,
      }
      measure(policy, step)
    end
  end, { quiet = true, optimum = "ipo", beta = 1 })
  lu.assertEquals(#points, 4)
  below(points[4].kl_to_optimum, 0.01 * points[1].kl_to_optimum, "distance")
end

os.exit(lu.LuaUnit.run())
