--- Contrastive preference optimisation: no reference, and the likelihood of the chosen response.
--
--   L = f(r_w - r_l) + cpo_alpha NLL(y_w),   r = log pi(y), or (1 - pi(y)^-alpha) / alpha
--   f(x) = -(1 - e) log sigmoid(beta x) - e log sigmoid(-beta x)        loss_type "sigmoid"
--        = max(0, 1 - beta x)                                           "hinge"
--        = (x - 1 / (2 beta))^2                                         "ipo"
--
-- NLL is the mean over all tokens of the chosen responses of the step.
--
--   > local pair = { chosen = T{-1}, rejected = T{-2}, chosen_lengths = T{2}, rejected_lengths = T{1} }
--   > print((cpo { beta = 1, cpo_alpha = 0 }(pair)))
--   [0.3133]
--   [Tensor f32 1]
--   > print((cpo { beta = 1, loss_type = "hinge" }(pair)))
--   [0.5]
--   [Tensor f32 1]
--   > cpo { loss_type = "ipo", label_smoothing = 0.1 }
--   loss.cpo: label_smoothing is of loss_type "sigmoid", not of "ipo"
local loss = require "perilune.align.loss"
local free = require "perilune.align.reference_free"

return loss.define {
  name = "cpo",
  paper = "Xu et al. 2024, arXiv:2401.08417, eq. 5",
  trl = "CPOTrainer: with ipo it takes means over tokens (norm = \"mean\"); its NLL is a mean over the "
    .. "tokens of the micro-batch",
  reads = { "logps" },
  options = {
    free.options:only { "beta", "label_smoothing", "cpo_alpha", "alpha" },
    { "loss_type", "sigmoid", "form of the loss", choices = { "sigmoid", "hinge", "ipo" } },
  },
  check = function(o)
    if o.label_smoothing > 0 and o.loss_type ~= "sigmoid" then
      error(("loss.cpo: label_smoothing is of loss_type \"sigmoid\", not of \"%s\""):format(o.loss_type), 3)
    end
  end,
  loss = function(pair, o)
    local x = free.margin(pair, o.alpha, o.norm)
    local losses
    if o.loss_type == "hinge" then
      losses = (1 - o.beta * x):relu()
    elseif o.loss_type == "ipo" then
      losses = (x - 1 / (2 * o.beta)):square()
    else
      losses = loss.shared.logistic(o.beta * x, o.label_smoothing)
    end
    return free.with_likelihood(losses, pair, o.cpo_alpha)
  end,
}
