--- Is it the data that an online run saw, or the order in which it saw them?
--
-- Tang et al. 2024, arXiv:2405.08448, fig. 4, hypothesis 1.
--
-- The online run's responses and labels, token for token, are trained on offline in a shuffled order: the
-- same coverage of responses, but not the policy's own at each step. Claims are on offline data with the same
-- setting; offline pooled over the sweep, as in the paper, is a curve beside it. The paper pools the shuffled
-- data over rates and betas too; here they have the one setting of the online run.
--
--   perilune scripts/paper/fig04_coverage.lua [--task summary] [--quick]
--
-- Cost: 10 runs a repetition on `sentiment`, 2 after fig01_tradeoff; 8 s of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): shuffled, the online run's
-- data lose 0.18 [0.16, 0.20] at the peak and 0.07 [0.05, 0.10] at equal KL. Over offline data they gain
-- nothing at equal KL: -0.04 [-0.09, 0.01].
local paper = require "perilune.paper"
local exceptions = require "perilune.paper.reading.exceptions"

paper.figure {
  name = "fig04_coverage", arguments = arg,
  question = "Does the coverage of the online run's data explain the gap?",
  found = "Rejected: shuffled, the same data gain little over offline data, except on one task.",
  notes = { "Shuffled data have online's one setting; the paper pools them over rates and betas." },
  variants = function(make)
    return {
      make.online(), make.replay(1), make.replay "all", make.offline_one(), make.offline(),
      make.online_gold(),
    }
  end,
  claims = function(claims, o)
    local one = "offline, one setting"
    local of_online = exceptions.of(o.task, "online over shuffled",
      { paper = "Shuffled data stay far below online." })
    return {
      claims.on_average("online", "in order", { expect = "equal", margin = 0.001,
        paper = "Offline training on the data in order is the online run." }),
      claims.peak("online", "shuffled", of_online),
      claims.on_average("online", "shuffled", of_online),
      claims.peak("shuffled", one, exceptions.of(o.task, "shuffled over offline",
        { expect = "equal", paper = "Shuffled data gain little over offline data." })),
      claims.on_average("shuffled", one, { name = "shuffled less offline at equal KL, one setting a side" }),
    }
  end,
}
