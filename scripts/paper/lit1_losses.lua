--- Does the loss decide whether an online run's data must come in order?
--
-- Tang et al. 2024, arXiv:2405.08448, figs. 4 and 9: shuffled, the data of an online run lose most of its
-- gain with IPO and hardly any with best-of-2. Of how many runs is not reported.
--
-- Order (as it came, or shuffled) times loss (IPO, best-of-2): the claim is on the difference of the two
-- differences, which neither figure tests. Online IPO labelled by gold is a curve beside them. Other tasks
-- and other sizes of the policy are a call each. Best-of-2 has a sixth of IPO's rate: nothing in its loss
-- holds the policy near the start, and at IPO's rate it leaves it by hundreds of nats.
--
--   perilune scripts/paper/lit1_losses.lua [--task arena] [--of tiny] [--quick]
--
-- Cost: 5 runs a repetition on `sentiment`, none after fig04_coverage and fig09_bo2; 7 s of processor time
-- at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): the order is worth 0.18 [0.16,
-- 0.20] at the peak to IPO, 0.04 [-0.06, 0.13] to best-of-2, a difference of 0.14 [0.04, 0.24].
local paper = require "perilune.paper"
local orders = require "perilune.paper.reading.orders"
local stages = require "perilune.paper.stages"

paper.figure {
  name = "lit1_losses", arguments = arg,
  question = "Does the loss decide whether an online run's data must come in order?",
  found = "IPO needs the order, best-of-2 does not, on two or three tasks.",
  options = { { "of", "", "size of the policy, one of fig10_scale's; unless given the task's own" } },
  variants = function(make, o)
    local bo2 = paper.variants.bo2(o)
    return stages.at_size(o.of,
      { make.online(), make.replay "all", bo2.online(), bo2.replay "all", make.online_gold() })
  end,
  claims = orders.claims,
}
