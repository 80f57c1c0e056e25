--- Does the gap come from the contrast of the loss?
--
-- Tang et al. 2024, arXiv:2405.08448, fig. 9, hypothesis 4.
--
-- Best-of-2 trains on the better response of each pair alone: no rejected response, no reference. IPO is
-- beside it. Nothing in the loss holds the policy near the start: at the online rate of IPO it leaves it by
-- hundreds of nats and the text breaks, so online best-of-2 and the replay of its data have a sixth of it.
-- Claims are of one setting a side; offline best-of-2 pooled over the rates is a curve beside them.
--
--   perilune scripts/paper/fig09_bo2.lua [--task arena] [--quick]
--
-- Cost: 7 runs a repetition on `sentiment`, 4 after fig01_tradeoff; 9 s of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): best-of-2 online less offline
-- is 0.125 [0.000, 0.267] at the peak, online less shuffled 0.04 [-0.06, 0.13]. IPO's peak is higher by 0.31
-- [0.18, 0.45].
local paper = require "perilune.paper"
local exceptions = require "perilune.paper.reading.exceptions"

paper.figure {
  name = "fig09_bo2", arguments = arg,
  question = "Does a loss without a rejected response close the gap?",
  found = "Mostly rejected: the gap stays on two tasks of three; shuffled online data nearly match online.",
  variants = function(make, o)
    local bo2 = paper.variants.bo2(o)
    return {
      bo2.online(), bo2.replay "all", bo2.offline_one(), bo2.offline(),
      make.online(), make.offline_one(), make.online_gold(),
    }
  end,
  claims = function(claims, o)
    local one = "bo2 offline, one setting"
    local gap = exceptions.of(o.task, "online over offline, best-of-2",
      { paper = "The gap stays for best-of-2." })
    return {
      claims.peak("bo2 online", one, gap),
      claims.on_average("bo2 online", one, gap),
      claims.peak("bo2 online", "bo2 offline", { name = "the same against offline pooled over its rates" }),
      claims.peak("bo2 online", "bo2 shuffled",
        { expect = "equal", paper = "Shuffled data nearly match online: here coverage explains it." }),
      claims.peak("online", "bo2 online", { name = "the peak of IPO less that of best-of-2, online" }),
      claims.peak("online", "offline, one setting", { name = "the gap of IPO beside it" }),
    }
  end,
}
