--- Data of a moderately trained policy, and of the start: the claims of `lit3_warm_up`.
--
-- Tang et al. 2024, arXiv:2405.08448, fig. 12; arXiv:2605.21266.
local options = require "perilune.options"

local warm_up = {}

local moderate <const> = "arXiv:2605.21266"
local fifth <const>, last <const> = "0.2 against 0.2", "end against end"
local mixture <const> = "half golden, half end against end"

--- The claims of `lit3_warm_up`: pairs of a fifth of the online run against those of the start and of its
-- end, and what a side of the start gives. `make` is align.claims.
--
--   > local list = require "perilune.paper.reading.warm_up".claims(require "perilune.align.claims")
--   > #list, list[1].by, list[4].paper
--   7	arXiv:2605.21266	A side of the start helps.
function warm_up.claims(make)
  return {
    make.peak(fifth, "offline, one setting",
      { by = moderate, paper = "A short warm-up beats pairs of the start." }),
    make.peak(fifth, last, { by = moderate, paper = "Too long a warm-up hurts." }),
    make.peak("0.6 against 0.6", last, { name = "three fifths less the end" }),
    make.peak("start against 0.2", fifth, { paper = "A side of the start helps." }),
    make.peak("start against end", last, { paper = "A side of the start helps, with the end." }),
    make.peak(mixture, last, { name = "half of the pairs by the start, in place of one side of each" }),
    make.peak(mixture, "start against end",
      { expect = "equal", name = "a mixture of pairs less pairs of a mixture" }),
  }
end

return options.strict("paper.reading.warm_up", warm_up)
