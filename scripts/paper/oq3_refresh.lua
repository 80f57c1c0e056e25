--- How often must offline data be renewed?
--
-- Tang et al. 2024, arXiv:2405.08448, an open question of the conclusion.
--
-- The policy that writes is renewed every s steps: 1 is online, never is offline on the start's responses.
-- Lanchantin et al. 2025, arXiv:2506.21495, found s = 10 about as good as 1; s = 100 was so on mathematics
-- alone, and unstable on chat. The answer is the rarest renewal that, as all more frequent ones, loses less
-- than 0.05 at equal KL, in steps and in nats of drift, over draws of repetitions and prompts.
--
--   perilune scripts/paper/oq3_refresh.lua [--every 1,16,never] [--task arena] [--quick]
--
-- Cost: 7 runs a repetition on `sentiment`, 6 after fig01_tradeoff; 6 s of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): renewal every 16 steps (16 to
-- 60) is the rarest that loses less than 0.05 at equal KL from 2 nats on; its data are 0.5 [0.5, 2.4] nats
-- old. Never renewed loses 0.172 [0.003, 0.349] at the peak.
local paper = require "perilune.paper"
local refresh = require "perilune.paper.refresh"
local renewals = require "perilune.paper.reading.renewals"

paper.figure {
  name = "oq3_refresh", arguments = arg,
  question = "How often must offline data be renewed to match online?",
  found = "Offline with data renewed again and again is online; how often was left open.",
  options = { { "every", "1,4,16,60,240,never", "steps between renewals, separated by commas",
    smoke = "1,never", quick = "1,16,never" } },
  variants = function(make, o)
    local list = refresh.variants(make, o)
    list[#list + 1] = make.online_gold()
    return list
  end,
  claims = renewals.claims, section = renewals.section,
}
