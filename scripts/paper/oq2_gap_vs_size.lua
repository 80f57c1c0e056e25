--- How does the gap depend on the size of the policy, and what does that say of larger ones?
--
-- Tang et al. 2024, arXiv:2405.08448, sec. 5.5, an open question of the conclusion.
--
-- The runs are those of fig10_scale. A line through the gap of best possible performance by the logarithm of
-- the parameters, and a parabola beside it, are read at 4, 16 and 64 times the largest size, with intervals
-- over repetitions: where the two differ, the sizes that were trained say nothing of larger ones.
--
--   perilune scripts/paper/oq2_gap_vs_size.lua [--sizes tiny,small,medium] [--task arena] [--quick]
--
-- Cost: 8 runs a repetition on `sentiment`, none after fig10_scale; 7 s of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): the gap grows by 0.01
-- [-0.03, 0.06] with each doubling, which is not resolved; at 16 times the largest size the line is at 0.17
-- [-0.26, 0.61].
local paper = require "perilune.paper"
local growth = require "perilune.paper.reading.growth"
local scale = require "perilune.paper.scale"
local sizes = require "perilune.paper.reading.sizes"

paper.figure {
  name = "oq2_gap_vs_size", arguments = arg,
  question = "How does the gap depend on the size of the policy, and what does that say of larger ones?",
  found = "The gap between online and offline shrinks slowly over a factor of 16, and may level off.",
  options = { { "sizes", "tiny,small,medium,large", "sizes of the policy, separated by commas",
    smoke = "tiny,small", quick = "tiny,medium" }, scale.steps },
  variants = scale.variants,
  after = sizes.after, section = growth.section,
  claims = growth.claims,
}
