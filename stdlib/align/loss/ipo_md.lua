--- IPO on pairs of a mixture of the policy and the reference (IPO-MD).
--
--   L = (rho - 1 / (2 beta))^2
--
-- Both responses come from logits (1 - m) policy + m reference; m = 0 is online IPO, m = 1 offline IPO on
-- the reference's responses. The loss is that of `loss.ipo`, the mixture is in the source.
--
--   > local same = { chosen = T{-1}, rejected = T{-1}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(ipo_md { beta = 0.1 }(same))
--   [25]
--   [Tensor f32 1]
local loss = require "perilune.align.loss"
local ipo = require "perilune.align.loss.ipo"

return loss.define {
  name = "ipo_md",
  paper = "Calandriello et al. 2024, arXiv:2403.08635",
  trl = "",
  source = { name = "online", first = "mixture", second = "mixture" },
  options = { ipo.spec },
  loss = ipo.definition.loss,
}
