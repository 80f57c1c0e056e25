--- Triple preference optimisation: a pair without a reference, and the likelihood of a third, gold response.
--
--   L = f(log pi(y_w) - log pi(y_l)) + tpo_alpha NLL(y_gold)
--   f(x) = -(1 - e) log sigmoid(z) - e log sigmoid(-z),  z = beta x     loss_type "sigmoid"
--          the same with z = beta x - tpo_l_gamma                       "tpo-l"
--        = max(0, 1 - beta x)                                           "hinge"
--        = (x - 1 / (2 beta))^2                                         "ipo"
--
-- NLL is the mean over all tokens of the gold responses of the step. A pair has its gold response as the list
-- of ids `gold`. With `norm = "mean"` the log-probabilities are means over tokens, as in TRL's ipo and tpo-l.
--
--   > local triple = { chosen = T{-1}, rejected = T{-2}, gold_logps = T{-1, -3}, gold_lengths = T{2} }
--   > print((tpo { beta = 1, tpo_alpha = 0 }(triple)))
--   [0.3133]
--   [Tensor f32 1]
--   > print((tpo { beta = 1 }(triple)))
--   [2.3133]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"
local free = require "perilune.align.reference_free"

return loss.define {
  name = "tpo",
  paper = "Saeidi et al. 2024, arXiv:2405.16681, sec. 3",
  trl = "TPOTrainer: ipo and tpo-l take means over tokens there (norm = \"mean\"); its column of gold "
    .. "responses is reference",
  source = { name = "best_worst", gold = true },
  reads = function(o)
    return o.tpo_alpha > 0 and { "logps", "gold", "gold_logps" } or { "logps" }
  end,
  options = {
    { "beta", 0.01, "scale of the reward", above = 0 },
    { "loss_type", "sigmoid", "form of the loss", choices = { "sigmoid", "hinge", "ipo", "tpo-l" } },
    loss.shared.label_smoothing,
    { "tpo_l_gamma", 0.5, "margin of the rewards with loss_type tpo-l" },
    { "tpo_alpha", 1.0, "weight of the gold responses' negative log-likelihood", least = 0 },
  },
  check = function(o)
    if o.label_smoothing > 0 and (o.loss_type == "hinge" or o.loss_type == "ipo") then
      error(("loss.tpo: label_smoothing is not of loss_type \"%s\""):format(o.loss_type), 3)
    end
  end,
  loss = function(pair, o)
    local x = free.margin(pair, 0, o.norm)
    local losses
    if o.loss_type == "hinge" then
      losses = (1 - o.beta * x):relu()
    elseif o.loss_type == "ipo" then
      losses = (x - 1 / (2 * o.beta)):square()
    else
      local margin = o.loss_type == "tpo-l" and o.tpo_l_gamma or 0
      losses = loss.shared.logistic(o.beta * x - margin, o.label_smoothing)
    end
    if o.tpo_alpha == 0 then return losses end
    local sums = pair.gold_logps:segment_sum(pair.gold_lengths:long():totable())
    local nll = loss.over_tokens(-sums, pair, "gold_lengths")
    return losses + o.tpo_alpha * nll, { nll_loss = nll }
  end,
}
