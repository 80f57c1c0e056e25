--- The KLs at which reports and comparisons look.
local frontier = require "perilune.align.evaluate.frontier"

local grid = { kls = { 0.25, 0.5, 1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 32 } }

--- The KLs of the grid that at least two sides reach between checkpoints, each in some seed.
function grid.shared(sides)
  local kls = {}
  for _, kl in ipairs(grid.kls) do
    local reached = 0
    for _, side in ipairs(sides) do
      for _, runs in ipairs(side.by_seed) do
        if frontier.best_at_kl(runs, kl) then
          reached = reached + 1
          break
        end
      end
    end
    if reached >= math.min(2, #sides) then kls[#kls + 1] = kl end
  end
  return kls
end

return require "perilune.options".strict("align.evaluate.grid", grid)
