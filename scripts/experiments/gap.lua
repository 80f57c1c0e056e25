--- Does online preference optimisation beat offline at equal divergence from the start?
--
-- The first figure of Tang et al. 2024 (arXiv:2405.08448): the same loss from the same start, online on fresh
-- responses labelled by the proxy, and offline on the golden pairs. A point is a checkpoint: its win rate
-- against the golden policy, judged by gold, and its KL from the start. Each side pools its runs over
-- learning rates and betas.
--
-- The default is small: one repetition, short runs, no instruments (`--instruments default` has them), and a
-- reward model as proxy, which learns in a third of the steps of a preference model. Its intervals are over
-- prompts alone; `--outer-seeds 5` has repetitions of the whole pipeline. `scripts/paper/fig01_tradeoff.lua`
-- is the paper's figure with the task's own settings, a sweep and verdicts.
--
--   perilune scripts/experiments/gap.lua
--   perilune scripts/experiments/gap.lua --outer-seeds 5 --lr 3e-4,6e-4 --beta 0.02,0.05,0.1
--   perilune scripts/experiments/gap.lua --loss dpo --loss.beta 0.2                any loss of align.loss
--   perilune scripts/experiments/gap.lua --task stories --data stories260K.bin     tok512.bin is beside it
--   perilune scripts/experiments/gap.lua --task harmless --data test.jsonl.gz      human preferences
local experiment = require("perilune").align.experiment
local limits = require "perilune.options.limits"
local settings = require "perilune.align.experiment.settings"

--- An option of every experiment with the default of a small one. A pretrained model has its task's own.
local function small(name, default, pretrained)
  local known = experiment.options.by_name[name]
  return { name, default, known.meaning, least = known.least, most = known.most, choices = known.choices,
    smoke = known.smoke, pretrained = pretrained or known.pretrained }
end

local o = experiment.parse(arg, "gap.lua: win rate against KL, online and offline", {
  { "lr", "6e-4", "learning rates, separated by commas; a side pools them all; '' for those of the task",
    pretrained = "" },
  { "beta", "", "strengths of the regularisation, separated by commas; unless given the loss's own, and 0.05 "
    .. "for ipo" },
  { "steps", 160, "optimiser steps of each run; 0 for the task's",
    least = 0, most = limits.steps, smoke = 6, pretrained = 0 },
  small("proxy", "reward", ""), small("pairs", 4096), small("prompts", 128),
  small("start_steps", 300, 0), small("judge_steps", 160, 0), small("golden_steps", 100, 0),
  small("outer_seeds", 1), small("instruments", "none"),
  { "out", "out/gap", "folder of the report", folder = true, smoke = "out/gap_smoke" },
})
if o.beta == "" and o.loss == "ipo" and o["loss.beta"] == nil and o.model == "" then o.beta = "0.05" end
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
