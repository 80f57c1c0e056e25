--- Direct preference optimisation.
--
--   L = -log sigmoid(beta rho),   rho = (log pi(y_w) - log pi(y_l)) - (log pi_ref(y_w) - log pi_ref(y_l))
--
-- Rafailov et al. 2023, arXiv:2305.18290, eq. 7. With `label_smoothing` e the label is taken to be wrong with that
-- chance (conservative DPO): (1 - e) L(rho) + e L(-rho). TRL's `sigmoid` ignores label smoothing since 0.29; this does not.
--
--   > local T, dpo = require "perilune.tensor", require "perilune.align.loss.dpo"
--   > local same = { chosen = T{-1}, rejected = T{-1}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(dpo {}(same))
--   [0.6931]
--   [Tensor f32 1]
--   > local better = { chosen = T{-1}, rejected = T{-2}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(dpo { beta = 1 }(better))
--   [0.3133]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"

local check_beta = loss.check_beta "dpo"

return loss.define {
  name = "dpo",
  defaults = { beta = 0.1, label_smoothing = 0 },
  check = function(o)
    check_beta(o)
    if type(o.label_smoothing) ~= "number" or not (o.label_smoothing >= 0 and o.label_smoothing < 0.5) then
      error(("loss.dpo: label_smoothing must be in [0, 0.5), got %s"):format(tostring(o.label_smoothing)), 3)
    end
  end,
  loss = function(pair, o)
    local z = o.beta * loss.margin(pair, o.norm)
    if o.label_smoothing == 0 then return -z:log_sigmoid() end
    return -(1 - o.label_smoothing) * z:log_sigmoid() - o.label_smoothing * (-z):log_sigmoid()
  end,
}
