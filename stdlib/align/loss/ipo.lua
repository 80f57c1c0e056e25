--- Identity preference optimisation.
--
--   L = (rho - 1 / (2 beta))^2,   rho = (log pi(y_w) - log pi(y_l)) - (log pi_ref(y_w) - log pi_ref(y_l))
--
-- pi is the policy and pi_ref the frozen reference; y_w is the chosen and y_l the rejected answer, each log-probability
-- summed over the answer's tokens. The bigger beta, the smaller the margin that is asked for.
-- Azar et al. 2023, arXiv:2310.12036, eq. 17. Tang et al. 2024, arXiv:2405.08448, app. B, write (beta rho - 1/2)^2,
-- which is beta^2 times this: `scale = "tang"`. TRL's offline trainer averages over tokens: `norm = "mean"`.
--
--   > local T, ipo = require "perilune.tensor", require "perilune.align.loss.ipo"
--   > local same = { chosen = T{-1}, rejected = T{-1}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(ipo { beta = 0.1 }(same))
--   [25]
--   [Tensor f32 1]
--   > local met = { chosen = T{-1}, rejected = T{-6}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(ipo { beta = 0.1 }(met))
--   [0]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"

local check_beta = loss.check_beta "ipo"

return loss.define {
  name = "ipo",
  defaults = { beta = 0.1, scale = "azar" },
  check = function(o)
    check_beta(o)
    if o.scale ~= "azar" and o.scale ~= "tang" then
      error(("loss.ipo: scale must be \"azar\" or \"tang\", got %s"):format(tostring(o.scale)), 3)
    end
  end,
  loss = function(pair, o)
    local rho = loss.margin(pair, o.norm)
    if o.scale == "tang" then return (o.beta * rho - 0.5):square() end
    return (rho - 1 / (2 * o.beta)):square()
  end,
}
