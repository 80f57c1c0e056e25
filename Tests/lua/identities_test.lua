--- What Tang et al. 2024 (arXiv:2405.08448) and their neighbours prove about the losses, on policies that are
-- tables.
--
-- A policy is softmax(theta) over K answers in f64; expectations run over all K^2 pairs, so nothing here is
-- sampled. P[i][j] is the chance that answer i is preferred to j: any matrix with P + P' = 1, cycles and all,
-- unless it says Bradley-Terry.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local tensor = require "perilune.tensor"
local system = require "perilune.system"
local loss = require "perilune.align.loss"

local K = 6

local function f64(list, grad) return tensor(list, { dtype = "f64", requires_grad = grad or false }) end

--- Numbers in (-1, 1), the same for the same seed and name.
local function numbers(count, seed, name)
  local list = {}
  for i = 1, count do list[i] = 2 * system.uniform(seed, name, i) - 1 end
  return list
end

local function any_preference(seed)
  local P, draws = {}, numbers(K * K, seed, "preference")
  for i = 1, K do P[i] = {} end
  for i = 1, K do
    P[i][i] = 0.5
    for j = i + 1, K do
      P[i][j] = (1 + draws[(i - 1) * K + j]) / 2
      P[j][i] = 1 - P[i][j]
    end
  end
  return f64(P)
end

local function bradley_terry(scores)
  local s = f64(scores)
  return (s:unsqueeze(2) - s:unsqueeze(1)):sigmoid()
end

--- p(y_i > mu): how often each answer beats one drawn from mu.
local function beats(P, mu) return P:matmul(mu) end

--- The exact expectation of a loss over pairs drawn twice from `mu` and ordered by P: (i, j) is (chosen,
-- rejected) with chance 2 mu_i mu_j P_ij, as either of the two may have been drawn first.
local function expected(bound, logp, ref, mu, P)
  local k = mu:numel()
  local first, second = {}, {}
  for i = 1, k do
    for j = 1, k do first[#first + 1], second[#second + 1] = i, j end
  end
  local function pick(x, places) return x:index_select(1, tensor(places, { dtype = "i64" })) end
  local pairs_of = {
    chosen = pick(logp, first), rejected = pick(logp, second), ref_chosen = pick(ref, first),
    ref_rejected = pick(ref, second),
  }
  local weight = 2 * mu:unsqueeze(2) * mu:unsqueeze(1) * P
  return (weight:reshape { k * k } * bound(pairs_of)):sum()
end

--- The gradient in theta of f(log-probabilities), a list.
local function gradient(theta, f)
  local leaf = f64(theta, true)
  f(leaf:log_softmax(1)):backward()
  return leaf:grad():totable()
end

local function dot(a, b)
  local sum = 0.0
  for i, x in ipairs(a) do sum = sum + x * b[i] end
  return sum
end

local function cosine(a, b) return dot(a, b) / math.sqrt(dot(a, a) * dot(b, b)) end

local function assert_close(got, wanted, scale, tolerance, message)
  lu.assertEquals(#got, #wanted)
  for i, x in ipairs(got) do
    support.close(x, scale * wanted[i], tolerance, ("%s, element %d"):format(message, i))
  end
end

--- A policy, its reference and a preference, for a seed.
local function setting(seed)
  return numbers(K, seed, "theta"), f64(numbers(K, seed, "reference")):log_softmax(1), any_preference(seed)
end

--- Gradient descent on a loss of log-probabilities from `start`; the last log-probabilities.
local function descend(start, rate, steps, f)
  local theta = f64(start)
  for _ = 1, steps do theta = theta - rate * f64(gradient(theta:totable(), f)) end
  return theta:log_softmax(1)
end

--- p(pi > sg(pi)) - beta KL(pi || pi_ref): what self-play with a KL penalty climbs.
local function self_play(logp, ref, P, beta)
  local pi = logp:exp()
  return (pi * beats(P, pi:detach())):sum() - beta * (pi * (logp - ref)):sum()
end

TestOnline = {}

function TestOnline:test_the_gradient_of_ipo_is_that_of_self_play_with_a_KL_penalty()
  for seed = 1, 8 do
    for _, beta in ipairs { 0.1, 1 } do
      local theta, ref, P = setting(seed)
      local wanted = gradient(theta, function(logp) return self_play(logp, ref, P, beta) end)
      for scale, factor in pairs { tang = -4 * beta, azar = -4 / beta } do
        local ipo = loss.ipo { beta = beta, scale = scale }
        local got = gradient(theta,
          function(logp) return expected(ipo, logp, ref, logp:detach():exp(), P) end)
        assert_close(got, wanted, factor, 1e-9, ("%s, beta %g, seed %d"):format(scale, beta, seed))
      end
    end
  end
end

function TestOnline:test_the_gradient_of_dpo_is_another()
  local least, most = 1, -1
  for seed = 1, 8 do
    local theta, ref, P = setting(seed)
    local climbs = gradient(theta, function(logp) return -self_play(logp, ref, P, 1) end)
    local got = gradient(theta,
      function(logp) return expected(loss.dpo { beta = 1 }, logp, ref, logp:detach():exp(), P) end)
    local alike = cosine(got, climbs)
    least, most = math.min(least, alike), math.max(most, alike)
  end
  lu.assertTrue(least > 0 and least < 0.95 and most < 1 - 1e-6,
    ("cosines from %.4f to %.7f"):format(least, most))
end

function TestOnline:test_the_gradient_of_bo2_is_that_of_twice_the_win_rate()
  for seed = 1, 8 do
    local theta, ref, P = setting(seed)
    local wanted = gradient(theta, function(logp) return 2 * self_play(logp, ref, P, 0) end)
    local got = gradient(theta,
      function(logp) return expected(loss.bo2 {}, logp, ref, logp:detach():exp(), P) end)
    assert_close(got, wanted, -1, 1e-9, ("seed %d"):format(seed))
  end
end

TestOffline = {}

function TestOffline:test_ipo_ends_at_the_tilted_reference()
  for seed = 1, 4 do
    for _, beta in ipairs { 0.1, 0.5 } do
      local _, ref, P = setting(seed)
      local mu, ipo = ref:exp(), loss.ipo { beta = beta }
      local found = descend(ref:totable(), 0.5, 400,
        function(logp) return expected(ipo, logp, ref, mu, P) end)
      local wanted = (ref + beats(P, mu) / beta):log_softmax(1):totable()
      assert_close(found:totable(), wanted, 1, 1e-6, ("beta %g, seed %d"):format(beta, seed))
    end
  end
end

function TestOffline:test_ipo_s_end_orders_all_pairs_rightly_under_bradley_terry()
  for seed = 1, 4 do
    local scores = numbers(K, seed, "scores")
    local P, ref = bradley_terry(scores), f64(numbers(K, seed, "reference")):log_softmax(1)
    local ipo = loss.ipo { beta = 0.1 }
    local found = descend(ref:totable(), 0.5, 400,
      function(logp) return expected(ipo, logp, ref, ref:exp(), P) end)
    local h = (found - ref):totable()
    for i = 1, K do
      for j = 1, K do
        if i ~= j then
          lu.assertEquals(h[i] > h[j], scores[i] > scores[j], ("seed %d, pair %d, %d"):format(seed, i, j))
        end
      end
    end
  end
end

--- 2 mu(y) p(y > mu); with p counting the answer itself as half a win it sums to 1.
local function best_of_two(mu, P) return 2 * mu * beats(P, mu) end

local function divergence(q, mu) return (q * (q:log() - mu:log())):sum():item() end

function TestOffline:test_bo2_ends_at_the_best_of_two()
  for seed = 1, 4 do
    local _, ref, P = setting(seed)
    local mu = ref:exp()
    local wanted = best_of_two(mu, P)
    support.close(wanted:sum():item(), 1, 1e-12, "mass")
    local found = descend(ref:totable(), 2, 1500,
      function(logp) return expected(loss.bo2 {}, logp, ref, mu, P) end)
    assert_close(found:totable(), wanted:log():totable(), 1, 1e-6, ("seed %d"):format(seed))
  end
end

function TestOffline:test_the_best_of_two_is_at_most_log_2_less_a_half_from_its_source()
  local bound = math.log(2) - 0.5
  for seed = 1, 50 do
    local _, ref, P = setting(seed)
    local kl = divergence(best_of_two(ref:exp(), P), ref:exp())
    lu.assertTrue(kl >= 0 and kl <= bound, ("seed %d: KL %.4f"):format(seed, kl))
  end
  -- A strict order of 100 equally likely answers nearly gets there.
  local scores = {}
  for i = 1, 100 do scores[i] = 1000 * i end
  local mu = tensor.full({ 100 }, 0.01, { dtype = "f64" })
  local kl = divergence(best_of_two(mu, bradley_terry(scores)), mu)
  lu.assertTrue(kl <= bound and kl > bound - 1e-3, ("KL %.5f"):format(kl))
end

TestScales = {}

function TestScales:test_azar_is_tang_over_beta_squared()
  for _, beta in ipairs { 0.1, 0.5, 2 } do
    local theta, ref, P = setting(1)
    local values, gradients = {}, {}
    for _, scale in ipairs { "azar", "tang" } do
      local ipo = loss.ipo { beta = beta, scale = scale }
      gradients[scale] = gradient(theta, function(logp)
        local value = expected(ipo, logp, ref, ref:exp(), P)
        values[scale] = value:item()
        return value
      end)
    end
    support.close(values.azar, values.tang / beta ^ 2, 1e-12, "loss")
    assert_close(gradients.azar, gradients.tang, 1 / beta ^ 2, 1e-12, "gradient")
  end
end

--- Xu et al. 2024, arXiv:2404.10719, table 1: the data know y1 > y2 only, and the reference never gives y3.
TestSupport = {}

local reference = f64 { 0.5, 0.5, 0 }:log():maximum(-30):log_softmax(1)
local first_beats_all = f64 { { 0.5, 1, 1 }, { 0, 0.5, 0.5 }, { 0, 0.5, 0.5 } }
local data = f64 { 0.5, 0.5, 0 }

function TestSupport:test_offline_dpo_does_not_see_what_the_data_lack()
  local dpo = loss.dpo { beta = 0.1 }
  local function at(policy)
    return expected(dpo, f64(policy):log(), reference, data, first_beats_all):item()
  end
  support.close(at { 0.1, 0.001, 0.899 }, at { 100 / 101, 1 / 101, 1e-300 }, 1e-12, "loss")
  local got = gradient({ math.log(0.1), math.log(0.001), math.log(0.899) }, function(logp)
    return expected(dpo, logp, reference, data, first_beats_all)
  end)
  support.close(got[3], 0, 1e-15, "gradient of y3's logit")
end

function TestSupport:test_online_ipo_leaves_what_the_reference_never_gives()
  local ipo = loss.ipo { beta = 0.1 }
  local got = gradient({ math.log(0.1), math.log(0.001), math.log(0.899) }, function(logp)
    return expected(ipo, logp, reference, logp:detach():exp(), first_beats_all)
  end)
  lu.assertTrue(got[3] > 1 and got[1] < -1, "a descent lowers y3 and raises y1")
end

os.exit(lu.LuaUnit.run())
