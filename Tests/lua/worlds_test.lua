--- Worlds: closed forms against stationarity, finite differences, sums written out, and sampled estimates.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local align = require "perilune.align"
local tensor = require "perilune.tensor"
local worlds = require "perilune.worlds"
local exact = worlds.exact
local loss = align.loss

--- A policy of a world of single tokens with the given log-probabilities, [prompts, answers].
local function at(world, logps)
  local policy = world:policy()
  tensor.no_grad(function() policy:parameters()[1]:copy_(logps) end)
  return policy
end

local function norm(gradients)
  local sum = 0
  for _, g in ipairs(gradients) do sum = sum + g:square():sum():item() end
  return math.sqrt(sum)
end

TestWorlds = {}

function TestWorlds:test_the_reference_writes_the_answers_of_every_world_and_no_others()
  for _, name in ipairs { "bandit", "tabular", "strings", "linear", "cyclic" } do
    local world = worlds[name] {}
    for _, mass in ipairs(world:logps(world.reference):exp():sum(2):totable()) do
      support.close(mass, 1, 1e-12, name)
    end
    local drawn = world.reference:sample(world.prompts,
      { count = 50, max_new_tokens = world.max_response, stop = world.stop })
    for i, response in ipairs(drawn:responses()) do
      local x, y = world:place(drawn:prompt(i), response)
      lu.assertTrue(x ~= nil and y ~= nil, name)
    end
  end
end

--- The number of strings: sum of a^k for k < n that end, and a^n that do not.
function TestWorlds:test_strings_are_all_strings_up_to_their_length()
  for _, size in ipairs { { 2, 3, 15 }, { 3, 2, 13 }, { 1, 4, 5 }, { 3, 3, 40 } } do
    local world = worlds.strings { prompts = 1, alphabet = size[1], length = size[2] }
    lu.assertEquals(#world.answers, size[3])
  end
end

function TestWorlds:test_rewards_of_strings_are_sums_over_neighbours()
  local world = worlds.strings { prompts = 2, alphabet = 2, length = 3, seed = 4 }
  local function reward(x, ...)
    local _, y = world:place(world.prompts[x], { ... })
    return world.reward_list[x][y]
  end
  -- Two strings that differ in their first letter alone: b(p, 0) + b(0, 1) against b(p, 1) + b(1, 1).
  local first, second = reward(1, 0, 1, 2) - reward(1, 1, 1, 2), reward(1, 0, 1, 0) - reward(1, 1, 1, 0)
  support.close(first, second, 1e-12)
  -- One more letter 1 adds b(1, 1), wherever it stands.
  support.close(reward(2, 1, 1, 2) - reward(2, 1, 2), reward(1, 1, 1, 2) - reward(1, 1, 2), 1e-12)
end

TestOptima = {}

--- pi* is where the gradient of the expected loss is 0.
function TestOptima:test_the_gradient_of_a_loss_is_zero_at_its_optimum()
  local world = worlds.tabular { prompts = 3, answers = 6, seed = 2 }
  local offline, online = world:population(), world:population { writer = "policy" }
  local cases = {
    { "offline ipo", loss.ipo { beta = 0.3 }, offline, { of = "ipo", beta = 0.3 } },
    { "online ipo", loss.ipo { beta = 0.3 }, online, { of = "equilibrium", beta = 0.3 } },
    { "offline dpo", loss.dpo { beta = 0.3 }, offline, { of = "reward", beta = 0.3 } },
    { "online dpo", loss.dpo { beta = 0.3 }, online, { of = "reward", beta = 0.3 } },
    { "bo2", loss.bo2 {}, offline, { of = "bo2" } },
  }
  for _, case in ipairs(cases) do
    local name, bound, source, of = table.unpack(case)
    local optimum = world:optimum(of)
    support.close(optimum:exp():sum():item(), 3, 1e-12, name)
    lu.assertTrue(norm(world:gradient(bound, at(world, optimum), source)) < 1e-9, name)
    lu.assertTrue(norm(world:gradient(bound, world:policy(), source)) > 1e-3, name)
  end
end

--- Where data covers a part of the answers, offline IPO has a family of minima: each gives the answers that
-- are covered the shares pi_ref exp(p(y > mu) / beta) among themselves.
function TestOptima:test_the_offline_optimum_is_determined_on_covered_answers_only()
  local world = worlds.bandit { answers = 8, support = 0.5, seed = 3 }
  lu.assertEquals(world.covered:sum():item(), 4)
  local optimum = world:optimum { of = "ipo", beta = 0.5 }
  for _, lifted in ipairs { -2, 0, 3 } do
    local policy = at(world, optimum + (1 - world.covered) * lifted)
    lu.assertTrue(norm(world:gradient(loss.ipo { beta = 0.5 }, policy, world:population())) < 1e-9)
  end
  local other = at(world, optimum + world.covered * tensor.arange(8):to "f64")
  lu.assertTrue(norm(world:gradient(loss.ipo { beta = 0.5 }, other, world:population())) > 1e-3)
end

function TestOptima:test_the_population_gradient_is_that_of_finite_differences()
  local world = worlds.strings { prompts = 1, alphabet = 2, length = 2, seed = 6 }
  for name, bound in pairs { ipo = loss.ipo { beta = 0.4 }, dpo = loss.dpo { beta = 0.4 } } do
    local policy = world:policy()
    tensor.no_grad(function() policy:parameters()[1]:mul_(-1.5) end)
    local gradient = world:gradient(bound, policy, world:population())[1]:flatten():totable()
    local weight = policy:parameters()[1]
    local step, columns = 1e-5, weight:size(2)
    local function value(i, change)
      local moved = policy:clone()
      tensor.no_grad(function()
        local row = moved:parameters()[1]:narrow(1, (i - 1) // columns + 1, 1)
        row:narrow(2, (i - 1) % columns + 1, 1):add_(change)
      end)
      local _, found = world:gradient(bound, moved, world:population())
      return found
    end
    for i, g in ipairs(gradient) do
      support.close(g, (value(i, step) - value(i, -step)) / (2 * step), 1e-7, name)
    end
  end
end

--- log 2 - 1/2 is the limit for many answers. For K equally likely ones the sum is written out.
function TestOptima:test_the_best_of_two_is_0_193_nats_from_mu()
  for _, k in ipairs { 16, 256 } do
    local world = worlds.bandit { answers = k, spread = 0, preference = "strict" }
    local sum = 0
    for i = 1, k do
      local p = (2 * i - 1) / k ^ 2
      sum = sum + p * math.log(p * k)
    end
    support.close(world:kl(world:optimum { of = "bo2" }, world:data()), sum, 1e-12)
  end
  local world = worlds.bandit { answers = 256, spread = 0, preference = "strict" }
  support.close(world:kl(world:optimum { of = "bo2" }, world:data()), math.log(2) - 0.5, 1e-4)
  local apart = world:optimum { of = "bo2" } - world:optimum { of = "best_of_n", n = 2 }
  lu.assertTrue(apart:abs():amax():item() < 1e-9, "the best of two is the best of n = 2")
end

--- log n - (n - 1) / n bounds the KL, n / (n + 1) the win rate, and both are the limits for many answers.
function TestOptima:test_the_kl_of_best_of_n_is_below_its_bound()
  for _, n in ipairs { 2, 4, 16, 64 } do
    local bound = math.log(n) - (n - 1) / n
    local few = worlds.bandit { answers = 12, seed = 5 }
    local many = worlds.bandit { answers = 2048, spread = 0 }
    local kl = few:kl(few:optimum { of = "best_of_n", n = n }, few.reference)
    lu.assertTrue(kl > 0 and kl <= bound, ("n = %d: %.4f above %.4f"):format(n, kl, bound))
    local limit = many:kl(many:optimum { of = "best_of_n", n = n }, many.reference)
    lu.assertTrue(limit <= bound)
    local strict = worlds.bandit { answers = 256, spread = 0, preference = "strict" }
    local wins = strict:win_rate(strict:optimum { of = "best_of_n", n = n }, strict.reference)
    lu.assertTrue(wins <= n / (n + 1) + 1e-12)
    support.close(wins, n / (n + 1), 2e-3, "win rate")
    support.close(limit, bound, 2e-3, ("n = %d"):format(n))
  end
end

function TestOptima:test_equal_rewards_share_the_mass_of_best_of_n_as_in_the_reference()
  local world = worlds.bandit { answers = 3, rewards = { 1, 1, 0 }, reference = { 0.2, 0.4, 0.4 } }
  local best = world:optimum { of = "best_of_n", n = 3 }:exp():totable()[1]
  support.close(best[3], 0.4 ^ 3, 1e-12)
  support.close(best[1], (1 - 0.4 ^ 3) / 3, 1e-12)
end

TestIdentities = {}

--- Calandriello et al. 2024, arXiv:2403.08635: the gradient of online IPO is that of self-play,
-- -(4 / beta) grad [ E p(y > sg pi) - beta KL(pi || pi_ref) ], here written out for a softmax.
function TestIdentities:test_the_online_ipo_gradient_is_that_of_self_play()
  local beta = 0.7
  for _, world in ipairs {
    worlds.bandit { answers = 5, seed = 8 }, worlds.cyclic { mixtures = 3, spread = 1 },
  } do
    local count = #world.answers
    local policy = at(world, tensor({ { 0.3, -1, 0.8, 0.1, -0.4, 0.6 } }, "f64"):narrow(2, 1, count))
    local logps = world:logps(policy)
    local pi, own = logps:exp():totable()[1], logps:totable()[1]
    local reference, p = world:logps(world.reference):totable()[1], world.preference:totable()[1]
    local slopes = {}
    for y = 1, count do
      local against = 0
      for z = 1, count do against = against + pi[z] * p[y][z] end
      slopes[y] = own[y] - reference[y] - against / beta
    end
    local gradient = world:gradient(loss.ipo { beta = beta }, policy, world:population { writer = "policy" })
    for k, found in ipairs(gradient[1]:totable()[1]) do
      local sum = 0
      for y = 1, count do sum = sum + 4 * pi[y] * slopes[y] * ((y == k and 1 or 0) - pi[k]) end
      support.close(found, sum, 1e-9, world.name)
    end
  end
end

--- The gradient of Nash-MD is that of -E p(y > sg pi_m) + beta KL(pi || pi_ref), pi_m the mixture.
function TestIdentities:test_the_gradient_of_nash_md_is_that_of_play_against_the_mixture()
  local world, beta, m = worlds.cyclic { spread = 1, seed = 3 }, 0.3, 0.4
  local policy = at(world, tensor({ { 0.5, -0.2, 0.4 } }, "f64"))
  local logps, reference = world:logps(policy), world:logps(world.reference)
  local against = world:against(((1 - m) * logps + m * reference):log_softmax(2)):totable()[1]
  local pi, ratio = logps:exp():totable()[1], (logps - reference):totable()[1]
  local source = world:population { writer = "policy", second = "mixture", weight = m }
  for k, found in ipairs(world:gradient(loss.nash_md { beta = beta }, policy, source)[1]:totable()[1]) do
    local sum = 0
    for y = 1, 3 do sum = sum + pi[y] * (beta * ratio[y] - against[y]) * ((y == k and 1 or 0) - pi[k]) end
    support.close(found, sum, 1e-9)
  end
end

--- Offline the same loss has another gradient: the weights of the pairs are those of mu.
function TestIdentities:test_online_and_offline_ipo_agree_where_the_policy_is_mu()
  local world = worlds.bandit { answers = 6, seed = 1 }
  local function both(policy)
    local bound = loss.ipo { beta = 0.5 }
    return world:gradient(bound, policy, world:population())[1],
      world:gradient(bound, policy, world:population { writer = "policy" })[1]
  end
  local offline, online = both(world:policy())
  lu.assertTrue((offline - online):abs():amax():item() < 1e-12)
  offline, online = both(at(world, world:optimum { of = "ipo", beta = 0.2 }))
  lu.assertTrue((offline - online):abs():amax():item() > 1e-2)
end

--- J(pi*) - J(pi) = beta KL(pi || pi*): the regret of reward maximisation is a distance.
function TestIdentities:test_regret_is_beta_times_the_kl_from_the_optimum()
  local world = worlds.strings { seed = 2 }
  local optimum = world:optimum { of = "reward", beta = 0.6 }
  local regret = world:value(optimum, 0.6) - world:value(world.reference, 0.6)
  support.close(regret, 0.6 * world:kl(world.reference, optimum), 1e-12)
end

TestCycles = {}

function TestCycles:test_nothing_beats_the_nash_equilibrium()
  for _, margins in ipairs { { 0.4, 0.2, 0.3 }, { 0.1, 0.5, 0.25 }, { 0.3, 0.3, 0.3 } } do
    local world = worlds.cyclic { margins = margins, mixtures = 4 }
    support.close(world:exploitability(world.nash), 0, 1e-12)
  end
end

function TestCycles:test_the_regularised_equilibrium_tends_to_the_nash_equilibrium()
  local world, last = worlds.cyclic { spread = 1, seed = 3 }, 1
  for _, beta in ipairs { 0.1, 0.01, 0.001 } do
    local distance = world:total_variation(world:optimum { of = "equilibrium", beta = beta }, world.nash)
    lu.assertTrue(distance < 0.5 * last, ("beta %g: %.4f"):format(beta, distance))
    last = distance
  end
  lu.assertTrue(last < 0.02)
end

--- The fit satisfies the equations of maximum likelihood, written out; its optimum at small beta is one
-- answer, which another beats with its whole margin.
function TestCycles:test_bradley_terry_rewards_lead_to_an_answer_that_loses()
  local world = worlds.cyclic { spread = 1, seed = 3 }
  local mu = world:data()
  local reward = exact.bradley_terry(world.preference, mu)
  local r, m, p = reward:totable()[1], mu:exp():totable()[1], world.preference:totable()[1]
  for y = 1, 3 do
    local sum = 0
    for z = 1, 3 do sum = sum + m[y] * m[z] * (p[y][z] - 1 / (1 + math.exp(r[z] - r[y]))) end
    support.close(sum, 0, 1e-12)
  end
  local greedy = exact.tilted(world:logps(world.reference), reward, 0.01)
  lu.assertTrue(world:exploitability(greedy) > 0.15)
  lu.assertTrue(world:exploitability(world:optimum { of = "equilibrium", beta = 0.01 }) < 0.02)
end

function TestCycles:test_bradley_terry_preferences_give_back_their_rewards()
  local world = worlds.tabular { prompts = 2, answers = 5, seed = 9 }
  local reward = exact.bradley_terry(world.preference, world:data())
  local apart = reward - (world.reward - world.reward:mean(2, true))
  lu.assertTrue(apart:abs():amax():item() < 1e-9)
end

--- Of two answers that data covers, the difference of the rewards is found; of the others nothing is known.
function TestCycles:test_bradley_terry_of_covered_answers_alone()
  local world = worlds.bandit { answers = 4, support = 0.5, seed = 1 }
  local fitted = exact.bradley_terry(world.preference, world:data()):totable()[1]
  local reward = world.reward:totable()[1]
  support.close(fitted[1] - fitted[3], reward[1] - reward[3], 1e-9)
  support.close(fitted[2], 0, 1e-9)
  support.close(fitted[4], 0, 1e-9)
end

TestDraws = {}

function TestDraws:test_drawn_labels_have_the_probability_of_the_world()
  local world = worlds.bandit { answers = 2, rewards = { 0, 1 } }
  local dataset = world:pairs { count = 4000, seed = 7 }
  local chosen, total = 0, 0
  for _, pair in ipairs(dataset:list()) do
    if pair.chosen[1] ~= pair.rejected[1] then chosen, total = chosen + pair.chosen[1], total + 1 end
  end
  local p = 1 / (1 + math.exp(-1))
  lu.assertTrue(math.abs(chosen / total - p) < 4 * math.sqrt(p * (1 - p) / total))
end

function TestDraws:test_data_holds_covered_answers_only_and_all_of_them()
  local world = worlds.tabular { prompts = 3, answers = 8, support = 0.5, seed = 4 }
  local seen, mask, count = {}, world.covered:totable(), 0
  for _, pair in ipairs(world:pairs { count = 1500 }:list()) do
    for _, side in ipairs { "chosen", "rejected" } do
      local x, y = world:place(pair.prompt, pair[side])
      lu.assertEquals(mask[x][y], 1)
      if not seen[x * 8 + y] then seen[x * 8 + y], count = true, count + 1 end
    end
  end
  lu.assertEquals(count, 12)
  support.close(world:unseen(world:data()), 0, 1e-12)
end

--- Estimates from samples of a Model and of a table against the sums over all answers: within 4 standard
-- errors.
function TestDraws:test_sampled_estimates_agree_with_the_sums()
  local world = worlds.strings { prompts = 2, alphabet = 2, length = 3, spread = 1 }
  local model = world:transformer { dim = 16, layers = 1, heads = 2, seed = 3 }
  local prompts = {}
  for i = 1, 800 do prompts[i] = world.prompts[i % 2 + 1] end
  local how = { task = world, prompts = prompts }
  local kl = align.evaluate.kl(model, world.reference, how)
  lu.assertTrue(math.abs(kl.mean - world:kl(model, world.reference)) < 4 * kl.se)
  local against = align.evaluate.baseline(world.reference, how)
  how.against, how.judge = against, world:judge { labels = "drawn" }
  local win = align.evaluate.win_rate(model, how)
  lu.assertTrue(math.abs(win.mean - world:win_rate(model, world.reference)) < 4 * win.se)
end

function TestDraws:test_a_mixture_of_single_tokens_is_the_geometric_mean()
  local world = worlds.bandit { answers = 4, seed = 2 }
  local policy = at(world, tensor({ { 1, 0, -1, 0.5 } }, "f64"))
  local expected = (0.7 * world:logps(policy) + 0.3 * world:logps(world.reference)):log_softmax(2)
  lu.assertTrue((world:mixed(policy, world.reference, 0.3) - expected):abs():amax():item() < 1e-6)
end

TestRefusals = {}

function TestRefusals:test_what_is_no_world_is_refused()
  local coin = align.policy.table { contexts = { { 0 } }, vocab = 2 }
  local function make(more)
    local given = {
      name = "x", prompts = { { 0 } }, answers = { { 0 }, { 1 } }, reference = coin, max_response = 1,
    }
    for name, value in pairs(more) do given[name] = value end
    return worlds.world(given)
  end
  lu.assertStrContains(support.message(make, {}), "worlds.x: needs a reward or preferences")
  lu.assertStrContains(support.message(make, { reward = tensor { 1, 2 } }), "reward must be [1, 2], not [2]")
  lu.assertStrContains(support.message(make, { preference = tensor { { { 0.5, 0.8 }, { 0.1, 0.5 } } } }),
    "p(y > y') + p(y' > y) must be 1, and is off by 0.1")
  local world = make { preference = tensor { { { 0.5, 0.8 }, { 0.2, 0.5 } } } }
  lu.assertStrContains(support.message(world.optimum, world, { of = "reward" }), "needs a reward")
  lu.assertStrContains(support.message(world.value, world, coin, 1), "worlds.x: no reward")
  local unknown = { loss = loss.slic {}, source = world:population() }
  lu.assertStrContains(support.message(world.check, world, unknown),
    "the optimum of loss 'slic' is not known: give `optimum`")
end

os.exit(lu.LuaUnit.run())
