--- A data set of a world: pairs of answers of mu, the reference on the answers that `support` covers.
local batches = require "perilune.align.batch"
local options = require "perilune.options"
local ordered = require "perilune.align.ordered"
local system = require "perilune.system"

local spec = options.spec("worlds.data", {
  { "count", 512, "pairs", least = 1 },
  { "labels", "drawn", "the likelier order, or one drawn with the probability of it",
    choices = { "decided", "drawn" } },
  { "seed", 0, "seed of answers and labels" },
})

--- The place that `uniform` selects among masses that sum to 1.
local function place(masses, uniform)
  local last
  for i, mass in ipairs(masses) do
    if mass > 0 then
      last, uniform = i, uniform - mass
      if uniform < 0 then break end
    end
  end
  return last
end

--- `count` pairs to the prompts in turn, a batch of pairs for sources.offline. Errors: an option is unknown
-- or out of range.
--
--   > local world = require "perilune.worlds".bandit { answers = 8, support = 0.25 }
--   > local seen = {}
--   > for _, pair in ipairs(world:pairs { count = 64 }:list()) do seen[pair.chosen[1]] = true end
--   > local kinds = 0
--   > for _ in pairs(seen) do kinds = kinds + 1 end
--   > kinds
--   2
return function(world, given)
  local o = spec:fill(given)
  local masses, rows = world:data():exp():totable(), world:rows()
  local first, second, count = {}, {}, #world.answers
  for i = 1, o.count do
    local x = (i - 1) % #world.prompts + 1
    first[i] = (x - 1) * count + place(masses[x], system.uniform(o.seed, "worlds/first", i))
    second[i] = (x - 1) * count + place(masses[x], system.uniform(o.seed, "worlds/second", i))
  end
  local judge = world:judge { labels = o.labels, seed = o.seed }
  local function coin(i) return system.uniform(o.seed, "worlds/ties", i) end
  return batches.of_pairs(ordered.pairs(judge, rows:select(first), rows:select(second), coin, {}))
end
