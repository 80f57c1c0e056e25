--- Both sides on the same labels, of several kinds: the variants of `nc1_rewards`.
local judges = require "perilune.align.judge"
local objectives = require "perilune.paper.objectives"
local options = require "perilune.options"
local stages = require "perilune.paper.stages"

local rewards = {}

-- The kinds of labels, each with the judge of a stage that gives them.
local kinds <const> = {
  { "exact", function(stage) return stage.gold end },
  { "noisy", function(stage)
    return judges.flawed(stage.gold, { flip_rate = 0.2, seed = stage.options.seed })
  end },
  { "two objectives", objectives.weighted },
  { "text first", objectives.ordered },
  { "circular", function(stage) return stages.circular(stage.gold, 0.33) end },
}

--- The names of the kinds of labels, in order.
--
--   > local rewards = require "perilune.paper.rewards"
--   > table.concat(rewards.names(), "; ")
--   exact; noisy; two objectives; text first; circular
function rewards.names()
  local names = {}
  for i, kind in ipairs(kinds) do names[i] = kind[1] end
  return names
end

--- Online and offline for each kind of labels. `make` is that of `paper.variants`.
--
--   > local make = { online = function() return {} end, offline_one = function() return {} end }
--   > local list = rewards.variants(make)
--   > #list, list[1].label, list[4].label
--   10	online, exact	offline, noisy
function rewards.variants(make)
  local list = {}
  for _, kind in ipairs(kinds) do
    local stage = stages.labelled(kind[2])
    for i, variant in ipairs { make.online(), make.offline_one() } do
      variant.label, variant.stage = ("%s, %s"):format(i == 1 and "online" or "offline", kind[1]), stage
      variant.run, variant.shared, variant.panel = variant.label, true, kind[1]
      list[#list + 1] = variant
    end
  end
  return list
end

return options.strict("paper.rewards", rewards)
