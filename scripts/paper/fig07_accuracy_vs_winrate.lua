--- Does a policy that classifies better write better?
--
-- Tang et al. 2024, arXiv:2405.08448, fig. 7, hypothesis 3.
--
-- Win rate against the accuracy on 256 golden pairs of the policy read as a classifier, one run a side with
-- the default setting, at the five checkpoints of which the policy is kept. Claims are on the paper's three
-- sides; online labelled by gold is a fourth one in the figure.
--
--   perilune scripts/paper/fig07_accuracy_vs_winrate.lua [--task summary] [--quick]
--
-- Cost: 4 runs a repetition on `sentiment`, none after fig04_coverage; 7 s of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): offline's accuracy on the
-- golden pairs is higher by 0.22 [0.15, 0.29]; whether its peak is lower is not resolved, 0.18 [-0.10, 0.43].
-- Within the offline run the two correlate by 0.29 [-0.02, 0.61].
local paper = require "perilune.paper"
local accuracy = require "perilune.paper.reading.accuracy"
local golden_pairs = require "perilune.paper.reading.golden_pairs"

local offline <const> = "offline, one setting"
local labels <const> = { "online", "shuffled", offline }
local all <const> = { "online", "shuffled", offline, "online by gold" }

paper.figure {
  name = "fig07_accuracy_vs_winrate", arguments = arg,
  question = "Does a policy that classifies the golden pairs better write better responses?",
  found = "No: offline classifies better and wins less; within offline there is little correlation.",
  variants = function(make)
    return { make.online(), make.replay "all", make.offline_one "online", make.online_gold "online" }
  end,
  after = accuracy.after(all, 256, true), section = accuracy.scatter(all),
  claims = function(claims)
    return {
      golden_pairs.less(claims, "accuracy on the golden pairs of offline less that of online at the end",
        { offline, "accuracy" }, { "online", "accuracy" },
        { paper = "Offline classifies the golden pairs better." }),
      claims.peak("online", offline, { paper = "Online writes better with one setting a side." }),
      claims.value("correlation of accuracy and win rate over offline's checkpoints",
        function(list) return accuracy.correlation(list, { offline }) end,
        { expect = "equal", margin = 0.3, paper = "Within offline there is little correlation." }),
      claims.value("the same over all checkpoints of the paper's three sides",
        function(list) return accuracy.correlation(list, labels) end,
        { expect = "below", paper = "Pooled over the methods the correlation looks negative." }),
    }
  end,
}
