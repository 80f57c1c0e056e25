--- Does online preference optimisation beat offline at equal divergence from the start?
--
-- The first figure of Tang et al. 2024 (arXiv:2405.08448): the same loss from the same start, online on fresh
-- responses labelled by the proxy, and offline on the golden pairs. A point is a checkpoint: its win rate
-- against the golden policy, judged by gold, and its KL from the start. Each side pools its runs over
-- learning rates and betas, those of the task's sweep unless given.
--
--   perilune scripts/experiments/gap.lua
--   perilune scripts/experiments/gap.lua --loss dpo --loss.beta 0.2                any loss of align.loss
--   perilune scripts/experiments/gap.lua --task stories --data stories260K.bin     tok512.bin is beside it
--   perilune scripts/experiments/gap.lua --task harmless --data test.jsonl.gz      human preferences
local experiment = require("perilune").align.experiment
local settings = require "perilune.align.experiment.settings"

local o = experiment.parse(arg, "gap.lua: win rate against KL, online and offline", {
  { "lr", "", "learning rates, separated by commas; the task's unless given; a side pools them all" },
  { "beta", "", "strengths of the regularisation, separated by commas; unless given the loss's own, "
    .. "and the task's for ipo" },
  { "steps", 0, "optimiser steps of each run; 0 for the task's", least = 0, smoke = 6 },
  { "out", "out/gap", "folder of the report", folder = true, smoke = "out/gap_smoke" },
})
require("perilune.paper.settings").fill(o)

-- A loss without an offline form is compared with the one that stands for it.
local counterpart = settings.offline(settings.list(o)[1].loss).name

experiment.compare {
  title = ("%s on %s: online against offline"):format(o.loss:upper(), o.task),
  options = o,
  variants = {
    { label = "online", source = function(stage, run) return stage:online(run) end },
    {
      label = counterpart == o.loss and "offline" or "offline " .. counterpart,
      source = function(stage, run) return stage:offline(run) end,
      loss = function(setting) return setting.offline end,
    },
  },
}
