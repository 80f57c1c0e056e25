--- What the order of an online run's data is worth to a loss: the claims of `lit1_losses`.
--
-- Tang et al. 2024, arXiv:2405.08448, figs. 4 and 9.
local exceptions = require "perilune.paper.reading.exceptions"
local options = require "perilune.options"

local orders = {}

--- The claims of `lit1_losses`: what shuffling costs IPO less what it costs best-of-2, and each of the two.
-- `make` is align.claims.
--
--   > local list = require "perilune.paper.reading.orders".claims(require "perilune.align.claims",
--   >>   { task = "arena" })
--   > #list, list[2].expect, list[2].paper
--   5	equal	On the arena shuffled data get close to online.
function orders.claims(make, o)
  return {
    make.interaction({ "online", "shuffled", "bo2 online", "bo2 shuffled" }, {
      name = "what shuffling costs IPO at the peak, less what it costs best-of-2",
      paper = "Shuffling costs IPO more than best-of-2.",
    }),
    make.peak("online", "shuffled", exceptions.of(o.task, "online over shuffled",
      { paper = "Shuffled data stay far below online." })),
    make.peak("bo2 online", "bo2 shuffled",
      { expect = "equal", paper = "Shuffled data nearly match online: here coverage explains it." }),
    make.on_average("online", "shuffled", { name = "IPO in order less shuffled, at equal KL" }),
    make.on_average("bo2 online", "bo2 shuffled",
      { name = "best-of-2 in order less shuffled, at equal KL" }),
  }
end

return options.strict("paper.reading.orders", orders)
