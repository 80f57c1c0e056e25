--- Is it the quality of the data?
--
-- Tang et al. 2024, arXiv:2405.08448, fig. 5, hypothesis 2.
--
-- Offline training on pairs whose responses are both the final online policy's, ordered by gold: D_4k-vs-4k.
--
--   perilune scripts/paper/fig05_quality.lua [--task summary] [--quick]
--
-- Cost: 8 runs a repetition on `sentiment`; 7 s of processor time at --smoke.
-- Measured on `sentiment` (bf16): the peak of pairs of the end is below online's by 0.34 [0.11, 0.59], and
-- below that of pairs of the start by 0.21 [0.08, 0.33].
local paper = require "perilune.paper"

paper.figure {
  name = "fig05_quality", arguments = arg,
  question = "Do better responses in the data close the gap?",
  found = "Rejected: pairs of the final online policy gain a little over the start and stay low.",
  variants = function(make) return { make.online(), make.between(1, 1), make.offline() } end,
  claims = function(claims)
    return {
      claims.peak("online", "end against end", { paper = "Online stays far above it." }),
      claims.peak("end against end", "offline",
        { expect = "below", paper = "It is no better than pairs of the start." }),
      claims.on_average("online", "end against end", { paper = "The same at equal KL." }),
    }
  end,
}
