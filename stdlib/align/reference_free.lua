--- What losses without a reference share: options, rewards of log-probabilities, and the likelihood term.
local options = require "perilune.options"
local loss = require "perilune.align.loss"

local reference_free = {}

--- Options under TRL's names.
reference_free.options = options.spec("align.reference_free", {
  { "beta", 0.1, "scale of the reward", above = 0 },
  loss.shared.label_smoothing,
  { "cpo_alpha", 1.0, "weight of the chosen responses' negative log-likelihood, a mean over tokens",
    least = 0 },
  { "simpo_gamma", 0.5, "margin of the rewards" },
  { "alpha", 0.0, "shape of the reward (1 - p^-alpha) / alpha; 0 is log p" },
})

-- e^80 is finite in f32.
local most_exponent <const> = 80

--- (1 - p^-alpha) / alpha of x = log p, and x itself at alpha 0. The exponent is cut at 80.
--
--   > print(reference_free.reward(T{-1, -2}, 1))
--   [-1.7183, -6.3891]
--   [Tensor f32 2]
function reference_free.reward(x, alpha)
  if alpha == 0 then return x end
  return (-alpha * x):clamp(nil, most_exponent):expm1() / -alpha
end

--- The difference of the rewards of both responses, [n], before beta. `norm` is that of `loss.normed`.
function reference_free.margin(pair, alpha, norm)
  local function reward(which)
    return reference_free.reward(loss.normed(pair, pair[which], which, norm), alpha)
  end
  return reward "chosen" - reward "rejected"
end

--- `losses` and `weight` times -log pi(y_w) over the mean length of the chosen responses of the step: the
-- mean over pairs is then the mean over tokens. With the figure "nll_loss".
--
--   > local pair = { chosen = T{-3}, chosen_lengths = T{2} }
--   > print((reference_free.with_likelihood(T{1}, pair, 2)))
--   [4]
--   [Tensor f32 1]
function reference_free.with_likelihood(losses, pair, weight)
  if weight == 0 then return losses end
  local nll = loss.over_tokens(-pair.chosen, pair, "chosen_lengths")
  return losses + weight * nll, { nll_loss = nll }
end

--- log(1 - e^x) for x below 0. x is cut at -1e-7, where the logarithm still is finite in f32.
--
--   > print(reference_free.log1mexp(T{-1, 0}))
--   [-0.4587, -16.1181]
--   [Tensor f32 2]
function reference_free.log1mexp(x)
  return (-x:clamp(nil, -1e-7):expm1()):log()
end

return options.strict("align.reference_free", reference_free)
