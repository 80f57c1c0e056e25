--- Length-desensitised DPO: tokens beyond the length of the pair's shorter response count less.
--
--   L = -log sigmoid(beta rho),   log pi(y) = sum_{t <= l} log pi(y_t) + alpha sum_{t > l} log pi(y_t)
--
-- l is the length of the shorter response and alpha is `ld_alpha`; the reference is treated alike. It is
-- `dpo` with `ld_alpha`, which most losses on pairs take.
--
--   > local rows = { lengths = { 2, 1 }, pairs = true, logps = T{ -1, -1, -1 }, ref_logps = T{ -1, -3, -1 } }
--   > print(ld_dpo { beta = 1, ld_alpha = 0.5 }(rows))
--   [0.3133]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"
local dpo = require "perilune.align.loss.dpo"

return loss.define {
  name = "ld_dpo",
  paper = "Liu et al. 2024, arXiv:2409.06411, eq. 9",
  trl = "ld_alpha",
  options = {
    dpo.spec,
    { "ld_alpha", 0.5, "weight of a response's tokens beyond the length of the shorter one",
      least = 0, most = 1 },
  },
  loss = dpo.definition.loss,
}
