--- Exact tests of a difference, for the few seeds that a comparison of runs has.
--
-- A test is exact: its p is right for any number of seeds and any distribution of their noise. With n pairs
-- the smallest p is 2 / 2^n, so fewer than 6 pairs of seeds cannot reach 0.05. Fisher 1935, The Design of
-- Experiments, sec. 21.
local options = require "perilune.options"
local stats = require "perilune.align.evaluate.stats"
local system = require "perilune.system"

local exact = {}

-- Arrangements that are counted one by one; more are sampled.
local most <const> = 1 << 17

--- The numbers divided by the largest magnitude, of which p does not depend: their sum cannot overflow.
local function scaled(values)
  local largest, list = 0.0, {}
  for _, x in ipairs(values) do largest = math.max(largest, math.abs(x)) end
  for i, x in ipairs(values) do list[i] = largest > 0 and x / largest or 0.0 end
  return list
end

--- How far a sum may lie below the observed one and count as equal: rounding of another order of addition.
local function slack(values)
  local size = 0.0
  for _, x in ipairs(values) do size = size + math.abs(x) end
  return 1e-12 * size
end

--- The two-sided p of the mean of paired differences under the sign-flip test: the share of all 2^n choices
-- of signs whose sum is at least as far from 0. From n = 18 on it is the share among 2^17 random choices.
-- Errors: the list is empty, or an element is no finite number.
--
--   > local exact = require "perilune.align.evaluate.exact"
--   > exact.sign_flip { 0.1, 0.2, 0.3 }
--   0.25
--   > exact.sign_flip { 1, math.huge }
--   exact.sign_flip: element 2 of 2 is inf, expected a finite number
function exact.sign_flip(differences)
  stats.check(differences, "exact.sign_flip")
  differences = scaled(differences)
  local n, observed, tolerance = #differences, 0.0, slack(differences)
  for _, x in ipairs(differences) do observed = observed + x end
  local total, extreme = n <= 17 and 1 << n or most, 0
  for choice = 0, total - 1 do
    local sum = 0.0
    for i, x in ipairs(differences) do
      local is_flipped
      if n <= 17 then
        is_flipped = choice >> (i - 1) & 1 == 1
      else
        is_flipped = system.uniform(0, "exact/signs", choice << 20 | i) < 0.5
      end
      sum = sum + (is_flipped and -x or x)
    end
    if math.abs(sum) >= math.abs(observed) - tolerance then extreme = extreme + 1 end
  end
  if n > 17 then return (extreme + 1) / (total + 1) end
  return extreme / total
end

--- Calls visit(sum) with the sum of every choice of `count` of the values.
local function choices(values, count, visit)
  local function go(from, left, sum)
    if left == 0 then return visit(sum) end
    for i = from, #values - left + 1 do go(i + 1, left - 1, sum + values[i]) end
  end
  go(1, count, 0.0)
end

--- The two-sided p of the difference of means of two independent lists: the share of all ways to divide the
-- numbers that differ at least as much. Errors: more than 131,072 ways; a list is empty, or an element is no
-- finite number.
--
--   > exact.permutation({ 1, 2, 3 }, { 4, 5, 6 })
--   0.1
function exact.permutation(first, second)
  stats.check(first, "exact.permutation")
  stats.check(second, "exact.permutation")
  local all = scaled(table.move(second, 1, #second, #first + 1, table.move(first, 1, #first, 1, {})))
  local ways, sum, own = 1.0, 0.0, 0.0
  for i = 1, #first do ways = ways * (#second + i) / i end
  if ways > most then
    error(("exact.permutation: %.0f ways to divide %d and %d numbers, at most %d are counted"):format(
      ways, #first, #second, most), 2)
  end
  for _, x in ipairs(all) do sum = sum + x end
  for i = 1, #first do own = own + all[i] end
  local function difference(part) return part / #first - (sum - part) / #second end
  local observed, extreme, total = math.abs(difference(own)), 0, 0
  local tolerance = slack(all)
  choices(all, #first, function(part)
    total = total + 1
    if math.abs(difference(part)) >= observed - tolerance then extreme = extreme + 1 end
  end)
  return extreme / total
end

return options.strict("align.evaluate.exact", exact)
