--- How much of online's fall is the proxy's, and does the gap need the proxy's errors?
--
-- Tang et al. 2024, arXiv:2405.08448, sec. 5.3: the proxy's accuracy decays as the policy drifts. Gao et al.
-- 2023, arXiv:2210.10760: the fall is the proxy's. Rafailov et al. 2024, arXiv:2406.02900: offline algorithms
-- fall without a proxy.
--
-- The fall of online labelled by the proxy beside that labelled by gold, and that of offline on gold's
-- labels: what is left with exact labels is not the proxy's.
--
--   perilune scripts/paper/lit5_labels.lua [--task arena] [--quick]
--
-- Cost: 3 runs a repetition on `sentiment`, none after fig01_tradeoff; 7 s of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): with exact labels on both
-- sides the gap at the peak is 0.42 [0.29, 0.56], and offline falls by 0.059 [0.004, 0.111]. Online still
-- rises after 720 steps in four repetitions of five, so what the proxy adds to a fall is not measured.
local paper = require "perilune.paper"

local gao <const> = "Gao et al. 2023"

paper.figure {
  name = "lit5_labels", arguments = arg,
  question = "How much of online's fall is the proxy's, and does the gap need the proxy's errors?",
  found = "Gao et al.: the fall is the proxy's. Rafailov et al.: offline falls without one.",
  variants = function(make) return { make.online(), make.online_gold(), make.offline_one() } end,
  claims = function(claims)
    local function proxy_win(point) return point.proxy_win end
    return {
      claims.falls("online", "online by gold", { by = gao, paper = "The fall is the proxy's." }),
      claims.since_peak("online", "the proxy's own win rate", proxy_win,
        { name = "the proxy's own win rate while gold's falls", margin = 0.01,
          by = gao, paper = "The proxy goes on rising while gold falls." }),
      claims.meanwhile("online by gold", "online",
        { expect = "not above", name = "the fall that is left with exact labels, over the same steps" }),
      claims.fall("offline, one setting",
        { by = "Rafailov et al. 2024", paper = "Offline falls without a proxy." }),
      claims.peak("online by gold", "offline, one setting",
        { name = "the gap with exact labels on both sides" }),
    }
  end,
}
