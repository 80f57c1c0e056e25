--- Data that are renewed every s steps: the variants of `oq3_refresh` and `lit2_drift`.
local options = require "perilune.options"
local separated = require "perilune.options.separated"
local settings = require "perilune.paper.settings"

local refresh = {}

--- The numbers of steps of `o.every` in order, "never" last. Errors: one is no whole number from 1 and not
-- "never", or is there twice; none is a number, from which the others are told apart.
--
--   > local refresh = require "perilune.paper.refresh"
--   > table.concat(refresh.every { every = "never,16,1" }, " ")
--   1 16 never
--   > refresh.every { every = "0" }
--   every takes whole numbers from 1 and "never", separated by commas, not '0'
--   > refresh.every { every = "never" }
--   every takes at least one number of steps beside "never", not 'never'
function refresh.every(o)
  local list, seen = {}, {}
  for text in separated(o.every) do
    local every = text == "never" and text or math.tointeger(tonumber(text))
    if not every or every ~= "never" and every < 1 then
      local expected <const> = "every takes whole numbers from 1 and \"never\", separated by commas, not '%s'"
      error(expected:format(o.every), 0)
    end
    if seen[every] then error(("every has %s twice: '%s'"):format(text, o.every), 0) end
    seen[every], list[#list + 1] = true, every
  end
  table.sort(list, function(a, b)
    if a == "never" or b == "never" then return b == "never" and a ~= "never" end
    return a < b
  end)
  if list[1] == "never" then
    error(("every takes at least one number of steps beside \"never\", not '%s'"):format(o.every), 0)
  end
  return list
end

--- A variant of `make`, that of `paper.variants`, for each number of steps of `o.every`, in order. Errors:
-- as `refresh.every`.
--
--   > local make = { refreshed = function(every) return every end }
--   > table.concat(refresh.variants(make, { every = "never,16,1" }), " ")
--   1 16 never
function refresh.variants(make, o)
  local list = {}
  for i, every in ipairs(refresh.every(o)) do list[i] = make.refreshed(every) end
  return list
end

--- The number of steps between renewals of one of `refresh.every`: those of the run for "never".
--
--   > local o = { task = "sentiment", data = "", cost = -1, loss = "ipo", lr = "", beta = "", steps = 0 }
--   > refresh.steps(o, 16), refresh.steps(o, "never")
--   16	720
function refresh.steps(o, every) return every == "never" and settings.one(o)[1].steps or every end

--- The share of the learning rate of the slow runs of `lit2_drift`.
refresh.slow = 1 / 3

--- A variant for each number of steps of `o.every` at the task's learning rate and at a third of it.
--
--   > local both = { refreshed = function(every, share) return { every, share } end }
--   > local list = refresh.at_two_rates(both, { every = "1,16" })
--   > #list, list[2][1], list[2].panel, list[3].panel
--   4	16	the rate of the task	a third of the rate
function refresh.at_two_rates(make, o)
  local list = {}
  for _, share in ipairs { false, refresh.slow } do
    for _, every in ipairs(refresh.every(o)) do
      local variant = make.refreshed(every, share or nil)
      variant.panel = share and "a third of the rate" or "the rate of the task"
      list[#list + 1] = variant
    end
  end
  return list
end

return options.strict("paper.refresh", refresh)
