--- What does each method do to the golden pairs?
--
-- Tang et al. 2024, arXiv:2405.08448, fig. 8.
--
-- Accuracy of the policy as a classifier of 256 golden pairs, the log-ratios of their chosen and rejected
-- responses to the start, and the accuracy on pairs of the policy's own, over all checkpoints. Online
-- labelled by gold is a curve beside the paper's three.
--
--   perilune scripts/paper/fig08_discrimination.lua [--task summary] [--quick]
--
-- Cost: 4 runs a repetition on `sentiment`, none after fig04_coverage; 10 s of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): the log-ratio of chosen
-- responses ends at -7.9 [-8.5, -7.3] nats offline and at -11.1 [-13.4, -8.8] online, that of rejected ones
-- offline at -14.0 [-14.5, -13.4].
local paper = require "perilune.paper"
local accuracy = require "perilune.paper.reading.accuracy"
local discrimination = require "perilune.paper.reading.discrimination"

local labels <const> = { "online", "shuffled", "offline, one setting", "online by gold" }

paper.figure {
  name = "fig08_discrimination", arguments = arg,
  question = "What does each method do to the golden pairs?",
  found = "Offline's accuracy rises, online's stays near 0.5; log pi(chosen) falls, most for offline.",
  variants = function(make)
    return { make.online(), make.replay "all", make.offline_one "online", make.online_gold "online" }
  end,
  after = accuracy.after(labels, 256), section = accuracy.section(labels),
  claims = discrimination.claims,
}
