--- Algorithms beyond pairs, each as a loss of 8 to 14 lines. algorithms_test.lua runs them and
-- compares their values.
--
-- c and r are the log-ratios log pi - log pi_ref of the chosen and rejected response, s the sigmoid, sg no
-- gradient.
local models = require "perilune.models"
local tensor = require "perilune.tensor"
local loss = require "perilune.align.loss"

local algorithms = {}

local beta = { "beta", 0.1, "strength of the regularisation", above = 0 }

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

return algorithms
