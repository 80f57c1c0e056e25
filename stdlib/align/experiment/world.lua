--- A world as the stage of an experiment: the same runs as in a task, measured without error.
--
-- The start is the world's reference, proxy and golden judge are the world's own, and all offline data, pairs
-- and groups, are of the answers that data covers. The golden policy, a teacher for losses that have one, is
-- trained by online IPO. Win rates are against the start; they and the KLs are sums over all answers, so that
-- intervals are over seeds alone.
local exact = require "perilune.worlds.exact"
local losses = require "perilune.align.loss"
local limits = require "perilune.options.limits"
local options = require "perilune.options"
local sources = require "perilune.align.sources"
local stages = require "perilune.align.experiment.stage"
local tensor = require "perilune.tensor"
local train = require "perilune.align.train"

local of_world = {}

local spec = options.spec("experiment.world", {
  { "pairs", 2048, "golden pairs", least = 1, most = limits.rows },
  { "batch", 32, "pairs of a step; 64 prompts of losses with one response", least = 1, most = limits.rows },
  { "seed", 1, "seed of the golden pairs", least = 1 },
})

-- Strengths of the tilt whose policies are the best frontier: a factor of 1.25 apart.
local tilts = {}
for i = 0, 50 do tilts[i + 1] = 0.005 * 1.25 ^ i end

--- The highest win rate against the reference at each KL from it: points { kl, win } of the policies
-- pi_ref(y) exp(p(y > pi_ref) / beta) / Z, in the order of KL.
--
--   > local world = require "perilune.worlds".bandit { answers = 4 }
--   > local frontier = require "perilune.align.experiment.world".frontier(world)
--   > frontier[1].kl < 0.01, frontier[#frontier].win > 0.6
--   true	true
function of_world.frontier(world)
  local points, start, score = {}, world:logps(world.reference), world:against(world.reference)
  for i = #tilts, 1, -1 do
    local best = exact.tilted(start, score, tilts[i])
    points[#points + 1] = { kl = world:kl(best, start), win = world:win_rate(best, start) }
  end
  return points
end

--- The win rate of a frontier at a KL, linear between its points; nil beyond them.
function of_world.at(points, kl)
  for i = 2, #points do
    local a, b = points[i - 1], points[i]
    if a.kl <= kl and kl <= b.kl then
      return b.kl == a.kl and b.win or a.win + (b.win - a.win) * (kl - a.kl) / (b.kl - a.kl)
    end
  end
end

--- Win rate, KL and distance below the best win rate at that KL (`regret`), exact.
local function measure_of(world, best)
  return function(policy, step)
    return tensor.no_grad(function()
      local logps = world:logps(policy)
      local kl, win = world:kl(logps, world.reference), world:win_rate(logps, world.reference)
      local most = of_world.at(best, kl)
      return { step = step, kl = kl, win = win, wins = { win, win }, regret = most and most - win }
    end)
  end
end

-- Draws among which covered answers are looked for: of half the answers, 1 in 65,536 prompts has none.
local tries <const> = 16

--- Who writes offline data: the start, of whose answers those are kept that data covers.
local function writer_of(world)
  local covered = world.covered:totable()
  return { name = "data", sample = function(_, _, prompts, how)
    local wide, count, places = {}, how.count or 1, {}
    for name, value in pairs(how) do wide[name] = value end
    wide.count = count * tries
    local rows = world.reference:sample(prompts, wide)
    local responses = rows:responses()
    for i, prompt in ipairs(prompts) do
      local kept, first = 0, (i - 1) * wide.count
      for place = first + 1, first + wide.count do
        local x, y = world:place(prompt, responses[place])
        local left = first + wide.count - place
        if kept < count and (covered[x][y] == 1 or left < count - kept) then
          kept, places[#places + 1] = kept + 1, place
        end
      end
    end
    return rows:select(places)
  end }
end

--- The stage of a world, for `experiment.compare`: what `experiment.stage` gives. Errors: an option is
-- unknown or out of range.
--
--   experiment.compare { ..., stage = function(o, outer) return world.stage(worlds.strings {}, {}) end }
function of_world.stage(world, given)
  local o = spec:fill(given)
  local best, prompts = of_world.frontier(world), {}
  for i = 1, math.max(o.pairs, 2 * o.batch) do prompts[i] = world.prompts[(i - 1) % #world.prompts + 1] end
  local judge = world:judge {}
  local self = stages.with {
    options = o, notes = {}, prompts = prompts, start = world.reference, proxy = judge, gold = judge,
    task = { name = world.name, max_response = world.max_response, stop = world.stop },
    writer = writer_of(world),
    golden_pairs = world:pairs { count = o.pairs, labels = "decided", seed = o.seed },
    measure = measure_of(world, best),
  }
  --- The exact KL, in place of an estimate.
  function self.kl(_, policy) return self.measure(policy, 0).kl end
  self.golden = train {
    policy = world:policy(), reference = world.reference, steps = 200, lr = 0.05, quiet = true,
    loss = losses.ipo { beta = 0.2 }, instruments = false,
    source = sources.online { task = self.task, judge = judge, prompts = prompts, seed = o.seed },
  }.policy
  for _, kl in ipairs { 0.25, 0.5, 1, 2, 3 } do
    local win = of_world.at(best, kl)
    if win then
      self.notes[#self.notes + 1] = ("the best win rate at %g nats is %.3f."):format(kl, win)
    end
  end
  return self
end

return options.strict("align.experiment.world", of_world)
