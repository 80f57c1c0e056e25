-- `T{1, 2}` calls `T.tensor{1, 2}`; T.profile returns an object with a plot.
local Profile = {}
Profile.__index = Profile

function Profile:__tostring()
  return ("[Profile %.3f ms: plot() draws it, save 'name.svg' keeps it]"):format(self.ms)
end

-- A bar for each of the `count` slowest operations.
function Profile:plot(count)
  count = count or 16
  if math.type(count) ~= "integer" or count < 1 then
    error(("profile:plot: expected a whole number from 1, got %s"):format(tostring(count)), 2)
  end
  local labels, values, rest = {}, {}, 0
  for i, row in ipairs(self) do
    if i <= count then labels[i], values[i] = row.name, row.ms else rest = rest + row.ms end
  end
  if rest > 0 then labels[#labels + 1], values[#values + 1] = "(the rest)", rest end
  local title = ("Where %.4g ms went"):format(self.ms)
  local figure = require "perilune.native.plot".figure { title = title, ylabel = "ms" }
  return figure:bars { labels = labels, values = values }
end

function Profile:save(path)
  self:plot():save(path)
  return self
end

local open = package.preload["perilune.native.tensor"]
package.preload["perilune.native.tensor"] = function(...)
  local module = open(...)
  local tensor, profile = module.tensor, module.profile
  function module.profile(...)
    local rows, ms = profile(...)
    rows.ms = ms
    return setmetatable(rows, Profile)
  end
  getmetatable(module).__call = function(_, ...) return tensor(...) end
  return module
end
