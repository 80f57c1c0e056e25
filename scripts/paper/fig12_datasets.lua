--- Which pairs of writers make good offline data?
--
-- Tang et al. 2024, arXiv:2405.08448, fig. 12.
--
-- Offline data of which one side is written by one checkpoint of the online run, the other by another, all
-- ordered by gold: D_a-vs-b. 0.2 is a fifth of the run, as 800 of the paper's 4,000 steps: "start against
-- 0.2" is D_sft-vs-800, "0.2 against end" D_800-vs-4k, "end against end" D_4k-vs-4k. A mixture, half golden
-- pairs and half of the end, is beside them.
--
--   perilune scripts/paper/fig12_datasets.lua [--task summary] [--quick]
--
-- Cost: 8 runs a repetition on `sentiment`, 4 after fig01_tradeoff and fig05_quality; 10 s of processor time
-- at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): a side of the start helps by
-- 0.086 [0.002, 0.180]; golden pairs mixed into pairs of the end give 0.22 [0.11, 0.32].
local paper = require "perilune.paper"

paper.figure {
  name = "fig12_datasets", arguments = arg,
  question = "Does contrast between the two writers help, or their quality, or the start among them?",
  found = "A side written by the start helps; contrast alone and quality alone do not.",
  notes = { "\"start against 0.2\" is the paper's D_sft-vs-800, \"0.2 against end\" D_800-vs-4k, \"end "
    .. "against end\" D_4k-vs-4k, \"offline, one setting\" D_golden; the others are not in the paper." },
  variants = function(make)
    return {
      make.online(), make.between(0, 0.2), make.between(0.2, 1), make.between(1, 1), make.between(0, 1),
      make.mixed(1, 1), make.offline_one(), make.online_gold(),
    }
  end,
  claims = function(claims)
    return {
      claims.peak("start against 0.2", "0.2 against end", { paper = "A side of the start helps." }),
      claims.peak("0.2 against end", "end against end",
        { expect = "equal", paper = "Contrast alone does not help." }),
      claims.peak("0.2 against end", "offline, one setting",
        { expect = "not above", paper = "Quality does not help over pairs of the start." }),
      claims.peak("start against 0.2", "offline, one setting",
        { name = "D_sft-vs-800 less golden pairs, which in the paper depends on the dataset" }),
      claims.peak("half golden, half end against end", "end against end",
        { name = "golden pairs mixed into pairs of the end" }),
    }
  end,
}
