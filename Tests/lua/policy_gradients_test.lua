--- Losses whose gradient is an estimate: in expectation over all responses it is the gradient of what they
-- are estimates of, which is differentiated here without them.
--
-- The policy is a table of logits: responses of two tokens out of three, nine in all.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local align = require("perilune").align
local tensor = require "perilune.tensor"

local function f64(list) return tensor(list, { dtype = "f64" }) end

-- Logits at the first token, and at the second after each first one, one row after another.
local logits = { 0.3, -0.2, 0.1, 0.5, 0.4, -0.6, -0.1, 0.2, 0.9, 0.0, -0.4, 0.3 }
local other = { -0.5, 0.6, 0.2, 0.1, -0.3, 0.8, 0.4, 0.4, -0.7, 0.2, 0.1, -0.9 }
local rewards = f64 { 1, -0.5, 2, 0, 0.3, -1, 0.7, 1.5, -0.2 }

--- The rows of the table at the tokens of the nine responses, and their token ids.
local contexts, ids, lengths = {}, {}, {}
for a = 1, 3 do
  for b = 1, 3 do
    table.move({ 1, 1 + a }, 1, 2, #contexts + 1, contexts)
    table.move({ a, b }, 1, 2, #ids + 1, ids)
    lengths[#lengths + 1] = 2
  end
end
contexts, ids = tensor(contexts, "i64"), tensor(ids, "i64")

--- Logits [18, 3] and log-probabilities [18] of the tokens of the nine responses, and those of responses [9].
local function outputs(theta)
  local rows = theta:reshape({ 4, 3 }):index_select(1, contexts)
  local logps = rows:log_softmax(2):gather(2, ids:unsqueeze(2)):squeeze(2)
  return rows, logps, logps:segment_sum(lengths)
end

local ref_rows, ref_logps, ref_sums = outputs(f64(logits) * 0.4 + f64(other))

--- The gradient of f(theta) in the logits, as a list.
local function gradient(f)
  local theta = tensor(logits, { dtype = "f64", requires_grad = true })
  f(theta):backward()
  return theta:grad():totable()
end

local function assert_same(estimate, exact)
  local got, expected = gradient(estimate), gradient(exact)
  for i, x in ipairs(expected) do support.close(got[i], x, 1e-12, "logit " .. i) end
  lu.assertTrue(math.abs(expected[1]) > 1e-3)
end

--- A batch of the nine responses, prepared by the loss, with the columns `more`.
local function batch_of(loss, theta, more)
  local rows, logps = outputs(theta)
  local given = {
    lengths = lengths, logps = logps, old_logps = logps:detach(), logits = rows, ref_logits = ref_rows,
    ref_logps = ref_logps, reward = rewards,
  }
  for name, column in pairs(more or {}) do given[name] = column end
  local batch = align.batch.plain(given)
  loss:prepare(batch, { state = loss:new_state() })
  return batch
end

--- The expectation over the responses of the losses of a batch, without gradient through their probabilities.
local function expected(loss, theta, more)
  local batch, _, _, sums = batch_of(loss, theta, more), outputs(theta)
  local values = loss(batch)
  if values:numel() == 18 then values = batch:sums(values) end
  return (values * sums:detach():exp()):sum()
end

local function kl(theta)
  local _, _, sums = outputs(theta)
  return (sums:exp() * (sums - ref_sums)):sum()
end

local function mean_reward(theta)
  local _, _, sums = outputs(theta)
  return (sums:exp() * rewards):sum()
end

TestGradients = {}

function TestGradients.test_minillm_is_the_reverse_kl_of_whole_responses()
  local loss = align.loss.minillm { length_normalized = false }
  assert_same(function(theta) return expected(loss, theta) end, kl)
end

function TestGradients.test_reinforce_is_the_regularised_reward()
  local loss = align.loss.reinforce { baseline = "none", beta = 0.7 }
  assert_same(function(theta) return expected(loss, theta) end,
    function(theta) return kl(theta) * 0.7 - mean_reward(theta) end)
end

--- A constant less the reward changes no gradient in expectation.
function TestGradients.test_a_baseline_of_reinforce_changes_no_gradient()
  local one = align.loss.reinforce { baseline = "none", beta = 0 }
  local other_baseline = align.loss.reinforce { baseline = "batch", beta = 0 }
  assert_same(function(theta) return expected(other_baseline, theta) end,
    function(theta) return expected(one, theta) end)
end

--- The gradient of a loss on groups of two responses, in expectation over all 81 groups.
local function expected_of_groups(loss, theta)
  local _, logps, sums = outputs(theta)
  local token_places, places, group, twice = {}, {}, {}, {}
  for a = 1, 9 do
    for b = 1, 9 do
      for _, response in ipairs { a, b } do
        places[#places + 1] = response
        group[#places], twice[#places] = 9 * a + b, 2
        table.move({ 2 * response - 1, 2 * response }, 1, 2, #token_places + 1, token_places)
      end
    end
  end
  local tokens, rows = tensor(token_places, "i64"), tensor(places, "i64")
  local own = logps:index_select(1, tokens)
  local batch = align.batch.plain {
    lengths = twice, logps = own, old_logps = own:detach(), ref_logps = ref_logps:index_select(1, tokens),
    reward = rewards:index_select(1, rows), group = group,
  }
  loss:prepare(batch, {})
  local p = sums:detach():exp():index_select(1, rows):reshape { 81, 2 }
  local of_group = loss(batch):reshape({ 81, 2 }):sum(2) / 2
  return (of_group * p:narrow(2, 1, 1):squeeze(2) * p:narrow(2, 2, 1):squeeze(2)):sum()
end

function TestGradients.test_rloo_on_policy_is_the_regularised_reward()
  assert_same(function(theta) return expected_of_groups(align.loss.rloo { beta = 0.7 }, theta) end,
    function(theta) return kl(theta) * 0.7 - mean_reward(theta) end)
end

--- The mean of a group has the response itself in it: of two responses, half of the gradient is left.
function TestGradients.test_luspo_unscaled_is_half_the_reward_with_groups_of_two()
  local loss = align.loss.luspo { scale_rewards = "none", importance_sampling_level = "token" }
  assert_same(function(theta) return expected_of_groups(loss, theta) end,
    function(theta) return mean_reward(theta) * -0.5 end)
end

--- PPO without values and with gamma = lambda = 1: whitening subtracts a constant, which changes no
-- gradient in expectation, and divides by the deviation of the returns.
function TestGradients.test_ppo_on_policy_is_the_regularised_reward_over_a_deviation()
  local loss = align.loss.ppo { value = "none", lam = 1, kl_coef = 0.7 }
  assert_same(function(theta) return expected(loss, theta) end, function(theta)
    local deviation = (batch_of(loss, theta).returns:std():item() ^ 2 + 1e-8) ^ 0.5
    return (kl(theta) * 0.7 - mean_reward(theta)) / deviation
  end)
end

--- The two terms of HyPO on its own responses; those of the data set are equal and have no gradient.
function TestGradients.test_hypo_has_the_kl_of_its_own_responses()
  local loss = align.loss.hypo { kl_coef = 0.7, beta = 1 }
  assert_same(function(theta)
    local _, logps, sums = outputs(theta)
    local own, ref = logps:reshape { 9, 2 }, ref_logps:reshape { 9, 2 }
    local same, role, all = tensor.zeros({ 9, 4 }, { dtype = "f64" }), {}, {}
    for row = 1, 27 do role[row], all[row] = ({ "chosen", "rejected", "own" })[(row - 1) % 3 + 1], 2 end
    local batch = align.batch.plain {
      lengths = all, logps = tensor.cat({ same, own }, 2):flatten(),
      ref_logps = tensor.cat({ same, ref }, 2):flatten(), role = role,
    }
    return (loss(batch) * sums:detach():exp()):sum()
  end, function(theta) return kl(theta) * 0.7 end)
end

--- Nash-MD against a fixed opponent: P is the probability to be preferred to its responses.
function TestGradients.test_nash_md_is_the_regularised_win_rate()
  local wins = (rewards:reshape { 9, 1 } - rewards:reshape { 1, 9 }):sigmoid()
  local loss = align.loss.nash_md { beta = 0.7 }
  local opponent = ref_sums:exp()
  assert_same(function(theta)
    local _, logps, sums = outputs(theta)
    local twice, writer = {}, {}
    for row = 1, 18 do twice[row], writer[row] = 2, row <= 9 and "policy" or "mixture" end
    local p = wins:matmul(opponent:reshape { 9, 1 }):squeeze(2)
    local pair = align.batch.plain {
      pairs = true, lengths = twice, logps = tensor.cat({ logps, ref_logps }, 1),
      ref_logps = tensor.cat({ ref_logps, ref_logps }, 1), label = tensor.cat({ p, 1 - p }, 1),
      writer = writer,
    }
    return (loss(pair) * sums:detach():exp()):sum()
  end, function(theta)
    local _, _, sums = outputs(theta)
    local win_rate = (sums:exp():reshape { 1, 9 }):matmul(wins):matmul(opponent:reshape { 9, 1 }):sum()
    return kl(theta) * 0.7 - win_rate
  end)
end

--- GRPO's KL, multiplied by the ratio: on policy its gradient is that of the KL at single tokens; plain k3
-- has another.
function TestGradients.test_the_kl_of_grpo_with_bias_correction_is_that_of_single_tokens()
  local function of(corrected)
    local loss = align.loss.luspo {
      beta = 1, use_bias_correction_kl = corrected, importance_sampling_level = "token" }
    local more = { group = { 1, 1, 1, 1, 1, 1, 1, 1, 1 }, reward = rewards * 0 }
    return function(theta) return expected(loss, theta, more) end
  end
  local function exact(theta)
    local rows, _, sums = outputs(theta)
    local own, reference = rows:log_softmax(2), ref_rows:log_softmax(2)
    local each = (own:exp() * (own - reference)):sum(2)
    return (each:segment_sum(lengths) * sums:detach():exp()):sum()
  end
  assert_same(of(true), exact)
  lu.assertFalse(pcall(assert_same, of(false), exact))
end

--- log T - log S is -1, -2, -4: what follows token 1 is -2 - 4 gamma, what follows token 2 is -4.
function TestGradients.test_minillm_discounts_later_tokens_and_divides_by_their_number()
  for normalises, wanted in pairs { [false] = { -4, -4, 0 }, [true] = { -2, -4, 0 } } do
    local same = f64 { { 0, 0 }, { 0, 0 }, { 0, 0 } }
    local batch = align.batch.plain {
      lengths = { 3 }, logps = f64 { -1, -1, -1 }, ref_logps = f64 { -2, -3, -5 }, logits = same,
      ref_logits = same,
    }
    local loss = align.loss.minillm { gamma = 0.5, length_normalized = normalises }
    loss:prepare(batch, {})
    lu.assertEquals(batch.advantage:totable(), wanted)
    lu.assertEquals((loss(batch)):totable(), wanted)
  end
end

--- The ratio fell by 0.015 at each of two tokens: less than 0.02 a token, more than that a response.
function TestGradients.test_stale_responses_are_left_out_by_the_mean_over_their_tokens()
  local batch = align.batch.plain {
    lengths = { 2, 2 }, group = { 1, 1 }, reward = f64 { 1, 0 }, logps = f64 { -1, -1, -1, -1 },
    old_logps = f64 { -1, -1, -0.985, -0.985 },
  }
  for threshold, is_kept in pairs { [0.02] = true, [0.01] = false } do
    local loss = align.loss.grpo { off_policy_mask_threshold = threshold }
    loss:prepare(batch, {})
    lu.assertEquals((loss(batch)):totable()[2] > 0, is_kept)
  end
end

os.exit(lu.LuaUnit.run())
