--- Is it the quality of the data?
--
-- Tang et al. 2024, arXiv:2405.08448, fig. 5, hypothesis 2.
--
-- Offline training on pairs whose responses are both the final online policy's, ordered by gold: D_4k-vs-4k.
-- Claims are on offline data with the same setting; offline pooled over the sweep is a curve beside it.
--
--   perilune scripts/paper/fig05_quality.lua [--task summary] [--quick]
--
-- Cost: 9 runs a repetition on `sentiment`, 1 after fig01_tradeoff; 7 s of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): the peak of pairs of the end
-- is 0.14 [0.07, 0.22] above the start, below online's by 0.34 [0.11, 0.55], below that of pairs of the start
-- by 0.16 [0.01, 0.32], and below that of offline pooled by 0.20 [0.14, 0.27].
local paper = require "perilune.paper"
local against = require "perilune.paper.reading.against"

paper.figure {
  name = "fig05_quality", arguments = arg,
  question = "Do better responses in the data close the gap?",
  found = "Rejected: pairs of the final online policy gain a little over the start and stay low.",
  notes = { "\"end against end\" is the paper's D_4k-vs-4k, \"offline, one setting\" its D_golden." },
  variants = function(make)
    return { make.online(), make.between(1, 1), make.offline_one(), make.offline(), make.online_gold() }
  end,
  claims = function(claims)
    local ends = "end against end"
    return {
      claims.peak("online", ends, { paper = "Online stays far above it." }),
      claims.on_average("online", ends, { paper = "The same at equal KL." }),
      against.start(claims, ends, { margin = 0.02, paper = "It gains a little over the start." }),
      against.writer(claims, ends, "online",
        { expect = "below", paper = "It stays below the policy that wrote it." }),
      claims.peak(ends, "offline, one setting",
        { expect = "not above", paper = "It is no better than pairs of the start." }),
      claims.peak(ends, "offline",
        { expect = "not above", name = "the same against offline pooled over its sweep" }),
    }
  end,
}
