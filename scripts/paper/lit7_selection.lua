--- Does the gap stay where both sides are selected alike?
--
-- Tang et al. 2024, arXiv:2405.08448, fig. 1, pools offline runs over up to 18 settings and has one setting
-- online: the best of several noisy runs favours offline, and at one KL the settings differ.
--
-- Both sides with one setting, and both pooled over the same rates and betas: what pooling gives each side,
-- and the gap with equal selection. What choosing the highest of all points would add is beside it, and the
-- curve of online labelled by gold.
--
--   perilune scripts/paper/lit7_selection.lua [--task arena] [--quick]
--
-- Cost: 13 runs a repetition on `sentiment`, none after fig01_tradeoff; 7 s of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): with one setting a side online
-- is ahead by 0.18 [-0.10, 0.43] at the peak, with the same six by 0.20 [-0.09, 0.43]; at equal KL by 0.04
-- [-0.01, 0.08] and 0.08 [-0.02, 0.16].
local paper = require "perilune.paper"

paper.figure {
  name = "lit7_selection", arguments = arg,
  question = "Does the gap stay where both sides are selected alike?",
  found = "Offline was pooled over its sweep, online had one setting.",
  variants = function(make)
    return { make.online(), make.offline_one(), make.online_pooled(), make.offline(), make.online_gold() }
  end,
  claims = function(claims)
    local one = "offline, one setting"
    return {
      claims.peak("offline", one, { name = "what pooling gives offline's peak" }),
      claims.peak("online, pooled", "online", { name = "what pooling gives online's peak" }),
      claims.peak("online", one, { paper = "Online writes better with one setting a side." }),
      claims.peak("online, pooled", "offline", { name = "the same sweep on both sides, at the peak" }),
      claims.on_average("online", one, { name = "at equal KL, one setting a side" }),
      claims.on_average("online, pooled", "offline", { name = "at equal KL, the same sweep a side" }),
      claims.peak("online", "offline", { name = "the gap by the paper's protocol" }),
      claims.pooling("offline", { name = "what a plain maximum would add to offline's pooled peak" }),
      claims.pooling("online, pooled", { name = "what a plain maximum would add to online's pooled peak" }),
    }
  end,
}
