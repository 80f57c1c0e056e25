--- Generalised preference optimisation: a convex function of the margin, by name.
--
--   L = f(beta rho),   rho = (log pi(y_w) - log pi(y_l)) - (log pi_ref(y_w) - log pi_ref(y_l))
--
--   logistic             log(1 + e^-z)       dpo
--   squared              (z - 1)^2           ipo
--   hinge                max(0, 1 - z)       slic
--   exponential          e^-z
--   truncated_quadratic  max(0, 1 - z)^2
--   savage               1 / (1 + e^z)^2
--
-- `squared` at beta is 4 times Tang's form of ipo at beta / 2: (z - 1)^2 = 4 (beta rho / 2 - 1/2)^2. Savage
-- is not convex. Below z = -60 `exponential` goes on along its tangent.
--
--   > local met = { chosen = T{-1}, rejected = T{-2}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(gpo { kind = "savage", beta = 1 }(met))
--   [0.0723]
--   [Tensor f32 1]
--   > print(gpo { kind = "truncated_quadratic", beta = 0.5 }(met))
--   [0.25]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"

local functions = {
  logistic = function(z) return -z:log_sigmoid() end,
  squared = function(z) return (z - 1):square() end,
  hinge = function(z) return (1 - z):relu() end,
  exponential = function(z) return loss.shared.exp(-z) end,
  truncated_quadratic = function(z) return (1 - z):relu():square() end,
  savage = function(z) return (-z):sigmoid():square() end,
}

return loss.define {
  name = "gpo",
  paper = "Tang et al. 2024, arXiv:2402.05749, table 1",
  trl = "sigmoid, hinge and ipo are logistic, hinge and squared; it has none of the others",
  options = {
    loss.shared.all,
    { "kind", "logistic", "the function of the margin",
      choices = { "logistic", "squared", "hinge", "exponential", "truncated_quadratic", "savage" } },
  },
  loss = function(pair, o) return functions[o.kind](o.beta * loss.margin(pair, o)) end,
}
