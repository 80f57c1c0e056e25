--- Does the gap close with the size of the policy?
--
-- Tang et al. 2024, arXiv:2405.08448, figs. 10, 11 and 14, hypothesis 5.
--
-- Four sizes of the policy, a factor of 72 apart in all on `sentiment` and of 127 to 145 on other tasks, with
-- one proxy; at each size online, offline, and the online run's data in another order. Best possible
-- performance, after 480 steps on `sentiment`, is the 90 % quantile of the win rates of all checkpoints,
-- relative to online's in fig. 11 and absolute in fig. 14. Noise raises a quantile. oq2_gap_vs_size fits a
-- curve to the same runs.
--
--   perilune scripts/paper/fig10_scale.lua [--sizes tiny,small] [--task arena] [--quick]
--
-- Cost: 12 runs a repetition on `sentiment`; 8 s of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): the gap of best possible
-- performance is 0.00 [-0.01, 0.01], 0.11 [0.04, 0.19], 0.14 [-0.05, 0.28] and 0.08 [-0.24, 0.31] from tiny
-- to large, that to shuffled data 0.00 [0.00, 0.01], 0.11 [0.07, 0.15], 0.16 [0.14, 0.19] and 0.24
-- [0.10, 0.36].
local paper = require "perilune.paper"
local scale = require "perilune.paper.scale"
local size_figures = require "perilune.paper.reading.size_figures"
local sizes = require "perilune.paper.reading.sizes"

paper.figure {
  name = "fig10_scale", arguments = arg,
  question = "Does the gap close with the size of the policy?",
  found = "Rejected: larger policies win more at similar KL, online and offline; the gap shrinks slowly.",
  options = { { "sizes", "tiny,small,medium,large", "sizes of the policy, separated by commas",
    smoke = "tiny,small", quick = "tiny,medium" }, scale.steps },
  variants = function(make, o) return scale.variants(make, o, true) end,
  after = sizes.after, section = size_figures.section, claims = sizes.claims,
}
