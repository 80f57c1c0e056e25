--- Does the gap depend on what the labels are?
--
-- Tang et al. 2024, arXiv:2405.08448, a check the conclusion asks for.
--
-- Both sides learn from the same labels: gold's, a fifth of them flipped, two objectives (content and text,
-- elsewhere gold and brevity) as a sum with equal weights or one before the other, and a third of the pairs
-- ordered in a circle. Win rates are gold's. Ties are drawn anew where pairs are labelled again, so "exact"
-- differs from oq1_gold in a few pairs.
--
--   perilune scripts/paper/nc1_rewards.lua [--task arena] [--quick]
--
-- Cost: 10 runs a repetition on `sentiment`; 13 s of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): the gap at the peak is 0.42
-- [0.30, 0.55] with exact labels, 0.18 [0.11, 0.25] with noisy ones, 0.41 [0.28, 0.53] with two objectives,
-- 0.49 [0.38, 0.59] with one before the other, 0.30 [0.20, 0.41] with circular ones.
local paper = require "perilune.paper"
local gaps = require "perilune.paper.reading.gaps"
local rewards = require "perilune.paper.rewards"

paper.figure {
  name = "nc1_rewards", arguments = arg,
  question = "Does the gap depend on what the labels are?",
  found = "Not run in the paper.",
  notes = { "The proxy's win rate and accuracy are of the task's own proxy, which labels nothing here." },
  variants = rewards.variants, claims = gaps.claims,
}
