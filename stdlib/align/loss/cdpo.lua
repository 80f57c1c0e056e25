--- Conservative DPO: a label is wrong with a known probability.
--
--   L = -(1 - e) log sigmoid(beta rho) - e log sigmoid(-beta rho),   e = label_smoothing
--
-- Its minimum is at beta rho = log((1 - e) / e): a pair is not pushed apart without end. It is `dpo` with
-- `label_smoothing`; `robust` is unbiased instead.
--
--   > local same = { chosen = T{-1}, rejected = T{-1}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(cdpo {}(same))
--   [0.6931]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"
local dpo = require "perilune.align.loss.dpo"

return loss.define {
  name = "cdpo",
  paper = "Mitchell 2023, A note on DPO with noisy preferences and relationship to IPO",
  trl = "sigmoid with label_smoothing before 0.29; later releases ignore it",
  options = {
    dpo.spec, { "label_smoothing", 0.1, "probability that a label is wrong", least = 0, below = 0.5 },
  },
  loss = dpo.definition.loss,
}
