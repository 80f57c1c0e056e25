--- Weighted preference optimisation: DPO, with pairs that the policy would write counting more.
--
--   L = w(y_w) w(y_l) L_dpo,   w(y) = exp(1/|y| sum_t [log pi(y_t) - log sum_v pi(v)^2])
--
-- The weights have no gradient. It is `dpo` with `use_weighting`, which most losses on pairs take.
--
--   > local rows = { lengths = { 1, 1 }, pairs = true, logps = T{ -1, -1 }, ref_logps = T{ -1, -1 },
--   >>   log_collision = T{ -1, -2 } }
--   > print(wpo {}(rows))
--   [1.8842]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"
local dpo = require "perilune.align.loss.dpo"

return loss.define {
  name = "wpo",
  paper = "Zhou et al. 2024, arXiv:2406.11827, eq. 5-7",
  trl = "use_weighting = True; like ours it does not cut a weight at 1, and it cannot train hinge with it",
  options = {
    dpo.spec, { "use_weighting", true, "losses times how probable both responses are under the policy" },
  },
  loss = dpo.definition.loss,
}
