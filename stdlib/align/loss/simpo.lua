--- Simple preference optimisation: mean log-probabilities as rewards, a margin, no reference.
--
--   L = -log sigmoid(beta (log pi(y_w) / |y_w| - log pi(y_l) / |y_l|) - simpo_gamma)
--
-- With `label_smoothing` e it is -(1 - e) log sigmoid(z) - e log sigmoid(-z); with `cpo_alpha` the likelihood
-- of the chosen responses is added (CPO-SimPO). The defaults are those of the authors' code.
--
--   > local pair = { chosen = T{-2}, rejected = T{-3}, chosen_lengths = T{2}, rejected_lengths = T{1} }
--   > print((simpo { beta = 1, simpo_gamma = 1 }(pair)))
--   [0.3133]
--   [Tensor f32 1]
--   > print((simpo { beta = 1, simpo_gamma = 2 }(pair)))
--   [0.6931]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"
local free = require "perilune.align.reference_free"

return loss.define {
  name = "simpo", norm = false,
  paper = "Meng et al. 2024, arXiv:2405.14734, eq. 6",
  trl = "CPOTrainer's simpo, where beta is 0.1 (a margin of 5 nats a token) and cpo_alpha is 1 unless given",
  reads = { "logps" },
  options = {
    free.options:only { "simpo_gamma" }, loss.shared.label_smoothing,
    { "beta", 2.0, "scale of the reward", above = 0 },
    { "cpo_alpha", 0.0, "weight of the chosen responses' negative log-likelihood", least = 0 },
  },
  loss = function(pair, o)
    local z = o.beta * free.margin(pair, 0, "mean") - o.simpo_gamma
    return free.with_likelihood(loss.shared.logistic(z, o.label_smoothing), pair, o.cpo_alpha)
  end,
}
