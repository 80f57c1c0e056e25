--- Do data of a moderately trained policy beat those of the start, and need a side of the start?
--
-- Tang et al. 2024, arXiv:2405.08448, fig. 12: a side written by the start is what helps. 2605.21266:
-- data of a moderate warm-up are best, too long a warm-up hurts.
--
-- D_a-vs-b over the online run, a and b a fifth, three fifths and the end of it, with and without a side of
-- the start, and a mixture: half golden pairs, half of the end. All are ordered by gold. "start against 0.2"
-- is the paper's D_sft-vs-800, "end against end" D_4k-vs-4k; the others are not in it.
--
--   perilune scripts/paper/lit3_warm_up.lua [--task arena] [--quick]
--
-- Cost: 9 runs a repetition on `sentiment`, 2 after fig12_datasets; 11 s of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): that pairs of a fifth of the
-- run are better than the start's is not resolved, 0.02 [-0.10, 0.11]; they are better than pairs of its end
-- by 0.18 [0.12, 0.24]. A side of the start helps pairs of the end by 0.11 [0.03, 0.19].
local paper = require "perilune.paper"
local warm_up = require "perilune.paper.reading.warm_up"

paper.figure {
  name = "lit3_warm_up", arguments = arg,
  question = "Do data of a moderately trained policy beat those of the start, and need a side of the start?",
  found = "Tang et al.: a side of the start helps. Others: a short warm-up is best, a long one hurts.",
  notes = { "\"start against 0.2\" is the paper's D_sft-vs-800, \"end against end\" D_4k-vs-4k, \"offline, "
    .. "one setting\" D_golden; the others are not in the paper." },
  variants = function(make)
    return {
      make.online(), make.offline_one(), make.between(0.2, 0.2), make.between(0.6, 0.6), make.between(1, 1),
      make.between(0, 0.2), make.between(0, 1), make.mixed(1, 1), make.online_gold(),
    }
  end,
  claims = warm_up.claims,
}
