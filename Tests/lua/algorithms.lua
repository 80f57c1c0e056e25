--- Algorithms beyond pairs, each as a loss of 8 to 14 lines, PPO 31. algorithms_test.lua runs them and
-- compares their values.
--
-- c and r are the log-ratios log pi - log pi_ref of the chosen and rejected response, s the sigmoid, sg no
-- gradient.
local models = require "perilune.models"
local tensor = require "perilune.tensor"
local loss = require "perilune.align.loss"

local algorithms = {}

local beta = { "beta", 0.1, "strength of the regularisation", above = 0 }
local epsilon = { "epsilon", 0.2, "clip range of the ratio", above = 0 }

--- L = 1 - s(beta (c - z)) of a desirable response, 1 - s(beta (z - r)) of another; z = sg(max(0, mean KL)),
-- estimated from each prompt with the response of its neighbour. Ethayarajh et al. 2024, arXiv:2402.01306,
-- eq. 7-8.
algorithms.kto = loss.define {
  name = "kto", per = "row", reads = { "logps", "ref_logps", "label" }, options = { beta },
  prepare = function(batch, _, given)
    local responses = batch.rows:responses()
    table.insert(responses, 1, table.remove(responses))
    local others = models.rows(batch.rows:prompts(), responses)
    local kl = given.policy:logps(others) - given.reference:logps(others)
    batch.z = tensor.full({ #batch.rows }, math.max(0, kl:mean():item()))
  end,
  loss = function(batch, o)
    local ratio = batch:sums "logps" - batch:sums "ref_logps"
    return 1 - (o.beta * (2 * batch.label - 1) * (ratio - batch.z)):sigmoid()
  end,
}

--- L = NLL(prompt and chosen, a mean over tokens) - beta log s(log odds ratio) of mean token
-- log-probabilities. Hong et al. 2024, arXiv:2403.07691, eq. 6-7. The NLL is a mean over the tokens of the
-- batch: it cannot be divided.
algorithms.orpo = loss.define {
  name = "orpo", reads = { "logps", "prompt_logps" }, splits = false, options = { beta },
  loss = function(pair, o)
    local prompt = pair.prompt_logps:narrow(1, 1, pair.prompt_logps:numel() // 2)
    local tokens = pair.chosen_lengths:sum() + prompt:numel()
    local nll = -(pair.chosen:sum() + prompt:sum()) / tokens
    local a, b = pair.chosen / pair.chosen_lengths, pair.rejected / pair.rejected_lengths
    local odds = a - b - (-a:exp()):log1p() + (-b:exp()):log1p()
    return nll - o.beta * odds:log_sigmoid()
  end,
}

--- L = -log s(beta (mean log pi(y_w) - mean log pi(y_l)) - gamma). Meng et al. 2024, arXiv:2405.14734, eq. 6.
algorithms.simpo = loss.define {
  name = "simpo", reads = { "logps" },
  options = { { "beta", 2.0, "scale of the reward" }, { "gamma", 0.5, "margin of the rewards" } },
  loss = function(pair, o)
    local a, b = pair.chosen / pair.chosen_lengths, pair.rejected / pair.rejected_lengths
    return -(o.beta * (a - b) - o.gamma):log_sigmoid()
  end,
}

local function clipped(ratio, advantage, o)
  return -(ratio * advantage):minimum(ratio:clamp(1 - o.epsilon, 1 + o.epsilon) * advantage)
end

--- L = mean over tokens of -min(rho A, clip(rho) A), A = (R - mean of the group) / (deviation + 1e-4).
-- Shao et al. 2024, arXiv:2402.03300, eq. 3.
algorithms.grpo = loss.define {
  name = "grpo", per = "row", reads = { "logps", "old_logps", "advantage" }, options = { epsilon },
  prepare_reads = { "group", "reward" },
  prepare = function(batch)
    local mean, size = batch:group_means(batch.reward)
    local variance = batch:group_means((batch.reward - mean):square()) * size / (size - 1)
    batch.advantage = (batch.reward - mean) / (variance:sqrt() + 1e-4)
  end,
  loss = function(batch, o)
    local ratio = (batch.logps - batch.old_logps):exp()
    return batch:means(clipped(ratio, batch:spread "advantage", o))
  end,
}

--- A = R - mean of the others of the group, R the reward less beta KL; ratio and clip of whole responses.
-- Ahmadian et al. 2024, arXiv:2402.14740, eq. 7; the clip is TRL's.
algorithms.rloo = loss.define {
  name = "rloo", per = "row", reads = { "logps", "old_logps", "advantage" }, options = { beta, epsilon },
  prepare_reads = { "group", "reward", "old_logps", "ref_logps" },
  prepare = function(batch, o)
    local reward = batch.reward - o.beta * batch:sums(batch.old_logps - batch.ref_logps)
    local mean, size = batch:group_means(reward)
    batch.advantage = reward - (mean * size - reward) / (size - 1)
  end,
  loss = function(batch, o)
    return clipped(batch:sums(batch.logps - batch.old_logps):exp(), batch.advantage, o)
  end,
}

--- Generalised advantages of each row, from rewards and values of its tokens: lists of numbers.
local function advantages(rewards, values, lambda)
  local found, last, next_value = {}, 0, 0
  for i = #rewards, 1, -1 do
    last = rewards[i] + next_value - values[i] + lambda * last
    found[i], next_value = last, values[i]
  end
  return found
end

--- Sets the advantages (GAE, whitened over the batch) and returns of each token. `values` lists the values of
-- each row. The reward of a token is the penalty of the KL; the last token also has that of the response.
local function set_advantages(batch, o, values)
  local all, returns = {}, {}
  for row, penalty in ipairs(batch.rows:split((batch.old_logps - batch.ref_logps) * -o.kl)) do
    local rewards, own = penalty:totable(), values[row]:totable()
    rewards[#rewards] = rewards[#rewards] + batch.reward[row]:item()
    for i, a in ipairs(advantages(rewards, own, o.lambda)) do
      all[#all + 1], returns[#returns + 1] = a, a + own[i]
    end
  end
  all = tensor(all)
  batch:set_tokens("advantage", (all - all:mean()) / (all:std() + 1e-8))
  batch:set_tokens("returns", tensor(returns))
end

--- PPO with a linear value head, trained along. Schulman et al. 2017, arXiv:1707.06347, eq. 7 and 9; the KL
-- is in the reward.
algorithms.ppo = loss.define {
  name = "ppo", per = "token", reads = { "logps", "old_logps", "hidden", "advantage", "returns" },
  options = {
    epsilon, { "kl", 0.05, "weight of the KL" }, { "lambda", 0.95, "of the advantages" },
    { "vf", 0.1, "weight of the value loss" },
  },
  parameters = function(_, policy)
    return { value = tensor.zeros({ policy:config().dim, 1 }, { requires_grad = true }) }
  end,
  prepare_reads = { "hidden", "reward", "old_logps", "ref_logps" },
  prepare = function(batch, o, given)
    set_advantages(batch, o, batch.rows:split(batch.hidden:matmul(given.parameters.value):squeeze(2)))
  end,
  loss = function(batch, o, parameters)
    local ratio = (batch.logps - batch.old_logps):exp()
    local errors = (batch.hidden:matmul(parameters.value):squeeze(2) - batch.returns):square()
    return clipped(ratio, batch.advantage, o) + o.vf * 0.5 * errors, { value_loss = errors }
  end,
}

--- 1 where a row was written by `name`.
local function written_by(batch, name)
  local mask = {}
  for i, writer in ipairs(batch.writer) do mask[i] = writer == name and 1 or 0 end
  return tensor(mask, batch.logps:dtype())
end

--- L = L_dpo + alpha log pi(y), y the response of the reference. Xie et al. 2024, arXiv:2405.21046, alg. 1.
algorithms.xpo = loss.define {
  name = "xpo", reads = { "logps", "ref_logps", "writer" },
  options = { beta, { "alpha", 1e-5, "weight of the bonus" } },
  loss = function(pair, o)
    local a, b = pair:halves(pair:sums "logps" * written_by(pair, "reference"))
    return -(o.beta * loss.margin(pair)):log_sigmoid() + o.alpha * (a + b)
  end,
}

--- L = beta sum_t sg(log pi - log pi_ref) log pi - (P - 1/2) log pi(y), y of the policy and P = 1 where it is
-- preferred to the mixture's. Munos et al. 2023, arXiv:2312.00886, eq. 10, with the KL of single tokens as
-- in TRL.
algorithms.nash_md = loss.define {
  name = "nash_md", reads = { "logps", "ref_logps", "label", "writer" }, options = { beta },
  loss = function(pair, o)
    local kl = pair:sums((pair.logps - pair.ref_logps):detach() * pair.logps)
    local each = o.beta * kl - (pair.label - 0.5) * pair:sums "logps"
    local a, b = pair:halves(each * written_by(pair, "policy"))
    return a + b
  end,
}

--- The generalised Jensen-Shannon divergence from the reference, a teacher: beta KL(T, M) + (1 - beta) KL(S,
-- M) of each token, M = (1 - beta) S + beta T. Agarwal et al. 2023, arXiv:2306.13649, sec. 2.
algorithms.gkd = loss.define {
  name = "gkd", per = "token", reads = { "logits", "ref_logits" },
  options = { { "beta", 0.5, "weight of the teacher", above = 0, below = 1 } },
  loss = function(batch, o)
    local student, teacher = batch.logits:log_softmax(2), batch.ref_logits:log_softmax(2)
    local middle = (student + math.log(1 - o.beta)):logaddexp(teacher + math.log(o.beta))
    local function kl(p) return (p:exp() * (p - middle)):sum(2) end
    return o.beta * kl(teacher) + (1 - o.beta) * kl(student)
  end,
}

return algorithms
