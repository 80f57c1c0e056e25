--- The random numbers of the stories: SplitMix64 as a counter.
--
-- Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
--
-- Philox, the generator of the tensors, would serve as well. SplitMix64 stays because story i of a seed is
-- part of every published figure of this task, and another generator would write other stories.
--
--   key    = mix(mix(mix(seed + γ) + index) + branch)
--   draw_k = mix(key + k γ),    γ = 0x9E3779B97F4A7C15
--
--   > a, b = random(1, 7), random(1, 7)
--   > a(1000) == b(1000)
--   true
local gamma <const> = 0x9E3779B97F4A7C15

local function mix(z)
  z = (z ~ (z >> 30)) * 0xBF58476D1CE4E5B9
  z = (z ~ (z >> 27)) * 0x94D049BB133111EB
  return z ~ (z >> 31)
end

--- A function `draw` of the stream (seed, index, branch): `draw(n)` is a whole number from 1 to n, with a
-- bias below n / 2^32; `draw()` is in [0, 1).
return function(seed, index, branch)
  local state = mix(mix(mix(seed + gamma) + (index or 0)) + (branch or 0))
  return function(n)
    state = state + gamma
    local bits = mix(state)
    if n then return ((bits >> 32) * n >> 32) + 1 end
    return (bits >> 11) * 0x1p-53
  end
end
