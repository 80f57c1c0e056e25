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

-- e^60 times 10,000 is finite in f32.
local last_exact <const> = 60

--- The estimator k3 of KL(p, q) at draws of p: e^d - d - 1, d = log q - log p. Beyond d = 60 e^d goes on
-- along its tangent. J. Schulman 2020, "Approximating KL divergence".
--
--   > print(divergence.k3(T{0, 1}))
--   [0.0000, 0.7183]
--   [Tensor f32 2]
function divergence.k3(d)
  local cut = d:clamp(nil, last_exact)
  return cut:expm1() - d + cut:exp() * (d - last_exact):relu()
end

return options.strict("align.divergence", divergence)
