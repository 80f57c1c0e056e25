--- What exact labels change of the fall and of the gap: the claims of `oq1_gold`.
--
-- Tang et al. 2024, arXiv:2405.08448, an open question of the conclusion.
local options = require "perilune.options"

local exact_labels = {}

local by_gold <const>, one <const> = "online by gold", "offline, one setting"
local by_proxy <const>, fresh <const> = "offline by proxy", "fresh pairs of the start"

--- The claims of `oq1_gold`: the fall without the proxy's errors, and the gap with exact labels, with as many
-- of them, and with the proxy's. `make` is align.claims.
--
--   > local exact_labels = require "perilune.paper.reading.exact_labels"
--   > local list = exact_labels.claims(require "perilune.align.claims")
--   > #list, list[3].expect, list[3].name
--   11	not above	the fall that is left, over the same steps
function exact_labels.claims(make)
  return {
    make.fall("online", { name = "online by proxy falls" }),
    make.falls("online", by_gold, { name = "what exact labels take from the fall" }),
    make.meanwhile(by_gold, "online",
      { expect = "not above", name = "the fall that is left, over the same steps" }),
    make.peak(by_gold, one, { name = "the gap with exact labels, at the peak" }),
    make.on_average(by_gold, one, { name = "the gap with exact labels, at equal KL" }),
    make.peak(by_gold, fresh, { name = "the gap with as many exact labels, at the peak" }),
    make.on_average(by_gold, fresh, { name = "the gap with as many exact labels, at equal KL" }),
    make.peak(fresh, one, { name = "what more exact labels give offline" }),
    make.peak("online", by_proxy, { name = "the gap with the proxy's labels on both sides" }),
    make.peak(one, by_proxy, { name = "what exact labels give offline" }),
    make.peak(by_gold, "online", { name = "what exact labels give online" }),
  }
end

return options.strict("paper.reading.exact_labels", exact_labels)
