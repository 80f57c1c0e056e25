--- A counter-based generator in plain Lua: the k-th draw of stream (seed, index, branch) is a pure function.
--
--   key   = mix(mix(mix(seed) + index) + branch)
--   draw_k = mix(key + k γ),    γ = 0x9E3779B97F4A7C15
--
-- `mix` is the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
-- generators", 2014), a bijection of 64 bits. No global state, so story 7 is the same story whether or not
-- stories 1 to 6 were ever made. For text and shuffles in Lua; tensors take theirs from the native core.
--
--   > a, b = counter.random(1, 7), counter.random(1, 7)
--   > a(1000) == b(1000)
--   true
local counter = {}

local gamma <const> = 0x9E3779B97F4A7C15

--- Scrambles 64 bits, one to one.
function counter.mix(z)
  z = (z ~ (z >> 30)) * 0xBF58476D1CE4E5B9
  z = (z ~ (z >> 27)) * 0x94D049BB133111EB
  return z ~ (z >> 31)
end

local mix = counter.mix

--- A function `random` for one stream: `random(n)` is whole, from 1 to n; `random()` is in [0, 1).
--
-- `random(n)` multiplies the top 32 bits by n, so its bias is below n / 2^32.
function counter.random(seed, index, branch)
  local state = mix(mix(mix(seed + gamma) + (index or 0)) + (branch or 0))
  return function(n)
    state = state + gamma
    local bits = mix(state)
    if n then return ((bits >> 32) * n >> 32) + 1 end
    return (bits >> 11) * 0x1p-53
  end
end

--- A 32-bit hash of a string (FNV-1a, then mixed): the same on every machine and for every seed.
function counter.hash(text)
  local h = 0xCBF29CE484222325
  for i = 1, #text do h = (h ~ text:byte(i)) * 0x100000001B3 end
  return mix(h) >> 32
end

return counter
