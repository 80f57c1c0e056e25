--- Which law does over-optimisation follow?
--
-- Tang et al. 2024, arXiv:2405.08448, Gao et al. 2023, arXiv:2210.10760.
--
-- With d the square root of the KL and R the gain of win rate over the start, R = d (a - b d) and
-- R = d (a - b log d) are fitted to the checkpoints of IPO and DPO, online and offline, of online best-of-2,
-- and to best-of-n by the proxy. A law is judged by repetitions that were left out of its fit.
--
--   perilune scripts/paper/overopt.lua [--task arena] [--quick]
--
-- Cost: 7 runs a repetition on `sentiment`, none after fig01_tradeoff, fig09_bo2 and lit6_online_kl; 7 s of
-- processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4), errors of repetitions that
-- were left out: that of d (a - b d) is smaller by 0.003 [0.000, 0.006] offline; the two differ by 0.000
-- [-0.005, 0.005] online and by -0.000 [-0.001, 0.001] for best-of-n.
local paper = require "perilune.paper"
local laws = require "perilune.paper.reading.laws"

paper.figure {
  name = "overopt", arguments = arg,
  question = "Which law does over-optimisation follow, for best-of-n and each algorithm?",
  found = "Gao et al.: d (a - b d) for best-of-n, d (a - b log d) for reinforcement learning.",
  variants = function(make, o)
    local dpo, bo2 = paper.variants.of(o, "dpo"), paper.variants.bo2(o)
    return {
      make.online(), make.offline_one(), make.online_gold(), dpo.online(), dpo.offline_one(), bo2.online(),
      bo2.offline_one(),
    }
  end,
  after = laws.best_of_n, section = laws.section, claims = laws.claims,
}
