--- Does a larger proxy raise online's peak, and widen the gap?
--
-- Tang et al. 2024, arXiv:2405.08448, sec. 5.5: expected there, and not run.
--
-- Proxies of the start's layers and three widths, fine-tuned as the start is and trained on the same pairs,
-- beside the task's own, which begins with the start's weights. Start, gold and golden policy stay. Offline
-- runs read no proxy. Proxies of one layer, and those of random weights without fine-tuning, hardly learn
-- from 8,192 pairs at any width. Online labelled by gold is beside them, whose labels have no error.
--
--   perilune scripts/paper/fig10_proxy.lua [--widths 16,64] [--task arena] [--quick]
--
-- Cost: 6 runs and 3 proxies a repetition on `sentiment`, 3 runs after fig01_tradeoff; 8 s of processor time
-- at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): online's peak with the proxy
-- of width 128 less that with width 16 is 0.18 [-0.12, 0.53], not resolved. The gap to offline is 0.06
-- [-0.28, 0.35] at 16, 0.35 [0.26, 0.44] at 48 and 0.24 [0.11, 0.39] at 128. On `arena` (AMD EPYC Zen 5) no
-- gap is resolved with any width, and the peaks differ by 0.07 [-0.11, 0.28].
local paper = require "perilune.paper"
local proxies = require "perilune.paper.proxies"
local widths = require "perilune.paper.reading.widths"

paper.figure {
  name = "fig10_proxy", arguments = arg,
  question = "Does a larger proxy raise online's peak, and widen the gap?",
  found = "Not run in the paper, which expects a higher peak online and a wider gap.",
  options = { { "widths", "16,48,128", "widths of the proxies, separated by commas", counts = true,
    smoke = "8,16", quick = "16,128" } },
  variants = proxies.variants, claims = widths.claims,
}
