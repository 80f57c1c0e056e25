--- Which law does over-optimisation follow?
--
-- Tang et al. 2024, arXiv:2405.08448, Gao et al. 2023, arXiv:2210.10760.
--
-- With d the square root of the KL and R the gain of win rate over the start, R = d (a - b d) and
-- R = d (a - b log d) are fitted to the checkpoints of online, of offline, and to best-of-n by the proxy.
--
--   perilune scripts/paper/overopt.lua [--task arena] [--quick]
--
-- Cost: 2 runs a repetition on `sentiment`; 7 s of processor time at --smoke.
-- Measured on `sentiment` (bf16): no law is told from the other; their errors differ by 0.002 [-0.002, 0.006]
-- online, 0.000 [-0.003, 0.003] offline and 0.003 [0.000, 0.006] for best-of-n.
local paper = require "perilune.paper"
local laws = require "perilune.paper.laws"

paper.figure {
  name = "overopt", arguments = arg,
  question = "Which law does over-optimisation follow, for best-of-n and each algorithm?",
  found = "Gao et al.: d (a - b d) for best-of-n, d (a - b log d) for reinforcement learning.",
  variants = function(make) return { make.online(), make.offline_one() } end,
  after = laws.best_of_n, section = laws.section, claims = laws.claims,
}
