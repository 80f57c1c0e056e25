--- Divergences of two distributions over the vocabulary, given as log-probabilities [N, V]: one number a row.
local options = require "perilune.options"

local divergence = {}

--- KL(p, q) = sum_v p (log p - log q): [N].
--
--   > print(divergence.kl(T{ { 0.5, 0.5 } }:log(), T{ { 0.25, 0.75 } }:log()))
--   [0.1438]
--   [Tensor f32 1]
function divergence.kl(p, q) return (p:exp() * (p - q)):sum(2) end

--- beta KL(t, m) + (1 - beta) KL(s, m), m = (1 - beta) s + beta t; KL(t, s) at 0 and KL(s, t) at 1.
function divergence.jensen_shannon(s, t, beta)
  if beta == 0 then return divergence.kl(t, s) end
  if beta == 1 then return divergence.kl(s, t) end
  local m = (s + math.log(1 - beta)):logaddexp(t + math.log(beta))
  return beta * divergence.kl(t, m) + (1 - beta) * divergence.kl(s, m)
end

return options.strict("align.divergence", divergence)
