--- Is it the data that an online run saw, or the order in which it saw them?
--
-- Tang et al. 2024, arXiv:2405.08448, fig. 4, hypothesis 1.
--
-- The online run's responses and labels, token for token, are trained on offline in a shuffled order: the
-- same coverage of responses, but not the policy's own at each step.
--
--   perilune scripts/paper/fig04_coverage.lua [--task summary] [--quick]
--
-- Cost: 9 runs a repetition on `sentiment`; 8 s of processor time at --smoke.
-- Measured on `sentiment`: shuffled, the online run's data lose 0.30 [0.08, 0.44] at the peak and 0.23 [0.17,
-- 0.30] at equal KL.
local paper = require "perilune.paper"

paper.figure {
  name = "fig04_coverage", arguments = arg,
  question = "Does the coverage of the online run's data explain the gap?",
  found = "Rejected: shuffled, the same data gain little over offline data, except on one task.",
  variants = function(make) return { make.online(), make.replay(1), make.replay "all", make.offline() } end,
  claims = function(claims)
    return {
      claims.on_average("online", "in order", { expect = "equal", margin = 0.001,
        paper = "Offline training on the data in order is the online run." }),
      claims.peak("online", "shuffled", { paper = "Shuffled data stay far below online." }),
      claims.on_average("online", "shuffled", { paper = "The same at equal KL." }),
      claims.peak("shuffled", "offline", { expect = "equal",
        paper = "Shuffled data gain little over offline data." }),
    }
  end,
}
