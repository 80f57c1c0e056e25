--- Does the gap depend on what the labels are?
--
-- Tang et al. 2024, arXiv:2405.08448, a check the conclusion asks for.
--
-- Both sides learn from the same labels: gold's, a fifth of them turned, two objectives (content and text,
-- elsewhere gold and brevity) as a sum with equal weights or one before the other, and a third of the pairs
-- ordered in a circle. Win rates are gold's.
--
--   perilune scripts/paper/nc1_rewards.lua [--task arena] [--quick]
--
-- Cost: 10 runs a repetition on `sentiment`; 13 s of processor time at --smoke.
-- Measured: at --smoke, one repetition, which resolves nothing; no larger size was run.
local paper = require "perilune.paper"
local judges = require "perilune.align.judge"
local objectives = require "perilune.paper.objectives"
local stages = require "perilune.paper.stages"

local rewards <const> = {
  { "exact", function(stage) return stage.gold end },
  { "noisy", function(stage)
    return judges.flawed(stage.gold, { flip_rate = 0.2, seed = stage.options.seed })
  end },
  { "two objectives", objectives.weighted },
  { "text first", objectives.ordered },
  { "circular", function(stage) return stages.circular(stage.gold, 0.33) end },
}

paper.figure {
  name = "nc1_rewards", arguments = arg,
  question = "Does the gap depend on what the labels are?",
  found = "Not run in the paper.",
  notes = { "The proxy's win rate and accuracy are of the task's own proxy, which labels nothing here." },
  variants = function(make)
    local list = {}
    for _, reward in ipairs(rewards) do
      local stage = stages.labelled(reward[2])
      for _, variant in ipairs { make.online(), make.offline_one() } do
        local side = variant.label == "online" and "online" or "offline"
        variant.label, variant.stage = ("%s, %s"):format(side, reward[1]), stage
        variant.run, variant.shared = variant.label, false
        list[#list + 1] = variant
      end
    end
    return list
  end,
  claims = function(claims)
    local list = {}
    for _, reward in ipairs(rewards) do
      local online, offline = "online, " .. reward[1], "offline, " .. reward[1]
      list[#list + 1] = claims.peak(online, offline, { name = ("the gap at the peak, %s"):format(reward[1]) })
      list[#list + 1] = claims.on_average(online, offline, { name = ("at equal KL, %s"):format(reward[1]) })
    end
    return list
  end,
}
