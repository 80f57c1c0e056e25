--- Is it steps or nats between renewals that make data old?
--
-- Tang et al. 2024, arXiv:2405.08448, fig. 13: batches of an online run that are shuffled within windows of
-- 500 hurt; nothing is renewed there. Lanchantin et al. 2025, arXiv:2506.21495: renewal every 100 steps costs
-- nothing on mathematics, and is unstable on chat. Learning rates differ by a factor of 20.
--
-- Renewal every s steps at two learning rates, a factor of 3 apart: the same number of steps is then another
-- drift of the policy from the one that wrote. If drift is what counts, the loss of win rate goes with the
-- age of the data in nats better than with that in steps.
--
--   perilune scripts/paper/lit2_drift.lua [--every 1,16,60,240] [--task arena] [--quick]
--
-- Cost: 9 runs a repetition on `sentiment`, 4 after oq3_refresh; 9 s of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): not resolved, the correlation
-- with nats is larger by 0.06 [-0.47, 0.59]. Data of up to 240 steps cost 0.09 [-0.01, 0.20] at the peak, at
-- a third of the rate 0.02 [-0.07, 0.09].
local paper = require "perilune.paper"
local refresh = require "perilune.paper.refresh"
local renewals = require "perilune.paper.reading.renewals"

paper.figure {
  name = "lit2_drift", arguments = arg,
  question = "Is it steps or nats between renewals that make data old?",
  found = "Shuffling within windows of 500 of 4,000 batches hurts. Lanchantin et al.: renewal every 100 "
    .. "steps costs nothing on mathematics, and is unstable on chat.",
  options = { { "every", "1,16,60,240", "steps between renewals, separated by commas",
    smoke = "1,2,3", quick = "1,16,60" } },
  variants = function(make, o)
    local list = refresh.at_two_rates(make, o)
    list[#list + 1] = make.online_gold()
    list[#list].panel = list[1].panel
    return list
  end,
  claims = renewals.claims_of_drift,
  section = renewals.section,
}
