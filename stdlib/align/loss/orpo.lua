--- Odds ratio preference optimisation: fine-tuning with a penalty, in one stage and without a reference.
--
--   L = NLL(x, y_w) - beta log sigmoid(log odds(y_w) - log odds(y_l)),   odds(y) = p / (1 - p)
--
-- p = exp(log pi(y|x) / |y|) is the geometric mean of a response's token probabilities. NLL is the mean over
-- all tokens of prompts (from the second on) and chosen responses of the step. beta is the paper's lambda.
--
--   > local even = { chosen = T{-2}, rejected = T{-1}, chosen_lengths = T{2}, rejected_lengths = T{1},
--   >>   prompt_logps = T.zeros(0), prompt_lengths = T{1, 1} }
--   > print((orpo { beta = 1 }(even)))      -- 1 nat a token, and log 2
--   [1.6931]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"
local free = require "perilune.align.reference_free"

--- The sums of the prompts' log-probabilities, [n]: those of the chosen half of the rows.
local function prompt_sums(pair, n)
  local counts = {}
  for i, length in ipairs(pair.prompt_lengths:totable()) do counts[i] = math.tointeger(length) - 1 end
  return pair.prompt_logps:segment_sum(counts):narrow(1, 1, n)
end

return loss.define {
  name = "orpo", norm = false,
  paper = "Hong et al. 2024, arXiv:2403.07691, eq. 6-7",
  trl = "ORPOTrainer, whose NLL is a mean over the tokens of the micro-batch",
  reads = { "logps", "prompt_logps" },
  options = { { "beta", 0.1, "weight of the odds ratio, lambda of the paper", above = 0 } },
  loss = function(pair, o)
    local n, dtype = pair.chosen:numel(), pair.chosen:dtype()
    -- The prompts of both halves are the same.
    local tokens = loss.step_mean(pair, "chosen_lengths") + loss.step_mean(pair, "prompt_lengths") - 1
    local nll = -(pair.chosen + prompt_sums(pair, n)) / tokens:clamp(1e-9):to(dtype)
    local a = loss.normed(pair, pair.chosen, "chosen", "mean")
    local b = loss.normed(pair, pair.rejected, "rejected", "mean")
    local log_odds = a - b - (free.log1mexp(a) - free.log1mexp(b))
    return nll - o.beta * log_odds:log_sigmoid(), { nll_loss = nll, log_odds_chosen = log_odds }
  end,
}
