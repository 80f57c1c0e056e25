--- The KLs at which reports and comparisons look.
local frontier = require "perilune.align.evaluate.frontier"

local grid = { kls = { 0.25, 0.5, 1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 32 } }

--- The KLs of the grid, in nats, that at least two sides reach between checkpoints, each in some seed; of one
-- side alone, those that it reaches.
--
--   > local grid = require "perilune.align.evaluate.grid"
--   > local function side(from, to)
--   >>   local run = { { step = 1, kl = from, win = 0.4 }, { step = 2, kl = to, win = 0.6 } }
--   >>   return { by_seed = { { run } } }
--   >> end
--   > table.concat(grid.shared { side(0.5, 2), side(1, 3) }, " ")
--   1 2
--   > table.concat(grid.shared { side(0.5, 2) }, " ")
--   0.5 1 2
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
