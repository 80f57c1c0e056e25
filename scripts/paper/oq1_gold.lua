--- Do exact labels remove the fall, and does the gap stay?
--
-- Tang et al. 2024, arXiv:2405.08448, an open question of the conclusion.
--
-- One factor at a time: who labels (gold or proxy), who writes (the policy or the start), and how many labels
-- there are: online has a new one for every pair of a step, offline reads its golden pairs again. "fresh
-- pairs of the start" are as many as online's.
--
--   perilune scripts/paper/oq1_gold.lua [--task arena] [--quick]
--
-- Cost: 5 runs a repetition on `sentiment`, 2 after fig01_tradeoff; 9 s of processor time at --smoke.
-- Measured in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4). On `sentiment`: with gold's labels on both
-- sides the gap is 0.42 [0.29, 0.56] at the peak and 0.11 [0.07, 0.14] at equal KL, with as many labels of
-- the start's responses 0.41 [0.30, 0.54] and 0.11 [0.08, 0.14], with the proxy's 0.16 [-0.04, 0.35] at the
-- peak. On `arena` the first two are 0.23 [0.15, 0.31] and 0.23 [0.13, 0.34] at the peak; exact labels take
-- 0.38 [0.09, 0.61] from online's fall, and leave none, -0.10 [-0.23, 0.01].
local paper = require "perilune.paper"
local exact_labels = require "perilune.paper.reading.exact_labels"
local sources = require "perilune.align.sources"

paper.figure {
  name = "oq1_gold", arguments = arg,
  question = "Do exact labels remove the fall, and does the gap stay?",
  found = "Not run in the paper: its golden policy, online against gold, is only the opponent.",
  variants = function(make)
    return {
      make.online(), make.online_gold(), make.offline_one(),
      make.of("offline by proxy", function(stage, run)
        return sources.offline(sources.relabel(stage.golden_pairs, stage.proxy),
          { batch = run.batch, seed = run.seed })
      end),
      make.of("fresh pairs of the start", function(stage, run)
        return stage:online(run, { judge = stage.gold, lag = math.huge })
      end),
    }
  end,
  claims = exact_labels.claims,
}
