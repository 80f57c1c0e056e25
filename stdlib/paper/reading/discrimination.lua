--- How each method tells chosen from rejected responses: the claims of `fig08_discrimination`.
--
-- Tang et al. 2024, arXiv:2405.08448, fig. 8. Findings are those of `paper.reading.accuracy.after`.
local golden_pairs = require "perilune.paper.reading.golden_pairs"
local options = require "perilune.options"

local discrimination = {}

local offline <const> = "offline, one setting"

--- The options of a claim that a log-ratio, or a difference of two, is below 0.
local function falls(text, unit) return { expect = "below", unit = unit, paper = text } end

--- The claims of `fig08_discrimination`: the accuracy on golden pairs, the log-ratios of their chosen and
-- rejected responses, and the accuracy on own pairs. `make` is align.claims.
--
--   > local discrimination = require "perilune.paper.reading.discrimination"
--   > local list = discrimination.claims(require "perilune.align.claims")
--   > #list, list[7].unit, list[7].paper
--   12	nats	It falls steepest offline.
function discrimination.claims(make)
  local at_end, less, own = golden_pairs.at_end, golden_pairs.less, golden_pairs.own
  return {
    at_end(make, offline, "accuracy", { paper = "Offline's accuracy rises." }),
    at_end(make, "online", "accuracy",
      { expect = "not above", margin = 0.1, paper = "Online's accuracy stays near 0.5 or below." }),
    at_end(make, "shuffled", "accuracy",
      { expect = "not above", margin = 0.1, paper = "So does that of shuffled data." }),
    at_end(make, offline, "chosen", falls "The chosen response becomes less likely offline."),
    at_end(make, "online", "chosen", falls "The same online."),
    at_end(make, "shuffled", "chosen", falls "The same of shuffled data."),
    less(make, "log-ratio of chosen offline less that online at the end",
      { offline, "chosen" }, { "online", "chosen" }, falls("It falls steepest offline.", "nats")),
    at_end(make, offline, "rejected", falls "The rejected response falls too."),
    less(make, "log-ratio of rejected less that of chosen, offline at the end",
      { offline, "rejected" }, { offline, "chosen" }, falls("Losers fall further.", "nats")),
    own(make, "online"), own(make, "shuffled"), own(make, offline),
  }
end

return options.strict("paper.reading.discrimination", discrimination)
