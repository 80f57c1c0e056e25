--- Identity preference optimisation.
--
--   L = (rho - 1 / (2 beta))^2,   rho = (log pi(y_w) - log pi(y_l)) - (log pi_ref(y_w) - log pi_ref(y_l))
--
-- pi is the policy, pi_ref the frozen reference; y_w is the chosen and y_l the rejected response, each
-- log-probability summed over the response's tokens. A larger beta asks for a smaller margin. Tang et al.
-- 2024, arXiv:2405.08448, app. B, write (beta rho - 1/2)^2, which is beta^2 times this: `scale = "tang"`.
--
-- Clipped to norm 1, nearly every step is normalised, since gradients of this loss have norms of 40 to 800 at
-- beta 0.05 and above: `scale` and beta then do not set the size of a step, the learning rate alone does.
--
--   > local same = { chosen = T{-1}, rejected = T{-1}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(ipo { beta = 0.1 }(same))
--   [25]
--   [Tensor f32 1]
--   > local met = { chosen = T{-1}, rejected = T{-6}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(ipo { beta = 0.1 }(met))
--   [0]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"

return loss.define {
  name = "ipo",
  paper = "Azar et al. 2023, arXiv:2310.12036, eq. 17",
  trl = "ipo; its offline trainer averages over tokens (norm = \"mean\"), its online trainers sum",
  options = {
    loss.shared.all,
    { "scale", "azar", "form of the loss: azar, or tang, which is beta^2 times it",
      choices = { "azar", "tang" } },
  },
  loss = function(pair, o)
    local rho = loss.margin(pair, o)
    if o.scale == "tang" then return (o.beta * rho - 0.5):square() end
    return (rho - 1 / (2 * o.beta)):square()
  end,
}
