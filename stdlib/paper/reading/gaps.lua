--- The gap on each kind of labels: the claims of `nc1_rewards`.
local options = require "perilune.options"
local rewards = require "perilune.paper.rewards"

local gaps = {}

--- The gap of each kind, at the peak and at equal KL; `make` is align.claims.
--
--   > #require "perilune.paper.reading.gaps".claims(require "perilune.align.claims")
--   10
function gaps.claims(make)
  local list = {}
  for _, kind in ipairs(rewards.names()) do
    local online, offline = "online, " .. kind, "offline, " .. kind
    list[#list + 1] = make.peak(online, offline, { name = ("the gap at the peak, %s"):format(kind) })
    list[#list + 1] = make.on_average(online, offline, { name = ("at equal KL, %s"):format(kind) })
  end
  return list
end

return options.strict("paper.reading.gaps", gaps)
