--- The costs of an error of text in an option: numbers separated by commas.
--
--   > local costs_of = require "perilune.tasks.costs_of"
--   > table.concat(costs_of("0, 0.15", "--costs"), " ")
--   0.0 0.15
--   > costs_of("0,much", "--costs")
--   --costs takes numbers from 0 to 1000000, separated by commas, not '0,much'
local limits = require "perilune.options.limits"
local separated = require "perilune.options.separated"

--- The numbers of a text, in its order.
--
-- Errors, in the name of `where` and pointing at the caller of the function `level` (1) calls above: an item
-- is no number, is below 0 or above the limit of weights.
return function(text, where, level)
  local list = {}
  for item in separated(text) do
    local cost = tonumber(item)
    if not (cost and cost >= 0 and cost <= limits.weight) then
      local expected <const> = "%s takes numbers from 0 to %d, separated by commas, not '%s'"
      error(expected:format(where, limits.weight, text), (level or 1) + 1)
    end
    list[#list + 1] = cost + 0.0
  end
  return list
end
